//! The failure token is made anew within 45 s of the real death of its holder, while the simulation
//! is on, all others are up, and nothing else goes wrong.

use std::collections::BTreeSet;

use super::{At, Check};
use crate::node::board::News;
use crate::sim::plan::SERVERS;
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// So long it may take, in microseconds.
const WITHIN_US: u64 = 45_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct TokenBack {
    /// Servers that know the simulation to be on.
    on: BTreeSet<usize>,
    /// Who has a token.
    holders: BTreeSet<usize>,
    /// The only server that is down, and until when there must be a token again.
    dead: Option<(usize, u64)>,
    down: BTreeSet<usize>,
}

impl TokenBack {
    fn told(&mut self, node: usize, on: bool, here: bool) {
        set(&mut self.on, node, on);
        set(&mut self.holders, node, here);
        if here || !on {
            self.dead = None;
        }
    }
}

fn set(of: &mut BTreeSet<usize>, node: usize, member: bool) {
    if member {
        of.insert(node);
    } else {
        of.remove(&node);
    }
}

impl Check for TokenBack {
    fn name(&self) -> &'static str {
        "the token comes back"
    }

    fn see(&mut self, At { us, node, .. }: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        if let Some((dead, until)) = self.dead
            && us > until
        {
            self.dead = None;
            return Err(format!(
                "nobody has a token, {dead} died {WITHIN_US} us ago"
            ));
        }
        match seen {
            Seen::News(News::Token { on, here, .. }) => self.told(node, *on, *here),
            Seen::Crashed if node < SERVERS => {
                self.down.insert(node);
                self.on.remove(&node);
                let held = self.holders.remove(&node);
                let alone = self.down.len() == 1 && self.holders.is_empty();
                let all_on = self.on.len() == SERVERS - 1;
                self.dead = (held && alone && all_on).then_some((node, us + WITHIN_US));
            }
            Seen::Started if node < SERVERS => {
                self.down.remove(&node);
                self.dead = None;
            }
            // Something else goes wrong.
            Seen::Trouble(_) | Seen::Crashed | Seen::Gate(_) => self.dead = None,
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Done) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tell;
    use super::*;

    fn news(at: u64, node: usize, here: bool) -> (u64, usize, Seen) {
        let failing = false;
        let news = News::Token {
            on: true,
            here,
            failing,
        };
        (at, node, Seen::News(news))
    }

    #[test]
    fn a_token_that_stays_lost_is_found_and_one_that_comes_back_is_fine() {
        let death = || {
            vec![
                news(1, 0, true),
                news(1, 1, false),
                news(1, 2, false),
                (2, 0, Seen::Crashed),
            ]
        };
        let mut lost = death();
        lost.push((WITHIN_US + 3, 1, Seen::Worked));
        assert!(tell(&mut TokenBack::default(), lost).is_err());
        let mut back = death();
        back.extend([news(WITHIN_US, 2, true), (WITHIN_US + 3, 1, Seen::Worked)]);
        assert!(tell(&mut TokenBack::default(), back).is_ok());
    }
}
