//! Which of these tests find which planted bug.

use super::{completing, faults, rules};
use crate::planted::Bug;
use crate::planted::tests::Hunt;

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(
        Bug::OpenedBeforeClaim,
        "owner and borrower, word by word",
        rules::the_claim_is_on_disk_before_the_picture_opens,
    ),
    Hunt::new(
        Bug::CountToldBeforeWritten,
        "owner and borrower with crashes from seeds",
        faults::the_runs_below_are_full_of_looks_changes_and_new_grants,
    ),
    Hunt::new(
        Bug::SharesNotLookedAfter,
        "shares on disks that were replaced",
        completing::looks_that_are_added_at_once_find_their_shares_on_new_disks,
    ),
];
