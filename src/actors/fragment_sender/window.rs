//! How many fragments may be in flight: doubled each round trip until the first loss, then one
//! more each round trip, and seven tenths of itself after a loss, at most once a round trip.

/// Never fewer than this after a loss.
const FLOOR: u32 = 16;

/// What may be in flight, in fragments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    size: u32,
    max: u32,
    /// Below it the window doubles.
    threshold: u32,
    /// Acknowledgements towards the next single step above the threshold.
    credit: u32,
    /// Losses of packets below this number are part of the last reduction.
    reduced_at: u32,
}

impl Window {
    pub(super) fn new(start: u32, max: u32) -> Self {
        let max = max.max(1);
        Self {
            size: start.clamp(1, max),
            max,
            threshold: max,
            credit: 0,
            reduced_at: 0,
        }
    }

    pub(super) const fn size(&self) -> u32 {
        self.size
    }

    /// So many fragments were acknowledged; `in_flight` were out before. A window that is not
    /// used proves nothing and does not grow.
    pub(super) fn acknowledged(&mut self, count: u32, in_flight: u32) {
        if in_flight < self.size / 2 {
            return;
        }
        if self.size < self.threshold {
            self.size = self.size.saturating_add(count).min(self.max);
            return;
        }
        self.credit = self.credit.saturating_add(count);
        if self.credit >= self.size {
            self.credit -= self.size;
            self.size = self.size.saturating_add(1).min(self.max);
        }
    }

    /// The packet of this number was lost; `next` is the number of the next one.
    pub(super) fn lost(&mut self, packet: u32, next: u32) {
        if packet < self.reduced_at {
            return;
        }
        self.reduced_at = next;
        let reduced = u64::from(self.size) * 7 / 10;
        let reduced = u32::try_from(reduced).unwrap_or(self.size);
        self.size = reduced.max(FLOOR).min(self.max);
        self.threshold = self.size;
        self.credit = 0;
    }

    /// Nothing came back twice in a row: begin again carefully.
    pub(super) fn collapse(&mut self) {
        self.size = self.size.min(FLOOR);
        self.credit = 0;
    }

    /// Sets the size, within bounds.
    pub(super) fn set(&mut self, size: u32) {
        self.size = size.clamp(1, self.max);
        self.credit = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_window_doubles_up_to_its_limit() {
        let mut window = Window::new(32, 100);
        window.acknowledged(32, 32);
        assert_eq!(window.size(), 64);
        window.acknowledged(64, 64);
        assert_eq!(window.size(), 100);
        window.acknowledged(100, 100);
        assert_eq!(window.size(), 100);
    }

    #[test]
    fn an_idle_window_does_not_grow() {
        let mut window = Window::new(32, 100);
        window.acknowledged(1, 1);
        assert_eq!(window.size(), 32);
    }

    #[test]
    fn losses_of_one_round_trip_count_once_and_growth_is_slow_after_them() {
        let mut window = Window::new(100, 100);
        window.lost(5, 100);
        window.lost(6, 100);
        window.lost(99, 120);
        assert_eq!(window.size(), 70);
        window.acknowledged(70, 70);
        assert_eq!(window.size(), 71);
        window.lost(100, 200);
        assert_eq!(window.size(), 49);
        for packet in 2..20 {
            window.lost(packet * 100, packet * 100 + 1);
        }
        assert_eq!(window.size(), 16);
    }
}
