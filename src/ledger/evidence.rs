//! What shows that two copies of a device were used.

use serde::{Deserialize, Serialize};

use crate::proto::ids::CheckoutId;
use crate::proto::ledger::{Signed, ViewLog};
use crate::time::WallTime;

/// A check-in that does not fit what the same checkout told before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The ledger's time when it came.
    pub at: WallTime,
    /// Its position in the log.
    pub seq: u64,
    /// The checkout.
    pub checkout: CheckoutId,
    /// What the checkout had told.
    pub told: ViewLog,
    /// The check-in, signed by the borrower; none if too many are kept.
    pub signed: Option<Box<Signed>>,
}
