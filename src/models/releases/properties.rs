//! What must hold in every state.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, GRANTED, Releases, State};
use crate::proto::ledger::Reply;

pub(super) fn words(model: &Releases, state: &State) -> Vec<(Entry, Reply)> {
    let kit = model.kit.lock().expect("nobody panics");
    let replies = state.words.iter().map(|word| kit.words.get(*word).reply);
    state.log.iter().copied().zip(replies).collect()
}

/// Looks with the shares of both servers.
pub(super) fn opened(state: &State) -> BTreeSet<u8> {
    let of = |server: usize| -> BTreeSet<u8> {
        let sent = state.sent.iter().filter(|sent| sent.server == server);
        sent.map(|sent| sent.look).collect()
    };
    &of(0) & &of(1)
}

pub(super) fn numbered(model: &Releases, state: &State) -> bool {
    let Some(&last) = state.words.last() else {
        return true;
    };
    let standing = model
        .kit
        .lock()
        .expect("nobody panics")
        .words
        .get(last)
        .standing;
    let ordinals: BTreeSet<u32> = words(model, state)
        .iter()
        .filter_map(|(_, reply)| match reply {
            Reply::Spent { ordinal, .. } => Some(*ordinal),
            _ => None,
        })
        .collect();
    standing.spent + standing.escrowed <= standing.granted
        && ordinals.iter().copied().eq(1..=standing.spent)
}

pub(super) fn same_answers(model: &Releases, state: &State) -> bool {
    let mut first: BTreeMap<u8, Option<u32>> = BTreeMap::new();
    words(model, state)
        .iter()
        .all(|(entry, reply)| match (entry, reply) {
            (Entry::Look(look), Reply::Spent { ordinal, .. }) => {
                *first.entry(*look).or_insert(Some(*ordinal)) == Some(*ordinal)
            }
            (Entry::Look(look), Reply::Refused(_)) => first.entry(*look).or_insert(None).is_none(),
            _ => true,
        })
}

pub(super) fn in_order(model: &Releases, state: &State) -> bool {
    let words = words(model, state);
    let place = |wanted| {
        let taken = |(entry, reply): &(Entry, Reply)| {
            *entry == wanted && matches!(reply, Reply::Adjusted(_))
        };
        words.iter().position(taken)
    };
    match (place(Entry::Add), place(Entry::Revoke)) {
        (_, None) => true,
        (Some(add), Some(revoke)) => add < revoke,
        (None, Some(_)) => false,
    }
}

pub(super) fn counted_only(model: &Releases, state: &State) -> bool {
    let words = words(model, state);
    state.sent.iter().all(|sent| {
        words.iter().any(|(entry, reply)| {
            let is_it = matches!(reply, Reply::Spent { ordinal, .. } if *ordinal == sent.ordinal);
            *entry == Entry::Look(sent.look) && is_it
        })
    })
}

pub(super) fn within_grant(model: &Releases, state: &State) -> bool {
    let added = |(entry, reply): &&(Entry, Reply)| {
        *entry == Entry::Add && matches!(reply, Reply::Adjusted(_))
    };
    let is_added = words(model, state).iter().any(|word| added(&word));
    opened(state).len() <= GRANTED as usize + usize::from(is_added)
}

pub(super) fn erased(model: &Releases, state: &State) -> bool {
    let kit = model.kit.lock().expect("nobody panics");
    state.servers.iter().all(|server| {
        let vault = kit.vaults.get(server.vault);
        let is_at_rest = server.revoked && vault.under_way.is_empty();
        !is_at_rest || vault.rows.is_empty()
    })
}
