//! Where the other end of a session is, and whether it has proven that.
//!
//! Decides when a session moves to another address and when that has to be proven. Never decides
//! what leaves.

use core::time::Duration;

use super::Session;
use crate::time::Moment;
use crate::transport::way::{RELAYED_BYTES, Way};

/// How often the other end is asked to prove a new address.
const CHALLENGE_EVERY: Duration = Duration::from_millis(200);

impl Session {
    /// An authenticated packet came by this way. A newer one than all before moves the session
    /// there, and the new address has to be proven. Tells whether packets have to be smaller now.
    pub(in crate::transport) fn came_by(
        &mut self,
        way: Way,
        number: u64,
        bytes: usize,
        fresh: u64,
    ) -> bool {
        let moved = way != self.way && self.is_newest(number);
        if moved {
            self.way = way;
            // A server that passes packets on stands for whom they come from.
            let has_address = way.address().is_some();
            self.allowance = has_address.then_some(bytes);
            self.challenge = has_address.then_some((fresh, None));
            return !has_address && self.mtu.narrow(RELAYED_BYTES);
        }
        if way == self.way
            && let Some(allowance) = &mut self.allowance
        {
            *allowance = allowance.saturating_add(bytes);
        }
        false
    }

    /// The other end answered a challenge: it is where its packets come from.
    pub(in crate::transport) fn answered(&mut self, response: u64) {
        if self.challenge.is_some_and(|(number, _)| number == response) {
            self.allowance = None;
            self.challenge = None;
        }
    }

    /// Whether the other end is known to be where its packets come from.
    pub(in crate::transport) const fn is_proven(&self) -> bool {
        self.allowance.is_none()
    }

    pub(super) fn challenge_due(&self, now: Moment) -> bool {
        let waited = |at: Moment| now.since(at) >= CHALLENGE_EVERY;
        self.challenge
            .is_some_and(|(_, asked_at)| asked_at.is_none_or(waited))
    }

    /// The challenge to write now, if one is due.
    pub(in crate::transport) fn take_challenge(&mut self, now: Moment) -> Option<u64> {
        if !self.challenge_due(now) {
            return None;
        }
        let (number, asked_at) = self.challenge.as_mut()?;
        *asked_at = Some(now);
        Some(*number)
    }

    /// When the challenge is to be repeated.
    pub(super) fn challenge_at(&self) -> Option<Moment> {
        let (_, asked_at) = self.challenge?;
        Some(asked_at.map_or(Moment::START, |at| at.after(CHALLENGE_EVERY)))
    }

    fn is_newest(&self, number: u64) -> bool {
        self.replay.largest().is_none_or(|largest| number > largest)
    }
}
