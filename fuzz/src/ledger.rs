//! The ledger: whatever is an order, an entry or a snapshot does no harm, and what it makes of
//! orders is what books kept by hand say.
//!
//! The first byte tells which: bytes as they are, a snapshot that was changed and has its digest
//! put right, or a sequence of orders of an owner and a borrower about two grants.

mod devices;
mod people;

use pentimento::ledger::{Bounds, Damaged, Ledger};
use pentimento::proto::ids::{AccountId, Digest};
use pentimento::proto::ledger::{Entry, Question, Reply, Signed};
use pentimento::proto::limits::LEDGER_ENTRY_MAX_BYTES;
use pentimento::time::WallTime;

use crate::Input;

/// Changes of a snapshot in one call at the most.
const CHANGES_MAX: usize = 8;

/// See the module.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() {
        first @ 0..0x20 => bytes(first % 3, input.0),
        first @ 0x20..0x40 => snapshot(first, &mut input),
        first => people::orders(first, &mut input),
    }
}

fn bytes(kind: u8, data: &[u8]) {
    match kind {
        0 => {
            if let Ok(signed) = Signed::decode(data) {
                assert!(data.len() <= LEDGER_ENTRY_MAX_BYTES);
                let _ = Ledger::default().admit_authentic(None, &signed);
                let _ = signed.command.is_within_bounds();
            }
        }
        1 => {
            let mut ledger = Ledger::default();
            let before = ledger.clone();
            let applied = ledger.apply_bytes(1, WallTime(1), data);
            assert!(matches!(applied.reply, Reply::Refused(_) | Reply::Time(_)));
            assert_eq!(ledger.accounts().count(), before.accounts().count());
            assert_eq!(ledger.applied(), 1);
        }
        _ => {
            // Nothing that is made up has the digest.
            let content = [&b"pentimento ledger 1"[..], data].concat();
            assert!(Ledger::restore(data).is_err());
            let error = Ledger::restore(&content).err();
            assert!(matches!(error, Some(Damaged::Cut | Damaged::Digest)));
            restored(&with_digest(content));
        }
    }
}

fn with_digest(mut content: Vec<u8>) -> Vec<u8> {
    let digest = Digest::of(&content);
    content.extend_from_slice(&digest.0);
    content
}

/// A ledger that bytes with the right digest make, if they make one: it is as good as any other.
fn restored(bytes: &[u8]) {
    let Ok(mut ledger) = Ledger::restore(bytes) else {
        return;
    };
    let again = ledger.snapshot();
    let same = Ledger::restore(&again).expect("what was written is read");
    assert_eq!(same.snapshot(), again);
    assert_eq!(same.digest(), ledger.digest());
    let accounts: Vec<AccountId> = ledger.accounts().map(|(id, _)| id).collect();
    for (id, account) in ledger.accounts() {
        let stands = account.standing();
        let taken = u64::from(stands.spent) + u64::from(stands.escrowed);
        assert!(taken <= u64::from(stands.granted), "{stands:?}");
        assert_eq!(ledger.answer(Question::Account(id)), Reply::Stands(stands));
    }
    let (now, mut seq) = (ledger.now(), ledger.applied());
    for (step, id) in (1..).zip(accounts) {
        let stamp = WallTime(now.0.saturating_add(step << 26));
        for signed in people::one_of_each(id, stamp) {
            let signed = Some(signed);
            let entry = Entry { stamp, signed };
            seq = seq.saturating_add(1);
            let _ = ledger.apply_authentic(seq, &entry);
        }
    }
    let _ = ledger.snapshot();
}

/// The snapshot of a ledger in which much has happened, changed in some places.
fn snapshot(first: u8, input: &mut Input<'_>) {
    let true_one = people::eventful();
    let mut content = true_one[..true_one.len() - 32].to_vec();
    for _ in 0..CHANGES_MAX {
        if input.is_empty() {
            break;
        }
        let place = usize::from(input.short()) % content.len();
        match input.byte() {
            0 => content.truncate(place),
            1 => {
                let more = input.byte();
                content.splice(place..place, input.bytes(usize::from(more)).iter().copied());
            }
            2 => {
                let end = (place + usize::from(input.byte())).min(content.len());
                content.drain(place..end);
            }
            value => content[place] = content[place].wrapping_add(value),
        }
        if content.is_empty() {
            return;
        }
    }
    if first & 1 == 0 {
        restored(&with_digest(content));
    } else {
        content.extend_from_slice(&true_one[true_one.len() - 32..]);
        let is_whole = Ledger::restore(&content).is_ok();
        assert!(!is_whole || content == true_one, "the digest covers all");
    }
}

/// A ledger with so little room that bounds are met.
fn narrow() -> Ledger {
    Ledger::new(Bounds {
        accounts: 2,
        accounts_per_owner: 1,
        looks: 12,
        looks_per_account: 8,
        checkouts: 4,
        checkouts_per_account: 2,
        evidence: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::people::Run;
    use super::*;

    #[test]
    fn a_run_counts_looks_and_its_snapshot_is_one() {
        let bytes = people::eventful();
        let ledger = Ledger::restore(&bytes).expect("a snapshot");
        let spent: u32 = ledger.accounts().map(|(_, one)| one.standing().spent).sum();
        assert!(spent > 3 && ledger.accounts().count() == 2, "{spent}");
    }

    #[test]
    fn books_and_ledger_are_held_against_each_other() {
        let mut run = Run::new(Ledger::default(), false);
        run.order(0, true, people::opening(0, 8, 5));
        run.order(0, false, people::spend(0, 1, 1));
        assert_eq!(run.answered, 2);
    }
}
