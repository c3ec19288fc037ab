//! Grants between people of the house.

use bytes::Bytes;
use pentimento::proto::control::{Carrier, Command, Failure, Outcome};
use pentimento::proto::ids::GrantId;
use pentimento::proto::lease::Conditions;
use pentimento::proto::outcome::Lease;

use super::{Stage, until};

impl Stage {
    /// A grant of alice's whose picture is with bob. Both are in the house.
    pub(crate) fn share_with_bob(
        &self,
        original: &Bytes,
        views: u32,
        conditions: Conditions,
    ) -> GrantId {
        until("alice finds bob", || {
            match self.ask("alice", Command::Peers) {
                Ok(Outcome::Peers { peers, .. }) => peers
                    .iter()
                    .any(|peer| peer.name == "bob" && peer.online)
                    .then_some(()),
                _ => None,
            }
        });
        let share = Command::Share {
            name: "photo".into(),
            original: Some(original.clone()),
            to: "bob".into(),
            views,
            conditions,
            keep_metadata: false,
            carrier: Carrier::default(),
        };
        let outcome = self.ask("alice", share);
        let Ok(Outcome::Shared { grant, .. }) = outcome else {
            panic!("not shared: {outcome:?}")
        };
        until("the picture reaches bob", || {
            self.only_lease("bob").filter(|lease| lease.delivered)
        });
        grant
    }

    /// The only lease a person has.
    pub(crate) fn only_lease(&self, name: &str) -> Option<Lease> {
        match self.ask(name, Command::Leases) {
            Ok(Outcome::Leases(mut leases)) if leases.len() == 1 => leases.pop(),
            _ => None,
        }
    }
}

/// A look of bob's: its number and the looks left.
pub(crate) fn look(stage: &Stage, grant: GrantId, original: &Bytes) -> Result<(u32, u32), Failure> {
    let mut bob = stage.talk("bob");
    match bob.ask(Command::View(grant.hex()), |_| {})? {
        Outcome::Opened {
            view,
            original: shown,
            ..
        } => {
            assert!(shown == *original, "other bytes were shown");
            match bob.ask(Command::Shown(view), |_| {})? {
                Outcome::Counted { ordinal, left } => Ok((ordinal, left)),
                other => panic!("not counted: {other:?}"),
            }
        }
        other => panic!("not opened: {other:.200?}"),
    }
}
