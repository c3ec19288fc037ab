//! Questions for looks, ours and our peers'.

use core::time::Duration;

use rand_chacha::rand_core::Rng;

use super::duties::Duty;
use super::jobs::{Origin, Step, done, failed};
use super::rows::{Ask, Stage};
use super::{Output, Sharing, checks};
use crate::actors::edges::{Contact, Record};
use crate::actors::machine::Outbox;
use crate::proto::control::{AskRule, AskState, Failure, OpenAsk, Outcome};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{AskId, LetterId, UserId, WishId};
use crate::proto::letter::{ImageAsk, ImageRef, Note, Verdict};
use crate::proto::limits::{NAME_MAX_BYTES, REMARK_MAX_BYTES};
use crate::proto::notice::Notice;
use crate::time::{Moment, WallTime};

/// One peer may have this part of all questions open with us.
const PEER_PART: usize = 4;

/// A question that a person puts.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) image: ImageRef,
    pub(super) views: u32,
    pub(super) remark: String,
    pub(super) wait_ms: u32,
}

/// A wish that waits for the owner's word.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) wish: WishId,
    pub(super) until: Moment,
}

/// Our question with the word on it.
#[derive(Debug)]
pub(super) struct Verdicted {
    pub(super) ask: Ask,
    verdict: Verdict,
}

impl Sharing {
    /// Takes up a question from disk.
    pub(super) fn recall(&mut self, mut ask: Ask) {
        self.last_order = self.last_order.max(ask.order);
        if ask.stage == Stage::Giving {
            // Perhaps the looks were given. They stay counted, and the owner decides.
            ask.stage = Stage::Owner;
            ask.reserved = 0;
        }
        if ask.owes_note() {
            self.posts.insert(ask.id, Duty::due(Moment::START));
        }
        if ask.is_open() && ask.stage == Stage::Rule {
            self.grants.insert(ask.id, Duty::due(Moment::START));
        }
        self.asks.insert(ask.id, ask);
    }

    // ---- ours ----

    pub(super) fn ask_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        peer: &str,
        draft: Draft,
        out: &mut Outbox<Output>,
    ) {
        if let Err(failure) = self.may_ask(&draft) {
            return failed(Origin::Wish(wish), failure, out);
        }
        self.find(now, wish, peer, Step::AskFind(Box::new(draft)), out);
    }

    fn may_ask(&self, draft: &Draft) -> Result<(), Failure> {
        if let ImageRef::Name(name) = &draft.image {
            checks::image_name(name)?;
        }
        checks::views(draft.views)?;
        checks::remark(&draft.remark)?;
        self.has_place()
    }

    pub(super) fn write_ask(
        &mut self,
        now: Moment,
        wish: WishId,
        peer: Contact,
        draft: Draft,
        out: &mut Outbox<Output>,
    ) {
        let origin = Origin::Wish(wish);
        if peer.identity.user_id() == self.config.me {
            return failed(origin, checks::oneself(), out);
        }
        let Some(mut records) = self.make_room() else {
            let failure = checks::full("open questions", self.config.asks_max);
            return failed(origin, failure, out);
        };
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        self.last_order = self.last_order.saturating_add(1);
        let ask = Ask {
            id: AskId(id),
            order: self.last_order,
            ours: true,
            peer,
            image: match &draft.image {
                ImageRef::Name(name) => name.clone(),
                ImageRef::Index(index) => format!("#{index}"),
            },
            wanted: draft.image,
            views: draft.views,
            remark: draft.remark,
            at: self.config.calendar.at(now),
            state: AskState::Open,
            stage: Stage::Owner,
            reserved: 0,
            posted: false,
        };
        records.push(ask.record());
        let step = Step::AskRow(Box::new(ask), draft.wait_ms);
        self.write(now, origin, step, records, out);
    }

    pub(super) fn ask_written(
        &mut self,
        now: Moment,
        origin: Origin,
        ask: Ask,
        wait_ms: u32,
        out: &mut Outbox<Output>,
    ) {
        let id = ask.id;
        self.posts.insert(id, Duty::due(now));
        self.asks.insert(id, ask);
        match origin {
            Origin::Wish(wish) if wait_ms > 0 => {
                let until = now.after(Duration::from_millis(wait_ms.into()));
                self.waits.insert(id, Wait { wish, until });
            }
            _ => done(origin, asked(id, None), out),
        }
    }

    pub(super) fn expire_waits(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.waits.retain(|id, wait| {
            let goes_on = wait.until > now;
            if !goes_on {
                done(Origin::Wish(wait.wish), asked(*id, None), out);
            }
            goes_on
        });
    }

    pub(super) fn decision_arrived(
        &mut self,
        now: Moment,
        letter: LetterId,
        from: PublicIdentity,
        id: AskId,
        verdict: Verdict,
        out: &mut Outbox<Output>,
    ) {
        if self.is_in_hand(id) || !self.has_place_for_note() {
            // It comes again.
            return;
        }
        let waiting = self
            .asks
            .get(&id)
            .filter(|ask| ask.ours && ask.peer.identity == from)
            // The owner's word holds also if it crossed our withdrawal.
            .filter(|ask| ask.is_open() || ask.state == AskState::Withdrawn);
        let Some(ask) = waiting else {
            out.push(Output::Kept(letter));
            return;
        };
        let verdict = match verdict {
            Verdict::Denied { reason } => Verdict::Denied {
                reason: checks::tame(&reason, REMARK_MAX_BYTES),
            },
            approved @ Verdict::Approved { .. } => approved,
        };
        let state = match &verdict {
            Verdict::Approved { views, .. } => AskState::Approved(*views),
            Verdict::Denied { reason } => AskState::Denied(reason.clone()),
        };
        let ask = Ask {
            state,
            ..ask.clone()
        };
        let records = vec![ask.record()];
        let step = Step::DecisionRow(Box::new(Verdicted { ask, verdict }));
        self.write(now, Origin::Letter(letter), step, records, out);
    }

    pub(super) fn decision_written(
        &mut self,
        origin: Origin,
        verdicted: Verdicted,
        out: &mut Outbox<Output>,
    ) {
        let Verdicted { ask, verdict } = verdicted;
        let id = ask.id;
        out.push(Output::Notice(Notice::AskAnswered {
            ask: id,
            peer: ask.peer.name.clone(),
            image: ask.image.clone(),
            views: match verdict {
                Verdict::Approved { views, .. } => Some(views),
                Verdict::Denied { .. } => None,
            },
        }));
        self.posts.remove(&id);
        self.asks.insert(id, ask);
        if let Origin::Letter(letter) = origin {
            out.push(Output::Kept(letter));
        }
        if let Some(wait) = self.waits.remove(&id) {
            done(Origin::Wish(wait.wish), asked(id, Some(verdict)), out);
        }
    }

    // ---- our peers' ----

    pub(super) fn ask_arrived(
        &mut self,
        now: Moment,
        letter: LetterId,
        from: PublicIdentity,
        posted_at: WallTime,
        note: ImageAsk,
        out: &mut Outbox<Output>,
    ) {
        let user = from.user_id();
        if user == self.config.me || self.asks.contains_key(&note.ask) {
            out.push(Output::Kept(letter));
            return;
        }
        if self.is_in_hand(note.ask) || !self.has_place_for_note() {
            // It comes again.
            return;
        }
        let room = self.has_room_for(from).then(|| self.make_room()).flatten();
        let Some(mut records) = room else {
            return self.turn_away(letter, from, note.ask, out);
        };
        let (image, state, stage) = self.judge(user, &note);
        self.last_order = self.last_order.saturating_add(1);
        let ask = Ask {
            id: note.ask,
            order: self.last_order,
            ours: false,
            peer: Contact {
                name: checks::tame(&note.from_name, NAME_MAX_BYTES),
                identity: from,
            },
            wanted: ImageRef::Name(image.clone()),
            image,
            views: note.views,
            remark: checks::tame(&note.remark, REMARK_MAX_BYTES),
            at: posted_at,
            state,
            stage,
            reserved: if stage == Stage::Rule { note.views } else { 0 },
            posted: false,
        };
        records.push(ask.record());
        records.extend(self.shift_total(ask.grant(self.config.me), 0, ask.reserved));
        let step = Step::ArrivalRow(Box::new(ask));
        self.write(now, Origin::Letter(letter), step, records, out);
    }

    /// The image that is meant, and what the rules say to the question.
    fn judge(&self, user: UserId, note: &ImageAsk) -> (String, AskState, Stage) {
        let named = match &note.image {
            ImageRef::Name(name) => checks::tame(name, NAME_MAX_BYTES),
            ImageRef::Index(index) => format!("#{index}"),
        };
        let denied = |reason: &str| AskState::Denied(reason.to_owned());
        let rule = self.rule_for(user).asks;
        // Before the name is looked up: whoever is refused is not told what there is.
        if rule == AskRule::Refuse {
            return (named, denied("the owner takes no questions"), Stage::Owner);
        }
        if checks::views(note.views).is_err() {
            let state = denied("that is not a number of looks");
            return (named, state, Stage::Owner);
        }
        let Some(image) = self.resolve(&note.image) else {
            return (named, denied("no such picture"), Stage::Owner);
        };
        let stage = match rule {
            AskRule::Grant(limit) if self.is_within(user, &image, note.views, limit) => Stage::Rule,
            _ => Stage::Owner,
        };
        (image, AskState::Open, stage)
    }

    /// Whether one peer has not too many questions open.
    fn has_room_for(&self, from: PublicIdentity) -> bool {
        let kept = self.asks.values();
        let coming = self.jobs.values().filter_map(|job| match &job.step {
            Step::ArrivalRow(ask) => Some(ask.as_ref()),
            _ => None,
        });
        let theirs = kept
            .chain(coming)
            .filter(|ask| !ask.ours && ask.is_open() && ask.peer.identity == from);
        theirs.count() < (self.config.asks_max / PEER_PART).max(1)
    }

    fn turn_away(
        &mut self,
        letter: LetterId,
        to: PublicIdentity,
        ask: AskId,
        out: &mut Outbox<Output>,
    ) {
        out.push(Output::Kept(letter));
        let ticket = self.tickets.draw();
        let reason = "too many questions are open".to_owned();
        let verdict = Verdict::Denied { reason };
        let note = Note::Decision { ask, verdict };
        out.push(Output::Post { ticket, to, note });
    }

    pub(super) fn arrival_written(
        &mut self,
        now: Moment,
        origin: Origin,
        ask: Ask,
        out: &mut Outbox<Output>,
    ) {
        if let Origin::Letter(letter) = origin {
            out.push(Output::Kept(letter));
        }
        if ask.owes_note() {
            self.posts.insert(ask.id, Duty::due(now));
        }
        if ask.stage == Stage::Rule {
            self.grants.insert(ask.id, Duty::due(now));
        }
        let id = ask.id;
        self.asks.insert(id, ask);
        self.tell_waiting(id, out);
    }

    /// Tells whoever watches of a question that waits for our word.
    pub(super) fn tell_waiting(&self, id: AskId, out: &mut Outbox<Output>) {
        let waits = |ask: &&Ask| !ask.ours && ask.is_open() && ask.stage == Stage::Owner;
        if let Some(ask) = self.asks.get(&id).filter(waits) {
            out.push(Output::Notice(Notice::AskArrived {
                ask: id,
                peer: ask.peer.name.clone(),
                image: ask.image.clone(),
                views: ask.views,
            }));
        }
    }

    pub(super) fn requests_wanted(&self, wish: WishId, out: &mut Outbox<Output>) {
        let known = self.asks.values();
        let mut asks: Vec<&Ask> = known.filter(|ask| !ask.is_early()).collect();
        asks.sort_by_key(|ask| ask.order);
        let shown: Vec<OpenAsk> = asks.into_iter().map(Ask::shown).collect();
        done(Origin::Wish(wish), Outcome::Requests(shown), out);
    }

    /// Makes room for one more question. Returns the removals of old ones, or none if all are
    /// open.
    pub(super) fn make_room(&mut self) -> Option<Vec<Record>> {
        let is_coming = |step: &Step| match step {
            Step::AskRow(..) | Step::ArrivalRow(_) => true,
            Step::WithdrawnRow(ask) => ask.is_early(),
            _ => false,
        };
        let coming = self.jobs.values().filter(|job| is_coming(&job.step));
        let mut excess =
            (self.asks.len() + coming.count() + 1).saturating_sub(self.config.asks_max);
        let mut removals = Vec::new();
        while excess > 0 {
            let oldest = self
                .asks
                .values()
                .filter(|ask| !ask.is_open() && !self.posts.contains_key(&ask.id))
                .min_by_key(|ask| ask.order)?
                .id;
            self.asks.remove(&oldest);
            removals.push(Ask::removal(oldest));
            excess -= 1;
        }
        Some(removals)
    }
}

const fn asked(ask: AskId, verdict: Option<Verdict>) -> Outcome {
    Outcome::Asked { ask, verdict }
}
