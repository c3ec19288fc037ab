//! What goes wrong and is mended, and what must hold when nothing goes wrong any more.

use super::*;
use crate::actors::consensus::Input;
use crate::actors::edges::Table;
use crate::proto::ids::{AccountId, NodeId, ViewId};
use crate::sim::rights::people::name;
use crate::sim::rights::plan::{MS, Trouble};
use crate::sim::world::AGREEMENT;

/// After faults everything comes to rest, and is served, within so long.
const CALM_US: u64 = 10 * SECOND;
/// A day and an hour.
const DAY_JUMP_MS: i64 = 25 * 3_600_000;

impl<const REAL: bool> World<REAL> {
    /// Servers whose disks may be lost or damaged: the first ones, fewer than a majority, and so
    /// few that the others have enough shares.
    pub(super) fn fragile(&self) -> usize {
        (self.servers.len() - 1) / 2
    }

    pub(super) fn bad_times(&mut self) {
        let end = self.plan.bad_us;
        let mut jumps = self.plan.day_jump;
        while self.now < end && self.broken.is_none() {
            let quiet = self.rng.random_range(self.plan.quiet_us.clone());
            self.pass(quiet);
            for _ in 0..self.rng.random_range(1..=2) {
                if !self.plan.troubles.is_empty() {
                    let chosen = self.rng.random_range(0..self.plan.troubles.len());
                    self.begin(self.plan.troubles[chosen]);
                }
            }
            if jumps && self.now > end / 2 {
                jumps = false;
                self.jump(DAY_JUMP_MS);
            }
            let lasts = self.rng.random_range(self.plan.trouble_us.clone());
            self.pass(lasts);
            self.mend();
        }
    }

    fn begin(&mut self, trouble: Trouble) {
        let server = self.rng.random_range(0..self.servers.len());
        match trouble {
            Trouble::Crash => self.fails(server, "crash"),
            Trouble::CrashLeader => {
                let leads = |of: &Server<REAL>| of.machines.as_ref().is_some_and(leads);
                if let Some(leader) = self.servers.iter().position(leads) {
                    self.fails(leader, "leader crash");
                }
            }
            Trouble::CrashAll => (0..self.servers.len()).for_each(|of| self.fails(of, "crash")),
            Trouble::Halt => {
                self.tally.fault("planned failure");
                self.give(server, Input::Halted);
            }
            Trouble::Pause => {
                self.tally.fault("pause");
                let lasts = self.rng.random_range(100 * MS..10 * SECOND);
                self.servers[server].stands_until = self.now + lasts;
            }
            Trouble::CutOneWay => {
                self.tally.fault("one-way cut");
                let hosts = self.servers.len() + self.cast.devices.len();
                let other = self.rng.random_range(0..hosts);
                self.cuts.insert((server, other));
            }
            Trouble::Isolate => {
                self.tally.fault("isolation");
                for other in 0..self.servers.len() + self.cast.devices.len() {
                    self.cuts.extend([(server, other), (other, server)]);
                }
            }
            Trouble::FullDisk => {
                self.tally.fault("full disk");
                self.servers[server].drive.full = true;
            }
            Trouble::LostDisk => self.lose_disk(),
            Trouble::FlippedBit => self.flip_bit(),
            Trouble::ClockJump => {
                let skew = self.plan.skew_ms;
                let ahead = self.rng.random_range(-skew..=skew);
                self.jump(ahead);
            }
            Trouble::DeviceCrash => {
                let device = self.rng.random_range(0..self.cast.devices.len());
                if self.cast.devices[device].clerk.is_some() {
                    self.tally.fault("device crash");
                    self.cast.ends(device);
                }
            }
            Trouble::Copy => {
                let device = self.rng.random_range(0..self.cast.devices.len());
                if let Some(original) = self.cast.original(device) {
                    self.tally.fault("device copied");
                    let store = self.cast.devices[original].store.clone();
                    self.cast.ends(device);
                    self.cast.devices[device].store = store;
                    self.switch_on(device);
                }
            }
        }
    }

    fn fails(&mut self, server: usize, kind: &'static str) {
        if self.servers[server].machines.is_some() {
            self.tally.fault(kind);
            self.crash(server);
        }
    }

    /// A server is started anew with another time.
    fn jump(&mut self, ahead_ms: i64) {
        let server = self.rng.random_range(0..self.servers.len());
        self.tally.fault("clock jump");
        self.crash(server);
        let (mut clock, seed) = (self.clock(), self.seed());
        clock.ahead_ms = ahead_ms;
        let slot = &mut self.servers[server];
        slot.clock = clock;
        slot.start(&self.plan, &self.all, seed);
        self.arm(server);
    }

    /// One lost disk at a time is what a group survives.
    fn is_whole(&self) -> bool {
        let is_good = |of: &Server<REAL>| {
            let votes = of
                .machines
                .as_ref()
                .is_some_and(|machines| machines.ledger.votes());
            of.is_serving() && votes
        };
        self.servers.iter().all(is_good)
    }

    fn lose_disk(&mut self) {
        let server = self.rng.random_range(0..self.fragile());
        if self.is_whole() {
            self.tally.fault("disk lost");
            self.crash(server);
            self.servers[server].drive.disk = crate::sim::disk::Disk::default();
            self.servers[server].flipped = false;
        }
    }

    fn flip_bit(&mut self) {
        let server = self.rng.random_range(0..self.fragile());
        if !self.is_whole() {
            return;
        }
        self.crash(server);
        let mut tables = AGREEMENT.to_vec();
        if self.rng.random_bool(0.3) {
            tables = vec![Table::Shares];
        }
        let slot = &mut self.servers[server];
        if let Some(table) = slot.drive.disk.flip(&mut self.rng, &tables) {
            self.tally.fault("bit flipped");
            self.servers[server].flipped |= table != Table::Shares;
        }
    }

    /// What began is over. A server that is out of the group is brought back by emptying its three
    /// tables, sometimes.
    fn mend(&mut self) {
        self.cuts.clear();
        for server in 0..self.servers.len() {
            self.servers[server].drive.full = false;
            if self.servers[server].quarantined && self.rng.random_bool(0.5) {
                self.bring_back(server);
            }
            if self.servers[server].machines.is_none() {
                self.start(server);
                let slot = &self.servers[server];
                let is_found = !slot.flipped || slot.is_quarantined();
                self.check(is_found, "a damaged disk is not found out");
            }
            self.give(server, Input::Resumed);
        }
        for device in 0..self.cast.devices.len() {
            if self.cast.devices[device].used && self.cast.devices[device].clerk.is_none() {
                self.switch_on(device);
            }
        }
    }

    fn bring_back(&mut self, server: usize) {
        let others = self
            .servers
            .iter()
            .enumerate()
            .filter(|(of, _)| *of != server);
        if others.into_iter().all(|(_, other)| other.is_serving()) {
            self.tally.fault("brought back");
            self.crash(server);
            self.servers[server].drive.disk.empty(&AGREEMENT);
            self.servers[server].flipped = false;
            self.start(server);
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn good_times(&mut self) {
        self.weather = Weather::FAIR;
        self.manner = Manner::GOOD;
        self.plan.replayed = 0.0;
        for server in 0..self.servers.len() {
            self.servers[server].stands_until = 0;
        }
        self.mend();
        self.until(CALM_US, "servers serve again", |world| {
            world
                .servers
                .iter()
                .all(|of| of.is_serving() || of.quarantined)
        });
        for server in 0..self.servers.len() {
            if self.servers[server].quarantined {
                self.bring_back(server);
                let what = "a server that was emptied serves again";
                self.until(CALM_US, what, |world| world.is_whole());
            }
        }
        self.at_rest = true;
        self.until(CALM_US, "all servers know the same", Self::is_same);
        self.fresh_look();
        self.until(CALM_US, "all servers know the same", Self::is_same);
        self.erased();
        if self.broken.is_none() {
            self.judge_all();
        }
    }

    /// Nothing is kept of what is over. A deletion that a disk refused in the moment before the
    /// calm is tried again a little later.
    fn erased(&mut self) {
        let end = self.now + CALM_US;
        let mut kept = self.kept_of_what_is_over();
        while self.broken.is_none() && !kept.is_empty() && self.now < end {
            self.pass(50 * MS);
            kept = self.kept_of_what_is_over();
        }
        if !kept.is_empty() {
            let what = "shares of what is over are erased";
            self.hold(Err(format!("not within 10 s: {what}; {kept:?}")));
        }
    }

    /// Lets time pass until something holds; it must within so long.
    fn until(&mut self, within: u64, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.now + within;
        while self.broken.is_none() && !holds(self) {
            if self.now >= end {
                let standings: Vec<_> = self.servers.iter().map(Server::describe).collect();
                return self.hold(Err(format!("not within 10 s: {what}; {standings:?}")));
            }
            self.pass(50 * MS);
        }
    }

    fn is_same(&self) -> bool {
        let mut states = self.servers.iter().map(Server::state);
        let first = states.next().flatten();
        let newest = self.judge.newest_answer();
        first.is_some_and(|(applied, _)| applied >= newest) && states.all(|other| other == first)
    }

    /// Somebody who was not there before gives a look, and it is shown.
    fn fresh_look(&mut self) {
        let borrower = self.plan.owners;
        let now = self.cast.devices[0].clock.wall(self.now);
        let grant = self.cast.grant(0, borrower, now, &mut self.rng);
        let end = self.now + 3 * CALM_US;
        let is_open = |world: &Self| {
            world.cast.grants[grant].stage == crate::sim::rights::people::Stage::Open
        };
        while self.broken.is_none() && !is_open(self) && self.now < end {
            let now = self.cast.devices[0].clock.wall(self.now);
            if let Some(input) = self.cast.go_on(grant, now, &mut self.rng) {
                self.order(0, input);
            }
            self.pass(50 * MS);
        }
        self.check(is_open(self), "a fresh grant is opened");
        let view = ViewId(name(&mut self.rng));
        let device = borrower;
        self.cast.devices[device].store.claims.insert(view, grant);
        let account = self.cast.grants[grant].account;
        if let Some(input) = self.cast.ask(device, grant, view) {
            self.order(device, input);
        }
        self.until(CALM_US, "a fresh look is shown", |world| {
            world.judge.books().released(account, view).is_some()
                && !world.cast.devices[device].store.claims.contains_key(&view)
        });
    }

    fn judge_all(&mut self) {
        match self.judge.by_sequence(REAL) {
            Ok(calls) => self.tally.calls = calls,
            Err(what) => return self.hold(Err(what)),
        }
        if !self.plan.day_jump && self.sample() {
            match self.judge.by_search() {
                Ok(judged) => self.tally.linear = judged,
                Err(what) => return self.hold(Err(what)),
            }
        }
        let forked: Vec<AccountId> = self.judge.books().forked().collect();
        for account in forked {
            let of = self
                .cast
                .grants
                .iter()
                .find(|grant| grant.account == account);
            let copied = of.is_none_or(|grant| self.cast.is_copied(grant.borrower));
            self.check(copied, "a fork is found of a device that was never copied");
        }
        self.nothing_is_to_be_kept_of_what_is_over();
    }

    /// The search takes long: a run in eight.
    fn sample(&mut self) -> bool {
        self.rng.random_bool(0.125)
    }

    /// Shares of revoked accounts are told to be erased.
    fn nothing_is_to_be_kept_of_what_is_over(&mut self) {
        let revoked: Vec<_> = self.judge.books().revoked().collect();
        for (round, erased) in revoked {
            let told = erased.is_some_and(|erased| erased >= round);
            self.check(
                told,
                "shares of a revoked account are not told to be erased",
            );
        }
    }

    /// Shares on disks that are told to be erased.
    fn kept_of_what_is_over(&self) -> Vec<(NodeId, AccountId, u32)> {
        let mut kept = Vec::new();
        for server in &self.servers {
            for key in server.drive.disk.keys(Table::Shares) {
                let Some((account, round)) = key.split_first_chunk() else {
                    continue;
                };
                let round = u32::from_be_bytes(round.try_into().unwrap_or_default());
                if self.judge.books().erased(AccountId(*account)) >= Some(round) {
                    kept.push((server.id, AccountId(*account), round));
                }
            }
        }
        kept
    }
}

fn leads<const REAL: bool>(of: &crate::sim::rights::server::Machines<REAL>) -> bool {
    of.ledger.is_leader()
}
