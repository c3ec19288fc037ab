//! Letters that writers bring: which are kept, and what their writers are told.

use super::shelf::Usage;
use super::{ENCODED_MAX_BYTES, Effect, LETTERS_MAX_BYTES, Mailbox, Output, deposited};
use crate::actors::machine::Outbox;
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{LetterId, UserId};
use crate::proto::letter::Letter;
use crate::proto::limits::{MAILBOX_BYTES, MAILBOX_LETTERS};
use crate::proto::packet::{DepositRefusal, Packet};
use crate::time::Moment;

/// Deposits that may wait for the disk.
pub(super) const DEPOSITS_WAITING_MAX: usize = 256;

/// What becomes of a deposit.
enum Judgement {
    /// To be kept.
    Keep(Box<Letter>),
    /// It is durable here, or was let go.
    Kept,
    /// It waits for the disk.
    UnderWay,
    /// Not kept.
    Refuse(DepositRefusal),
}

impl Mailbox {
    /// Takes a deposit, or tells why not.
    pub(super) fn deposit(
        &mut self,
        now: Moment,
        client: UserId,
        id: LetterId,
        body: &[u8],
        out: &mut Outbox<Output>,
    ) {
        let refuse = |reason| Output::Send {
            to: client,
            packet: Packet::DepositRefused { letter: id, reason },
        };
        match self.judge(now, client, id, body) {
            Judgement::Keep(letter) => {
                let letter = *letter;
                if planted::is(Bug::MailAckBeforeDisk) {
                    out.push(deposited(client, id));
                }
                let effect = Effect::Deposit { letter, client };
                if self.journal.add(effect).is_err() {
                    out.push(refuse(DepositRefusal::Disk));
                }
            }
            Judgement::Kept => out.push(deposited(client, id)),
            // Its writer is told when it is durable, and asks again if that gets lost.
            Judgement::UnderWay => {}
            Judgement::Refuse(reason) => out.push(refuse(reason)),
        }
    }

    /// A letter is carried by its writer: nobody can fill a mailbox with letters of others.
    fn judge(&self, now: Moment, client: UserId, id: LetterId, body: &[u8]) -> Judgement {
        let letter = match codec::decode::<Letter>(body, ENCODED_MAX_BYTES) {
            Ok(letter) if letter.id == id && letter.from.user_id() == client => letter,
            _ => return Judgement::Refuse(DepositRefusal::Invalid),
        };
        if !self.is_acceptable(now, &letter) {
            return Judgement::Refuse(DepositRefusal::Invalid);
        }
        if self.shelf.gone_at((id, letter.to)).is_some() {
            return Judgement::Kept;
        }
        match self.shelf.letter(id) {
            Some(held) if *held == letter => return Judgement::Kept,
            // An id that is taken by another letter is no proof that this one is kept.
            Some(_) => return Judgement::Refuse(DepositRefusal::Invalid),
            None => {}
        }
        let waiting = self.journal.waiting().filter_map(|effect| match effect {
            Effect::Deposit { letter, .. } => Some(letter),
            _ => None,
        });
        let (mut all, mut own) = (self.shelf.usage(), self.shelf.usage_of(letter.to));
        let mut count = 0;
        for held in waiting {
            if held.id == id {
                return Judgement::UnderWay;
            }
            all.add(held);
            if held.to == letter.to {
                own.add(held);
            }
            count += 1;
        }
        if count >= DEPOSITS_WAITING_MAX {
            return Judgement::Refuse(DepositRefusal::Disk);
        }
        if !self.has_room(all, own, &letter) {
            return Judgement::Refuse(DepositRefusal::Full);
        }
        Judgement::Keep(Box::new(letter))
    }

    fn has_room(&self, mut all: Usage, mut own: Usage, letter: &Letter) -> bool {
        all.add(letter);
        own.add(letter);
        all.letters <= self.config.letters_max
            && all.size_bytes <= LETTERS_MAX_BYTES
            && own.letters <= MAILBOX_LETTERS
            && own.size_bytes <= MAILBOX_BYTES
    }

    /// Tells a writer that asks whether a letter is safe here; silence says no.
    pub(super) fn check(&self, client: UserId, letter: LetterId, out: &mut Outbox<Output>) {
        if self.shelf.letter(letter).is_some() || self.shelf.is_gone(letter) {
            out.push(deposited(client, letter));
        }
    }
}
