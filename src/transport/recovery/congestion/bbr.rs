//! BBRv3, after draft-ietf-ccwg-bbr-06; section names are the draft's.
//!
//! A model of the path (its rate, its least round trip, what may be in flight without loss)
//! decides the pacing rate and the window; `cycle` walks through the states that keep the model
//! fresh. Volumes are in bytes, rates in bytes per second, times in microseconds.
//!
//! Our deviations, and why:
//! 1. Loss counts as congestion only with evidence of a queue (the least round trip of a round is
//!    an eighth above the least of all), or when far more is lost than ever was with an empty
//!    queue. The draft's 2 % per round takes a link with 5 % of random loss for a full one and
//!    falls to a fraction of it.
//! 2. The share lost without a queue ([`path::LossFloor`]) is measured while we send slowly, and
//!    the pacing rate is raised by it, so that the rate *delivered* is the estimated one.
//! 3. The window is enlarged by what the rate brings in 1 ms: at round trips of 20 us two
//!    products of rate and delay are shorter than a thread's time slice.
//! 4. ProbeRTT lasts 200 ms or ten round trips, the shorter: at 50 us the draft's 200 ms would be
//!    4 % of all time.
//! 5. Start-up ends with the first datagrams lost from a queue, not after a whole round of loss;
//!    it goes on with the gains of ProbeBW_UP once the rate is flat and a queue stands; its window
//!    triples per round while it is below what the first flight's spacing shows ([`path::Train`]).
//!    All three shorten the queue it leaves behind, or the time to fill the path.
//! 6. Several flows of ours share a queue equally within some tens of round trips: while a queue
//!    stands in ProbeBW_CRUISE, the window is what was delivered without it, and a constant
//!    ([`crowd::Crowd`], after the equilibrium of TCP Vegas); ProbeBW_UP ends after two rounds
//!    with a queue, ProbeBW_DOWN after four. The draft's own convergence needs many probing
//!    cycles, which last longer than most of our transfers. Where the queue shows loss-based
//!    neighbours, the draft's rules hold.
//! 7. Above the pacer's rate the window alone decides: there a round that loses 2 % lowers it at
//!    once, for it may overflow a short queue without ever being slower for it.
//! 8. A path that has become far longer is found out by a ProbeRTT of its own
//!    ([`detour::Detour`]): for ten seconds the draft would take the way for a queue.
//! 9. A probing cycle has at least 24 rounds: with a product of rate and delay of a few datagrams
//!    the draft would probe all the time.

use super::super::pacer::UNPACED_BYTES_PER_S;
use super::{AckSample, Congestion, LossSample, Start};

mod control;
mod crowd;
mod cycle;
mod detour;
mod path;
mod signals;

use crowd::Crowd;
use cycle::{AckPhase, Phase};
use detour::Detour;
use path::{Bunching, FullPipe, LossFloor, RateFilter, Train};

/// "BBR.LossThresh".
const LOSS_THRESHOLD: f64 = 0.02;
/// Loss without a queue, above the floor, that counts as congestion all the same.
const QUEUELESS_LOSS: f64 = 0.10;
/// "BBR.Beta".
const BETA: f64 = 0.7;
/// "BBR.Headroom".
const HEADROOM: f64 = 0.15;
/// "BBR.PacingMarginPercent" of 1.
const PACING_MARGIN: f64 = 0.99;
/// "BBR.MinPipeCwnd".
const WINDOW_MIN_DATAGRAMS: f64 = 4.0;
/// Deviation 3.
const WINDOW_EXTRA_S: f64 = 1e-3;
/// In start-up the window leaves at least this often per round trip.
const STARTUP_WINDOWS_PER_RTT: f64 = 2.0;
/// Delivered less than this share of what was sent: the path has become slower.
const DELIVERED_SHARE: f64 = 0.95;
/// A queue is evident when the round trip is this share of its least above it, and this much.
const QUEUE_SHARE: u64 = 8;
const QUEUE_MIN_US: u64 = 250;

/// What was saved before a reaction to loss, should the loss prove spurious.
#[derive(Clone, Copy, Debug)]
struct Undo {
    bw_short: f64,
    inflight_short: f64,
    inflight_long: f64,
    phase: Option<Phase>,
}

/// The round-trip times of one round.
#[derive(Clone, Copy, Debug, Default)]
struct RoundRtt {
    sum_us: u64,
    samples: u64,
    least_us: u64,
}

impl RoundRtt {
    fn add(&mut self, rtt_us: u64) {
        self.least_us = if self.samples == 0 {
            rtt_us
        } else {
            self.least_us.min(rtt_us)
        };
        self.sum_us += rtt_us;
        self.samples += 1;
    }

    fn mean_us(&self) -> u64 {
        self.sum_us / self.samples.max(1)
    }
}

/// The algorithm.
#[derive(Debug)]
pub(super) struct Bbr {
    datagram: f64,
    start_window: f64,
    random: u64,
    // What it decides.
    window: f64,
    pacing: f64,
    prior_window: f64,
    // The model: rate.
    max_bw: RateFilter,
    bw: f64,
    bw_short: f64,
    bw_latest: f64,
    // The model: volume.
    inflight_long: f64,
    inflight_short: f64,
    inflight_latest: f64,
    bunching: Bunching,
    // The model: delay.
    min_rtt_us: u64,
    min_rtt_at_us: u64,
    probe_rtt_min_us: u64,
    probe_rtt_min_at_us: u64,
    probe_rtt_expired: bool,
    probe_rtt_done_us: Option<u64>,
    probe_rtt_round_done: bool,
    latest_rtt_us: u64,
    round_rtt: RoundRtt,
    // Rounds.
    round: u64,
    round_start: bool,
    next_round_delivered: u64,
    // Loss.
    loss_in_round: bool,
    /// Marks of congestion came in the present round.
    marked: bool,
    loss_round_start: bool,
    loss_round_delivered: u64,
    lost_at_round: u64,
    delivered_at_round: u64,
    floor: LossFloor,
    undo: Option<Undo>,
    // The cycle.
    phase: Phase,
    pipe: FullPipe,
    ack_phase: AckPhase,
    drain_round: u64,
    cycle_began_us: u64,
    probe_wait_us: u64,
    rounds_since_probe: u64,
    rounds_in_down: u32,
    rounds_in_cruise: u32,
    rounds_in_up: u32,
    lossy_cycle: bool,
    probe_samples: bool,
    probe_too_high: bool,
    probe_precautionary: bool,
    up_acked: f64,
    up_acked_per_step: f64,
    up_rounds: u32,
    idle_restart: bool,
    cautious: bool,
    /// The last round of ProbeBW_CRUISE met a queue, which cannot be ours.
    company: bool,
    /// Losses ended start-up before its rate was flat.
    rate_unsure: bool,
    /// The share lost that was last held for congestion while probing.
    verdict_share: f64,
    train: Train,
    crowd: Crowd,
    detour: Detour,
}

impl Bbr {
    /// Deviation 5: this many lost datagrams end start-up.
    const STARTUP_LOST_DATAGRAMS: f64 = 6.0;

    pub(super) fn new(start: &Start) -> Self {
        let window = start.window_bytes as f64;
        let nominal = window * 1e6 / start.rtt_us.max(1) as f64;
        Self {
            datagram: start.datagram_bytes as f64,
            start_window: window,
            random: start.seed,
            window,
            pacing: Phase::Startup.pacing_gain() * nominal,
            prior_window: 0.0,
            max_bw: RateFilter::default(),
            bw: 0.0,
            bw_short: f64::INFINITY,
            bw_latest: 0.0,
            inflight_long: f64::INFINITY,
            inflight_short: f64::INFINITY,
            inflight_latest: 0.0,
            bunching: Bunching::new(start.now_us),
            min_rtt_us: u64::MAX,
            min_rtt_at_us: start.now_us,
            probe_rtt_min_us: u64::MAX,
            probe_rtt_min_at_us: start.now_us,
            probe_rtt_expired: false,
            probe_rtt_done_us: None,
            probe_rtt_round_done: false,
            latest_rtt_us: 0,
            round_rtt: RoundRtt::default(),
            round: 0,
            round_start: false,
            next_round_delivered: 0,
            loss_in_round: false,
            marked: false,
            loss_round_start: false,
            loss_round_delivered: 0,
            lost_at_round: 0,
            delivered_at_round: 0,
            floor: LossFloor::default(),
            undo: None,
            phase: Phase::Startup,
            pipe: FullPipe::default(),
            ack_phase: AckPhase::Init,
            drain_round: 0,
            cycle_began_us: start.now_us,
            probe_wait_us: 0,
            rounds_since_probe: 0,
            rounds_in_down: 0,
            rounds_in_cruise: 0,
            rounds_in_up: 0,
            lossy_cycle: false,
            probe_samples: false,
            probe_too_high: false,
            probe_precautionary: false,
            up_acked: 0.0,
            up_acked_per_step: f64::INFINITY,
            up_rounds: 0,
            idle_restart: false,
            cautious: false,
            company: false,
            rate_unsure: false,
            verdict_share: 0.0,
            train: Train::default(),
            crowd: Crowd::default(),
            detour: Detour::default(),
        }
    }

    /// SplitMix64: the cycle's waits must differ between flows, not be secret.
    fn random_share(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The product of rate and delay.
    fn bdp(&self) -> f64 {
        if self.min_rtt_us == u64::MAX {
            self.start_window
        } else {
            self.bw * self.min_rtt_us as f64 / 1e6
        }
    }

    /// "Inflight()": `gain` times the product, at least what offloads and pipelining need.
    fn inflight(&self, gain: f64) -> f64 {
        self.quantized(gain * self.bdp())
    }

    fn quantized(&self, volume: f64) -> f64 {
        let burst = (self.pacing * WINDOW_EXTRA_S).min(3.0 * 65_536.0);
        let floor = burst.max(WINDOW_MIN_DATAGRAMS * self.datagram);
        let up = if self.phase == Phase::Up { 2.0 } else { 0.0 };
        volume.max(floor) + up * self.datagram
    }

    fn inflight_with_headroom(&self) -> f64 {
        if self.inflight_long.is_infinite() {
            return self.inflight_long;
        }
        let headroom = (HEADROOM * self.inflight_long).max(self.datagram);
        (self.inflight_long - headroom).max(WINDOW_MIN_DATAGRAMS * self.datagram)
    }

    fn target_inflight(&self) -> f64 {
        self.bdp().min(self.window)
    }

    fn queue_at(&self, rtt_us: u64) -> bool {
        let least_us = self.min_rtt_us;
        least_us != u64::MAX && rtt_us > least_us + (least_us / QUEUE_SHARE).max(QUEUE_MIN_US)
    }

    /// The least round trip of the present round tells of a queue: it stands behind every packet,
    /// where jitter spares some.
    fn queue_in_round(&self) -> bool {
        self.round_rtt.samples > 0 && self.queue_at(self.round_rtt.least_us)
    }

    /// "IsInflightTooHigh()" with deviation 1, and a margin for the chance in what is lost at
    /// random: two standard deviations, and a datagram.
    fn is_too_high(&self, lost: f64, in_flight: f64) -> bool {
        let floor = self.floor.share();
        let share = if self.queue_at(self.latest_rtt_us) || !self.is_paced() {
            LOSS_THRESHOLD + floor
        } else {
            QUEUELESS_LOSS + 1.25 * floor
        };
        let datagrams = in_flight / self.datagram;
        let chance = 2.0 * (datagrams * floor * (1.0 - floor)).sqrt() + 1.0;
        lost > in_flight * share + chance * self.datagram
    }

    /// Beyond the pacer's rate nothing is sent slowly, and nothing loses packets at random.
    fn is_paced(&self) -> bool {
        self.pacing < UNPACED_BYTES_PER_S
    }

    fn save_for_undo(&mut self, phase: Option<Phase>) {
        let undo = self.undo.get_or_insert(Undo {
            bw_short: self.bw_short,
            inflight_short: self.inflight_short,
            inflight_long: self.inflight_long,
            phase: None,
        });
        undo.phase = undo.phase.or(phase);
    }
}

impl Congestion for Bbr {
    /// "HandleRestartFromIdle()".
    fn on_sent(&mut self, now_us: u64, idle: bool, delivered: u64) {
        if !idle {
            return;
        }
        self.idle_restart = true;
        self.bunching.restart(now_us);
        if self.phase.is_probe_bw() {
            self.pacing = self.bw * PACING_MARGIN;
        } else if self.phase == Phase::ProbeRtt {
            self.leave_probe_rtt_if_done(now_us, delivered);
        }
    }

    /// "HandleLostPacket()".
    fn on_lost(&mut self, loss: &LossSample) {
        if !self.loss_in_round {
            self.loss_round_delivered = loss.delivered;
            self.save_for_undo(None);
        }
        self.loss_in_round = true;
        self.lossy_cycle = true;
        if !self.probe_samples {
            return;
        }
        let lost = loss.lost.saturating_sub(loss.snapshot.lost) as f64;
        let in_flight = loss.in_flight as f64;
        if !self.is_too_high(lost, in_flight) {
            return;
        }
        // "InflightAtLoss()": where in flight the losses crossed the threshold.
        let size = loss.bytes as f64;
        let before = in_flight - size;
        let prefix = (LOSS_THRESHOLD * before - (lost - size)) / (1.0 - LOSS_THRESHOLD);
        self.on_too_high(
            loss.now_us,
            before + prefix.max(0.0),
            lost / in_flight,
            loss,
        );
    }

    fn on_ack(&mut self, ack: &AckSample) {
        self.update_signals(ack);
        let acked = ack.acked_bytes as f64;
        self.bunching
            .update(ack.now_us, acked, self.bw, self.round, self.pipe.reached);
        if self.round_start && !ack.rate.app_limited {
            let grows = self.pipe.update(ack.rate.bytes_per_s);
            self.measure_floor_in_startup(ack, grows);
        }
        if self.phase == Phase::Startup {
            self.train.update(ack.now_us, ack.delivered, self.round);
            self.cautious = self.pipe.is_flat() && self.queue_at(self.latest_rtt_us);
        } else {
            self.cautious = false;
        }
        self.leave_startup_or_drain(ack);
        self.walk_cycle(ack);
        self.update_min_rtt(ack);
        self.check_probe_rtt(ack);
        if self.loss_round_start {
            self.bw_latest = ack.rate.bytes_per_s;
            self.inflight_latest = ack.rate.delivered as f64;
        }
        self.bw = self.max_bw.max().min(self.bw_short);
        self.set_pacing();
        self.set_window(ack);
    }

    /// "HandleSpuriousLossDetection()".
    fn on_spurious(&mut self) {
        self.loss_in_round = false;
        let Some(undo) = self.undo.take() else {
            return;
        };
        self.bw_short = self.bw_short.max(undo.bw_short);
        self.inflight_short = self.inflight_short.max(undo.inflight_short);
        self.inflight_long = self.inflight_long.max(undo.inflight_long);
        if undo.phase == Some(Phase::Startup) && self.phase == Phase::Drain {
            self.pipe.reached = false;
            self.pipe.reset(0.0);
            self.phase = Phase::Startup;
        }
    }

    /// The draft leaves ECN out; marks end start-up, and are an overflow of the queue later.
    fn on_marked(&mut self, _now_us: u64) {
        self.marked = true;
        if !self.pipe.reached {
            self.pipe.reached = true;
            self.rate_unsure = true;
        }
    }

    /// "OnEnterRTO()": begin again from the least window; it grows back by what is acknowledged.
    fn on_persistent(&mut self) {
        self.prior_window = self.prior_window.max(self.window);
        self.window = WINDOW_MIN_DATAGRAMS * self.datagram;
    }

    fn set_datagram_bytes(&mut self, bytes: u64) {
        self.datagram = bytes as f64;
        self.window = self.window.max(WINDOW_MIN_DATAGRAMS * self.datagram);
    }

    fn window_bytes(&self) -> u64 {
        self.window as u64
    }

    fn pacing_bytes_per_s(&self) -> f64 {
        self.pacing
    }

    fn bandwidth_bytes_per_s(&self) -> f64 {
        self.bw
    }

    fn holds_back(&self) -> bool {
        self.phase == Phase::ProbeRtt
    }

    #[cfg(test)]
    fn describe(&self) -> String {
        format!(
            "{:?} round {} pacing {:.1} floor {:.3} min_rtt {} rtt {} long {:.0} \
             short {:.0}/{:.1} cap {:.0} {}{}",
            self.phase,
            self.round,
            self.pacing * 8e-6,
            self.floor.share(),
            self.min_rtt_us,
            self.latest_rtt_us,
            self.inflight_long,
            self.inflight_short,
            self.bw_short * 8e-6,
            self.crowd.cap(),
            u8::from(self.cautious),
            if self.crowd.is_greedy() {
                " greedy"
            } else {
                ""
            },
        )
    }
}
