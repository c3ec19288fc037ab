//! The other servers say what they like of the agreed log: nothing panics, what is answered is
//! bounded, and a server goes on from its own disk afterwards.
//!
//! The first byte tells how far the server is (blank, a novice, behind a leader, leading) and
//! whether one letter follows as it is, or a sequence of letters that are built field by field,
//! most of them about terms and places near the true ones: raft looks no further at others.

pub mod letters;
mod server;

use std::cell::RefCell;

use bytes::Bytes;
use pentimento::actors::consensus::Input as Happening;
use pentimento::proto::codec;
use pentimento::proto::ids::{Digest, NodeId, UserId};
use pentimento::sim::disk::Disk;
use pentimento::time::WallTime;

use crate::Input;
use crate::toy::Toy;
use letters::{Command, Entry, EntryKind, Envelope, Group, Kind, Letter, Message, Parcel};
use server::{OTHERS, Server, Writes};

/// Things that happen in one call at the most.
const STEPS_MAX: usize = 24;
/// Ticks in one call at the most.
const TICKS_MAX: u64 = 200;

thread_local! {
    static GROWN: RefCell<Option<Disk>> = const { RefCell::new(None) };
}

fn grown() -> Disk {
    GROWN.with_borrow_mut(|disk| disk.get_or_insert_with(Server::grown).clone())
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let first = input.byte();
    let mut server = match first & 7 {
        0 => Server::new(Disk::default()),
        1 => {
            let mut server = Server::new(Disk::default());
            server.let_in(5);
            server
        }
        2..=4 => Server::new(grown()),
        _ => {
            let mut server = Server::new(grown());
            server.elect();
            assert!(
                server.machine.is_leader(),
                "both votes of two make a leader"
            );
            server
        }
    };
    if first & 8 != 0 {
        for from in OTHERS {
            let message = Bytes::copy_from_slice(input.0);
            server.give(Happening::Heard { from, message });
        }
        server.pass(3);
        server.restart();
        return;
    }
    let mut ticks = 0;
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        step(&mut server, &mut input, &mut ticks);
    }
    server.writes = Writes::Quick;
    server.settle();
    server.pass(3);
    if first & 16 != 0 {
        server.restart();
    }
}

fn step(server: &mut Server, input: &mut Input<'_>, ticks: &mut u64) {
    let what = input.byte();
    let from = OTHERS[usize::from(what >> 7)];
    match what & 31 {
        0 | 1 => {
            let some = u64::from(input.byte() % 64).min(TICKS_MAX - *ticks);
            *ticks += some;
            server.pass(some);
        }
        2 => {
            server.writes = match input.byte() % 4 {
                0 => Writes::Fail,
                1 => Writes::Quick,
                _ => Writes::Slow,
            };
            server.settle();
        }
        3 => server.settle(),
        4 => server.give(match input.byte() % 6 {
            0 => Happening::Halted,
            1 | 2 => Happening::Resumed,
            3 => Happening::Retired,
            _ => Happening::Ask {
                client: UserId([3; 32]),
                nonce: u64::from(input.byte()),
                question: Bytes::new(),
            },
        }),
        5 => server.restart(),
        6 | 7 => {
            let command = command(input);
            server.give(Happening::Submit {
                client: command.client,
                nonce: command.nonce,
                command: command.bytes,
            });
        }
        8..=11 => server.answer_truly(from),
        12 => {
            let size = input.size();
            let message = Bytes::copy_from_slice(input.bytes(size));
            let from = match input.byte() {
                0 => NodeId(input.byte()),
                _ => from,
            };
            server.give(Happening::Heard { from, message });
        }
        13..=15 => {
            let letter = other_letter(server, input);
            server.hear(from, &letter);
        }
        _ => {
            let letter = Letter::Raft(message(server, input));
            server.hear(from, &letter);
        }
    }
}

fn other_letter(server: &Server, input: &mut Input<'_>) -> Letter {
    match input.byte() % 4 {
        0 => Letter::Pass(command(input)),
        1 => {
            let new_ones = input.bytes(3).iter().copied().map(NodeId).collect();
            let boot = input.long();
            Letter::Hello { boot, new_ones }
        }
        2 => {
            let boot = match (input.byte(), server.last_to(OTHERS[0])) {
                (1.., Some(&Letter::Hello { boot, .. })) => boot,
                _ => input.long(),
            };
            let (term, is_in) = (near(server.term, input), input.byte() & 1 == 0);
            Letter::Welcome { boot, term, is_in }
        }
        _ => {
            let seq = near(server.machine.applied(), input) & !7;
            let digest = Digest([input.byte(); 32]);
            Letter::Checkpoint { seq, digest }
        }
    }
}

fn command(input: &mut Input<'_>) -> Command {
    let client = UserId([input.byte() % 4; 32]);
    let nonce = u64::from(input.byte() % 32);
    let size = usize::from(input.byte() % 64);
    let bytes = Bytes::copy_from_slice(input.bytes(size));
    Command {
        client,
        nonce,
        bytes,
    }
}

/// A number near this one, more often than not.
fn near(number: u64, input: &mut Input<'_>) -> u64 {
    match input.byte() {
        0xff => input.long(),
        0xfe => u64::from(input.short()),
        0xf8.. => 0,
        0xe0.. => (1 << 62) - u64::from(input.byte()),
        small if small & 1 == 0 => number,
        small => number
            .saturating_add(u64::from((small >> 1) & 15))
            .saturating_sub(4),
    }
}

fn message(server: &Server, input: &mut Input<'_>) -> Message {
    let kind = Kind::ALL[usize::from(input.byte()) % Kind::ALL.len()];
    let (top, applied) = (server.top, server.machine.applied());
    let mut message = Message::new(kind, near(server.term, input));
    let shape = input.byte();
    if kind == Kind::ReadIndex && shape & 0x40 == 0 {
        message.term = 0;
    }
    message.index = near(if shape & 1 == 0 { top } else { applied }, input);
    message.log_term = near(server.term.min(message.term), input);
    message.commit = near(if shape & 2 == 0 { applied } else { top }, input);
    message.reject = shape & 4 != 0;
    if message.reject || shape & 0x80 != 0 {
        message.reject_hint = near(top, input);
        message.commit_term = near(server.term, input);
    }
    if shape & 0x18 == 0x18 {
        message.request_snapshot = near(applied, input);
    }
    match kind {
        Kind::Append => message.entries = entries(&message, input, shape >> 5),
        Kind::ReadIndex | Kind::ReadIndexResponse => {
            message.entries = entries(&message, input, u8::from(shape >> 5 != 7));
        }
        Kind::Snapshot => message.snapshot = Some(parcel(server, &message, input)),
        Kind::HeartbeatResponse | Kind::Heartbeat => message.context = context(server, input),
        _ => {}
    }
    message
}

/// What goes round with a heartbeat: that of the last one, more often than not.
fn context(server: &Server, input: &mut Input<'_>) -> Bytes {
    match (input.byte(), server.last_to(OTHERS[0])) {
        (0x20.., Some(Letter::Raft(message))) => message.context.clone(),
        (size, _) => Bytes::copy_from_slice(input.bytes(usize::from(size % 32))),
    }
}

fn entries(message: &Message, input: &mut Input<'_>, count: u8) -> Vec<Entry> {
    let mut index = message.index;
    let mut term = message.log_term;
    let mut entries = Vec::new();
    for _ in 0..count {
        index = match input.byte() {
            0xf8.. => near(index, input),
            _ => index.saturating_add(1),
        };
        term = match input.byte() {
            0xf0.. => near(term, input),
            0x80.. => message.term,
            _ => term,
        };
        let what = input.byte();
        let data = match what % 4 {
            0 => Bytes::new(),
            1 => Bytes::copy_from_slice(input.bytes(usize::from(what >> 2))),
            _ => {
                let envelope = Envelope {
                    stamp: WallTime(input.long() >> (what >> 2)),
                    command: (what & 4 == 0).then(|| command(input)),
                };
                codec::encode(&envelope).into()
            }
        };
        let kind = match what {
            0xfe => EntryKind::Change,
            0xff => EntryKind::JointChange,
            _ => EntryKind::Normal,
        };
        entries.push(Entry {
            kind,
            term,
            index,
            data,
            context: Bytes::new(),
        });
    }
    entries
}

fn parcel(server: &Server, message: &Message, input: &mut Input<'_>) -> Parcel {
    let mut group = Group {
        voters: vec![1, 2, 3],
        ..Group::default()
    };
    let shape = input.byte();
    match shape {
        0xf0.. => group.voters = input.bytes(3).iter().copied().map(u64::from).collect(),
        0xe8.. => group.learners.push(u64::from(input.byte())),
        0xe0.. => group.auto_leave = true,
        _ => {}
    }
    let state = match shape & 7 {
        0 => input.bytes(40).to_vec(),
        _ => Toy::bytes(input.long(), shape),
    };
    let data = [&[shape; 32][..], &state].concat();
    Parcel {
        index: near(server.top, input),
        term: near(message.term.min(server.term), input),
        group,
        data: data.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever finds nothing may have tried nothing: these are the states that the first byte
    /// chooses, as they should be.
    #[test]
    fn the_server_is_as_far_as_the_first_byte_says() {
        let mut novice = Server::new(Disk::default());
        novice.let_in(5);
        assert!(
            !novice.machine.votes() && novice.term == 6,
            "{}",
            novice.term
        );
        let mut leader = Server::new(grown());
        assert_eq!((leader.machine.applied(), leader.top), (8, 12));
        leader.elect();
        assert!(leader.machine.is_leader());
        assert_eq!(leader.machine.applied(), 13);
    }

    #[test]
    fn what_is_built_of_zeros_is_believed_and_not_only_turned_away() {
        let mut follower = Server::new(grown());
        let mut append = Message::new(Kind::Append, 2);
        (append.index, append.log_term, append.commit) = (12, 1, 13);
        append.entries = vec![server::entry(2, 13)];
        follower.hear(OTHERS[1], &Letter::Raft(append));
        assert_eq!(follower.machine.applied(), 13);
        follower.restart();
    }
}
