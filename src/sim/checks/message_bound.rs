//! Few messages for a request: a claim goes out twice and so does the end, so servers say to each
//! other 4 (n - 1) packets about it, and hear n asks. Each further claim explains some more, and
//! each further time that the client asks.
//!
//! When nothing goes wrong two servers claim at the most: they may differ about who is less busy
//! for as long as a report is under way, and an ask that waits for a session with a server that was
//! away can come when the request is over, and is taken for a new one then.

use std::collections::{BTreeMap, BTreeSet};

use super::{At, Check};
use crate::proto::ids::RequestId;
use crate::sim::plan::SERVERS;
use crate::sim::spoken::{Said, Word};
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// Packets between servers about a request, when nothing goes wrong.
const CALM: usize = 4 * (SERVERS - 1);
/// Claims of a request, when nothing goes wrong.
const CALM_CLAIMS: usize = 2;
/// For each claim once there are several: it goes out twice, each copy may be answered, that answer
/// too, and its maker may end the request in two packets to everybody.
const BY_CLAIM: usize = 8 * (SERVERS - 1);
/// For one more ask of the client: a claim that somebody contests is repeated, and answered.
const BY_ASK: usize = 2 * (SERVERS - 1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct MessageBound {
    requests: BTreeMap<RequestId, Talk>,
    /// How often each node has been started: who forgets may claim again.
    lives: BTreeMap<usize, u32>,
    calm: bool,
}

#[derive(Debug, Default)]
struct Talk {
    asks: usize,
    packets: usize,
    claims: BTreeSet<(usize, u32, u32)>,
    /// Nothing went wrong since it was first asked for.
    calm: bool,
}

impl Talk {
    fn judge(&self) -> Result<(), String> {
        let (claims, asks) = (self.claims.len(), self.asks.saturating_sub(SERVERS));
        let by_claims = if claims > 1 { BY_CLAIM * claims } else { CALM };
        let most = by_claims + BY_ASK * asks;
        if self.packets > most {
            return Err(format!("more than {most} packets: {self:?}"));
        }
        if self.calm && (claims > CALM_CLAIMS || asks > 0) {
            return Err(format!("nothing went wrong: {self:?}"));
        }
        Ok(())
    }
}

impl Check for MessageBound {
    fn name(&self) -> &'static str {
        "few messages for a request"
    }

    fn see(&mut self, At { node, .. }: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        match seen {
            Seen::Calm => self.calm = true,
            Seen::Started => *self.lives.entry(node).or_default() += 1,
            Seen::Said(Said::About(request, word)) => {
                let calm = self.calm;
                let talk = self.requests.entry(*request).or_insert_with(|| Talk {
                    calm,
                    ..Talk::default()
                });
                match word {
                    Word::Ask => talk.asks += 1,
                    Word::Claim(epoch) => {
                        let life = self.lives.get(&node).copied().unwrap_or_default();
                        talk.claims.insert((node, life, *epoch));
                        talk.packets += 1;
                    }
                    Word::Done => talk.packets += 1,
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Done) -> Result<(), String> {
        self.requests.values().try_for_each(Talk::judge)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tell;
    use super::*;
    use crate::proto::ids::RequestId;

    fn said(node: usize, word: Word, times: usize) -> Vec<(u64, usize, Seen)> {
        let request = RequestId {
            boot: 1,
            counter: 1,
        };
        let one = || (0, node, Seen::Said(Said::About(request, word)));
        (0..times).map(|_| one()).collect()
    }

    #[test]
    fn a_request_as_it_should_be_is_fine_and_one_packet_more_is_found() {
        let mut fine = said(3, Word::Ask, 3);
        fine.extend(said(0, Word::Claim(0), 4));
        fine.extend(said(0, Word::Done, 4));
        assert!(tell(&mut MessageBound::default(), fine).is_ok());
        let mut more = said(3, Word::Ask, 3);
        more.extend(said(0, Word::Claim(0), 4));
        more.extend(said(0, Word::Done, 5));
        assert!(tell(&mut MessageBound::default(), more).is_err());
    }

    #[test]
    fn that_everybody_claims_is_found_when_nothing_went_wrong() {
        let all = || (0..3).flat_map(|server| said(server, Word::Claim(0), 4));
        assert!(tell(&mut MessageBound::default(), all()).is_ok());
        let calm = [(0, 0, Seen::Calm)].into_iter().chain(all());
        assert!(tell(&mut MessageBound::default(), calm).is_err());
    }
}
