//! A client whose clock is wrong in another way at each start, with the directories of three
//! servers that fall silent, lose their disks and tell each other what they know.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::actors::directory::{self, Directory};
use crate::actors::edges::DiskAnswer;
use crate::crypto::static_key::StaticSecret;

const SERVERS: [NodeId; 3] = [N1, N2, N3];
const TODAY_MS: u64 = 1_795_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
/// How far a clock may be off.
const OFF_MS: [i64; 9] = [
    0,
    HOUR_MS,
    -HOUR_MS,
    26 * HOUR_MS,
    -26 * HOUR_MS,
    3 * YEAR_MS,
    -9 * YEAR_MS,
    70 * YEAR_MS,
    -50 * YEAR_MS,
];
const TICK_MS: u64 = 500;

/// What is on its way.
enum Word {
    Errand(NodeId, Errand),
    Said(NodeId, Packet),
    StateAsked(NodeId, NodeId),
    State(NodeId, NodeId, Bytes),
}

struct World {
    random: ChaCha8Rng,
    now_ms: u64,
    directories: BTreeMap<NodeId, Directory>,
    /// Those that hear nothing.
    silent: BTreeSet<NodeId>,
    /// Those that the client does not reach.
    cut: BTreeSet<NodeId>,
    /// Of a hundred words.
    lost: u32,
    client: Presence,
    began_ms: u64,
    on_the_way: Vec<Word>,
}

fn a_directory(me: NodeId) -> Directory {
    let others = SERVERS.into_iter().filter(|other| *other != me).collect();
    let calendar = Calendar {
        started_at: WallTime(TODAY_MS),
    };
    let secret = StaticSecret::from_bytes([me.0; 32]);
    let config = directory::Config::lan(me, others, calendar, secret);
    Directory::new(config, [me.0; 32], Vec::new())
}

fn a_client(clock_ms: u64) -> Presence {
    let calendar = Calendar {
        started_at: WallTime(clock_ms),
    };
    let config = Config::lan(keys(1), "alice".to_owned(), SERVERS.to_vec(), calendar);
    Presence::new(config, [5; 32], Vec::new())
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            now_ms: 0,
            directories: SERVERS.map(|me| (me, a_directory(me))).into(),
            silent: BTreeSet::new(),
            cut: BTreeSet::new(),
            lost: 20,
            client: a_client(TODAY_MS),
            began_ms: 0,
            on_the_way: Vec::new(),
        }
    }

    /// Another run of the client, with another clock.
    fn restart(&mut self) {
        let off_ms = *OFF_MS.choose(&mut self.random).expect("some");
        self.restart_at(off_ms);
    }

    fn restart_at(&mut self, off_ms: i64) {
        let clock = (TODAY_MS + self.now_ms).checked_add_signed(off_ms);
        self.client = a_client(clock.expect("a time"));
        self.began_ms = self.now_ms;
    }

    fn mishap(&mut self) {
        let server = *SERVERS.choose(&mut self.random).expect("some");
        match self.random.random_range(0..8) {
            0 | 1 => self.restart(),
            2 => drop(self.silent.insert(server)),
            3 => self.back(server),
            4 => {
                self.directories.insert(server, a_directory(server));
            }
            5 => drop(self.cut.insert(server)),
            6 => drop(self.cut.remove(&server)),
            _ => self.give(server, directory::Input::Resumed),
        }
    }

    /// Mostly seconds, sometimes minutes.
    fn go_on(&mut self) {
        let most_ms = *[8_000, 8_000, 8_000, 300_000]
            .choose(&mut self.random)
            .expect("some");
        let while_ms = self.random.random_range(0..most_ms);
        self.pass(while_ms);
    }

    /// Nothing goes wrong any more.
    fn calm(&mut self) {
        self.lost = 0;
        self.cut.clear();
        for server in SERVERS {
            self.back(server);
        }
        self.pass(20_000);
    }

    fn back(&mut self, server: NodeId) {
        if self.silent.remove(&server) {
            self.give(server, directory::Input::Resumed);
        }
    }

    fn client_now(&self) -> Moment {
        Moment::from_millis(self.now_ms - self.began_ms)
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / TICK_MS {
            self.now_ms += TICK_MS;
            let now = self.client_now();
            let mut out = Outbox::new();
            if self.client.deadline().is_some_and(|due| due <= now) {
                self.client.on_deadline(now, &mut out);
            }
            self.client_ordered(&mut out);
            for server in SERVERS {
                self.act(server, |directory, now, out| {
                    if directory.deadline().is_some_and(|due| due <= now) {
                        directory.on_deadline(now, out);
                    }
                });
            }
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        while let Some(word) = self.on_the_way.pop() {
            if self.random.random_range(0..100) < self.lost || self.is_cut(&word) {
                continue;
            }
            match word {
                Word::Errand(to, errand) => {
                    let (client, at) = (errand.user.user_id(), address(1));
                    let arrived = directory::Input::ErrandArrived { client, at, errand };
                    self.give(to, arrived);
                }
                Word::StateAsked(from, to) => self.give(to, directory::Input::StateAsked(from)),
                Word::State(from, to, state) => {
                    self.give(to, directory::Input::StateArrived { from, state });
                }
                Word::Said(from, packet) => self.client_hears(from, packet),
            }
        }
    }

    fn is_cut(&self, word: &Word) -> bool {
        match word {
            Word::Errand(server, _) | Word::Said(server, _) => self.cut.contains(server),
            Word::StateAsked(..) | Word::State(..) => false,
        }
    }

    fn client_hears(&mut self, from: NodeId, packet: Packet) {
        let input = match packet {
            Packet::HereAnswer(answer) => Input::HereAnswered { from, answer },
            Packet::Outdated { epoch, is_here } => Input::Outdated {
                from,
                epoch,
                is_here,
            },
            _ => return,
        };
        let mut out = Outbox::new();
        self.client.handle(self.client_now(), input, &mut out);
        self.client_ordered(&mut out);
    }

    fn client_ordered(&mut self, out: &mut Outbox<Output>) {
        for order in out.take() {
            if let Output::Send {
                to: Party::Server(to),
                packet: Packet::Errand(errand),
            } = order
            {
                self.on_the_way.push(Word::Errand(to, errand));
            }
        }
    }

    fn give(&mut self, server: NodeId, input: directory::Input) {
        self.act(server, |directory, now, out| {
            directory.handle(now, input, out);
        });
    }

    /// Lets a server act, unless it is silent; its disk answers at once.
    fn act(
        &mut self,
        server: NodeId,
        act: impl FnOnce(&mut Directory, Moment, &mut Outbox<directory::Output>),
    ) {
        if self.silent.contains(&server) {
            return;
        }
        let now = Moment::from_millis(self.now_ms);
        let directory = self.directories.get_mut(&server).expect("a server");
        let mut out = Outbox::new();
        act(directory, now, &mut out);
        loop {
            let orders = out.take();
            if orders.is_empty() {
                return;
            }
            for order in orders {
                match order {
                    directory::Output::Disk { ticket, .. } => {
                        let answer = DiskAnswer::Written;
                        directory.handle(now, directory::Input::Disk { ticket, answer }, &mut out);
                    }
                    directory::Output::Send { packet, .. } => {
                        self.on_the_way.push(Word::Said(server, packet));
                    }
                    directory::Output::AskState(to) => {
                        self.on_the_way.push(Word::StateAsked(server, to));
                    }
                    directory::Output::SendState { to, state, .. } => {
                        self.on_the_way.push(Word::State(server, to, state));
                    }
                    _ => {}
                }
            }
        }
    }

    /// The servers that count the client's signs of presence.
    fn counted_by(&mut self) -> Vec<NodeId> {
        let mut out = Outbox::new();
        let now = self.client_now();
        self.client.handle(now, Input::StatusWanted(WISH), &mut out);
        match outcome(&out.take()) {
            Some(Outcome::Status(status)) => status.servers_answering,
            other => panic!("no status but {other:?}"),
        }
    }
}

#[test]
fn whatever_the_clock_was_and_is_all_servers_count_who_is_here() {
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..12 {
            world.mishap();
            world.go_on();
        }
        world.calm();
        assert_eq!(world.counted_by(), SERVERS, "seed {seed}");
    }
}

/// Two runs whose clocks are right, after one whose clock was ahead, go beyond it by the same
/// epoch; the second one has the lower numbers.
#[test]
fn runs_of_the_same_epoch_do_not_shut_each_other_out() {
    let mut world = World::new(1);
    world.lost = 0;
    world.restart_at(HOUR_MS);
    world.pass(4_000);
    world.silent.insert(N1);
    world.restart_at(0);
    world.pass(600_000);
    world.silent = BTreeSet::from([N2, N3]);
    world.restart_at(0);
    world.pass(4_000);
    world.calm();
    assert_eq!(world.counted_by(), SERVERS);
}

/// The servers that count this run learn of a later number from one that the client does not reach.
#[test]
fn a_number_that_servers_tell_each_other_shuts_nobody_out() {
    let mut world = World::new(1);
    world.lost = 0;
    world.cut = BTreeSet::from([N1, N2]);
    world.restart_at(3 * YEAR_MS);
    world.pass(4_000);
    world.cut = BTreeSet::from([N3]);
    world.restart_at(0);
    world.pass(4_000);
    for server in [N1, N2] {
        world.give(server, directory::Input::Resumed);
    }
    world.pass(20_000);
    assert_eq!(world.counted_by(), [N1, N2]);
}
