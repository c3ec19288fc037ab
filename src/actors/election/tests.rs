use proptest::prelude::*;

use super::words::RETRY_AFTER_MS;
use super::*;
use crate::proto::ids::{Digest, UserId};
use crate::proto::packet::{Elected, LoadReport, RefusalReason};
use crate::time::WallTime;

mod bus;
mod ends;
pub(crate) mod planted;
pub(crate) mod view;

const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn client(number: u8) -> UserId {
    UserId([number; 32])
}

fn ask(counter: u32) -> Ask {
    Ask {
        request: RequestId { boot: 5, counter },
        size_bytes: 100,
        digest: Digest::of(&counter.to_le_bytes()),
    }
}

fn asked(counter: u32) -> Input {
    Input::Asked {
        client: client(1),
        ask: ask(counter),
        unheard_ms: 0,
    }
}

fn delivered(counter: u32) -> Done {
    Done::delivered(ask(counter).request)
}

fn refused(counter: u32) -> Done {
    Done::refused(ask(counter).request)
}

fn claim(counter: u32, epoch: u32, score: u64) -> Claim {
    Claim {
        ask: ask(counter),
        client: client(1),
        epoch,
        score,
        waited: false,
    }
}

fn claimed(from: u8, counter: u32, epoch: u32, score: u64) -> Input {
    Input::Claimed {
        from: NodeId(from),
        claim: claim(counter, epoch, score),
    }
}

fn member(node: u8, alive: bool, queued: u32) -> Member {
    Member {
        node: NodeId(node),
        alive,
        report: LoadReport {
            incarnation: WallTime(1),
            sequence: 1,
            queued,
            running: 0,
            speed_milli: 1_000,
            caught_up: true,
            draining: false,
            mail_digest: 0,
            names_digest: 0,
        },
    }
}

/// A view in which the servers have so many jobs; none for a dead one.
fn view(jobs: [Option<u32>; 3]) -> Input {
    let members = NODES
        .iter()
        .zip(jobs)
        .map(|(node, jobs)| member(node.0, jobs.is_some(), jobs.unwrap_or(0)));
    Input::View(members.collect())
}

fn config(me: u8) -> Config {
    let others = NODES.into_iter().filter(|node| node.0 != me);
    Config::lan(NodeId(me), others.collect())
}

/// Server `me` of three that sees such a view.
fn server(me: u8, jobs: [Option<u32>; 3]) -> Election {
    with(config(me), jobs)
}

fn with(config: Config, jobs: [Option<u32>; 3]) -> Election {
    let mut machine = Election::new(config);
    assert!(give(&mut machine, Moment::START, view(jobs)).is_empty());
    machine
}

fn give(machine: &mut Election, now: Moment, input: Input) -> Vec<Output> {
    let mut out = Outbox::new();
    machine.handle(now, input, &mut out);
    without_counts(out.take())
}

fn without_counts(mut outputs: Vec<Output>) -> Vec<Output> {
    outputs.retain(|output| *output != Output::Claimed);
    outputs
}

/// Runs every deadline up to and including `end`, each on time.
fn run_until(machine: &mut Election, end: Moment) -> Vec<Output> {
    let mut out = Outbox::new();
    while let Some(due) = machine.deadline().filter(|&due| due <= end) {
        machine.on_deadline(due, &mut out);
        assert!(machine.deadline().is_none_or(|next| next > due));
    }
    without_counts(out.take())
}

fn won(counter: u32, epoch: u32) -> Output {
    Output::Won {
        ask: ask(counter),
        client: client(1),
        epoch,
    }
}

fn elected(me: u8, counter: u32, epoch: u32) -> Output {
    Output::Send {
        to: Party::User(client(1)),
        packet: Packet::Elected(Elected {
            request: ask(counter).request,
            epoch,
            node: NodeId(me),
        }),
    }
}

fn claim_to(to: u8, counter: u32, epoch: u32, score: u64) -> Output {
    to_server(NodeId(to), Packet::Claim(claim(counter, epoch, score)))
}

fn done_to(to: u8, counter: u32) -> Output {
    to_server(NodeId(to), Packet::Done(delivered(counter)))
}

const EVEN: [Option<u32>; 3] = [Some(0), Some(1), Some(2)];

#[test]
fn the_best_server_claims_at_once_and_says_so_twice() {
    let mut machine = server(1, EVEN);
    let outputs = give(&mut machine, at(5), asked(1));
    let expected = vec![
        claim_to(2, 1, 0, 1_000),
        claim_to(3, 1, 0, 1_000),
        elected(1, 1, 0),
        won(1, 0),
    ];
    assert_eq!(outputs, expected);
    assert_eq!(machine.deadline(), Some(at(15)), "half a rank's wait");
    assert_eq!(run_until(&mut machine, at(1_000)), expected[..2]);
}

#[test]
fn a_lower_rank_waits_its_turn() {
    for (me, turn) in [(2, 20), (3, 40)] {
        let mut machine = server(me, EVEN);
        assert!(give(&mut machine, at(5), asked(1)).is_empty());
        assert!(run_until(&mut machine, at(5 + turn - 1)).is_empty());
        let outputs = run_until(&mut machine, at(5 + turn));
        assert!(outputs.contains(&won(1, 0)));
        assert!(outputs.contains(&elected(me, 1, 0)));
    }
}

#[test]
fn a_claim_heard_in_time_keeps_a_lower_rank_silent() {
    let mut machine = server(2, EVEN);
    give(&mut machine, at(5), asked(1));
    assert!(give(&mut machine, at(6), claimed(1, 1, 0, 1_000)).is_empty());
    assert!(run_until(&mut machine, at(10_000)).is_empty());
    assert!(give(&mut machine, at(10_001), asked(1)).is_empty());
}

/// Who claims late is short of time; to do its work beside it would make that worse.
#[test]
fn a_lower_rank_waits_longer_where_claims_come_late() {
    let mut machine = server(2, [Some(0), Some(5), Some(9)]);
    give(&mut machine, at(0), asked(1));
    give(&mut machine, at(18), claimed(1, 1, 0, 1_000));
    let late = Duration::from_micros(22_500);
    assert_eq!(machine.patience.wait(), late);
    give(&mut machine, at(100), asked(2));
    assert!(run_until(&mut machine, at(122)).is_empty());
    let mut own = claim(2, 0, 6_000);
    own.waited = true;
    let outputs = run_until(&mut machine, at(123));
    assert!(outputs.contains(&to_server(NodeId(1), Packet::Claim(own))));
    // Nobody learns from a claim after its own, out of turn, or of who waited itself.
    give(&mut machine, at(150), claimed(1, 2, 0, 1_000));
    give(&mut machine, at(200), asked(3));
    give(&mut machine, at(221), claimed(3, 3, 0, 3_000));
    give(&mut machine, at(300), asked(4));
    let mut claim = claim(4, 0, 1_000);
    claim.waited = true;
    let from = NodeId(1);
    give(&mut machine, at(321), Input::Claimed { from, claim });
    assert_eq!(machine.patience.wait(), late);
}

#[test]
fn asking_again_does_not_start_the_wait_anew() {
    let mut machine = server(2, EVEN);
    give(&mut machine, at(5), asked(1));
    assert!(give(&mut machine, at(20), asked(1)).is_empty());
    assert!(run_until(&mut machine, at(25)).contains(&won(1, 0)));
}

#[test]
fn a_server_alone_claims_at_once() {
    let mut machine = Election::new(Config::lan(NodeId(1), vec![]));
    let outputs = give(&mut machine, at(5), asked(1));
    assert_eq!(outputs.len(), 2);
    assert!(outputs.contains(&won(1, 0)));
}

#[test]
fn faster_servers_come_first_and_those_behind_last() {
    let seen = |change: fn(&mut Member)| {
        let mut members: Vec<Member> = NODES.iter().map(|node| member(node.0, true, 3)).collect();
        change(&mut members[0]);
        let mut machine = Election::new(config(1));
        give(&mut machine, at(0), Input::View(members));
        machine.seats.before(ask(1).request).len()
    };
    assert_eq!(seen(|me| me.report.speed_milli = 1_001), 0);
    assert_eq!(seen(|me| me.report.speed_milli = 999), 2);
    assert_eq!(seen(|me| me.report.running = 1), 2);
    assert_eq!(seen(|me| me.report.queued = 2), 0);
    assert_eq!(
        seen(|me| {
            me.report.queued = 0;
            me.report.caught_up = false;
        }),
        2
    );
}

#[test]
fn the_score_of_the_busiest_server_still_tells_who_has_caught_up() {
    let mut machine = server(1, EVEN);
    let mut busiest = member(1, true, u32::MAX);
    busiest.report.running = u32::MAX;
    busiest.report.speed_milli = 0;
    let mut behind = member(2, true, 0);
    behind.report.caught_up = false;
    behind.report.speed_milli = u32::MAX;
    give(&mut machine, at(1), Input::View(vec![busiest, behind]));
    assert!(machine.seats.score(NodeId(1)) < machine.seats.score(NodeId(2)));
}

#[test]
fn equal_servers_share_requests() {
    let machine = server(1, [Some(0); 3]);
    let first = (1..=300).filter(|&counter| machine.seats.before(ask(counter).request).is_empty());
    let share = first.count();
    assert!((70..130).contains(&share), "{share} of 300");
}

#[test]
fn all_servers_agree_on_the_order_of_equals() {
    let machines: Vec<Election> = (1..=3).map(|me| server(me, [Some(0); 3])).collect();
    for counter in 1..=50 {
        let request = ask(counter).request;
        let rank = |machine: &Election| machine.seats.before(request).len();
        let mut ranks: Vec<usize> = machines.iter().map(rank).collect();
        ranks.sort_unstable();
        assert_eq!(ranks, vec![0, 1, 2]);
    }
}

#[test]
fn claims_count_until_the_next_report() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(1), asked(1));
    give(&mut machine, at(1), claimed(2, 2, 0, 1));
    give(&mut machine, at(1), claimed(2, 2, 0, 1));
    assert_eq!(machine.seats.score(NodeId(1)), 2_000);
    assert_eq!(
        machine.seats.score(NodeId(2)),
        3_000,
        "a repeat counts once"
    );
    give(&mut machine, at(2), view(EVEN));
    assert_eq!(machine.seats.score(NodeId(1)), 2_000, "the same report");
    let mut members: Vec<Member> = (1..=2).map(|node| member(node, true, 1)).collect();
    members[1].report.sequence = 2;
    give(&mut machine, at(3), Input::View(members));
    assert_eq!(
        machine.seats.score(NodeId(1)),
        2_000,
        "its jobs show it now"
    );
    assert_eq!(machine.seats.score(NodeId(2)), 2_000, "a newer report");
}

#[test]
fn of_two_claims_the_better_wins() {
    // Ours is 1,000 of server 2.
    let cases = [
        (1, 999, true),
        (1, 1_000, true),
        (1, 1_001, false),
        (3, 999, true),
        (3, 1_000, false),
    ];
    for (from, score, loses) in cases {
        let mut machine = server(2, [Some(1), Some(0), Some(1)]);
        give(&mut machine, at(5), asked(1));
        let outputs = give(&mut machine, at(6), claimed(from, 1, 0, score));
        let expected = if loses {
            Output::Lost(ask(1).request)
        } else {
            elected(2, 1, 0)
        };
        assert_eq!(outputs, vec![expected], "{from} {score}");
        let again = run_until(&mut machine, at(100));
        assert_eq!(again.len(), if loses { 0 } else { 2 }, "the second claims");
    }
}

#[test]
fn a_higher_epoch_beats_any_score() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    let outputs = give(&mut machine, at(6), claimed(3, 1, 1, u64::MAX));
    assert_eq!(outputs, vec![Output::Lost(ask(1).request)]);
    assert!(give(&mut machine, at(7), claimed(2, 1, 0, 0)).is_empty());
    assert!(give(&mut machine, at(8), asked(1)).is_empty(), "it is 3's");
}

#[test]
fn the_winner_repeats_itself_to_who_has_not_heard() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    run_until(&mut machine, at(15));
    let outputs = give(&mut machine, at(30), claimed(2, 1, 0, 2_000));
    assert_eq!(outputs, vec![claim_to(2, 1, 0, 1_000), elected(1, 1, 0)]);
    let outputs = give(&mut machine, at(500), asked(1));
    let expected = vec![
        elected(1, 1, 0),
        won(1, 0),
        claim_to(2, 1, 0, 1_000),
        claim_to(3, 1, 0, 1_000),
    ];
    assert_eq!(outputs, expected, "contested, so everybody is told again");
}

#[test]
fn the_owner_answers_who_asks_again() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    let outputs = give(&mut machine, at(500), asked(1));
    assert_eq!(outputs, vec![elected(1, 1, 0), won(1, 0)]);
}

#[test]
fn an_id_stays_with_the_user_who_asked_first() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    let other = Input::Asked {
        client: client(2),
        ask: ask(1),
        unheard_ms: 0,
    };
    assert!(give(&mut machine, at(500), other).is_empty());
    let outputs = give(&mut machine, at(501), asked(1));
    assert_eq!(outputs, vec![elected(1, 1, 0), won(1, 0)]);
}

#[test]
fn an_id_stays_with_its_first_body() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    let other = Ask {
        size_bytes: 9,
        ..ask(1)
    };
    let input = Input::Asked {
        client: client(1),
        ask: other,
        unheard_ms: 0,
    };
    assert!(give(&mut machine, at(6), input).is_empty());
    assert_eq!(give(&mut machine, at(7), asked(1)).len(), 2);
}

#[test]
fn when_the_owner_is_lost_the_next_takes_over() {
    let mut machine = server(2, EVEN);
    give(&mut machine, at(5), asked(1));
    give(&mut machine, at(6), claimed(1, 1, 0, 1_000));
    let outputs = give(&mut machine, at(500), view([None, Some(1), Some(2)]));
    let expected = vec![
        claim_to(1, 1, 1, 2_000),
        claim_to(3, 1, 1, 2_000),
        elected(2, 1, 1),
        won(1, 1),
    ];
    assert_eq!(outputs, expected);
}

#[test]
fn a_lower_rank_waits_for_the_next_too() {
    let mut machine = server(3, EVEN);
    give(&mut machine, at(6), claimed(1, 1, 0, 1_000));
    let dead = view([None, Some(1), Some(2)]);
    assert!(give(&mut machine, at(500), dead).is_empty());
    assert!(give(&mut machine, at(501), claimed(1, 1, 0, 1)).is_empty());
    assert!(run_until(&mut machine, at(519)).is_empty());
    let outputs = run_until(&mut machine, at(520));
    assert!(outputs.contains(&won(1, 1)), "known by the claim alone");
}

#[test]
fn when_the_second_owner_is_lost_too_the_last_takes_over() {
    let mut machine = server(3, EVEN);
    give(&mut machine, at(6), claimed(1, 1, 0, 1_000));
    give(&mut machine, at(500), view([None, Some(1), Some(2)]));
    give(&mut machine, at(501), claimed(2, 1, 1, 2_000));
    let outputs = give(&mut machine, at(900), view([None, None, Some(2)]));
    assert!(outputs.contains(&won(1, 2)));
}

#[test]
fn a_restarted_owner_counts_as_lost() {
    let mut machine = server(2, [Some(9), Some(0), Some(5)]);
    give(&mut machine, at(6), claimed(1, 1, 0, 1));
    let mut members: Vec<Member> = NODES.iter().map(|node| member(node.0, true, 3)).collect();
    members[1].report.queued = 0;
    assert!(give(&mut machine, at(7), Input::View(members.clone())).is_empty());
    members[0].report.incarnation = WallTime(2);
    let outputs = give(&mut machine, at(8), Input::View(members.clone()));
    assert!(outputs.contains(&won(1, 1)));
    assert!(give(&mut machine, at(9), Input::View(members)).is_empty());
}

/// Its claim was believed all the same, and nobody else may know of the request.
#[test]
fn an_owner_who_counted_as_lost_and_restarts_counts_as_lost() {
    let mut machine = server(2, [Some(9), Some(0), Some(5)]);
    give(&mut machine, at(5), view([None, Some(0), Some(5)]));
    assert!(give(&mut machine, at(6), asked(1)).contains(&won(1, 0)));
    let lost = Output::Lost(ask(1).request);
    assert!(give(&mut machine, at(7), claimed(1, 1, 0, 1)).contains(&lost));
    let mut members: Vec<Member> = NODES.iter().map(|node| member(node.0, true, 3)).collect();
    members[1].report.queued = 0;
    assert!(give(&mut machine, at(8), Input::View(members.clone())).is_empty());
    give(&mut machine, at(9), view([None, Some(0), Some(5)]));
    give(&mut machine, at(9), claimed(1, 2, 0, 1));
    members[0].report.incarnation = WallTime(2);
    let outputs = give(&mut machine, at(10), Input::View(members));
    assert!(outputs.contains(&won(2, 1)));
}

#[test]
fn a_claim_of_a_server_that_the_view_does_not_know_yet_is_believed_for_a_while() {
    let unknown = || view([None, Some(0), Some(5)]);
    let mut machine = server(2, [None, Some(0), Some(5)]);
    give(&mut machine, at(6), claimed(1, 1, 0, 1));
    assert!(give(&mut machine, at(505), unknown()).is_empty());
    assert!(give(&mut machine, at(505), asked(1)).is_empty());
    let outputs = give(&mut machine, at(506), asked(1));
    assert!(outputs.contains(&won(1, 1)), "asked again, its owner gone");
    give(&mut machine, at(600), claimed(1, 2, 0, 1));
    let outputs = give(&mut machine, at(1_100), unknown());
    assert!(outputs.contains(&won(2, 1)));
}

#[test]
fn an_owner_that_its_client_does_not_hear_is_taken_over() {
    let mut machine = server(2, EVEN);
    give(&mut machine, at(5), claimed(1, 1, 0, 1_000));
    let unheard = |unheard_ms| Input::Asked {
        client: client(1),
        ask: ask(1),
        unheard_ms,
    };
    assert_eq!(give(&mut machine, at(5_000), unheard(4_999)), vec![]);
    assert_eq!(run_until(&mut machine, at(5_400)), vec![]);
    let mut outputs = give(&mut machine, at(5_400), unheard(5_399));
    outputs.extend(run_until(&mut machine, at(5_600)));
    assert!(outputs.contains(&won(1, 1)), "{outputs:?}");
}

#[test]
fn requests_beyond_the_limit_are_refused() {
    let mut machine = with(
        Config {
            requests_max: 2,
            ..config(1)
        },
        EVEN,
    );
    give(&mut machine, at(1), asked(1));
    give(&mut machine, at(1), claimed(2, 2, 0, 1));
    let outputs = give(&mut machine, at(2), asked(3));
    let reason = RefusalReason::Busy {
        retry_after_ms: RETRY_AFTER_MS,
    };
    let request = ask(3).request;
    let refused = Output::Send {
        to: Party::User(client(1)),
        packet: Packet::Refused { request, reason },
    };
    assert_eq!(outputs, vec![refused]);
    assert!(give(&mut machine, at(2), claimed(2, 3, 0, 1)).is_empty());
    assert_eq!(machine.cases.len(), 2);
    assert_eq!(give(&mut machine, at(3), asked(1)).len(), 2, "a known one");
    give(&mut machine, at(4), Input::Finished(delivered(1)));
    assert!(!give(&mut machine, at(5), asked(3)).is_empty());
    assert_eq!(machine.cases.len(), 2);
}

#[test]
fn what_nobody_mentions_is_forgotten() {
    let mut machine = server(2, EVEN);
    give(&mut machine, at(0), claimed(1, 1, 0, 1));
    give(&mut machine, at(1_000), claimed(1, 1, 0, 1));
    assert_eq!(machine.deadline(), Some(at(601_000)));
    let outputs = run_until(&mut machine, at(601_000));
    assert_eq!(outputs, vec![Output::Forget(ask(1).request)]);
    assert_eq!(machine.deadline(), None);
}

#[test]
fn a_halted_server_forgets_everything() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    give(&mut machine, at(5), asked(2));
    assert!(give(&mut machine, at(6), Input::Halted).is_empty());
    assert_eq!(machine.deadline(), None);
    let finished = Input::Finished(delivered(1));
    assert!(give(&mut machine, at(7), finished).is_empty());
}

#[test]
fn strangers_are_not_believed() {
    let mut machine = server(2, EVEN);
    give(&mut machine, at(5), asked(1));
    for from in [2, 9] {
        assert!(give(&mut machine, at(6), claimed(from, 1, 7, 0)).is_empty());
        let done = Input::DoneHeard {
            from: NodeId(from),
            done: delivered(1),
        };
        assert!(give(&mut machine, at(6), done).is_empty());
    }
    assert!(run_until(&mut machine, at(25)).contains(&won(1, 0)));
}

#[test]
fn the_planted_faults_do_what_they_say() {
    crate::planted::with(Some(Bug::NeverTakesOver), || {
        let mut machine = server(2, EVEN);
        give(&mut machine, at(6), claimed(1, 1, 0, 1_000));
        let dead = view([None, Some(1), Some(2)]);
        assert!(give(&mut machine, at(500), dead).is_empty());
        assert!(give(&mut machine, at(501), asked(1)).is_empty());
    });
    crate::planted::with(Some(Bug::EveryoneWins), || {
        let mut machine = server(3, EVEN);
        assert!(give(&mut machine, at(6), claimed(1, 1, 0, 1_000)).is_empty());
        assert!(give(&mut machine, at(6), asked(1)).contains(&won(1, 0)));
        assert!(give(&mut machine, at(6), claimed(1, 1, 0, 1_000)).is_empty());
    });
}

fn any_input() -> impl Strategy<Value = Input> {
    let counter = 1u32..8;
    prop_oneof![
        4 => counter.clone().prop_map(asked),
        4 => (0u8..5, counter.clone(), 0u32..4, 0u64..4)
            .prop_map(|(from, counter, epoch, score)| claimed(from, counter, epoch, score)),
        1 => (0u8..5, counter.clone()).prop_map(|(from, counter)| Input::DoneHeard {
            from: NodeId(from),
            done: if counter % 2 == 0 { delivered(counter) } else { refused(counter) },
        }),
        1 => counter.clone().prop_map(|counter| Input::Finished(delivered(counter))),
        1 => counter.prop_map(|counter| Input::Finished(refused(counter))),
        2 => any::<[Option<u32>; 3]>().prop_map(view),
        1 => Just(Input::Halted),
    ]
}

proptest! {
    #[test]
    fn the_best_claim_is_followed_in_whatever_order_they_come(
        claims in prop::collection::vec((1u8..3, 0u32..3, 0u64..4), 1..8),
    ) {
        // One claim for each server and epoch, as servers do.
        let claims: BTreeMap<(u8, u32), u64> =
            claims.into_iter().map(|(from, epoch, score)| ((from, epoch), score)).collect();
        let best = |(&(from, epoch), &score): (&(u8, u32), &u64)| {
            (std::cmp::Reverse(epoch), score, from)
        };
        let (_, _, owner) = claims.iter().map(best).min().expect("at least one");
        let orders: [Vec<(&(u8, u32), &u64)>; 2] =
            [claims.iter().collect(), claims.iter().rev().collect()];
        for order in orders {
            let mut machine = server(3, EVEN);
            for (&(from, epoch), &score) in order {
                give(&mut machine, at(1), claimed(from, 1, epoch, score));
            }
            let stand = machine.cases[&ask(1).request].stand;
            let followed = matches!(stand, Stand::Theirs { owner: seen, .. } if seen.0 == owner);
            prop_assert!(followed, "{:?}", stand);
        }
    }

    #[test]
    fn nothing_breaks_it_and_its_memory_is_bounded(
        inputs in prop::collection::vec((any_input(), 0u64..60), 1..200),
    ) {
        let mut machine = with(Config { requests_max: 4, ..config(2) }, EVEN);
        let mut now = 0;
        for (input, pause) in inputs {
            now += pause;
            run_until(&mut machine, at(now));
            for output in give(&mut machine, at(now), input) {
                let to_itself = matches!(
                    output,
                    Output::Send { to: Party::Server(node), .. } if node == NodeId(2)
                );
                prop_assert!(!to_itself);
            }
            prop_assert!(machine.cases.len() <= 4);
            prop_assert!(machine.repeats.len() <= 8);
            prop_assert_eq!(machine.agenda.len(), machine.cases.len());
        }
    }
}

/// All alive and equal, server 1 about to end.
fn first_retires() -> Input {
    let mut members: Vec<_> = NODES.iter().map(|node| member(node.0, true, 0)).collect();
    members[0].report.draining = true;
    Input::View(members)
}

#[test]
fn a_server_that_is_about_to_end_claims_nothing_new_but_keeps_what_it_has() {
    let mut machine = server(1, [Some(0), Some(1), Some(1)]);
    let outputs = give(&mut machine, at(5), asked(1));
    assert!(outputs.contains(&won(1, 0)));
    give(&mut machine, at(6), Input::Retired);
    assert!(
        give(&mut machine, at(7), asked(1)).contains(&won(1, 0)),
        "asked again"
    );
    assert_eq!(give(&mut machine, at(8), asked(2)), []);
    give(&mut machine, at(9), claimed(2, 3, 0, 5));
    assert_eq!(
        give(&mut machine, at(10), view([Some(0), None, Some(1)])),
        []
    );
    let ended = give(&mut machine, at(11), Input::Finished(delivered(1)));
    assert!(ended.contains(&done_to(2, 1)));
}

#[test]
fn what_a_retiring_server_would_claim_later_is_left_to_the_others() {
    let mut machine = server(1, [Some(5), Some(0), Some(0)]);
    assert_eq!(give(&mut machine, at(5), asked(1)), []);
    give(&mut machine, at(6), Input::Retired);
    assert_eq!(machine.deadline(), None);
    give(&mut machine, at(7), Input::Halted);
    assert_eq!(
        give(&mut machine, at(8), asked(2)),
        [],
        "also after a planned failure"
    );
}

#[test]
fn nobody_waits_for_a_server_that_is_about_to_end() {
    let mut first_claims = 0;
    for me in [2, 3] {
        let mut machine = with(config(me), [Some(9), Some(9), Some(9)]);
        give(&mut machine, at(1), first_retires());
        let outputs = give(&mut machine, at(5), asked(1));
        first_claims += usize::from(outputs.contains(&won(1, 0)));
    }
    assert_eq!(first_claims, 1, "one of the two is the first");
}

#[test]
fn the_outlook_is_in_the_order_of_ranks_with_the_lost_ones_last() {
    let mut members: Vec<_> = NODES.iter().map(|node| member(node.0, true, 0)).collect();
    let order =
        |members: &[Member]| -> Vec<u8> { outlook(members).iter().map(|one| one.node.0).collect() };
    assert_eq!(order(&members), [1, 2, 3]);
    members[0].report.queued = 1;
    assert_eq!(order(&members), [2, 3, 1]);
    members[1].report.caught_up = false;
    assert_eq!(order(&members), [3, 1, 2]);
    members[2].report.draining = true;
    assert_eq!(order(&members), [1, 2, 3]);
    members[0].alive = false;
    assert_eq!(order(&members), [2, 3, 1]);
}
