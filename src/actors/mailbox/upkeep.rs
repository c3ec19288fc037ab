//! What keeps the servers' mailboxes the same, and small: exchanges, and forgetting.

use core::time::Duration;

use super::exchange::Told;
use super::{AHEAD_MAX_MS, Effect, LETTERS_MAX_BYTES, Mailbox, Output};
use crate::actors::machine::Outbox;
use crate::proto::ids::NodeId;
use crate::time::{Moment, WallTime};

/// Milliseconds between two looks for what has expired.
const SWEEP_EVERY_MS: u64 = 60_000;

impl Mailbox {
    /// Tells a server everything that is durable here, caught up or not: when all servers start
    /// at once, everybody collects a majority of disks.
    pub(super) fn tell(&mut self, now: Moment, to: NodeId, out: &mut Outbox<Output>) {
        if !self.catch_up.may_answer(now, to) {
            return;
        }
        out.push(Output::SendState {
            to,
            round: self.rounds.draw(),
            state: Told::all(&self.shelf).encode(),
        });
    }

    /// Takes what is news of a server's knowledge. It counts once that is durable.
    pub(super) fn merge(&mut self, now: Moment, from: NodeId, state: &[u8]) {
        let is_merging =
            |effect: &Effect| matches!(effect, Effect::Merge { from: other, .. } if *other == from);
        if !self.catch_up.knows(from) || self.journal.waiting().any(is_merging) {
            return;
        }
        let Some(mut told) = Told::decode(state) else {
            return;
        };
        let today = self.config.calendar.at(now);
        told.keep_news(&self.shelf, today, |at| {
            self.remembered_until(at) >= today.0
        });
        told.keep_newest_let_go(self.config.let_go_max);
        told.letters
            .retain(|letter| self.is_acceptable(now, letter));
        let mut all = self.shelf.usage();
        told.letters.retain(|letter| {
            all.add(letter);
            all.letters <= self.config.letters_max && all.size_bytes <= LETTERS_MAX_BYTES
        });
        let run = self.catch_up.run();
        // If it does not fit the queue, we ask again.
        let _ = self.journal.add(Effect::Merge { from, run, told });
    }

    /// An id let go is remembered until the letter, wherever it still is, has expired.
    const fn remembered_until(&self, at: WallTime) -> u64 {
        at.0.saturating_add(self.config.keep_ms)
            .saturating_add(AHEAD_MAX_MS)
    }

    /// Forgets what has expired, and the oldest ids let go beyond the limit.
    pub(super) fn sweep(&mut self, now: Moment) {
        self.forget_fetches(now);
        self.sweep_at = now.after(Duration::from_millis(SWEEP_EVERY_MS));
        let is_sweeping = |effect: &Effect| matches!(effect, Effect::Sweep { .. });
        if self.journal.waiting().any(is_sweeping) {
            return;
        }
        let today = self.config.calendar.at(now).0;
        let expired = self.shelf.letters().filter(|l| self.is_expired(now, l));
        let mut letters: Vec<_> = expired.map(|letter| letter.id).collect();
        letters.extend(&self.ghosts);
        let past = self.shelf.let_go();
        let past = past.filter(|&(_, at)| self.remembered_until(at) < today);
        let mut let_go: Vec<_> = past.map(|(key, _)| key).collect();
        let_go.extend(self.shelf.oldest_beyond(self.config.let_go_max));
        if !letters.is_empty() || !let_go.is_empty() {
            let _ = self.journal.add(Effect::Sweep { letters, let_go });
        }
    }
}
