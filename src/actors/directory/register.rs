//! Who claims which name.
//!
//! Each user has one claim. Of two claims of one user under different names the later counts, by
//! the user's own numbers; under the same name, the earlier registration. Of several users who
//! claim one name, which happens only while servers cannot hear each other, the earliest registered
//! holds it, then the smaller user id; the others' claims wait. Joining what servers know leads
//! to the same claims everywhere, in whatever order and however often it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::actors::edges::{Record, Row, Table};
use crate::proto::codec;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::UserId;
use crate::proto::limits::NAME_MAX_BYTES;
use crate::time::WallTime;

/// Larger than any claim, encoded.
const CLAIM_MAX_BYTES: usize = 512;

/// Epoch and sequence of an errand: larger is later, within one user.
pub(super) type Number = (WallTime, u64);

/// A user's claim of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// The name.
    pub(super) name: String,
    /// The user.
    pub(super) identity: PublicIdentity,
    /// When a server first saw it, by that server's clock.
    pub(super) registered_at: WallTime,
    /// The errand that claimed it.
    pub(super) number: Number,
}

impl Claim {
    /// What counts of two claims of one user.
    fn join(mut self, other: Self) -> Self {
        if self.name == other.name {
            self.registered_at = self.registered_at.min(other.registered_at);
            self.number = self.number.max(other.number);
            return self;
        }
        if (self.number, &self.name) < (other.number, &other.name) {
            return other;
        }
        self
    }

    fn digest(&self) -> u64 {
        let hash = blake3::derive_key("pentimento 1 names digest", &codec::encode(self));
        hash.first_chunk()
            .map_or(0, |first| u64::from_le_bytes(*first))
    }

    /// The row that keeps it.
    pub(super) fn row(&self) -> Record {
        Record {
            table: Table::Names,
            key: self.identity.user_id().0.to_vec(),
            value: Some(codec::encode(self).into()),
        }
    }
}

/// Whether a name may be one: 1 to [`NAME_MAX_BYTES`] bytes of letters, digits, `-`, `_` and `.`,
/// not starting with a dot. There is no `@` among them: it only marks names in commands.
pub(super) fn is_valid(name: &str) -> bool {
    (1..=NAME_MAX_BYTES).contains(&name.len())
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// All claims.
#[derive(Debug, Default)]
pub(super) struct Register {
    claims: BTreeMap<UserId, Claim>,
    /// Who claims a name; the first holds it.
    by_name: BTreeMap<String, BTreeSet<(WallTime, UserId)>>,
    /// The sum of the digests of all claims, so that a change costs no walk over all of them.
    digest: u64,
}

impl Register {
    /// From rows; those that are none of ours are left alone.
    pub(super) fn from_rows(rows: &[Row]) -> Self {
        let mut register = Self::default();
        for (key, value) in rows {
            let Ok(claim) = codec::decode::<Claim>(value, CLAIM_MAX_BYTES) else {
                continue;
            };
            if claim.identity.user_id().0[..] == key[..] && is_valid(&claim.name) {
                register.take(claim);
            }
        }
        register
    }

    /// How many users have a claim.
    pub(super) fn count(&self) -> usize {
        self.claims.len()
    }

    /// A user's claim, whether they hold the name or wait for it.
    pub(super) fn claim(&self, user: UserId) -> Option<&Claim> {
        self.claims.get(&user)
    }

    /// All claims, by user.
    pub(super) fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.values()
    }

    /// Who holds a name.
    pub(super) fn holder(&self, name: &str) -> Option<UserId> {
        let (_, user) = self.by_name.get(name)?.first()?;
        Some(*user)
    }

    /// The claim of whoever holds a name.
    pub(super) fn held(&self, name: &str) -> Option<&Claim> {
        self.claim(self.holder(name)?)
    }

    /// The claims that hold names after this one, by name.
    pub(super) fn held_after(&self, name: &str) -> impl Iterator<Item = &Claim> {
        let after = (Bound::Excluded(name), Bound::Unbounded);
        let names = self.by_name.range::<str, _>(after);
        names.filter_map(|(_, claimants)| self.claim(claimants.first()?.1))
    }

    /// What a user's claim is once `claim` is joined, if that changes it.
    pub(super) fn joined(&self, claim: Claim) -> Option<Claim> {
        let Some(known) = self.claim(claim.identity.user_id()) else {
            return Some(claim);
        };
        let joined = known.clone().join(claim);
        (joined != *known).then_some(joined)
    }

    /// Joins a claim; tells whether that changed anything.
    pub(super) fn take(&mut self, claim: Claim) -> bool {
        let user = claim.identity.user_id();
        let Some(joined) = self.joined(claim) else {
            return false;
        };
        let place = (joined.registered_at, user);
        let name = joined.name.clone();
        self.digest = self.digest.wrapping_add(joined.digest());
        if let Some(old) = self.claims.insert(user, joined) {
            self.digest = self.digest.wrapping_sub(old.digest());
            if let Some(claimants) = self.by_name.get_mut(&old.name) {
                claimants.remove(&(old.registered_at, user));
                if claimants.is_empty() {
                    self.by_name.remove(&old.name);
                }
            }
        }
        self.by_name.entry(name).or_default().insert(place);
        true
    }

    /// Digest over all claims; the order of arrival does not count.
    pub(super) const fn digest(&self) -> u64 {
        self.digest
    }
}
