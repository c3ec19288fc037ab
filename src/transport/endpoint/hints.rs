//! How often strangers are spoken to and listened to, beyond handshakes.

use crate::time::Moment;

/// Hints and refusals that leave in a second at the most.
const HINTS_PER_S: u32 = 200;

/// How often strangers are spoken to.
#[derive(Debug, Default)]
pub(super) struct Hints {
    second: u64,
    said: u32,
    heard: u32,
}

impl Hints {
    const fn tick(&mut self, now: Moment) {
        let second = now.as_micros() / 1_000_000;
        if second != self.second {
            *self = Self {
                second,
                said: 0,
                heard: 0,
            };
        }
    }

    /// Whether one more hint may leave; counts it.
    pub(super) const fn may_speak(&mut self, now: Moment) -> bool {
        self.tick(now);
        self.said += 1;
        self.said <= HINTS_PER_S
    }

    /// Whether one more hint of others is worth a look; counts it.
    pub(super) const fn may_hear(&mut self, now: Moment) -> bool {
        self.tick(now);
        self.heard += 1;
        self.heard <= HINTS_PER_S
    }
}
