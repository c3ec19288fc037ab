//! Mail and its acknowledgements.

use super::*;

#[test]
fn waiting_mail_is_fetched_from_one_server_at_a_time() {
    let mut bench = Bench::new();
    bench.wait(0);
    let orders = bench.mail_waiting(N2, 3);
    assert_eq!(kinds(&orders), [(N2, ErrandKind::FetchMail)]);
    assert_eq!(bench.mail_waiting(N1, 3), []);
    assert_eq!(bench.mail_waiting(N3, 3), []);
    assert_eq!(bench.mail_waiting(STRANGER, 3), []);
    assert_eq!(bench.wait(999), []);
    assert_eq!(kinds(&bench.wait(1)), [(N1, ErrandKind::FetchMail)]);
    bench.mail_waiting(N3, 0);
    assert_eq!(busy_kinds(&bench.wait(5_000)), []);
}

#[test]
fn letters_that_took_effect_are_acknowledged_to_all_three_times() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.mail_waiting(N1, 17);
    bench.mail_waiting(N2, 17);
    let letters: Vec<LetterId> = (0..=ERRAND_ACKS)
        .map(|number| LetterId([u8::try_from(number).expect("small"); 16]))
        .collect();
    let (first, rest) = letters.split_at(ERRAND_ACKS);
    let round = [
        to_all(&ErrandKind::AckMail(first.to_vec())),
        to_all(&ErrandKind::AckMail(rest.to_vec())),
    ]
    .concat();
    let orders = bench.give(Input::AckMail(letters));
    assert_eq!(kinds(&orders), round);
    assert_eq!(busy_kinds(&bench.wait(700)), round);
    assert_eq!(busy_kinds(&bench.wait(700)), round);
    assert_eq!(busy_kinds(&bench.wait(9_000)), [], "nor fetched again");
    assert_eq!(bench.give(Input::AckMail(vec![])), []);
}

#[test]
fn acknowledgements_that_wait_are_bounded() {
    let mut bench = Bench::new();
    bench.wait(0);
    for _ in 0..70 {
        bench.give(Input::AckMail(vec![LetterId([1; 16])]));
    }
    assert_eq!(busy_kinds(&bench.wait(700)).len(), 64 * 3);
}

#[test]
fn a_missing_user_is_told_to_all() {
    let mut bench = Bench::new();
    let orders = bench.give(Input::Missing(user(2)));
    assert_eq!(kinds(&orders), to_all(&ErrandKind::Missing(user(2))));
}

#[test]
fn a_ping_is_answered_to_its_sender() {
    let mut bench = Bench::new();
    for from in [Party::Server(N1), Party::User(keys(4).user_id())] {
        let orders = bench.give(Input::PingHeard { from, nonce: 8 });
        let packet = Packet::Pong(8);
        assert_eq!(orders, [Output::Send { to: from, packet }]);
    }
}

#[test]
fn rest_is_told_once_mail_is_fetched_and_letters_are_gone() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.give(Input::Queue(1));
    let orders = bench.give(Input::SettleWanted {
        wish: WISH,
        wait_ms: 20_000,
    });
    assert_eq!(busy_kinds(&orders), [(N1, ErrandKind::FetchMail)]);
    assert_eq!(outcome(&bench.wait(1_000)), None, "no server answered");
    bench.here_answered(N1, 2, NameAnswer::Yours);
    assert_eq!(outcome(&bench.wait(1_000)), None, "a letter of ours waits");
    bench.give(Input::Queue(0));
    bench.mail_waiting(N2, 1);
    bench.mail_waiting(N3, 1);
    assert_eq!(outcome(&bench.wait(700)), None, "mail waits");
    bench.give(Input::AckMail(vec![LetterId([1; 16])]));
    assert_eq!(outcome(&bench.wait(599)), None, "something moved");
    assert_eq!(outcome(&bench.wait(1)), Some(Outcome::Settled(true)));
}

#[test]
fn rest_that_does_not_come_in_time_is_told_so() {
    let mut bench = Bench::new();
    bench.wait(0);
    let wish = WISH;
    let wait_ms = 1_000;
    bench.give(Input::SettleWanted { wish, wait_ms });
    let orders = bench.wait(1_000);
    assert_eq!(outcome(&orders), Some(Outcome::Settled(false)));
}
