//! Whether calls that overlapped can be put in an order, each somewhere between its beginning and
//! its end, in which one thing at a time would have given the same answers: linearizability.
//!
//! The search is that of Wing and Gong, "Testing and verifying concurrent objects" (1993), with the
//! memory of Lowe, "Testing for linearizability" (2017): a set of calls together with the state
//! that they led to is looked at once. It takes exponential time on bad luck, hence the limits.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::Call;
use super::model::{Model, Outcome};
use crate::proto::ids::AccountId;
use crate::proto::ledger::{Command, Refusal, Reply};
use crate::time::WallTime;

/// Calls of one history.
pub const CALLS_MAX: usize = 200;

/// States looked at for one history.
pub const STATES_MAX: usize = 2_000_000;

/// Something that does one call at a time.
pub trait Spec {
    /// Its state.
    type State: Clone + Ord;
    /// A call, with its answer if there is one.
    type Call;

    /// The state before all calls.
    fn start(&self) -> Self::State;

    /// The state after `call`; none if in `state` the answer would be another. A call without an
    /// answer is always possible.
    fn step(&self, state: &Self::State, call: &Self::Call) -> Option<Self::State>;
}

/// A call and when it was under way, by one clock of any unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed<C> {
    /// When it began.
    pub invoked: u64,
    /// When its answer came; none for never.
    pub returned: Option<u64>,
    /// The call.
    pub call: C,
}

/// Why a history is not known to be linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotLinear {
    /// There is no such order. The longest that was found has so many calls.
    #[error("no order explains more than {explained} of {calls} calls")]
    NoOrder {
        /// Calls in it.
        explained: usize,
        /// Calls in all.
        calls: usize,
    },
    /// More calls than [`CALLS_MAX`]: nothing was looked at.
    #[error("{calls} calls, there may be {CALLS_MAX} at the most")]
    TooManyCalls {
        /// So many.
        calls: usize,
    },
    /// [`STATES_MAX`] states were looked at, and there are more.
    #[error("no answer after {STATES_MAX} states")]
    TooHard,
}

/// Judges a history.
///
/// # Errors
/// If it is not linearizable, or too large to tell.
pub fn check<S: Spec>(spec: &S, history: &[Timed<S::Call>]) -> Result<(), NotLinear> {
    if history.len() > CALLS_MAX {
        return Err(NotLinear::TooManyCalls {
            calls: history.len(),
        });
    }
    Search::new(spec, history).run()
}

/// Beginnings and ends in the order of time, as a doubly linked list from which a call is lifted
/// when it is put in order, and into which it is laid back.
struct Search<'a, S: Spec> {
    spec: &'a S,
    history: &'a [Timed<S::Call>],
    events: Vec<Event>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Where a call begins and ends among the events.
    places: Vec<(usize, usize)>,
}

#[derive(Clone, Copy)]
struct Event {
    call: usize,
    is_end: bool,
}

/// The head of the list: it is before the first event.
const HEAD: usize = 0;

type Chosen = [u64; CALLS_MAX.div_ceil(64)];

impl<'a, S: Spec> Search<'a, S> {
    fn new(spec: &'a S, history: &'a [Timed<S::Call>]) -> Self {
        let ends = history.iter().enumerate().map(|(call, timed)| {
            let end = (timed.returned.unwrap_or(u64::MAX), true, call);
            [(timed.invoked, false, call), end]
        });
        let mut order: Vec<(u64, bool, usize)> = ends.flatten().collect();
        // At one time beginnings come first: such calls overlap.
        order.sort_unstable();
        let mut places = vec![(HEAD, HEAD); history.len()];
        let mut events = vec![Event {
            call: usize::MAX,
            is_end: false,
        }];
        for (_, is_end, call) in order {
            if is_end {
                places[call].1 = events.len();
            } else {
                places[call].0 = events.len();
            }
            events.push(Event { call, is_end });
        }
        let count = events.len();
        Self {
            spec,
            history,
            events,
            next: (1..=count).collect(),
            previous: (0..=count).map(|place| place.saturating_sub(1)).collect(),
            places,
        }
    }

    fn run(mut self) -> Result<(), NotLinear> {
        let end = self.events.len();
        let mut state = self.spec.start();
        let mut chosen: Chosen = [0; CALLS_MAX.div_ceil(64)];
        let mut path: Vec<(usize, S::State)> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut explained = 0;
        let mut place = self.next[HEAD];
        while self.next[HEAD] != end {
            let event = self.events[place];
            if !event.is_end {
                let call = event.call;
                if let Some(after) = self.spec.step(&state, &self.history[call].call) {
                    chosen[call / 64] |= 1 << (call % 64);
                    if seen.insert((chosen, after.clone())) {
                        if seen.len() > STATES_MAX {
                            return Err(NotLinear::TooHard);
                        }
                        path.push((call, std::mem::replace(&mut state, after)));
                        explained = explained.max(path.len());
                        self.lift(call);
                        place = self.next[HEAD];
                        continue;
                    }
                    chosen[call / 64] &= !(1 << (call % 64));
                }
                place = self.next[place];
                continue;
            }
            // This call ended before any that is left began: one of those chosen was wrong.
            let Some((call, before)) = path.pop() else {
                return Err(NotLinear::NoOrder {
                    explained,
                    calls: self.history.len(),
                });
            };
            state = before;
            chosen[call / 64] &= !(1 << (call % 64));
            self.lay_back(call);
            place = self.next[self.places[call].0];
        }
        Ok(())
    }

    fn lift(&mut self, call: usize) {
        let (begin, end) = self.places[call];
        for place in [begin, end] {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = after;
            self.previous[after] = before;
        }
    }

    /// The reverse of [`Self::lift`], in the reverse order.
    fn lay_back(&mut self, call: usize) {
        let (begin, end) = self.places[call];
        for place in [end, begin] {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = place;
            self.previous[after] = place;
        }
    }
}

/// What an order came to; none if its user does not know.
type Heard = Option<Result<Outcome, Refusal>>;

/// One account by [`Model`]. Knows no time: what dates, bounds and freshness made the ledger refuse
/// is taken as refused, and looks must not have been with devices for longer than their date.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grant;

impl Spec for Grant {
    type State = Model;
    type Call = (Command, Heard);

    fn start(&self) -> Model {
        Model::default()
    }

    fn step(&self, state: &Model, (command, heard): &(Command, Heard)) -> Option<Model> {
        if matches!(heard, Some(Err(refusal)) if !is_of_the_books(*refusal)) {
            return Some(state.clone());
        }
        let mut after = state.clone();
        let outcome = after.step(WallTime(0), command);
        heard.is_none_or(|heard| heard == outcome).then_some(after)
    }
}

/// Whether it says something of the account alone, whatever the time.
const fn is_of_the_books(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Unknown
            | Refusal::Conflict
            | Refusal::Revoked
            | Refusal::Exhausted
            | Refusal::Offline
            | Refusal::Gap
            | Refusal::Closed
            | Refusal::Fork
    )
}

/// Judges the calls of a run, account by account. An account with more than [`CALLS_MAX`] calls is
/// left out. Returns how many accounts were judged.
///
/// # Errors
/// The first account whose calls are not known to be linearizable.
pub fn check_accounts(calls: &[Call]) -> Result<usize, (AccountId, NotLinear)> {
    let mut histories: BTreeMap<AccountId, Vec<Timed<(Command, Heard)>>> = BTreeMap::new();
    for call in calls {
        let command = &call.signed.command;
        let account = command.account(call.signed.principal.user_id());
        let heard = call.answered.map(|(_, answer)| heard(answer.reply));
        histories.entry(account).or_default().push(Timed {
            invoked: call.invoked.as_micros(),
            returned: call.answered.map(|(at, _)| at.as_micros()),
            call: (command.clone(), heard),
        });
    }
    let small = histories
        .iter()
        .filter(|(_, history)| history.len() <= CALLS_MAX);
    let mut count = 0;
    for (account, history) in small {
        check(&Grant, history).map_err(|error| (*account, error))?;
        count += 1;
    }
    Ok(count)
}

fn heard(reply: Reply) -> Result<Outcome, Refusal> {
    // No order is answered as if it had only told the time.
    Outcome::of(reply)?.ok_or(Refusal::Malformed)
}
