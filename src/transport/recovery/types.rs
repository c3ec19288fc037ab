//! What goes into recovery and what comes out of it.

use crate::time::Moment;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its receiver will acknowledge it: in flight until it is acknowledged or lost.
    Eliciting,
    /// Its receiver will not (acknowledgements only): not in flight, never lost.
    Silent,
    /// Eliciting, padded to this datagram size to find out whether the path carries it. Its loss
    /// tells of the size, not of congestion.
    Probe(usize),
}

/// Whether eliciting packets may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Up to this many bytes may leave at once; at least one full datagram.
    Now {
        /// Bytes on the wire.
        bytes: usize,
    },
    /// Not before this moment (pacing).
    At(Moment),
    /// Not before an acknowledgement, a loss or a probe (the window is full).
    Blocked,
}

/// A packet of which all is known now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled<T> {
    /// Its number.
    pub number: u64,
    /// Its size on the wire.
    pub bytes: usize,
    /// The datagram size it probed, for [`Kind::Probe`].
    pub probed_bytes: Option<usize>,
    /// What it carried.
    pub carried: T,
}

/// What became of a packet. Every eliciting packet has exactly one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was received.
    Acked(Settled<T>),
    /// It is held for lost; what it carried should leave again.
    Lost(Settled<T>),
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Ack<'a> {
    /// The largest number received.
    pub largest: u64,
    /// How long the receiver kept that packet before it acknowledged, in microseconds.
    pub delay_us: u32,
    /// Bit b of word w is set when the packet `largest - 64 w - b` was received. A bit below
    /// number 0 means nothing.
    pub words: &'a [u64],
    /// Packets received with a mark of congestion (ECN CE) in all, if the receiver counts them.
    pub marks: Option<u64>,
}

/// What an acknowledgement was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckResult {
    /// It acknowledged something for the first time.
    News,
    /// It told nothing new: repeated, or overtaken by a later one.
    Old,
    /// It names a number that was never sent; it changed nothing.
    Stranger,
}

/// What a deadline brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It was too early, or what was waited for came.
    Nothing,
    /// Packets were declared lost.
    Losses,
    /// No news for too long: one or two eliciting packets should leave now, beyond the window.
    Probe,
}

/// What was counted since a session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that left, silent ones too.
    pub sent: u64,
    /// Packets acknowledged in time.
    pub acked: u64,
    /// Packets declared lost, those that came after all too.
    pub lost: u64,
    /// Packets declared lost that came after all.
    pub spurious: u64,
    /// Probe timers that expired.
    pub probes: u64,
    /// Acknowledgements of numbers never sent.
    pub strangers: u64,
}
