//! What we say to the servers, and which of them answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::machine::Outbox;
use super::{Config, Output};
use crate::proto::ids::NodeId;
use crate::proto::packet::{ErrandKind, HereAnswer, NameAnswer, Packet, Party};
use crate::time::{Moment, WallTime};

/// What we know of a server.
#[derive(Debug)]
struct Ear {
    /// Of errands to it: our start, or what it told us to begin with. A wrong clock there,
    /// or a lie, so changes nothing for the others.
    epoch: WallTime,
    /// When it told us so last.
    renumbered_at: Option<Moment>,
    heard_at: Option<Moment>,
    /// Sequence of the last sign of presence that it answered.
    answered: u64,
    name_taken: bool,
}

/// Numbers and signs errands.
#[derive(Debug)]
pub(super) struct Voice {
    config: Quiet,
    sequence: u64,
    ears: BTreeMap<NodeId, Ear>,
}

/// A configuration that prints nothing of the identity's keys.
struct Quiet(Config);

impl std::fmt::Debug for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Config({:?})", self.0.name)
    }
}

impl Voice {
    pub(super) fn new(config: Config) -> Self {
        let ear = || Ear {
            epoch: config.calendar.started_at,
            renumbered_at: None,
            heard_at: None,
            answered: 0,
            name_taken: false,
        };
        let servers = config.servers.iter();
        let ears = servers.map(|&server| (server, ear())).collect();
        Self {
            config: Quiet(config),
            sequence: 0,
            ears,
        }
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config.0
    }

    /// Whether this is a server of ours.
    pub(super) fn knows(&self, server: NodeId) -> bool {
        self.ears.contains_key(&server)
    }

    /// Sends an errand to all servers, signed once for each epoch.
    pub(super) fn errand_to_all(&mut self, kind: &ErrandKind, out: &mut Outbox<Output>) {
        self.sequence += 1;
        let mut signed = BTreeMap::new();
        for (&server, ear) in &self.ears {
            let packet = signed
                .entry(ear.epoch)
                .or_insert_with_key(|&epoch| self.sign(epoch, kind));
            send(server, packet.clone(), out);
        }
    }

    pub(super) fn errand_to(&mut self, to: NodeId, kind: &ErrandKind, out: &mut Outbox<Output>) {
        if let Some(ear) = self.ears.get(&to) {
            self.sequence += 1;
            send(to, self.sign(ear.epoch, kind), out);
        }
    }

    pub(super) fn send_all(&self, packet: &Packet, out: &mut Outbox<Output>) {
        for &server in self.ears.keys() {
            send(server, packet.clone(), out);
        }
    }

    /// The errand of the last number.
    fn sign(&self, epoch: WallTime, kind: &ErrandKind) -> Packet {
        let identity = &self.config.0.identity;
        Packet::Errand(identity.errand(epoch, self.sequence, kind.clone()))
    }

    /// Any word of a server shows that it answers.
    pub(super) fn heard(&mut self, now: Moment, from: NodeId) {
        if let Some(ear) = self.ears.get_mut(&from) {
            ear.heard_at = Some(now);
        }
    }

    /// A server counts no errand of ours until it is of a later epoch than this: our clock is
    /// behind an earlier run's, or too far ahead of the server's. Numbers from there on what it is
    /// told, and says whether to tell it at once; a server that goes on like that hears the next
    /// errands only. One that counted errands of this run, from our start on, says so because of
    /// another run that began later: that one is who is here.
    pub(super) fn renumber(&mut self, now: Moment, from: NodeId, epoch: WallTime) -> bool {
        self.heard(now, from);
        let config = &self.config.0;
        let (start, every) = (config.calendar.started_at, config.here_every());
        let Some(ear) = self.ears.get_mut(&from) else {
            return false;
        };
        if ear.answered > 0 && ear.epoch >= start {
            return false;
        }
        ear.epoch = WallTime(epoch.0.saturating_add(1));
        let is_due = ear.renumbered_at.is_none_or(|at| now.since(at) >= every);
        if is_due {
            ear.renumbered_at = Some(now);
        }
        is_due
    }

    pub(super) fn here_answered(&mut self, now: Moment, from: NodeId, answer: HereAnswer) {
        let sequence = self.sequence;
        let Some(ear) = self.ears.get_mut(&from) else {
            return;
        };
        ear.heard_at = Some(now);
        // Only an answer to something we said, and no older one, changes what we know.
        if (ear.answered..=sequence).contains(&answer.sequence) {
            ear.answered = answer.sequence;
            ear.name_taken = answer.name != NameAnswer::Yours;
        }
    }

    /// Sequence of the last errand.
    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether a server answered a sign of presence from `sequence` on.
    pub(super) fn answered_since(&self, sequence: u64) -> bool {
        self.ears.values().any(|ear| ear.answered >= sequence)
    }

    pub(super) fn is_name_taken(&self) -> bool {
        self.ears.values().any(|ear| ear.name_taken)
    }

    /// Servers that answered lately.
    pub(super) fn answering(&self, now: Moment) -> Vec<NodeId> {
        self.ears
            .iter()
            .filter(|(_, ear)| ear.heard_at.is_some_and(|at| self.is_recent(now, at)))
            .map(|(server, _)| *server)
            .collect()
    }

    /// All servers, those that answered last first.
    pub(super) fn by_answer(&self) -> Vec<NodeId> {
        let mut servers: Vec<NodeId> = self.ears.keys().copied().collect();
        servers.sort_by_key(|server| {
            std::cmp::Reverse(self.ears.get(server).and_then(|ear| ear.heard_at))
        });
        servers
    }

    /// Whether a word of this server may still be expected: it answered lately, or we have not
    /// been here long enough to tell.
    pub(super) fn is_expected(&self, now: Moment, server: NodeId) -> bool {
        self.ears
            .get(&server)
            .is_some_and(|ear| self.is_recent(now, ear.heard_at.unwrap_or(Moment::START)))
    }

    /// All servers in order of their numbers.
    pub(super) fn servers(&self) -> impl Iterator<Item = NodeId> {
        self.ears.keys().copied()
    }

    fn is_recent(&self, now: Moment, at: Moment) -> bool {
        now.since(at) < Duration::from_millis(self.config.0.server_silent_ms)
    }
}

fn send(to: NodeId, packet: Packet, out: &mut Outbox<Output>) {
    let to = Party::Server(to);
    out.push(Output::Send { to, packet });
}
