//! Everything that follows from packet numbers: which packets arrived, which are lost, how long
//! a round trip is, how much may be in flight and when it may leave.
//!
//! One [`Recovery`] belongs to one session and one direction of sending. It never looks at what a
//! packet carried: the carried value is handed out exactly once, as acknowledged or as lost. It
//! reads no clock, sends nothing and never fails on what the other side says.
//!
//! Map: `sent` remembers the packets, `acknowledge` settles them, `round_trip` and `reordering`
//! say when one is late, `delivery_rate` samples the path, `congestion` turns samples into a
//! window and a rate, `pacer` spreads packets over time, [`path_mtu`] searches for the largest
//! datagram (its packets are [`Kind::Probe`], its state is the caller's).
//!
//! Sources: RFC 9002 (loss, probe timer), RFC 8985 (reordering, tail probes),
//! draft-ietf-ccwg-bbr-06, RFC 9438, RFC 8899.
//!
//! Invariants: a number is never given out twice; bytes in flight are the sum of the packets that
//! may still be acknowledged and were not declared lost; while that sum is not zero there is a
//! [`Recovery::deadline`], whatever the window says.

use core::time::Duration;

use crate::time::Moment;

mod acknowledge;
mod config;
mod congestion;
mod delivery_rate;
mod pacer;
pub mod path_mtu;
mod reordering;
mod round_trip;
mod sent;
mod types;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use congestion::Algorithm;
pub use path_mtu::PathMtu;
pub use types::{Ack, AckResult, Counters, Due, Kind, Outcome, Permit, Settled};

use congestion::{AckSample, Congestion, Start};
use delivery_rate::DeliveryRate;
use pacer::{Pace, Pacer};
use reordering::Reordering;
use round_trip::RoundTrip;
use sent::{Ring, Sent, Taken};

/// Probe waits without any news after which the window begins anew (RFC 9002, section 7.6).
const PERSISTENT_PROBES: u32 = 3;

/// Two datagrams per round trip, and per this at the shortest, are never paced.
const PACING_RTT_MIN_US: u64 = 20_000;

/// Packet numbers, loss, round trips, congestion and pacing of one session.
pub struct Recovery<T> {
    config: Config,
    ring: Ring<T>,
    in_flight: u64,
    rate: DeliveryRate,
    round_trip: RoundTrip,
    reordering: Reordering,
    congestion: Box<dyn Congestion + Send>,
    pacer: Pacer,
    counters: Counters,
    /// Carried values that had to leave the ring for room.
    evicted: Vec<Taken<T>>,
    /// The newest number acknowledged.
    largest_acked: Option<u64>,
    last_eliciting_us: u64,
    probed_at_us: u64,
    probes: u32,
    loss_due_us: Option<u64>,
    /// The round of losses that the reordering limits are judged by.
    recovery_until: Option<u64>,
    reordered_in_recovery: bool,
    marks: u64,
}

impl<T> core::fmt::Debug for Recovery<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Recovery")
            .field("next_number", &self.ring.next_number())
            .field("in_flight", &self.in_flight)
            .field("window", &self.window_bytes())
            .field("rate_bps", &self.rate_bps())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl<T> Recovery<T> {
    /// The recovery of a session that begins `now`; the first packet gets number 0.
    #[must_use]
    pub fn new(config: Config, now: Moment) -> Self {
        let now_us = now.as_micros();
        Self {
            ring: Ring::new(),
            in_flight: 0,
            rate: DeliveryRate::new(now_us),
            round_trip: RoundTrip::new(config.first_rtt_us),
            reordering: Reordering::new(),
            congestion: Self::controller(&config, now_us, config.first_rtt_us),
            pacer: Pacer::new(now_us, config.window_start_bytes()),
            counters: Counters::default(),
            evicted: Vec::new(),
            largest_acked: None,
            last_eliciting_us: now_us,
            probed_at_us: now_us,
            probes: 0,
            loss_due_us: None,
            recovery_until: None,
            reordered_in_recovery: false,
            marks: 0,
            config,
        }
    }

    fn controller(config: &Config, now_us: u64, rtt_us: u64) -> Box<dyn Congestion + Send> {
        config.congestion.start(&Start {
            now_us,
            datagram_bytes: config.datagram_bytes as u64,
            window_bytes: config.window_start_bytes(),
            rtt_us,
            seed: config.seed,
        })
    }

    /// Number of the next packet.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.ring.next_number()
    }

    /// Whether eliciting packets may leave now, and how many bytes of them in one burst. Probes
    /// after [`Due::Probe`] and packets that elicit nothing need no permit.
    pub fn permit(&mut self, now: Moment) -> Permit {
        let datagram = self.config.datagram_bytes as u64;
        let room = self.window_bytes().saturating_sub(self.in_flight);
        if (room < datagram && self.in_flight > 0) || self.ring.len() >= sent::RING_MAX {
            return Permit::Blocked;
        }
        self.pacer.on_lull(self.in_flight, datagram);
        // Whatever the controller believes, the window leaves some day.
        let rtt_us = self.round_trip.smoothed_us().max(PACING_RTT_MIN_US);
        let least = (2 * datagram) as f64 * 1e6 / rtt_us as f64;
        let rate = self.congestion.pacing_bytes_per_s().max(least);
        match self.pacer.permit(now.as_micros(), rate, datagram) {
            Pace::Now(bytes) => Permit::Now {
                bytes: usize::try_from(bytes.min(room).max(datagram)).unwrap_or(usize::MAX),
            },
            Pace::At(at_us) => Permit::At(Moment::from_micros(at_us)),
        }
    }

    /// A packet of `bytes` on the wire left; gives its number. Only packets that elicit an
    /// acknowledgement are in flight; the carried value of a silent one is dropped.
    pub fn on_sent(&mut self, now: Moment, bytes: usize, kind: Kind, carried: T) -> u64 {
        let now_us = now.as_micros();
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.counters.sent += 1;
        self.make_room();
        if kind == Kind::Silent {
            return self.ring.push(Sent::silent(now_us, size));
        }
        let idle = self.in_flight == 0 && self.rate.is_limited();
        self.congestion.on_sent(now_us, idle, self.rate.delivered());
        let snapshot = self.rate.on_sent(now_us, self.in_flight);
        let mut sent = Sent::in_flight(now_us, size, snapshot, carried);
        if let Kind::Probe(probed_bytes) = kind {
            sent.probed_bytes = u32::try_from(probed_bytes).unwrap_or(u32::MAX).max(1);
        }
        self.in_flight += u64::from(size);
        sent.in_flight = u32::try_from(self.in_flight).unwrap_or(u32::MAX);
        self.pacer.on_sent(u64::from(size));
        self.last_eliciting_us = now_us;
        self.ring.push(sent)
    }

    /// The ring is full: its oldest packets leave it and are handed out as lost at the next
    /// opportunity, which is at once.
    fn make_room(&mut self) {
        while self.ring.len() >= sent::RING_MAX {
            if let Some(taken) = self.ring.forget_oldest() {
                self.in_flight -= u64::from(taken.bytes);
                self.evicted.push(taken);
            }
            self.ring.trim(u64::MAX);
        }
    }

    /// An acknowledgement came. What is newly acknowledged is handed to `outcome` in the order of
    /// the numbers, then what is newly lost.
    ///
    /// One that names a number never sent changes nothing: [`AckResult::Stranger`].
    pub fn on_ack(
        &mut self,
        now: Moment,
        ack: &Ack<'_>,
        outcome: &mut impl FnMut(Outcome<T>),
    ) -> AckResult {
        if ack.largest >= self.ring.next_number() {
            self.counters.strangers += 1;
            return AckResult::Stranger;
        }
        let now_us = now.as_micros();
        let window_limited = self.is_window_limited();
        let delivered_before = self.rate.delivered();
        self.hand_evicted(outcome);
        let Some(newest) = self.take_acked(now_us, ack, outcome) else {
            self.note_marks(now_us, ack);
            return AckResult::Old;
        };
        let rtt_us = (newest.number == ack.largest).then(|| self.sample_rtt(now_us, &newest, ack));
        self.largest_acked = self.largest_acked.max(Some(newest.number));
        let was_persistent = self.probes >= PERSISTENT_PROBES;
        self.probes = 0;
        let lost = self.detect_losses(now_us, outcome);
        self.note_marks(now_us, ack);
        let rate = self.rate.sample(
            now_us,
            newest.at_us,
            newest.in_flight,
            &newest.snapshot,
            self.round_trip.least_us(),
        );
        self.congestion.on_ack(&AckSample {
            now_us,
            acked_bytes: self.rate.delivered() - delivered_before,
            in_flight: self.in_flight,
            newest_sent_at_us: newest.at_us,
            rtt_us,
            smoothed_us: self.round_trip.smoothed_us(),
            delivered: self.rate.delivered(),
            lost: self.rate.lost(),
            window_limited,
            rate,
        });
        if was_persistent && lost {
            self.congestion.on_persistent();
        }
        if self.congestion.holds_back() {
            self.rate.limit(self.in_flight);
        }
        self.trim(now_us);
        AckResult::News
    }

    fn is_window_limited(&self) -> bool {
        let spare = 2 * self.config.datagram_bytes as u64;
        self.in_flight + spare >= self.window_bytes()
    }

    /// When [`Recovery::on_deadline`] wants to be called. Some while anything is in flight.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if !self.evicted.is_empty() {
            return Some(Moment::START);
        }
        if self.ring.outstanding() == 0 {
            return None;
        }
        let due_us = self.loss_due_us.unwrap_or_else(|| self.probe_due_us());
        Some(Moment::from_micros(due_us))
    }

    /// The first two probes after one to two round trips, the later ones with back-off: what ends
    /// a message is worth a packet more, and two lost in a row are no sign of congestion yet.
    fn probe_due_us(&self) -> u64 {
        let wait_us = match self.probes {
            0 | 1 => self.round_trip.tail_wait_us(),
            more => self.round_trip.probe_wait_us() << (more - 1).min(16),
        };
        let wait_us = wait_us + self.config.max_ack_delay_us;
        let since_us = self.last_eliciting_us.max(self.probed_at_us);
        since_us + wait_us.min(self.config.probe_wait_max_us)
    }

    /// The deadline may have come. After [`Due::Probe`] one or two eliciting packets should leave
    /// at once, whatever [`Recovery::permit`] says.
    pub fn on_deadline(&mut self, now: Moment, outcome: &mut impl FnMut(Outcome<T>)) -> Due {
        let now_us = now.as_micros();
        if !self.evicted.is_empty() {
            self.hand_evicted(outcome);
            return Due::Losses;
        }
        if self.ring.outstanding() == 0 {
            return Due::Nothing;
        }
        if let Some(due_us) = self.loss_due_us {
            if due_us > now_us {
                return Due::Nothing;
            }
            let any = self.detect_losses(now_us, outcome);
            self.trim(now_us);
            return if any { Due::Losses } else { Due::Nothing };
        }
        if self.probe_due_us() > now_us {
            return Due::Nothing;
        }
        self.probes += 1;
        self.probed_at_us = now_us;
        self.counters.probes += 1;
        Due::Probe
    }

    /// There is nothing more to send although it was permitted: samples of now tell of the
    /// sender, not of the path.
    pub fn app_limited(&mut self, _now: Moment) {
        if self.in_flight < self.window_bytes() {
            self.rate.limit(self.in_flight);
        }
    }

    /// A better guess of the round trip than the configured one: what the handshake took, or what
    /// an earlier session measured. Without effect once one was measured.
    pub fn assume_rtt(&mut self, now: Moment, rtt: Duration) {
        if self.round_trip.is_measured() {
            return;
        }
        let rtt_us = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        let rtt_us = rtt_us.clamp(1, self.config.probe_wait_max_us);
        self.round_trip = RoundTrip::new(rtt_us);
        if self.in_flight == 0 && self.rate.delivered() == 0 {
            self.congestion = Self::controller(&self.config, now.as_micros(), rtt_us);
        }
    }

    /// The largest number that was acknowledged.
    #[must_use]
    pub const fn largest_acked(&self) -> Option<u64> {
        self.largest_acked
    }

    /// Bytes that left and are neither acknowledged nor lost.
    #[must_use]
    pub const fn in_flight_bytes(&self) -> u64 {
        self.in_flight
    }

    /// The smoothed round-trip time; the configured guess before any measurement.
    #[must_use]
    pub const fn smoothed_rtt(&self) -> Duration {
        Duration::from_micros(self.round_trip.smoothed_us())
    }

    /// The least round-trip time of the last 10 to 20 seconds.
    #[must_use]
    pub fn min_rtt(&self) -> Duration {
        Duration::from_micros(self.round_trip.least_us())
    }

    /// When the oldest packet left that is neither acknowledged nor lost.
    pub fn oldest_sent_at(&mut self) -> Option<Moment> {
        let (_, at_us) = self.ring.oldest()?;
        Some(Moment::from_micros(at_us))
    }

    /// Whether a round trip was measured.
    #[must_use]
    pub const fn has_rtt(&self) -> bool {
        self.round_trip.is_measured()
    }

    /// Probe waits in a row without news.
    #[must_use]
    pub const fn pto_count(&self) -> u32 {
        self.probes
    }

    /// The estimated rate of the path in bits per second; zero before any measurement.
    #[must_use]
    pub fn rate_bps(&self) -> u64 {
        (self.congestion.bandwidth_bytes_per_s() * 8.0) as u64
    }

    /// How much may be in flight: the controller's window, at most the flow window.
    #[must_use]
    pub fn window_bytes(&self) -> u64 {
        self.congestion
            .window_bytes()
            .min(self.config.flow_max_bytes)
            .max(2 * self.config.datagram_bytes as u64)
    }

    /// What was counted since the session began.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Forgets everything in flight without counting it as congestion (the session is replaced):
    /// every carried value is handed out as lost.
    pub fn abandon(&mut self, outcome: &mut impl FnMut(Outcome<T>)) {
        self.hand_evicted(outcome);
        while let Some(taken) = self.ring.forget_oldest() {
            self.in_flight -= u64::from(taken.bytes);
            self.counters.lost += 1;
            outcome(Outcome::Lost(taken.settled()));
        }
        self.loss_due_us = None;
        self.recovery_until = None;
        self.probes = 0;
        self.ring.trim(u64::MAX);
    }

    /// The path is another one: as [`Recovery::abandon`], and everything measured is forgotten.
    /// The numbers go on.
    pub fn path_changed(&mut self, now: Moment, outcome: &mut impl FnMut(Outcome<T>)) {
        self.abandon(outcome);
        let now_us = now.as_micros();
        self.rate = DeliveryRate::new(now_us);
        self.round_trip = RoundTrip::new(self.config.first_rtt_us);
        self.reordering = Reordering::new();
        self.congestion = Self::controller(&self.config, now_us, self.config.first_rtt_us);
        self.pacer = Pacer::new(now_us, self.config.window_start_bytes());
    }

    /// The size of a full datagram changed.
    pub fn set_datagram_bytes(&mut self, bytes: usize) {
        self.config.datagram_bytes = bytes.max(1);
        self.congestion
            .set_datagram_bytes(self.config.datagram_bytes as u64);
    }
}
