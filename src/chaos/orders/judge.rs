//! What the orders of a run are worth.

use std::io;
use std::time::Duration;

use serde::Serialize;

use super::history::Seen;
use super::{Told, Witness};
use crate::chaos::judge::{ORDERS_LINEAR, ORDERS_SAME_EVERYWHERE, ORDERS_SERIALIZABLE, quantile};
use crate::ledger::Bounds;
use crate::ledger::check::{Call, sampled, sequence};
use crate::proto::ledger::{Command, Reply};

/// What was ordered, answered and judged.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::chaos) struct Judged {
    /// Orders that were sent.
    pub(in crate::chaos) sent: u64,
    /// Those whose answer was judged with the whole log.
    pub(in crate::chaos) answered: u64,
    /// Looks that were counted.
    pub(in crate::chaos) counted: u64,
    /// Looks that gave the servers' part of the key.
    pub(in crate::chaos) joined: u64,
    /// Orders that were refused.
    pub(in crate::chaos) refused: u64,
    /// Orders that were never answered.
    pub(in crate::chaos) open: u64,
    /// Accounts that were judged by search.
    pub(in crate::chaos) accounts: u64,
    /// Accounts that were too hard for it.
    pub(in crate::chaos) too_hard: u64,
    /// Entries of the log.
    pub(in crate::chaos) entries: u64,
    /// Disks of ended servers that were read.
    pub(in crate::chaos) disks: u64,
    /// Answers per second.
    pub(in crate::chaos) per_s: f64,
    /// Half of the orders were answered within, in milliseconds.
    pub(in crate::chaos) p50_ms: f64,
    /// 99 of 100.
    pub(in crate::chaos) p99_ms: f64,
    /// All.
    pub(in crate::chaos) max_ms: f64,
    /// The slowest: what it was, and when it was due, in seconds since the people began.
    pub(in crate::chaos) slowest: Option<(&'static str, f64)>,
    /// The longest time without any answer, in milliseconds.
    pub(in crate::chaos) gap_ms: f64,
    /// What does not hold: the invariant, and what was seen.
    #[serde(skip)]
    pub(in crate::chaos) broken: Vec<(&'static str, String)>,
}

/// Judges what people were told. All servers have ended.
///
/// # Errors
/// If the witness could not see anything.
pub(in crate::chaos) fn judge(told: Told, witness: Witness) -> io::Result<Judged> {
    Ok(by_log(told, &witness.end()?))
}

pub(super) fn by_log(mut told: Told, seen: &Seen) -> Judged {
    let waits = told.waits.iter().map(|waited| waited.us as f64 / 1e3);
    let waits: Vec<f64> = waits.collect();
    let slowest = told.waits.iter().max_by_key(|waited| waited.us);
    let of = |share| quantile(waits.iter().copied(), share).unwrap_or_default();
    let lasted = match (told.answered.first(), told.answered.last()) {
        (Some(first), Some(last)) => last.since(*first),
        _ => Duration::ZERO,
    };
    let gaps = told.answered.windows(2).map(|two| two[1].since(two[0]));
    let mut judged = Judged {
        sent: told.calls.len() as u64,
        joined: told.joined,
        open: told.open,
        disks: seen.read,
        per_s: told.answered.len() as f64 / lasted.as_secs_f64().max(1.0),
        p50_ms: of(0.5),
        p99_ms: of(0.99),
        max_ms: of(1.0),
        slowest: slowest.map(|one| (one.what, one.due.as_micros() as f64 / 1e6)),
        gap_ms: gaps.max().unwrap_or_default().as_secs_f64() * 1e3,
        ..Judged::default()
    };
    for call in &told.calls {
        match (call.answered.map(|(_, of)| of.reply), &call.signed.command) {
            (Some(Reply::Refused(_)), _) => judged.refused += 1,
            (Some(Reply::Spent { .. }), Command::Spend { .. }) => judged.counted += 1,
            _ => {}
        }
    }
    told.calls.iter_mut().for_each(forget_unplaced);
    let of_servers = seen.wrong.iter().map(|what| (ORDERS_SAME_EVERYWHERE, what));
    let of_people = told.wrong.iter().map(|what| (ORDERS_SERIALIZABLE, what));
    let broken = of_servers.chain(of_people);
    judged.broken = broken.map(|(name, what)| (name, what.clone())).collect();
    check(&mut judged, &told.calls, seen);
    judged
}

/// An order that the leader refused at the door has no place in the log, and may get one later.
fn forget_unplaced(call: &mut Call) {
    if call.answered.is_some_and(|(_, answer)| answer.seq == 0) {
        call.answered = None;
    }
}

fn check(judged: &mut Judged, calls: &[Call], seen: &Seen) {
    let log = match seen.log() {
        Ok(log) => log,
        Err(what) => return judged.broken.push((ORDERS_SERIALIZABLE, what)),
    };
    judged.entries = log.len() as u64;
    let astray = seen.astray();
    let astray = astray.map(|what| (ORDERS_SAME_EVERYWHERE, what));
    judged.broken.extend(astray);
    match sampled::check(&log, calls) {
        Ok(searched) => {
            judged.accounts = searched.judged;
            judged.too_hard = searched.too_hard;
        }
        Err(what) => judged.broken.push((ORDERS_LINEAR, what)),
    }
    match sequence::check(Bounds::default(), &[log], calls, true) {
        Ok(of) => judged.answered = of.answered as u64,
        Err(violation) => {
            judged
                .broken
                .push((ORDERS_SERIALIZABLE, violation.to_string()));
        }
    }
}
