//! Which of these tests find which planted bug.

use super::{damage, seeds};
use crate::planted::Bug;
use crate::planted::tests::Hunt;

const WORLD: &str = "servers, network and disks from seeds";
const DAMAGE: &str = "a flipped bit in every row";

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::FsyncSkipped, WORLD, seeds::seeds),
    Hunt::new(Bug::SentBeforePersisted, WORLD, seeds::seeds),
    Hunt::new(
        Bug::VoteNotWritten,
        "a server asked for its vote before and after a restart",
        damage::a_vote_is_on_disk_before_it_is_told_and_is_not_given_twice_after_a_restart,
    ),
    Hunt::new(Bug::AckBeforeQuorum, WORLD, seeds::seeds),
    Hunt::new(Bug::StaleRead, WORLD, seeds::seeds),
    Hunt::new(
        Bug::ElectionWaitFixed,
        "leaders that end again and again",
        seeds::a_new_leader_is_there_soon_whenever_the_old_one_is_gone,
    ),
    Hunt::new(
        Bug::TruncatesAndVotes,
        DAMAGE,
        damage::a_flipped_bit_anywhere_takes_the_server_out,
    ),
    Hunt::new(Bug::ServedBeforeCaughtUp, WORLD, seeds::seeds),
    Hunt::new(Bug::ReleasedBeforeApply, WORLD, seeds::seeds),
    Hunt::new(
        Bug::DigestsNotCompared,
        "a server that makes something else of a command",
        damage::a_server_whose_state_differs_from_the_majoritys_takes_itself_out,
    ),
    Hunt::new(Bug::ForgetfulVotes, WORLD, seeds::seeds),
];
