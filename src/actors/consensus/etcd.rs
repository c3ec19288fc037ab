//! The agreed log in etcd, instead of on the servers' own disks.
//!
//! For clusters that run an etcd anyway, or want one to be the only thing that holds state. The
//! order of commands is decided by etcd: a server appends a batch of them by one transaction that
//! replaces the head of the log if it is still the head that this server knows. So whoever appends
//! has applied everything before, and every server gives the same commands to its
//! [`StateMachine`] under the same numbers, as with the embedded store. What follows from them
//! (answers, shares that leave) is told by each server for itself.
//!
//! Nobody leads. The server that wrote the last batch writes the next one at once, the others only
//! what is not in the log after a while: clients send a command to all servers, and it should not
//! be in the log three times. Whoever appends tells the others so; that message may be lost, since
//! everybody looks once a second.
//!
//! Never answers a command before etcd has said that its batch is in, or a question before it has
//! read, from a majority of etcd, how far the log is, after the question came, and applied it up to
//! there. An append without an answer is sent again, byte for byte, until the log shows what became
//! of it: the head decides, so it is in once or not at all.
//!
//! Nothing that counts is on this server's own disk. A row tells which ledger it takes part in and
//! how far that was: an etcd that has less than that, because somebody put a copy back, is believed
//! no more ([`Why::Forgot`]). A state as a whole is written to etcd now and then, when a majority
//! of the servers has the same, and the batches before it are deleted.

mod api;
mod append;
mod calls;
mod config;
mod import;
mod records;
mod state;
mod sync;
#[cfg(test)]
mod tests;

use core::time::Duration;

use super::checkpoints::Checkpoints;
use super::reads::{Question, Reads};
use super::waiting::{Taken, Waiting};
use super::{
    Config, Counts, Input, Out, Output, OutputOf, Rows, Standing, State, StateMachine, Why,
};
use crate::actors::edges::{Desk, DiskAnswer, DiskOrder, TicketBook};
use crate::actors::machine::{Machine, Outbox, earliest};
use crate::proto::ids::{Digest, NodeId, UserId};
use crate::time::Moment;
use append::Append;
use bytes::Bytes;
use calls::{Calls, Kind};
pub use config::EtcdConfig;
pub use import::Import;
pub(super) use import::{knows_no_more, trouble};
use records::{Base, Hint, Keys, Marker, Place};
use state::{Doing, Fetch, Upload};

/// The machine. See the module for what it decides.
pub struct Etcd<S> {
    config: Config,
    etcd: EtcdConfig,
    keys: Keys,
    calls: Calls,
    state: S,
    /// Applied up to here.
    at: Place,
    /// Which ledger, once there is one.
    origin: Option<Digest>,
    /// Who wrote the last batch.
    author: Option<NodeId>,
    /// Tells this start from others, and the origin of a ledger that begins here.
    seed: [u8; 32],
    attempts: u64,
    waiting: Waiting,
    reads: Reads,
    /// The round of questions that the sync under way answers.
    round: Option<Vec<u8>>,
    sync_wanted: bool,
    /// How far this server was when that sync was sent.
    asked_at: Place,
    append: Option<Append>,
    fetch: Option<Fetch>,
    upload: Option<Upload>,
    /// What the question about a state that is under way is for.
    doing: Option<Doing>,
    /// The newest state in etcd, as it was seen last.
    base: Option<Base>,
    checkpoints: Checkpoints,
    /// What was on our own disk at the start.
    floor: Place,
    /// What is there, and when it may be written anew.
    marker: Option<Marker>,
    marker_at: Moment,
    tickets: TicketBook,
    caught_up: bool,
    halted: bool,
    quarantine: Option<Why>,
    told_quarantine: bool,
    poll_at: Moment,
    tick_at: Moment,
    upkeep_at: Moment,
    /// The last time this machine was called.
    last: Moment,
    counts: Counts,
    told: Option<State>,
}

impl<S: StateMachine> Etcd<S> {
    /// A server with what its disk holds. `blank` is the state before the first command. `seed`
    /// must be fresh at each start.
    #[must_use]
    pub fn new(config: Config, etcd: EtcdConfig, blank: S, rows: &Rows, seed: [u8; 32]) -> Self {
        let config = config.checked();
        let etcd = EtcdConfig {
            page: etcd.page.max(2),
            ..etcd
        };
        let (marker, quarantine) = match Marker::read(rows) {
            Ok(marker) => (marker, None),
            Err(why) => (None, Some(why)),
        };
        let (words, _) = seed.as_chunks::<8>();
        let mut reads = Reads::new(config.me, u64::from_le_bytes(words[0]));
        reads.add(Question::CatchUp);
        Self {
            keys: Keys::new(etcd.prefix.clone()),
            calls: Calls::new(&etcd, usize::from(config.me.0)),
            state: blank,
            at: Place::START,
            origin: marker.map(|marker| marker.origin),
            author: None,
            seed,
            attempts: 0,
            waiting: Waiting::default(),
            reads,
            round: None,
            sync_wanted: true,
            append: None,
            fetch: None,
            upload: None,
            doing: None,
            base: None,
            asked_at: Place::START,
            checkpoints: Checkpoints::new(config.peers.len() + 1),
            floor: marker.map_or(Place::START, |marker| marker.at),
            marker,
            marker_at: Moment::START,
            tickets: TicketBook::new(Desk::Consensus),
            caught_up: false,
            halted: false,
            quarantine,
            told_quarantine: false,
            poll_at: Moment::START,
            tick_at: Moment::START,
            upkeep_at: Moment::START,
            last: Moment::START,
            counts: Counts::default(),
            told: None,
            config,
            etcd,
        }
    }

    /// The state after the last entry that was applied here.
    #[must_use]
    pub const fn state(&self) -> &S {
        &self.state
    }

    /// The last entry applied.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.at.next - 1
    }

    /// How this server takes part.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.quarantine.is_some() {
            Standing::Quarantined
        } else if self.halted {
            Standing::Halted
        } else if self.calls.are_in_vain() {
            Standing::Unreachable
        } else if self.caught_up {
            Standing::Serving
        } else {
            Standing::CatchingUp
        }
    }

    const fn is_mute(&self) -> bool {
        self.quarantine.is_some() || self.halted
    }

    /// Whether this server writes at once what the others leave to it for a while.
    fn is_first(&self) -> bool {
        let lowest = self.config.peers.iter().all(|&peer| self.config.me < peer);
        self.author
            .map_or(lowest, |author| author == self.config.me)
    }

    fn submit(
        &mut self,
        now: Moment,
        client: UserId,
        nonce: u64,
        command: Bytes,
        out: &mut Out<S>,
    ) {
        if command.len() > self.config.command_max_bytes {
            self.counts.turned_away += 1;
            return;
        }
        if self.waiting.knows(now, (client, nonce), Some(append::PUT)) {
            return;
        }
        // Others may be behind, so they have no say in this.
        let has_say = self.is_first() && self.standing() == Standing::Serving;
        let clock = self.config.calendar.at(now);
        if has_say && let Err(reply) = self.state.admit(clock, &command) {
            out.push(Output::Refused {
                client,
                nonce,
                reply,
            });
            return;
        }
        let key = (client, nonce);
        if self.waiting.add(now, key, command, &self.config) == Taken::Full {
            self.counts.turned_away += 1;
        }
    }

    fn ask(&mut self, client: UserId, nonce: u64, question: Bytes) {
        let too_large = question.len() > self.config.command_max_bytes;
        if too_large || self.reads.len() >= self.config.reads_max {
            self.counts.turned_away += 1;
            return;
        }
        self.reads.add(Question::Query {
            client,
            nonce,
            question,
        });
        self.sync_wanted = true;
    }

    fn heard(&mut self, from: NodeId, message: &[u8], out: &mut Out<S>) {
        let ours = self.config.peers.contains(&from);
        let Some(hint) = Hint::decode(message).filter(|_| ours) else {
            self.counts.bad_messages += 1;
            return;
        };
        self.sync_wanted |= hint.next > self.at.next;
        if let Some((seq, digest)) = hint.checkpoint {
            self.checkpoints.heard(from, seq, digest);
            self.compare(out);
        }
    }

    fn tell_others(&self, out: &mut Out<S>) {
        let hint = Hint {
            next: self.at.next,
            checkpoint: self.checkpoints.newest(),
        };
        for &to in &self.config.peers {
            let message = hint.encode();
            out.push(Output::Send { to, message });
        }
    }

    /// Takes itself out if a majority has made something else of the same commands.
    fn compare(&mut self, out: &mut Out<S>) {
        if let Some(seq) = self.checkpoints.outvoted() {
            self.quarantine(Why::Differs(seq), out);
        }
    }

    fn quarantine(&mut self, why: Why, out: &mut Out<S>) {
        let ticket = self.tickets.draw();
        let order = DiskOrder::Write(vec![super::rows::quarantine_record(&why)]);
        out.push(Output::Disk { ticket, order });
        self.quarantine = Some(why);
        self.forget();
    }

    /// Leaves everything that is under way. What etcd makes of it is learned from the log.
    fn forget(&mut self) {
        self.calls.forget();
        self.waiting = Waiting::default();
        self.reads.clear();
        self.reads.add(Question::CatchUp);
        self.round = None;
        self.append = None;
        self.fetch = None;
        self.upload = None;
        self.doing = None;
        self.caught_up = false;
        self.sync_wanted = true;
    }

    fn request(&mut self, now: Moment, kind: Kind, body: Bytes, out: &mut Out<S>) {
        let (ticket, order) = self.calls.ask(now, kind, body);
        out.push(Output::Http { ticket, order });
    }

    /// Does everything that can be done now.
    fn turn(&mut self, now: Moment, out: &mut Out<S>) {
        if !self.is_mute() {
            self.begin_sync(now, out);
            self.begin_append(now, out);
            self.begin_state(now, out);
            self.mark(now, out);
        }
        self.tell(out, false);
    }

    /// Notes on our own disk which ledger this is and how far it was.
    fn mark(&mut self, now: Moment, out: &mut Out<S>) {
        let Some(origin) = self.origin.filter(|_| self.at != Place::START) else {
            return;
        };
        let marker = Marker {
            origin,
            at: self.at,
        };
        let known = self.marker.map(|marker| marker.at);
        if now < self.marker_at || known.is_some_and(|known| known.next >= self.at.next) {
            return;
        }
        self.marker = Some(marker);
        self.marker_at = now.after(Duration::from_millis(self.etcd.marker_ms));
        let ticket = self.tickets.draw();
        let order = DiskOrder::Write(vec![marker.record()]);
        out.push(Output::Disk { ticket, order });
    }

    fn upkeep(&mut self, now: Moment, out: &mut Out<S>) {
        self.upkeep_at = now.after(Duration::from_secs(1));
        self.waiting.forget(now, self.config.waiting_ms);
        self.tell_others(out);
        self.tell(out, true);
    }

    /// How things stand.
    #[must_use]
    pub fn stands(&self) -> State {
        let mut counts = self.counts;
        counts.differing = self.checkpoints.differing();
        State {
            leader: self.author.filter(|_| !self.is_mute()),
            term: 0,
            applied: self.applied(),
            standing: self.standing(),
            caught_up: self.caught_up,
            votes: false,
            counts,
        }
    }

    fn tell(&mut self, out: &mut Out<S>, time: bool) {
        let state = self.stands();
        let acted_on = |state: &State| (state.leader, state.standing);
        let differs = match &self.told {
            None => true,
            Some(told) if time => *told != state,
            Some(told) => acted_on(told) != acted_on(&state),
        };
        if differs {
            self.told = Some(state);
            out.push(Output::State(state));
        }
        if let Some(why) = self.quarantine.as_ref().filter(|_| !self.told_quarantine) {
            self.told_quarantine = true;
            out.push(Output::Quarantined(why.clone()));
        }
    }
}

impl<S: StateMachine> Machine for Etcd<S> {
    type Input = Input;
    type Output = OutputOf<S>;
    const NAME: &'static str = "consensus";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Self::Output>) {
        self.last = now;
        match input {
            Input::Resumed if self.halted => {
                self.halted = false;
                self.poll_at = now;
                self.upkeep_at = now;
            }
            _ if self.is_mute() => {}
            Input::Submit {
                client,
                nonce,
                command,
            } => self.submit(now, client, nonce, command, out),
            Input::Ask {
                client,
                nonce,
                question,
            } => self.ask(client, nonce, question),
            Input::Heard { from, message } => self.heard(from, &message, out),
            Input::Http { ticket, answer } => match self.calls.answered(now, ticket, answer) {
                Some((Kind::Sync, done)) => self.synced(done, out),
                Some((Kind::Append, done)) => self.appended(done, out),
                Some((Kind::State, done)) => self.state_answered(done, out),
                None => {}
            },
            // The row was the old one, or it is written again later: then less is known of etcd.
            Input::Disk { answer, .. } => {
                if let DiskAnswer::Failed(_) = answer {
                    self.marker = None;
                }
            }
            Input::Halted => {
                self.halted = true;
                self.forget();
            }
            Input::Resumed | Input::Retired => {}
        }
        self.turn(now, out);
    }

    fn deadline(&self) -> Option<Moment> {
        match self.standing() {
            Standing::Quarantined => (!self.told_quarantine).then_some(Moment::START),
            Standing::Halted => None,
            _ => {
                let timers = earliest(Some(self.poll_at), Some(self.upkeep_at));
                let waits = !self.waiting.is_empty() && !self.is_first();
                let tick = waits.then_some(self.tick_at);
                let calls = self.calls.deadline(self.last);
                earliest(earliest(timers, tick), calls)
            }
        }
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Self::Output>) {
        self.last = now;
        if !self.is_mute() {
            for kind in self.calls.give_up(now) {
                self.unanswered(kind);
            }
            if self.poll_at <= now {
                self.poll_at = now.after(Duration::from_millis(self.etcd.poll_ms));
                self.sync_wanted = true;
            }
            self.tick_at = now.after(Duration::from_millis(self.config.tick_ms));
            if self.upkeep_at <= now {
                self.upkeep(now, out);
            }
        }
        self.turn(now, out);
    }
}

impl<S: StateMachine> Etcd<S> {
    /// A question had no answer; it is asked again.
    fn unanswered(&mut self, kind: Kind) {
        match kind {
            Kind::Sync => self.sync_wanted = true,
            Kind::Append | Kind::State => {}
        }
    }
}
