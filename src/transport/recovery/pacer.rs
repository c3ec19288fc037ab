//! When the next packets may leave, so that the path's queue is not filled by bursts.
//!
//! A bucket that fills at the pacing rate and is emptied by what leaves. Waits are for a whole
//! quantum (1 ms at the rate, 2 datagrams to 64 kB), because waking up costs more than sending;
//! the bucket holds two, so that a timer that is late costs no rate. After a silence a burst is
//! free: a rate measured earlier must not slow a short answer down. Above
//! [`UNPACED_BYTES_PER_S`] nothing waits: the quantum would be shorter than a timer's grain.

/// Above this rate (4 Gbit/s) packets leave as the window permits.
pub(super) const UNPACED_BYTES_PER_S: f64 = 500e6;

/// Datagrams that may leave at once after a silence.
pub(super) const IDLE_BURST_DATAGRAMS: u64 = 16;

const QUANTUM_MAX_BYTES: f64 = 65_536.0;

/// What the pacer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// This many bytes may leave now.
    Now(u64),
    /// Nothing before this moment, in microseconds.
    At(u64),
}

/// The bucket.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    credit: f64,
    filled_at_us: u64,
}

impl Pacer {
    /// A pacer whose first `burst_bytes` are free.
    pub(super) const fn new(now_us: u64, burst_bytes: u64) -> Self {
        Self {
            credit: burst_bytes as f64,
            filled_at_us: now_us,
        }
    }

    /// So little is in flight that the rest of a burst is free. An answer in a conversation is as
    /// free as one after a silence: the other end's last word may still be unacknowledged.
    pub(super) fn on_lull(&mut self, in_flight: u64, datagram_bytes: u64) {
        let burst = IDLE_BURST_DATAGRAMS * datagram_bytes;
        self.credit = self.credit.max(burst.saturating_sub(in_flight) as f64);
    }

    /// May anything leave at `now_us`, at `bytes_per_s`?
    pub(super) fn permit(&mut self, now_us: u64, bytes_per_s: f64, datagram_bytes: u64) -> Pace {
        if bytes_per_s >= UNPACED_BYTES_PER_S {
            self.filled_at_us = now_us;
            self.credit = self.credit.max(0.0);
            return Pace::Now(u64::MAX);
        }
        let datagram = datagram_bytes as f64;
        let quantum = (bytes_per_s * 1e-3)
            .min(QUANTUM_MAX_BYTES)
            .max(2.0 * datagram);
        let elapsed_us = now_us.saturating_sub(self.filled_at_us);
        // Probes, and what left while nothing was paced, are forgiven but for two quanta.
        let owed = self.credit.max(-2.0 * quantum);
        let filled = owed + bytes_per_s * elapsed_us as f64 * 1e-6;
        self.credit = filled.min((2.0 * quantum).max(owed));
        self.filled_at_us = now_us;
        if self.credit >= datagram {
            return Pace::Now(self.credit as u64);
        }
        let wait_us = (quantum - self.credit) * 1e6 / bytes_per_s.max(1.0);
        Pace::At(now_us + (wait_us as u64).max(1))
    }

    /// Bytes left.
    pub(super) fn on_sent(&mut self, bytes: u64) {
        self.credit -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: u64 = 1_472;

    #[test]
    fn the_first_flight_is_free_and_the_next_packets_wait_for_a_quantum() {
        let mut pacer = Pacer::new(0, 16 * DATAGRAM);
        assert_eq!(pacer.permit(0, 12.5e6, DATAGRAM), Pace::Now(16 * DATAGRAM));
        pacer.on_sent(16 * DATAGRAM);
        assert_eq!(pacer.permit(0, 12.5e6, DATAGRAM), Pace::At(1_000));
        assert_eq!(pacer.permit(1_000, 12.5e6, DATAGRAM), Pace::Now(12_500));
    }

    #[test]
    fn the_rate_holds_although_the_timer_is_late() {
        let mut pacer = Pacer::new(0, 0);
        let mut sent = 0;
        for wake in 0..1_000 {
            if let Pace::Now(bytes) = pacer.permit(wake * 1_900, 12.5e6, DATAGRAM) {
                pacer.on_sent(bytes);
                sent += bytes;
            }
        }
        assert!(sent > 23_000_000, "{sent}");
    }

    #[test]
    fn a_silence_frees_a_burst_and_no_more() {
        let mut pacer = Pacer::new(0, 0);
        pacer.on_lull(0, DATAGRAM);
        assert_eq!(
            pacer.permit(10_000_000, 1e5, DATAGRAM),
            Pace::Now(IDLE_BURST_DATAGRAMS * DATAGRAM)
        );
    }

    #[test]
    fn above_four_gigabits_nothing_waits() {
        let mut pacer = Pacer::new(0, 0);
        assert_eq!(pacer.permit(0, 6e8, DATAGRAM), Pace::Now(u64::MAX));
    }
}
