//! The stage in virtual time: the simulator's world, driven from outside.

use super::scenario::Scenario;
use super::scenario::step::Host;
use super::stage::{Deed, Happened, ServerState, Stage, What};
use crate::actors::consensus::Standing;
use crate::node::board;
use crate::node::config::TokenConfig;
use crate::proto::control::{Command, Failure, Report, Wish};
use crate::proto::ids::{NodeId, WishId};
use crate::proto::operator::ServerCommand;
use crate::sim::cast;
use crate::sim::network::Weather;
use crate::sim::node::Happening;
use crate::sim::world::{Seen, World};

/// See the module.
pub(super) struct Simulated {
    world: World,
    servers: Vec<ServerState>,
    /// What happened at once when something was done.
    waiting: Vec<Happened>,
}

impl Simulated {
    /// The stage of a scenario, with everybody down.
    pub(super) fn set(
        scenario: &Scenario,
        seed: u64,
        token: TokenConfig,
        weather: Weather,
    ) -> Self {
        let servers = *scenario.cluster.nodes.get_ref();
        let names: Vec<&str> = scenario
            .cluster
            .clients
            .get_ref()
            .iter()
            .map(String::as_str)
            .collect();
        let mut world = World::new(seed, weather);
        cast::add(&mut world, servers, &names, token);
        Self {
            world,
            servers: vec![ServerState::default(); servers],
            waiting: Vec::new(),
        }
    }

    /// Digest over everything that happened.
    pub(super) fn trace(&self) -> String {
        self.world.trace().to_hex().to_string()
    }

    fn server(&self, host: Host) -> What {
        What::Server {
            state: self.servers[host],
            before_us: Some(self.world.now()),
        }
    }

    fn take(&mut self, seen: Vec<(usize, Seen)>) {
        let at_us = self.world.now();
        for (host, seen) in seen {
            let what = match seen {
                Seen::Told(Report { wish, news }) => What::Told(wish.0, news),
                Seen::Worked => What::Worked,
                Seen::Gate(failing) => {
                    self.servers[host].failing = failing;
                    self.server(host)
                }
                Seen::News(board::News::Token { here, .. }) => {
                    self.servers[host].token_here = here;
                    self.server(host)
                }
                Seen::News(board::News::Jobs(jobs)) => {
                    self.servers[host].jobs = jobs;
                    self.server(host)
                }
                Seen::News(board::News::Suspected(_)) => {
                    self.servers[host].suspicions += 1;
                    self.server(host)
                }
                Seen::News(board::News::Ledger(state)) => {
                    let leads = state.leader == Some(NodeId(host as u8 + 1));
                    let serves = state.standing == Standing::Serving;
                    let server = &mut self.servers[host];
                    if (server.leads, server.serves) == (leads, serves) {
                        continue;
                    }
                    (server.leads, server.serves) = (leads, serves);
                    self.server(host)
                }
                Seen::News(_)
                | Seen::Passed(_)
                | Seen::Between { .. }
                | Seen::Said(_)
                | Seen::Learned(..)
                | Seen::Holds(_)
                | Seen::Trouble(_)
                | Seen::Calm
                | Seen::Crashed
                | Seen::Started => continue,
            };
            self.waiting.push(Happened { at_us, host, what });
        }
    }
}

impl Stage for Simulated {
    fn now_us(&self) -> u64 {
        self.world.now()
    }

    fn advance(&mut self, until_us: u64) -> Result<Vec<Happened>, Failure> {
        while self.waiting.is_empty() {
            let Some(seen) = self.world.step(until_us) else {
                break;
            };
            self.take(seen);
        }
        Ok(std::mem::take(&mut self.waiting))
    }

    fn deed(&mut self, host: Host, deed: Deed) -> Result<(), Failure> {
        let seen = match deed {
            Deed::Start => self.world.start(host),
            Deed::Strike => {
                if let Some(server) = self.servers.get_mut(host) {
                    *server = ServerState::default();
                }
                self.world.crash(host)
            }
            Deed::Pause => {
                self.world.pause(host);
                return Ok(());
            }
            Deed::Resume => {
                self.world.resume(host);
                return Ok(());
            }
            Deed::Slow(times) => {
                // Nor is a real process told that it stands still now and then.
                self.world.slow(host, times, false);
                return Ok(());
            }
            Deed::Wipe => {
                self.world.wipe(host);
                return Ok(());
            }
            Deed::Fill(full) => {
                self.world.fill(host, full);
                return Ok(());
            }
        };
        if let Some(state) = self.servers.get_mut(host) {
            *state = ServerState::default();
            let at_us = self.world.now();
            let what = self.server(host);
            self.waiting.push(Happened { at_us, host, what });
        }
        self.take(vec![(host, seen)]);
        Ok(())
    }

    fn wish(&mut self, client: Host, number: u64, command: Command) -> Result<(), Failure> {
        let wish = Wish {
            id: WishId(number),
            command,
        };
        let seen = self.world.poke(client, Happening::Wish(wish));
        self.take(seen);
        Ok(())
    }

    fn operate(&mut self, server: Host, command: ServerCommand) {
        if self.world.is_up(server) {
            let seen = self.world.poke(server, Happening::Operator(command));
            self.take(seen);
        }
    }

    fn cut(&mut self, from: Host, to: Host, cut: bool) {
        self.world.cuts.one_way(from, to, cut);
    }

    fn weather(&mut self, weather: Weather) {
        self.world.weather = weather;
    }
}
