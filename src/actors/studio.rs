//! Pictures in the making: sealed here, hidden by the cloud, checked here before anybody trusts
//! them; and pictures opened or inspected.
//!
//! Draws the content keys and keeps them on a keyring, so that an owner can open their own
//! pictures. The key of a grant belongs to the lease manager, and its copy here is the first to go
//! when the keyring is full. A picture from the cloud counts only after it was opened with its key
//! and gave back what went in.
//!
//! Invariants: nobody is told of a picture whose key is not on disk; a job is answered once, with
//! its end or with a failure; whatever an edge does not answer in time fails its job.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use self::job::{Asker, Job, Picture, Step};
use self::keyring::Keyring;
use super::edges::{
    Desk, DiskAnswer, DiskOrder, Record, Rights, Row, Ticket, TicketBook, Work, WorkDone,
};
use super::machine::{Machine, Outbox};
use crate::proto::control::{Carrier, Failure, Progress, Report, Timings};
use crate::proto::ids::{RequestId, UserId, WishId};
use crate::time::Moment;

mod failures;
mod job;
mod keyring;
mod making;
#[cfg(test)]
mod tests;

/// The cloud may take so many steps' time between two signs of progress: the concern that asks it
/// has deadlines of its own, and this one must not be the shorter.
const CLOUD_STEPS: u64 = 10;

/// Who we are, timings and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub me: UserId,
    /// Pictures being made, opened or inspected at the most; further ones are refused as busy.
    pub making_max: usize,
    /// Keys kept at the most.
    pub keys_max: usize,
    /// Largest original in bytes.
    pub original_max_bytes: usize,
    /// A step that is not answered for so long counts as failed, in milliseconds.
    pub step_ms: u64,
}

impl Config {
    /// Timings and bounds for a local network.
    #[must_use]
    pub const fn lan(me: UserId) -> Self {
        Self {
            me,
            // Each holds an original and a picture in memory.
            making_max: 8,
            // Trying a key costs microseconds: all of them cost less than reading the picture.
            keys_max: 4_096,
            // With its cover it still fits one message.
            original_max_bytes: 32 << 20,
            // The largest picture on a slow and busy machine.
            step_ms: 20_000,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A concern wants a picture for a borrower.
    Make {
        /// Whose order.
        ticket: Ticket,
        /// The rights that travel inside.
        rights: Rights,
        /// The original file.
        original: Bytes,
        /// How it is hidden, and in what.
        carrier: Carrier,
    },
    /// A person hides a file for themselves.
    HideWanted {
        /// The wish.
        wish: WishId,
        /// File name.
        name: String,
        /// The file.
        original: Bytes,
        /// How it is hidden, and in what.
        carrier: Carrier,
    },
    /// A person gives up a wish, perhaps one of another concern.
    CancelWanted(WishId),
    /// A concern does not want its picture any more.
    CancelMake(Ticket),
    /// A person wants to see what is inside a picture.
    RevealWanted {
        /// The wish.
        wish: WishId,
        /// A picture file.
        picture: Bytes,
    },
    /// A person wants to know what can be told of a picture.
    InspectWanted {
        /// The wish.
        wish: WishId,
        /// A picture file.
        picture: Bytes,
    },
    /// The CPU pool is done.
    Worked {
        /// Our number.
        ticket: Ticket,
        /// With what result.
        done: WorkDone,
    },
    /// The cloud goes on with a picture.
    Progressed {
        /// Our number.
        ticket: Ticket,
        /// Where it stands.
        progress: Progress,
    },
    /// The cloud has made a picture.
    Hidden {
        /// Our number.
        ticket: Ticket,
        /// The request.
        request: RequestId,
        /// A PNG.
        picture: Bytes,
        /// Where the time went.
        timings: Timings,
    },
    /// The cloud has not.
    NotHidden {
        /// Our number.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// The disk answered.
    Disk {
        /// Our number.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Do this on the CPU pool.
    Work {
        /// Our number.
        ticket: Ticket,
        /// What.
        work: Work,
    },
    /// Have the cloud do this.
    Hide {
        /// Our number.
        ticket: Ticket,
        /// An encoded hide job.
        body: Bytes,
    },
    /// The cloud need not.
    CancelHide(Ticket),
    /// A picture that a concern wanted goes on.
    Making {
        /// Whose order.
        ticket: Ticket,
        /// Where it stands.
        progress: Progress,
    },
    /// A picture that a concern wanted is made and checked.
    Made {
        /// Whose order.
        ticket: Ticket,
        /// Opens it.
        key: [u8; 32],
        /// A PNG.
        picture: Bytes,
        /// Number of the default cover; none for an own cover.
        cover: Option<u8>,
        /// Where the time went.
        timings: Timings,
    },
    /// It is not.
    NotMade {
        /// Whose order.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// Tell a person.
    Report(Report),
    /// Ask the disk.
    Disk {
        /// Our number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}

/// Pictures in the making, and the keyring.
pub struct Studio {
    config: Config,
    rng: ChaCha20Rng,
    tickets: TicketBook,
    keyring: Keyring,
    /// By the ticket of the step that runs.
    jobs: BTreeMap<Ticket, Job>,
    /// Rows that were found damaged or over the bound: deleted at the first call.
    chores: Vec<Record>,
}

impl Studio {
    /// A studio with the keys of `keyring`, the rows of [`super::edges::Table::Keyring`]. `seed`
    /// must be fresh.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], keyring: Vec<Row>) -> Self {
        let mut chores = Vec::new();
        let keyring = Keyring::new(keyring, config.keys_max, &mut chores);
        Self {
            config,
            rng: ChaCha20Rng::from_seed(seed),
            tickets: TicketBook::new(Desk::Studio),
            keyring,
            jobs: BTreeMap::new(),
            chores,
        }
    }

    fn clean_up(&mut self, out: &mut Outbox<Output>) {
        if !self.chores.is_empty() {
            let ticket = self.tickets.draw();
            let order = DiskOrder::Write(core::mem::take(&mut self.chores));
            out.push(Output::Disk { ticket, order });
        }
    }

    /// Whether there is room for a job; a repeat of one that runs is ignored.
    fn admits(&self, asker: Asker, out: &mut Outbox<Output>) -> bool {
        if self.jobs.values().any(|job| job.asker == asker) {
            return false;
        }
        if self.jobs.len() >= self.config.making_max {
            asker.fail(failures::busy(self.config.making_max), out);
            return false;
        }
        true
    }

    fn begin(&mut self, now: Moment, asker: Asker, step: Step) -> Ticket {
        let steps = if matches!(step, Step::Hide(_)) {
            CLOUD_STEPS
        } else {
            1
        };
        let ticket = self.tickets.draw();
        let fails_at = self.fails_at(now, steps);
        let job = Job {
            asker,
            step,
            fails_at,
        };
        self.jobs.insert(ticket, job);
        ticket
    }

    /// Ends a job whose picture is not wanted any more. A picture whose key is being written is as
    /// good as made, and ends by itself.
    fn give_up(&mut self, asker: Asker, out: &mut Outbox<Output>) {
        let wanted = |job: &Job| job.asker == asker && !matches!(job.step, Step::Keep(..));
        let Some((&ticket, job)) = self.jobs.iter().find(|(_, job)| wanted(job)) else {
            return;
        };
        if matches!(job.step, Step::Hide(_)) {
            out.push(Output::CancelHide(ticket));
        }
        self.jobs.remove(&ticket);
        if matches!(asker, Asker::Person(_)) {
            asker.fail(failures::cancelled(), out);
        }
    }

    fn fails_at(&self, now: Moment, steps: u64) -> Moment {
        let wait_ms = self.config.step_ms.saturating_mul(steps);
        now.after(core::time::Duration::from_millis(wait_ms))
    }

    fn look(
        &mut self,
        now: Moment,
        wish: WishId,
        step: Step,
        picture: Bytes,
        out: &mut Outbox<Output>,
    ) {
        let asker = Asker::Person(wish);
        if !self.admits(asker, out) {
            return;
        }
        let keys = self.keyring.newest_first();
        let work = match step {
            Step::Inspect => Work::Inspect { picture, keys },
            _ => Work::Open { picture, keys },
        };
        let ticket = self.begin(now, asker, step);
        out.push(Output::Work { ticket, work });
    }
}

impl Machine for Studio {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "studio";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        self.clean_up(out);
        match input {
            Input::Make {
                ticket,
                rights,
                original,
                carrier,
            } => self.make(
                now,
                Asker::Concern(ticket),
                rights,
                (original, carrier),
                out,
            ),
            Input::HideWanted {
                wish,
                name,
                original,
                carrier,
            } => self.hide_for_oneself(now, wish, name, (original, carrier), out),
            Input::RevealWanted { wish, picture } => {
                self.look(now, wish, Step::Reveal, picture, out);
            }
            Input::CancelWanted(wish) => self.give_up(Asker::Person(wish), out),
            Input::CancelMake(ticket) => self.give_up(Asker::Concern(ticket), out),
            Input::InspectWanted { wish, picture } => {
                self.look(now, wish, Step::Inspect, picture, out);
            }
            Input::Worked { ticket, done } => self.worked(now, ticket, done, out),
            Input::Progressed { ticket, progress } => self.progressed(now, ticket, progress, out),
            Input::Hidden {
                ticket,
                request,
                picture,
                timings,
            } => {
                let made = Picture {
                    request,
                    picture,
                    timings,
                };
                self.hidden(now, ticket, made, out);
            }
            Input::NotHidden { ticket, failure } => {
                if let Some((asker, _)) = self.take_hidden(ticket) {
                    asker.fail(failure, out);
                }
            }
            Input::Disk { ticket, answer } => self.kept(ticket, &answer, out),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        if !self.chores.is_empty() {
            return Some(Moment::START);
        }
        self.jobs.values().map(|job| job.fails_at).min()
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.clean_up(out);
        let late = self.jobs.extract_if(.., |_, job| job.fails_at <= now);
        for (_, job) in late {
            let failure = match job.step {
                Step::Hide(_) => failures::cloud_silent(),
                Step::Keep(..) => failures::key_not_kept(),
                _ => failures::work_silent(),
            };
            job.asker.fail(failure, out);
        }
    }
}
