//! Which server takes a request: a claim-based Bully election for each request, without waiting.
//!
//! Every server ranks the live servers by the loads it knows. The best claims at once; each lower
//! rank waits its turn and claims only if it has seen no claim; it waits longer where claims have
//! come late. Of two claims of one epoch the better (score, then node) wins and the other aborts.
//! When the owner falls silent, says goodbye, or is not heard by its client before the request is
//! done, the next epoch is ranked and claimed from the cached ask. Two owners for a while are
//! harmless: results are a pure function of the request, and the client accepts one. Never touches
//! a body or a picture.
//!
//! Invariants: of all claims a server has seen of a request it follows the best (highest epoch,
//! then lowest score, then lowest node), in whatever order they came; a request that is over is not
//! begun again by anything that was sent before its end; at most `requests_max` requests are open
//! and as many remembered as over. A request that was refused may be asked for again under its id:
//! it goes on with the next epoch. One whose result was delivered is over for good.
//!
//! Claims and `Done` go out twice, some milliseconds apart, because losses come in bursts, and to
//! every configured server: one that is believed dead by mistake would otherwise claim as well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::machine::{Machine, Outbox, earliest};
use super::membership::Member;
use crate::planted::{self, Bug};
use crate::proto::ids::{NodeId, RequestId, UserId};
use crate::proto::packet::{Ask, Claim, Done, Packet, Party};
use crate::time::Moment;

mod case;
mod config;
mod ends;
mod over;
mod patience;
mod seats;
mod words;

use case::{Case, Stand, Turn};
pub use config::Config;
use over::Over;
use patience::Patience;
use seats::Seats;
pub use seats::outlook;
use words::{refuse, to_server};

/// A request is remembered as over for so long, against late claims.
const OVER_KEPT: Duration = Duration::from_secs(60);

/// An ask so soon after a refusal was sent before it. Longer than a datagram is late, and no longer
/// than a client pauses before it asks again.
const LATE_ASK: Duration = Duration::from_millis(100);

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client asked, or asked again.
    Asked {
        /// Who asks.
        client: UserId,
        /// The request.
        ask: Ask,
        /// For so long it has heard nothing of it, in milliseconds.
        unheard_ms: u16,
    },
    /// A server claimed a request.
    Claimed {
        /// The server.
        from: NodeId,
        /// The claim.
        claim: Claim,
    },
    /// A server says that a request is over.
    DoneHeard {
        /// The server.
        from: NodeId,
        /// What it says.
        done: Done,
    },
    /// This server's worker has delivered or refused a request that this server owns.
    Finished(Done),
    /// The view of the cluster changed.
    View(Vec<Member>),
    /// The node falls silent on purpose: forget everything.
    Halted,
    /// The node is about to end: claim nothing from now on.
    Retired,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a packet.
    Send {
        /// To whom.
        to: Party,
        /// What.
        packet: Packet,
    },
    /// This server owns the request: expect its body and do it. Repeated, with the same epoch,
    /// when the client asks again: an order may have been lost inside the node.
    Won {
        /// The request.
        ask: Ask,
        /// Who asks.
        client: UserId,
        /// Epoch of the claim.
        epoch: u32,
    },
    /// This server does not own the request any more: drop the work, keep a small body.
    Lost(RequestId),
    /// The request is over everywhere: drop whatever belongs to it.
    Forget(RequestId),
    /// This server has claimed a request for the first time in this epoch.
    Claimed,
}

/// A packet that goes out a second time.
#[derive(Clone, Copy, Debug)]
enum Repeat {
    /// The claim of this epoch, if it still stands.
    Claim(RequestId, u32),
    /// The end of a request.
    Done(Done),
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Election {
    config: Config,
    seats: Seats,
    cases: BTreeMap<RequestId, Case>,
    /// When each case wants attention.
    agenda: BTreeSet<(Moment, RequestId)>,
    /// In order of time, since all wait equally long.
    repeats: VecDeque<(Moment, Repeat)>,
    over: Over,
    patience: Patience,
    /// The node is about to end.
    retired: bool,
}

impl Election {
    /// A server that knows of no request and of no other server alive.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            seats: Seats::new(config.me, &config.peers),
            cases: BTreeMap::new(),
            agenda: BTreeSet::new(),
            repeats: VecDeque::new(),
            over: Over::new(config.requests_max, OVER_KEPT),
            patience: Patience::new(config.rank_wait_ms, config.rank_wait_max_ms),
            retired: false,
            config,
        }
    }

    fn asked(
        &mut self,
        now: Moment,
        (client, ask): (UserId, Ask),
        unheard_ms: u16,
        out: &mut Outbox<Output>,
    ) {
        let ended = self.over.end_of(ask.request);
        if ended.is_some_and(|end| end.is_delivered || now < end.at.after(LATE_ASK)) {
            return;
        }
        let Some(mut case) = self.take(ask.request) else {
            if self.retired {
                // The others were asked as well.
                return;
            }
            if self.full() {
                return refuse(client, ask.request, out);
            }
            let epoch = ended.map_or(0, |end| end.epoch.saturating_add(1));
            self.over.reopen(ask.request);
            return self.run(now, Case::new(ask, client, epoch, now), out);
        };
        // An id stays with the user who first asked under it, and with the body.
        if (case.ask, case.client) == (ask, client) {
            case.touched = now;
            match case.stand {
                Stand::Ours { contested, .. } => {
                    self.elected(&case, out);
                    out.push(case.won());
                    if contested {
                        self.tell_peers(&case.claim(), out);
                    }
                }
                Stand::Theirs { owner, .. }
                    if !self.seats.is_there(owner, now)
                        || unheard_ms >= self.config.unheard_ms
                        || planted::is(Bug::TakesOverFromTheLiving) =>
                {
                    return self.take_over(now, case, out);
                }
                Stand::Theirs { .. } | Stand::Waiting { .. } => {}
            }
        }
        self.put(case);
    }

    /// Claims the case's epoch now or when it is this server's turn.
    fn run(&mut self, now: Moment, mut case: Case, out: &mut Outbox<Output>) {
        let before = self.seats.before(case.ask.request);
        let Some(&of) = before.first().filter(|_| !planted::is(Bug::EveryoneWins)) else {
            return self.claim(now, case, false, out);
        };
        let ranks = u32::try_from(before.len()).unwrap_or(u32::MAX);
        let is_new = matches!(case.stand, Stand::Waiting { .. });
        case.stand = Stand::Waiting {
            due: now.after(self.patience.wait().saturating_mul(ranks)),
            first: is_new.then_some(Turn { of, since: now }),
        };
        self.put(case);
    }

    fn claim(&mut self, now: Moment, mut case: Case, waited: bool, out: &mut Outbox<Output>) {
        let repeat_at = now.after(self.config.repeat_after());
        case.touched = now;
        case.stand = Stand::Ours {
            score: self.seats.score(self.config.me),
            waited,
            repeat_at,
            contested: false,
        };
        self.seats.count(self.config.me);
        self.tell_peers(&case.claim(), out);
        self.repeat(repeat_at, Repeat::Claim(case.ask.request, case.epoch));
        self.elected(&case, out);
        out.push(case.won());
        out.push(Output::Claimed);
        self.put(case);
    }

    /// The owner is gone before the request was done.
    fn take_over(&mut self, now: Moment, mut case: Case, out: &mut Outbox<Output>) {
        if planted::is(Bug::NeverTakesOver) || self.retired {
            return self.put(case);
        }
        if !planted::is(Bug::ClaimWithoutEpoch) {
            case.epoch = case.epoch.saturating_add(1);
        }
        self.run(now, case, out);
    }

    fn claimed(&mut self, now: Moment, from: NodeId, claim: &Claim, out: &mut Outbox<Output>) {
        if !self.seats.is_peer(from) || planted::is(Bug::EveryoneWins) {
            return;
        }
        self.seats.spoke(from, now);
        let request = claim.ask.request;
        if let Some(end) = self
            .over
            .end_of(request)
            .filter(|end| end.is_delivered || claim.epoch <= end.epoch)
        {
            // It missed the end, unless this is a late copy of the claim that led to it, or of one
            // that was answered.
            if end.knows != from {
                self.over.told(request, from);
                let is_delivered = end.is_delivered;
                let done = Done {
                    request,
                    is_delivered,
                };
                out.push(to_server(from, Packet::Done(done)));
            }
            return;
        }
        let Some(mut case) = self.take(request) else {
            if !self.full() {
                self.over.reopen(request);
                self.seats.count(from);
                self.put(Case::claimed(from, claim, now));
            }
            return;
        };
        case.touched = now;
        if let Stand::Waiting {
            first: Some(turn), ..
        } = case.stand
            && turn.of == from
            && !claim.waited
        {
            self.patience.learn(now.since(turn.since));
        }
        if case.yields_to(self.config.me, from, claim) {
            self.follow(from, claim, &mut case, out);
        } else if let Stand::Ours {
            repeat_at,
            ref mut contested,
            ..
        } = case.stand
        {
            *contested = true;
            // Before that the second sending of our claim is still to come.
            if now >= repeat_at {
                out.push(to_server(from, case.claim()));
            }
            // The last word that the client hears has to be the winner's.
            self.elected(&case, out);
        }
        self.put(case);
    }

    fn follow(&mut self, from: NodeId, claim: &Claim, case: &mut Case, out: &mut Outbox<Output>) {
        let loser = case.stand.owner(self.config.me);
        self.seats.uncount(loser);
        if loser == Some(self.config.me) && !planted::is(Bug::LoserGoesOn) {
            out.push(Output::Lost(case.ask.request));
        }
        self.seats.count(from);
        case.epoch = claim.epoch;
        case.stand = Stand::Theirs {
            owner: from,
            score: claim.score,
        };
    }

    fn viewed(&mut self, now: Moment, members: &[Member], out: &mut Outbox<Output>) {
        let restarted = self.seats.update(now, members);
        let orphan = |case: &Case| match case.stand {
            Stand::Theirs { owner, .. } => {
                restarted.contains(&owner) || !self.seats.is_there(owner, now)
            }
            Stand::Ours { .. } | Stand::Waiting { .. } => false,
        };
        let cases = self.cases.iter();
        let orphans: Vec<RequestId> = cases
            .filter(|(_, case)| orphan(case))
            .map(|(&request, _)| request)
            .collect();
        for request in orphans {
            if let Some(case) = self.take(request) {
                self.take_over(now, case, out);
            }
        }
    }

    /// A moment of the agenda has come.
    fn attend(&mut self, now: Moment, request: RequestId, out: &mut Outbox<Output>) {
        let Some(case) = self.take(request) else {
            return;
        };
        match case.stand {
            Stand::Waiting { .. } => self.claim(now, case, true, out),
            Stand::Ours { .. } | Stand::Theirs { .. } => out.push(Output::Forget(request)),
        }
    }

    fn send_again(&self, repeat: Repeat, out: &mut Outbox<Output>) {
        match repeat {
            Repeat::Claim(request, epoch) => {
                let case = self.cases.get(&request).filter(|case| case.epoch == epoch);
                if let Some(case) = case.filter(|case| matches!(case.stand, Stand::Ours { .. })) {
                    self.tell_peers(&case.claim(), out);
                }
            }
            Repeat::Done(done) => self.tell_peers(&Packet::Done(done), out),
        }
    }

    /// A second sending that finds no room is a lost one.
    fn repeat(&mut self, at: Moment, repeat: Repeat) {
        if self.repeats.len() < self.config.requests_max.saturating_mul(2) {
            self.repeats.push_back((at, repeat));
        }
    }

    /// What this server would claim later is left to the others, which were asked as well.
    fn retire(&mut self) {
        self.retired = true;
        let waits = |case: &Case| matches!(case.stand, Stand::Waiting { .. });
        let cases = self.cases.iter().filter(|(_, case)| waits(case));
        let left: Vec<RequestId> = cases.map(|(&request, _)| request).collect();
        for request in left {
            self.take(request);
        }
    }

    fn full(&self) -> bool {
        self.cases.len() >= self.config.requests_max
    }

    fn take(&mut self, request: RequestId) -> Option<Case> {
        let case = self.cases.remove(&request)?;
        self.agenda.remove(&(self.wake(&case), request));
        Some(case)
    }

    fn put(&mut self, case: Case) {
        self.agenda.insert((self.wake(&case), case.ask.request));
        self.cases.insert(case.ask.request, case);
    }

    fn wake(&self, case: &Case) -> Moment {
        case.wake(Duration::from_millis(self.config.forget_after_ms))
    }
}

impl Machine for Election {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "election";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        self.over.expire(now);
        match input {
            Input::Asked {
                client,
                ask,
                unheard_ms,
            } => self.asked(now, (client, ask), unheard_ms, out),
            Input::Claimed { from, claim } => self.claimed(now, from, &claim, out),
            Input::DoneHeard { from, done } => self.done_heard(now, from, done, out),
            Input::Finished(done) => self.finished(now, done, out),
            Input::View(members) => self.viewed(now, &members, out),
            Input::Halted => {
                let retired = self.retired;
                *self = Self {
                    retired,
                    ..Self::new(self.config.clone())
                };
            }
            Input::Retired => self.retire(),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let next_repeat = self.repeats.front().map(|&(at, _)| at);
        earliest(next_repeat, self.agenda.first().map(|&(at, _)| at))
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        while let Some((_, repeat)) = self.repeats.pop_front_if(|(at, _)| *at <= now) {
            self.send_again(repeat, out);
        }
        while let Some(&(_, request)) = self.agenda.first().filter(|(at, _)| *at <= now) {
            self.attend(now, request, out);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
