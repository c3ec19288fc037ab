//! What passed an endpoint and what did not, since its start.

use std::collections::BTreeMap;

/// Reasons that are told apart; further ones are counted together.
const REASONS_MAX: usize = 64;

/// Datagrams and packets dropped, by reason.
pub type Dropped = BTreeMap<String, u64>;

/// What passed and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// What was dropped, by reason.
    pub dropped: Dropped,
    /// Bytes of datagrams that came in and were not kept out.
    pub received_bytes: u64,
    /// Bytes of datagrams that were to leave.
    pub sent_bytes: u64,
    /// Sessions that were made.
    pub sessions: u64,
    /// Bytes passed on from one user to another.
    pub relayed_bytes: u64,
    /// Users brought together.
    pub introductions: u64,
}

impl Counts {
    /// Counts something that was dropped.
    pub fn drop_one(&mut self, reason: impl AsRef<str>) {
        self.drop_many(reason, 1);
    }

    /// Counts things that were dropped for one reason.
    pub fn drop_many(&mut self, reason: impl AsRef<str>, count: u64) {
        let reason = reason.as_ref();
        if let Some(known) = self.dropped.get_mut(reason) {
            *known += count;
        } else if self.dropped.len() < REASONS_MAX {
            self.dropped.insert(reason.to_owned(), count);
        } else {
            *self.dropped.entry("other".to_owned()).or_default() += count;
        }
    }
}
