//! The server that hears all this, with its disk, and what the others would truly answer it.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;
use pentimento::actors::consensus::{Config, Consensus, Input, Output, OutputOf, Standing};
use pentimento::actors::edges::{DiskAnswer, DiskFault, DiskOrder, Table, Ticket};
use pentimento::actors::machine::{Machine, Outbox};
use pentimento::node::machines::agreed_rows;
use pentimento::proto::codec;
use pentimento::proto::ids::NodeId;
use pentimento::sim::disk::Disk;
use pentimento::time::{Calendar, Moment, WallTime};

use super::letters::{Entry, EntryKind, Envelope, Kind, Letter, Message};
use crate::toy::Toy;

/// This server.
pub(super) const ME: NodeId = NodeId(1);
/// The others, who say what they like.
pub(super) const OTHERS: [NodeId; 2] = [NodeId(2), NodeId(3)];
/// Letters and bytes for each thing that happens, at the most on average.
const LETTERS_MAX: usize = 16;
const BYTES_MAX: usize = 64 << 10;
/// Letters of the server's that are remembered, to be answered.
const HEARD_MAX: usize = 8;
/// Entries of the log that a grown disk has, a checkpoint among them.
const GROWN: u64 = 12;

/// What is on the way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// Everything is written at once.
    Quick,
    /// Nothing is, until somebody says so.
    Slow,
    /// It fails.
    Fail,
}

/// See the module.
pub(super) struct Server {
    pub(super) machine: Consensus<Toy>,
    pub(super) disk: Disk,
    pub(super) writes: Writes,
    /// The term, and the last entry on disk.
    pub(super) term: u64,
    pub(super) top: u64,
    ordered: VecDeque<(Ticket, DiskOrder)>,
    heard: VecDeque<(NodeId, Letter)>,
    now: Moment,
    out: Outbox<OutputOf<Toy>>,
    happened: usize,
    letters: usize,
    bytes: usize,
    quarantined: bool,
}

fn config() -> Config {
    let calendar = Calendar {
        started_at: WallTime(1_000_000),
    };
    Config {
        appends_max: 4,
        append_max_bytes: 1 << 10,
        undecided_max_bytes: 8 << 10,
        snapshot_max_bytes: 4 << 10,
        waiting_max: 16,
        waiting_by_client_max: 8,
        waiting_max_bytes: 8 << 10,
        reads_max: 16,
        checkpoint_every: 8,
        log_tail: 2,
        ..Config::lan(ME, OTHERS.to_vec(), calendar)
    }
}

impl Server {
    /// A server with this disk.
    pub(super) fn new(disk: Disk) -> Self {
        let rows = agreed_rows(&disk.tables());
        let mut server = Self {
            machine: Consensus::new(config(), Toy::default(), &rows, [7; 32]),
            disk,
            writes: Writes::Quick,
            term: 0,
            top: 0,
            ordered: VecDeque::new(),
            heard: VecDeque::new(),
            now: Moment::from_millis(1),
            out: Outbox::new(),
            happened: 0,
            letters: 0,
            bytes: 0,
            quarantined: false,
        };
        server.see_top();
        server
    }

    /// A disk with entries of term 1, some of them cut off behind a checkpoint.
    pub(super) fn grown() -> Disk {
        let mut server = Self::new(Disk::default());
        server.let_in(0);
        let mut append = Message::new(Kind::Append, 1);
        append.entries = (1..=GROWN).map(|index| entry(1, index)).collect();
        append.commit = GROWN;
        server.hear(OTHERS[0], &Letter::Raft(append));
        assert_eq!(server.machine.applied(), GROWN);
        server.disk
    }

    /// A blank server learns the terms of the others: 0 makes a founder of it, else a novice.
    pub(super) fn let_in(&mut self, term: u64) {
        for _ in 0..4 {
            self.pass(1);
        }
        for from in OTHERS {
            let Some(Letter::Hello { boot, .. }) = self.last_to(from).cloned() else {
                panic!("a blank server says hello");
            };
            let is_in = true;
            self.hear(from, &Letter::Welcome { boot, term, is_in });
        }
    }

    /// The others elect it: one of them was told to lead no more, and gives its vote.
    pub(super) fn elect(&mut self) {
        let other = OTHERS[0];
        self.hear(other, &Letter::Raft(Message::new(Kind::TimeoutNow, 1)));
        for _ in 0..2 {
            self.answer_truly(other);
        }
    }

    /// Its next start, with what its disk has. Whatever was said before, the disk is its own.
    pub(super) fn restart(&mut self) {
        let was_out = self.quarantined;
        let mut next = Self::new(std::mem::take(&mut self.disk));
        next.happened = self.happened;
        (next.letters, next.bytes) = (self.letters, self.bytes);
        *self = next;
        self.quarantined = was_out;
        let is_out = self.machine.standing() == Standing::Quarantined;
        assert!(was_out || !is_out, "a good disk is called damaged");
    }

    /// Something happens.
    pub(super) fn give(&mut self, input: Input) {
        self.happened += 1;
        self.machine.handle(self.now, input, &mut self.out);
        self.follow();
    }

    /// A letter arrives.
    pub(super) fn hear(&mut self, from: NodeId, letter: &Letter) {
        let message = letter.encode();
        self.give(Input::Heard { from, message });
    }

    /// So many ticks go by.
    pub(super) fn pass(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.now = self.now.after(Duration::from_millis(20));
            if self.machine.deadline().is_some_and(|at| at <= self.now) {
                self.happened += 1;
                self.machine.on_deadline(self.now, &mut self.out);
                self.follow();
            }
        }
    }

    /// The disk does what it has not done yet.
    pub(super) fn settle(&mut self) {
        for _ in 0..self.ordered.len() {
            self.disk_answers();
        }
    }

    fn disk_answers(&mut self) {
        let Some((ticket, order)) = self.ordered.pop_front() else {
            return;
        };
        let answer = if self.writes == Writes::Fail {
            DiskAnswer::Failed(DiskFault::Io("full".to_owned()))
        } else {
            self.disk.carry_out(order)
        };
        self.see_top();
        self.happened += 1;
        let input = Input::Disk { ticket, answer };
        self.machine.handle(self.now, input, &mut self.out);
        self.collect();
    }

    fn see_top(&mut self) {
        let last = self.disk.keys(Table::RaftLog).last();
        let key = last.and_then(|key| key.first_chunk());
        self.top = key.map_or(self.machine.applied(), |key| u64::from_be_bytes(*key));
    }

    fn follow(&mut self) {
        self.collect();
        while self.writes != Writes::Slow && !self.ordered.is_empty() {
            self.disk_answers();
            if self.writes == Writes::Fail {
                // Whoever fails is asked again after a while, not at once.
                break;
            }
        }
        assert!(
            self.letters <= LETTERS_MAX * self.happened,
            "{} letters, for {} things that happened",
            self.letters,
            self.happened
        );
        assert!(self.bytes <= BYTES_MAX * self.happened, "{}", self.bytes);
    }

    fn collect(&mut self) {
        for output in self.out.take() {
            match output {
                Output::Send { to, message } => {
                    assert!(OTHERS.contains(&to), "a letter to {to}");
                    self.letters += 1;
                    self.bytes += message.len();
                    self.heard.truncate(HEARD_MAX - 1);
                    self.heard.push_front((to, Letter::of_ours(&message)));
                }
                Output::Disk { ticket, order } => self.ordered.push_back((ticket, order)),
                Output::State(state) => self.term = state.term,
                Output::Quarantined(_) => self.quarantined = true,
                Output::Http { .. } => panic!("nobody asks etcd"),
                Output::Answer { .. }
                | Output::Told { .. }
                | Output::Refused { .. }
                | Output::Effects { .. }
                | Output::Restored { .. } => {}
            }
        }
    }

    /// The last letter to somebody.
    pub(super) fn last_to(&self, to: NodeId) -> Option<&Letter> {
        let mut to_them = self.heard.iter().filter(|(who, _)| *who == to);
        to_them.next().map(|(_, letter)| letter)
    }

    /// Somebody answers the newest letters as a sound server does that has all that they have.
    pub(super) fn answer_truly(&mut self, from: NodeId) {
        let (theirs, others): (Vec<_>, Vec<_>) =
            self.heard.drain(..).partition(|(to, _)| *to == from);
        self.heard = others.into();
        for (_, letter) in theirs.into_iter().rev() {
            if let Some(answer) = answer_to(letter, self.term) {
                self.hear(from, &answer);
            }
        }
    }
}

/// An entry with a command.
pub(super) fn entry(term: u64, index: u64) -> Entry {
    let envelope = Envelope {
        stamp: WallTime(index),
        command: None,
    };
    Entry {
        kind: EntryKind::Normal,
        term,
        index,
        data: codec::encode(&envelope).into(),
        context: Bytes::new(),
    }
}

fn answer_to(letter: Letter, term: u64) -> Option<Letter> {
    let asked = match letter {
        Letter::Raft(message) => message,
        Letter::Hello { boot, .. } => {
            let (term, is_in) = (0, true);
            return Some(Letter::Welcome { boot, term, is_in });
        }
        Letter::Pass(_) | Letter::Welcome { .. } | Letter::Checkpoint { .. } => return None,
    };
    let mut answer = Message::new(Kind::AppendResponse, asked.term);
    match asked.kind {
        Kind::RequestPreVote => answer.kind = Kind::RequestPreVoteResponse,
        Kind::RequestVote => answer.kind = Kind::RequestVoteResponse,
        Kind::Append => answer.index = asked.index + asked.entries.len() as u64,
        Kind::Snapshot => answer.index = asked.snapshot?.index,
        Kind::Heartbeat => {
            answer.kind = Kind::HeartbeatResponse;
            answer.context = asked.context;
        }
        Kind::ReadIndex => {
            answer = Message::new(Kind::ReadIndexResponse, term);
            answer.index = asked.commit;
            answer.entries = asked.entries;
        }
        _ => return None,
    }
    Some(Letter::Raft(answer))
}
