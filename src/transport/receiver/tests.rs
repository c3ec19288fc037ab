//! The receiver alone: fragments by hand, good ones and those of the tables of bad input.

use proptest::prelude::*;

use super::*;
use crate::proto::cargo::Manifest;
use crate::proto::codec;
use crate::proto::ids::Digest;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::transport::message::{Cut, FIRST_CREDIT_BYTES};
use crate::transport::pool;

const CARGO: Cargo = Cargo::MailState(7);
const LENGTH: usize = 1_000;

fn body_of(size: usize) -> Bytes {
    (0..size).map(|n| (n * 31 + (n >> 8) * 7) as u8).collect()
}

/// The bytes of a message with this body and digest.
fn message_of(cargo: Cargo, body: &[u8], digest: Digest) -> Vec<u8> {
    let encoded = codec::encode(&Manifest {
        cargo,
        size_bytes: body.len() as u32,
        digest,
    });
    let mut message = (encoded.len() as u16).to_le_bytes().to_vec();
    message.extend(encoded);
    message.extend(body);
    message
}

fn good(size: usize) -> (Bytes, Vec<u8>) {
    let body = body_of(size);
    let message = message_of(CARGO, &body, Digest::of(&body));
    (body, message)
}

/// A receiver, what it shares with others, and a clock.
struct Bench {
    receiver: FragmentReceiver,
    budget: Budget,
    pool: Pool,
    now: Moment,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self {
            receiver: FragmentReceiver::new(config),
            budget: Budget::lan(),
            pool: Pool::new(pool::Config::lan()),
            now: Moment::from_millis(1),
        }
    }

    fn lan() -> Self {
        Self::new(Config::lan())
    }

    fn raw(&mut self, message: u32, index: u32, total_bytes: u32, data: &[u8]) -> Taken {
        let fragment = Fragment {
            message,
            index,
            total_bytes,
            data,
        };
        let taken = self
            .receiver
            .on_fragment(self.now, &fragment, &mut self.budget, &self.pool);
        assert_eq!(self.budget.used_bytes(), self.receiver.used_bytes());
        taken
    }

    /// Fragment `index` of `message`, in fragments of `length`.
    fn put(&mut self, number: u32, message: &[u8], length: usize, index: usize) -> Taken {
        let end = (index * length + length).min(message.len());
        let data = &message[index * length..end];
        self.raw(number, index as u32, message.len() as u32, data)
    }

    fn put_all(
        &mut self,
        number: u32,
        message: &[u8],
        length: usize,
        which: impl IntoIterator<Item = usize>,
    ) {
        for index in which {
            let taken = self.put(number, message, length, index);
            assert_ne!(taken, Taken::NotTaken, "{index}");
        }
    }

    fn statuses(&mut self) -> Vec<Status> {
        std::iter::from_fn(|| self.receiver.poll_status()).collect()
    }

    fn standing(&mut self, number: u32) -> Option<Standing> {
        let mut all = self.statuses();
        all.retain(|status| status.message == number);
        all.pop().map(|status| status.standing)
    }

    fn events(&mut self) -> Vec<ReceiverEvent> {
        let receiver = &mut self.receiver;
        let next = || receiver.poll_event().or_else(|| receiver.poll_progress());
        std::iter::from_fn(next).collect()
    }

    fn later(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        while self.receiver.deadline().is_some_and(|at| at <= self.now) {
            let before = self.receiver.deadline();
            self.receiver.on_deadline(self.now, &mut self.budget);
            assert!(self.receiver.deadline() != before, "the deadline moves on");
        }
    }
}

fn received(body: &Bytes) -> ReceiverEvent {
    ReceiverEvent::Received {
        cargo: CARGO,
        body: body.clone(),
    }
}

#[test]
fn a_message_is_announced_then_told_of_and_handed_on_once() {
    let (body, message) = good(3_000);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, 0..2);
    let started = ReceiverEvent::Started {
        cargo: CARGO,
        size_bytes: 3_000,
    };
    let progress = ReceiverEvent::Progress {
        cargo: CARGO,
        done_bytes: 2_000 - (message.len() as u32 - 3_000),
        total_bytes: 3_000,
    };
    assert_eq!(bench.events(), [started, progress]);
    assert_eq!(bench.statuses(), [], "all of it may be sent anyway");
    bench.put_all(1, &message, LENGTH, 2..4);
    assert_eq!(bench.events(), [received(&body)]);
    let status = &bench.statuses()[..];
    assert!(matches!(
        status,
        [Status {
            standing: Standing::Complete,
            first_missing: 4,
            ..
        }]
    ));
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn duplicates_of_a_finished_message_are_answered_once_in_a_while_and_kept_of_nothing() {
    let (_, message) = good(3_000);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, 0..4);
    assert_eq!(bench.standing(1), Some(Standing::Complete));
    bench.events();
    for round in 0..3 {
        bench.later(10);
        for index in 0..4 {
            assert_eq!(bench.put(1, &message, LENGTH, index), Taken::Duplicate);
        }
        assert_eq!(bench.statuses().len(), 1, "{round}");
    }
    bench.receiver.status_lost(1);
    assert_eq!(bench.standing(1), Some(Standing::Complete), "said again");
    assert_eq!(bench.events(), []);
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn an_empty_body_is_a_message() {
    let (body, message) = good(0);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, 0..1);
    assert_eq!(bench.events().last(), Some(&received(&body)));
}

#[test]
fn a_finished_body_shares_its_buffer_which_comes_back_to_the_pool() {
    let (body, message) = good(300_000);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, 0..301);
    let Some(ReceiverEvent::Received { body: got, .. }) = bench.events().pop() else {
        panic!("received");
    };
    assert_eq!(got, body);
    assert_eq!(bench.pool.idle_bytes(), 0);
    let place = got.as_ptr();
    drop(got);
    assert!(bench.pool.idle_bytes() >= 300_000);
    let other = message_of(Cargo::MailState(8), &body, Digest::of(&body));
    bench.put_all(2, &other, LENGTH, 0..301);
    let Some(ReceiverEvent::Received { body: got, .. }) = bench.events().pop() else {
        panic!("received");
    };
    assert_eq!((got.as_ptr(), &got), (place, &body), "the same memory");
}

#[test]
fn a_wrong_digest_is_damage_and_leaves_nothing_behind() {
    for size in [5_000, 200_000] {
        let message = message_of(CARGO, &body_of(size), Digest::of(b"something else"));
        let mut bench = Bench::lan();
        bench.put_all(
            1,
            &message,
            LENGTH,
            (0..message.len().div_ceil(LENGTH)).rev(),
        );
        assert_eq!(bench.standing(1), Some(Standing::Damaged));
        let is_received = |event: &ReceiverEvent| matches!(event, ReceiverEvent::Received { .. });
        assert!(!bench.events().iter().any(is_received));
        assert_eq!(bench.receiver.used_bytes(), 0);
    }
}

#[test]
fn a_wrong_manifest_is_damage_and_leaves_nothing_behind() {
    let (_, right) = good(5_000);
    let longer = [right.as_slice(), &[0]].concat();
    let mut huge = right.clone();
    huge[..2].copy_from_slice(&600_u16.to_le_bytes());
    for message in [
        longer,
        huge,
        vec![0xff; 5_000],
        vec![0],
        vec![0, 0],
        vec![9, 0, 1],
    ] {
        let mut bench = Bench::lan();
        bench.put_all(1, &message, LENGTH, 0..message.len().div_ceil(LENGTH));
        assert_eq!(
            bench.standing(1),
            Some(Standing::Damaged),
            "{}",
            message.len()
        );
        assert_eq!(bench.receiver.used_bytes(), 0);
        assert_eq!(bench.events(), []);
    }
}

#[test]
fn ten_thousand_announcements_of_four_gigabytes_cost_nothing() {
    let mut bench = Bench::lan();
    for number in 1..=10_000 {
        let taken = bench.raw(number, 0, u32::MAX, &[1; 1_432]);
        assert_eq!(taken, Taken::Refused);
        assert_eq!(bench.receiver.used_bytes(), 0);
    }
    let statuses = bench.statuses();
    assert!(statuses.len() <= UNSAID_MAX);
    assert!(
        statuses
            .iter()
            .all(|status| status.standing == Standing::Refused)
    );
    assert_eq!(
        bench.receiver.ended.counts().0,
        Config::lan().remembered_max
    );
}

#[test]
pub(in crate::transport) fn ten_thousand_announcements_of_the_largest_message_cost_what_arrived() {
    let total_bytes = MESSAGE_MAX_BYTES as u32;
    for index in [0, 1, 150] {
        let (mut bench, mut told) = (Bench::lan(), Vec::new());
        for number in 1..=10_000 {
            let data = [if index == 0 { 1 } else { 0 }; 1_432];
            bench.raw(number, index, total_bytes, &data);
            if number % 100 == 0 {
                told.extend(bench.statuses());
            }
        }
        let used_bytes = bench.receiver.used_bytes();
        assert!(used_bytes <= 512 << 10, "{used_bytes}");
        let is_busy = |status: &&Status| status.standing == Standing::Busy;
        let busy = told.iter().filter(is_busy).count();
        assert_eq!(busy, if index == 0 { 0 } else { 10_000 - 64 });
        bench.later(Config::lan().idle_ms);
        assert_eq!(bench.receiver.used_bytes(), 0);
    }
}

#[test]
pub(in crate::transport) fn gaps_of_a_message_never_cost_much_more_than_what_came() {
    let (_, message) = good(8_000_000);
    for step in [2, 3, 16, 64] {
        let mut bench = Bench::lan();
        let mut arrived = 0;
        let mut index = 0;
        while index * LENGTH < message.len() {
            if bench.put(1, &message, LENGTH, index) == Taken::NotTaken {
                break;
            }
            arrived += LENGTH;
            let most = 4_000 + (256 << 10) + 5 * arrived;
            assert!(bench.receiver.used_bytes() <= most);
            index += step;
        }
    }
}

#[test]
fn one_byte_gaps_cannot_be_made() {
    let mut bench = Bench::lan();
    let data = [0; 100];
    assert_eq!(
        bench.raw(1, 0, 10_000, &data[..64]),
        Taken::Duplicate,
        "no manifest"
    );
    for (number, size) in (2..).zip([1, 2, 63]) {
        assert_eq!(bench.raw(number, 5, 10_000, &data[..size]), Taken::Refused);
        assert_eq!(bench.standing(number), Some(Standing::Refused), "{size}");
    }
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn a_fragment_of_another_length_ends_the_message() {
    let (_, message) = good(5_000);
    for (index, from, to) in [
        (1, 1_000, 1_999),
        (1, 1_000, 2_001),
        (5, 5_000, 5_001),
        (2, 0, 0),
    ] {
        let mut bench = Bench::lan();
        bench.put_all(1, &message, LENGTH, [0]);
        let taken = bench.raw(1, index, message.len() as u32, &message[from..to]);
        assert_eq!(taken, Taken::Refused);
        assert_eq!(
            bench.standing(1),
            Some(Standing::Refused),
            "{index} {from} {to}"
        );
        assert_eq!(bench.receiver.used_bytes(), 0);
        assert_eq!(
            bench.put(1, &message, LENGTH, 3),
            Taken::Duplicate,
            "it stays over"
        );
    }
}

#[test]
fn an_index_beyond_the_message_ends_it() {
    let (_, message) = good(5_000);
    for index in [6, 7, u32::MAX] {
        let mut bench = Bench::lan();
        bench.put_all(1, &message, LENGTH, [0]);
        let data = vec![0; LENGTH];
        assert_eq!(
            bench.raw(1, index, message.len() as u32, &data),
            Taken::Refused
        );
        assert_eq!(bench.standing(1), Some(Standing::Refused));
        let mut bench = Bench::lan();
        assert_eq!(
            bench.raw(1, index, message.len() as u32, &data),
            Taken::Refused
        );
        assert_eq!(bench.standing(1), Some(Standing::Refused));
    }
}

#[test]
fn a_total_that_changes_ends_the_message() {
    let (_, message) = good(5_000);
    for change in [-1, 1, 1_000] {
        let mut bench = Bench::lan();
        bench.put_all(1, &message, LENGTH, [0, 1]);
        let total_bytes = message.len() as i64 + change;
        let taken = bench.raw(1, 2, total_bytes as u32, &message[2_000..3_000]);
        assert_eq!(taken, Taken::Refused);
        assert_eq!(bench.standing(1), Some(Standing::Refused));
        assert_eq!(bench.receiver.used_bytes(), 0);
    }
}

#[test]
fn totals_of_nothing_and_of_everything_are_refused() {
    for total_bytes in [0, MESSAGE_MAX_BYTES as u32 + 1, u32::MAX] {
        for index in [0, 1, u32::MAX] {
            let mut bench = Bench::lan();
            assert_eq!(
                bench.raw(1, index, total_bytes, &[0; 1_000]),
                Taken::Refused
            );
            assert_eq!(bench.standing(1), Some(Standing::Refused));
        }
    }
    let mut bench = Bench::lan();
    let taken = bench.raw(1, 1, MESSAGE_MAX_BYTES as u32, &[0; 1_000]);
    assert_eq!(taken, Taken::New, "the largest may begin");
}

#[test]
fn the_last_fragment_may_come_first() {
    let (body, message) = good(3_000);
    let count = message.len().div_ceil(LENGTH);
    for first in 0..count {
        for second in (0..count).filter(|second| *second != first) {
            let mut bench = Bench::lan();
            bench.put_all(1, &message, LENGTH, [first, first, second]);
            bench.put_all(1, &message, LENGTH, 0..count);
            assert_eq!(
                bench.events().last(),
                Some(&received(&body)),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn a_lone_fragment_that_contradicts_the_next_one_ends_the_message() {
    // 1,000 of 4,000 at place 1 may be one of four; 1,500 at place 0 says it is not.
    let mut bench = Bench::lan();
    assert_eq!(bench.raw(1, 1, 4_000, &[0; 1_000]), Taken::New);
    assert_eq!(bench.raw(1, 0, 4_000, &[0; 1_500]), Taken::Refused);
    assert_eq!(bench.standing(1), Some(Standing::Refused));
    // The last of two fragments, but there is a third place.
    assert_eq!(bench.raw(2, 1, 4_000, &[0; 1_000]), Taken::New);
    assert_eq!(bench.raw(2, 2, 4_000, &[0; 999]), Taken::Refused);
    assert_eq!(bench.standing(2), Some(Standing::Refused));
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn nothing_beyond_the_credit_is_taken_and_the_credit_moves_in_steps() {
    let (body, message) = good(3_000_000);
    let mut bench = Bench::lan();
    let first = FIRST_CREDIT_BYTES as usize / LENGTH;
    assert_eq!(bench.put(1, &message, LENGTH, first), Taken::NotTaken);
    assert_eq!(bench.receiver.used_bytes(), 0, "not even begun");
    bench.put_all(1, &message, LENGTH, [first - 1, 0]);
    let statuses = bench.statuses();
    assert_eq!(
        statuses.len(),
        1,
        "the sender is told that nothing is left of it"
    );
    assert_eq!(bench.put(1, &message, LENGTH, first + 8), Taken::NotTaken);
    let (mut credit, mut words) = (statuses[0].credit, 0);
    for index in 1..message.len().div_ceil(LENGTH) {
        assert!(index < credit as usize, "never stuck");
        bench.put_all(1, &message, LENGTH, [index]);
        for status in bench.statuses() {
            assert!(status.credit > credit || status.standing == Standing::Complete);
            credit = status.credit;
            words += 1;
        }
    }
    assert!(
        words <= 3_000_000 / Config::lan().credit_step_bytes as usize + 3,
        "{words}"
    );
    assert_eq!(bench.events().last(), Some(&received(&body)));
}

#[test]
fn transfers_are_limited_and_those_inside_go_on() {
    let config = Config {
        transfers_max: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    for number in [1, 2] {
        assert_eq!(bench.raw(number, 2, 1_000_000, &[0; LENGTH]), Taken::New);
    }
    assert_eq!(bench.raw(3, 2, 1_000_000, &[0; LENGTH]), Taken::NoRoom);
    assert_eq!(bench.standing(3), Some(Standing::Busy));
    assert_eq!(bench.raw(2, 3, 1_000_000, &[0; LENGTH]), Taken::New);
    bench.receiver.cancel(bench.now, 1, &mut bench.budget);
    assert_eq!(
        bench.raw(3, 2, 1_000_000, &[0; LENGTH]),
        Taken::Duplicate,
        "it is over"
    );
    assert_eq!(bench.raw(4, 2, 1_000_000, &[0; LENGTH]), Taken::New);
}

#[test]
fn what_is_not_wanted_is_refused() {
    let (_, message) = good(5_000);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, 0..2);
    let other = Cargo::MailState(1);
    bench.receiver.refuse(bench.now, other, &mut bench.budget);
    assert_eq!(bench.standing(1), None);
    bench.receiver.refuse(bench.now, CARGO, &mut bench.budget);
    assert_eq!(bench.standing(1), Some(Standing::Refused));
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn what_waits_to_be_resumed_is_limited_and_the_newest_stay() {
    let config = Config {
        transfers_max: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    let body = body_of(5_000);
    let messages: Vec<Vec<u8>> = (0..4)
        .map(|number| message_of(Cargo::MailState(number), &body, Digest::of(&body)))
        .collect();
    for pair in messages.chunks(2) {
        bench.put_all(1, &pair[0], LENGTH, 0..3);
        bench.put_all(2, &pair[1], LENGTH, 0..3);
        bench.later(10);
        bench.receiver.begin_session(bench.now, &mut bench.budget);
    }
    assert_eq!(bench.receiver.kept.len(), 2);
    for (index, first_missing) in [(3, Some(3)), (2, Some(3)), (0, None)] {
        bench.put_all(9 - index as u32, &messages[index], LENGTH, [0]);
        let told = bench.statuses().pop().map(|status| status.first_missing);
        assert_eq!(told, first_missing, "{index}");
        bench
            .receiver
            .cancel(bench.now, 9 - index as u32, &mut bench.budget);
    }
}

#[test]
fn the_oldest_message_comes_to_its_end_when_memory_is_short() {
    let config = Config {
        memory_max_bytes: 700_000,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    let body = body_of(600_000);
    let messages: Vec<Vec<u8>> = (0..3)
        .map(|number| message_of(Cargo::MailState(number), &body, Digest::of(&body)))
        .collect();
    for index in 0..601 {
        for (number, message) in (1..).zip(&messages) {
            bench.put(number, message, LENGTH, index);
            assert!(bench.receiver.used_bytes() <= 700_000);
        }
    }
    let mut standings: Vec<_> = bench
        .statuses()
        .into_iter()
        .filter(|status| status.standing != Standing::Going)
        .map(|status| (status.message, status.standing))
        .collect();
    standings.sort_unstable();
    let busy = Standing::Busy;
    assert_eq!(standings, [(1, Standing::Complete), (2, busy), (3, busy)]);
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn the_budget_is_shared_and_given_back() {
    let mut bench = Bench::lan();
    bench.budget = Budget::new(22_000);
    let mut other = FragmentReceiver::new(Config::lan());
    let fragment = Fragment {
        message: 1,
        index: 1,
        total_bytes: 100_000,
        data: &[0; 15_000],
    };
    let taken = other.on_fragment(bench.now, &fragment, &mut bench.budget, &bench.pool);
    assert_eq!(taken, Taken::New);
    let fragment = Fragment {
        data: &[0; 1_000],
        ..fragment
    };
    let receiver = &mut bench.receiver;
    let mut take =
        |budget: &mut Budget| receiver.on_fragment(bench.now, &fragment, budget, &bench.pool);
    assert_eq!(take(&mut bench.budget), Taken::New);
    assert!(bench.budget.used_bytes() > 22_000 - 3_000 && bench.budget.is_tight());
    let fragment = Fragment {
        message: 2,
        ..fragment
    };
    let taken = bench
        .receiver
        .on_fragment(bench.now, &fragment, &mut bench.budget, &bench.pool);
    assert_eq!(taken, Taken::NoRoom);
    assert_eq!(bench.standing(2), Some(Standing::Busy));
    other.clear(&mut bench.budget);
    bench.receiver.clear(&mut bench.budget);
    assert_eq!(bench.budget.used_bytes(), 0);
}

#[test]
fn an_unfinished_message_lives_as_long_as_something_comes() {
    let (body, message) = good(5_000);
    let mut bench = Bench::lan();
    let idle_ms = Config::lan().idle_ms;
    bench.put_all(1, &message, LENGTH, 0..1);
    bench.later(idle_ms - 1);
    bench.put_all(1, &message, LENGTH, 0..2);
    bench.later(idle_ms - 1);
    bench.put_all(1, &message, LENGTH, 2..6);
    assert_eq!(bench.events().last(), Some(&received(&body)));
    bench.put_all(2, &message, LENGTH, 1..2);
    bench.later(idle_ms);
    assert_eq!(bench.receiver.used_bytes(), 0);
    assert_eq!(bench.standing(2), Some(Standing::Busy));
    bench.later(Config::lan().remember_ms);
    assert_eq!(bench.receiver.deadline(), None);
}

#[test]
fn a_slow_transfer_is_dropped_only_while_memory_is_tight_and_the_link_is_slow() {
    let rate_min = Config::lan().rate_min as usize;
    for (is_tight, other_bytes, lives) in [
        (false, 0, true),
        (true, 0, false),
        (true, 8 * rate_min, true),
    ] {
        let mut bench = Bench::lan();
        let size = 300_000;
        bench.budget = Budget::new(if is_tight { 360_000 } else { 64 << 20 });
        let (_, message) = good(size);
        bench.put_all(1, &message, LENGTH, 0..200);
        // The first window is fast enough, the next one is not.
        bench.later(5_001);
        bench.put_all(1, &message, LENGTH, 200..201);
        for number in 0..(other_bytes / 2_000) as u32 {
            let body = body_of(1_900);
            let cargo = Cargo::MailState(1_000 + u64::from(number));
            let other = message_of(cargo, &body, Digest::of(&body));
            bench.put_all(2 + number, &other, 2_000, 0..1);
        }
        bench.later(5_001);
        let taken = bench.put(1, &message, LENGTH, 201);
        assert_eq!(taken == Taken::New, lives, "{is_tight} {other_bytes}");
    }
}

#[test]
fn a_number_that_is_over_stays_over_when_it_is_forgotten() {
    let (_, message) = good(100);
    let config = Config {
        remembered_max: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    for number in 1..=3 {
        let body = body_of(100);
        let cargo = Cargo::MailState(number.into());
        let message = message_of(cargo, &body, Digest::of(&body));
        bench.put_all(number, &message, LENGTH, 0..1);
    }
    assert_eq!(bench.receiver.ended.counts(), (2, 2));
    bench.later(config.remember_ms);
    assert_eq!(bench.receiver.ended.counts(), (0, 0));
    assert_eq!(bench.receiver.deadline(), None);
    bench.events();
    for number in 0..=3 {
        assert_eq!(bench.put(number, &message, LENGTH, 0), Taken::Duplicate);
    }
    assert_eq!(bench.events(), []);
    bench.put_all(4, &message, LENGTH, 0..1);
    assert_eq!(bench.events().len(), 2, "a new number is a new message");
}

#[test]
pub(in crate::transport) fn a_transfer_is_handed_on_once_over_sessions_while_it_is_remembered() {
    let (body, message) = good(3_000);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, 0..4);
    assert_eq!(bench.events().last(), Some(&received(&body)));
    bench.receiver.begin_session(bench.now, &mut bench.budget);
    bench.put_all(1, &message, 500, 0..1);
    assert_eq!(bench.standing(1), Some(Standing::Complete), "at once");
    assert_eq!(bench.events(), []);
    bench.later(Config::lan().remember_ms);
    bench.receiver.begin_session(bench.now, &mut bench.budget);
    bench.put_all(1, &message, LENGTH, 0..4);
    assert_eq!(
        bench.events().last(),
        Some(&received(&body)),
        "forgotten, so new again"
    );
}

#[test]
fn a_new_session_is_told_what_is_here_already() {
    let (body, message) = good(400_000);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, (0..70).chain(80..90).chain([100]));
    let held = bench.receiver.used_bytes();
    bench.receiver.begin_session(bench.now, &mut bench.budget);
    assert_eq!(bench.receiver.used_bytes(), held);
    bench.events();
    bench.put_all(1, &message, LENGTH, [110, 0]);
    let statuses = bench.statuses();
    assert_eq!(statuses.len(), 1);
    assert_eq!((statuses[0].first_missing, statuses[0].credit), (70, 401));
    let bits: u64 = ((1 << 6) - 1) | (((1 << 10) - 1) << 16) | (1 << 36) | (1 << 46);
    assert_eq!(
        statuses[0].words,
        [bits],
        "from the block of the first missing one on"
    );
    let is_progress = |event: &ReceiverEvent| matches!(event, ReceiverEvent::Progress { .. });
    assert!(bench.events().iter().all(is_progress), "not started again");
    bench.put_all(1, &message, LENGTH, (70..80).chain(90..401));
    assert_eq!(bench.events().last(), Some(&received(&body)));
}

#[test]
fn a_new_length_keeps_the_beginning_that_has_no_gap() {
    for length in [64, 333, 999, 1_001, 60_000] {
        for reach in [3, 70, 300] {
            let (body, message) = good(400_000);
            let mut bench = Bench::lan();
            bench.put_all(1, &message, LENGTH, (0..reach).chain([reach + 5]));
            let begin_again = length % 2 == 1;
            if begin_again {
                bench.receiver.begin_session(bench.now, &mut bench.budget);
            }
            bench.statuses();
            bench.put_all(2, &message, length, [0]);
            let first_missing = (reach * LENGTH / length).max(1);
            let statuses = bench.statuses();
            let going: Vec<u32> = statuses.iter().map(|status| status.first_missing).collect();
            assert_eq!(going, [first_missing as u32], "{length} {reach}");
            let mut index = first_missing;
            while index < message.len().div_ceil(length) {
                bench.put_all(2, &message, length, [index]);
                index += 1;
            }
            assert_eq!(
                bench.events().last(),
                Some(&received(&body)),
                "{length} {reach}"
            );
            assert_eq!(bench.receiver.used_bytes(), 0);
        }
    }
}

#[test]
fn what_the_digest_covers_is_not_changed_by_a_new_length() {
    let (body, message) = good(400_000);
    let mut bench = Bench::lan();
    bench.put_all(1, &message, LENGTH, 0..200);
    let mut forged = message.clone();
    // Fragment 142 of 1,400 bytes begins within what is here.
    forged[142 * 1_400..200_000].fill(0xee);
    bench.put_all(2, &forged, 1_400, [0]);
    bench.put_all(2, &forged, 1_400, 142..message.len().div_ceil(1_400));
    assert_eq!(bench.events().last(), Some(&received(&body)));
}

#[test]
fn an_older_number_of_a_message_that_goes_on_is_over() {
    let (body, message) = good(300_000);
    let mut bench = Bench::lan();
    bench.put_all(2, &message, 500, 0..100);
    bench.put_all(1, &message, LENGTH, 0..1);
    assert_eq!(bench.put(1, &message, LENGTH, 5), Taken::Duplicate);
    bench.put_all(2, &message, 500, 100..message.len().div_ceil(500));
    assert_eq!(bench.events().last(), Some(&received(&body)));
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn what_waits_to_be_resumed_makes_room_and_does_not_wait_for_ever() {
    let config = Config {
        memory_max_bytes: 400_000,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    let (_, message) = good(300_000);
    bench.put_all(1, &message, LENGTH, 0..200);
    bench.receiver.begin_session(bench.now, &mut bench.budget);
    let body = body_of(350_000);
    let other = message_of(Cargo::MailState(1), &body, Digest::of(&body));
    bench.put_all(1, &other, LENGTH, 0..351);
    assert_eq!(bench.standing(1), Some(Standing::Complete));
    bench.put_all(2, &message, LENGTH, 0..100);
    bench.receiver.begin_session(bench.now, &mut bench.budget);
    bench.later(config.idle_ms);
    assert_eq!(bench.receiver.used_bytes(), 0);
    // When memory is tight, it waits for seconds only.
    bench.put_all(1, &message, LENGTH, 0..100);
    bench.receiver.begin_session(bench.now, &mut bench.budget);
    bench.budget = Budget::new(150_000);
    bench.budget.change(0, bench.receiver.used_bytes());
    bench.later(4_999);
    assert!(bench.receiver.used_bytes() > 0);
    bench.later(1);
    assert_eq!(bench.receiver.used_bytes(), 0);
}

proptest! {
    #[test]
    fn any_order_with_repeats_gives_the_message_once(
        size in prop_oneof![0_usize..60_000, 60_000_usize..250_000],
        length in 64_usize..3_000,
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..150),
    ) {
        let (body, message) = good(size);
        let count = message.len().div_ceil(length);
        let mut bench = Bench::lan();
        let some: Vec<usize> = order.iter().map(|index| index.index(count)).collect();
        bench.put_all(1, &message, length, some.into_iter().chain((0..count).rev()));
        let mut told = bench.events();
        told.retain(|told| !matches!(told, ReceiverEvent::Progress { .. }));
        prop_assert_eq!(told.len(), 2);
        let is_started = matches!(told[0], ReceiverEvent::Started { .. });
        prop_assert!(is_started);
        prop_assert_eq!(&told[1], &received(&body));
        prop_assert_eq!(bench.receiver.used_bytes(), 0);
    }

    #[test]
    fn hostile_fragments_never_panic_and_stay_within_the_caps(
        hostile in prop::collection::vec(
            (
                0_u32..6,
                prop_oneof![0_u32..80, 0_u32..5_000, Just(u32::MAX)],
                prop_oneof![Just(0_u32), Just(1), 1..300_000_u32, Just(64 << 20), Just(u32::MAX)],
                prop_oneof![Just(1_000_usize), Just(64), 0_usize..1_200, Just(65_507)],
            ),
            0..300,
        ),
        waits in any::<u8>(),
    ) {
        let config = Config { memory_max_bytes: 300_000, ..Config::lan() };
        let mut bench = Bench::new(config);
        let (_, head) = good(10_000);
        for (place, (number, index, total_bytes, size)) in hostile.into_iter().enumerate() {
            let mut data = vec![0x20; size];
            if index == 0 {
                let size = size.min(head.len());
                data[..size].copy_from_slice(&head[..size]);
            }
            bench.raw(number, index, total_bytes, &data);
            prop_assert!(bench.receiver.used_bytes() <= 300_000);
            if place % 64 == usize::from(waits) % 64 {
                bench.later(5_000);
                bench.statuses();
                bench.events();
            }
            if place % 100 == 99 {
                bench.receiver.begin_session(bench.now, &mut bench.budget);
            }
        }
        bench.receiver.clear(&mut bench.budget);
        prop_assert_eq!(bench.budget.used_bytes(), 0);
    }

    #[test]
    fn fragments_of_any_cut_are_judged_as_what_they_are(
        total_bytes in 1_u32..200_000,
        length in 64_u32..2_000,
        pick in any::<prop::sample::Index>(),
    ) {
        let cut = Cut::new(total_bytes, length);
        let index = pick.index(cut.fragments.min(100) as usize) as u32;
        let mut bench = Bench::lan();
        let data = vec![0; cut.size_of(index) as usize];
        bench.raw(1, index, total_bytes, &data);
        prop_assert_ne!(bench.standing(1), Some(Standing::Refused));
    }
}
