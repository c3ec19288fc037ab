//! Questions to the directory.

use super::register::Claim;
use super::{Directory, Output};
use crate::actors::machine::Outbox;
use crate::proto::ids::UserId;
use crate::proto::limits::{LOOKUP_PAGE_ENTRIES, PASS_MS};
use crate::proto::packet::{DirectoryEntry, Lookup, LookupAnswer, LookupKind, Packet};
use crate::proto::pass::Pass;
use crate::time::{Moment, WallTime};

impl Directory {
    /// Answers a question. Only users who hold a name are listed.
    /// Who asks for one user gets a pass for them.
    pub(super) fn lookup(
        &self,
        now: Moment,
        client: UserId,
        lookup: &Lookup,
        out: &mut Outbox<Output>,
    ) {
        if !self.catch_up.is_done() {
            return;
        }
        let mut more = false;
        let claims: Vec<&Claim> = match &lookup.wanted {
            LookupKind::Name(name) => self.register.held(name).into_iter().collect(),
            LookupKind::User(user) => {
                let claim = self.register.claim(*user);
                let holds = |own: &&Claim| self.register.holder(&own.name) == Some(*user);
                claim.filter(holds).into_iter().collect()
            }
            LookupKind::After(name) => {
                let mut rest = self.register.held_after(name);
                let page = rest.by_ref().take(LOOKUP_PAGE_ENTRIES).collect();
                more = rest.next().is_some();
                page
            }
        };
        let pass = match (&lookup.wanted, claims.as_slice()) {
            (LookupKind::Name(_) | LookupKind::User(_), [claim]) => {
                self.pass(now, client, claim.identity.user_id())
            }
            _ => None,
        };
        let entries = claims.into_iter().map(|claim| self.entry(claim)).collect();
        out.push(Output::Send {
            to: client,
            packet: Packet::LookupAnswer(LookupAnswer {
                nonce: lookup.nonce,
                entries,
                more,
                pass,
            }),
        });
    }

    /// A pass for whom we know: who holds a name, or is here under whatever name. The others have
    /// no more than a key that they made themselves.
    fn pass(&self, now: Moment, asker: UserId, peer: UserId) -> Option<Pass> {
        let is_known = self.register.claim(asker).is_some() || self.online.address(asker).is_some();
        if !is_known || asker == peer {
            return None;
        }
        let until = WallTime(self.config.calendar.at(now).0.saturating_add(PASS_MS));
        Some(self.signer.pass(asker, peer, until, self.config.me))
    }

    fn entry(&self, claim: &Claim) -> DirectoryEntry {
        let user = claim.identity.user_id();
        DirectoryEntry {
            name: claim.name.clone(),
            identity: claim.identity,
            address: self.online.address(user),
            last_seen: self.online.last_seen(user).unwrap_or(claim.registered_at),
        }
    }
}
