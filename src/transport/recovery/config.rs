//! What a session's recovery is told at its beginning.

use super::Algorithm;

/// The numbers that recovery starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The congestion controller.
    pub congestion: Algorithm,
    /// The round trip assumed before any is measured, in microseconds. The handshake's is best.
    pub first_rtt_us: u64,
    /// Full datagrams that may leave at once before anything is known of the path.
    pub window_start_packets: u32,
    /// The window is never larger, in bytes: what the receiver's socket buffer holds (0.6 of what
    /// the system granted is a good value).
    pub flow_max_bytes: u64,
    /// Bytes of a full datagram.
    pub datagram_bytes: usize,
    /// The receiver acknowledges within this time, in microseconds; a longer delay that it
    /// reports is not believed.
    pub max_ack_delay_us: u64,
    /// No wait for a probe is longer, in microseconds.
    pub probe_wait_max_us: u64,
    /// Spreads the moments of probing between sessions. No secret.
    pub seed: u64,
}

impl Config {
    /// Any path, from loopback to another continent: 100 ms assumed, 32 datagrams of 1,200 bytes
    /// at once, 4 MiB in flight, acknowledged within 1 ms.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            congestion: Algorithm::Bbr,
            first_rtt_us: 100_000,
            window_start_packets: 32,
            flow_max_bytes: 4 * 1024 * 1024,
            datagram_bytes: 1_200,
            max_ack_delay_us: 1_000,
            probe_wait_max_us: 2_000_000,
            seed: 0,
        }
    }

    /// The window before anything is known of the path.
    pub(super) const fn window_start_bytes(&self) -> u64 {
        self.window_start_packets as u64 * self.datagram_bytes as u64
    }
}
