//! What is answered, when, and to whom.

use super::toy::{self, Reply, Toy};
use super::world::{MS, SECOND, Weather, Words, World};
use crate::actors::consensus::*;
use crate::actors::edges::DiskFault;
use crate::time::Calendar;

const CLIENT: UserId = UserId([200; 32]);

/// One server and its disk, which answers when it is told to.
struct Bench {
    machine: Consensus<Toy>,
    now: Moment,
    out: Outbox<Words>,
    /// Orders without an answer.
    disk: Vec<Ticket>,
    said: Vec<Words>,
}

impl Bench {
    fn alone() -> Self {
        let config = Config::lan(NodeId(1), Vec::new(), Calendar::default());
        Self {
            machine: Consensus::new(config, Toy::default(), &Rows::default(), [3; 32]),
            now: Moment::START,
            out: Outbox::new(),
            disk: Vec::new(),
            said: Vec::new(),
        }
    }

    fn collect(&mut self) {
        for words in self.out.take() {
            match words {
                Output::Disk { ticket, .. } => self.disk.push(ticket),
                other => self.said.push(other),
            }
        }
    }

    fn give(&mut self, input: Input) {
        self.machine.handle(self.now, input, &mut self.out);
        self.collect();
    }

    fn submit(&mut self, nonce: u64) {
        self.give(Input::Submit {
            client: CLIENT,
            nonce,
            command: toy::command(nonce),
        });
    }

    fn answer(&mut self, answer: &DiskAnswer) -> usize {
        let tickets = std::mem::take(&mut self.disk);
        for &ticket in &tickets {
            let answer = answer.clone();
            self.give(Input::Disk { ticket, answer });
        }
        tickets.len()
    }

    fn pass(&mut self, millis: u64, disk_works: bool) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(at) = self.machine.deadline().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.machine.on_deadline(self.now, &mut self.out);
            self.collect();
            while disk_works && self.answer(&DiskAnswer::Written) > 0 {}
        }
        self.now = end;
    }

    fn serving() -> Self {
        let mut bench = Self::alone();
        bench.pass(1_000, true);
        assert_eq!(bench.machine.standing(), Standing::Serving);
        bench.said.clear();
        bench
    }

    fn answers(&self) -> Vec<(u64, Reply)> {
        let answer = |words: &Words| match words {
            Output::Answer { nonce, reply, .. } => Some((*nonce, *reply)),
            _ => None,
        };
        self.said.iter().filter_map(answer).collect()
    }
}

#[test]
fn a_group_of_one_leads_itself_and_answers_when_its_disk_has_answered() {
    let mut bench = Bench::serving();
    bench.submit(1);
    assert_eq!(bench.answers(), vec![]);
    assert_eq!(bench.disk.len(), 1);
    bench.answer(&DiskAnswer::Written);
    assert_eq!(bench.answers(), vec![(1, (1, bench.machine.applied(), 1))]);
}

#[test]
fn what_comes_while_the_disk_writes_is_written_together() {
    let mut bench = Bench::serving();
    for nonce in 1..=20 {
        bench.submit(nonce);
    }
    assert_eq!(bench.disk.len(), 1);
    let writes = bench.machine.writer.writes();
    bench.answer(&DiskAnswer::Written);
    assert_eq!(bench.answers().len(), 1);
    assert_eq!(bench.disk.len(), 1);
    bench.answer(&DiskAnswer::Written);
    assert_eq!(bench.answers().len(), 20);
    assert_eq!(bench.machine.writer.writes(), writes + 1);
}

#[test]
fn a_repeated_command_is_put_into_the_log_once_while_it_is_on_its_way() {
    let mut bench = Bench::serving();
    let before = bench.machine.node.raft.raft_log.last_index();
    for _ in 0..5 {
        bench.submit(7);
    }
    assert_eq!(bench.machine.node.raft.raft_log.last_index(), before + 1);
    bench.answer(&DiskAnswer::Written);
    assert_eq!(bench.answers().len(), 1);
    // Later it is decided again, and the state machine knows it.
    bench.submit(7);
    bench.answer(&DiskAnswer::Written);
    let answers = bench.answers();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].1.1, answers[1].1.1);
}

#[test]
fn while_the_disk_fails_nothing_is_said_and_it_goes_on_when_it_works() {
    let mut bench = Bench::serving();
    bench.submit(1);
    bench.answer(&DiskAnswer::Failed(DiskFault::Io("full".into())));
    assert_eq!(bench.machine.standing(), Standing::DiskFails);
    bench.submit(2);
    bench.pass(3_500, false);
    let states = bench.said.iter();
    let states = states.filter(|words| matches!(words, Output::State(_)));
    assert_eq!(states.count(), bench.said.len());
    // The same write again, each second.
    assert_eq!(bench.disk.len(), 3);
    assert!(bench.disk.iter().all(|ticket| *ticket == bench.disk[0]));
    bench.answer(&DiskAnswer::Written);
    bench.pass(1_000, true);
    assert_eq!(bench.machine.standing(), Standing::Serving);
    assert_eq!(bench.machine.state().count, 1);
    bench.submit(1);
    bench.pass(100, true);
    assert_eq!(bench.answers().len(), 1);
}

#[test]
fn a_lost_answer_of_the_disk_makes_it_write_the_same_again() {
    let mut bench = Bench::serving();
    bench.submit(1);
    let ticket = bench.disk[0];
    bench.pass(4_000, false);
    assert_eq!(bench.disk, vec![ticket]);
    bench.pass(1_500, false);
    assert_eq!(bench.disk, vec![ticket; 2]);
    bench.answer(&DiskAnswer::Written);
    assert_eq!(bench.answers().len(), 1);
}

#[test]
fn unwanted_and_too_large_commands_do_not_get_into_the_log() {
    let mut bench = Bench::serving();
    let before = bench.machine.node.raft.raft_log.last_index();
    bench.submit(toy::UNWANTED);
    assert!(matches!(bench.said[..], [Output::Refused { .. }]));
    let most = bench.machine.config.command_max_bytes;
    for (size, turned_away) in [(most, 0), (most + 1, 1)] {
        bench.give(Input::Submit {
            client: CLIENT,
            nonce: size as u64,
            command: vec![1; size].into(),
        });
        let log = &bench.machine.node.raft.raft_log;
        assert_eq!(log.last_index(), before + 1);
        assert_eq!(bench.machine.counts.turned_away, turned_away);
    }
}

/// The client tells one server a command.
fn submit(world: &mut World, server: usize, nonce: u64, command: u64) {
    let input = Input::Submit {
        client: CLIENT,
        nonce,
        command: toy::command(command),
    };
    world.give(server, input);
}

#[test]
fn a_client_waits_for_so_many_commands_and_no_more() {
    let mut world = World::new(1, 3, 0, |_| {});
    // Nobody leads, so nothing gets into the log.
    world.cut_all();
    let most = world.config(0).waiting_by_client_max as u64;
    for nonce in 0..=most {
        submit(&mut world, 0, nonce, nonce);
        let turned_away = world.machine(0).expect("runs").counts.turned_away;
        assert_eq!(turned_away, u64::from(nonce == most));
    }
}

/// How many commands a new leader turns away from a client after a break: its transport has said a
/// lot again that the old leader refused, so that it will never be agreed.
fn turned_away_after_a_break(crowded_ms: u64) -> u64 {
    let mut world = World::new(5, 3, 0, |config| config.waiting_crowded_ms = crowded_ms);
    world.run(2 * SECOND);
    let leader = world.leader().expect("leads");
    for nonce in 0..world.config(0).waiting_by_client_max as u64 {
        for server in 0..3 {
            submit(&mut world, server, nonce, toy::UNWANTED);
        }
    }
    world.run(300 * MS);
    world.give(leader, Input::Halted);
    world.run(SECOND);
    let next = world.leader().expect("leads");
    assert_ne!(next, leader);
    submit(&mut world, next, 1_000, 7);
    world.run(100 * MS);
    let machine = world.machine(next).expect("runs");
    let turned_away = machine.counts.turned_away;
    assert_eq!(machine.state().first.contains_key(&7), turned_away == 0);
    turned_away
}

#[test]
fn what_a_client_does_not_repeat_leaves_it_room() {
    let usual = Config::lan(NodeId(1), Vec::new(), Calendar::default());
    assert_eq!(turned_away_after_a_break(usual.waiting_crowded_ms), 0);
    assert_eq!(turned_away_after_a_break(usual.waiting_ms), 1);
}

#[test]
fn a_command_that_reaches_one_follower_only_is_passed_on() {
    let mut world = World::new(2, 3, 0, |_| {});
    world.run(SECOND);
    let leader = world.leader().expect("leads");
    let follower = (leader + 1) % 3;
    submit(&mut world, follower, 5, 5);
    world.run(100 * MS);
    let is_there = |world: &World| {
        let state = world.machine(follower).expect("runs").state();
        state.first.contains_key(&5)
    };
    assert!(!is_there(&world));
    world.run(100 * MS);
    assert!(is_there(&world));
    assert!(world.machine(follower).expect("runs").waiting.is_empty());
}

#[test]
fn a_halted_leader_is_replaced_and_catches_up_before_it_answers() {
    let mut world = World::new(3, 3, 2, |_| {});
    world.run(2 * SECOND);
    let leader = world.leader().expect("leads");
    world.give(leader, Input::Halted);
    let before = world.tally.answered;
    let letters = world.letters_of(leader);
    world.run(2 * SECOND);
    assert_eq!(world.letters_of(leader), letters);
    assert!(world.tally.answered > before + 20);
    assert_ne!(world.leader(), Some(leader));
    world.give(leader, Input::Resumed);
    let standing = |world: &World| world.machine(leader).expect("runs").standing();
    assert_eq!(standing(&world), Standing::CatchingUp);
    world.run(SECOND);
    assert_eq!(standing(&world), Standing::Serving);
    world.converge(SECOND);
}

#[test]
fn a_leader_that_retires_hands_over_at_once() {
    let mut world = World::new(4, 3, 2, |_| {});
    world.run(2 * SECOND);
    let leader = world.leader().expect("leads");
    world.give(leader, Input::Retired);
    world.run(100 * MS);
    let next = world.leader().expect("leads");
    assert_ne!(next, leader);
    world.converge(SECOND);
}

/// A leader that was killed is missed for less than a second and a half, in every one of a
/// hundred kills.
#[test]
fn the_gap_after_a_killed_leader_is_short() {
    let mut world = World::new(6, 3, 4, |_| {});
    world.run(SECOND);
    let mut longest = 0;
    for _ in 0..100 {
        let Some(leader) = world.leader() else {
            panic!("somebody leads");
        };
        world.crash(leader);
        let (since, before) = (world.now, world.tally.answered);
        while world.tally.answered < before + 5 {
            world.run(10 * MS);
        }
        longest = longest.max(world.now - since);
        world.start(leader);
        world.run(2 * SECOND);
    }
    println!("longest gap {} ms", longest / MS);
    assert!(longest < 1_500 * MS, "{} ms", longest / MS);
}

#[test]
fn a_server_that_missed_much_gets_the_state_as_a_whole() {
    let mut world = World::new(7, 3, 4, |config| {
        config.checkpoint_every = 100;
        config.log_tail = 20;
    });
    world.run(SECOND);
    let leader = world.leader().expect("leads");
    let absent = (leader + 1) % 3;
    world.crash(absent);
    world.run(8 * SECOND);
    world.start(absent);
    world.run(2 * SECOND);
    assert!(world.tally.restored >= 1);
    world.converge(2 * SECOND);
}

/// All disks stall for up to two seconds again and again: slower, but nobody loses the lead, since
/// heartbeats are answered meanwhile.
#[test]
fn slow_disks_do_not_cost_the_leader_its_lead() {
    let mut world = World::new(8, 3, 4, |_| {});
    world.run(2 * SECOND);
    let before = (world.leader(), world.tally.leaders);
    world.weather = Weather {
        disk: 300 * MS..SECOND,
        disk_slow: 0.3,
        ..Weather::CALM
    };
    world.run(60 * SECOND);
    assert_eq!((world.leader(), world.tally.leaders), before);
    assert!(world.tally.answered > 20);
    world.converge(8 * SECOND);
}

/// The classic way to lose what was answered: A and B have it, C does not, B loses its disk, A is
/// down. B must not help C to lead.
#[test]
fn a_server_with_a_new_disk_does_not_vote_before_it_has_what_it_may_have_promised() {
    let mut world = World::new(9, 3, 4, |_| {});
    world.run(2 * SECOND);
    let a = world.leader().expect("leads");
    let (b, c) = ((a + 1) % 3, (a + 2) % 3);
    for other in [a, b] {
        world.cuts.extend([(c, other), (other, c)]);
    }
    world.run(2 * SECOND);
    let (answered, led) = (world.answered.len(), world.tally.leaders);
    world.crash(a);
    world.wipe(b);
    world.cuts.clear();
    world.start(b);
    world.run(20 * SECOND);
    assert!(!world.machine(b).expect("runs").votes());
    assert_eq!((world.answered.len(), world.tally.leaders), (answered, led));
    world.start(a);
    world.run(2 * SECOND);
    assert!(world.is_whole());
    world.converge(2 * SECOND);
}

/// A novice that restarts is still one, and an empty disk in a running group comes in by itself.
#[test]
fn a_new_disk_in_a_running_group_is_filled_and_votes_again() {
    let mut world = World::new(10, 3, 4, |config| {
        config.checkpoint_every = 100;
        config.log_tail = 20;
    });
    world.run(5 * SECOND);
    let floor = |world: &World, server| world.machine(server).expect("runs").node.store().floor();
    for server in 0..3 {
        world.wipe(server);
        world.start(server);
        while floor(&world, server).is_none() {
            world.run(MS);
            assert!(world.now < 60 * SECOND, "everybody answers");
        }
        // Its term and its floor are on disk before it says anything in that term.
        world.run(10 * MS);
        world.crash(server);
        world.start(server);
        world.run(2 * SECOND);
        assert!(world.is_whole());
    }
    world.converge(2 * SECOND);
}

/// How long a server with an empty disk takes until it serves, while orders go on and messages
/// overtake each other; in simulated microseconds.
fn filled_within(appends_max: usize, append_max_bytes: u64) -> u64 {
    let mut world = World::new(12, 3, 4, |config| {
        config.append_max_bytes = append_max_bytes;
        config.appends_max = appends_max;
    });
    world.weather.delay = 100..20 * MS;
    world.run(30 * SECOND);
    let server = (0..3).find(|&server| world.leader() != Some(server));
    let server = server.expect("two follow");
    world.wipe(server);
    world.start(server);
    let began = world.now;
    while world.machine(server).expect("runs").standing() != Standing::Serving {
        world.run(10 * MS);
        assert!(world.now < began + 60 * SECOND, "it is never filled");
    }
    world.now - began
}

#[test]
fn few_large_messages_fill_a_new_disk_sooner_than_many_small_ones() {
    let (few, many) = (filled_within(4, 8 << 10), filled_within(64, 1 << 10));
    assert!(4 * few < 3 * many, "{few} us, with many {many} us");
}

#[test]
fn a_new_group_has_a_leader_soon_also_if_letters_get_lost() {
    for seed in 0..20 {
        let mut world = World::new(seed, 5, 0, |_| {});
        world.weather.loss = 0.1;
        world.run(2 * SECOND);
        assert!(world.leader().is_some(), "seed {seed}");
        world.weather.loss = 0.0;
        world.run(SECOND);
        assert!(world.is_whole(), "seed {seed}");
    }
}

/// The state wants to know the time once a minute, and nobody orders anything.
#[test]
fn a_state_that_waits_for_the_time_is_told_it() {
    let mut world = World::new(11, 3, 0, |_| {});
    world.run(300 * SECOND);
    let clock = u64::from_le_bytes(toy::CLOCK);
    for server in 0..3 {
        let state = world.machine(server).expect("runs").state();
        assert!(state.first.contains_key(&clock));
        assert!((4..=7).contains(&state.count), "{}", state.count);
    }
}

#[test]
fn a_state_that_fits_no_message_stays_and_is_counted() {
    let run = |most: usize| {
        let mut world = World::new(12, 3, 4, |config| {
            config.checkpoint_every = 100;
            config.log_tail = 20;
            config.snapshot_max_bytes = most;
        });
        world.run(SECOND);
        let leader = world.leader().expect("leads");
        let absent = (leader + 1) % 3;
        world.crash(absent);
        world.run(5 * SECOND);
        world.start(absent);
        world.run(2 * SECOND);
        let refused = world.machine(leader).expect("runs").counts.too_large_states;
        (refused > 0, world.tally.restored > 0)
    };
    assert_eq!(run(100), (true, false));
    assert_eq!(run(1 << 20), (false, true));
}
