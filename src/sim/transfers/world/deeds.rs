//! What is planned is done: orders of nodes, faults, and what they bring about.

use rand::RngExt;

use super::super::plan::Deed;
use super::super::story::{ATTEMPTS_MAX, Standing};
use super::What;
use super::{World, address};
use crate::proto::cargo::Cargo;
use crate::proto::ids::LetterId;
use crate::proto::packet::{Packet, Party};
use crate::proto::route::Route;
use crate::transport::contract::Order;

impl World {
    /// Some want a message still that failed or was forgotten.
    pub(super) fn ask_again(&mut self, number: usize) {
        if self.rng.random_bool(0.5) && self.story.tales[number].attempts < ATTEMPTS_MAX {
            let after_us = self.rng.random_range(1..2_000_000);
            self.push(self.now_us + after_us, What::Do(Deed::Send(number)));
        }
    }

    /// What of the messages of a host was under way is forgotten.
    pub(super) fn forget(&mut self, place: usize) {
        for number in 0..self.story.tales.len() {
            let tale = &mut self.story.tales[number];
            if tale.planned.from == place && matches!(tale.standing, Standing::UnderWay(_)) {
                tale.standing = Standing::Forgotten;
                self.ask_again(number);
            }
        }
    }

    pub(super) fn deed(&mut self, deed: Deed) {
        let doer = match deed {
            Deed::Send(number) | Deed::Cancel(number) => {
                Some(self.story.tales[number].planned.from)
            }
            Deed::Say { from, .. } => Some(from),
            Deed::Gate(place, _) => Some(place),
            _ => None,
        };
        if let Some(host) = doer.map(|place| &mut self.hosts[place])
            && host.pauses > 0
        {
            host.held.push(deed);
            return;
        }
        if deed.is_fault() {
            self.tally.deeds += 1;
            for place in 0..self.hosts.len() {
                if deed.concerns(place) {
                    self.hosts[place].trouble_us = Some(self.now_us);
                }
            }
        }
        match deed {
            Deed::Send(number) => self.send(number),
            Deed::Cancel(number) => self.cancel(number),
            Deed::Say { from, to } => self.say(from, to),
            Deed::Cut { from, to } => {
                self.cut.insert((from, to));
            }
            Deed::Heal { from, to } => {
                self.cut.remove(&(from, to));
            }
            Deed::Mtu(bytes) => self.mtu_bytes = bytes,
            Deed::Restart(place) => self.restart(place),
            Deed::Move(place) => {
                let host = &mut self.hosts[place];
                host.moves += 1;
                host.address = address(place, host.moves);
            }
            Deed::Pause(place) => self.hosts[place].pauses += 1,
            Deed::Resume(place) => self.resume(place),
            Deed::Gate(place, shut) => {
                self.hosts[place].is_shut = shut;
                if shut {
                    self.hosts[place].life += 1;
                }
                self.order(place, Order::Gate(shut));
                if shut {
                    self.forget(place);
                }
            }
        }
    }

    pub(super) fn send(&mut self, number: usize) {
        let now_us = self.now_us;
        let tale = &mut self.story.tales[number];
        if matches!(
            tale.standing,
            Standing::UnderWay(_) | Standing::Delivered | Standing::Cancelled
        ) {
            return;
        }
        tale.standing = Standing::UnderWay(now_us);
        tale.attempts += 1;
        let (from, to, body) = (tale.planned.from, tale.planned.to, tale.body.clone());
        let (to, cargo) = (self.hosts[to].party, Cargo::MailState(number as u64));
        self.order(
            from,
            Order::SendMessage {
                to,
                cargo,
                body,
                digest: None,
            },
        );
    }

    pub(super) fn restart(&mut self, place: usize) {
        let (life, moves) = (self.hosts[place].life + 1, self.hosts[place].moves);
        let pauses = self.hosts[place].pauses;
        let held = std::mem::take(&mut self.hosts[place].held);
        self.look(place);
        self.hosts[place] = self.host(place, life, moves);
        self.hosts[place].pauses = pauses;
        self.hosts[place].held = held;
        self.forget(place);
        self.introduce(place);
    }

    pub(super) fn resume(&mut self, place: usize) {
        let host = &mut self.hosts[place];
        host.pauses = host.pauses.saturating_sub(1);
        if host.pauses > 0 {
            return;
        }
        host.inbox_bytes = 0;
        let (inbox, held) = (
            std::mem::take(&mut host.inbox),
            std::mem::take(&mut host.held),
        );
        if self.rng.random_bool(0.5) {
            let now = self.now(place);
            self.hosts[place].endpoint.on_deadline(now);
            self.settle(place);
        }
        for (from, datagram) in inbox {
            let stride = datagram.len();
            self.receive(place, from, datagram, stride);
        }
        for deed in held {
            self.deed(deed);
        }
    }

    /// Tells a host how to reach the users.
    pub(super) fn introduce(&mut self, place: usize) {
        if !self.plan.introduced {
            return;
        }
        for user in self.plan.servers..self.plan.hosts() {
            let Party::User(id) = self.hosts[user].party else {
                continue;
            };
            if user != place {
                let addresses = vec![self.hosts[user].address];
                let route = Route {
                    user: id,
                    key: self.hosts[user].key,
                    addresses,
                };
                self.order(place, Order::Reach(route));
            }
        }
    }

    pub(super) fn order(&mut self, place: usize, order: Order) {
        let now = self.now(place);
        self.hosts[place].endpoint.order(now, order);
        self.settle(place);
    }

    fn cancel(&mut self, number: usize) {
        let tale = &mut self.story.tales[number];
        if matches!(tale.standing, Standing::UnderWay(_)) {
            tale.standing = Standing::Cancelled;
        }
        let (from, to) = (tale.planned.from, self.hosts[tale.planned.to].party);
        let cargo = Cargo::MailState(number as u64);
        self.order(from, Order::Cancel { to, cargo });
    }

    fn say(&mut self, from: usize, to: usize) {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&[from as u8, to as u8]);
        let packets = vec![Packet::LetterKept(LetterId(id))];
        let to = self.hosts[to].party;
        self.order(from, Order::Send { to, packets });
    }
}
