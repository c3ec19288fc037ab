//! The owner's word on peers' questions.

use super::duties::Duty;
use super::jobs::{Origin, Step, done, failed};
use super::rows::{Ask, Stage};
use super::{Output, Sharing, checks};
use crate::actors::machine::Outbox;
use crate::proto::control::{AskState, Failure, Outcome, Reason};
use crate::proto::ids::{AskId, WishId};
use crate::proto::limits::REMARK_MAX_BYTES;
use crate::time::Moment;

impl Sharing {
    pub(super) fn decide_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        prefix: &str,
        views: Option<u32>,
        reason: &str,
        out: &mut Outbox<Output>,
    ) {
        let origin = Origin::Wish(wish);
        let id = match self.may_decide(prefix, views, reason) {
            Ok(id) => id,
            Err(failure) => return failed(origin, failure, out),
        };
        if self
            .asks
            .get(&id)
            .is_some_and(|ask| ask.stage == Stage::Rule)
        {
            // From now on it is the owner's, whatever comes of this decision.
            self.leave_to_owner(id, true, out);
        }
        match views {
            Some(views) => self.approve(now, origin, id, views, out),
            None => {
                let reason = checks::tame(reason, REMARK_MAX_BYTES);
                self.settle(now, origin, id, AskState::Denied(reason), out);
            }
        }
    }

    fn may_decide(&self, prefix: &str, views: Option<u32>, reason: &str) -> Result<AskId, Failure> {
        self.has_place()?;
        if let Some(views) = views {
            checks::views(views)?;
        }
        checks::remark(reason)?;
        let id = self.question(prefix, false)?;
        if self.is_in_hand(id) {
            return Err(checks::taken("the answer"));
        }
        if views.is_some() && self.is_refused(id) {
            return Err(checks::blocked());
        }
        Ok(id)
    }

    /// Whether the person refuses whoever asked.
    pub(super) fn is_refused(&self, id: AskId) -> bool {
        let asker = self.asks.get(&id).map(|ask| ask.peer.identity.user_id());
        asker.is_some_and(|user| self.blocked.contains(&user))
    }

    /// The open question, ours or a peer's, whose name begins so.
    pub(super) fn question(&self, prefix: &str, ours: bool) -> Result<AskId, Failure> {
        let prefix = prefix.to_ascii_lowercase();
        let named: Vec<&Ask> = self
            .asks
            .values()
            .filter(|ask| ask.ours == ours && !prefix.is_empty())
            .filter(|ask| ask.id.hex().starts_with(&prefix))
            .collect();
        let mut open = named.iter().filter(|ask| ask.is_open());
        let hint = "`requests` lists the questions";
        let failure = match (open.next(), open.next()) {
            (Some(ask), None) => return Ok(ask.id),
            (Some(_), Some(_)) => Failure::new(
                Reason::Usage,
                "more than one question begins so",
                "give more digits of its name",
            ),
            (None, _) if named.is_empty() => {
                Failure::new(Reason::NotFound, "there is no such question", hint)
            }
            (None, _) if named.iter().all(|ask| ask.state == AskState::Withdrawn) => {
                Failure::new(Reason::Usage, "that question was taken back", hint)
            }
            (None, _) => Failure::new(Reason::Usage, "that question is answered already", hint),
        };
        Err(failure)
    }

    /// Writes our word on a question; the decision is posted when it is on disk.
    pub(super) fn settle(
        &mut self,
        now: Moment,
        origin: Origin,
        id: AskId,
        state: AskState,
        out: &mut Outbox<Output>,
    ) {
        let Some(ask) = self.asks.get(&id) else {
            return failed(origin, checks::unrecorded(), out);
        };
        let reserved = ask.reserved;
        let given = match state {
            AskState::Approved(views) => views,
            _ => 0,
        };
        let ask = Ask {
            state,
            stage: Stage::Owner,
            reserved: 0,
            posted: false,
            ..ask.clone()
        };
        let mut records = vec![ask.record()];
        records.extend(self.shift_total(ask.grant(self.config.me), reserved, given));
        let step = Step::AnswerRow(Box::new(ask));
        self.write(now, origin, step, records, out);
    }

    pub(super) fn answer_written(
        &mut self,
        now: Moment,
        origin: Origin,
        ask: Ask,
        out: &mut Outbox<Output>,
    ) {
        let id = ask.id;
        self.commit(now, ask);
        done(origin, Outcome::Decided(id), out);
    }

    /// The disk did not take our word. Looks that were given stay given.
    pub(super) fn answer_lost(
        &mut self,
        now: Moment,
        origin: Origin,
        ask: Ask,
        failure: Failure,
        out: &mut Outbox<Output>,
    ) {
        if matches!(ask.state, AskState::Approved(_)) {
            self.commit(now, ask);
            return failed(origin, checks::unrecorded(), out);
        }
        if let Some(before) = self.asks.get(&ask.id) {
            let (grant, reserved) = (before.grant(self.config.me), before.reserved);
            self.shift_total(grant, 0, reserved);
        }
        failed(origin, failure, out);
    }

    fn commit(&mut self, now: Moment, ask: Ask) {
        self.grants.remove(&ask.id);
        self.posts.insert(ask.id, Duty::due(now));
        self.asks.insert(ask.id, ask);
    }
}
