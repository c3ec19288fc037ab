//! How much may be in flight, and how fast it may leave: one small trait, two algorithms.
//!
//! [`bbr`] is what we use; [`cubic`] is what most of the internet uses, kept for comparison. The
//! algorithms see samples only: no packet numbers, no carried values, no clock.

use super::delivery_rate::{RateSample, Snapshot};

mod bbr;
mod cubic;

/// Which algorithm a session uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// BBRv3 with our deviations: keeps its speed under random loss.
    #[default]
    Bbr,
    /// CUBIC, RFC 9438: the behaviour of a common TCP.
    Cubic,
}

/// An acknowledgement, after all its packets and losses were counted.
pub(super) struct AckSample {
    pub(super) now_us: u64,
    /// Bytes newly acknowledged.
    pub(super) acked_bytes: u64,
    /// Bytes in flight after it.
    pub(super) in_flight: u64,
    /// When the newest acknowledged packet left.
    pub(super) newest_sent_at_us: u64,
    /// The round trip, if the newest acknowledged packet tells one.
    pub(super) rtt_us: Option<u64>,
    pub(super) smoothed_us: u64,
    /// Totals of the session.
    pub(super) delivered: u64,
    pub(super) lost: u64,
    /// The window, not the data, held the sender back.
    pub(super) window_limited: bool,
    pub(super) rate: RateSample,
}

/// A packet declared lost, after it was counted.
pub(super) struct LossSample {
    pub(super) now_us: u64,
    pub(super) bytes: u64,
    pub(super) sent_at_us: u64,
    /// Bytes in flight when it had left.
    pub(super) in_flight: u64,
    pub(super) snapshot: Snapshot,
    /// Totals of the session.
    pub(super) delivered: u64,
    pub(super) lost: u64,
}

/// A congestion controller.
pub(super) trait Congestion {
    /// An eliciting packet leaves. `idle`: nothing else is in flight and there was too little to
    /// send.
    fn on_sent(&mut self, now_us: u64, idle: bool, delivered: u64);
    /// A packet is declared lost. Comes before the acknowledgement that told it.
    fn on_lost(&mut self, loss: &LossSample);
    /// An acknowledgement with news.
    fn on_ack(&mut self, ack: &AckSample);
    /// A packet that had been declared lost came after all.
    fn on_spurious(&mut self);
    /// Marks of congestion arrived (ECN).
    fn on_marked(&mut self, now_us: u64);
    /// Nothing came through for several probe waits.
    fn on_persistent(&mut self);
    /// The size of a full datagram changed.
    fn set_datagram_bytes(&mut self, bytes: u64);
    /// How much may be in flight.
    fn window_bytes(&self) -> u64;
    /// How fast it may leave.
    fn pacing_bytes_per_s(&self) -> f64;
    /// The estimated rate of the path.
    fn bandwidth_bytes_per_s(&self) -> f64;
    /// Samples of now tell of the controller, not of the path.
    fn holds_back(&self) -> bool;
    /// What it is about, for traces.
    #[cfg(test)]
    fn describe(&self) -> String;
}

/// What every algorithm starts from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) now_us: u64,
    pub(super) datagram_bytes: u64,
    pub(super) window_bytes: u64,
    pub(super) rtt_us: u64,
    pub(super) seed: u64,
}

impl Algorithm {
    pub(super) fn start(self, start: &Start) -> Box<dyn Congestion + Send> {
        match self {
            Self::Bbr => Box::new(bbr::Bbr::new(start)),
            Self::Cubic => Box::new(cubic::Cubic::new(start)),
        }
    }
}
