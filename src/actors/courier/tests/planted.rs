//! Which of these tests find which planted bug.

use super::{passes, posting};
use crate::planted::Bug;
use crate::planted::tests::Hunt;

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(
        Bug::MailAckBeforeQuorum,
        "a writer and its servers, word by word",
        posting::a_silent_reader_is_missing_after_three_attempts_and_the_servers_get_the_letter,
    ),
    Hunt::new(
        Bug::PassNotChecked,
        "questions without a pass",
        passes::only_who_shows_a_pass_is_answered,
    ),
    Hunt::new(
        Bug::PassOfAnybody,
        "a stolen pass",
        passes::a_pass_is_worth_nothing_to_anybody_else,
    ),
    Hunt::new(
        Bug::PassForEver,
        "passes on both sides of their end",
        passes::a_pass_runs_out_by_the_clock_of_its_server,
    ),
];
