//! Servers: what reaches them, and what they order.

use super::*;
use crate::actors::consensus;
use crate::actors::custody;
use crate::actors::edges::Desk;
use crate::ledger::Effect;
use crate::proto::ledger::{Answer, Reply};
use crate::sim::rights::server::Machines;

type Words = consensus::Output<Reply, Effect>;

impl<const REAL: bool> World<REAL> {
    /// Starts a server from its disk.
    pub(super) fn start(&mut self, server: usize) {
        let (clock, seed) = (self.clock(), self.seed());
        let slot = &mut self.servers[server];
        slot.clock = clock;
        slot.start(&self.plan, &self.all, seed);
        self.arm(server);
    }

    /// Ends a server at once.
    pub(super) fn crash(&mut self, server: usize) {
        let slot = &mut self.servers[server];
        if slot.machines.take().is_none() {
            return;
        }
        slot.life += 1;
        slot.stands_until = 0;
        slot.drive.crash(&mut self.rng);
    }

    pub(super) fn arm(&mut self, server: usize) {
        let slot = &mut self.servers[server];
        let Some(machines) = &slot.machines else {
            return;
        };
        let deadlines = (machines.ledger.deadline(), machines.custody.deadline());
        let Some(at) = crate::time::earliest(deadlines.0, deadlines.1) else {
            return;
        };
        let at = slot.clock.global(at).max(self.now);
        if slot.wake_at <= at && slot.wake_at >= self.now {
            return;
        }
        slot.wake_at = at;
        let life = slot.life;
        self.push(at, Event::Wake(server, life));
    }

    pub(super) fn wake(&mut self, server: usize) {
        self.note(1, server, &[]);
        let slot = &mut self.servers[server];
        slot.wake_at = u64::MAX;
        let now = slot.clock.local(self.now);
        let Some(Machines { ledger, custody }) = &mut slot.machines else {
            return;
        };
        let (mut words, mut orders) = (Outbox::new(), Outbox::new());
        if ledger.deadline().is_some_and(|at| at <= now) {
            ledger.on_deadline(now, &mut words);
        }
        if custody.deadline().is_some_and(|at| at <= now) {
            custody.on_deadline(now, &mut orders);
        }
        self.after(server, words);
        self.custody_ordered(server, orders, None);
        self.arm(server);
    }

    pub(super) fn heard(&mut self, server: usize, from: NodeId, message: Bytes) {
        self.note(2, server, &message);
        self.give(server, consensus::Input::Heard { from, message });
    }

    /// A user's packet reaches a server.
    pub(super) fn asked(&mut self, server: usize, client: UserId, packet: Packet) {
        self.note(3, server, &codec::encode(&packet));
        match packet {
            Packet::Submit { nonce, command } => {
                let input = consensus::Input::Submit {
                    client,
                    nonce,
                    command,
                };
                self.give(server, input);
            }
            Packet::KeepShare(deposit) => {
                let owner = client;
                let input = custody::Input::DepositArrived { owner, deposit };
                self.give_custody(server, input, None);
                self.arm(server);
            }
            _ => {}
        }
    }

    pub(super) fn disk_done(&mut self, server: usize) {
        self.note(5, server, &[]);
        let slot = &mut self.servers[server];
        let Some((ticket, answer)) = slot.drive.due(&self.manner, &mut self.rng) else {
            return;
        };
        if ticket.desk == Desk::Custody {
            self.give_custody(server, custody::Input::Disk { ticket, answer }, None);
            self.arm(server);
        } else {
            self.give(server, consensus::Input::Disk { ticket, answer });
        }
    }

    pub(super) fn give(&mut self, server: usize, input: consensus::Input) {
        let slot = &mut self.servers[server];
        let now = slot.clock.local(self.now);
        let Some(machines) = &mut slot.machines else {
            return;
        };
        let mut words = Outbox::new();
        machines.ledger.handle(now, input, &mut words);
        self.after(server, words);
        self.arm(server);
    }

    fn after(&mut self, server: usize, mut words: Outbox<Words>) {
        let machines = self.servers[server].machines.as_ref();
        let news = machines.map_or_else(Vec::new, |machines| machines.ledger.state().news());
        for entry in news {
            let holds = self.judge.applied(entry, REAL);
            self.hold(holds);
        }
        for words in words.drain() {
            self.carry_out(server, words);
        }
    }

    fn carry_out(&mut self, server: usize, words: Words) {
        match words {
            consensus::Output::Send { to, message } => {
                let (from, to) = (self.servers[server].id, usize::from(to.0) - 1);
                self.send(server, to, || Parcel::Agree(from, message.clone()));
            }
            consensus::Output::Disk { ticket, order } => self.disk_ordered(server, ticket, order),
            consensus::Output::Answer {
                client,
                nonce,
                seq,
                reply,
            } => {
                let copies = self.servers.iter().filter(|of| of.has(seq)).count();
                // A disk that was replaced after it confirmed had its copy.
                let most = copies + self.tally_of_lost() > self.servers.len() / 2;
                self.check(most, "an order is answered that is not on most disks");
                self.decided(server, client, nonce, Answer { seq, reply });
            }
            consensus::Output::Told {
                client,
                nonce,
                seq,
                reply,
            } => self.decided(server, client, nonce, Answer { seq, reply }),
            consensus::Output::Refused {
                client,
                nonce,
                reply,
            } => self.decided(server, client, nonce, Answer { seq: 0, reply }),
            consensus::Output::Effects {
                effects, replayed, ..
            } => {
                let input = custody::Input::Effects {
                    effects: effects.clone(),
                    replayed,
                };
                self.give_custody(server, input, Some(&effects));
            }
            consensus::Output::State(state) => {
                if let Some(leader) = state.leader {
                    let holds = self.judge.leads(state.term, leader);
                    self.hold(holds);
                }
            }
            // The embedded store asks no etcd.
            consensus::Output::Http { .. } => {}
            consensus::Output::Quarantined(why) => {
                self.tally.fault("quarantined");
                self.servers[server].quarantined = true;
                if !self.servers[server].flipped {
                    let id = self.servers[server].id;
                    self.hold(Err(format!("server {id} is out for nothing: {why}")));
                }
            }
            consensus::Output::Restored { .. } => self.tally.outcome("state sent"),
        }
    }

    /// Disks that were replaced or damaged, of those that may be.
    fn tally_of_lost(&self) -> usize {
        let lost = ["disk lost", "bit flipped"];
        let any = lost
            .iter()
            .any(|kind| self.tally.faults.contains_key(*kind));
        if any { self.fragile() } else { 0 }
    }

    fn decided(&mut self, server: usize, client: UserId, nonce: u64, answer: Answer) {
        self.send_down(server, client, &Packet::Decided { nonce, answer });
    }

    fn send_down(&mut self, server: usize, client: UserId, packet: &Packet) {
        let from = self.servers[server].id;
        let devices: Vec<usize> = self.cast.devices_of(client).collect();
        for device in devices {
            let to = self.servers.len() + device;
            self.send(server, to, || Parcel::Down(from, packet.clone()));
        }
    }

    fn give_custody(&mut self, server: usize, input: custody::Input, effects: Option<&[Effect]>) {
        let slot = &mut self.servers[server];
        let now = slot.clock.local(self.now);
        let Some(machines) = &mut slot.machines else {
            return;
        };
        let mut orders = Outbox::new();
        machines.custody.handle(now, input, &mut orders);
        self.custody_ordered(server, orders, effects);
    }

    fn custody_ordered(
        &mut self,
        server: usize,
        mut orders: Outbox<custody::Output>,
        effects: Option<&[Effect]>,
    ) {
        for order in orders.drain() {
            match order {
                custody::Output::Send { to, packet } => {
                    if let Packet::Share(share) = &packet {
                        self.hold(Judge::share_leaves(share, effects));
                    }
                    self.send_down(server, to, &packet);
                }
                custody::Output::Disk { ticket, order } => self.disk_ordered(server, ticket, order),
            }
        }
    }

    fn disk_ordered(&mut self, server: usize, ticket: Ticket, order: DiskOrder) {
        let slot = &mut self.servers[server];
        let what = (ticket, order);
        let at = slot
            .drive
            .order(self.now, &self.manner, &mut self.rng, what);
        let life = slot.life;
        self.push(at, Event::Disk(server, life));
    }
}
