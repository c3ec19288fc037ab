//! Letters: sealed, signed, carried until they have taken effect on the other side's disk.
//!
//! A lasting letter is written to disk before it is sent. It is tried directly three times; a
//! reader who does not confirm counts as offline, the servers are told, and the letter is
//! deposited until a majority of them has it on disk. Letters that arrive are verified, opened and
//! handed on once; they are confirmed only after their effect is durable, so neither side's crash
//! loses one. Notes to and from people whom the person refuses go nowhere, except those that keep
//! the books of grants. Questions for what goes from peer to peer only are handed on if their
//! writer shows a pass (`admission.rs`). Never decides what a note means.
//!
//! Invariants: a lasting letter leaves only after it is on disk, and its row goes only after the
//! reader or a majority of the servers has it; letters to one reader are first tried in the order
//! of posting; a letter is remembered by its writer and its id together, so nobody can use up
//! another writer's id. Time-outs decide what is tried again; a failed transfer only saves a wait
//! that is running anyway, so it changes nothing here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use self::dispatch::Dispatch;
use self::incoming::Arrivals;
use super::edges::{Contact, Desk, DiskAnswer, DiskOrder, Record, Row, Ticket, TicketBook};
use super::machine::{Machine, Outbox, earliest};
use crate::crypto::identity::SecretIdentity;
use crate::proto::cargo::Cargo;
use crate::proto::control::{Failure, Posted};
use crate::proto::identity::{PublicIdentity, PublicKey};
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::letter::Note;
use crate::proto::packet::{DepositRefusal, Packet, Party};
use crate::proto::pass::{Pass, PassFault};
use crate::time::{Calendar, Moment, WallTime};

mod admission;
mod dispatch;
mod failures;
mod incoming;
mod outgoing;
mod seen;
#[cfg(test)]
pub(crate) mod tests;

/// Who we are, timings and bounds.
#[derive(Clone)]
pub struct Config {
    /// Our keys.
    pub identity: SecretIdentity,
    /// The servers.
    pub servers: Vec<NodeId>,
    /// Their keys, with which they sign passes.
    pub keys: BTreeMap<NodeId, PublicKey>,
    /// Direct attempts before the reader counts as offline.
    pub attempts: u32,
    /// Milliseconds that each attempt waits for the confirmation.
    pub attempt_ms: u64,
    /// Whether a reader is online is waited for so long, in milliseconds; then they count as
    /// offline.
    pub locate_ms: u64,
    /// Milliseconds between two rounds of asking the servers for a deposit, at first.
    pub deposit_every_ms: u64,
    /// The same after many rounds, in milliseconds: rounds grow rarer up to here.
    pub deposit_every_max_ms: u64,
    /// A server that refused a deposit is asked again after so long, in milliseconds.
    pub refused_wait_ms: u64,
    /// A wish is told `Queued` if neither way worked for so long, in milliseconds; the letter is
    /// tried on.
    pub tell_after_ms: u64,
    /// Letters on their way at the most.
    pub outbox_max: usize,
    /// Ids of letters that took effect, remembered at the most; the oldest are dropped.
    pub seen_max: usize,
    /// Letters that arrived and have not taken effect yet, at the most; further ones are dropped
    /// unconfirmed, so that they come again.
    pub arrivals_max: usize,
    /// A letter whose effect is not confirmed for so long is handed on again, in milliseconds.
    pub hand_on_again_ms: u64,
    /// An order to the disk is repeated if it is not answered for so long, in milliseconds.
    pub disk_ms: u64,
    /// To stamp letters.
    pub calendar: Calendar,
}

impl Config {
    /// Timings and bounds for a local network, without keys of servers.
    #[must_use]
    pub const fn lan(identity: SecretIdentity, servers: Vec<NodeId>, calendar: Calendar) -> Self {
        Self {
            identity,
            servers,
            keys: BTreeMap::new(),
            // Three in a row is what the rule of presence calls offline.
            attempts: 3,
            // A transfer, two writes to a slow disk and the way back, with one repeat for loss.
            attempt_ms: 700,
            // Longer than the registry of peers waits for the servers.
            locate_ms: 1_500,
            // A server answers from its disk in a few tens of milliseconds.
            deposit_every_ms: 400,
            // A queue of many letters must not flood a network that is coming back.
            deposit_every_max_ms: 5_000,
            // A mailbox is full until its reader comes home, which takes minutes, not seconds.
            refused_wait_ms: 30_000,
            // All attempts and two rounds of deposit.
            tell_after_ms: 4_000,
            outbox_max: 1_000,
            // Twice what a mailbox can hold for us, and years of letters between two people.
            seen_max: 4_096,
            // At most 16 MiB, as letters go.
            arrivals_max: 256,
            hand_on_again_ms: 3_000,
            disk_ms: 2_000,
            calendar,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A concern wants a note carried.
    Post {
        /// Whose order.
        ticket: Ticket,
        /// To whom.
        to: PublicIdentity,
        /// What.
        note: Note,
    },
    /// Whom the person refuses, from now on.
    Blocked(BTreeSet<UserId>),
    /// A letter arrived directly.
    LetterArrived {
        /// Who carries it. A letter is carried by its writer, or by a server.
        from: UserId,
        /// An encoded letter.
        body: Bytes,
    },
    /// A letter arrived directly, with the pass of its writer.
    VisitArrived {
        /// Who carries it.
        from: UserId,
        /// An encoded [`Visit`](crate::proto::pass::Visit).
        body: Bytes,
    },
    /// A peer does not answer a letter of ours without another pass.
    PassWanted {
        /// Who.
        from: UserId,
        /// Which letter.
        letter: LetterId,
        /// What is wrong with the pass that it had.
        fault: PassFault,
    },
    /// A server told its time.
    ServerHeard {
        /// Which.
        from: NodeId,
        /// Its clock.
        at: WallTime,
    },
    /// Letters arrived from a server.
    MailArrived {
        /// An encoded list of letters.
        letters: Bytes,
    },
    /// The effect of a letter that we handed on is durable.
    Kept(LetterId),
    /// A user confirms a letter of ours; only its reader can.
    LetterKept {
        /// Who.
        from: UserId,
        /// Which.
        letter: LetterId,
    },
    /// A server has a letter of ours on disk.
    Deposited {
        /// Which server.
        from: NodeId,
        /// Which letter.
        letter: LetterId,
    },
    /// A server cannot keep a letter of ours.
    DepositRefused {
        /// Which server.
        from: NodeId,
        /// Which letter.
        letter: LetterId,
        /// Why.
        reason: DepositRefusal,
    },
    /// Answer to `Locate`.
    Located {
        /// Our order.
        ticket: Ticket,
        /// Who.
        user: UserId,
        /// Whether they can be reached now.
        online: bool,
        /// Our pass for them, if a server gave us one.
        pass: Option<Pass>,
    },
    /// A transfer of a letter did not arrive.
    TransferFailed {
        /// To whom.
        to: Party,
        /// What.
        cargo: Cargo,
    },
    /// The disk answered.
    Disk {
        /// Which order.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet.
    Send {
        /// To whom.
        to: Party,
        /// What.
        packet: Packet,
    },
    /// Send an encoded letter in fragments ([`Cargo::Letter`], [`Cargo::Visit`] or
    /// [`Cargo::Deposit`]).
    Transfer {
        /// To whom.
        to: Party,
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
    /// Can this user be reached now?
    Locate {
        /// Our number.
        ticket: Ticket,
        /// Who.
        user: UserId,
    },
    /// This user did not answer three times.
    Missing(UserId),
    /// These letters from the servers have taken effect.
    AckMail(Vec<LetterId>),
    /// A letter was verified and opened for the first time, or its effect was not confirmed yet.
    NoteArrived {
        /// The letter, to be named in `Kept`.
        letter: LetterId,
        /// The writer.
        from: PublicIdentity,
        /// Whether it came from the writer directly.
        direct: bool,
        /// When it was posted, by the writer's clock.
        posted_at: WallTime,
        /// What it says.
        note: Note,
    },
    /// A writer told their name in a note.
    Met(Contact),
    /// How a letter went. Each `Post` is answered once, by this or by `NotPosted`. `Queued` only
    /// if neither way worked in time, or if the note is not lasting and was not confirmed.
    Posted {
        /// Whose order.
        ticket: Ticket,
        /// How.
        how: Posted,
    },
    /// The letter was not taken: it does not seal, the outbox is full, the disk did not keep it, or
    /// its reader takes none of our passes. It will not be tried again.
    NotPosted {
        /// Whose order.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// Letters on their way now; told at each change.
    Queue(u32),
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}

/// Letters of one client, out and in.
#[derive(Clone)]
pub struct Courier {
    config: Config,
    tickets: TicketBook,
    dispatch: Dispatch,
    arrivals: Arrivals,
    /// Whom the person refuses.
    blocked: BTreeSet<UserId>,
    /// Rows that were found damaged or over a bound: deleted at the first call.
    chores: Vec<Record>,
}

/// What the two halves need in a call.
struct Call<'a> {
    now: Moment,
    config: &'a Config,
    blocked: &'a BTreeSet<UserId>,
    tickets: &'a mut TicketBook,
    out: &'a mut Outbox<Output>,
}

impl Call<'_> {
    /// Whether a note to or from this user must not pass.
    fn is_refused(&self, user: UserId, note: &Note) -> bool {
        !note.keeps_books() && self.blocked.contains(&user)
    }

    fn send(&mut self, to: Party, packet: Packet) {
        self.out.push(Output::Send { to, packet });
    }

    fn write(&mut self, ticket: Ticket, records: Vec<Record>) {
        let order = DiskOrder::Write(records);
        self.out.push(Output::Disk { ticket, order });
    }

    fn in_ms(&self, wait_ms: u64) -> Moment {
        self.now.after(core::time::Duration::from_millis(wait_ms))
    }
}

impl Courier {
    /// A courier that goes on with the letters of `outbox` and knows those of `seen`, the rows of
    /// [`super::edges::Table::Outbox`] and [`super::edges::Table::Seen`]. `seed` must be fresh.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], outbox: Vec<Row>, seen: Vec<Row>) -> Self {
        let mut chores = Vec::new();
        let dispatch = Dispatch::new(seed, outbox, &mut chores);
        let arrivals = Arrivals::new(seen, config.seen_max, &mut chores);
        Self {
            config,
            tickets: TicketBook::new(Desk::Courier),
            dispatch,
            arrivals,
            blocked: BTreeSet::new(),
            chores,
        }
    }

    fn step(
        &mut self,
        now: Moment,
        out: &mut Outbox<Output>,
        run: impl FnOnce(&mut Dispatch, &mut Arrivals, &mut Call<'_>),
    ) {
        let mut call = Call {
            now,
            config: &self.config,
            blocked: &self.blocked,
            tickets: &mut self.tickets,
            out,
        };
        if !self.chores.is_empty() {
            let ticket = call.tickets.draw();
            call.write(ticket, core::mem::take(&mut self.chores));
        }
        run(&mut self.dispatch, &mut self.arrivals, &mut call);
        self.dispatch.start_next(&mut call);
        self.dispatch.tell_queue(&mut call);
    }
}

impl Machine for Courier {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "courier";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        if let Input::Blocked(users) = input {
            self.blocked = users;
            return;
        }
        self.step(now, out, |dispatch, arrivals, call| match input {
            Input::Post { ticket, to, note } => dispatch.post(ticket, &to, &note, call),
            Input::LetterArrived { from, body } => arrivals.letter(from, &body, call),
            Input::VisitArrived { from, body } => arrivals.visit(from, &body, call),
            Input::PassWanted {
                from,
                letter,
                fault,
            } => dispatch.pass_wanted(from, letter, fault, call),
            Input::ServerHeard { from, at } => arrivals.server_heard(from, at, call),
            Input::MailArrived { letters } => arrivals.mail(&letters, call),
            Input::Kept(letter) => arrivals.kept(letter, call),
            Input::LetterKept { from, letter } => dispatch.letter_kept(from, letter, call),
            Input::Deposited { from, letter } => dispatch.deposited(from, letter, call),
            Input::DepositRefused {
                from,
                letter,
                reason,
            } => dispatch.deposit_refused(from, letter, reason, call),
            Input::Located {
                ticket,
                user,
                online,
                pass,
            } => dispatch.located(ticket, user, (online, pass), call),
            Input::Blocked(_) | Input::TransferFailed { .. } => {}
            Input::Disk { ticket, answer } => {
                let written = matches!(answer, DiskAnswer::Written);
                if !dispatch.disk(ticket, written, call) {
                    arrivals.disk(ticket, written, call);
                }
            }
        });
    }

    fn deadline(&self) -> Option<Moment> {
        if !self.chores.is_empty() || self.dispatch.has_news() {
            return Some(Moment::START);
        }
        earliest(self.dispatch.deadline(), self.arrivals.deadline())
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.step(now, out, |dispatch, arrivals, call| {
            dispatch.on_deadline(call);
            arrivals.on_deadline(call);
        });
    }
}
