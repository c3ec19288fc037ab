//! Orders to the ledger, carried until it has answered, and the shares that come with a look.
//!
//! An order is signed here and sent to every server under one number, again and again, until one
//! tells what a majority has on disk. Nobody else's word counts: an answer comes over a session
//! that only a server of the configuration can hold. A look is answered when as many shares are
//! here as make the secret, all let out for the same count of the same look.
//!
//! Decides nothing about rights. Nothing is on disk here: whoever orders keeps what it needs to
//! order the same again, and the ledger counts an order once, however often it comes.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::edges::Ticket;
use super::looks::{Lent, LoanOrder, Look, LookFault, LookOrder};
use super::machine::{Machine, Outbox};
use crate::proto::codec;
use crate::proto::ids::NodeId;
use crate::proto::ledger::{Answer, Command, Refusal, Reply};
use crate::proto::packet::Packet;
use crate::proto::shares::{ReleasedShare, ShareAnswer, ShareDeposit};
use crate::time::{Moment, WallTime};

pub use self::config::Config;
use self::gathered::{Gathered, Given, Wanted};

mod config;
mod gathered;
#[cfg(test)]
mod tests;

/// An order is signed anew so often for a time that the ledger tells: another time will not help
/// one that is about a day long gone.
const SIGNED_ANEW_MAX: u32 = 3;

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// Carry this order. Answered by [`Output::Answered`].
    Order {
        /// Whose order.
        ticket: Ticket,
        /// What.
        command: Command,
    },
    /// Have this look counted. Answered by [`Output::Looked`].
    Look {
        /// Whose order.
        ticket: Ticket,
        /// Which.
        look: LookOrder,
    },
    /// Have looks moved to this device. Answered by [`Output::Lent`].
    Borrow {
        /// Whose order.
        ticket: Ticket,
        /// Which.
        loan: LoanOrder,
    },
    /// Have servers keep shares. Answered by [`Output::Deposited`].
    Deposit {
        /// Whose order.
        ticket: Ticket,
        /// For each server its share.
        deposits: Vec<(NodeId, ShareDeposit)>,
        /// So many have to have theirs on disk.
        needed: usize,
    },
    /// A server tells what became of an order.
    Decided {
        /// The number we gave it.
        nonce: u64,
        /// The ledger's word.
        answer: Answer,
    },
    /// A server tells what became of a share.
    DepositAnswered {
        /// Which server.
        from: NodeId,
        /// What.
        answer: ShareAnswer,
    },
    /// A server lets out its share.
    ShareArrived {
        /// Which server.
        from: NodeId,
        /// The share.
        share: ReleasedShare,
    },
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet to a server.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        packet: Packet,
    },
    /// The ledger's word on an order; none if no majority of the servers was there in time.
    Answered {
        /// Whose order.
        ticket: Ticket,
        /// The word.
        answer: Option<Answer>,
    },
    /// What became of a look.
    Looked {
        /// Whose order.
        ticket: Ticket,
        /// The servers' part of the key, or why there is none.
        looked: Result<Look, LookFault>,
    },
    /// What became of looks that were to go to this device.
    Lent {
        /// Whose order.
        ticket: Ticket,
        /// The servers' part of the key, or why there is none.
        lent: Result<Lent, LookFault>,
    },
    /// How many servers have their shares on disk.
    Deposited {
        /// Whose order.
        ticket: Ticket,
        /// So many.
        servers: usize,
    },
}

/// What is under way.
#[derive(Debug)]
enum Errand {
    Order,
    Shares(Gathered),
    Deposit {
        deposits: Vec<Deposit>,
        needed: usize,
    },
}

/// A share on its way to a server.
#[derive(Debug)]
struct Deposit {
    to: NodeId,
    share: ShareDeposit,
    /// Whether the server keeps it, once it has told.
    told: Option<bool>,
}

#[derive(Debug)]
struct Job {
    ticket: Ticket,
    errand: Errand,
    /// What is ordered, to be signed anew with another time; none for deposits.
    command: Option<Command>,
    signed: Bytes,
    /// How often it was signed anew.
    signed_anew: u32,
    repeat_at: Moment,
    give_up_at: Moment,
    /// The same, once it is counted.
    counted_until: Moment,
}

/// The concern.
pub struct Clerk {
    config: Config,
    /// Numbers orders; begins at chance, so that no number of an earlier start comes again.
    next_nonce: u64,
    jobs: BTreeMap<u64, Job>,
    /// The ledger's time less ours, as far as it told, in milliseconds.
    ahead_ms: i64,
}

impl Clerk {
    /// Nothing is under way yet. `seed` must be fresh at each start.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&seed[..8]);
        Self {
            config,
            next_nonce: u64::from_le_bytes(first) >> 1,
            jobs: BTreeMap::new(),
            ahead_ms: 0,
        }
    }

    /// Our clock, put right by the ledger's.
    fn time(&self, now: Moment) -> WallTime {
        WallTime(
            self.config
                .calendar
                .at(now)
                .0
                .saturating_add_signed(self.ahead_ms),
        )
    }

    fn sign(&self, now: Moment, command: &Command) -> Bytes {
        let signed = self
            .config
            .identity
            .command(self.time(now), command.clone());
        codec::encode(&signed).into()
    }

    fn begin(
        &mut self,
        now: Moment,
        ticket: Ticket,
        errand: Errand,
        command: Option<Command>,
        out: &mut Outbox<Output>,
    ) {
        if self.jobs.values().any(|job| job.ticket == ticket) {
            return;
        }
        let signed = command.as_ref().map(|command| self.sign(now, command));
        let job = Job {
            ticket,
            errand,
            command,
            signed: signed.unwrap_or_default(),
            signed_anew: 0,
            repeat_at: now,
            give_up_at: now.after(Duration::from_millis(self.config.give_up_ms)),
            counted_until: now.after(Duration::from_millis(self.config.counted_ms)),
        };
        if self.jobs.len() >= self.config.orders_max {
            out.push(ended(&job));
            return;
        }
        self.send_under_new_number(now, job, out);
    }

    fn send_under_new_number(&mut self, now: Moment, job: Job, out: &mut Outbox<Output>) {
        let nonce = self.next_nonce;
        self.next_nonce = self.next_nonce.wrapping_add(1);
        self.jobs.insert(nonce, job);
        self.send(now, nonce, out);
    }

    fn send(&mut self, now: Moment, nonce: u64, out: &mut Outbox<Output>) {
        let Some(job) = self.jobs.get_mut(&nonce) else {
            return;
        };
        job.repeat_at = now.after(Duration::from_millis(self.config.repeat_ms.max(1)));
        if let Errand::Deposit { deposits, .. } = &job.errand {
            // One that has no room may have some soon.
            let open = deposits.iter().filter(|of| of.told != Some(true));
            for &Deposit { to, ref share, .. } in open {
                let packet = Packet::KeepShare(share.clone());
                out.push(Output::Send { to, packet });
            }
            return;
        }
        for &to in &self.config.servers {
            let packet = Packet::Submit {
                nonce,
                command: job.signed.clone(),
            };
            out.push(Output::Send { to, packet });
        }
    }

    fn decided(&mut self, now: Moment, nonce: u64, answer: Answer, out: &mut Outbox<Output>) {
        let Some(job) = self.jobs.get_mut(&nonce) else {
            return;
        };
        if let (Reply::Refused(Refusal::Time { now: wanted }), Some(command)) =
            (answer.reply, job.command.clone())
            && job.signed_anew < SIGNED_ANEW_MAX
        {
            return self.sign_anew(now, nonce, wanted, &command, out);
        }
        let ticket = job.ticket;
        match &mut job.errand {
            Errand::Order => {
                let answer = Some(answer);
                out.push(Output::Answered { ticket, answer });
            }
            Errand::Deposit { .. } => return,
            Errand::Shares(gathered) => {
                let fault = match answer.reply {
                    Reply::Spent { released: true, .. }
                    | Reply::Escrowed { released: true, .. } => {
                        job.give_up_at = job.give_up_at.max(job.counted_until);
                        return;
                    }
                    Reply::Refused(refusal) => LookFault::Refused(refusal),
                    // Shares that were let out earlier are on their way.
                    _ if gathered.is_begun() => return,
                    Reply::Spent {
                        ordinal, remaining, ..
                    } => LookFault::Late {
                        ordinal: Some(ordinal),
                        remaining,
                    },
                    Reply::Escrowed { remaining, .. } => LookFault::Late {
                        ordinal: None,
                        remaining,
                    },
                    _ => return,
                };
                out.push(no_shares(ticket, gathered, fault));
            }
        }
        self.jobs.remove(&nonce);
    }

    /// Our clock is wrong, or the order was signed too long ago. It gets another number: the old
    /// one stands for what was refused.
    fn sign_anew(
        &mut self,
        now: Moment,
        nonce: u64,
        wanted: WallTime,
        command: &Command,
        out: &mut Outbox<Output>,
    ) {
        let ours = self.config.calendar.at(now).0;
        self.ahead_ms = wanted.0.wrapping_sub(ours).cast_signed();
        let signed = self.sign(now, command);
        if let Some(mut job) = self.jobs.remove(&nonce) {
            job.signed = signed;
            job.signed_anew += 1;
            self.send_under_new_number(now, job, out);
        }
    }

    fn share_arrived(&mut self, from: NodeId, share: &ReleasedShare, out: &mut Outbox<Output>) {
        let place = self
            .config
            .servers
            .iter()
            .position(|&server| server == from);
        if place.map(|place| place + 1) != Some(usize::from(share.index)) {
            return;
        }
        let found = self.jobs.iter_mut().find_map(|(nonce, job)| {
            let Errand::Shares(gathered) = &mut job.errand else {
                return None;
            };
            let given = gathered.take(share)?;
            Some((*nonce, job.ticket, given))
        });
        if let Some((nonce, ticket, given)) = found {
            self.jobs.remove(&nonce);
            out.push(match given {
                Given::Look(look) => Output::Looked {
                    ticket,
                    looked: Ok(look),
                },
                Given::Loan(lent) => Output::Lent {
                    ticket,
                    lent: Ok(lent),
                },
            });
        }
    }

    fn deposit_answered(&mut self, from: NodeId, answer: ShareAnswer, out: &mut Outbox<Output>) {
        let me = self.config.identity.user_id();
        let mut done = None;
        for (nonce, job) in &mut self.jobs {
            let Errand::Deposit { deposits, needed } = &mut job.errand else {
                continue;
            };
            let of_them = deposits.iter_mut().find(|of| {
                let place = (of.share.account(me), of.share.round);
                of.to == from && place == (answer.account, answer.round)
            });
            if let Some(of) = of_them {
                of.told = Some(of.told == Some(true) || answer.kept);
                let is_told = deposits.iter().all(|of| of.told.is_some());
                if is_told || kept(deposits) >= *needed {
                    done = Some(*nonce);
                }
            }
        }
        if let Some(job) = done.and_then(|nonce| self.jobs.remove(&nonce)) {
            out.push(ended(&job));
        }
    }
}

fn kept(deposits: &[Deposit]) -> usize {
    let kept = deposits.iter().filter(|of| of.told == Some(true));
    kept.count()
}

/// What is told when enough has come, or nothing more will.
fn ended(job: &Job) -> Output {
    let ticket = job.ticket;
    match &job.errand {
        Errand::Order => Output::Answered {
            ticket,
            answer: None,
        },
        Errand::Shares(gathered) => no_shares(ticket, gathered, LookFault::Unanswered),
        Errand::Deposit { deposits, .. } => Output::Deposited {
            ticket,
            servers: kept(deposits),
        },
    }
}

const fn no_shares(ticket: Ticket, gathered: &Gathered, fault: LookFault) -> Output {
    if gathered.is_loan() {
        let lent = Err(fault);
        Output::Lent { ticket, lent }
    } else {
        let looked = Err(fault);
        Output::Looked { ticket, looked }
    }
}

impl Machine for Clerk {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "clerk";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::Order { ticket, command } => {
                self.begin(now, ticket, Errand::Order, Some(command), out);
            }
            Input::Look { ticket, look } => {
                let command = Command::Spend {
                    account: look.account,
                    view: look.view,
                    reply_key: look.reply.public().0,
                    device: look.device,
                };
                let errand = Errand::Shares(Gathered::new(Wanted::Look(look)));
                self.begin(now, ticket, errand, Some(command), out);
            }
            Input::Borrow { ticket, loan } => {
                let command = Command::Escrow {
                    account: loan.account,
                    checkout: loan.checkout,
                    device: loan.device,
                    reply_key: loan.reply.public().0,
                    looks: loan.looks,
                    until: loan.until,
                };
                let errand = Errand::Shares(Gathered::new(Wanted::Loan(loan)));
                self.begin(now, ticket, errand, Some(command), out);
            }
            Input::Deposit {
                ticket,
                deposits,
                needed,
            } => {
                let open = deposits.into_iter().map(|(to, share)| Deposit {
                    to,
                    share,
                    told: None,
                });
                let deposits = open.collect();
                self.begin(now, ticket, Errand::Deposit { deposits, needed }, None, out);
            }
            Input::Decided { nonce, answer } => self.decided(now, nonce, answer, out),
            Input::DepositAnswered { from, answer } => self.deposit_answered(from, answer, out),
            Input::ShareArrived { from, share } => self.share_arrived(from, &share, out),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let waits = self
            .jobs
            .values()
            .map(|job| job.repeat_at.min(job.give_up_at));
        waits.min()
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let over = |job: &Job| job.give_up_at <= now;
        for nonce in due(&self.jobs, over) {
            if let Some(job) = self.jobs.remove(&nonce) {
                out.push(ended(&job));
            }
        }
        for nonce in due(&self.jobs, |job| job.repeat_at <= now) {
            self.send(now, nonce, out);
        }
    }
}

fn due(jobs: &BTreeMap<u64, Job>, is_due: impl Fn(&Job) -> bool) -> Vec<u64> {
    let due = jobs.iter().filter(|(_, job)| is_due(job));
    due.map(|(nonce, _)| *nonce).collect()
}
