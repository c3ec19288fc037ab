//! What the ledger knows of a grant that we gave and the borrower may not tell: that two copies of
//! their client were used.
//!
//! The question is the order that opened the account. It changes nothing, and its answer tells how
//! the account stands.

use super::given::Given;
use super::jobs::{Job, RowKey};
use super::{ATTEND_MAX, LeaseManager, Output};
use crate::actors::machine::Outbox;
use crate::proto::ids::GrantId;
use crate::proto::lease::{EndReason, LogEntry, LogEvent};
use crate::proto::ledger::{Command, Refusal, Reply};
use crate::proto::notice::LeaseNews;
use crate::time::{Moment, WallTime};

impl LeaseManager {
    /// Asks, from time to time, how accounts stand whose looks may be with a device.
    pub(super) fn ask_standings(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let is_due = |given: &&Given| given.may_be_copied() && given.run.asked_at <= now;
        let due = self.given.values().filter(is_due).take(ATTEND_MAX);
        for id in due.map(Given::id).collect::<Vec<_>>() {
            self.ask_standing(now, id, out);
        }
    }

    fn ask_standing(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let next = self.after(now, self.config.standing_ms);
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        given.run.asked_at = next;
        let Some(opening) = given.opening() else {
            return;
        };
        let job = Job::AskStanding(id, given.grant.granted_at);
        let ticket = self.jobs.add(self.step_end(now), job);
        let command = Command::Open(opening);
        out.push(Output::Order { ticket, command });
    }

    /// The ledger's word on it.
    pub(super) fn standing_told(
        &mut self,
        now: Moment,
        (id, granted_at): (GrantId, WallTime),
        reply: Reply,
        out: &mut Outbox<Output>,
    ) {
        let at = self.config.calendar.at(now);
        let Some(given) = self.given_at(id, granted_at) else {
            return;
        };
        let is_revoked = match reply {
            Reply::Opened(standing) => standing.revoked,
            Reply::Refused(Refusal::Revoked) => true,
            _ => false,
        };
        // We may have revoked it meanwhile ourselves.
        if !is_revoked || !given.may_be_copied() {
            return;
        }
        given.end_copied(at);
        let event = LogEvent::Copied;
        let mut keys = self.log.insert(id, LogEntry { at, event });
        keys.push(RowKey::Given(id));
        self.store(now, keys, Vec::new(), out);
        self.tell_given(now, id, LeaseNews::Ended(EndReason::Copied), out);
    }
}
