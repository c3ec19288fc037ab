//! Questions that their askers take back, and wishes that a person gives up.
//!
//! Whichever of withdrawal and approval is on the owner's disk first holds on both sides: an owner
//! who has answered ignores a withdrawal, and an asker takes an answer also to a question that
//! they have taken back.

use super::duties::Duty;
use super::jobs::{Origin, Step, done, failed};
use super::rows::{Ask, Stage};
use super::shares::ShareStep;
use super::{Output, Sharing, checks};
use crate::actors::edges::{Contact, Ticket};
use crate::actors::machine::Outbox;
use crate::proto::control::{AskState, Failure, Outcome};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{AskId, LetterId, WishId};
use crate::proto::letter::ImageRef;
use crate::proto::notice::Notice;
use crate::time::{Moment, WallTime};

impl Sharing {
    // ---- ours ----

    pub(super) fn withdraw_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        prefix: &str,
        out: &mut Outbox<Output>,
    ) {
        match self.may_withdraw(prefix) {
            Ok(id) => self.take_back(now, wish, id, out),
            Err(failure) => failed(Origin::Wish(wish), failure, out),
        }
    }

    fn may_withdraw(&self, prefix: &str) -> Result<AskId, Failure> {
        self.has_place()?;
        let id = self.question(prefix, true)?;
        if self.is_in_hand(id) {
            return Err(checks::taken("the question"));
        }
        Ok(id)
    }

    /// Writes that an open question of ours is taken back.
    fn take_back(&mut self, now: Moment, wish: WishId, id: AskId, out: &mut Outbox<Output>) {
        let origin = Origin::Wish(wish);
        let Some(ask) = self.asks.get(&id) else {
            return failed(origin, checks::silent(), out);
        };
        let ask = Ask {
            state: AskState::Withdrawn,
            posted: false,
            ..ask.clone()
        };
        let records = vec![ask.record()];
        let step = Step::WithdrawnRow(Box::new(ask));
        self.write(now, origin, step, records, out);
    }

    // ---- our peers' ----

    pub(super) fn withdrawal_arrived(
        &mut self,
        now: Moment,
        letter: LetterId,
        from: PublicIdentity,
        posted_at: WallTime,
        id: AskId,
        out: &mut Outbox<Output>,
    ) {
        if self.is_in_hand(id) || !self.has_place_for_note() {
            // It comes again.
            return;
        }
        let mut records = Vec::new();
        let ask = match self.asks.get(&id) {
            Some(ask) if !ask.ours && ask.is_open() && ask.peer.identity == from => Ask {
                state: AskState::Withdrawn,
                stage: Stage::Owner,
                reserved: 0,
                posted: true,
                ..ask.clone()
            },
            // Answered already, or not theirs.
            Some(_) => return out.push(Output::Kept(letter)),
            None => {
                let Some(removals) = self.make_room() else {
                    return out.push(Output::Kept(letter));
                };
                records = removals;
                self.early(from, posted_at, id)
            }
        };
        let (grant, reserved) = (ask.grant(self.config.me), self.reserved(id));
        records.push(ask.record());
        records.extend(self.shift_total(grant, reserved, 0));
        let step = Step::WithdrawnRow(Box::new(ask));
        self.write(now, Origin::Letter(letter), step, records, out);
    }

    /// What is remembered of a question whose withdrawal overtook it, so that it is not asked when
    /// it comes.
    fn early(&mut self, from: PublicIdentity, posted_at: WallTime, id: AskId) -> Ask {
        self.last_order = self.last_order.saturating_add(1);
        Ask {
            id,
            order: self.last_order,
            ours: false,
            peer: Contact {
                name: from.user_id().short(),
                identity: from,
            },
            image: String::new(),
            wanted: ImageRef::Name(String::new()),
            views: 0,
            remark: String::new(),
            at: posted_at,
            state: AskState::Withdrawn,
            stage: Stage::Owner,
            reserved: 0,
            posted: true,
        }
    }

    /// Looks that a rule has set aside for a question.
    fn reserved(&self, id: AskId) -> u32 {
        self.asks.get(&id).map_or(0, |ask| ask.reserved)
    }

    // ---- both ----

    pub(super) fn withdrawal_written(
        &mut self,
        now: Moment,
        origin: Origin,
        ask: Ask,
        out: &mut Outbox<Output>,
    ) {
        let id = ask.id;
        if let Origin::Letter(letter) = origin {
            out.push(Output::Kept(letter));
        }
        if ask.ours {
            self.posts.insert(id, Duty::due(now));
        } else if self.asks.contains_key(&id) {
            self.grants.remove(&id);
            out.push(Output::Notice(Notice::AskWithdrawn {
                ask: id,
                peer: ask.peer.name.clone(),
            }));
        }
        self.asks.insert(id, ask);
        let waiting = self.waits.remove(&id).map(|wait| wait.wish);
        if let Some(waiting) = waiting {
            failed(Origin::Wish(waiting), checks::cancelled(), out);
        }
        if waiting.map(Origin::Wish) != Some(origin) {
            done(origin, Outcome::Withdrawn(id), out);
        }
    }

    /// The disk did not take a withdrawal: everything is as before.
    pub(super) fn withdrawal_lost(&mut self, origin: Origin, ask: &Ask) {
        let reserved = self.reserved(ask.id);
        self.shift_total(ask.grant(self.config.me), 0, reserved);
        let waits = self.waits.get(&ask.id).map(|wait| Origin::Wish(wait.wish));
        if waits == Some(origin) {
            // That wish is told of the failure, and of nothing else.
            self.waits.remove(&ask.id);
        }
    }

    // ---- wishes ----

    /// A person gives up a wish, if it is one of ours. Whoever wished is told; `wish` is told only
    /// if it is too late.
    pub(super) fn cancel_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        target: WishId,
        out: &mut Outbox<Output>,
    ) {
        let waiting = self.waits.iter().find(|(_, wait)| wait.wish == target);
        if let Some(id) = waiting.map(|(id, _)| *id) {
            if self.is_in_hand(id) {
                failed(Origin::Wish(wish), checks::taken("the answer"), out);
            } else {
                self.take_back(now, target, id, out);
            }
            return;
        }
        let origin = Origin::Wish(target);
        let mut jobs = self.jobs.iter();
        let Some((&number, job)) = jobs.find(|(_, job)| job.origin == origin) else {
            return;
        };
        match &job.step {
            Step::GalleryFind
            | Step::GalleryWait { .. }
            | Step::AskFind(_)
            | Step::RuleFind(_)
            | Step::ShareFind(_)
            | Step::OfferPreview(..)
            | Step::Share(_, ShareStep::Reading) => {}
            Step::Share(_, ShareStep::Making) => {
                let desk = crate::actors::edges::Desk::Sharing;
                out.push(Output::CancelMake(Ticket { desk, number }));
            }
            Step::Share(..) | Step::ShareRow(_) => {
                return failed(Origin::Wish(wish), checks::given_already(), out);
            }
            _ => return failed(Origin::Wish(wish), checks::taken("its end"), out),
        }
        self.jobs.remove(&number);
        failed(origin, checks::cancelled(), out);
    }
}
