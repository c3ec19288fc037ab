//! Nothing is served before it is known: a server that has started or come back from silence gives
//! no name, place or letter to anybody before so many others have sent it what they know that a
//! majority has, and answers nothing out of the ledger before it has applied whatever was answered
//! to anybody by then.

use std::collections::{BTreeMap, BTreeSet};

use super::{At, Check};
use crate::proto::ids::NodeId;
use crate::sim::plan::SERVERS;
use crate::sim::spoken::{Said, Service};
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// Others that have to tell what they know.
const OTHERS: usize = SERVERS / 2;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct CaughtUp {
    /// Who has told a server what, since it was last away.
    told: BTreeMap<usize, BTreeSet<(Service, NodeId)>>,
    /// What had been answered out of the ledger when a server was last away.
    answered: BTreeMap<usize, u64>,
    last: u64,
}

impl Check for CaughtUp {
    fn name(&self) -> &'static str {
        "nothing is served before it is known"
    }

    fn see(&mut self, At { us, node, .. }: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        match seen {
            Seen::Started | Seen::Gate(false) => {
                self.told.remove(&node);
                self.answered.insert(node, self.last);
            }
            Seen::Learned(from, service) => {
                self.told.entry(node).or_default().insert((*service, *from));
            }
            Seen::Said(Said::Served(service)) => {
                let told = self.told.get(&node).into_iter().flatten();
                if told.filter(|(of, _)| of == service).count() < OTHERS {
                    return Err(format!("{service:?} of node {node} at {us} us"));
                }
            }
            Seen::Said(Said::Decided { seq, applied }) => {
                let before = self.answered.get(&node).copied().unwrap_or_default();
                if *applied < before {
                    return Err(format!(
                        "node {node} at {us} us: {applied} applied, {before} were answered before"
                    ));
                }
                self.last = self.last.max(*seq);
            }
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

    #[test]
    fn a_letter_before_anybody_told_of_letters_is_found() {
        let served = || (3, 0, Seen::Said(Said::Served(Service::Mailbox)));
        let learned = |what| (2, 0, Seen::Learned(NodeId(2), what));
        let start = || (1, 0, Seen::Started);
        let judge = |told: Vec<_>| tell(&mut CaughtUp::default(), told);
        assert!(judge(vec![start(), learned(Service::Mailbox), served()]).is_ok());
        assert!(judge(vec![start(), served()]).is_err());
        assert!(judge(vec![start(), learned(Service::Directory), served()]).is_err());
        let back = (3, 0, Seen::Gate(false));
        let away = vec![start(), learned(Service::Mailbox), back, served()];
        assert!(judge(away).is_err());
    }

    #[test]
    fn an_answer_out_of_an_old_ledger_is_found() {
        let decided = |node, seq, applied| (2, node, Seen::Said(Said::Decided { seq, applied }));
        let start = || (1, 1, Seen::Started);
        let judge = |told: Vec<_>| tell(&mut CaughtUp::default(), told);
        assert!(judge(vec![decided(0, 7, 7), start(), decided(1, 8, 8)]).is_ok());
        assert!(judge(vec![decided(0, 7, 7), start(), decided(1, 6, 6)]).is_err());
    }
}
