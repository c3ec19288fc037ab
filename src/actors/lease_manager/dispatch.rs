//! Which input goes where.

use super::jobs::Opening;
use super::{Input, LeaseManager, Output, done, failed};
use crate::actors::machine::Outbox;
use crate::proto::control::Outcome;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::LetterId;
use crate::proto::letter::Note;
use crate::time::Moment;

impl LeaseManager {
    pub(super) fn dispatch(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::ViewWanted { wish, lease } => self.view_wanted(now, wish, &lease, out),
            Input::Shown { wish, view } => self.shown(now, wish, view, out),
            Input::LetGo { wish, view } => self.let_go(now, wish, view, out),
            Input::TakeWanted {
                wish,
                lease,
                looks,
                until,
            } => self.take_wanted(now, wish, &lease, (looks, until), out),
            Input::ReturnWanted { wish, lease } => self.return_wanted(now, wish, &lease, out),
            Input::LeasesWanted(wish) => {
                let leases = self.leases(now);
                out.push(done(wish, Outcome::Leases(leases)));
            }
            Input::AdjustWanted {
                wish,
                lease,
                change,
            } => self.adjust_wanted(now, wish, &lease, change, out),
            Input::LedgerWanted { wish, lease } => out.push(match self.ledger(lease) {
                Ok(ledger) => done(wish, ledger),
                Err(failure) => failed(wish, failure),
            }),
            Input::MoreLooks {
                ticket,
                grant,
                views,
            } => self.more_looks(now, ticket, grant, views, out),
            Input::OpenGrant {
                ticket,
                to,
                grant,
                picture,
            } => self.open_grant(now, Opening::new(ticket, to, grant, picture), out),
            Input::NoteArrived {
                letter,
                from,
                direct,
                note,
                ..
            } => self.note_arrived(now, letter, (from, direct), note, out),
            Input::PictureArrived {
                from,
                grant,
                form,
                body,
            } => self.picture_arrived(now, from, grant, (form, body), out),
            Input::PictureMoves {
                grant,
                done_bytes,
                total_bytes,
            } => self.picture_moves(grant, (done_bytes, total_bytes), out),
            Input::PictureSent(grant) | Input::PictureNotSent(grant) => {
                self.sending_ended(now, grant);
            }
            Input::Located { ticket, online, .. } => self.located(now, ticket, online, out),
            Input::Posted { ticket, how } => self.posted(now, ticket, how, out),
            Input::Deposited { ticket, servers } => self.deposited(now, ticket, servers, out),
            Input::Ordered { ticket, answer } => self.ordered(now, ticket, answer, out),
            Input::Looked { ticket, looked } => self.looked(now, ticket, looked, out),
            Input::ServerHeard { from, disk } => self.server_heard(from, disk),
            Input::Lent { ticket, lent } => self.lent(now, ticket, lent, out),
            Input::Worked { ticket, done } => self.worked(now, ticket, done, out),
            Input::Disk { ticket, answer } => self.disk_answered(now, ticket, answer, out),
        }
    }

    fn note_arrived(
        &mut self,
        now: Moment,
        letter: LetterId,
        (from, direct): (PublicIdentity, bool),
        note: Note,
        out: &mut Outbox<Output>,
    ) {
        match note {
            Note::Grant(grant) => self.take_grant(now, letter, from, grant, out),
            Note::Adjust { adjust, key } => self.take_change(now, letter, from, (adjust, key), out),
            Note::Report { grant, entries } => {
                self.report_heard(now, letter, from, (grant, &entries), out);
            }
            Note::PictureAsk { grant, form } => {
                self.picture_asked(now, grant, form, (from, direct), out);
                out.push(Output::Kept(letter));
            }
            Note::GalleryAsk { .. }
            | Note::Gallery { .. }
            | Note::ImageAsk(_)
            | Note::Withdrawn(_)
            | Note::Decision { .. } => out.push(Output::Kept(letter)),
        }
    }
}
