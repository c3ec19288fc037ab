//! Pictures on their way from owner to borrower.
//!
//! A picture in a default cover is told by what it is made from: the borrower owns the cover and
//! makes the same file, which the digest in the grant proves. Whatever goes wrong with that, at
//! either end, the file itself is sent.

use bytes::Bytes;

use super::super::edges::{DiskOrder, Work, WorkDone, WorkFault};
use super::given::{Given, hidden_file};
use super::jobs::Job;
use super::received::Received;
use super::{LeaseManager, Output, SENDING_MS};
use crate::actors::machine::Outbox;
use crate::proto::cargo::Form;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{Digest, GrantId, UserId};
use crate::time::Moment;

impl LeaseManager {
    pub(super) fn locate_borrower(
        &mut self,
        now: Moment,
        id: GrantId,
        asked: bool,
        out: &mut Outbox<Output>,
    ) {
        let is_wanted = |given: &&Given| asked || given.is_to_deliver();
        let Some(given) = self.given.get(&id).filter(is_wanted) else {
            return;
        };
        let user = given.to.identity.user_id();
        let job = Job::LocateBorrower { grant: id, asked };
        let ticket = self.jobs.add(self.step_end(now), job);
        out.push(Output::Locate { ticket, user });
    }

    pub(super) fn borrower_located(
        &mut self,
        now: Moment,
        id: GrantId,
        asked: bool,
        online: bool,
        out: &mut Outbox<Output>,
    ) {
        let attempts = self.config.attempts;
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        if !online {
            given.run.tries = 0;
            return;
        }
        if asked || (given.is_to_deliver() && given.run.tries < attempts) {
            self.read_hidden(now, id, out);
        }
    }

    /// Sends the picture, unless it is on its way.
    pub(super) fn read_hidden(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let end = self.step_end(now);
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        if given.run.sending.is_some_and(|until| now < until) {
            return;
        }
        given.run.sending = Some(end);
        given.run.tries = given.run.tries.saturating_add(1);
        let order = DiskOrder::Read(hidden_file(&given.grant));
        let ticket = self.jobs.add(end, Job::ReadHidden(id));
        out.push(Output::Disk { ticket, order });
    }

    /// The picture is read: it is sent as it is, or reduced first.
    pub(super) fn hidden_read(
        &mut self,
        now: Moment,
        id: GrantId,
        picture: Bytes,
        out: &mut Outbox<Output>,
    ) {
        let end = self.step_end(now);
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        let whole = given.run.only_whole || self.config.delivery == Form::Png;
        match given.grant.cover.filter(|_| !whole) {
            Some(cover) => {
                given.run.sending = Some(end);
                let (key, copy) = (given.content_key(), picture.clone());
                let ticket = self.jobs.add(end, Job::Reduce(id, copy));
                let work = Work::Reduce {
                    picture,
                    key,
                    cover,
                };
                out.push(Output::Work { ticket, work });
            }
            None => self.send_picture(now, id, (Form::Png, picture), out),
        }
    }

    pub(super) fn reduced(
        &mut self,
        now: Moment,
        id: GrantId,
        picture: Bytes,
        done: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        let sent = match done {
            WorkDone::Reduced(Some(delta)) => (Form::Delta, delta),
            _ => (Form::Png, picture),
        };
        self.send_picture(now, id, sent, out);
    }

    fn send_picture(
        &mut self,
        now: Moment,
        id: GrantId,
        (form, body): (Form, Bytes),
        out: &mut Outbox<Output>,
    ) {
        let end = self.after(now, SENDING_MS);
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        given.run.sending = Some(end);
        let (to, grant) = (given.to.identity.user_id(), id);
        let number = given.run.kept_at.0;
        out.push(Output::SendPicture {
            to,
            grant,
            form,
            number,
            body,
        });
    }

    /// Whoever waits for the delivery sees it move.
    pub(super) fn picture_moves(
        &self,
        id: GrantId,
        (done_bytes, total_bytes): (u32, u32),
        out: &mut Outbox<Output>,
    ) {
        let waiting = self.given.get(&id).and_then(|given| given.run.waiting);
        if let Some((ticket, _)) = waiting {
            out.push(Output::Delivering {
                ticket,
                done_bytes,
                total_bytes,
            });
        }
    }

    /// A sending came to its end, one way or the other.
    pub(super) fn sending_ended(&mut self, now: Moment, id: GrantId) {
        let due = self.due_end(now);
        if let Some(given) = self.given.get_mut(&id) {
            given.run.sending = None;
            given.run.due_at = due;
        }
    }

    pub(super) fn picture_asked(
        &mut self,
        now: Moment,
        id: GrantId,
        form: Form,
        (from, direct): (PublicIdentity, bool),
        out: &mut Outbox<Output>,
    ) {
        let is_theirs = |given: &&mut Given| given.to.identity == from && !given.terms().revoked;
        let Some(given) = self.given.get_mut(&id).filter(is_theirs) else {
            return;
        };
        given.run.only_whole |= form == Form::Png;
        if direct {
            self.read_hidden(now, id, out);
        } else {
            self.locate_borrower(now, id, true, out);
        }
    }

    /// Taken from the owner only: nobody else can make us read and write pictures.
    pub(super) fn picture_arrived(
        &mut self,
        now: Moment,
        from: UserId,
        id: GrantId,
        (form, body): (Form, Bytes),
        out: &mut Outbox<Output>,
    ) {
        let is_wanted = |lease: &&Received| lease.is_wanting() && lease.owner.user_id() == from;
        let Some(lease) = self.received.get(&id).filter(is_wanted) else {
            return;
        };
        if self.is_arriving(id) {
            return;
        }
        match form {
            Form::Png if lease.is_picture(body.len(), Digest::of(&body)) => {
                self.keep_received(now, id, body, out);
            }
            Form::Png => {}
            Form::Delta => {
                let ticket = self.jobs.add(self.step_end(now), Job::Render(id));
                let work = Work::Render(body);
                out.push(Output::Work { ticket, work });
            }
        }
    }

    /// The picture of a delta. If it is not the one that was granted, the file is asked for.
    pub(super) fn rendered(
        &mut self,
        now: Moment,
        id: GrantId,
        done: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        let Some(lease) = self
            .received
            .get_mut(&id)
            .filter(|lease| lease.is_wanting())
        else {
            return;
        };
        match done {
            WorkDone::Embedded { picture, digest } if lease.is_picture(picture.len(), digest) => {
                self.keep_received(now, id, picture, out);
            }
            // Nothing is wrong with it; it is asked for again when it is due.
            WorkDone::Failed(WorkFault::Busy) => {}
            _ => {
                lease.run.only_whole = true;
                let (to, note) = (lease.owner, lease.picture_ask());
                let ticket = self.jobs.draw();
                out.push(Output::Post { ticket, to, note });
            }
        }
    }

    fn keep_received(
        &mut self,
        now: Moment,
        id: GrantId,
        picture: Bytes,
        out: &mut Outbox<Output>,
    ) {
        let Some(lease) = self.received.get(&id) else {
            return;
        };
        let order = DiskOrder::Keep(lease.picture_file(), picture);
        let ticket = self.jobs.add(self.step_end(now), Job::KeepReceived(id));
        out.push(Output::Disk { ticket, order });
    }

    /// Whether the picture is here, but not yet on our disk.
    pub(super) fn is_arriving(&self, id: GrantId) -> bool {
        let is_here =
            |job: &Job| matches!(job, Job::KeepReceived(of) | Job::Render(of) if *of == id);
        self.jobs.any(is_here)
    }
}
