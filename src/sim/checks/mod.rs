//! What must hold in every run, one property a file. A check watches what happens and is asked
//! once more at the end, after the faults have stopped and everything had time to come to rest.

mod answered;
mod asks_agree;
mod ends;
mod introduced;
mod one_failure;
mod single_result;
mod updates_kept;
mod views;
mod work_bound;

use super::plan::{Done, Wishes};
use super::world::Seen;

/// A property of runs.
pub trait Check {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Something happened to a node. `wishes` tells what each report belongs to.
    fn see(&mut self, at_us: u64, node: usize, seen: &Seen, wishes: &Wishes) -> Result<(), String>;

    /// The run is over.
    fn finish(&mut self, done: &Done) -> Result<(), String>;
}

/// All checks, fresh.
#[must_use]
pub fn all() -> Vec<Box<dyn Check>> {
    vec![
        Box::new(answered::Answered),
        Box::new(asks_agree::AsksAgree),
        Box::new(ends::NoLookAfterTheEnd::default()),
        Box::new(introduced::Introduced::default()),
        Box::new(one_failure::OneFailure::default()),
        Box::new(single_result::SingleResult::default()),
        Box::new(updates_kept::UpdatesKept),
        Box::new(views::ViewsWithinGrant::default()),
        Box::new(work_bound::WorkBound::default()),
    ]
}
