//! How requests end: what this server's worker says of them, and what other servers say.

use super::over::End;
use super::{Election, Output, Repeat};
use crate::actors::machine::Outbox;
use crate::proto::ids::NodeId;
use crate::proto::packet::{Done, Packet};
use crate::time::Moment;

impl Election {
    pub(super) fn done_heard(
        &mut self,
        now: Moment,
        from: NodeId,
        done: Done,
        out: &mut Outbox<Output>,
    ) {
        if !self.seats.is_peer(from) {
            return;
        }
        self.seats.spoke(from, now);
        let known = self.over.end_of(done.request);
        if known.is_none_or(|end| done.is_delivered && !end.is_delivered) {
            let epoch = known.map_or(0, |end| end.epoch);
            self.end(now, (from, epoch), done, out);
        }
    }

    pub(super) fn finished(&mut self, now: Moment, done: Done, out: &mut Outbox<Output>) {
        let is_open = self.cases.contains_key(&done.request);
        if is_open && self.end(now, (self.config.me, 0), done, out) {
            self.tell_peers(&Packet::Done(done), out);
            let again = now.after(self.config.repeat_after());
            self.repeat(again, Repeat::Done(done));
        }
    }

    /// A request is over, says server `by`; `epoch` counts if it is not open here. Whether that is
    /// believed.
    fn end(
        &mut self,
        now: Moment,
        (by, mut epoch): (NodeId, u32),
        done: Done,
        out: &mut Outbox<Output>,
    ) -> bool {
        let case = self.take(done.request);
        let owner = case
            .as_ref()
            .and_then(|one| one.stand.owner(self.config.me));
        if let Some(case) = case {
            // Who refuses a request that another server has won speaks for itself; but what the
            // client has it has, whoever gave it.
            if !done.is_delivered && owner.is_some_and(|owner| owner != by) {
                self.put(case);
                return false;
            }
            epoch = case.epoch;
        }
        self.seats.uncount(owner);
        let end = End {
            at: now,
            knows: by,
            epoch,
            is_delivered: done.is_delivered,
        };
        self.over.insert(done.request, end);
        // The body of a request that was refused may soon be wanted again.
        if done.is_delivered {
            out.push(Output::Forget(done.request));
        }
        true
    }
}
