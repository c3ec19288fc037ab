//! Letters that arrive: verified, opened, handed on once, confirmed when they have taken effect.

use std::collections::BTreeMap;

use super::admission::Admission;
use super::seen::{Known, Seen};
use super::{Call, Output};
use crate::actors::edges::{Contact, Record, Row, Ticket};
use crate::actors::machine::earliest;
use crate::crypto::letters::{self, OpenError};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::letter::{Letter, Note};
use crate::proto::limits::{ERRAND_ACKS, LETTER_MAX_BYTES, MAILBOX_BYTES, NAME_MAX_BYTES};
use crate::proto::packet::{Packet, Party};
use crate::proto::pass::{Pass, Visit};
use crate::time::{Moment, WallTime};

/// A sealed note and its envelope.
pub(super) const LETTER_ENCODED_MAX_BYTES: usize = LETTER_MAX_BYTES + 512;
/// A letter and a pass.
const VISIT_ENCODED_MAX_BYTES: usize = LETTER_ENCODED_MAX_BYTES + 512;
/// A mailbox, with the envelopes of its letters.
const MAIL_MAX_BYTES: usize = 2 * MAILBOX_BYTES;
/// A letter is handed on so often and then dropped unconfirmed: its writer has it still.
const HAND_ONS: u32 = 4;
/// A confirmation is one datagram, and the transfer it answers is acknowledged already, so the
/// writer's next attempt may be stopped below us. Saying it three times makes its loss rare.
const CONFIRMATIONS: u32 = 3;
const CONFIRM_AGAIN_MS: u64 = 150;
/// Confirmations that are said again, at the most; further ones are said once.
const CONFIRMATIONS_MAX: usize = 256;

/// Letters on their way from the wire to their effect.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    letters: BTreeMap<LetterId, Arrival>,
    seen: Seen,
    stamped: u64,
    confirmations: Vec<Confirmation>,
    admission: Admission,
}

/// How a letter came.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// From its writer, with the pass that they showed.
    Direct(Option<&'a Pass>),
    /// From a server.
    Mail,
}

#[derive(Clone, Debug)]
struct Arrival {
    from: PublicIdentity,
    /// Whether it came from the writer directly, and whether from a server.
    direct: bool,
    by_mail: bool,
    posted_at: WallTime,
    note: Note,
    hand_ons: u32,
    stage: Stage,
    next: Moment,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Handed on; its effect is not confirmed yet.
    HandedOn,
    /// Took effect; it is being remembered.
    Keeping { ticket: Ticket, stamp: u64 },
    /// Not lasting: handed on and confirmed, known for a while so that repeats are not handed on.
    Passed,
}

#[derive(Clone, Debug)]
struct Confirmation {
    to: UserId,
    letter: LetterId,
    left: u32,
    at: Moment,
}

impl Arrival {
    fn known(&self, letter: LetterId) -> Known {
        (self.from.user_id(), letter)
    }
}

impl Arrivals {
    pub(super) fn new(rows: Vec<Row>, seen_max: usize, chores: &mut Vec<Record>) -> Self {
        let seen = Seen::new(rows, seen_max, chores);
        Self {
            letters: BTreeMap::new(),
            stamped: seen.next_stamp(0),
            seen,
            confirmations: Vec::new(),
            admission: Admission::default(),
        }
    }

    /// A letter that came directly. What does not verify, or is carried by another than its
    /// writer, leaves no trace.
    pub(super) fn letter(&mut self, from: UserId, body: &[u8], call: &mut Call<'_>) {
        self.carried(from, body, None, call);
    }

    /// The same with a pass.
    pub(super) fn visit(&mut self, from: UserId, body: &[u8], call: &mut Call<'_>) {
        if let Ok(visit) = codec::decode::<Visit>(body, VISIT_ENCODED_MAX_BYTES) {
            self.carried(from, &visit.letter, visit.pass.as_ref(), call);
        }
    }

    fn carried(&mut self, from: UserId, body: &[u8], pass: Option<&Pass>, call: &mut Call<'_>) {
        let Ok(letter) = codec::decode::<Letter>(body, LETTER_ENCODED_MAX_BYTES) else {
            return;
        };
        if letter.from.user_id() == from {
            self.one(letter, Way::Direct(pass), &mut Vec::new(), call);
        }
    }

    /// A server told its time.
    pub(super) fn server_heard(&mut self, from: NodeId, at: WallTime, call: &Call<'_>) {
        self.admission.heard(call.config, call.now, from, at);
    }

    /// Letters that a server kept for us.
    pub(super) fn mail(&mut self, letters: &[u8], call: &mut Call<'_>) {
        let Ok(mut letters) = codec::decode::<Vec<Letter>>(letters, MAIL_MAX_BYTES) else {
            return;
        };
        // Mailboxes know no order; in the order of posting, least waits for its predecessor.
        letters.sort_by_key(|letter| (letter.posted_at, letter.id));
        let mut acks = Vec::new();
        for letter in letters {
            self.one(letter, Way::Mail, &mut acks, call);
        }
        for acks in acks.chunks(ERRAND_ACKS) {
            call.out.push(Output::AckMail(acks.to_vec()));
        }
    }

    fn one(&mut self, letter: Letter, way: Way<'_>, acks: &mut Vec<LetterId>, call: &mut Call<'_>) {
        let direct = matches!(way, Way::Direct(_));
        if letter.to != call.config.identity.user_id() {
            return;
        }
        let id = letter.id;
        if self.seen.has(&(letter.from.user_id(), id)) {
            self.answer(&letter, direct, acks, call);
            return;
        }
        if self.letters.contains_key(&id) {
            self.again(&letter, direct, acks, call);
            return;
        }
        if self.letters.len() >= call.config.arrivals_max {
            return;
        }
        match letters::open(&call.config.identity, &letter) {
            // Confirmed without an effect: its writer is to try no more.
            Ok(note) if call.is_refused(letter.from.user_id(), &note) => {
                self.answer(&letter, direct, acks, call);
            }
            Ok(note) if note.needs_pass() => match way {
                // Nobody is visited by way of the servers.
                Way::Mail => acks.push(id),
                Way::Direct(pass) => self.visited(&letter, note, pass, call),
            },
            Ok(note) => self.first(&letter, direct, note, acks, call),
            Err(OpenError::Signature | OpenError::Sealed) if !direct => acks.push(id),
            Err(_) => {}
        }
    }

    /// Hands a letter on whose writer shows a pass. The others are told what is wrong.
    fn visited(&mut self, letter: &Letter, note: Note, pass: Option<&Pass>, call: &mut Call<'_>) {
        let writer = letter.from.user_id();
        match self.admission.judge(call.config, call.now, writer, pass) {
            Ok(()) => self.first(letter, true, note, &mut Vec::new(), call),
            Err(fault) => {
                let letter = letter.id;
                let packet = Packet::PassWanted { letter, fault };
                call.send(Party::User(writer), packet);
            }
        }
    }

    fn first(
        &mut self,
        letter: &Letter,
        direct: bool,
        note: Note,
        acks: &mut Vec<LetterId>,
        call: &mut Call<'_>,
    ) {
        if let Some(name) = told_name(&note) {
            call.out.push(Output::Met(Contact {
                name: name.to_owned(),
                identity: letter.from,
            }));
        }
        let lasting = note.is_lasting();
        let arrival = Arrival {
            from: letter.from,
            direct,
            by_mail: !direct,
            posted_at: letter.posted_at,
            note,
            hand_ons: 0,
            stage: if lasting {
                Stage::HandedOn
            } else {
                Stage::Passed
            },
            next: call.now,
        };
        self.letters.insert(letter.id, arrival);
        self.hand_on(letter.id, call);
        if !lasting || planted::is(Bug::MailAckBeforeEffect) {
            self.answer(letter, direct, acks, call);
        }
    }

    /// A letter that is being handled came again: perhaps another way, or to be confirmed.
    fn again(
        &mut self,
        letter: &Letter,
        direct: bool,
        acks: &mut Vec<LetterId>,
        call: &mut Call<'_>,
    ) {
        let Some(arrival) = self.letters.get_mut(&letter.id) else {
            return;
        };
        if arrival.from != letter.from || !letters::is_authentic(letter) {
            return;
        }
        arrival.direct |= direct;
        arrival.by_mail |= !direct;
        if matches!(arrival.stage, Stage::Passed) {
            self.answer(letter, direct, acks, call);
        }
    }

    /// Confirms a letter the way it came: to its writer, or to the servers.
    fn answer(
        &mut self,
        letter: &Letter,
        direct: bool,
        acks: &mut Vec<LetterId>,
        call: &mut Call<'_>,
    ) {
        if direct {
            self.confirm(letter.from.user_id(), letter.id, call);
        } else {
            acks.push(letter.id);
        }
    }

    fn hand_on(&mut self, id: LetterId, call: &mut Call<'_>) {
        let Some(arrival) = self.letters.get_mut(&id) else {
            return;
        };
        arrival.hand_ons += 1;
        arrival.next = call.in_ms(call.config.hand_on_again_ms);
        call.out.push(Output::NoteArrived {
            letter: id,
            from: arrival.from,
            direct: arrival.direct,
            posted_at: arrival.posted_at,
            note: arrival.note.clone(),
        });
    }

    /// A concern says that the effect of a letter is durable.
    pub(super) fn kept(&mut self, id: LetterId, call: &mut Call<'_>) {
        let Some(arrival) = self.letters.get_mut(&id) else {
            return;
        };
        if !matches!(arrival.stage, Stage::HandedOn) {
            return;
        }
        let (ticket, stamp) = (call.tickets.draw(), self.seen.next_stamp(self.stamped));
        self.stamped = stamp.saturating_add(1);
        arrival.stage = Stage::Keeping { ticket, stamp };
        arrival.next = call.in_ms(call.config.disk_ms);
        call.write(ticket, vec![Seen::row(&arrival.known(id), stamp)]);
    }

    /// The disk answered, perhaps one of our orders.
    pub(super) fn disk(&mut self, ticket: Ticket, written: bool, call: &mut Call<'_>) {
        let mine =
            |stage: &Stage| matches!(stage, Stage::Keeping { ticket: t, .. } if *t == ticket);
        let Some(id) = self
            .letters
            .iter()
            .find_map(|(id, arrival)| mine(&arrival.stage).then_some(*id))
        else {
            return;
        };
        if written {
            self.remember(id, call);
        } else if let Some(arrival) = self.letters.get_mut(&id) {
            // Handed on again later, which brings `Kept` and the next try.
            arrival.stage = Stage::HandedOn;
            arrival.next = call.in_ms(call.config.hand_on_again_ms);
        }
    }

    fn remember(&mut self, id: LetterId, call: &mut Call<'_>) {
        let Some(arrival) = self.letters.remove(&id) else {
            return;
        };
        let Stage::Keeping { stamp, .. } = arrival.stage else {
            return;
        };
        let seen_max = call.config.seen_max;
        let deletions = self.seen.insert(arrival.known(id), stamp, seen_max);
        if !deletions.is_empty() {
            // Not waited for: a row that stays is found and deleted at the next start.
            let ticket = call.tickets.draw();
            call.write(ticket, deletions);
        }
        if arrival.direct {
            self.confirm(arrival.from.user_id(), id, call);
        }
        if arrival.by_mail {
            call.out.push(Output::AckMail(vec![id]));
        }
    }

    fn confirm(&mut self, to: UserId, letter: LetterId, call: &mut Call<'_>) {
        call.send(Party::User(to), Packet::LetterKept(letter));
        self.confirmations
            .retain(|one| (one.to, one.letter) != (to, letter));
        if self.confirmations.len() < CONFIRMATIONS_MAX {
            self.confirmations.push(Confirmation {
                to,
                letter,
                left: CONFIRMATIONS - 1,
                at: call.in_ms(CONFIRM_AGAIN_MS),
            });
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        earliest(
            self.letters.values().map(|arrival| arrival.next).min(),
            self.confirmations.iter().map(|one| one.at).min(),
        )
    }

    pub(super) fn on_deadline(&mut self, call: &mut Call<'_>) {
        for one in &mut self.confirmations {
            if one.at <= call.now {
                call.send(Party::User(one.to), Packet::LetterKept(one.letter));
                one.left -= 1;
                one.at = call.in_ms(CONFIRM_AGAIN_MS);
            }
        }
        self.confirmations.retain(|one| one.left > 0);
        let due: Vec<LetterId> = self
            .letters
            .iter()
            .filter(|(_, arrival)| arrival.next <= call.now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.overdue(id, call);
        }
    }

    fn overdue(&mut self, id: LetterId, call: &mut Call<'_>) {
        let Some(arrival) = self.letters.get_mut(&id) else {
            return;
        };
        if arrival.hand_ons >= HAND_ONS || matches!(arrival.stage, Stage::Passed) {
            self.letters.remove(&id);
            return;
        }
        if let Stage::Keeping { ticket, stamp } = arrival.stage {
            arrival.hand_ons += 1;
            arrival.next = call.in_ms(call.config.disk_ms);
            call.write(ticket, vec![Seen::row(&arrival.known(id), stamp)]);
            return;
        }
        self.hand_on(id, call);
    }
}

/// The name that a writer tells in a note.
fn told_name(note: &Note) -> Option<&str> {
    let name = match note {
        Note::GalleryAsk { from_name, .. } => from_name,
        Note::ImageAsk(ask) => &ask.from_name,
        Note::Grant(grant) => &grant.owner_name,
        _ => return None,
    };
    (1..=NAME_MAX_BYTES)
        .contains(&name.len())
        .then_some(name.as_str())
}
