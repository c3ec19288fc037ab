//! What must hold at every moment of a run, and the history that is judged at its end.
//!
//! Knows the log as whoever came first applied it, holds every other server to it, and holds the
//! ledger's answers to books that are kept by hand ([`Books`]).

use std::collections::BTreeMap;

use super::books::Books;
use super::watched::Applied;
use crate::ledger::check::{Call, sampled, sequence};
use crate::ledger::{Bounds, Effect};
use crate::proto::ids::{AccountId, NodeId, ViewId};
use crate::proto::ledger::{Answer, Command, Entry, Reply, Signed};
use crate::proto::shares::{ReleasePurpose, ReleasedShare};
use crate::time::Moment;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// By place, as it was first applied.
    truth: BTreeMap<u64, (Applied, Option<Signed>)>,
    books: Books,
    leaders: BTreeMap<u64, NodeId>,
    calls: Vec<Call>,
    /// Calls by device, its life, and number.
    under_way: BTreeMap<(usize, u32, u64), usize>,
    /// Looks that were shown, by account and number.
    shown: BTreeMap<(AccountId, u32), ViewId>,
    newest_answer: u64,
}

/// What holds, or in words what does not.
pub(super) type Holds = Result<(), String>;

impl Judge {
    /// A server applied an entry. `verify`: signatures count.
    pub(super) fn applied(&mut self, entry: Applied, verify: bool) -> Holds {
        if let Some((first, _)) = self.truth.get(&entry.seq) {
            return same(first, &entry);
        }
        if let Some((last, _)) = self
            .truth
            .last_key_value()
            .filter(|(last, _)| **last > entry.seq)
        {
            return Err(format!(
                "{} is applied, and nobody did before {last}",
                entry.seq
            ));
        }
        let signed = match entry.command.as_slice() {
            [] => None,
            bytes => Signed::decode(bytes).ok(),
        };
        self.books.book(&entry, signed.as_ref(), verify)?;
        self.truth.insert(entry.seq, (entry, signed));
        Ok(())
    }

    /// Entries so far.
    pub(super) fn entries(&self) -> u64 {
        self.truth.len() as u64
    }

    /// The newest place that was answered.
    pub(super) const fn newest_answer(&self) -> u64 {
        self.newest_answer
    }

    /// Terms with a leader so far.
    pub(super) fn terms(&self) -> u64 {
        self.leaders.len() as u64
    }

    /// The books.
    pub(super) const fn books(&self) -> &Books {
        &self.books
    }

    /// A server leads, as one of them says.
    pub(super) fn leads(&mut self, term: u64, leader: NodeId) -> Holds {
        let known = *self.leaders.entry(term).or_insert(leader);
        if known == leader {
            Ok(())
        } else {
            Err(format!("in term {term} both {known} and {leader} lead"))
        }
    }

    /// A device sent an order, perhaps not for the first time.
    pub(super) fn sent(&mut self, key: (usize, u32, u64), now: Moment, command: &[u8]) {
        if self.under_way.contains_key(&key) {
            return;
        }
        let Ok(signed) = Signed::decode(command) else {
            return;
        };
        self.under_way.insert(key, self.calls.len());
        self.calls.push(Call {
            invoked: now,
            signed,
            answered: None,
        });
    }

    /// A device was told what became of an order.
    pub(super) fn heard(&mut self, key: (usize, u32, u64), now: Moment, answer: Answer) -> Holds {
        // What was not even put before the servers has no place, and may come into the log through
        // another leader all the same.
        if answer.seq == 0 {
            return Ok(());
        }
        let Some(call) = self
            .under_way
            .get(&key)
            .map(|&place| &mut self.calls[place])
        else {
            return Ok(());
        };
        if !self.truth.contains_key(&answer.seq) {
            return Err(format!(
                "{} was answered, and nobody applied it",
                answer.seq
            ));
        }
        self.newest_answer = self.newest_answer.max(answer.seq);
        call.answered.get_or_insert((now, answer));
        Ok(())
    }

    /// A share leaves a server, which just carries out these effects of an entry.
    pub(super) fn share_leaves(share: &ReleasedShare, effects: Option<&[Effect]>) -> Holds {
        let effects = effects.unwrap_or_default();
        let ReleasePurpose::Look { view, ordinal, .. } = share.purpose else {
            let is_this = |effect: &Effect| {
                let Effect::Lend(of) = effect else {
                    return false;
                };
                (of.account, of.round, of.seq) == (share.account, share.round, share.seq)
            };
            return if effects.iter().any(is_this) {
                Ok(())
            } else {
                Err("a share left for a checkout, and no entry says so".into())
            };
        };
        let told = (share.account, share.round, view, ordinal, share.seq);
        let is_this = |effect: &Effect| {
            let Effect::Release(of) = effect else {
                return false;
            };
            (of.account, of.round, of.view, of.ordinal, of.seq) == told
        };
        if effects.iter().any(is_this) {
            Ok(())
        } else {
            Err(format!(
                "a share left for look {ordinal}, and no entry says so"
            ))
        }
    }

    /// A device has the servers' part of the key for a look, with its number.
    pub(super) fn look_opens(&mut self, account: AccountId, view: ViewId, ordinal: u32) -> Holds {
        if !self.books.was_released(account, view, ordinal) {
            let released = self.books.released(account, view);
            return Err(format!(
                "look {ordinal} opens, and the log has {released:?}"
            ));
        }
        let first = *self.shown.entry((account, ordinal)).or_insert(view);
        if first != view {
            return Err(format!("two looks open with the number {ordinal}"));
        }
        let shown = self.shown.range((account, 0)..=(account, u32::MAX)).count();
        let most = self.books.most_granted(account);
        if shown as u64 > u64::from(most) {
            return Err(format!("{shown} looks opened of {most} granted"));
        }
        Ok(())
    }

    fn log(&self) -> sequence::Log {
        let entry = |(seq, (applied, signed)): (&u64, &(Applied, Option<Signed>))| {
            let entry = Entry {
                stamp: applied.stamp,
                signed: signed.clone(),
            };
            (applied.command.is_empty() || signed.is_some()).then_some((*seq, entry))
        };
        self.truth.iter().filter_map(entry).collect()
    }

    /// Judges the whole history. Gives orders answered and not.
    pub(super) fn by_sequence(&self, verify: bool) -> Result<[u64; 2], String> {
        let judged = sequence::check(Bounds::default(), &[self.log()], &self.calls, verify)
            .map_err(|violation| violation.to_string())?;
        Ok([judged.answered as u64, judged.unanswered as u64])
    }

    /// Judges accounts with few calls without believing places. Gives how many were judged, and
    /// how many were too hard.
    pub(super) fn by_search(&self) -> Result<[u64; 2], String> {
        let searched = sampled::check(&self.log(), &self.calls)?;
        Ok([searched.judged, searched.too_hard])
    }

    /// Counts what became of orders, by the log.
    pub(super) fn outcomes(&self, mut tell: impl FnMut(&'static str)) {
        for (applied, signed) in self.truth.values() {
            tell(
                match (applied.reply, signed.as_ref().map(|of| &of.command)) {
                    (Reply::Refused(_), Some(Command::Spend { .. })) => "look refused",
                    (Reply::Refused(_), _) => "order refused",
                    (Reply::Spent { counted, .. }, _) if counted == applied.seq => "look counted",
                    (Reply::Spent { .. }, _) => "look known",
                    (Reply::Opened(_), _) => "account opened",
                    (Reply::Escrowed { .. }, _) => "looks lent",
                    (Reply::CheckedIn { .. }, _) => "check-in",
                    (Reply::Adjusted(_), _) => "change",
                    (Reply::Rekeyed { .. }, _) => "rekey",
                    (Reply::Time(_) | Reply::Stands(_), _) => "time told",
                },
            );
        }
    }
}

/// Whether a server makes of an entry what the first one made. One that got the state as a whole
/// has erasures to make up for, before what the entry leads to.
fn same(first: &Applied, entry: &Applied) -> Holds {
    let (long, short) = if first.effects.len() > entry.effects.len() {
        (&first.effects, &entry.effects)
    } else {
        (&entry.effects, &first.effects)
    };
    let (made_up, rest) = long.split_at(long.len() - short.len());
    let erases = |effect: &Effect| matches!(effect, Effect::Erase { .. });
    let is_same = (first.stamp, &first.command, &first.reply)
        == (entry.stamp, &entry.command, &entry.reply)
        && made_up.iter().all(erases)
        && rest == short;
    if is_same {
        Ok(())
    } else {
        Err(format!(
            "servers differ at place {}: {:?} {:?}, {:?} {:?}",
            entry.seq, first.reply, first.effects, entry.reply, entry.effects
        ))
    }
}
