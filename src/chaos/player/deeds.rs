//! What is done to hosts: crashes, pauses, full disks, cuts.

use super::{Later, Player, Purpose, micros};
use crate::chaos::record::{End, State};
use crate::chaos::scenario::step::{Host, Step};
use crate::chaos::stage::{Deed, ServerState};
use crate::proto::control::Failure;

impl Player<'_> {
    /// Cuts or mends the way from the first of each pair to the second.
    pub(super) fn cut(&mut self, pairs: &[(Host, Host)], cut: bool) {
        let now = self.now();
        let name = |&(from, to): &(Host, Host)| {
            let (one, other) = (&self.record.hosts[from], &self.record.hosts[to]);
            match pairs.contains(&(to, from)) {
                false => Some(format!("{one}>{other}")),
                true => (from < to).then(|| format!("{one}-{other}")),
            }
        };
        if !pairs.is_empty() {
            let list: Vec<String> = pairs.iter().filter_map(name).collect();
            let what = if cut { "cut" } else { "mend" };
            self.record.mark(now, format!("{what} {}", list.join(" ")));
        }
        for &(from, to) in pairs {
            self.stage.cut(from, to, cut);
            if cut {
                self.cuts.insert((from, to));
            } else {
                self.cuts.remove(&(from, to));
            }
        }
        for host in 0..self.record.hosts.len() {
            let is_cut = self
                .cuts
                .iter()
                .any(|&(from, to)| from == host || to == host);
            self.record.state(now, host, State::Cut, is_cut);
        }
        self.note_outages();
    }

    /// For whose sake this step is left out: a server whose disk was lost, or one that would be
    /// missed if another disk were lost now.
    pub(super) fn to_be_spared(&self, step: &Step) -> Option<Host> {
        if !self.scenario.cluster.heal_disks || !step.is_fault() {
            return None;
        }
        let Step::Wipe(wiped, _) = step else {
            return self.healing.first().copied();
        };
        let serves = |host: &Host| self.servers.get(host).is_some_and(|state| state.serves);
        (0..self.record.servers).find(|host| host != wiped && !serves(host))
    }

    pub(super) fn strike_for(&mut self, host: Host, back: Option<u64>) -> Result<(), Failure> {
        if let Some(at) = back {
            self.plan(at, Later::Deed(host, Deed::Start));
        }
        self.deed(host, Deed::Strike)
    }

    /// Ends a member of etcd, or begins it again, if it is not so already.
    pub(super) fn member(&mut self, member: u8, up: bool) -> Result<(), Failure> {
        let is_new = match up {
            true => self.members_down.remove(&member),
            false => self.members_down.insert(member),
        };
        if !is_new {
            return Ok(());
        }
        let now = self.now();
        let what = if up { "start" } else { "crash" };
        self.record.mark(now, format!("{what} etcd{}", member + 1));
        self.stage.member(member, up)
    }

    /// Ends the server that leads, if one is wanted and one is known, and no lost disk has to be
    /// made up for first.
    pub(super) fn strike_leader(&mut self) -> Result<(), Failure> {
        if !self.healing.is_empty() {
            return Ok(());
        }
        let leads = |(host, state): (&Host, &ServerState)| state.leads.then_some(*host);
        let Some(leader) = self
            .servers
            .iter()
            .find_map(leads)
            .filter(|&host| self.is_up(host))
        else {
            return Ok(());
        };
        let Some(lasts) = self.wanted_leaders.pop_front() else {
            return Ok(());
        };
        let now = self.now();
        let name = &self.record.hosts[leader];
        self.record.mark(now, format!("{name} leads"));
        self.strike_for(leader, lasts.map(|lasts| now + micros(lasts)))
    }

    /// Does something to a host, if it makes sense now.
    pub(super) fn deed(&mut self, host: Host, deed: Deed) -> Result<(), Failure> {
        let is_up = self.is_up(host);
        let sensible = match deed {
            Deed::Start | Deed::Wipe => !is_up,
            Deed::Strike | Deed::Pause => is_up,
            Deed::Resume => is_up && self.record.is(host, State::Paused),
            Deed::Slow(_) | Deed::Fill(_) => true,
        };
        if !sensible {
            return Ok(());
        }
        self.stage.deed(host, deed)?;
        let now = self.now();
        let name = self.record.hosts[host].clone();
        match deed {
            Deed::Start => {
                self.record.state(now, host, State::Up, true);
                self.record.mark(now, format!("start {name}"));
                self.returned(host, now);
                self.make_waiting(host)?;
            }
            Deed::Strike => {
                for state in [State::Up, State::Paused, State::Failing, State::Token] {
                    self.record.state(now, host, state, false);
                }
                self.servers.remove(&host);
                self.record.mark(now, format!("crash {name}"));
                self.struck(host);
            }
            Deed::Pause | Deed::Resume => {
                let on = deed == Deed::Pause;
                self.record.state(now, host, State::Paused, on);
                let what = if on { "pause" } else { "resume" };
                self.record.mark(now, format!("{what} {name}"));
                self.make_waiting(host)?;
            }
            Deed::Wipe => {
                if self.scenario.cluster.heal_disks {
                    self.healing.insert(host);
                }
                self.record.mark(now, format!("wipe {name}"));
            }
            Deed::Fill(full) => {
                self.record.state(now, host, State::Full, full);
                let what = if full { "fill" } else { "make room on" };
                self.record.mark(now, format!("{what} {name}"));
            }
            Deed::Slow(times) => {
                self.record.state(now, host, State::Slow, times > 1);
                self.record.mark(now, format!("slow {name} x{times}"));
            }
        }
        self.note_outages();
        Ok(())
    }

    /// The requests of a client that is struck down are gone with it.
    fn struck(&mut self, host: Host) {
        let open: Vec<((Host, u64), Purpose)> = self
            .wishes
            .range((host, 0)..=(host, u64::MAX))
            .map(|(key, purpose)| (*key, *purpose))
            .collect();
        for (key, purpose) in open {
            self.wishes.remove(&key);
            if let Purpose::Request(request) | Purpose::Shown(request) = purpose {
                self.end(request, End::Struck);
            }
        }
        self.sees_all.remove(&host);
    }
}
