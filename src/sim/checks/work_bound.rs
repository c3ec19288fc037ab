//! One server does the work: over a run hardly more pictures are made than were asked for and than
//! failures explain. Servers that live and do not hear each other may all do what each is asked.

use super::{At, Check};
use crate::sim::plan::SERVERS;
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct WorkBound {
    worked: usize,
    /// Servers that ended, for whatever reason; each may have been at work on some pictures.
    ended: usize,
    /// Nothing is under way any more when a server ends.
    is_calm: bool,
    parted: bool,
}

impl Check for WorkBound {
    fn name(&self) -> &'static str {
        "one server does the work"
    }

    fn see(&mut self, At { node, .. }: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        match seen {
            Seen::Worked => self.worked += 1,
            Seen::Calm => self.is_calm = true,
            Seen::Crashed if node < SERVERS && !self.is_calm => self.ended += 1,
            Seen::Trouble(trouble) => self.parted |= trouble.parts_servers(),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        let pictures = done
            .wishes
            .iter()
            .filter(|wished| wished.kind.makes_picture())
            .count();
        let most = if self.parted {
            SERVERS * pictures + 2 * self.ended
        } else {
            // At a fifth of loss some claims cross, and some failures hit a server at work.
            pictures + pictures / 2 + 3 + 2 * self.ended
        };
        if self.worked > most {
            return Err(format!(
                "{} pictures made for {pictures} asked",
                self.worked
            ));
        }
        Ok(())
    }
}
