//! Devices: people's turns, their clerks, and who keeps and forges orders.

use super::*;
use crate::proto::ledger::Signed;

impl<const REAL: bool> World<REAL> {
    /// Starts a device; its person's next turn comes by itself.
    pub(super) fn switch_on(&mut self, device: usize) {
        let (clock, seed) = (self.clock(), self.seed());
        let servers: Vec<NodeId> = self.all.clone();
        let slot = &mut self.cast.devices[device];
        let identity = self.cast.people[slot.person].identity.clone();
        slot.clock = clock;
        slot.used = true;
        let config = clerk::Config::lan(identity, servers, clock.calendar());
        slot.clerk = Some(Clerk::new(config, seed));
        self.next_turn(device);
    }

    fn next_turn(&mut self, device: usize) {
        let pause = self.rng.random_range(self.plan.pause_us.clone());
        self.push(self.now + pause, Event::Turn(device));
    }

    /// A person does something.
    pub(super) fn turn(&mut self, device: usize) {
        self.note(6, device, &[]);
        if self.at_rest || self.cast.devices[device].clerk.is_none() {
            return;
        }
        let now = self.cast.devices[device].clock.wall(self.now);
        let most = self.plan.grants_max;
        if let Some(input) = self.cast.deed(device, now, most, &mut self.rng) {
            self.order(device, input);
        }
        self.next_turn(device);
        if self.plan.replayed > 0.0 && !self.kept.is_empty() && self.rng.random_bool(0.1) {
            self.replay();
        }
    }

    pub(super) fn order(&mut self, device: usize, input: clerk::Input) {
        let slot = &mut self.cast.devices[device];
        let now = slot.clock.local(self.now);
        let Some(clerk) = &mut slot.clerk else {
            return;
        };
        let mut out = Outbox::new();
        clerk.handle(now, input, &mut out);
        self.clerk_said(device, out);
    }

    pub(super) fn device_wakes(&mut self, device: usize) {
        self.note(7, device, &[]);
        let slot = &mut self.cast.devices[device];
        slot.wake_at = u64::MAX;
        let now = slot.clock.local(self.now);
        let Some(clerk) = &mut slot.clerk else {
            return;
        };
        let mut out = Outbox::new();
        if clerk.deadline().is_some_and(|at| at <= now) {
            clerk.on_deadline(now, &mut out);
        }
        self.clerk_said(device, out);
    }

    /// A server's packet reaches a device.
    pub(super) fn told(&mut self, device: usize, from: NodeId, packet: Packet) {
        let life = self.cast.devices[device].life;
        let input = match packet {
            Packet::Decided { nonce, answer } => {
                let holds = self
                    .judge
                    .heard((device, life, nonce), self.moment(), answer);
                self.hold(holds);
                clerk::Input::Decided { nonce, answer }
            }
            Packet::ShareKept(answer) => clerk::Input::DepositAnswered { from, answer },
            Packet::Share(share) => clerk::Input::ShareArrived { from, share },
            _ => return,
        };
        self.order(device, input);
    }

    fn clerk_said(&mut self, device: usize, mut out: Outbox<clerk::Output>) {
        for output in out.drain() {
            if let clerk::Output::Send { to, packet } = output {
                self.send_up(device, to, packet);
                continue;
            }
            let judge = &mut self.judge;
            let told = self.cast.told(device, output, |account, view, ordinal| {
                judge.look_opens(account, view, ordinal)
            });
            match told {
                Ok(kind) => self.tally.outcome(kind),
                Err(what) => self.hold(Err(what)),
            }
        }
        let slot = &mut self.cast.devices[device];
        let Some(at) = slot.clerk.as_ref().and_then(Clerk::deadline) else {
            return;
        };
        let at = slot.clock.global(at).max(self.now);
        if slot.wake_at > at || slot.wake_at < self.now {
            slot.wake_at = at;
            let life = slot.life;
            self.push(at, Event::DeviceWakes(device, life));
        }
    }

    fn send_up(&mut self, device: usize, to: NodeId, packet: Packet) {
        let slot = &self.cast.devices[device];
        let (life, user) = (slot.life, self.cast.people[slot.person].id);
        if let Packet::Submit { nonce, command } = &packet {
            self.judge.sent(
                (device, life, *nonce),
                Moment::from_micros(self.now),
                command,
            );
            if self.plan.replayed > 0.0 && self.rng.random_bool(self.plan.replayed) {
                if self.kept.len() >= KEPT_MAX {
                    let old = self.rng.random_range(0..KEPT_MAX);
                    self.kept.swap_remove(old);
                }
                self.kept.push((user, command.clone()));
            }
            if REAL && self.plan.forged > 0.0 && self.rng.random_bool(self.plan.forged) {
                self.forge(user, command.clone());
            }
        }
        let from = self.servers.len() + device;
        self.send(from, usize::from(to.0) - 1, || {
            Parcel::Up(user, packet.clone())
        });
    }

    /// Somebody sends again what was kept, as its user or as another.
    fn replay(&mut self) {
        self.tally.fault("order replayed");
        let chosen = self.rng.random_range(0..self.kept.len());
        let (user, command) = self.kept[chosen].clone();
        let other = self.rng.random_range(0..self.cast.people.len());
        let client = if self.rng.random_bool(0.5) {
            user
        } else {
            self.cast.people[other].id
        };
        self.submit_everywhere(client, command);
    }

    /// Somebody sends another order under the signature of this one.
    fn forge(&mut self, user: UserId, command: Bytes) {
        let Ok(mut signed) = Signed::decode(&command) else {
            return;
        };
        self.tally.fault("order forged");
        signed.at.0 += 1;
        self.submit_everywhere(user, signed.encode().into());
    }

    fn submit_everywhere(&mut self, client: UserId, command: Bytes) {
        let nonce = self.rng.next_u64();
        for server in 0..self.servers.len() {
            let packet = Packet::Submit {
                nonce,
                command: command.clone(),
            };
            let wait = self.rng.random_range(0..SECOND);
            let parcel = Box::new(Parcel::Up(client, packet));
            self.push(self.now + wait, Event::Arrives(server, parcel));
        }
    }
}
