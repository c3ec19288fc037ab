//! Which tests of this folder find which planted bug.

use super::receiver::tests as receiver;
use super::replay::tests as replay;
use crate::planted::Bug;
use crate::planted::tests::Hunt;

const RECEIVER: &str = "a receiver and fragments made by hand";

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(
        Bug::ReservedByTotal,
        RECEIVER,
        receiver::ten_thousand_announcements_of_the_largest_message_cost_what_arrived,
    ),
    Hunt::new(
        Bug::GapsUnbounded,
        RECEIVER,
        receiver::gaps_of_a_message_never_cost_much_more_than_what_came,
    ),
    Hunt::new(
        Bug::HandedOnAgain,
        RECEIVER,
        receiver::a_transfer_is_handed_on_once_over_sessions_while_it_is_remembered,
    ),
    Hunt::new(
        Bug::ReplayOffByOne,
        "packet numbers at the end of the window",
        replay::what_slid_out_is_refused,
    ),
];
