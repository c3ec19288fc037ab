//! What we say to the servers, and which of them answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::machine::Outbox;
use super::{Config, Output};
use crate::proto::ids::NodeId;
use crate::proto::limits::ERRAND_AHEAD_MS;
use crate::proto::packet::{ErrandKind, HereAnswer, NameAnswer, Packet, Party};
use crate::time::{Moment, WallTime};

/// A server alone may take our epoch so far ahead of our clock, in milliseconds.
const AHEAD_MS: u64 = ERRAND_AHEAD_MS / 2;

/// What we know of a server.
#[derive(Debug, Default)]
struct Ear {
    heard_at: Option<Moment>,
    /// The epoch that it told us last to go beyond.
    counted: WallTime,
    /// Sequence of the last sign of presence that it answered.
    answered: u64,
    name_taken: bool,
}

/// Numbers and signs errands.
#[derive(Debug)]
pub(super) struct Voice {
    config: Quiet,
    /// Our start, or later if errands of a later one counted before.
    epoch: WallTime,
    /// When the epoch was set last.
    renumbered_at: Option<Moment>,
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
        let ears = config
            .servers
            .iter()
            .map(|&server| (server, Ear::default()))
            .collect();
        Self {
            epoch: config.calendar.started_at,
            renumbered_at: None,
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

    /// Signs an errand once and sends it to all servers.
    pub(super) fn errand_to_all(&mut self, kind: &ErrandKind, out: &mut Outbox<Output>) {
        let packet = self.sign(kind.clone());
        self.send_all(&packet, out);
    }

    pub(super) fn errand_to(&mut self, to: NodeId, kind: ErrandKind, out: &mut Outbox<Output>) {
        let packet = self.sign(kind);
        out.push(Output::Send {
            to: Party::Server(to),
            packet,
        });
    }

    pub(super) fn send_all(&self, packet: &Packet, out: &mut Outbox<Output>) {
        for &server in self.ears.keys() {
            out.push(Output::Send {
                to: Party::Server(server),
                packet: packet.clone(),
            });
        }
    }

    fn sign(&mut self, kind: ErrandKind) -> Packet {
        self.sequence += 1;
        let identity = &self.config.0.identity;
        Packet::Errand(identity.errand(self.epoch, self.sequence, kind))
    }

    /// Any word of a server shows that it answers.
    pub(super) fn heard(&mut self, now: Moment, from: NodeId) {
        if let Some(ear) = self.ears.get_mut(&from) {
            ear.heard_at = Some(now);
        }
    }

    /// A server has counted a later errand than ours: our clock was ahead in an earlier run, or is
    /// behind now. Numbers from beyond it, and tells whether to say so at once; who goes on like
    /// that hears it with the next sign of presence. While it takes another run to be here that
    /// began later, that one is who is here. One that lies cannot take us to the end of time, where
    /// no later run could begin: so far only most of the servers do.
    pub(super) fn outdated(
        &mut self,
        now: Moment,
        from: NodeId,
        epoch: WallTime,
        is_here: bool,
    ) -> bool {
        let config = &self.config.0;
        let latest = config.calendar.at(now).0.saturating_add(AHEAD_MS);
        let every = config.here_every();
        let Some(ear) = self.ears.get_mut(&from) else {
            return false;
        };
        ear.counted = epoch;
        if ear.answered > 0 && is_here {
            ear.heard_at = Some(now);
            return false;
        }
        if epoch < self.epoch || (epoch.0 > latest && !self.is_counted_by_most(epoch)) {
            return false;
        }
        self.epoch = WallTime(epoch.0.saturating_add(1));
        let is_due = self
            .renumbered_at
            .is_none_or(|last| now.since(last) >= every);
        if is_due {
            self.renumbered_at = Some(now);
        }
        is_due
    }

    /// Whether most servers counted this epoch or a later one.
    fn is_counted_by_most(&self, epoch: WallTime) -> bool {
        let counted = self.ears.values().filter(|ear| ear.counted >= epoch);
        counted.count() > self.ears.len() / 2
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
