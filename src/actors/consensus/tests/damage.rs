//! What a server makes of a disk that is not as it left it.

use super::toy::Toy;
use super::world::{SECOND, World};
use crate::actors::consensus::rows::{self, Found, VoteRow};
use crate::actors::consensus::wire::{Kind, Letter, RaftMessage};
use crate::actors::consensus::*;
use crate::actors::edges::{Row, Table};
use crate::time::Calendar;

/// A group that has worked for a while, with snapshots and a log behind them.
fn worked() -> World {
    let mut world = World::new(5, 3, 3, |config| {
        config.checkpoint_every = 100;
        config.log_tail = 20;
    });
    world.run(6 * SECOND);
    world
}

fn standing(world: &World, server: usize) -> (Standing, Option<Why>) {
    let config = world.config(server);
    let machine = Consensus::new(config, Toy::default(), &world.rows(server), [1; 32]);
    (machine.standing(), machine.quarantine)
}

#[test]
fn a_disk_as_it_was_left_is_read_to_the_same_state() {
    let mut world = worked();
    world.calm();
    for server in 0..3 {
        let before = world.machine(server).expect("runs");
        let (applied, end) = (before.applied, before.node.store().end());
        world.crash(server);
        let config = world.config(server);
        let mut machine = Consensus::new(config, Toy::default(), &world.rows(server), [1; 32]);
        assert_eq!(machine.node.store().end(), end);
        let mut out = Outbox::new();
        machine.on_deadline(Moment::START, &mut out);
        // What was decided is learned again; nothing is answered before.
        assert!(machine.applied <= applied && machine.applied >= 100);
        assert_eq!(machine.standing(), Standing::CatchingUp);
    }
}

/// Whole by its checksum, and yet nothing that a server has come to.
#[test]
fn a_term_that_nothing_follows_takes_the_server_out() {
    let mut world = worked();
    world.crash(0);
    let group = world.config(0).checked().group();
    let me = world.config(0).me;
    let Ok(Found::Log(log)) = rows::read(me, &group, &world.rows(0)) else {
        panic!("the disk is whole");
    };
    let damaged = Why::Damaged(Damage::Row("vote".to_owned()));
    let out = (Standing::Quarantined, Some(damaged));
    for (term, expected) in [
        (1 << 62, (Standing::CatchingUp, None)),
        (1 << 63, out.clone()),
        (u64::MAX, out),
    ] {
        let row = VoteRow {
            term,
            vote: 0,
            commit: log.commit(),
            end: log.end(),
        };
        let record = rows::vote_record(&row);
        let value = record.value.expect("a row");
        world.disk_mut(0).insert((record.table, record.key), value);
        assert_eq!(standing(&world, 0), expected, "{term}");
    }
}

/// Every row, every third byte: a flipped bit is seen, and the server does not vote.
#[test]
pub(super) fn a_flipped_bit_anywhere_takes_the_server_out() {
    let mut world = worked();
    world.crash(0);
    assert_eq!(standing(&world, 0), (Standing::CatchingUp, None));
    let keys: Vec<_> = world.disk_mut(0).keys().cloned().collect();
    assert!(keys.len() > 20, "{}", keys.len());
    for key in keys {
        let whole = world.disk_mut(0)[&key].clone();
        for at in (0..whole.len()).step_by(3) {
            let mut bent = whole.to_vec();
            bent[at] ^= 0x10;
            world.disk_mut(0).insert(key.clone(), bent.into());
            let found = standing(&world, 0);
            assert!(
                matches!(found, (Standing::Quarantined, Some(Why::Damaged(_)))),
                "byte {at} of {key:?}: {found:?}",
            );
        }
        world.disk_mut(0).insert(key, whole);
    }
}

#[test]
fn a_missing_row_takes_the_server_out() {
    let mut world = worked();
    world.crash(0);
    let keys: Vec<_> = world.disk_mut(0).keys().cloned().collect();
    for key in keys {
        let whole = world.disk_mut(0).remove(&key).expect("was there");
        let found = standing(&world, 0);
        assert_eq!(found.0, Standing::Quarantined, "{key:?}");
        world.disk_mut(0).insert(key, whole);
    }
}

#[test]
fn a_server_that_is_out_says_so_once_and_is_silent_also_after_a_restart() {
    let mut world = worked();
    world.crash(0);
    let first = (Table::RaftLog, Vec::new());
    let key = world
        .disk_mut(0)
        .range(first..)
        .next()
        .expect("a log")
        .0
        .clone();
    world.disk_mut(0).remove(&key);
    let rows = world.rows(0);
    let mut machine = Consensus::new(world.config(0), Toy::default(), &rows, [1; 32]);
    let mut out = Outbox::new();
    let at = machine.deadline().expect("has to say so");
    machine.on_deadline(at, &mut out);
    let words = out.take();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(matches!(words[0], Output::State(_)));
    assert!(matches!(words[1], Output::Quarantined(Why::Damaged(_))));
    assert_eq!(machine.deadline(), None);
    let command = Bytes::from_static(b"12345678");
    for input in [
        Input::Submit {
            client: UserId([1; 32]),
            nonce: 1,
            command,
        },
        Input::Halted,
        Input::Resumed,
    ] {
        machine.handle(at, input, &mut out);
    }
    assert!(out.is_empty());
}

#[test]
fn the_disk_of_another_server_is_not_taken() {
    let mut world = worked();
    world.crash(0);
    let rows = world.rows(0);
    let machine = Consensus::new(world.config(1), Toy::default(), &rows, [1; 32]);
    let why = machine.quarantine.expect("is out");
    assert_eq!(why, Why::Damaged(Damage::Stranger { me: 1, voters: 3 }));
}

/// A disk that was put back to what it held a while ago has forgotten what it confirmed.
#[test]
fn a_rolled_back_disk_is_found_out_by_the_leader_of_the_same_term() {
    let mut world = worked();
    let leader = world.leader().expect("leads");
    let server = (leader + 1) % 3;
    let old = world.disk_mut(server).clone();
    world.run(3 * SECOND);
    world.crash(server);
    *world.disk_mut(server) = old;
    world.start(server);
    world.run(SECOND);
    let machine = world.machine(server).expect("runs");
    assert_eq!(machine.quarantine, Some(Why::Forgot));
    let found = rows::read(
        machine.config.me,
        &machine.config.group(),
        &world.rows(server),
    );
    assert!(matches!(found, Ok(Found::Quarantined(Why::Forgot))));
}

#[test]
pub(super) fn a_server_whose_state_differs_from_the_majoritys_takes_itself_out() {
    let mut world = worked();
    world.bend(1);
    world.run(4 * SECOND);
    let machine = world.machine(1).expect("runs");
    let is_out = matches!(machine.quarantine, Some(Why::Differs(_)));
    assert!(is_out, "a server that differs goes on");
    for server in [0, 2] {
        let machine = world.machine(server).expect("runs");
        assert_eq!(machine.standing(), Standing::Serving);
    }
}

/// One server of three with its disk, asked for its vote.
struct Voter {
    machine: Consensus<Toy>,
    disk: BTreeMap<(Table, Vec<u8>), Bytes>,
}

impl Voter {
    fn config() -> Config {
        let peers = vec![NodeId(2), NodeId(3)];
        Config::lan(NodeId(1), peers, Calendar::default())
    }

    fn started(disk: BTreeMap<(Table, Vec<u8>), Bytes>) -> Self {
        let rows = |table: Table| -> Vec<Row> {
            let own = disk.iter().filter(|((of, _), _)| *of == table);
            own.map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        let rows = Rows {
            log: rows(Table::RaftLog),
            state: rows(Table::RaftState),
            snapshot: rows(Table::LedgerSnapshot),
        };
        let machine = Consensus::new(Self::config(), Toy::default(), &rows, [9; 32]);
        Self { machine, disk }
    }

    /// Gives it a letter; what it answers before and after its disk has written.
    fn hear(&mut self, from: NodeId, letter: &Letter) -> (Vec<Letter>, Vec<Letter>) {
        let mut out = Outbox::new();
        let message = letter.encode();
        let now = Moment::START;
        self.machine
            .handle(now, Input::Heard { from, message }, &mut out);
        let (before, tickets) = self.sort(&mut out);
        for ticket in tickets {
            let answer = DiskAnswer::Written;
            self.machine
                .handle(now, Input::Disk { ticket, answer }, &mut out);
        }
        (before, self.sort(&mut out).0)
    }

    fn sort(&mut self, out: &mut Outbox<OutputOf<Toy>>) -> (Vec<Letter>, Vec<Ticket>) {
        let (mut letters, mut tickets) = (Vec::new(), Vec::new());
        for words in out.take() {
            match words {
                Output::Send { message, .. } => {
                    letters.push(Letter::decode(&message).expect("a letter"));
                }
                Output::Disk {
                    ticket,
                    order: DiskOrder::Write(records),
                } => {
                    for record in records {
                        let value = record.value.expect("nothing is deleted");
                        self.disk.insert((record.table, record.key), value);
                    }
                    tickets.push(ticket);
                }
                _ => {}
            }
        }
        (letters, tickets)
    }
}

fn asks_for_vote(term: u64) -> Letter {
    let mut message = raft::eraftpb::Message::default();
    message.set_msg_type(raft::eraftpb::MessageType::MsgRequestVote);
    message.term = term;
    Letter::Raft(RaftMessage::of(message).expect("it leaves the host"))
}

fn is_vote(letters: &[Letter]) -> Option<bool> {
    letters.iter().find_map(|letter| match letter {
        Letter::Raft(message) if message.kind == Kind::RequestVoteResponse => Some(!message.reject),
        _ => None,
    })
}

#[test]
pub(super) fn a_vote_is_on_disk_before_it_is_told_and_is_not_given_twice_after_a_restart() {
    let mut voter = Voter::started(BTreeMap::new());
    for from in [NodeId(2), NodeId(3)] {
        let boot = u64::from_le_bytes([9; 8]);
        let (term, is_in) = (0, true);
        voter.hear(from, &Letter::Welcome { boot, term, is_in });
    }
    let (before, after) = voter.hear(NodeId(2), &asks_for_vote(5));
    assert_eq!((is_vote(&before), is_vote(&after)), (None, Some(true)));
    let mut again = Voter::started(voter.disk);
    assert_eq!(again.machine.standing(), Standing::CatchingUp);
    let vote = |(before, after): (Vec<Letter>, Vec<Letter>)| is_vote(&before).or(is_vote(&after));
    assert_eq!(vote(again.hear(NodeId(3), &asks_for_vote(4))), None);
    assert_eq!(vote(again.hear(NodeId(3), &asks_for_vote(5))), Some(false));
    // The same server may hear the same again, and a later term is another matter.
    assert_eq!(vote(again.hear(NodeId(2), &asks_for_vote(5))), Some(true));
    assert_eq!(vote(again.hear(NodeId(3), &asks_for_vote(6))), Some(true));
}
