//! Questions on their way to etcd: one at a time of each kind, with a limit of time, and a pause
//! that grows when etcd does not answer. Whoever fails is not asked again before the others.
//!
//! Decides nothing about what is asked. A question without an answer may have been answered all
//! the same; whoever asked has to live with that.

use core::time::Duration;

use bytes::Bytes;

use super::EtcdConfig;
use super::api::{self, Done, Trouble};
use crate::actors::edges::{Desk, HttpAnswer, HttpOrder, Ticket, TicketBook};
use crate::time::{Moment, earliest};

/// The edge tells that it gave up; if it does not, so long after it should have.
const EDGE_EXTRA_MS: u64 = 1_000;
/// The longest pause is the shortest times two to this.
const PAUSES_MAX: u32 = 5;

/// What a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// How far the log is, and what follows.
    Sync,
    /// A batch for the log.
    Append,
    /// A state as a whole, there or back.
    State,
}

const KINDS: [Kind; 3] = [Kind::Sync, Kind::Append, Kind::State];

#[derive(Clone, Copy, Debug)]
struct Flight {
    ticket: Ticket,
    endpoint: usize,
    until: Moment,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    flight: Option<Flight>,
    not_before: Moment,
    failures: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Calls {
    tickets: TicketBook,
    endpoints: usize,
    /// The one that answered last.
    endpoint: usize,
    wait_ms: u64,
    pause_ms: u64,
    answer_max_bytes: usize,
    lanes: [Lane; 3],
    /// Failures since the last answer.
    failures: u32,
}

impl Calls {
    /// Nothing is asked.
    pub(super) fn new(config: &EtcdConfig, first: usize) -> Self {
        let endpoints = config.endpoints.max(1);
        Self {
            tickets: TicketBook::new(Desk::Consensus),
            endpoints,
            endpoint: first % endpoints,
            wait_ms: config.wait_ms,
            pause_ms: config.pause_ms,
            answer_max_bytes: config.answer_max_bytes,
            lanes: [Lane::default(); 3],
            failures: 0,
        }
    }

    fn lane(&mut self, kind: Kind) -> &mut Lane {
        &mut self.lanes[kind as usize]
    }

    /// Whether a question of this kind may be asked now.
    pub(super) fn is_free(&self, now: Moment, kind: Kind) -> bool {
        let lane = &self.lanes[kind as usize];
        lane.flight.is_none() && lane.not_before <= now
    }

    /// Whether so many questions in a row were not answered that every endpoint had one.
    pub(super) fn are_in_vain(&self) -> bool {
        self.failures as usize > self.endpoints
    }

    /// Asks.
    pub(super) fn ask(&mut self, now: Moment, kind: Kind, body: Bytes) -> (Ticket, HttpOrder) {
        let ticket = self.tickets.draw();
        let endpoint = self.endpoint;
        let wait = Duration::from_millis(self.wait_ms + EDGE_EXTRA_MS);
        self.lane(kind).flight = Some(Flight {
            ticket,
            endpoint,
            until: now.after(wait),
        });
        let order = HttpOrder {
            endpoint,
            path: api::TXN,
            body,
            wait_ms: self.wait_ms,
            answer_max_bytes: self.answer_max_bytes,
        };
        (ticket, order)
    }

    /// An answer came: to what, and what it says. None if nobody waits for it any more.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: HttpAnswer,
    ) -> Option<(Kind, Result<Done, Trouble>)> {
        let ours = |kind: &Kind| {
            let flight = self.lanes[*kind as usize].flight;
            flight.is_some_and(|flight| flight.ticket == ticket)
        };
        let kind = KINDS.into_iter().find(ours)?;
        let done = match answer {
            HttpAnswer::Done { status, body } => api::answer(status, &body),
            HttpAnswer::Failed(words) => Err(Trouble::Silent(words)),
        };
        if done.is_ok() {
            self.failures = 0;
            *self.lane(kind) = Lane::default();
        } else {
            self.failed(now, kind);
        }
        Some((kind, done))
    }

    fn failed(&mut self, now: Moment, kind: Kind) {
        let (pause_ms, endpoints) = (self.pause_ms, self.endpoints);
        let lane = self.lane(kind);
        let Some(flight) = lane.flight.take() else {
            return;
        };
        // The first failures of a kind go straight to the other endpoints.
        let rounds = lane.failures / u32::try_from(endpoints).unwrap_or(1);
        let pause = pause_ms << rounds.min(PAUSES_MAX);
        lane.failures += 1;
        lane.not_before = now.after(Duration::from_millis(pause));
        self.failures = self.failures.saturating_add(1);
        if self.endpoint == flight.endpoint {
            self.endpoint = (self.endpoint + 1) % endpoints;
        }
    }

    /// Gives up what nobody answered. The kinds.
    pub(super) fn give_up(&mut self, now: Moment) -> Vec<Kind> {
        let late = |kind: &Kind| {
            let flight = self.lanes[*kind as usize].flight;
            flight.is_some_and(|flight| flight.until <= now)
        };
        let late: Vec<Kind> = KINDS.into_iter().filter(late).collect();
        for &kind in &late {
            self.failed(now, kind);
        }
        late
    }

    /// Forgets everything that was asked.
    pub(super) fn forget(&mut self) {
        self.lanes = [Lane::default(); 3];
    }

    /// When [`Calls::give_up`] has something to do, or a pause ends.
    pub(super) fn deadline(&self, now: Moment) -> Option<Moment> {
        let of = |lane: &Lane| match lane.flight {
            Some(flight) => Some(flight.until),
            None => Some(lane.not_before).filter(|&at| at > now),
        };
        self.lanes
            .iter()
            .fold(None, |first, lane| earliest(first, of(lane)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> HttpAnswer {
        HttpAnswer::Failed("refused".into())
    }

    fn calls() -> Calls {
        Calls::new(&EtcdConfig::lan(3, "p".into()), 0)
    }

    #[test]
    fn who_does_not_answer_is_asked_after_the_others_and_ever_more_rarely() {
        let (mut calls, mut now) = (calls(), Moment::START);
        let mut asked = Vec::new();
        let mut pauses = Vec::new();
        for _ in 0..30 {
            let (ticket, order) = calls.ask(now, Kind::Sync, Bytes::new());
            asked.push(order.endpoint);
            assert!(calls.answered(now, ticket, failed()).is_some());
            assert!(!calls.is_free(now, Kind::Sync) && calls.is_free(now, Kind::Append));
            let then = calls.deadline(now).expect("a pause");
            pauses.push(then.since(now).as_millis());
            now = then;
        }
        assert_eq!(asked[..6], [0, 1, 2, 0, 1, 2]);
        assert!(pauses.is_sorted() && pauses[0] < 100 && pauses[29] < 5_000);
        assert!(calls.are_in_vain());
    }

    #[test]
    fn a_late_answer_is_nobodys() {
        let mut calls = calls();
        let (first, _) = calls.ask(Moment::START, Kind::Append, Bytes::new());
        let until = calls.deadline(Moment::START).expect("a limit");
        assert_eq!(calls.give_up(until), [Kind::Append]);
        let answer = HttpAnswer::Done {
            status: 200,
            body: Bytes::from_static(br#"{"header":{}}"#),
        };
        assert!(calls.answered(until, first, answer.clone()).is_none());
        let then = calls.deadline(until).expect("a pause");
        let (second, _) = calls.ask(then, Kind::Append, Bytes::new());
        assert!(calls.answered(then, second, answer).is_some());
        assert!(calls.is_free(then, Kind::Append) && !calls.are_in_vain());
    }
}
