//! How elections grow with the cluster: the real membership and election of each server, a worker
//! of which only the time is real, and a network that delays. For three servers and for a hundred.
//!
//! Nothing fails here, and nothing is lost: what is asked is how many packets a request takes, how
//! long until it has an owner, how evenly the work is spread, and whether it is done once. One seed
//! is one run, bit for bit.

pub mod names;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::agenda::Entry;
use crate::actors::election::{self, Election};
use crate::actors::machine::{Machine, Outbox};
use crate::actors::membership::{self, Membership};
use crate::proto::ids::{Digest, NodeId, RequestId, UserId};
use crate::proto::packet::{Ask, Done, Packet, Party};
use crate::time::{Moment, WallTime};

/// Jobs that a server works on at a time.
const WORKERS: u32 = 2;
/// What a picture takes on average, in microseconds, and how it is spread: as a photograph on half
/// a core.
const JOB_US: f64 = 100_000.0;
/// A packet takes between these, in microseconds.
const WAY_US: std::ops::Range<u64> = 100..400;
/// Servers have heard of each other by then.
const FIRST_US: u64 = 1_000_000;

/// How large, how busy, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Servers, 1 to 250.
    pub servers: u8,
    /// Requests, as a part of what the servers can do. Below 1.
    pub load: f64,
    /// Requests in all.
    pub requests: u32,
    /// Whence the dice fall.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grown {
    /// Servers.
    pub servers: u8,
    /// Requests that were done.
    pub done: u32,
    /// Packets for a request: questions, claims and ends, and words to the client.
    pub packets: f64,
    /// The most that a request without a failure may take but for words to the client.
    pub bound: u32,
    /// From the question until the client knows who works: half of all, and 99 of 100, in
    /// milliseconds.
    pub elected_ms: [f64; 2],
    /// From the question until the work is done, likewise.
    pub done_ms: [f64; 2],
    /// Jobs of the busiest server, in parts of an even share.
    pub busiest: f64,
    /// Jobs begun for a request.
    pub begun: f64,
    /// Reports that a server sends in a second.
    pub reports_per_s: f64,
    /// How often a server took another one for lost. Nobody is.
    pub suspected: u64,
}

enum Event {
    Asked(RequestId),
    Election(election::Input),
    Membership(membership::Input),
    Deadline,
    Finished(RequestId),
}

struct Server {
    membership: Membership,
    election: Election,
    waiting: VecDeque<RequestId>,
    /// What runs; of what is lost meanwhile the end counts for nothing.
    running: Vec<RequestId>,
    jobs: u32,
    woken_at: Option<u64>,
}

struct Asked {
    at: u64,
    elected_at: Option<u64>,
    done_at: Option<u64>,
}

struct World {
    now: u64,
    sequence: u64,
    rng: ChaCha20Rng,
    heap: BinaryHeap<Reverse<Entry<Event>>>,
    servers: Vec<Server>,
    asked: BTreeMap<RequestId, Asked>,
    packets: u64,
    reports: u64,
    suspected: u64,
}

/// Runs a plan.
#[must_use]
pub fn run(plan: Plan) -> Grown {
    let mut world = World::new(plan);
    let rate_per_us = plan.load * f64::from(plan.servers) * f64::from(WORKERS) / JOB_US;
    let mut at = FIRST_US as f64;
    for number in 0..plan.requests {
        at += -world.unit().ln() / rate_per_us;
        let request = RequestId {
            boot: plan.seed,
            counter: number,
        };
        world.plan(at as u64, 0, Event::Asked(request));
    }
    while world
        .asked
        .values()
        .filter(|asked| asked.done_at.is_some())
        .count() as u32
        != plan.requests
    {
        // Looked at now and then only: it is a walk over all requests.
        if (0..10_000).any(|_| !world.step()) {
            break;
        }
    }
    world.grown(plan)
}

impl World {
    fn new(plan: Plan) -> Self {
        let nodes: Vec<NodeId> = (1..=plan.servers).map(NodeId).collect();
        let servers = nodes.iter().map(|&me| {
            let peers: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != me).collect();
            Server {
                membership: Membership::new(membership::Config::lan(
                    me,
                    peers.clone(),
                    WallTime(1),
                )),
                election: Election::new(election::Config::lan(me, peers)),
                waiting: VecDeque::new(),
                running: Vec::new(),
                jobs: 0,
                woken_at: None,
            }
        });
        let mut world = Self {
            now: 0,
            sequence: 0,
            rng: ChaCha20Rng::seed_from_u64(plan.seed),
            heap: BinaryHeap::new(),
            servers: servers.collect(),
            asked: BTreeMap::new(),
            packets: 0,
            reports: 0,
            suspected: 0,
        };
        for server in 0..world.servers.len() {
            // They do not all begin at the same moment.
            let at = world.rng.random_range(0..100_000);
            let (digest, caught_up) = (0, true);
            for input in [
                membership::Input::Mail { digest, caught_up },
                membership::Input::Names { digest, caught_up },
                membership::Input::Speed(WORKERS * 1_000),
            ] {
                world.plan(at, server, Event::Membership(input));
            }
        }
        world
    }

    /// Above 0, at most 1.
    fn unit(&mut self) -> f64 {
        1.0 - self.rng.random_range(0.0..1.0)
    }

    fn plan(&mut self, at: u64, node: usize, event: Event) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.heap.push(Reverse(Entry {
            at,
            sequence,
            node,
            event,
        }));
    }

    /// On its way from one host to another.
    fn send(&mut self, node: usize, event: Event) {
        let at = self.now + self.rng.random_range(WAY_US);
        self.plan(at, node, event);
    }

    fn step(&mut self) -> bool {
        let Some(Reverse(Entry {
            at, node, event, ..
        })) = self.heap.pop()
        else {
            return false;
        };
        self.now = at;
        match event {
            Event::Asked(request) => self.ask(request),
            Event::Election(input) => self.elect(node, |election, now, out| {
                election.handle(now, input, out);
            }),
            Event::Membership(input) => self.gossip(node, |membership, now, out| {
                membership.handle(now, input, out);
            }),
            Event::Deadline => self.wake(node),
            Event::Finished(request) => self.finish(node, request),
        }
        self.arm(node);
        true
    }

    fn ask(&mut self, request: RequestId) {
        let ask = Ask {
            request,
            size_bytes: 1_900_000,
            digest: Digest([0; 32]),
        };
        let client = UserId([0; 32]);
        let (at, elected_at, done_at) = (self.now, None, None);
        let asked = Asked {
            at,
            elected_at,
            done_at,
        };
        self.asked.insert(request, asked);
        for server in 0..self.servers.len() {
            self.packets += 1;
            self.send(
                server,
                Event::Election(election::Input::Asked {
                    client,
                    ask,
                    unheard_ms: 0,
                }),
            );
        }
    }

    fn elect(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Election, Moment, &mut Outbox<election::Output>),
    ) {
        let mut out = Outbox::new();
        let now = Moment::from_micros(self.now);
        act(&mut self.servers[node].election, now, &mut out);
        let from = NodeId(node as u8 + 1);
        for output in out.take() {
            match output {
                election::Output::Send { to, packet } => {
                    self.packets += 1;
                    self.carry(from, to, packet);
                }
                election::Output::Won { ask, .. } => self.begin(node, ask.request),
                election::Output::Lost(request) => self.drop_job(node, request),
                election::Output::Forget(_) | election::Output::Claimed => {}
            }
        }
    }

    fn carry(&mut self, from: NodeId, to: Party, packet: Packet) {
        match (to, packet) {
            (Party::Server(to), Packet::Claim(claim)) => {
                let input = election::Input::Claimed { from, claim };
                self.send(usize::from(to.0) - 1, Event::Election(input));
            }
            (Party::Server(to), Packet::Done(done)) => {
                let input = election::Input::DoneHeard { from, done };
                self.send(usize::from(to.0) - 1, Event::Election(input));
            }
            (Party::User(_), Packet::Elected(elected)) => {
                let way = self.rng.random_range(WAY_US);
                let heard_at = self.now + way;
                if let Some(asked) = self.asked.get_mut(&elected.request) {
                    asked.elected_at.get_or_insert(heard_at);
                }
            }
            _ => {}
        }
    }

    fn gossip(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Membership, Moment, &mut Outbox<membership::Output>),
    ) {
        let mut out = Outbox::new();
        let now = Moment::from_micros(self.now);
        act(&mut self.servers[node].membership, now, &mut out);
        let from = NodeId(node as u8 + 1);
        for output in out.take() {
            match output {
                membership::Output::Send {
                    to,
                    packet: Packet::Load(report),
                } => {
                    self.reports += 1;
                    let input = membership::Input::Heard { from, report };
                    self.send(usize::from(to.0) - 1, Event::Membership(input));
                }
                membership::Output::View(members) => self.elect(node, |election, now, out| {
                    election.handle(now, election::Input::View(members), out);
                }),
                membership::Output::Suspected(_) => self.suspected += 1,
                membership::Output::Send { .. } | membership::Output::Silent => {}
            }
        }
    }

    fn begin(&mut self, node: usize, request: RequestId) {
        let server = &mut self.servers[node];
        if server.running.contains(&request) || server.waiting.contains(&request) {
            return;
        }
        server.jobs += 1;
        server.waiting.push_back(request);
        self.work(node);
    }

    fn drop_job(&mut self, node: usize, request: RequestId) {
        let server = &mut self.servers[node];
        server.waiting.retain(|of| *of != request);
        server.running.retain(|of| *of != request);
        self.work(node);
    }

    /// Free workers take what waits.
    fn work(&mut self, node: usize) {
        while self.servers[node].running.len() < WORKERS as usize {
            let Some(request) = self.servers[node].waiting.pop_front() else {
                break;
            };
            self.servers[node].running.push(request);
            let took = (-self.unit().ln() * JOB_US) as u64;
            self.plan(self.now + took, node, Event::Finished(request));
        }
        let server = &self.servers[node];
        let jobs = membership::Input::Jobs {
            queued: server.waiting.len() as u32,
            running: server.running.len() as u32,
        };
        self.gossip(node, |membership, now, out| {
            membership.handle(now, jobs, out)
        });
    }

    fn finish(&mut self, node: usize, request: RequestId) {
        let running = &mut self.servers[node].running;
        let before = running.len();
        running.retain(|of| *of != request);
        if running.len() == before {
            return;
        }
        let now = self.now;
        if let Some(asked) = self.asked.get_mut(&request) {
            asked.done_at.get_or_insert(now);
        }
        self.elect(node, |election, now, out| {
            election.handle(
                now,
                election::Input::Finished(Done::delivered(request)),
                out,
            );
        });
        self.work(node);
    }

    fn wake(&mut self, node: usize) {
        let server = &mut self.servers[node];
        if server.woken_at != Some(self.now) {
            return;
        }
        server.woken_at = None;
        let now = Moment::from_micros(self.now);
        if server.membership.deadline().is_some_and(|at| at <= now) {
            self.gossip(node, |membership, now, out| {
                membership.on_deadline(now, out)
            });
        }
        if self.servers[node]
            .election
            .deadline()
            .is_some_and(|at| at <= now)
        {
            self.elect(node, |election, now, out| election.on_deadline(now, out));
        }
    }

    fn arm(&mut self, node: usize) {
        let server = &self.servers[node];
        let first = crate::time::earliest(server.membership.deadline(), server.election.deadline());
        let Some(at) = first.map(|at| at.as_micros().max(self.now)) else {
            return;
        };
        if server
            .woken_at
            .is_none_or(|planned| planned > at || planned < self.now)
        {
            self.servers[node].woken_at = Some(at);
            self.plan(at, node, Event::Deadline);
        }
    }

    fn grown(&self, plan: Plan) -> Grown {
        let servers = u32::from(plan.servers);
        let done = self
            .asked
            .values()
            .filter(|asked| asked.done_at.is_some())
            .count() as u32;
        let requests = f64::from(done.max(1));
        let jobs: Vec<f64> = self
            .servers
            .iter()
            .map(|server| f64::from(server.jobs))
            .collect();
        let all: f64 = jobs.iter().sum();
        let even = (all / f64::from(servers)).max(1e-9);
        let seconds = self.now as f64 / 1e6;
        Grown {
            servers: plan.servers,
            done,
            packets: self.packets as f64 / requests,
            bound: 4 * (servers - 1) + servers,
            elected_ms: self.waits(|asked| asked.elected_at),
            done_ms: self.waits(|asked| asked.done_at),
            busiest: jobs.iter().copied().fold(0.0, f64::max) / even,
            begun: all / requests,
            suspected: self.suspected,
            reports_per_s: self.reports as f64 / f64::from(servers) / seconds.max(1e-9),
        }
    }

    /// Half of all and 99 of 100, in milliseconds.
    fn waits(&self, end: impl Fn(&Asked) -> Option<u64>) -> [f64; 2] {
        let ended = self
            .asked
            .values()
            .filter_map(|asked| Some(end(asked)? - asked.at));
        let mut waits: Vec<u64> = ended.collect();
        waits.sort_unstable();
        [50, 99].map(|percent| {
            let place = (waits.len() * percent).div_ceil(100).saturating_sub(1);
            waits.get(place).map_or(0.0, |us| *us as f64 / 1e3)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planted::{self, Bug};

    const REQUESTS: u32 = 3_000;

    fn plan(servers: u8) -> Plan {
        Plan {
            servers,
            load: 0.6,
            requests: REQUESTS,
            seed: 5,
        }
    }

    #[test]
    fn a_request_is_done_once_with_few_packets_and_the_work_is_spread() {
        for servers in [3, 10, 30] {
            let grown = run(plan(servers));
            assert_eq!(grown.done, REQUESTS, "{grown:?}");
            assert!((grown.begun - 1.0).abs() < 0.1, "{grown:?}");
            // Beside the bound there are words to the client: one, or two if claims crossed.
            let most = f64::from(grown.bound) * 1.05 + 1.1;
            assert!(grown.packets <= most, "{grown:?}");
            assert!(
                grown.elected_ms[0] < 1.0,
                "nobody waits for an election: {grown:?}"
            );
            assert!(grown.busiest < 1.25, "{grown:?}");
            assert_eq!(grown.suspected, 0, "{grown:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_figures() {
        assert_eq!(run(plan(5)), run(plan(5)));
        assert_ne!(run(plan(5)), run(Plan { seed: 6, ..plan(5) }));
    }

    #[test]
    fn an_election_that_everyone_wins_shows() {
        let grown = planted::with(Some(Bug::EveryoneWins), || run(plan(3)));
        assert!(grown.begun > 2.0, "{grown:?}");
    }
}
