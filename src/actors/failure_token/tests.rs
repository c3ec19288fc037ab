use super::*;
use crate::proto::packet::LoadReport;

mod bus;
pub(crate) mod planted;

const ME: NodeId = NodeId(2);
const ONE: NodeId = NodeId(1);
const THREE: NodeId = NodeId(3);

fn ms(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

/// Server 2 of 3.
fn config() -> Config {
    Config {
        on: true,
        hold_min_ms: 500,
        hold_max_ms: 2_000,
        pause_ms: 200,
        permission_wait_ms: 400,
        margin_ms: 100,
        regenerate_after_ms: 4_000,
        ..Config::lan(ME, vec![ONE, THREE], Calendar::default())
    }
}

fn member(node: NodeId, alive: bool) -> Member {
    Member {
        node,
        alive,
        report: LoadReport {
            incarnation: WallTime(0),
            sequence: 0,
            queued: 0,
            running: 0,
            speed_milli: 1_000,
            caught_up: true,
            draining: false,
            mail_digest: 0,
            names_digest: 0,
        },
    }
}

fn view(one: bool, three: bool) -> Input {
    Input::View(vec![
        member(ONE, one),
        member(ME, true),
        member(THREE, three),
    ])
}

struct Bench {
    machine: FailureToken,
}

impl Bench {
    fn new(config: Config) -> Self {
        let mut bench = Self {
            machine: FailureToken::new(config, [7; 32]),
        };
        bench.at(0);
        bench.give(0, Input::Serving(true));
        bench.give(0, view(true, true));
        bench
    }

    fn give(&mut self, at: u64, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.machine.handle(ms(at), input, &mut out);
        out.take()
    }

    fn hear(&mut self, at: u64, from: NodeId, packet: TokenPacket) -> Vec<Output> {
        self.give(at, Input::Heard { from, packet })
    }

    /// The deadline has come, if it has.
    fn at(&mut self, at: u64) -> Vec<Output> {
        let mut out = Outbox::new();
        if self.machine.deadline().is_some_and(|due| due <= ms(at)) {
            self.machine.on_deadline(ms(at), &mut out);
            let next = self.machine.deadline();
            assert!(next.is_none_or(|due| due > ms(at)), "deadline stands still");
        }
        out.take()
    }

    /// Takes the token at `at` and asks after the pause. Returns number and hold of the question.
    fn ask(&mut self, at: u64) -> (u64, u32) {
        self.hear(at, ONE, TokenPacket::Pass { turn: 5 });
        question(&self.at(at + 200)).expect("asks after the pause")
    }

    /// Like `ask`, and both others permit it at once. Returns number and end of the failure.
    fn fail(&mut self, at: u64) -> (u64, u64) {
        let (nonce, hold_ms) = self.ask(at);
        self.hear(at + 201, ONE, TokenPacket::YouMay { nonce });
        let told = self.hear(at + 202, THREE, TokenPacket::YouMay { nonce });
        assert!(told.contains(&Output::Fail { announced: false }));
        (nonce, at + 200 + u64::from(hold_ms))
    }
}

fn question(told: &[Output]) -> Option<(u64, u32)> {
    told.iter().find_map(|output| match output {
        Output::Send {
            packet: TokenPacket::MayI { nonce, hold_ms, .. },
            ..
        } => Some((*nonce, *hold_ms)),
        _ => None,
    })
}

fn sent(told: &[Output], to: NodeId, packet: TokenPacket) -> usize {
    let wanted = Output::Send { to, packet };
    told.iter().filter(|&output| *output == wanted).count()
}

fn not_now(told: &[Output]) -> bool {
    matches!(told, [.., Output::NotNow(_)] | [Output::NotNow(_), ..])
}

fn fail_now(hold_ms: u32) -> Input {
    Input::FailNow {
        hold_ms,
        announced: true,
    }
}

#[test]
fn the_state_is_told_at_the_start_and_after_each_change_only() {
    let mut machine = FailureToken::new(config(), [7; 32]);
    assert_eq!(machine.deadline(), Some(Moment::START));
    let mut out = Outbox::new();
    machine.on_deadline(Moment::START, &mut out);
    let state = Output::State {
        on: true,
        commanded_at: WallTime(0),
        here: false,
        failing: false,
    };
    assert!(out.take().contains(&state));
    machine.handle(ms(1), view(true, true), &mut out);
    assert_eq!(out.take(), vec![]);
}

#[test]
fn a_token_that_arrives_is_taken_and_everybody_is_told() {
    let mut bench = Bench::new(config());
    let told = bench.hear(10, ONE, TokenPacket::Pass { turn: 5 });
    assert_eq!(sent(&told, ONE, TokenPacket::PassKept { turn: 5 }), 1);
    assert_eq!(sent(&told, THREE, TokenPacket::PassKept { turn: 5 }), 1);
    assert!(matches!(
        told.last(),
        Some(Output::State { here: true, .. })
    ));
    assert_eq!(question(&bench.at(209)), None);
    let told = bench.at(210);
    let (nonce, hold_ms) = question(&told).expect("asks");
    assert!((500..=2_000).contains(&hold_ms));
    for peer in [ONE, THREE] {
        let packet = TokenPacket::MayI {
            nonce,
            turn: 5,
            hold_ms,
        };
        assert_eq!(sent(&told, peer, packet), 1);
    }
}

#[test]
fn it_fails_only_when_every_server_permits_and_counts_from_the_question() {
    let mut bench = Bench::new(config());
    let (nonce, hold_ms) = bench.ask(0);
    let permit = TokenPacket::YouMay { nonce };
    assert_eq!(bench.hear(250, ONE, permit), vec![]);
    assert_eq!(
        bench.hear(251, ONE, permit),
        vec![],
        "one server counts once"
    );
    let other = TokenPacket::YouMay { nonce: nonce ^ 1 };
    assert_eq!(bench.hear(252, THREE, other), vec![]);
    assert_eq!(bench.hear(253, NodeId(9), permit), vec![]);
    let told = bench.hear(299, THREE, permit);
    assert_eq!(told[0], Output::Fail { announced: false });
    assert!(matches!(told[1], Output::State { failing: true, .. }));
    assert_eq!(bench.machine.deadline(), Some(ms(200 + u64::from(hold_ms))));
}

#[test]
fn while_it_fails_it_neither_hears_nor_sends() {
    let mut bench = Bench::new(config());
    let (_, end) = bench.fail(0);
    let packets = [
        TokenPacket::Pass { turn: 90 },
        TokenPacket::MayI {
            nonce: 1,
            turn: 0,
            hold_ms: 500,
        },
        TokenPacket::Switch {
            commanded_at: WallTime(99),
            on: false,
            announced: false,
        },
    ];
    for packet in packets {
        assert_eq!(bench.hear(300, ONE, packet), vec![]);
    }
    assert_eq!(bench.give(300, view(false, false)), vec![]);
    assert_eq!(bench.at(end - 1), vec![]);
    assert!(not_now(&bench.give(300, fail_now(500))));
}

#[test]
fn after_the_hold_it_speaks_ends_the_promises_and_passes_the_token_on() {
    let mut bench = Bench::new(config());
    let (nonce, end) = bench.fail(0);
    let told = bench.at(end);
    assert_eq!(told[0], Output::Recover);
    for peer in [ONE, THREE] {
        assert_eq!(sent(&told, peer, TokenPacket::Back { nonce }), 1);
    }
    assert_eq!(sent(&told, THREE, TokenPacket::Pass { turn: 6 }), 1);
    let again = bench.at(end + 100);
    for peer in [ONE, THREE] {
        assert_eq!(sent(&again, peer, TokenPacket::Back { nonce }), 1);
    }
    let kept = bench.hear(end + 101, THREE, TokenPacket::PassKept { turn: 6 });
    assert_eq!(kept, vec![]);
    assert_eq!(
        sent(&bench.at(end + 300), THREE, TokenPacket::Pass { turn: 6 }),
        0
    );
}

#[test]
fn a_late_driver_recovers_before_it_hears() {
    let mut bench = Bench::new(config());
    let (_, end) = bench.fail(0);
    let told = bench.hear(end + 5_000, ONE, TokenPacket::Back { nonce: 3 });
    assert_eq!(told[0], Output::Recover);
}

#[test]
fn a_back_server_that_sees_nobody_keeps_the_token_but_does_not_fail_again() {
    let mut bench = Bench::new(config());
    let (_, end) = bench.fail(0);
    bench.give(end - 1, view(false, false));
    let told = bench.at(end);
    assert_eq!(told[0], Output::Recover);
    for at in (end..end + 2_000).step_by(50) {
        assert_eq!(question(&bench.at(at)), None);
    }
    let told = bench.give(end + 2_000, view(true, false));
    assert_eq!(sent(&told, ONE, TokenPacket::Pass { turn: 6 }), 1);
}

#[test]
fn one_no_ends_the_question_and_the_token_goes_on() {
    let mut bench = Bench::new(config());
    let (nonce, _) = bench.ask(0);
    bench.hear(210, ONE, TokenPacket::YouMay { nonce });
    let told = bench.hear(211, THREE, TokenPacket::YouMayNot { nonce });
    for peer in [ONE, THREE] {
        assert_eq!(sent(&told, peer, TokenPacket::Back { nonce }), 1);
    }
    assert_eq!(sent(&told, THREE, TokenPacket::Pass { turn: 6 }), 1);
    let late = bench.hear(212, THREE, TokenPacket::YouMay { nonce });
    assert_eq!(late, vec![]);
}

#[test]
fn silence_is_asked_again_and_then_counts_as_no() {
    let mut bench = Bench::new(config());
    let (nonce, hold_ms) = bench.ask(0);
    bench.hear(210, ONE, TokenPacket::YouMay { nonce });
    let packet = TokenPacket::MayI {
        nonce,
        turn: 5,
        hold_ms,
    };
    for at in [300, 400, 500] {
        let told = bench.at(at);
        assert_eq!(sent(&told, THREE, packet), 1);
        assert_eq!(sent(&told, ONE, packet), 0);
    }
    let told = bench.at(600);
    assert_eq!(sent(&told, ONE, TokenPacket::Back { nonce }), 1);
    assert_eq!(sent(&told, THREE, TokenPacket::Pass { turn: 6 }), 1);
}

#[test]
fn a_permission_at_the_end_of_the_wait_is_too_late() {
    for (at, fails) in [(599, true), (600, false)] {
        let mut bench = Bench::new(config());
        let (nonce, _) = bench.ask(0);
        bench.hear(210, ONE, TokenPacket::YouMay { nonce });
        let told = bench.hear(at, THREE, TokenPacket::YouMay { nonce });
        assert_eq!(told.contains(&Output::Fail { announced: false }), fails);
    }
}

#[test]
fn nobody_asks_while_a_server_is_not_alive() {
    let mut bench = Bench::new(config());
    bench.give(0, view(true, false));
    bench.hear(1, ONE, TokenPacket::Pass { turn: 5 });
    let told = bench.at(201);
    assert_eq!(question(&told), None);
    assert_eq!(sent(&told, ONE, TokenPacket::Pass { turn: 6 }), 1);
    assert!(not_now(&bench.give(300, fail_now(500))));
}

#[test]
fn a_question_ends_when_a_server_falls_silent() {
    let mut bench = Bench::new(config());
    let (nonce, _) = bench.ask(0);
    let told = bench.give(220, view(true, false));
    assert_eq!(sent(&told, ONE, TokenPacket::Back { nonce }), 1);
    assert_eq!(sent(&told, ONE, TokenPacket::Pass { turn: 6 }), 1);
}

fn may_i(nonce: u64, hold_ms: u32) -> TokenPacket {
    TokenPacket::MayI {
        nonce,
        turn: 0,
        hold_ms,
    }
}

#[test]
pub(in crate::actors::failure_token) fn a_promise_binds_until_hold_wait_and_margin_are_over() {
    let mut bench = Bench::new(config());
    let yes = TokenPacket::YouMay { nonce: 8 };
    let told = bench.hear(1_000, ONE, may_i(8, 700));
    assert_eq!(sent(&told, ONE, yes), 1);
    // Neither another server, nor another question of the same, nor this server itself.
    let told = bench.hear(1_100, THREE, may_i(9, 700));
    assert_eq!(sent(&told, THREE, TokenPacket::YouMayNot { nonce: 9 }), 1);
    let told = bench.hear(1_100, ONE, may_i(10, 700));
    assert_eq!(sent(&told, ONE, TokenPacket::YouMayNot { nonce: 10 }), 1);
    // A repeated question has the same answer but does not lengthen the promise.
    assert_eq!(sent(&bench.hear(1_200, ONE, may_i(8, 700)), ONE, yes), 1);
    assert!(not_now(&bench.give(2_199, fail_now(500))));
    let told = bench.give(2_200, fail_now(500));
    assert!(question(&told).is_some());
}

#[test]
fn a_promise_ends_by_its_own_word_only() {
    let mut bench = Bench::new(config());
    bench.hear(1_000, ONE, may_i(8, 700));
    bench.hear(1_001, ONE, TokenPacket::Back { nonce: 7 });
    bench.hear(1_001, THREE, TokenPacket::Back { nonce: 8 });
    assert!(not_now(&bench.give(1_002, fail_now(500))));
    bench.hear(1_003, ONE, TokenPacket::Back { nonce: 8 });
    assert!(question(&bench.give(1_004, fail_now(500))).is_some());
}

#[test]
fn a_late_copy_of_a_question_that_is_over_binds_nobody() {
    let mut bench = Bench::new(config());
    // The word overtakes the question.
    bench.hear(1_000, ONE, TokenPacket::Back { nonce: 8 });
    let told = bench.hear(1_001, ONE, may_i(8, 700));
    assert_eq!(sent(&told, ONE, TokenPacket::YouMayNot { nonce: 8 }), 1);
    // The promise has run out.
    bench.hear(1_002, ONE, may_i(9, 700));
    let told = bench.hear(5_000, ONE, may_i(9, 700));
    assert_eq!(sent(&told, ONE, TokenPacket::YouMayNot { nonce: 9 }), 1);
    assert!(question(&bench.give(5_001, fail_now(500))).is_some());
}

/// What the others decided meanwhile is known to those two only, of which the asker is one.
#[test]
pub(in crate::actors::failure_token) fn who_has_to_catch_up_permits_nobody() {
    let mut bench = Bench::new(config());
    bench.give(1_000, Input::Serving(false));
    let told = bench.hear(1_001, ONE, may_i(8, 700));
    assert_eq!(sent(&told, ONE, TokenPacket::YouMayNot { nonce: 8 }), 1);
    bench.give(1_100, Input::Serving(true));
    let told = bench.hear(1_101, ONE, may_i(9, 700));
    assert_eq!(sent(&told, ONE, TokenPacket::YouMay { nonce: 9 }), 1);
}

#[test]
fn who_is_back_passes_the_token_on_when_it_has_caught_up() {
    let mut bench = Bench::new(config());
    let (_, end) = bench.fail(1_000);
    bench.give(end - 1, Input::Serving(false));
    let pass = TokenPacket::Pass { turn: 6 };
    let told = bench.at(end);
    assert!(told.contains(&Output::Recover));
    let later = bench.at(end + 5_000);
    assert_eq!(sent(&told, THREE, pass) + sent(&later, THREE, pass), 0);
    let told = bench.give(end + 5_001, Input::Serving(true));
    assert_eq!(sent(&told, THREE, pass), 1);
}

#[test]
fn who_asks_permits_nobody() {
    let mut bench = Bench::new(config());
    bench.ask(0);
    let told = bench.hear(210, THREE, may_i(9, 700));
    assert_eq!(sent(&told, THREE, TokenPacket::YouMayNot { nonce: 9 }), 1);
}

#[test]
fn a_question_beyond_the_longest_failure_or_from_a_stranger_binds_nobody() {
    let mut bench = Bench::new(config());
    let told = bench.hear(1, ONE, may_i(8, HOLD_LIMIT_MS + 1));
    assert_eq!(sent(&told, ONE, TokenPacket::YouMayNot { nonce: 8 }), 1);
    assert_eq!(bench.hear(1, NodeId(9), may_i(8, 500)), vec![]);
    assert_eq!(bench.hear(1, ME, may_i(8, 500)), vec![]);
    let told = bench.hear(1, ONE, may_i(9, HOLD_LIMIT_MS));
    assert_eq!(sent(&told, ONE, TokenPacket::YouMay { nonce: 9 }), 1);
}

#[test]
fn an_old_turn_is_answered_and_vanishes() {
    let mut bench = Bench::new(config());
    bench.hear(0, ONE, TokenPacket::PassKept { turn: 5 });
    for turn in [4, 5] {
        let told = bench.hear(1, THREE, TokenPacket::Pass { turn });
        assert_eq!(
            told,
            vec![Output::Send {
                to: THREE,
                packet: TokenPacket::PassKept { turn },
            }]
        );
    }
    assert_eq!(question(&bench.at(1_000)), None);
    let told = bench.hear(1_001, THREE, TokenPacket::Pass { turn: u64::MAX });
    assert_eq!(told, vec![]);
}

#[test]
fn of_two_tokens_the_newer_stays_then_that_of_the_lower_server() {
    let seen = |from, turn| {
        let mut bench = Bench::new(config());
        bench.hear(0, ONE, TokenPacket::Pass { turn: 5 });
        bench.hear(1, from, TokenPacket::PassKept { turn });
        question(&bench.at(200)).is_none()
    };
    assert!(seen(THREE, 6));
    assert!(seen(ONE, 5));
    assert!(!seen(THREE, 5));
    assert!(!seen(ONE, 4));
}

#[test]
fn a_token_nobody_takes_is_offered_three_times_to_each_and_then_kept() {
    let mut bench = Bench::new(config());
    let (nonce, _) = bench.ask(0);
    bench.hear(201, ONE, TokenPacket::YouMayNot { nonce });
    let mut offers = vec![THREE];
    for at in 202..2_000 {
        for output in bench.at(at) {
            match output {
                Output::Send {
                    to,
                    packet: TokenPacket::Pass { turn: 6 },
                } => offers.push(to),
                Output::State { here: true, .. } => {
                    assert_eq!(offers, vec![THREE, THREE, THREE, ONE, ONE, ONE]);
                    return;
                }
                _ => {}
            }
        }
    }
    panic!("the token was not kept: {offers:?}");
}

#[test]
pub(in crate::actors::failure_token) fn only_the_lowest_live_server_makes_a_lost_token_anew() {
    for (one, makes) in [(true, false), (false, true)] {
        let mut bench = Bench::new(config());
        bench.hear(0, THREE, TokenPacket::PassKept { turn: 41 });
        bench.give(1, view(one, true));
        let kept = TokenPacket::PassKept { turn: 42 };
        assert_eq!(sent(&bench.at(3_999), THREE, kept), 0);
        assert_eq!(sent(&bench.at(4_000), THREE, kept) == 1, makes);
    }
}

#[test]
fn the_first_token_is_made_soon_after_the_others_are_seen() {
    let lowest = Config {
        me: ONE,
        peers: vec![ME, THREE],
        ..config()
    };
    let mut bench = Bench::new(lowest);
    assert_eq!(
        sent(&bench.at(600), THREE, TokenPacket::PassKept { turn: 1 }),
        1
    );
}

fn switch(commanded_at: u64, on: bool) -> TokenPacket {
    TokenPacket::Switch {
        commanded_at: WallTime(commanded_at),
        on,
        announced: false,
    }
}

#[test]
fn the_newest_command_wins_and_an_older_one_is_corrected() {
    let mut bench = Bench::new(config());
    let told = bench.hear(1, ONE, switch(100, false));
    assert!(matches!(told[..], [Output::State { on: false, .. }]));
    let told = bench.hear(2, THREE, switch(99, true));
    assert_eq!(sent(&told, THREE, switch(100, false)), 1);
    let told = bench.hear(3, THREE, switch(100, true));
    assert_eq!(sent(&told, THREE, switch(100, false)), 1, "off wins a tie");
    assert_eq!(bench.hear(4, THREE, switch(100, false)), vec![]);
    let told = bench.hear(5, THREE, switch(101, true));
    assert!(matches!(told[..], [Output::State { on: true, .. }]));
}

#[test]
fn a_command_of_an_operator_is_newer_than_any_seen_and_reaches_all() {
    let mut bench = Bench::new(config());
    bench.hear(1, ONE, switch(5_000, false));
    let told = bench.give(
        2,
        Input::Switch {
            on: true,
            announced: false,
        },
    );
    for peer in [ONE, THREE] {
        assert_eq!(sent(&told, peer, switch(5_001, true)), 1);
    }
    assert_eq!(sent(&bench.at(3_002), ONE, switch(5_001, true)), 1);
}

#[test]
fn switched_off_it_finishes_its_failure_and_keeps_no_token() {
    let mut bench = Bench::new(config());
    let (_, end) = bench.fail(0);
    let off = Input::Switch {
        on: false,
        announced: false,
    };
    let told = bench.give(300, off);
    assert!(matches!(
        told[..],
        [Output::State {
            on: false,
            here: false,
            failing: true,
            ..
        }]
    ));
    let told = bench.at(end);
    assert_eq!(told[0], Output::Recover);
    assert_eq!(sent(&told, ONE, switch(300, false)), 1);
    assert_eq!(sent(&told, THREE, TokenPacket::Pass { turn: 6 }), 0);
    bench.at(end + 100);
    assert_eq!(bench.machine.deadline(), None);
    let told = bench.hear(end + 200, ONE, TokenPacket::Pass { turn: 9 });
    assert_eq!(sent(&told, ONE, switch(300, false)), 1);
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn switched_off_it_takes_its_question_back() {
    let mut bench = Bench::new(config());
    let (nonce, _) = bench.ask(0);
    let told = bench.hear(210, ONE, switch(1, false));
    assert_eq!(sent(&told, THREE, TokenPacket::Back { nonce }), 1);
    let permit = TokenPacket::YouMay { nonce };
    bench.hear(211, ONE, permit);
    assert_eq!(bench.hear(212, THREE, permit), vec![]);
}

#[test]
fn an_operator_may_let_it_fail_while_the_simulation_is_off() {
    let mut bench = Bench::new(Config {
        on: false,
        ..config()
    });
    let told = bench.give(1_000, fail_now(9_000));
    let (nonce, hold_ms) = question(&told).expect("asks at once");
    assert_eq!(hold_ms, 2_000, "cut to the longest");
    assert_eq!(sent(&told, ONE, may_i(nonce, 2_000)), 1);
    assert!(not_now(&bench.give(1_001, fail_now(500))));
    bench.hear(1_002, ONE, TokenPacket::YouMay { nonce });
    let told = bench.hear(1_003, THREE, TokenPacket::YouMay { nonce });
    assert_eq!(told[0], Output::Fail { announced: true });
    assert_eq!(bench.at(3_000)[0], Output::Recover);
}

#[test]
fn an_operator_is_told_when_it_is_not_permitted() {
    let mut bench = Bench::new(config());
    let (nonce, _) = question(&bench.give(10, fail_now(500))).expect("asks");
    let told = bench.hear(20, ONE, TokenPacket::YouMayNot { nonce });
    assert!(not_now(&told), "{told:?}");
    let (_, hold_ms) = question(&bench.give(30, fail_now(0))).expect("asks");
    assert_eq!(hold_ms, 1);
    assert!(not_now(&bench.at(31)), "no time left for an answer");
    let (nonce, _) = question(&bench.give(40, fail_now(500))).expect("asks");
    bench.hear(50, ONE, TokenPacket::YouMay { nonce });
    assert!(not_now(&bench.at(440)));
}

#[test]
fn a_server_alone_never_fails_on_purpose() {
    let mut bench = Bench::new(Config {
        peers: vec![],
        ..config()
    });
    assert!(not_now(&bench.give(10, fail_now(500))));
    for at in (0..20_000).step_by(100) {
        for output in bench.at(at) {
            assert!(!matches!(output, Output::Fail { .. }));
        }
    }
}

#[test]
fn an_operator_or_the_end_of_the_server_passes_the_token_on() {
    for input in [Input::PassOn, Input::Retired] {
        let mut bench = Bench::new(config());
        bench.hear(0, ONE, TokenPacket::Pass { turn: 5 });
        let told = bench.give(1, input);
        assert_eq!(sent(&told, THREE, TokenPacket::Pass { turn: 6 }), 1);
    }
}

#[test]
fn a_server_that_is_about_to_end_fails_no_more_on_purpose() {
    let mut bench = Bench::new(config());
    bench.give(1, Input::Retired);
    assert!(not_now(&bench.give(2, fail_now(1_000))));
}
