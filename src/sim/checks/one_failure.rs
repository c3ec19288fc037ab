//! At most one server is in a simulated failure, and none goes into one while another is down.
//!
//! A server that ends while permission is asked for may have given it a moment before; nobody can
//! know more over a network.

use std::collections::{BTreeMap, BTreeSet};

use super::{At, Check};
use crate::sim::plan::SERVERS;
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// Permission is as old as this at the most when a failure begins, in microseconds: the wait for
/// it, and the way of the last packet to a server that is slow.
const PERMISSION_US: u64 = 1_500_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneFailure {
    failing: BTreeSet<usize>,
    /// Servers that are down, and since when.
    down: BTreeMap<usize, u64>,
}

impl Check for OneFailure {
    fn name(&self) -> &'static str {
        "at most one simulated failure"
    }

    fn see(&mut self, At { us, node, .. }: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        match seen {
            Seen::Gate(true) => {
                self.failing.insert(node);
                let mut down = self.down.iter();
                if let Some((other, since)) = down.find(|(_, since)| **since + PERMISSION_US < us) {
                    return Err(format!(
                        "node {node} fails at {us} us, and {other} is down since {since} us"
                    ));
                }
            }
            Seen::Gate(false) => {
                self.failing.remove(&node);
            }
            Seen::Crashed => {
                self.failing.remove(&node);
                if node < SERVERS {
                    self.down.insert(node, us);
                }
            }
            Seen::Started => {
                self.failing.remove(&node);
                self.down.remove(&node);
            }
            _ => {}
        }
        if self.failing.len() > 1 {
            return Err(format!("at {us} us nodes {:?} fail together", self.failing));
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

#[cfg(test)]
mod tests {
    use super::super::tests::tell;
    use super::*;

    #[test]
    fn two_at_once_are_found() {
        let both = [(1, 0, Seen::Gate(true)), (2, 1, Seen::Gate(true))];
        assert!(tell(&mut OneFailure::default(), both).is_err());
        let after = [
            (1, 0, Seen::Gate(true)),
            (2, 0, Seen::Gate(false)),
            (3, 1, Seen::Gate(true)),
            (4, 1, Seen::Gate(false)),
        ];
        assert!(tell(&mut OneFailure::default(), after).is_ok());
    }

    #[test]
    fn a_failure_while_another_server_is_down_is_found() {
        let at = |at| {
            let back = (at, 0, Seen::Gate(false));
            [(0, 2, Seen::Crashed), (at, 0, Seen::Gate(true)), back]
        };
        assert!(tell(&mut OneFailure::default(), at(PERMISSION_US + 1)).is_err());
        let mut check = OneFailure::default();
        assert!(tell(&mut check, at(PERMISSION_US)).is_ok());
    }
}
