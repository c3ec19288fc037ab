//! Which of these tests find which planted bug.

use super::bus;
use crate::actors::failure_token::tests;
use crate::planted::Bug;
use crate::planted::tests::Hunt;

const BUS: &str = "servers on a bad bus that all want to fail";

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(
        Bug::TokenWithoutPermission,
        BUS,
        bus::never_two_fail_at_once_and_never_beside_a_real_failure,
    ),
    Hunt::new(
        Bug::PermitsBeforeCaughtUp,
        "a question while the ledger is caught up with",
        tests::who_has_to_catch_up_permits_nobody,
    ),
    Hunt::new(
        Bug::PermitsBeforeCaughtUp,
        BUS,
        bus::never_two_fail_at_once_and_never_beside_a_real_failure,
    ),
    Hunt::new(
        Bug::PromiseWithoutMargin,
        "a promise on both sides of its end",
        tests::a_promise_binds_until_hold_wait_and_margin_are_over,
    ),
    Hunt::new(
        Bug::TokenNotMadeAnew,
        "a token that is not seen any more",
        tests::only_the_lowest_live_server_makes_a_lost_token_anew,
    ),
    Hunt::new(
        Bug::HeardWhileFailing,
        BUS,
        bus::never_two_fail_at_once_and_never_beside_a_real_failure,
    ),
];
