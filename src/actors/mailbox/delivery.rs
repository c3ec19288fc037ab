//! Letters on their way to their readers.

use super::shelf::size_bytes;
use super::{Mailbox, Output};
use crate::actors::machine::Outbox;
use crate::proto::cargo::Cargo;
use crate::proto::codec;
use crate::proto::ids::UserId;
use crate::proto::letter::Letter;
use crate::proto::packet::Packet;
use crate::time::Moment;

/// Letters sent in one message, in bytes: a lost connection repeats little.
const BATCH_MAX_BYTES: usize = 256_000;

/// A reader is not sent mail again so soon, in milliseconds: the last sending is under way.
const FETCH_PAUSE_MS: u64 = 1_000;

/// Readers for whom that is remembered.
const FETCHES_MAX: usize = 4_096;

impl Mailbox {
    /// Tells a reader who is present that mail waits.
    pub(super) fn present(&self, user: UserId, out: &mut Outbox<Output>) {
        let waiting = self.shelf.usage_of(user).letters;
        if waiting > 0 && self.catch_up.is_done() {
            out.push(Output::Send {
                to: user,
                packet: Packet::MailWaiting(u32::try_from(waiting).unwrap_or(u32::MAX)),
            });
        }
    }

    /// Sends a reader all their letters, oldest first.
    pub(super) fn fetch(&mut self, now: Moment, user: UserId, out: &mut Outbox<Output>) {
        self.forget_fetches(now);
        let under_way = self.fetched.contains_key(&user);
        if !self.catch_up.is_done() || under_way || self.fetched.len() >= FETCHES_MAX {
            return;
        }
        let mut batches: Vec<Vec<&Letter>> = Vec::new();
        let mut batch_bytes = 0;
        for letter in self.shelf.letters_of(user) {
            batch_bytes += size_bytes(letter);
            match batches.last_mut() {
                Some(batch) if batch_bytes <= BATCH_MAX_BYTES => batch.push(letter),
                _ => {
                    batch_bytes = size_bytes(letter);
                    batches.push(vec![letter]);
                }
            }
        }
        for batch in &batches {
            let round = self.rounds.draw();
            out.push(Output::SendMail {
                to: user,
                cargo: Cargo::Mail { user, round },
                letters: codec::encode(batch).into(),
            });
        }
        if !batches.is_empty() {
            self.fetched.insert(user, now);
        }
    }

    /// Forgets which sendings are no longer under way.
    pub(super) fn forget_fetches(&mut self, now: Moment) {
        self.fetched
            .retain(|_, &mut at| now.since(at).as_millis() < u128::from(FETCH_PAUSE_MS));
    }
}
