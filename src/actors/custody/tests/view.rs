//! What a model may see of a custody, and a copy of it.

use crate::actors::custody::{Custody, Key};
use crate::proto::ids::AccountId;

/// Keys of the shares in memory, of those being written, of those to be erased, of those being
/// erased, and what was erased of which account.
pub(crate) type Held = [Vec<(AccountId, u32)>; 5];

impl Clone for Custody {
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            rng: self.rng.clone(),
            shares: self.shares.clone(),
            damaged: self.damaged.clone(),
            of_owner: self.of_owner.clone(),
            writing: self.writing.clone(),
            to_erase: self.to_erase.clone(),
            erased: self.erased.clone(),
            erased_in_order: self.erased_in_order.clone(),
            erase_at: self.erase_at,
            erasing: self.erasing.clone(),
            tickets: self.tickets,
        }
    }
}

impl Custody {
    pub(crate) fn held(&self) -> Held {
        let writing: Vec<Key> = self.writing.values().map(|(_, key)| *key).collect();
        [
            self.shares.keys().copied().collect(),
            writing,
            self.to_erase.clone(),
            self.erasing.values().flatten().copied().collect(),
            self.erased
                .iter()
                .map(|(account, round)| (*account, *round))
                .collect(),
        ]
    }
}
