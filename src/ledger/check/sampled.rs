//! Which accounts of a long run are judged by search, and how.
//!
//! The search takes exponential time on bad luck, so only accounts with few calls are judged, and
//! few of those without an answer.

use std::collections::BTreeMap;

use super::sequence::Log;
use super::{Call, linear};
use crate::proto::ids::{AccountId, Digest};
use crate::proto::ledger::{Answer, Refusal, Reply, Signed};

/// Calls of an account that is judged, at the most.
const CALLS_MAX: usize = 60;
/// Those without an answer, at the most.
const OPEN_MAX: usize = 5;

/// What became of the accounts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// An order explains all calls.
    pub judged: u64,
    /// No answer within the bounds of the search.
    pub too_hard: u64,
}

/// Judges the accounts with few calls. The log tells only which orders came into it twice.
///
/// # Errors
/// The first account whose calls no order explains.
pub fn check(log: &Log, calls: &[Call]) -> Result<Searched, String> {
    let name = |signed: &Signed| Digest::of(&signed.encode());
    let mut places: BTreeMap<Digest, Places> = BTreeMap::new();
    for (seq, entry) in log {
        if let Some(signed) = &entry.signed {
            let (_, last) = places.entry(name(signed)).or_insert((*seq, *seq));
            *last = *seq;
        }
    }
    let mut of_account: BTreeMap<AccountId, Vec<Call>> = BTreeMap::new();
    for call in calls {
        let mut call = call.clone();
        let of_order = places.get(&name(&call.signed)).copied();
        if call
            .answered
            .is_some_and(|(_, answer)| tells_nothing(of_order, &answer))
        {
            call.answered = None;
        }
        let account = call.signed.command.account(call.signed.principal.user_id());
        of_account.entry(account).or_default().push(call);
    }
    let mut searched = Searched::default();
    for (account, calls) in of_account {
        let open = calls.iter().filter(|call| call.answered.is_none()).count();
        if calls.len() > CALLS_MAX || open > OPEN_MAX {
            continue;
        }
        match linear::check_accounts(&calls) {
            Ok(_) => searched.judged += 1,
            Err((_, linear::NotLinear::TooHard)) => searched.too_hard += 1,
            Err((_, other)) => return Err(format!("account {account:?}: {other}")),
        }
    }
    Ok(searched)
}

/// The first and the last place of an order in the log.
type Places = (u64, u64);

/// Whether an answer does not say what became of an order that came into the log more than once.
///
/// It took effect at its first place, and is answered with how the account stands at a later one:
/// two moments. And that it is to be signed anew is said of one place: at another one, where the
/// ledger's time was right or no newer order had been refused, it may have taken effect.
fn tells_nothing(places: Option<Places>, answer: &Answer) -> bool {
    let Some((first, last)) = places else {
        return false;
    };
    match answer.reply {
        Reply::Refused(Refusal::Time { .. }) => first < last,
        Reply::Spent { .. } | Reply::Refused(_) => false,
        _ => first < answer.seq,
    }
}
