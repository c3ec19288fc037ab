//! The sender alone: fates and statuses by hand.

use proptest::prelude::*;

use super::*;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::transport::message::{FIRST_CREDIT_BYTES, Standing};

const LENGTH: u32 = 1_000;
const FIRST: u32 = FIRST_CREDIT_BYTES / LENGTH;

fn body_of(size: usize) -> Bytes {
    (0..size).map(|n| (n * 31 + (n >> 8) * 7) as u8).collect()
}

fn cargo(number: u64) -> Cargo {
    Cargo::MailState(number)
}

fn going(message: u32, first_missing: u32, credit: u32) -> Status {
    Status {
        message,
        standing: Standing::Going,
        first_missing,
        credit,
        words: Vec::new(),
    }
}

fn over(message: u32, standing: Standing) -> Status {
    Status {
        standing,
        ..going(message, 0, 0)
    }
}

/// A sender in a session, and a clock.
struct Bench {
    sender: FragmentSender,
    now: Moment,
}

impl Bench {
    fn new(config: Config) -> Self {
        let mut sender = FragmentSender::new(config);
        let now = Moment::from_millis(1);
        sender.begin_session(now, LENGTH as usize);
        Self { sender, now }
    }

    fn lan() -> Self {
        Self::new(Config::lan())
    }

    fn send(&mut self, number: u64, size: usize) {
        self.sender
            .send(self.now, cargo(number), body_of(size), None);
    }

    /// Up to `count` pieces.
    fn take(&mut self, count: usize) -> Vec<Piece> {
        (0..count)
            .map_while(|_| self.sender.next(self.now))
            .collect()
    }

    fn indexes(&mut self, count: usize) -> Vec<u32> {
        self.take(count).iter().map(|piece| piece.index).collect()
    }

    fn ack(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            self.sender.on_acked(self.now, *piece);
        }
    }

    fn status(&mut self, status: &Status) {
        self.sender.on_status(self.now, status);
    }

    fn later(&mut self, millis: u64) {
        let until = self.now.after(Duration::from_millis(millis));
        while let Some(at) = self.sender.deadline()
            && at <= until
        {
            self.now = self.now.max(at);
            self.sender.on_deadline(self.now);
            let next = self.sender.deadline();
            assert!(next.is_none_or(|next| next > self.now), "it moves on");
        }
        self.now = until;
    }

    fn events(&mut self) -> Vec<SenderEvent> {
        let sender = &mut self.sender;
        let next = || sender.poll_event().or_else(|| sender.poll_progress());
        std::iter::from_fn(next).collect()
    }

    fn failure(&mut self) -> Option<SendFailure> {
        self.events().iter().find_map(|event| match event {
            SenderEvent::Failed { reason, .. } => Some(*reason),
            _ => None,
        })
    }
}

#[test]
fn fragments_put_together_are_the_message() {
    for (size, length) in [
        (0, 64),
        (10, 64),
        (5_000, 64),
        (5_000, 999),
        (5_000, 60_000),
    ] {
        let mut bench = Bench::lan();
        bench.sender.set_fragment_bytes(length);
        bench.send(1, size);
        let mut message = Vec::new();
        for (place, piece) in (0..).zip(bench.take(10_000)) {
            assert_eq!((piece.message, piece.index), (1, place));
            let before = message.len();
            bench.sender.write(piece, &mut message);
            assert_eq!(message.len() - before, bench.sender.length(piece));
        }
        assert_eq!(message.len(), bench.sender.total(1) as usize);
        assert_eq!(message[message.len() - size..], body_of(size));
        assert!(!bench.sender.has_something());
    }
}

#[test]
fn what_is_over_has_no_bytes() {
    let mut bench = Bench::lan();
    bench.send(1, 10);
    let piece = bench.take(1)[0];
    let beyond = Piece { index: 1, ..piece };
    bench.status(&over(1, Standing::Complete));
    let mut out = Vec::new();
    for piece in [piece, beyond] {
        bench.sender.write(piece, &mut out);
        bench.sender.on_lost(piece);
        bench.sender.on_acked(bench.now, piece);
        assert_eq!(bench.sender.length(piece), 0);
    }
    assert_eq!((out.len(), bench.sender.total(1)), (0, 0));
    assert_eq!(bench.sender.next(bench.now), None);
}

#[test]
fn every_last_word_of_the_receiver_ends_the_message() {
    let failed = |reason| SenderEvent::Failed {
        cargo: cargo(1),
        reason,
    };
    for (standing, event) in [
        (
            Standing::Complete,
            SenderEvent::Delivered { cargo: cargo(1) },
        ),
        (Standing::Damaged, failed(SendFailure::Damaged)),
        (Standing::Refused, failed(SendFailure::Refused)),
    ] {
        let mut bench = Bench::lan();
        bench.send(1, 5_000);
        bench.take(3);
        bench.status(&over(1, standing));
        assert_eq!(bench.events(), [event]);
        assert!(bench.sender.is_idle());
        assert_eq!(bench.sender.next(bench.now), None);
        bench.later(20_000);
        assert_eq!((bench.events(), bench.sender.deadline()), (vec![], None));
    }
}

#[test]
fn statuses_of_no_message_and_of_fragments_that_are_not_change_nothing() {
    let mut bench = Bench::lan();
    bench.send(1, 400_000);
    let pieces = bench.take(300);
    assert_eq!(pieces.len() as u32, FIRST);
    bench.status(&over(2, Standing::Complete));
    bench.status(&going(1, 402, 402));
    assert_eq!(bench.events(), []);
    assert_eq!(bench.sender.next(bench.now), None);
    let words = vec![u64::MAX; 40];
    bench.status(&Status {
        words,
        ..going(1, 384, u32::MAX)
    });
    assert_eq!(bench.take(10), [], "all of it is said to be there");
    bench.later(100);
    assert_eq!(bench.take(10).len(), 0, "pieces are still in flight");
}

#[test]
fn nothing_goes_beyond_the_credit() {
    let mut bench = Bench::lan();
    bench.send(1, 1_000_000);
    assert_eq!(bench.indexes(2_000), (0..FIRST).collect::<Vec<_>>());
    bench.status(&going(1, 0, FIRST + 10));
    assert_eq!(
        bench.indexes(2_000),
        (FIRST..FIRST + 10).collect::<Vec<_>>()
    );
    bench.status(&going(1, 0, FIRST));
    assert_eq!(bench.take(1), [], "it does not fall");
    bench.status(&going(1, 0, u32::MAX));
    assert_eq!(bench.take(2_000).len() as u32, 1_001 - FIRST - 10);
}

#[test]
fn one_fragment_may_be_sent_however_long_it_is() {
    let mut bench = Bench::lan();
    bench.sender.set_fragment_bytes(usize::MAX);
    bench.send(1, 1_000_000);
    assert_eq!(
        bench.take(100).len() as u32,
        FIRST_CREDIT_BYTES / FRAGMENT_MAX_BYTES
    );
}

#[test]
fn only_what_is_lost_is_sent_again_and_before_what_is_new() {
    let mut bench = Bench::lan();
    bench.send(1, 200_000);
    let pieces = bench.take(20);
    for place in [7, 3, 12] {
        bench.sender.on_lost(pieces[place]);
    }
    bench.ack(&pieces[12..13]);
    assert_eq!(bench.indexes(4), [3, 7, 20, 21], "12 came after all");
    bench.sender.on_lost(pieces[12]);
    assert_eq!(
        bench.indexes(1),
        [22],
        "what has arrived is never sent again"
    );
}

#[test]
fn what_the_bitmap_shows_is_not_sent() {
    let mut bench = Bench::lan();
    bench.send(1, 200_000);
    bench.take(1);
    let words = vec![0b1111 << 6, 1];
    bench.status(&Status {
        words,
        ..going(1, 5, 201)
    });
    let expected: Vec<u32> = [5].into_iter().chain(10..64).chain(65..201).collect();
    assert_eq!(bench.indexes(300), expected);
}

#[test]
fn a_small_message_goes_before_a_large_one_and_the_smallest_first() {
    let mut bench = Bench::lan();
    bench.send(1, 10_000_000);
    bench.take(20);
    bench.send(2, 9_500);
    bench.send(3, 2_500);
    let numbers: Vec<u32> = bench.take(20).iter().map(|piece| piece.message).collect();
    let large = numbers.iter().filter(|number| **number == 1).count();
    let smallest = numbers.iter().rposition(|number| *number == 2);
    assert_eq!(numbers[..3], [2, 2, 2], "the smallest, under its number");
    assert!(smallest < numbers.iter().position(|number| *number == 3));
    assert!(large >= 2, "one of eight is the large one's");
    assert!(numbers[..15].iter().filter(|number| **number == 1).count() <= 2);
}

#[test]
fn an_urgent_message_is_in_the_very_next_packets_of_a_full_link() {
    let mut bench = Bench::lan();
    for number in 0..5 {
        bench.send(number, 5_000_000);
    }
    let flight = bench.take(64);
    bench.send(9, 5_000);
    // A round trip later the window moves on by what was acknowledged.
    bench.ack(&flight);
    let urgent = bench
        .take(8)
        .iter()
        .filter(|piece| piece.message == 6)
        .count();
    assert_eq!(urgent, 6, "all of it but for the share of the large ones");
}

#[test]
fn large_messages_take_turns_and_none_is_starved_by_small_ones() {
    let mut bench = Bench::lan();
    for number in 0..4 {
        bench.send(number, 5_000_000);
    }
    let mut counts = [0; 5];
    for piece in bench.take(4 * 8 * 5) {
        counts[piece.message as usize] += 1;
    }
    assert_eq!(counts[1..], [40; 4]);
    let mut large = 0;
    for number in 100..300 {
        bench.send(number, 3_000);
        let pieces = bench.take(3);
        large += pieces.iter().filter(|piece| piece.message <= 4).count();
        bench.ack(&pieces);
    }
    assert!(large >= 600 / 8, "{large}");
}

#[test]
fn what_is_left_of_a_large_message_counts() {
    let mut bench = Bench::lan();
    bench.send(1, 200_000);
    bench.send(2, 200_000);
    let pieces = bench.take(500);
    assert_eq!(pieces.len(), 402);
    let mine: Vec<Piece> = pieces
        .iter()
        .copied()
        .filter(|one| one.message == 1)
        .collect();
    bench.ack(&mine[..190]);
    for piece in pieces.iter().rev().filter(|one| !mine[..190].contains(one)) {
        bench.sender.on_lost(*piece);
    }
    let first: Vec<u32> = bench.take(7).iter().map(|piece| piece.message).collect();
    assert_eq!(first, [1; 7], "it is the small one now");
}

#[test]
fn the_same_cargo_again_is_ignored_while_it_is_under_way() {
    let mut bench = Bench::lan();
    bench.send(1, 500);
    bench.send(1, 500);
    assert_eq!(bench.take(10).len(), 1);
    bench.status(&over(1, Standing::Complete));
    bench.send(1, 500);
    assert_eq!(bench.take(10).len(), 1);
    assert_eq!(bench.events(), [SenderEvent::Delivered { cargo: cargo(1) }]);
}

#[test]
fn places_are_limited_and_given_to_those_who_wait() {
    let config = Config {
        transfers_max: 2,
        waiting_max: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    for number in 1..=5 {
        bench.send(number, 500);
    }
    let full = SenderEvent::Failed {
        cargo: cargo(5),
        reason: SendFailure::Full,
    };
    assert_eq!(bench.events(), [full]);
    assert_eq!(bench.take(10).len(), 2);
    bench.status(&over(1, Standing::Complete));
    assert_eq!(bench.take(10).len(), 1);
    bench.sender.cancel(cargo(2));
    assert_eq!(bench.take(10).len(), 1);
    assert_eq!(bench.sender.poll_cancel(), Some(2));
}

#[test]
fn large_messages_wait_for_each_other_and_small_ones_pass_them() {
    let mut bench = Bench::lan();
    for number in 1..=3 {
        bench.send(number, 30_000_000);
    }
    bench.send(4, 500);
    let mut numbers: Vec<u32> = bench.take(100).iter().map(|piece| piece.message).collect();
    numbers.dedup();
    assert_eq!(numbers, [1, 2], "the small one and one large one");
    bench.status(&over(2, Standing::Complete));
    let numbers: Vec<u32> = bench.take(100).iter().map(|piece| piece.message).collect();
    assert_eq!(numbers, [3; 100]);
    // However many large ones there are, there is a place for a small one.
    let mut bench = Bench::lan();
    for number in 0..200 {
        bench.send(number, 70_000);
    }
    bench.take(64);
    bench.send(300, 100);
    let piece = bench.take(1)[0];
    assert!(bench.sender.total(piece.message) < 1_000);
}

#[test]
fn what_is_too_large_is_refused_and_the_largest_is_not() {
    let mut bench = Bench::lan();
    bench.send(1, 1_000);
    bench.take(1);
    let head = bench.sender.total(1) as usize - 1_000;
    let body = Bytes::from(vec![0; MESSAGE_MAX_BYTES + 1 - head + 8]);
    for (number, spare, fits) in [(2, 16, true), (3, 0, false)] {
        let body = body.slice(spare..);
        let digest = Some(Digest([1; 32]));
        bench.sender.send(bench.now, cargo(number), body, digest);
        assert_eq!(bench.failure().is_none(), fits);
        bench.sender.cancel(cargo(number));
    }
    let body = Bytes::from(vec![0; MESSAGE_MAX_BYTES + 1]);
    bench
        .sender
        .send(bench.now, cargo(4), body, Some(Digest([1; 32])));
    assert_eq!(bench.failure(), Some(SendFailure::Refused));
}

#[test]
fn what_is_cancelled_is_silent_wherever_it_stood() {
    let config = Config {
        transfers_max: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    for number in 1..=4 {
        bench.send(number, 500);
    }
    bench.take(1);
    for number in [3, 1, 2, 9] {
        bench.sender.cancel(cargo(number));
    }
    assert_eq!(bench.sender.poll_cancel(), Some(1));
    assert_eq!(bench.sender.poll_cancel(), None, "only what was sent");
    assert_eq!(bench.take(10).len(), 1, "the fourth");
    bench.sender.cancel(cargo(4));
    bench.sender.on_cancel_lost(1);
    assert_eq!(bench.sender.poll_cancel(), Some(2));
    assert_eq!(bench.sender.poll_cancel(), Some(1));
    assert!(bench.sender.is_idle());
    bench.later(20_000);
    assert_eq!(bench.events(), []);
}

#[test]
fn cancels_that_nobody_asks_for_are_limited() {
    let mut bench = Bench::lan();
    for number in 0..=CANCELS_MAX as u64 {
        bench.send(number, 10);
        bench.take(1);
        bench.sender.cancel(cargo(number));
    }
    let cancels: Vec<u32> = std::iter::from_fn(|| bench.sender.poll_cancel()).collect();
    assert_eq!(cancels.len(), CANCELS_MAX);
    assert_eq!(cancels[0], 2, "the oldest is left out");
}

#[test]
fn silence_is_given_up_and_news_prolong_it() {
    let mut bench = Bench::lan();
    bench.send(1, 500_000);
    let pieces = bench.take(10);
    bench.later(9_999);
    assert_eq!(bench.failure(), None);
    bench.ack(&pieces[..1]);
    bench.later(9_999);
    assert_eq!(bench.failure(), None);
    bench.ack(&pieces[..1]);
    bench.later(1);
    assert_eq!(
        bench.failure(),
        Some(SendFailure::Silent),
        "an old ack is no news"
    );
    assert_eq!(
        bench.sender.poll_cancel(),
        None,
        "what is there is for the next attempt"
    );
    assert_eq!(
        (bench.sender.is_idle(), bench.sender.deadline()),
        (true, None)
    );
}

#[test]
fn those_who_wait_for_a_silent_receiver_fail_with_those_who_do_not() {
    let config = Config {
        transfers_max: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    for number in 1..=5 {
        bench.send(number, 500);
    }
    bench.take(1);
    bench.later(10_000);
    assert_eq!(bench.events().len(), 5);
    assert!(bench.sender.is_idle());
}

#[test]
fn a_busy_receiver_is_asked_again_under_a_new_number_ever_more_slowly() {
    let mut bench = Bench::lan();
    bench.send(1, 400_000);
    let mut pauses = Vec::new();
    for number in 1..=10 {
        assert_eq!(
            bench.take(10)[0],
            Piece {
                message: number,
                index: 0
            }
        );
        bench.status(&over(number, Standing::Busy));
        assert_eq!(bench.take(10), [], "a pause");
        let since = bench.now;
        while !bench.sender.has_something() && !bench.sender.is_idle() {
            bench.later(1);
        }
        pauses.push(bench.now.since(since).as_millis());
    }
    assert_eq!(pauses[..6], [50, 100, 200, 400, 800, 1_600]);
    assert_eq!(pauses[6..8], [2_000, 2_000]);
    assert_eq!(bench.failure(), Some(SendFailure::Busy), "not for ever");
}

#[test]
fn a_receiver_that_says_nothing_is_asked_when_all_is_there() {
    let mut bench = Bench::lan();
    bench.send(1, 2_500);
    let pieces = bench.take(3);
    bench.ack(&pieces);
    assert!(!bench.sender.has_something());
    let mut asked = Vec::new();
    let since = bench.now;
    while !bench.sender.is_idle() {
        bench.later(1);
        for piece in bench.take(5) {
            assert_eq!(piece.index, 2, "the shortest");
            asked.push(bench.now.since(since).as_millis());
            bench.ack(&[piece]);
        }
    }
    assert_eq!(asked[..4], [100, 300, 700, 1_500]);
    assert_eq!(bench.failure(), Some(SendFailure::Silent));
}

#[test]
fn a_receiver_that_gives_no_credit_is_asked() {
    let mut bench = Bench::lan();
    bench.send(1, 1_000_000);
    let pieces = bench.take(2_000);
    bench.ack(&pieces);
    bench.later(100);
    assert_eq!(bench.indexes(5), [0]);
}

#[test]
fn a_probe_is_the_oldest_that_is_out_and_else_a_question() {
    let mut bench = Bench::lan();
    assert_eq!(bench.sender.probe(bench.now), None);
    bench.send(1, 2_500);
    let mut pieces = bench.take(2);
    pieces.extend(bench.sender.probe(bench.now));
    assert_eq!(pieces[2].index, 2, "what is new is worth most");
    assert_eq!(bench.sender.probe(bench.now), Some(pieces[0]));
    bench.ack(&pieces[..1]);
    assert_eq!(bench.sender.probe(bench.now), Some(pieces[1]));
    bench.ack(&pieces[1..]);
    assert_eq!(
        bench.sender.probe(bench.now),
        Some(pieces[2]),
        "all is there"
    );
}

#[test]
fn progress_is_told_once_between_two_looks() {
    let mut bench = Bench::lan();
    bench.send(1, 10_000);
    let pieces = bench.take(20);
    assert_eq!(pieces.len(), 11);
    bench.ack(&pieces[..4]);
    let head = bench.sender.total(1) - 10_000;
    let told = |done_bytes| SenderEvent::Progress {
        cargo: cargo(1),
        done_bytes,
        total_bytes: 10_000,
    };
    assert_eq!(bench.events(), [told(4_000 - head)]);
    bench.ack(&pieces[..4]);
    assert_eq!(bench.events(), []);
    bench.ack(&pieces);
    assert_eq!(bench.events(), [told(10_000)]);
}

#[test]
fn a_new_session_asks_what_is_there_before_it_sends_much_again() {
    let mut bench = Bench::lan();
    bench.send(1, 1_000_000);
    bench.send(2, 100_000);
    let pieces = bench.take(200);
    bench.ack(&pieces);
    bench.sender.begin_session(bench.now, 1_500);
    let again = bench.take(200);
    let large = bench.sender.total(again[0].message) > 500_000;
    let (first, second) = if large { (1, 2) } else { (2, 1) };
    let of = |number| again.iter().filter(|piece| piece.message == number).count();
    assert_eq!(
        (of(first), of(second)),
        (1, 67),
        "the manifest; and all of a short one"
    );
    bench.status(&going(first, 100, 600));
    let rest = bench.indexes(1_000);
    assert_eq!(rest, (100..600).collect::<Vec<_>>());
}

#[test]
fn a_receiver_that_does_not_tell_what_is_there_is_asked_again() {
    let mut bench = Bench::lan();
    bench.send(1, 1_000_000);
    let pieces = bench.take(200);
    bench.ack(&pieces);
    bench.sender.begin_session(bench.now, LENGTH as usize);
    let pieces = bench.take(200);
    assert_eq!(pieces.len(), 1);
    bench.ack(&pieces);
    assert!(!bench.sender.has_something());
    bench.later(100);
    assert_eq!(bench.indexes(10), [0]);
    bench.status(&going(1, 1, FIRST));
    assert_eq!(bench.take(1_000).len() as u32, FIRST - 1);
}

#[test]
fn sessions_without_news_do_not_keep_a_message_for_ever() {
    let mut bench = Bench::lan();
    bench.send(1, 1_000_000);
    for round in 0..20 {
        bench.take(10);
        bench.later(8_000);
        if bench.sender.is_idle() {
            assert!((3..6).contains(&round));
            assert_eq!(bench.failure(), Some(SendFailure::Silent));
            return;
        }
        bench.sender.begin_session(bench.now, LENGTH as usize);
    }
    panic!("it ends");
}

#[test]
fn a_refit_gives_longer_fragments_new_numbers_and_leaves_shorter_ones() {
    let mut bench = Bench::lan();
    bench.sender.set_fragment_bytes(400);
    bench.send(1, 100_000);
    let short = bench.take(1);
    bench.sender.set_fragment_bytes(1_400);
    bench.send(2, 1_000_000);
    bench.send(3, 90_000);
    let long = bench.take(60);
    let (told, silent): (Vec<Piece>, Vec<Piece>) = long
        .iter()
        .filter(|piece| piece.message != 1)
        .partition(|piece| piece.message == 2);
    bench.ack(&told[..3]);
    assert!(!silent.is_empty());
    bench.sender.refit(bench.now, 600);
    assert_eq!(
        bench.sender.poll_cancel(),
        Some(3),
        "its manifest is not known to be there"
    );
    assert_eq!(bench.sender.poll_cancel(), None);
    assert_eq!(bench.sender.length(short[0]), 400);
    assert_eq!(bench.sender.length(told[0]), 0, "the old number is over");
    let again = bench.take(2_000);
    let numbers: BTreeSet<u32> = again.iter().map(|piece| piece.message).collect();
    assert_eq!(numbers, [1, 4, 5].into());
    assert!(again.iter().all(|piece| bench.sender.length(*piece) <= 600));
}

proptest! {
    #[test]
    fn whatever_happens_every_message_ends_with_one_event(
        steps in prop::collection::vec((0_u8..9, any::<u16>()), 0..120),
    ) {
        let config = Config { transfers_max: 3, waiting_max: 3, ..Config::lan() };
        let mut bench = Bench::new(config);
        let (mut out, mut open, mut ended) = (Vec::new(), BTreeSet::new(), Vec::new());
        for (step, value) in steps {
            let number = u64::from(value % 10);
            match step {
                0 if open.insert(cargo(number)) => bench.send(number, usize::from(value) * 13),
                1 | 2 => out.extend(bench.take(usize::from(value) % 300)),
                3 if !out.is_empty() => bench.ack(&[out[usize::from(value) % out.len()]]),
                4 if !out.is_empty() => bench.sender.on_lost(out[usize::from(value) % out.len()]),
                5 => {
                    let standing = Standing::from_code((value % 5) as u8).expect("one of five");
                    let first_missing = u32::from(value / 16);
                    let words = vec![u64::from(value); 3];
                    let message = u32::from(value % 7);
                    let credit = u32::from(value);
                    bench.status(&Status { message, standing, first_missing, credit, words });
                }
                6 => bench.later(u64::from(value) / 20),
                7 if value % 4 == 0 => {
                    out.clear();
                    bench.sender.begin_session(bench.now, usize::from(value));
                }
                7 => bench.sender.refit(bench.now, usize::from(value)),
                8 if value % 8 == 0 => {
                    bench.sender.cancel(cargo(number));
                    open.remove(&cargo(number));
                }
                _ => out.extend(bench.sender.probe(bench.now)),
            }
            for event in bench.events() {
                match event {
                    SenderEvent::Progress { done_bytes, total_bytes, .. } => {
                        prop_assert!(done_bytes <= total_bytes);
                    }
                    SenderEvent::Delivered { cargo } | SenderEvent::Failed { cargo, .. } => {
                        prop_assert!(open.remove(&cargo));
                        ended.push(cargo);
                    }
                }
            }
            prop_assert_eq!(bench.sender.is_idle(), open.is_empty());
            let has_something = bench.sender.has_something();
            let next = bench.sender.next(bench.now);
            prop_assert_eq!(has_something, next.is_some());
            out.extend(next);
        }
        bench.later(60_000);
        for event in bench.events() {
            if let SenderEvent::Delivered { cargo } | SenderEvent::Failed { cargo, .. } = event {
                prop_assert!(open.remove(&cargo));
            }
        }
        prop_assert!(open.is_empty());
        prop_assert_eq!(bench.sender.deadline(), None);
    }
}
