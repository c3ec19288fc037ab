//! The judges, on good runs and on broken ones.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::linear::{self, NotLinear, Spec, Timed};
use super::sampled;
use super::sequence::{self, Judged, Log, Violation};
use super::*;
use crate::ledger::Bounds;
use crate::ledger::tests::*;
use crate::proto::lease::Change;
use crate::proto::ledger::{Command, Entry, Refusal, Reply};
use crate::time::WallTime;

/// A run of `count` orders of a few people at once, each carried out at some moment between its
/// beginning and its end; a tenth is never answered.
fn run(seed: u64, count: usize) -> (Log, Vec<Call>) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut world = World::new();
    let (mut log, mut calls) = (Log::new(), Vec::new());
    let mut devices: Vec<Device> = (0..3).map(Device::new).collect();
    let mut changes = 0;
    for number in 0..count {
        let (who, command) = match rng.random_range(0..10_u8) {
            _ if number == 0 => (OWNER, Command::Open(opening(30, 10))),
            0..6 => (BORROWER, spend(rng.random_range(0..60))),
            6 => (BORROWER, escrow(rng.random_range(0..3), 2, T0 + DAY)),
            7 => {
                let device = &mut devices[rng.random_range(0..3)];
                device.look(rng.random());
                (BORROWER, device.check_in(false))
            }
            _ => {
                changes += 1;
                let change = match rng.random_range(0..20_u8) {
                    0 => Change::Revoke,
                    1..10 => Change::Sub(rng.random_range(0..4)),
                    _ => Change::Add(rng.random_range(0..3)),
                };
                (OWNER, adjust(changes, change))
            }
        };
        let signed = sign(who, world.now + 1, command);
        let applied = world.signed(signed.clone());
        log.push((
            world.seq,
            Entry {
                stamp: WallTime(world.now),
                signed: Some(signed.clone()),
            },
        ));
        let moment = 1_000 + 10 * number as u64;
        let answer = Answer {
            seq: world.seq,
            reply: applied.reply,
        };
        let returned = Moment::from_micros(moment + rng.random_range(0..40));
        calls.push(Call {
            invoked: Moment::from_micros(moment - rng.random_range(0..40)),
            signed,
            answered: rng.random_bool(0.9).then_some((returned, answer)),
        });
    }
    calls.shuffle(&mut rng);
    (log, calls)
}

fn judge(logs: &[Log], calls: &[Call]) -> Result<Judged, Violation> {
    sequence::check(Bounds::default(), logs, calls, false)
}

/// The answered call of the largest position, with its place.
fn last(calls: &[Call]) -> (usize, Moment, Answer) {
    let answered = calls.iter().enumerate();
    let answered = answered.filter_map(|(place, call)| Some((place, call.answered?)));
    let last = answered.max_by_key(|(_, (_, answer))| answer.seq);
    let (place, (at, answer)) = last.expect("some are answered");
    (place, at, answer)
}

#[test]
fn good_runs_pass_both_judges() {
    for seed in 0..40 {
        let (log, calls) = run(seed, 150);
        let judged = judge(&[log.clone(), log[..90].to_vec()], &calls).expect("is good");
        assert_eq!(
            (judged.entries, judged.answered + judged.unanswered),
            (150, 150)
        );
        assert_eq!(linear::check_accounts(&calls), Ok(1), "seed {seed}");
    }
}

#[test]
fn an_answer_that_the_log_does_not_come_to_is_found() {
    let (log, mut calls) = run(1, 100);
    let (place, at, answer) = last(&calls);
    let reply = Reply::Refused(Refusal::Full(crate::proto::ledger::Room::Looks));
    calls[place].answered = Some((at, Answer { reply, ..answer }));
    let found = judge(&[log], &calls);
    assert!(matches!(found, Err(Violation::OtherReply { seq, .. }) if seq == answer.seq));
}

#[test]
fn an_answered_order_that_is_in_no_log_is_found() {
    let (log, calls) = run(2, 100);
    let seq = last(&calls).2.seq;
    let without: Log = log.iter().filter(|(at, _)| *at != seq).cloned().collect();
    let lost = |log| Err(Violation::Lost { log, seq });
    assert_eq!(judge(std::slice::from_ref(&without), &calls), lost(0));
    // It is not enough that one server has it, if another went past it.
    if seq < 100 {
        assert_eq!(judge(&[log.clone(), without], &calls), lost(1));
    }
    let cut = judge(&[log[..50].to_vec()], &calls);
    assert!(matches!(cut, Err(Violation::Lost { log: 0, seq }) if seq > 50));
}

#[test]
fn logs_that_differ_or_go_back_are_found() {
    let (log, calls) = run(3, 100);
    let mut other = log.clone();
    other[40].1.stamp.0 += 1;
    let differ = Err(Violation::LogsDiffer {
        one: 0,
        other: 1,
        seq: 41,
    });
    assert_eq!(judge(&[log.clone(), other[..90].to_vec()], &calls), differ);
    let mut back = log.clone();
    back.swap(10, 11);
    assert_eq!(
        judge(&[back], &calls),
        Err(Violation::LogGoesBack { log: 0, seq: 11 })
    );
}

#[test]
fn one_position_for_two_orders_is_found() {
    let (log, mut calls) = run(4, 100);
    let (place, _, answer) = last(&calls);
    calls.push(calls[place].clone());
    let twice = Err(Violation::Twice { seq: answer.seq });
    assert_eq!(judge(std::slice::from_ref(&log), &calls), twice);
    calls.pop();
    calls[place].signed.at.0 += 1;
    let other = Err(Violation::OtherOrder { seq: answer.seq });
    assert_eq!(judge(&[log], &calls), other);
}

#[test]
fn an_order_that_comes_after_one_that_was_sent_when_it_was_answered_is_found() {
    let (log, mut calls) = run(5, 100);
    let (place, _, answer) = last(&calls);
    calls[place].invoked = Moment::from_micros(1);
    calls[place].answered = Some((Moment::from_micros(2), answer));
    let found = judge(&[log], &calls);
    assert!(
        matches!(found, Err(Violation::TimeGoesBack { later, .. }) if later == answer.seq),
        "{found:?}"
    );
    assert!(linear::check_accounts(&calls).is_err());
}

#[test]
fn an_order_that_nobody_signed_is_found_where_signatures_count() {
    let (log, calls) = run(6, 10);
    let found = sequence::check(Bounds::default(), &[log], &calls, true);
    assert!(
        matches!(found, Err(Violation::OtherReply { .. })),
        "{found:?}"
    );
}

#[test]
fn no_run_at_all_is_a_good_one() {
    assert_eq!(judge(&[], &[]), Ok(Judged::default()));
    assert_eq!(linear::check_accounts(&[]), Ok(0));
}

/// Calls one after the other, with these answers.
fn told(orders: &[(u8, Command, Reply)]) -> Vec<Call> {
    let calls = orders
        .iter()
        .zip(1..)
        .map(|((who, command, reply), seq)| Call {
            invoked: Moment::from_micros(seq * 10),
            signed: sign(*who, T0 + seq, command.clone()),
            answered: Some((
                Moment::from_micros(seq * 10 + 5),
                Answer { seq, reply: *reply },
            )),
        });
    calls.collect()
}

fn spent(ordinal: u32, remaining: u32) -> Reply {
    Reply::Spent {
        ordinal,
        remaining,
        counted: 0,
        released: true,
    }
}

/// A grant of two looks and what was answered then. True if one thing at a time could answer so.
fn is_explained(then: &[(u8, Command, Reply)]) -> bool {
    let mut world = World::new();
    let opened = world.owner(Command::Open(opening(2, 2))).reply;
    let mut orders = vec![(OWNER, Command::Open(opening(2, 2)), opened)];
    orders.extend_from_slice(then);
    linear::check_accounts(&told(&orders)).is_ok()
}

#[test]
fn what_a_broken_ledger_would_answer_is_found_without_positions() {
    let refused = Reply::Refused;
    let look = |view, ordinal, left| (BORROWER, spend(view), spent(ordinal, left));
    assert!(is_explained(&[look(1, 1, 1), look(2, 2, 0), look(1, 1, 1)]));
    // One number for two looks; a number left out; a name with two numbers.
    assert!(!is_explained(&[look(1, 1, 1), look(2, 1, 1)]));
    assert!(!is_explained(&[look(1, 1, 1), look(2, 3, 0)]));
    assert!(!is_explained(&[look(1, 1, 1), look(1, 2, 0)]));
    // A look beyond the grant.
    assert!(!is_explained(&[
        look(1, 1, 1),
        look(2, 2, 0),
        look(3, 3, 0)
    ]));
    // A refusal while looks are left.
    let exhausted = (BORROWER, spend(9), refused(Refusal::Exhausted));
    assert!(!is_explained(&[look(1, 1, 1), exhausted.clone()]));
    assert!(is_explained(&[look(1, 1, 1), look(2, 2, 0), exhausted]));
    // A revocation that was answered and is forgotten.
    let mut world = World::with_grant(2, 2);
    let revoked = (
        OWNER,
        adjust(1, Change::Revoke),
        world.change(1, Change::Revoke).reply,
    );
    assert!(!is_explained(&[revoked.clone(), look(1, 1, 1)]));
    let late = (BORROWER, spend(1), refused(Refusal::Revoked));
    assert!(is_explained(&[revoked, late]));
    // Looks that are with a device and are given away again.
    let mut world = World::with_grant(2, 2);
    let lent = (
        BORROWER,
        escrow(1, 2, T0 + DAY),
        world.borrower(escrow(1, 2, T0 + DAY)).reply,
    );
    assert!(!is_explained(&[lent, look(1, 1, 1)]));
    // A copy of a device that is taken for the device.
    let mut device = Device::new(1);
    let mut copy = device.clone();
    device.look(1);
    copy.look(2);
    let mut world = World::with_grant(2, 2);
    let lent = (
        BORROWER,
        escrow(1, 2, T0 + DAY),
        world.borrower(escrow(1, 2, T0 + DAY)).reply,
    );
    let one = device.check_in(false);
    let taken = world.borrower(one.clone()).reply;
    let true_one = (BORROWER, one, taken);
    let copied = (BORROWER, copy.check_in(false), taken);
    assert!(is_explained(&[lent.clone(), true_one.clone()]));
    assert!(!is_explained(&[lent, true_one, copied]));
}

#[test]
fn an_order_that_is_to_be_signed_anew_may_have_taken_effect_at_another_place() {
    let mut world = World::new();
    let opened = world.owner(Command::Open(opening(2, 2))).reply;
    let now = WallTime(T0 + 9);
    let calls = told(&[
        (OWNER, Command::Open(opening(2, 2)), opened),
        (
            OWNER,
            adjust(1, Change::Add(1)),
            Reply::Refused(Refusal::Time { now }),
        ),
        (BORROWER, spend(1), spent(1, 2)),
    ]);
    let log = |places: &[(u64, usize)]| -> Log {
        let entry = |&(seq, call): &(u64, usize)| {
            let signed = Some(calls[call].signed.clone());
            let stamp = WallTime(T0 + seq);
            (seq, Entry { stamp, signed })
        };
        places.iter().map(entry).collect()
    };
    let judged = sampled::check(&log(&[(1, 0), (2, 1), (3, 1), (4, 2)]), &calls);
    assert_eq!(judged.map(|searched| searched.judged), Ok(1));
    let judged = sampled::check(&log(&[(1, 0), (2, 1), (4, 2)]), &calls);
    assert!(judged.is_err(), "there was no other place: {judged:?}");
}

#[test]
fn what_nobody_heard_may_have_happened_or_not() {
    let mut world = World::new();
    let opened = world.owner(Command::Open(opening(2, 0))).reply;
    let open = (OWNER, Command::Open(opening(2, 0)), opened);
    let look = |view, ordinal, left| (BORROWER, spend(view), spent(ordinal, left));
    for (next, is_explained) in [(1, true), (2, true), (3, false)] {
        let unheard = look(1, 1, 1);
        let mut calls = told(&[
            open.clone(),
            unheard,
            look(2, next, 2_u32.saturating_sub(next)),
        ]);
        calls[1].answered = None;
        assert_eq!(
            linear::check_accounts(&calls).is_ok(),
            is_explained,
            "{next}"
        );
    }
}

/// A register with reads and writes, for the search itself.
struct Register;

enum Access {
    Read(u8),
    Write(u8),
}

impl Spec for Register {
    type State = u8;
    type Call = Access;

    fn start(&self) -> u8 {
        0
    }

    fn step(&self, state: &u8, call: &Access) -> Option<u8> {
        match call {
            Access::Write(value) => Some(*value),
            Access::Read(value) => (value == state).then_some(*state),
        }
    }
}

fn timed(invoked: u64, returned: u64, call: Access) -> Timed<Access> {
    Timed {
        invoked,
        returned: Some(returned),
        call,
    }
}

#[test]
fn overlapping_calls_may_be_in_any_order_and_others_not() {
    use Access::{Read, Write};
    let stale = |returned| {
        let history = [
            timed(0, 10, Write(1)),
            timed(20, returned, Write(2)),
            timed(40, 50, Read(1)),
        ];
        linear::check(&Register, &history)
    };
    assert_eq!(stale(45), Ok(()));
    assert_eq!(stale(40), Ok(()));
    let no_order = NotLinear::NoOrder {
        explained: 2,
        calls: 3,
    };
    assert_eq!(stale(39), Err(no_order));
}

#[test]
fn a_history_beyond_the_limit_is_not_judged() {
    let history = |count: usize| -> Vec<Timed<Access>> {
        let calls = (0..count).map(|at| timed(at as u64 * 2, at as u64 * 2 + 1, Access::Read(0)));
        calls.collect()
    };
    let most = history(linear::CALLS_MAX);
    assert_eq!(linear::check(&Register, &most), Ok(()));
    let more = history(linear::CALLS_MAX + 1);
    let calls = more.len();
    assert_eq!(
        linear::check(&Register, &more),
        Err(NotLinear::TooManyCalls { calls })
    );
}

#[test]
fn the_search_agrees_with_trying_all_orders() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut seen = [0; 2];
    for _ in 0..3_000 {
        let history: Vec<Timed<Access>> = (0..rng.random_range(1..6))
            .map(|_| {
                let invoked = rng.random_range(0..20_u64);
                let returned = invoked + rng.random_range(1..12_u64);
                let value = rng.random_range(0..3);
                let is_read = rng.next_u32() % 2 == 0;
                let call = if is_read {
                    Access::Read(value)
                } else {
                    Access::Write(value)
                };
                timed(invoked, returned, call)
            })
            .collect();
        let left: Vec<usize> = (0..history.len()).collect();
        let expected = any_order(&history, &left, 0);
        assert_eq!(linear::check(&Register, &history).is_ok(), expected);
        seen[usize::from(expected)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 300), "{seen:?}");
}

fn any_order(history: &[Timed<Access>], left: &[usize], state: u8) -> bool {
    let ends = left.iter().filter_map(|&call| history[call].returned);
    let Some(first_end) = ends.min() else {
        return true;
    };
    left.iter().any(|&call| {
        let rest: Vec<usize> = left
            .iter()
            .copied()
            .filter(|other| *other != call)
            .collect();
        history[call].invoked <= first_end
            && Register
                .step(&state, &history[call].call)
                .is_some_and(|after| any_order(history, &rest, after))
    })
}
