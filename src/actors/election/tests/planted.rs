//! Which of these tests find which planted bug.

use super::bus;
use crate::planted::Bug;
use crate::planted::tests::Hunt;

const BUS: &str = "three servers and a client on a bus";

pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(
        Bug::NeverTakesOver,
        BUS,
        bus::when_the_owner_dies_another_takes_over_and_ends_it,
    ),
    Hunt::new(
        Bug::EveryoneWins,
        BUS,
        bus::without_loss_each_request_has_one_owner_and_few_datagrams,
    ),
    Hunt::new(
        Bug::ClaimWithoutEpoch,
        BUS,
        bus::when_the_owner_dies_another_takes_over_and_ends_it,
    ),
    Hunt::new(
        Bug::TakesOverFromTheLiving,
        BUS,
        bus::with_loss_two_owners_are_rare_and_short_and_every_request_ends,
    ),
];
