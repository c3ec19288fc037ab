//! Which of these tests find which planted bug.

use super::posting;
use crate::planted::Bug;
use crate::planted::tests::Hunt;

pub(crate) const HUNTS: &[Hunt] = &[Hunt::new(
    Bug::MailAckBeforeQuorum,
    "a writer and its servers, word by word",
    posting::a_silent_reader_is_missing_after_three_attempts_and_the_servers_get_the_letter,
)];
