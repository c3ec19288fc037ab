use proptest::prelude::*;

use super::*;

const ME: NodeId = NodeId(2);
const LOW: NodeId = NodeId(1);
const HIGH: NodeId = NodeId(3);

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn config() -> Config {
    Config::lan(ME, vec![LOW, HIGH], WallTime(1_000))
}

fn report(incarnation: u64, sequence: u64) -> LoadReport {
    LoadReport {
        incarnation: WallTime(incarnation),
        sequence,
        speed_milli: 2_000,
        ..NEVER_HEARD
    }
}

fn heard(from: NodeId, incarnation: u64, sequence: u64) -> Input {
    let report = report(incarnation, sequence);
    Input::Heard { from, report }
}

fn give(machine: &mut Membership, now: Moment, input: Input) -> Vec<Output> {
    let mut out = Outbox::new();
    machine.handle(now, input, &mut out);
    out.take()
}

/// Runs every deadline up to and including `end`, each on time.
fn run_until(machine: &mut Membership, end: Moment) -> Vec<Output> {
    let mut out = Outbox::new();
    while let Some(due) = machine.deadline().filter(|&due| due <= end) {
        machine.on_deadline(due, &mut out);
        assert!(machine.deadline().is_none_or(|next| next > due));
    }
    out.take()
}

fn wake(machine: &mut Membership, now: Moment) -> Vec<Output> {
    let mut out = Outbox::new();
    machine.on_deadline(now, &mut out);
    out.take()
}

fn started() -> Membership {
    let mut machine = Membership::new(config());
    run_until(&mut machine, Moment::START);
    machine
}

fn last_view(outputs: &[Output]) -> Option<&[Member]> {
    outputs.iter().rev().find_map(|output| match output {
        Output::View(members) => Some(members.as_slice()),
        Output::Send { .. } | Output::Suspected(_) | Output::Silent => None,
    })
}

fn sent(outputs: &[Output]) -> Vec<(NodeId, Packet)> {
    let packets = outputs.iter().filter_map(|output| match output {
        Output::Send { to, packet } => Some((*to, packet.clone())),
        Output::View(_) | Output::Suspected(_) | Output::Silent => None,
    });
    packets.collect()
}

fn is_alive(machine: &Membership, node: NodeId) -> bool {
    let outputs = [machine.view()];
    let members = last_view(&outputs).expect("a view");
    let member = members.iter().find(|member| member.node == node);
    member.expect("a configured server").alive
}

#[test]
fn it_reports_at_once_and_knows_nobody_alive() {
    let mut machine = Membership::new(config());
    assert_eq!(machine.deadline(), Some(Moment::START));
    let outputs = run_until(&mut machine, Moment::START);
    let own = LoadReport {
        incarnation: WallTime(1_000),
        sequence: 1,
        speed_milli: UNMEASURED_SPEED_MILLI,
        ..NEVER_HEARD
    };
    assert_eq!(
        sent(&outputs),
        vec![(LOW, Packet::Load(own)), (HIGH, Packet::Load(own))]
    );
    let stranger = |node| Member {
        node,
        alive: false,
        report: NEVER_HEARD,
    };
    let me = Member {
        node: ME,
        alive: true,
        report: own,
    };
    assert_eq!(
        last_view(&outputs),
        Some([stranger(LOW), me, stranger(HIGH)].as_slice())
    );
}

#[test]
fn it_reports_every_period_with_a_new_number() {
    let mut machine = started();
    let outputs = run_until(&mut machine, at(300));
    let numbers: Vec<u64> = sent(&outputs)
        .into_iter()
        .filter(|(to, _)| *to == LOW)
        .map(|(_, packet)| match packet {
            Packet::Load(report) => report.sequence,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, vec![2, 3, 4]);
}

#[test]
fn a_server_is_alive_when_heard_and_lost_after_its_silence() {
    let mut machine = started();
    let outputs = give(&mut machine, at(50), heard(LOW, 7, 1));
    let members = last_view(&outputs).expect("a view");
    assert!(members[0].alive && !members[2].alive);
    assert_eq!(members[0].report, report(7, 1));
    run_until(&mut machine, at(449));
    assert!(is_alive(&machine, LOW));
    let outputs = run_until(&mut machine, at(450));
    assert!(outputs.contains(&Output::Suspected(LOW)));
    assert!(!outputs.contains(&Output::Suspected(HIGH)), "never heard");
    let members = last_view(&outputs).expect("a view");
    assert!(!members[0].alive);
    assert_eq!(members[0].report, report(7, 1), "the last report stays");
}

#[test]
fn a_report_that_is_not_newer_is_no_sign_of_life() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 5));
    for (incarnation, sequence) in [(7, 5), (7, 4), (6, 900)] {
        let outputs = give(&mut machine, at(300), heard(LOW, incarnation, sequence));
        assert!(outputs.is_empty());
    }
    run_until(&mut machine, at(410));
    assert!(!is_alive(&machine, LOW));
    assert!(give(&mut machine, at(420), heard(LOW, 7, 5)).is_empty());
    assert!(!is_alive(&machine, LOW));
    give(&mut machine, at(430), heard(LOW, 8, 1));
    assert!(is_alive(&machine, LOW), "a restarted server counts anew");
}

#[test]
fn a_server_whose_clock_was_set_back_is_heard_after_a_long_silence() {
    let mut machine = started();
    give(&mut machine, at(0), heard(LOW, 7, 5));
    run_until(&mut machine, at(4_000));
    assert!(give(&mut machine, at(3_999), heard(LOW, 6, 1)).is_empty());
    give(&mut machine, at(4_000), heard(LOW, 6, 1));
    assert!(is_alive(&machine, LOW));
}

#[test]
fn a_goodbye_counts_at_once_and_once() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 1));
    let outputs = give(&mut machine, at(20), Input::ByeHeard(LOW));
    assert!(!last_view(&outputs).expect("a view")[0].alive);
    assert!(give(&mut machine, at(21), Input::ByeHeard(LOW)).is_empty());
    assert!(give(&mut machine, at(22), heard(LOW, 7, 1)).is_empty());
    give(&mut machine, at(23), heard(LOW, 7, 2));
    assert!(is_alive(&machine, LOW));
}

#[test]
fn own_lateness_is_added_once_to_what_the_others_are_allowed() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 1));
    // Due at 100, called at 1,100: deaf for 1,000.
    wake(&mut machine, at(1_100));
    assert!(is_alive(&machine, LOW));
    run_until(&mut machine, at(1_409));
    assert!(is_alive(&machine, LOW));
    run_until(&mut machine, at(1_410));
    assert!(!is_alive(&machine, LOW));
}

#[test]
fn a_server_heard_while_late_is_excused_only_for_the_rest() {
    let mut machine = started();
    give(&mut machine, at(1_000), heard(LOW, 7, 1));
    wake(&mut machine, at(1_100));
    run_until(&mut machine, at(1_499));
    assert!(is_alive(&machine, LOW));
    run_until(&mut machine, at(1_500));
    assert!(!is_alive(&machine, LOW));
}

#[test]
fn lateness_within_a_period_excuses_nobody() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 1));
    wake(&mut machine, at(200));
    run_until(&mut machine, at(409));
    assert!(is_alive(&machine, LOW));
    run_until(&mut machine, at(410));
    assert!(!is_alive(&machine, LOW));
}

/// Until when a server that was heard now is allowed to be silent, in milliseconds.
fn allowed_ms(machine: &mut Membership, now: u64, sequence: u64) -> u64 {
    give(machine, at(now), heard(LOW, 7, sequence));
    let until = machine.peers[&LOW].alive_until.expect("alive");
    until.since(at(now)).as_millis() as u64
}

#[test]
fn who_is_late_allows_the_others_more_for_a_while_and_never_without_end() {
    let mut machine = started();
    assert_eq!(allowed_ms(&mut machine, 10, 1), 400);
    let mut now = 10;
    for (number, allowed) in (2..).zip([800, 1_200, 1_600, 1_600, 1_600]) {
        now = machine
            .deadline()
            .expect("it gossips")
            .since(at(0))
            .as_millis() as u64
            + 60;
        wake(&mut machine, at(now));
        assert_eq!(allowed_ms(&mut machine, now, number), allowed);
    }
    // On time from here on.
    run_until(&mut machine, at(now + 4_900));
    assert_eq!(allowed_ms(&mut machine, now + 4_900, 7), 1_600);
    run_until(&mut machine, at(now + 5_100));
    assert_eq!(allowed_ms(&mut machine, now + 5_100, 8), 1_200);
    run_until(&mut machine, at(now + 15_100));
    assert_eq!(allowed_ms(&mut machine, now + 15_100, 9), 400);
}

#[test]
fn when_all_others_are_late_at_once_they_have_twice_the_time_and_no_more() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 1));
    give(&mut machine, at(20), heard(HIGH, 7, 1));
    run_until(&mut machine, at(809));
    assert!(is_alive(&machine, LOW) && is_alive(&machine, HIGH));
    let outputs = run_until(&mut machine, at(820));
    assert!(outputs.contains(&Output::Suspected(LOW)));
    assert!(outputs.contains(&Output::Suspected(HIGH)));
}

#[test]
fn one_of_two_that_is_silent_has_the_usual_time() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 1));
    for number in 1..5 {
        let now = at(number * 100);
        run_until(&mut machine, now);
        give(&mut machine, now, heard(HIGH, 7, number));
    }
    assert!(is_alive(&machine, LOW));
    assert!(run_until(&mut machine, at(410)).contains(&Output::Suspected(LOW)));
}

#[test]
fn who_took_another_for_lost_by_mistake_waits_longer_the_next_time() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 1));
    run_until(&mut machine, at(500));
    assert!(!is_alive(&machine, LOW));
    assert_eq!(allowed_ms(&mut machine, 500, 5), 800);
    // One that began anew was lost indeed, and so was one that was away for long.
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 6, 1));
    run_until(&mut machine, at(500));
    assert_eq!(allowed_ms(&mut machine, 500, 1), 400);
    run_until(&mut machine, at(2_100));
    assert_eq!(allowed_ms(&mut machine, 2_100, 2), 400);
}

#[test]
fn a_call_before_the_deadline_does_nothing() {
    let mut machine = started();
    assert!(wake(&mut machine, at(99)).is_empty());
    assert_eq!(machine.deadline(), Some(at(100)));
}

#[test]
fn each_own_change_shows_once() {
    let mut machine = started();
    let changes = [
        Input::Jobs {
            queued: 3,
            running: 2,
        },
        Input::Speed(1_500),
        Input::Mail {
            digest: 9,
            caught_up: false,
        },
        Input::Names {
            digest: 8,
            caught_up: true,
        },
    ];
    for change in changes {
        let outputs = give(&mut machine, at(1), change.clone());
        assert_eq!(outputs.len(), 1, "{change:?}");
        assert!(give(&mut machine, at(2), change).is_empty());
    }
    let own = machine.own;
    assert_eq!((own.queued, own.running, own.speed_milli), (3, 2, 1_500));
    assert_eq!((own.mail_digest, own.names_digest), (9, 8));
}

#[test]
fn it_has_caught_up_when_letters_and_names_have() {
    let mut machine = started();
    let mail = |caught_up| Input::Mail {
        digest: 0,
        caught_up,
    };
    let names = |caught_up| Input::Names {
        digest: 0,
        caught_up,
    };
    let steps = [
        (mail(true), false),
        (names(true), true),
        (mail(false), false),
        (mail(true), true),
        (names(false), false),
    ];
    for (step, expected) in steps {
        give(&mut machine, at(1), step);
        assert_eq!(machine.own.caught_up, expected);
    }
}

#[test]
fn a_speed_of_zero_is_never_shown() {
    let mut machine = started();
    give(&mut machine, at(1), Input::Speed(0));
    assert_eq!(machine.own.speed_milli, 1);
    let report = LoadReport {
        speed_milli: 0,
        ..report(7, 1)
    };
    give(&mut machine, at(1), Input::Heard { from: LOW, report });
    assert_eq!(machine.peers[&LOW].report.speed_milli, 1);
}

#[test]
fn strangers_and_itself_are_not_heard() {
    let mut machine = Membership::new(Config {
        peers: vec![LOW, ME, HIGH],
        ..config()
    });
    assert_eq!(sent(&run_until(&mut machine, Moment::START)).len(), 2);
    for from in [ME, NodeId(9)] {
        assert!(give(&mut machine, at(1), heard(from, 7, 1)).is_empty());
        assert!(give(&mut machine, at(1), Input::ByeHeard(from)).is_empty());
    }
}

#[test]
fn an_announced_halt_says_goodbye_then_nothing_until_it_is_back() {
    let mut machine = started();
    give(&mut machine, at(10), heard(LOW, 7, 1));
    let halt = Input::Halted { announced: true };
    let outputs = give(&mut machine, at(20), halt.clone());
    let bye = |to| Output::Send {
        to,
        packet: Packet::Bye,
    };
    assert_eq!(outputs, [bye(LOW), bye(HIGH), Output::Silent]);
    assert_eq!(machine.deadline(), None);
    let jobs = Input::Jobs {
        queued: 1,
        running: 0,
    };
    assert_eq!(give(&mut machine, at(30), halt), [Output::Silent]);
    let ignored = [heard(LOW, 7, 2), Input::ByeHeard(LOW), jobs];
    for input in ignored {
        assert!(give(&mut machine, at(30), input).is_empty());
    }
    assert!(wake(&mut machine, at(5_000)).is_empty());

    let outputs = give(&mut machine, at(6_000), Input::Resumed);
    let members = last_view(&outputs).expect("a view");
    assert!(!members[0].alive && members[1].alive && !members[2].alive);
    assert_eq!(members[0].report, NEVER_HEARD);
    assert_eq!(members[1].report.queued, 1, "what happened meanwhile shows");
    assert_eq!(members[1].report.sequence, 2, "numbers go on");
    assert_eq!(sent(&outputs).len(), 2);
    assert_eq!(machine.deadline(), Some(at(6_100)));
    assert!(give(&mut machine, at(6_001), Input::Resumed).is_empty());
}

#[test]
fn an_abrupt_halt_says_nothing() {
    let mut machine = started();
    let halt = Input::Halted { announced: false };
    assert_eq!(give(&mut machine, at(20), halt), [Output::Silent]);
    assert_eq!(machine.deadline(), None);
}

#[test]
fn a_server_without_peers_still_shows_itself() {
    let mut machine = Membership::new(Config::lan(ME, vec![], WallTime(1)));
    let outputs = run_until(&mut machine, Moment::START);
    assert_eq!(outputs.len(), 1);
    assert_eq!(last_view(&outputs).expect("a view").len(), 1);
}

proptest! {
    #[test]
    fn the_newest_report_stays_in_whatever_order_they_come(
        reports in prop::collection::vec((1u64..4, 1u64..20), 1..30),
    ) {
        let mut machine = started();
        for &(incarnation, sequence) in &reports {
            give(&mut machine, at(1), heard(LOW, incarnation, sequence));
        }
        let newest = reports.iter().max().expect("at least one");
        let kept = machine.peers[&LOW].report;
        prop_assert_eq!((kept.incarnation.0, kept.sequence), *newest);
    }

    #[test]
    fn a_server_that_is_heard_in_time_is_never_lost(
        gaps in prop::collection::vec(1u64..400, 1..40),
        lates in prop::collection::vec(0u64..900, 40),
    ) {
        // Whatever the own lateness: the others report in time.
        let mut machine = started();
        let mut now = 0;
        for (number, (gap, late)) in gaps.iter().zip(&lates).enumerate() {
            give(&mut machine, at(now), heard(LOW, 7, number as u64 + 1));
            now += gap;
            if let Some(due) = machine.deadline().filter(|&due| due <= at(now)) {
                now += late;
                let outputs = wake(&mut machine, due.max(at(now)));
                if let Some(members) = last_view(&outputs) {
                    prop_assert!(members[0].alive);
                }
            }
        }
    }
}

#[test]
fn that_it_is_about_to_end_is_told_to_everybody_at_once() {
    let mut machine = Membership::new(config());
    run_until(&mut machine, Moment::START);
    let mut out = Outbox::new();
    machine.handle(Moment::from_millis(1), Input::Retired, &mut out);
    let told = sent(&out.take());
    let drains =
        |(_, packet): &(NodeId, Packet)| matches!(packet, Packet::Load(report) if report.draining);
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(drains), "{told:?}");
}
