//! The largest datagram that the path carries, after RFC 8899 (datagram packetization layer path
//! MTU discovery).
//!
//! A search over a short ladder of sizes that real paths have, one probe at a time; a size that
//! failed is left alone for ten minutes. A path that stops carrying the present size (a black
//! hole) shows itself by full datagrams lost in a row while smaller ones pass, or by silence: the
//! size falls back to the base at once. It sends nothing: the caller pads a packet to
//! [`PathMtu::probe`]'s size, and tells what became of it.

use core::time::Duration;

use crate::time::Moment;

/// Every path carries this much (RFC 9000, section 14).
pub const BASE_BYTES: usize = 1_200;

/// The sizes that are tried on IPv4: Ethernet, jumbo frames, loopback.
pub const LADDER_V4: [usize; 3] = [1_472, 8_972, 60_000];

/// The sizes that are tried on IPv6.
pub const LADDER_V6: [usize; 3] = [1_452, 8_952, 60_000];

/// RFC 8899, MAX_PROBES: losses of a probe before its size counts as too large.
const PROBES_MAX: u32 = 3;

/// Full datagrams lost in a row, with smaller ones acknowledged meanwhile, that make a black hole.
const BLACK_HOLE_LOSSES: u32 = 6;

/// Probe timers in a row that make a black hole.
const BLACK_HOLE_SILENCES: u32 = 3;

/// RFC 8899, PMTU_RAISE_TIMER: a size that failed is tried again after this.
const RAISE_AFTER: Duration = Duration::from_secs(600);

/// What the search is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The size proven by the handshake; at least [`BASE_BYTES`] is assumed, if that may be sent.
    pub start_bytes: usize,
    /// No larger size is tried. Less than [`BASE_BYTES`] where datagrams travel inside others.
    pub max_bytes: usize,
    /// The sizes tried, rising.
    pub ladder: [usize; 3],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Step {
    losses: u32,
    /// Set when it failed: not before this moment again.
    again_at: Option<Moment>,
}

/// The search for the largest datagram.
#[derive(Clone, Debug)]
pub struct PathMtu {
    config: Config,
    current: usize,
    steps: [Step; 3],
    in_flight: bool,
    full_losses: u32,
    smaller_passed: bool,
}

impl PathMtu {
    /// A search that begins with what is proven.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            current: config
                .start_bytes
                .clamp(BASE_BYTES.min(config.max_bytes), config.max_bytes),
            config,
            steps: [Step::default(); 3],
            in_flight: false,
            full_losses: 0,
            smaller_passed: false,
        }
    }

    /// The largest datagram that may be used.
    #[must_use]
    pub const fn current(&self) -> usize {
        self.current
    }

    /// The size that a probe sent now should have, if any is due. Only one is on its way at a
    /// time: asking is sending.
    pub fn probe(&mut self, now: Moment) -> Option<usize> {
        if self.in_flight {
            return None;
        }
        let index = self.next_step()?;
        let step = &mut self.steps[index];
        if step.again_at.is_some_and(|again_at| now < again_at) {
            return None;
        }
        if step.again_at.take().is_some() {
            step.losses = 0;
        }
        self.in_flight = true;
        Some(self.config.ladder[index])
    }

    /// The next size of the ladder above the present one. Sizes above one that failed wait for it.
    fn next_step(&self) -> Option<usize> {
        self.config
            .ladder
            .iter()
            .position(|size| *size > self.current)
            .filter(|index| self.config.ladder[*index] <= self.config.max_bytes)
    }

    fn step_of(&mut self, bytes: usize) -> Option<&mut Step> {
        let index = self.config.ladder.iter().position(|size| *size == bytes)?;
        self.steps.get_mut(index)
    }

    /// A probe of this size was acknowledged. Whether the size changed.
    pub fn on_probe_acked(&mut self, bytes: usize) -> bool {
        self.in_flight = false;
        if bytes <= self.current || bytes > self.config.max_bytes {
            return false;
        }
        if let Some(step) = self.step_of(bytes) {
            *step = Step::default();
        }
        self.current = bytes;
        self.full_losses = 0;
        self.smaller_passed = false;
        true
    }

    /// A probe of this size was lost, or could not be sent.
    pub fn on_probe_lost(&mut self, now: Moment, bytes: usize) {
        self.in_flight = false;
        if let Some(step) = self.step_of(bytes) {
            step.losses += 1;
            if step.losses >= PROBES_MAX {
                step.again_at = Some(now.after(RAISE_AFTER));
            }
        }
    }

    /// The system refuses datagrams of this size (EMSGSIZE): no larger one is tried for a while.
    /// Whether the size in use changed.
    pub fn on_refused(&mut self, now: Moment, bytes: usize) -> bool {
        self.on_probe_lost(now, bytes);
        if let Some(step) = self.step_of(bytes) {
            step.losses = PROBES_MAX;
            step.again_at = Some(now.after(RAISE_AFTER));
        }
        bytes <= self.current && self.fall_back(now)
    }

    /// A packet of this size, not a probe, was acknowledged.
    pub fn on_packet_acked(&mut self, bytes: usize) {
        if bytes > BASE_BYTES {
            self.full_losses = 0;
            self.smaller_passed = false;
        } else {
            self.smaller_passed = true;
        }
    }

    /// A packet of this size, not a probe, was lost. Whether the size changed.
    pub fn on_packet_lost(&mut self, now: Moment, bytes: usize) -> bool {
        if bytes <= BASE_BYTES {
            return false;
        }
        self.full_losses = self.full_losses.saturating_add(1);
        self.smaller_passed && self.full_losses >= BLACK_HOLE_LOSSES && self.fall_back(now)
    }

    /// The probe timer expired this many times in a row. Whether the size changed.
    pub fn on_silence(&mut self, now: Moment, probes: u32) -> bool {
        probes >= BLACK_HOLE_SILENCES && self.fall_back(now)
    }

    /// A black hole: back to the base; the size that failed is not tried again for a while.
    fn fall_back(&mut self, now: Moment) -> bool {
        self.full_losses = 0;
        self.smaller_passed = false;
        if self.current <= BASE_BYTES {
            return false;
        }
        let failed = self.current;
        self.current = BASE_BYTES;
        if let Some(step) = self.step_of(failed) {
            step.losses = PROBES_MAX;
            step.again_at = Some(now.after(RAISE_AFTER));
        }
        true
    }

    /// From now on the path carries no more than this. Whether the size in use changed.
    pub fn narrow(&mut self, max_bytes: usize) -> bool {
        self.config.max_bytes = self.config.max_bytes.min(max_bytes);
        let is_less = self.current > max_bytes;
        self.current = self.current.min(max_bytes);
        is_less
    }

    /// When [`PathMtu::probe`] may have a probe again, if it waits for that.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if self.in_flight {
            return None;
        }
        let index = self.next_step()?;
        Some(self.steps[index].again_at.unwrap_or(Moment::START))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(1);

    fn search(max_bytes: usize) -> PathMtu {
        PathMtu::new(Config {
            start_bytes: 1_200,
            max_bytes,
            ladder: LADDER_V4,
        })
    }

    #[test]
    fn the_ladder_is_climbed_to_the_last_size_that_passes() {
        let mut mtu = search(60_000);
        assert_eq!(mtu.probe(NOW), Some(1_472));
        assert_eq!(mtu.probe(NOW), None, "one at a time");
        assert!(mtu.on_probe_acked(1_472));
        for _ in 0..PROBES_MAX {
            assert_eq!(mtu.probe(NOW), Some(8_972));
            mtu.on_probe_lost(NOW, 8_972);
        }
        assert_eq!((mtu.probe(NOW), mtu.current()), (None, 1_472));
        assert_eq!(mtu.deadline(), Some(NOW.after(RAISE_AFTER)));
        assert_eq!(mtu.probe(NOW.after(RAISE_AFTER)), Some(8_972));
        assert!(mtu.on_probe_acked(8_972));
        assert_eq!(mtu.probe(NOW), Some(60_000));
        assert!(mtu.on_probe_acked(60_000));
        assert_eq!((mtu.probe(NOW), mtu.deadline()), (None, None));
    }

    #[test]
    fn nothing_above_the_configured_maximum_is_tried() {
        let mut mtu = search(1_472);
        assert!(mtu.probe(NOW).is_some() && mtu.on_probe_acked(1_472));
        assert_eq!((mtu.probe(NOW), mtu.deadline()), (None, None));
        assert!(!mtu.on_probe_acked(8_972), "never asked for");
    }

    #[test]
    fn full_losses_in_a_row_are_a_black_hole_only_if_smaller_packets_pass() {
        let mut mtu = search(1_472);
        mtu.probe(NOW);
        mtu.on_probe_acked(1_472);
        for _ in 0..100 {
            assert!(
                !mtu.on_packet_lost(NOW, 1_472),
                "everything is lost: congestion"
            );
        }
        mtu.on_packet_acked(1_472);
        mtu.on_packet_acked(60);
        for _ in 1..BLACK_HOLE_LOSSES {
            assert!(!mtu.on_packet_lost(NOW, 1_472));
        }
        assert!(mtu.on_packet_lost(NOW, 1_472));
        assert_eq!((mtu.current(), mtu.probe(NOW)), (1_200, None));
        assert!(mtu.probe(NOW.after(RAISE_AFTER)).is_some());
    }

    #[test]
    fn silence_is_a_black_hole_once() {
        let mut mtu = search(1_472);
        mtu.probe(NOW);
        mtu.on_probe_acked(1_472);
        assert!(!mtu.on_silence(NOW, BLACK_HOLE_SILENCES - 1));
        assert!(mtu.on_silence(NOW, BLACK_HOLE_SILENCES));
        assert!(!mtu.on_silence(NOW, BLACK_HOLE_SILENCES + 1));
    }

    #[test]
    fn a_size_that_the_system_refuses_is_left_alone() {
        let mut mtu = search(60_000);
        mtu.probe(NOW);
        assert!(!mtu.on_refused(NOW, 1_472), "it was not in use");
        assert_eq!(mtu.probe(NOW), None);
    }

    #[test]
    fn a_path_inside_another_is_never_filled_beyond_its_size() {
        let mut mtu = search(1_136);
        assert_eq!(
            (mtu.current(), mtu.probe(NOW), mtu.deadline()),
            (1_136, None, None)
        );
        assert!(!mtu.on_silence(NOW, BLACK_HOLE_SILENCES));
        assert_eq!(mtu.current(), 1_136);
        let mut mtu = search(1_472);
        mtu.probe(NOW);
        assert!(mtu.on_probe_acked(1_472) && mtu.narrow(1_136));
        assert!(!mtu.narrow(1_136) && !mtu.on_probe_acked(1_472));
        assert_eq!((mtu.current(), mtu.probe(NOW)), (1_136, None));
    }

    #[test]
    fn what_the_handshake_proved_is_the_start() {
        let mtu = PathMtu::new(Config {
            start_bytes: 1_472,
            max_bytes: 1_472,
            ladder: LADDER_V4,
        });
        assert_eq!((mtu.current(), mtu.deadline()), (1_472, None));
    }
}
