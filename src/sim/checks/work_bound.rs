//! One server does the work: over a run hardly more pictures are made than were asked for and than
//! failures explain.

use super::Check;
use crate::sim::plan::{Done, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct WorkBound {
    worked: usize,
}

impl Check for WorkBound {
    fn name(&self) -> &'static str {
        "one server does the work"
    }

    fn see(&mut self, _: u64, _: usize, seen: &Seen, _: &Wishes) -> Result<(), String> {
        if matches!(seen, Seen::Worked) {
            self.worked += 1;
        }
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        let pictures = done
            .wishes
            .iter()
            .filter(|wished| wished.kind.makes_picture())
            .count();
        // At a fifth of loss some claims cross, and some failures hit a server at work.
        let most = pictures + pictures / 2 + 3;
        if self.worked > most {
            return Err(format!(
                "{} pictures made for {pictures} asked",
                self.worked
            ));
        }
        Ok(())
    }
}
