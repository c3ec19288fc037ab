//! What a server tells another of its directory, and rows on disk.

use serde::{Deserialize, Serialize};

use super::online::ToldPresence;
use super::register::{Claim, Register, is_valid};
use super::{Directory, Effect, Output};
use crate::actors::edges::Record;
use crate::actors::machine::Outbox;
use crate::proto::codec;
use crate::proto::ids::NodeId;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::Moment;

/// What a server tells of its directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Told {
    claims: Vec<Claim>,
    presence: Vec<ToldPresence>,
}

impl Directory {
    /// Tells a server everything that is known here, caught up or not: when all servers start at
    /// once, everybody collects a majority of disks.
    pub(super) fn tell(&mut self, now: Moment, to: NodeId, out: &mut Outbox<Output>) {
        if !self.catch_up.may_answer(now, to) {
            return;
        }
        let told = Told {
            claims: self.register.claims().cloned().collect(),
            presence: self.online.tell(now),
        };
        out.push(Output::SendState {
            to,
            round: self.rounds.draw(),
            state: codec::encode(&told).into(),
        });
    }

    /// Takes what is news of a server's knowledge. It counts once the names are durable.
    pub(super) fn merge(&mut self, now: Moment, from: NodeId, state: &[u8]) {
        let is_merging =
            |effect: &Effect| matches!(effect, Effect::Merge { from: other, .. } if *other == from);
        if !self.catch_up.knows(from) || self.journal.waiting().any(is_merging) {
            return;
        }
        let Ok(told) = codec::decode::<Told>(state, MESSAGE_MAX_BYTES) else {
            return;
        };
        let (today, latest) = (self.config.calendar.at(now), self.latest_epoch(now));
        let presence = told.presence.into_iter();
        for presence in presence.filter(|presence| presence.epoch() <= latest) {
            let ttl_max_ms = self.config.ttl_max_ms;
            if let Some(user) = self.online.merge(now, today, presence, ttl_max_ms) {
                self.probes.cancel(user);
            }
        }
        let mut room = self.config.names_max.saturating_sub(self.register.count());
        let mut claims = told.claims;
        claims.retain(|claim| {
            let is_known = self.register.claim(claim.identity.user_id()).is_some();
            let fits = is_known || room > 0;
            let is_sound = is_valid(&claim.name) && claim.number.0 <= latest;
            let is_news = is_sound && self.register.joined(claim.clone()).is_some();
            if is_news && fits && !is_known {
                room -= 1;
            }
            is_news && fits
        });
        let run = self.catch_up.run();
        // If it does not fit the queue, we ask again.
        let _ = self.journal.add(Effect::Merge { from, run, claims });
    }
}

/// What effects write, in their order, on top of what is registered.
pub(super) fn rows(register: &Register, effects: &[Effect]) -> Vec<Record> {
    let mut changed = Register::default();
    let claims = effects.iter().flat_map(|effect| match effect {
        Effect::Bind { claim, .. } => std::slice::from_ref(claim),
        Effect::Merge { claims, .. } => claims.as_slice(),
    });
    for claim in claims {
        let user = claim.identity.user_id();
        if let (None, Some(known)) = (changed.claim(user), register.claim(user)) {
            changed.take(known.clone());
        }
        changed.take(claim.clone());
    }
    let is_news = |claim: &&Claim| register.claim(claim.identity.user_id()) != Some(*claim);
    changed.claims().filter(is_news).map(Claim::row).collect()
}
