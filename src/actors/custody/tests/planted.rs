//! Which of these tests find which planted bug.

use crate::planted::Bug;
use crate::planted::tests::Hunt;

const BENCH: &str = "one server's shares and its disk";

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(
        Bug::ReplayedReleases,
        BENCH,
        super::nothing_is_let_out_again_while_entries_are_replayed_nor_to_a_key_that_is_none,
    ),
    Hunt::new(
        Bug::ShareAckBeforeDisk,
        BENCH,
        super::a_deposit_is_confirmed_when_it_is_on_disk_and_again_when_it_is_repeated,
    ),
    Hunt::new(
        Bug::ErasedInMemoryOnly,
        BENCH,
        super::an_erased_share_is_gone_from_memory_and_disk,
    ),
];
