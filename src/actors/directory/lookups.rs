//! Questions to the directory.

use super::register::Claim;
use super::{Directory, Output};
use crate::actors::machine::Outbox;
use crate::proto::ids::UserId;
use crate::proto::limits::LOOKUP_PAGE_ENTRIES;
use crate::proto::packet::{DirectoryEntry, Lookup, LookupAnswer, LookupKind, Packet};

impl Directory {
    /// Answers a question. Only users who hold a name are listed.
    pub(super) fn lookup(&self, client: UserId, lookup: &Lookup, out: &mut Outbox<Output>) {
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
        let entries = claims.into_iter().map(|claim| self.entry(claim)).collect();
        out.push(Output::Send {
            to: client,
            packet: Packet::LookupAnswer(LookupAnswer {
                nonce: lookup.nonce,
                entries,
                more,
            }),
        });
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
