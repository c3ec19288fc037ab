//! Whether a whole run was as if orders had been carried out one at a time, each between when it
//! was sent and when it was answered: strict serializability.
//!
//! Every answer carries its position in the log. That makes it a matter of sorting: the logs agree,
//! what was answered is in them, replaying them gives the same answers, and no order that was
//! answered before another was sent comes after it. Who gives false positions is found out unless
//! they are false everywhere in the same way; [`super::linear`] believes none.

use thiserror::Error;

use super::Call;
use crate::ledger::{Bounds, Ledger};
use crate::proto::ledger::{Entry, Reply};
use crate::time::Moment;

/// A log: positions and entries, from the first entry on.
pub type Log = Vec<(u64, Entry)>;

/// What was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Entries of the longest log.
    pub entries: usize,
    /// Calls with an answer.
    pub answered: usize,
    /// Calls without.
    pub unanswered: usize,
}

/// What is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    /// The positions of a log do not go up.
    #[error("log {log} goes back at position {seq}")]
    LogGoesBack {
        /// Which log.
        log: usize,
        /// The position.
        seq: u64,
    },
    /// Two logs say different things of one position.
    #[error("logs {one} and {other} differ at position {seq}")]
    LogsDiffer {
        /// A log.
        one: usize,
        /// Another.
        other: usize,
        /// The position.
        seq: u64,
    },
    /// Something that was answered is not in a log that goes on behind it, or in the longest.
    #[error("log {log} lacks the answered order at position {seq}")]
    Lost {
        /// Which log.
        log: usize,
        /// The position.
        seq: u64,
    },
    /// Another order is at the position that was answered.
    #[error("the answer for position {seq} went to another order")]
    OtherOrder {
        /// The position.
        seq: u64,
    },
    /// Two calls were answered with one position.
    #[error("two answers for position {seq}")]
    Twice {
        /// The position.
        seq: u64,
    },
    /// The answer is not what the log comes to.
    #[error("at position {seq} {answered:?} was answered, the log comes to {replayed:?}")]
    OtherReply {
        /// The position.
        seq: u64,
        /// What the user heard.
        answered: Box<Reply>,
        /// What it should have been.
        replayed: Box<Reply>,
    },
    /// An order was answered before another was sent, and comes after it.
    #[error("the order at {later} was answered before that at {earlier} was sent")]
    TimeGoesBack {
        /// The position of the one that was sent later.
        earlier: u64,
        /// The position of the one that was answered before.
        later: u64,
    },
}

/// Judges a run by the logs of its servers and the calls of its users. The ledger began empty, with
/// these bounds. With `verify`, signatures count; a simulation may do without.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(
    bounds: Bounds,
    logs: &[Log],
    calls: &[Call],
    verify: bool,
) -> Result<Judged, Violation> {
    let mut answered = in_order(calls)?;
    real_time(&answered)?;
    let longest = agreeing(logs)?;
    for (index, log) in logs.iter().enumerate() {
        is_complete(index, log, longest == Some(index), &answered)?;
    }
    let entries = longest.map_or(&[][..], |index| &logs[index]);
    let mut ledger = Ledger::new(bounds);
    let mut rest = answered.drain(..).peekable();
    for (seq, entry) in entries {
        let applied = if verify {
            ledger.apply(*seq, entry)
        } else {
            ledger.apply_authentic(*seq, entry)
        };
        let Some(told) = rest.next_if(|told| told.seq == *seq) else {
            continue;
        };
        if entry.signed.as_ref() != Some(&told.call.signed) {
            return Err(Violation::OtherOrder { seq: *seq });
        }
        if told.reply != applied.reply {
            return Err(Violation::OtherReply {
                seq: *seq,
                answered: Box::new(told.reply),
                replayed: Box::new(applied.reply),
            });
        }
    }
    let known = calls.iter().filter(|call| call.answered.is_some()).count();
    Ok(Judged {
        entries: entries.len(),
        answered: known,
        unanswered: calls.len() - known,
    })
}

#[derive(Clone, Copy)]
struct Told<'a> {
    seq: u64,
    returned: Moment,
    reply: Reply,
    call: &'a Call,
}

/// The calls with an answer in the order of their positions.
fn in_order(calls: &[Call]) -> Result<Vec<Told<'_>>, Violation> {
    let mut told: Vec<Told<'_>> = calls
        .iter()
        .filter_map(|call| {
            let (returned, answer) = call.answered?;
            Some(Told {
                seq: answer.seq,
                returned,
                reply: answer.reply,
                call,
            })
        })
        .collect();
    told.sort_by_key(|told| told.seq);
    match told.windows(2).find(|pair| pair[0].seq == pair[1].seq) {
        Some(pair) => Err(Violation::Twice { seq: pair[0].seq }),
        None => Ok(told),
    }
}

/// From the last position to the first, with the earliest answer of those behind.
fn real_time(told: &[Told<'_>]) -> Result<(), Violation> {
    let mut earliest: Option<(Moment, u64)> = None;
    for one in told.iter().rev() {
        if let Some((returned, later)) = earliest
            && returned < one.call.invoked
        {
            return Err(Violation::TimeGoesBack {
                earlier: one.seq,
                later,
            });
        }
        let this = (one.returned, one.seq);
        earliest = Some(earliest.map_or(this, |before| before.min(this)));
    }
    Ok(())
}

/// Which log goes furthest, if all say the same.
fn agreeing(logs: &[Log]) -> Result<Option<usize>, Violation> {
    for (log, entries) in logs.iter().enumerate() {
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(Violation::LogGoesBack {
                log,
                seq: pair[1].0,
            });
        }
    }
    let last = |log: &Log| log.last().map_or(0, |(seq, _)| *seq);
    let Some(longest) = (0..logs.len()).max_by_key(|&index| last(&logs[index])) else {
        return Ok(None);
    };
    for (other, log) in logs.iter().enumerate() {
        let pairs = log.iter().zip(&logs[longest]);
        if let Some((one, two)) = pairs.into_iter().find(|(one, two)| one != two) {
            return Err(Violation::LogsDiffer {
                one: longest,
                other,
                seq: one.0.min(two.0),
            });
        }
    }
    Ok(Some(longest))
}

/// Whether a log has every answered order, as far as it goes; the longest must have all.
fn is_complete(
    index: usize,
    log: &Log,
    is_longest: bool,
    told: &[Told<'_>],
) -> Result<(), Violation> {
    let end = log.last().map_or(0, |(seq, _)| *seq);
    let lost = told
        .iter()
        .filter(|told| is_longest || told.seq <= end)
        .find(|told| {
            log.binary_search_by_key(&told.seq, |(seq, _)| *seq)
                .is_err()
        });
    match lost {
        Some(told) => Err(Violation::Lost {
            log: index,
            seq: told.seq,
        }),
        None => Ok(()),
    }
}
