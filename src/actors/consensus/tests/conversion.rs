//! What goes to another server comes back as it was, and bytes that are none of ours do no harm.

use proptest::prelude::*;
use raft::eraftpb;

use super::toy::Toy;
use crate::actors::consensus::wire::{
    Command, Envelope, Group, Kind, Letter, LogEntry, Parcel, RaftMessage,
};
use crate::actors::consensus::*;
use crate::proto::codec;
use crate::proto::ids::Digest;
use crate::time::{Calendar, WallTime};

const FROM: NodeId = NodeId(2);
const ME: NodeId = NodeId(1);

const KINDS: [eraftpb::MessageType; 12] = [
    eraftpb::MessageType::MsgAppend,
    eraftpb::MessageType::MsgAppendResponse,
    eraftpb::MessageType::MsgRequestVote,
    eraftpb::MessageType::MsgRequestVoteResponse,
    eraftpb::MessageType::MsgSnapshot,
    eraftpb::MessageType::MsgHeartbeat,
    eraftpb::MessageType::MsgHeartbeatResponse,
    eraftpb::MessageType::MsgTimeoutNow,
    eraftpb::MessageType::MsgReadIndex,
    eraftpb::MessageType::MsgReadIndexResp,
    eraftpb::MessageType::MsgRequestPreVote,
    eraftpb::MessageType::MsgRequestPreVoteResponse,
];

const OWN: [eraftpb::MessageType; 7] = [
    eraftpb::MessageType::MsgHup,
    eraftpb::MessageType::MsgBeat,
    eraftpb::MessageType::MsgPropose,
    eraftpb::MessageType::MsgUnreachable,
    eraftpb::MessageType::MsgSnapStatus,
    eraftpb::MessageType::MsgCheckQuorum,
    eraftpb::MessageType::MsgTransferLeader,
];

/// Small numbers, which mean something, and all others.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..12, 0_u64..12, any::<u64>()]
}

fn some_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn entry() -> impl Strategy<Value = eraftpb::Entry> {
    (0..3_u8, number(), number(), some_bytes(), some_bytes()).prop_map(
        |(kind, term, index, data, context)| {
            let mut entry = eraftpb::Entry::default();
            entry.set_entry_type(match kind {
                0 => eraftpb::EntryType::EntryNormal,
                1 => eraftpb::EntryType::EntryConfChange,
                _ => eraftpb::EntryType::EntryConfChangeV2,
            });
            (entry.term, entry.index) = (term, index);
            (entry.data, entry.context) = (data, context);
            entry
        },
    )
}

fn group() -> impl Strategy<Value = eraftpb::ConfState> {
    let list = || prop::collection::vec(number(), 0..4);
    prop_oneof![
        Just(Group::of_voters(&[ME, FROM, NodeId(3)]).into_raft()),
        (list(), list(), list(), list(), any::<bool>()).prop_map(|lists| {
            let mut group = eraftpb::ConfState::default();
            group.set_voters(lists.0);
            group.set_learners(lists.1);
            group.set_voters_outgoing(lists.2);
            group.set_learners_next(lists.3);
            group.auto_leave = lists.4;
            group
        })
    ]
}

fn snapshot() -> impl Strategy<Value = eraftpb::Snapshot> {
    let state = prop_oneof![
        some_bytes(),
        Just(Bytes::from(
            [&[7; 32][..], &Toy::default().snapshot()].concat()
        )),
    ];
    (number(), number(), group(), state).prop_map(|(index, term, group, data)| {
        let mut about = eraftpb::SnapshotMetadata::default();
        (about.index, about.term) = (index, term);
        about.set_conf_state(group);
        let mut snapshot = eraftpb::Snapshot::default();
        snapshot.set_metadata(about);
        snapshot.data = data;
        snapshot
    })
}

prop_compose! {
    fn message()(
        kind in prop::sample::select(&KINDS[..]),
        numbers in prop::array::uniform7(number()),
        entries in prop::collection::vec(entry(), 0..4),
        in_line in any::<bool>(),
        snapshot in prop::option::of(snapshot()),
        reject in any::<bool>(),
        context in some_bytes(),
    ) -> eraftpb::Message {
        let mut message = eraftpb::Message::default();
        message.set_msg_type(kind);
        message.from = u64::from(FROM.0);
        message.to = u64::from(ME.0);
        message.term = numbers[0];
        message.log_term = numbers[1];
        message.index = numbers[2];
        message.commit = numbers[3];
        message.commit_term = numbers[4];
        message.request_snapshot = numbers[5];
        message.reject_hint = numbers[6];
        let mut entries = entries;
        if in_line {
            for (after, entry) in (1..).zip(&mut entries) {
                entry.index = message.index.wrapping_add(after);
                entry.term = message.log_term.max(1);
                entry.set_entry_type(eraftpb::EntryType::EntryNormal);
            }
        }
        message.set_entries(entries.into());
        if let Some(snapshot) = snapshot {
            message.set_snapshot(snapshot);
        }
        message.reject = reject;
        message.context = context;
        message
    }
}

fn machine() -> Consensus<Toy> {
    let peers = vec![FROM, NodeId(3)];
    let config = Config::lan(ME, peers, Calendar::default());
    let mut machine = Consensus::new(config, Toy::default(), &Rows::default(), [9; 32]);
    let boot = u64::from_le_bytes([9; 8]);
    let mut out = Outbox::new();
    for from in [FROM, NodeId(3)] {
        let (term, is_in) = (0, true);
        let message = Letter::Welcome { boot, term, is_in }.encode();
        machine.handle(Moment::START, Input::Heard { from, message }, &mut out);
    }
    answer_disk(&mut machine, Moment::START, &mut out);
    assert!(machine.votes());
    machine
}

/// Every order to the disk is carried out at once.
fn answer_disk(machine: &mut Consensus<Toy>, now: Moment, out: &mut Out<Toy>) {
    loop {
        let tickets: Vec<Ticket> = out
            .take()
            .into_iter()
            .filter_map(|order| match order {
                Output::Disk { ticket, .. } => Some(ticket),
                _ => None,
            })
            .collect();
        if tickets.is_empty() {
            return;
        }
        for ticket in tickets {
            let answer = DiskAnswer::Written;
            machine.handle(now, Input::Disk { ticket, answer }, out);
        }
    }
}

proptest! {
    #[test]
    fn a_message_of_raft_comes_back_as_it_was(message in message()) {
        let ours = RaftMessage::of(message.clone()).expect("it leaves the host");
        let letter = Letter::Raft(ours);
        let Ok(Letter::Raft(back)) = Letter::decode(&letter.encode()) else {
            panic!("it decodes");
        };
        prop_assert_eq!(back.into_raft(FROM, ME), message);
    }

    #[test]
    fn entries_and_snapshots_come_back_as_they_were(entry in entry(), snapshot in snapshot()) {
        prop_assert_eq!(LogEntry::of(&entry).into_raft(), entry);
        prop_assert_eq!(Parcel::of(snapshot.clone()).into_raft(), snapshot);
    }

    #[test]
    fn what_raft_says_to_itself_stays(kind in prop::sample::select(&OWN[..])) {
        let mut message = eraftpb::Message::default();
        message.set_msg_type(kind);
        prop_assert_eq!(RaftMessage::of(message), None);
    }

    #[test]
    fn other_letters_come_back_as_they_were(nonce in any::<u64>(), bytes in some_bytes()) {
        let command = Command { client: UserId([3; 32]), nonce, bytes };
        let stamp = WallTime(nonce);
        let envelope = Envelope { stamp, command: Some(command.clone()) };
        let coded = codec::encode(&envelope);
        prop_assert_eq!(codec::decode::<Envelope>(&coded, 1 << 10), Ok(envelope));
        for letter in [
            Letter::Pass(command),
            Letter::Hello { boot: nonce, new_ones: vec![ME, FROM] },
            Letter::Welcome { boot: nonce, term: nonce, is_in: true },
            Letter::Checkpoint { seq: nonce, digest: Digest([1; 32]) },
        ] {
            prop_assert_eq!(Letter::decode(&letter.encode()), Ok(letter));
        }
    }

    /// Whatever a server of the group says, in whatever state it finds us.
    #[test]
    fn no_message_ends_the_node(
        messages in prop::collection::vec((message(), any::<bool>(), 0..4_u8), 1..24),
        scrap in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut machine = machine();
        let mut out = Outbox::new();
        let mut now = Moment::START;
        for (mut message, fits, ticks) in messages {
            // Messages of this term that go on from our log get further into raft.
            if fits && message.term != 0 {
                message.term = machine.node.raft.term.max(1);
            }
            for _ in 0..u32::from(ticks) * 12 {
                now = now.after(Duration::from_millis(20));
                machine.on_deadline(now, &mut out);
                answer_disk(&mut machine, now, &mut out);
            }
            let ours = RaftMessage::of(message).expect("it leaves the host");
            let message = Letter::Raft(ours).encode();
            machine.handle(now, Input::Heard { from: FROM, message }, &mut out);
            answer_disk(&mut machine, now, &mut out);
        }
        let message = Bytes::from(scrap);
        machine.handle(now, Input::Heard { from: FROM, message }, &mut out);
    }
}

#[test]
fn bytes_that_are_no_letter_and_letters_of_strangers_are_counted() {
    let mut machine = machine();
    let mut out = Outbox::new();
    let letter = Letter::Checkpoint {
        seq: 1,
        digest: Digest([0; 32]),
    };
    let letters = [
        (FROM, Bytes::from_static(&[250, 1, 2])),
        (NodeId(9), letter.encode()),
        (ME, letter.encode()),
    ];
    for (from, message) in letters {
        machine.handle(Moment::START, Input::Heard { from, message }, &mut out);
    }
    assert_eq!(machine.counts.bad_messages, 3);
}

/// A newcomer goes one term beyond all that it is told of.
#[test]
fn a_term_that_nothing_follows_is_not_believed() {
    let peers = vec![FROM, NodeId(3)];
    let config = Config::lan(ME, peers, Calendar::default());
    let mut machine = Consensus::new(config, Toy::default(), &Rows::default(), [9; 32]);
    let boot = u64::from_le_bytes([9; 8]);
    let mut out = Outbox::new();
    let mut welcome = |machine: &mut Consensus<Toy>, from, term| {
        let is_in = true;
        let message = Letter::Welcome { boot, term, is_in }.encode();
        machine.handle(Moment::START, Input::Heard { from, message }, &mut out);
    };
    for term in [u64::MAX, 1 << 62] {
        welcome(&mut machine, FROM, term);
        welcome(&mut machine, NodeId(3), term);
    }
    assert_eq!(machine.counts.bad_messages, 4);
    assert!(machine.entrance.is_some());
    welcome(&mut machine, FROM, (1 << 62) - 1);
    welcome(&mut machine, NodeId(3), 5);
    assert!(machine.entrance.is_none());
    assert_eq!(machine.node.raft.term, 1 << 62);
}

/// Every kind has its own name in ours.
#[test]
fn kinds_are_told_apart() {
    let mut seen: Vec<Kind> = Vec::new();
    for kind in KINDS {
        let mut message = eraftpb::Message::default();
        message.set_msg_type(kind);
        let ours = RaftMessage::of(message).expect("it leaves the host").kind;
        assert!(!seen.contains(&ours));
        seen.push(ours);
    }
}
