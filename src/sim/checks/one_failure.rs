//! At most one server is in a simulated failure, and none goes into one while another is down.

use std::collections::BTreeSet;

use super::Check;
use crate::sim::plan::{Done, SERVERS, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneFailure {
    failing: BTreeSet<usize>,
}

impl Check for OneFailure {
    fn name(&self) -> &'static str {
        "at most one simulated failure"
    }

    fn see(&mut self, at_us: u64, node: usize, seen: &Seen, _: &Wishes) -> Result<(), String> {
        match seen {
            Seen::Gate(true) => {
                self.failing.insert(node);
            }
            Seen::Gate(false) | Seen::Crashed | Seen::Started => {
                self.failing.remove(&node);
            }
            Seen::Told(_)
            | Seen::Worked
            | Seen::News(_)
            | Seen::Passed(_)
            | Seen::Between { .. } => {}
        }
        if self.failing.len() > 1 {
            return Err(format!(
                "at {at_us} us nodes {:?} fail together",
                self.failing
            ));
        }
        Ok(())
    }

    fn finish(&mut self, _: &Done) -> Result<(), String> {
        match self.failing.iter().find(|node| **node < SERVERS) {
            Some(node) => Err(format!("node {node} never came back")),
            None => Ok(()),
        }
    }
}
