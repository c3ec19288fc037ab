//! What must hold in every run, one property a file. A check watches what happens and is asked
//! once more at the end, after the faults have stopped and everything had time to come to rest.
//! What must hold of the whole world then is in `run/calm.rs`.

mod answered;
mod asks_agree;
mod caught_up;
mod ends;
mod introduced;
mod memory;
mod message_bound;
mod one_failure;
mod single_result;
mod token_back;
mod updates_kept;
mod views;
mod work_bound;

use super::wishes::{Done, Wishes};
use super::world::Seen;
use crate::time::WallTime;

/// When something happened, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Microseconds of the world.
    pub us: u64,
    /// What the calendar of the node shows.
    pub wall: WallTime,
    /// Its place.
    pub node: usize,
}

/// A property of runs.
pub trait Check {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Something happened. `wishes` tells what each report belongs to.
    ///
    /// # Errors
    /// What does not hold.
    fn see(&mut self, at: At, seen: &Seen, wishes: &Wishes) -> Result<(), String>;

    /// The run is over.
    ///
    /// # Errors
    /// What does not hold.
    fn finish(&mut self, done: &Done) -> Result<(), String>;
}

/// All checks, fresh, for a run in which clocks are off by so much at the most.
#[must_use]
pub fn all(skew_ms: u64) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(answered::Answered),
        Box::new(asks_agree::AsksAgree),
        Box::new(caught_up::CaughtUp::default()),
        Box::new(ends::NoLookAfterTheEnd::new(skew_ms)),
        Box::new(introduced::Introduced::new(skew_ms)),
        Box::new(memory::Memory),
        Box::new(message_bound::MessageBound::default()),
        Box::new(one_failure::OneFailure::default()),
        Box::new(single_result::SingleResult::default()),
        Box::new(token_back::TokenBack::default()),
        Box::new(updates_kept::UpdatesKept),
        Box::new(views::ViewsWithinGrant::default()),
        Box::new(work_bound::WorkBound::default()),
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sim::world::wall_time;

    /// What a check says of a history made by hand: when in microseconds, to whom, what.
    pub(super) fn tell(
        check: &mut dyn Check,
        history: impl IntoIterator<Item = (u64, usize, Seen)>,
    ) -> Result<(), String> {
        for (us, node, seen) in history {
            let wall = wall_time(us);
            check.see(At { us, wall, node }, &seen, &Wishes::default())?;
        }
        check.finish(&Done::default())
    }
}
