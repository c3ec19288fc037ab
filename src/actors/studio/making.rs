//! The steps of a picture: sealed, hidden by the cloud, checked, its key kept.

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::job::{Asker, Job, Picture, Piece, Step};
use super::{CLOUD_STEPS, Output, Studio, failures};
use crate::actors::edges::{
    DiskAnswer, DiskOrder, Rights, SealJob, Ticket, Work, WorkDone, WorkFault,
};
use crate::actors::machine::Outbox;
use crate::proto::control::{Carrier, News, Outcome, Progress, Report};
use crate::proto::ids::{Digest, WishId};
use crate::time::Moment;

/// Longest file name that is kept inside a picture, in bytes: what file systems allow.
const FILE_NAME_MAX_BYTES: usize = 255;

impl Studio {
    pub(super) fn make(
        &mut self,
        now: Moment,
        asker: Asker,
        rights: Rights,
        (original, carrier): (Bytes, Carrier),
        out: &mut Outbox<Output>,
    ) {
        if !self.admits(asker, out) {
            return;
        }
        let refusal = if original.len() > self.config.original_max_bytes {
            Some(failures::original_too_large(self.config.original_max_bytes))
        } else if matches!(asker, Asker::Person(_)) && !self.keyring.has_room() {
            Some(failures::keyring_full(self.config.keys_max))
        } else {
            None
        };
        if let Some(failure) = refusal {
            asker.fail(failure, out);
            return;
        }
        let (mut key, mut seed) = ([0; 32], [0; 32]);
        self.rng.fill_bytes(&mut key);
        self.rng.fill_bytes(&mut seed);
        let piece = Piece {
            rights: rights.clone(),
            original: Digest::of(&original),
            key,
            cover: None,
        };
        let ticket = self.begin(now, asker, Step::Seal(piece));
        let work = Work::Seal(SealJob {
            rights,
            original,
            key,
            seed,
            carrier,
        });
        out.push(Output::Work { ticket, work });
    }

    pub(super) fn hide_for_oneself(
        &mut self,
        now: Moment,
        wish: WishId,
        name: String,
        files: (Bytes, Carrier),
        out: &mut Outbox<Output>,
    ) {
        let asker = Asker::Person(wish);
        if name.len() > FILE_NAME_MAX_BYTES {
            asker.fail(failures::name_too_long(FILE_NAME_MAX_BYTES), out);
            return;
        }
        let rights = Rights {
            name,
            owner: self.config.me,
            borrower: self.config.me,
            grant: None,
            views: 0,
        };
        self.make(now, asker, rights, files, out);
    }

    pub(super) fn worked(
        &mut self,
        now: Moment,
        ticket: Ticket,
        done: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        let expected = |job: &Job| !matches!(job.step, Step::Hide(_) | Step::Keep(..));
        if !self.jobs.get(&ticket).is_some_and(expected) {
            return;
        }
        let Some(Job { asker, step, .. }) = self.jobs.remove(&ticket) else {
            return;
        };
        match (step, done) {
            (Step::Seal(mut piece), WorkDone::Sealed { body, cover }) => {
                piece.cover = cover;
                let ticket = self.begin(now, asker, Step::Hide(piece));
                out.push(Output::Hide { ticket, body });
            }
            (
                Step::Check(piece, picture),
                WorkDone::Opened {
                    rights, original, ..
                },
            ) => {
                if rights == piece.rights && Digest::of(&original) == piece.original {
                    self.keep(now, asker, piece, picture, out);
                } else {
                    asker.fail(failures::wrong_picture(), out);
                }
            }
            (Step::Check(..), WorkDone::Failed(fault)) => {
                asker.fail(failures::of_check(&fault), out);
            }
            (
                Step::Reveal,
                WorkDone::Opened {
                    rights, original, ..
                },
            ) => {
                let name = rights.name;
                asker.done(Outcome::Revealed { name, original }, out);
            }
            (Step::Inspect, WorkDone::Inspected(inspection)) => {
                asker.done(Outcome::Inspected(inspection), out);
            }
            (Step::Reveal | Step::Inspect, WorkDone::Failed(fault)) => {
                asker.fail(failures::of_look(&fault), out);
            }
            (_, WorkDone::Failed(fault)) => asker.fail(failures::of_work(&fault), out),
            _ => asker.fail(failures::of_work(&WorkFault::Crashed), out),
        }
    }

    pub(super) fn progressed(
        &mut self,
        now: Moment,
        ticket: Ticket,
        progress: Progress,
        out: &mut Outbox<Output>,
    ) {
        let fails_at = self.fails_at(now, CLOUD_STEPS);
        let Some(job) = self.jobs.get_mut(&ticket) else {
            return;
        };
        if !matches!(job.step, Step::Hide(_)) {
            return;
        }
        job.fails_at = fails_at;
        out.push(match job.asker {
            Asker::Person(wish) => Output::Report(Report {
                wish,
                news: News::Progress(progress),
            }),
            Asker::Concern(ticket) => Output::Making { ticket, progress },
        });
    }

    /// The piece that the cloud works on, if `ticket` names one.
    pub(super) fn take_hidden(&mut self, ticket: Ticket) -> Option<(Asker, Piece)> {
        if !matches!(self.jobs.get(&ticket)?.step, Step::Hide(_)) {
            return None;
        }
        match self.jobs.remove(&ticket)? {
            Job {
                asker,
                step: Step::Hide(piece),
                ..
            } => Some((asker, piece)),
            _ => None,
        }
    }

    pub(super) fn hidden(
        &mut self,
        now: Moment,
        ticket: Ticket,
        made: Picture,
        out: &mut Outbox<Output>,
    ) {
        let Some((asker, piece)) = self.take_hidden(ticket) else {
            return;
        };
        let work = Work::Open {
            picture: made.picture.clone(),
            keys: vec![piece.key],
        };
        let ticket = self.begin(now, asker, Step::Check(piece, made));
        out.push(Output::Work { ticket, work });
    }

    pub(super) fn keep(
        &mut self,
        now: Moment,
        asker: Asker,
        piece: Piece,
        made: Picture,
        out: &mut Outbox<Output>,
    ) {
        let own = matches!(asker, Asker::Person(_));
        match self.keyring.add(piece.key, own) {
            Some((change, records)) => {
                let ticket = self.begin(now, asker, Step::Keep(piece, made, change));
                let order = DiskOrder::Write(records);
                out.push(Output::Disk { ticket, order });
            }
            // Other pictures for oneself took the last places meanwhile.
            None if own => asker.fail(failures::keyring_full(self.config.keys_max), out),
            // The lease manager has the key of every grant.
            None => asker.made(&piece, made, out),
        }
    }

    pub(super) fn kept(&mut self, ticket: Ticket, answer: &DiskAnswer, out: &mut Outbox<Output>) {
        let expected = |job: &Job| matches!(job.step, Step::Keep(..));
        if !self.jobs.get(&ticket).is_some_and(expected) {
            return;
        }
        if let Some(Job {
            asker,
            step: Step::Keep(piece, made, change),
            ..
        }) = self.jobs.remove(&ticket)
        {
            if *answer == DiskAnswer::Written {
                self.keyring.commit(change);
                asker.made(&piece, made, out);
            } else {
                asker.fail(failures::key_not_kept(), out);
            }
        }
    }
}
