//! What is told to whoever watches: grants that come, arrive, are looked at, change and end.

use super::{LeaseManager, Output};
use crate::actors::machine::Outbox;
use crate::proto::ids::GrantId;
use crate::proto::lease::{EndReason, LogEntry, LogEvent};
use crate::proto::notice::{LeaseNews, Notice};
use crate::time::Moment;

impl LeaseManager {
    /// News of a grant that we gave.
    pub(super) fn tell_given(
        &self,
        now: Moment,
        id: GrantId,
        what: LeaseNews,
        out: &mut Outbox<Output>,
    ) {
        let at = self.config.calendar.at(now);
        let Some(given) = self.given.get(&id) else {
            return;
        };
        out.push(Output::Notice(Notice::Lease {
            grant: id,
            name: given.grant.name.clone(),
            ours: true,
            peer: given.to.name.clone(),
            left: given.left_at(at),
            what,
        }));
    }

    /// News of a grant that we received.
    pub(super) fn tell_received(&self, id: GrantId, what: LeaseNews, out: &mut Outbox<Output>) {
        let Some(lease) = self.received.get(&id) else {
            return;
        };
        out.push(Output::Notice(Notice::Lease {
            grant: id,
            name: lease.grant.name.clone(),
            ours: false,
            peer: lease.grant.owner_name.clone(),
            left: lease.left(),
            what,
        }));
    }

    /// News in an entry that the borrower reports for the first time.
    pub(super) fn tell_reported(
        &self,
        now: Moment,
        id: GrantId,
        entry: &LogEntry,
        out: &mut Outbox<Output>,
    ) {
        let is_revoked = self.given.get(&id).is_some_and(|of| of.terms().revoked);
        let what = match entry.event {
            LogEvent::Received => LeaseNews::Delivered,
            LogEvent::Viewed { ordinal, .. } => LeaseNews::Viewed { ordinal },
            LogEvent::Expired => LeaseNews::Ended(EndReason::Expired),
            LogEvent::Copied => LeaseNews::Ended(EndReason::Copied),
            LogEvent::Spent if !is_revoked => LeaseNews::Ended(EndReason::Spent),
            // Told when we did it.
            LogEvent::Spent
            | LogEvent::Taken { .. }
            | LogEvent::Returned { .. }
            | LogEvent::Granted { .. }
            | LogEvent::Adjusted { .. } => return,
        };
        self.tell_given(now, id, what, out);
    }
}
