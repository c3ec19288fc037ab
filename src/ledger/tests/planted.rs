//! Which of these tests find which planted bug.

use super::{changing, looking, offline, random};
use crate::planted::Bug;
use crate::planted::tests::Hunt;

const BOOKS: &str = "random orders beside books kept by hand";

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::LookCountedTwice, BOOKS, random::beside_books),
    Hunt::new(Bug::EscrowNotCounted, BOOKS, random::beside_books),
    Hunt::new(Bug::ChangeOutOfOrder, BOOKS, random::beside_books),
    Hunt::new(
        Bug::RevokedKeepsShares,
        "a revocation, order by order",
        changing::a_revocation_erases_at_once_and_nothing_is_let_out_after_it,
    ),
    Hunt::new(Bug::ForkIgnored, BOOKS, random::beside_books),
    Hunt::new(
        Bug::ForkIgnored,
        "a device set back, order by order",
        offline::a_device_that_was_rolled_back_forks,
    ),
    Hunt::new(
        Bug::LooksForgotten,
        "random orders, restored at every position",
        random::restored_anywhere,
    ),
    Hunt::new(
        Bug::RefusedCountsLater,
        "a refused order repeated",
        looking::an_order_that_was_refused_never_counts_later,
    ),
    Hunt::new(
        Bug::SignatureNotChecked,
        "orders with somebody else's signature",
        looking::only_what_its_user_signed_is_applied,
    ),
    Hunt::new(
        Bug::TimeRunsBack,
        "stamps that run backwards",
        looking::dates_are_those_of_the_ledger_whatever_a_later_stamp_says,
    ),
];
