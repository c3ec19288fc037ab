//! The list of all users, page by page, from one server after another.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

use super::super::machine::Outbox;
use super::registry::Registry;
use super::voice::Voice;
use super::{Output, failures, is_name, refuse, report};
use crate::proto::control::Outcome;
use crate::proto::ids::{NodeId, WishId};
use crate::proto::limits::LOOKUP_PAGE_ENTRIES;
use crate::proto::packet::{DirectoryEntry, Lookup, LookupAnswer, LookupKind, Packet, Party};
use crate::time::Moment;

/// Persons who may wait for one list.
const WISHES_MAX: usize = 16;

/// A page is asked for so often before the next server is.
const ATTEMPTS: u32 = 2;

/// A list under way.
#[derive(Debug)]
struct Round {
    wishes: Vec<WishId>,
    /// Servers still to try, the current one last.
    servers: Vec<NodeId>,
    attempts: u32,
    nonce: u64,
    after: String,
    ends_at: Moment,
    entries: BTreeMap<String, DirectoryEntry>,
}

/// The list of all users, when one is wanted.
#[derive(Debug, Default)]
pub(super) struct Listing {
    round: Option<Round>,
}

impl Listing {
    pub(super) fn wanted(
        &mut self,
        voice: &Voice,
        now: Moment,
        wish: WishId,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) {
        if let Some(round) = &mut self.round {
            if round.wishes.contains(&wish) {
                return;
            }
            if round.wishes.len() >= WISHES_MAX {
                return refuse(wish, failures::too_many_questions(), out);
            }
            return round.wishes.push(wish);
        }
        let mut servers = voice.by_answer();
        servers.reverse();
        let mut round = Round {
            wishes: vec![wish],
            servers,
            attempts: 0,
            nonce: 0,
            after: String::new(),
            ends_at: now,
            entries: BTreeMap::new(),
        };
        round.ask(voice, now, random, out);
        self.round = Some(round);
    }

    /// Whether an answer with this nonce belongs here.
    pub(super) fn awaits(&self, nonce: u64) -> bool {
        self.round.as_ref().is_some_and(|r| r.nonce == nonce)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one machine, and an answer"
    )]
    pub(super) fn answered(
        &mut self,
        voice: &Voice,
        registry: &mut Registry,
        now: Moment,
        from: NodeId,
        answer: LookupAnswer,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) {
        let Some(round) = &mut self.round else {
            return;
        };
        if round.nonce != answer.nonce || round.servers.last() != Some(&from) {
            return;
        }
        let before = round.after.clone();
        for entry in answer.entries.into_iter().take(LOOKUP_PAGE_ENTRIES) {
            // Only names behind the last one move us on, so a list always ends.
            if entry.name <= before || !is_name(&entry.name) {
                continue;
            }
            round.after = round.after.clone().max(entry.name.clone());
            // Conflicts are marked in the registry, and shown from there.
            let _ = registry.told(&entry);
            if round.entries.len() < voice.config().contacts_max {
                round.entries.insert(entry.name.clone(), entry);
            }
        }
        let is_full = round.entries.len() >= voice.config().contacts_max;
        if answer.more && round.after > before && !is_full {
            round.attempts = 0;
            round.ask(voice, now, random, out);
        } else {
            self.finish(registry, true, out);
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.round.as_ref().map(|round| round.ends_at)
    }

    /// Asks again, then the next server, then tells what we know ourselves.
    pub(super) fn tick(
        &mut self,
        voice: &Voice,
        registry: &Registry,
        now: Moment,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) {
        let Some(round) = &mut self.round else {
            return;
        };
        if now < round.ends_at {
            return;
        }
        if round.attempts >= ATTEMPTS {
            round.attempts = 0;
            round.servers.pop();
        }
        if round.servers.is_empty() {
            self.finish(registry, false, out);
        } else {
            round.ask(voice, now, random, out);
        }
    }

    fn finish(&mut self, registry: &Registry, fresh: bool, out: &mut Outbox<Output>) {
        let Some(round) = self.round.take() else {
            return;
        };
        let peers = registry.peers(fresh.then_some(&round.entries));
        for wish in round.wishes {
            let peers = peers.clone();
            report(wish, Outcome::Peers { peers, fresh }, out);
        }
    }
}

impl Round {
    fn ask(
        &mut self,
        voice: &Voice,
        now: Moment,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) {
        self.attempts += 1;
        self.nonce = random.next_u64();
        self.ends_at = now.after(voice.config().lookup_wait() / ATTEMPTS);
        let Some(&server) = self.servers.last() else {
            return;
        };
        let wanted = LookupKind::After(self.after.clone());
        let nonce = self.nonce;
        out.push(Output::Send {
            to: Party::Server(server),
            packet: Packet::Lookup(Lookup { nonce, wanted }),
        });
    }
}
