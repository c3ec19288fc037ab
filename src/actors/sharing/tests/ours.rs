//! Questions that we ask of others.

use super::*;

fn posted_ask(bench: &Bench) -> (Ticket, ImageAsk) {
    let (ticket, to, note) = bench.posts().pop().expect("is posted");
    assert_eq!(to, identity(BOB));
    match note {
        Note::ImageAsk(ask) => (ticket, ask),
        other => panic!("{other:?}"),
    }
}

fn decision(ask: AskId) -> Note {
    let verdict = verdict();
    Note::Decision { ask, verdict }
}

fn verdict() -> Verdict {
    Verdict::Approved {
        grant: GrantId([5; 16]),
        views: 2,
    }
}

#[test]
fn a_question_is_on_disk_before_it_is_posted() {
    let mut bench = Bench::new();
    bench.disk_works = false;
    let wish = bench.ask(0);
    assert_eq!(bench.reason(wish), Reason::Disk);
    assert_eq!(bench.posts(), []);
    bench.disk_works = true;
    let wish = bench.ask(0);
    let (_, ask) = posted_ask(&bench);
    let verdict = None;
    let ask = ask.ask;
    assert_eq!(bench.outcome(wish), Outcome::Asked { ask, verdict });
    assert_eq!(bench.rows.len(), 1);
}

#[test]
fn the_word_of_the_peer_who_was_asked_ends_the_wait() {
    let mut bench = Bench::new();
    let wish = bench.ask(10_000);
    let ask = posted_ask(&bench).1.ask;
    let letter = bench.note(CARA, decision(ask));
    assert!(bench.is_kept(letter));
    assert_eq!(bench.news(wish), []);
    let letter = bench.note(BOB, decision(ask));
    assert!(bench.is_kept(letter));
    let outcome = Outcome::Asked {
        ask,
        verdict: Some(verdict()),
    };
    assert_eq!(bench.outcome(wish), outcome);
    let denial = Note::Decision {
        ask,
        verdict: Verdict::Denied {
            reason: String::new(),
        },
    };
    bench.note(BOB, denial);
    bench.restart();
    assert_eq!(bench.requests()[0].state, AskState::Approved(2));
    bench.pass(100_000);
    assert_eq!(bench.posts(), []);
}

#[test]
fn a_word_that_the_disk_did_not_take_is_not_confirmed() {
    let mut bench = Bench::new();
    let wish = bench.ask(10_000);
    let ask = posted_ask(&bench).1.ask;
    bench.disk_works = false;
    let letter = bench.note(BOB, decision(ask));
    assert!(!bench.is_kept(letter));
    bench.disk_works = true;
    let letter = bench.note(BOB, decision(ask));
    assert!(bench.is_kept(letter));
    assert_eq!(bench.news(wish).len(), 1);
}

#[test]
fn a_wait_that_ends_leaves_the_question_open() {
    let mut bench = Bench::new();
    let wish = bench.ask(10_000);
    let ask = posted_ask(&bench).1.ask;
    bench.pass(10_000);
    let verdict = None;
    assert_eq!(bench.outcome(wish), Outcome::Asked { ask, verdict });
    bench.note(BOB, decision(ask));
    assert_eq!(bench.news(wish).len(), 1);
    let open = bench.requests();
    assert_eq!(open[0].state, AskState::Approved(2));
    assert!(open[0].ours && open[0].image == "#3" && open[0].peer == "bob");
}

#[test]
fn a_question_is_posted_again_until_the_courier_has_it() {
    let mut bench = Bench::new();
    bench.ask(0);
    let (_, first) = posted_ask(&bench);
    bench.restart();
    let (_, again) = posted_ask(&bench);
    assert_eq!(first, again);
    bench.log.clear();
    bench.pass(bench.config.step_ms);
    let (ticket, _) = posted_ask(&bench);
    let how = Posted::Lost;
    bench.give(Input::Posted { ticket, how });
    bench.log.clear();
    bench.pass(bench.config.step_ms * 2);
    let (ticket, _) = posted_ask(&bench);
    let how = Posted::Queued;
    bench.give(Input::Posted { ticket, how });
    bench.pass(10_000_000);
    assert_eq!(bench.posts().len(), 1);
    bench.restart();
    assert_eq!(bench.posts(), []);
}

#[test]
fn a_courier_that_never_answers_is_not_asked_for_ever() {
    let mut bench = Bench::new();
    bench.ask(0);
    bench.pass(100_000_000);
    assert_eq!(bench.posts().len(), 4);
    assert_eq!(bench.sharing.deadline(), None);
}

#[test]
fn a_confirmed_post_does_not_undo_a_word_on_its_way_to_the_disk() {
    let mut bench = Bench::new();
    bench.ask(0);
    let (ticket, ask) = posted_ask(&bench);
    let mut out = Outbox::new();
    let arrived = Input::NoteArrived {
        letter: LetterId([1; 16]),
        from: identity(BOB),
        posted_at: WallTime(0),
        note: decision(ask.ask),
    };
    bench.sharing.handle(bench.now, arrived, &mut out);
    let how = Posted::Direct;
    let posted = Input::Posted { ticket, how };
    bench.sharing.handle(bench.now, posted, &mut out);
    for order in out.take() {
        if let Some(input) = bench.answer(order) {
            bench.give(input);
        }
    }
    bench.restart();
    assert_eq!(bench.requests()[0].state, AskState::Approved(2));
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let mut bench = Bench::new();
    let mut ask = |peer: &str, views: u32, remark: &str| {
        let wish = bench.wish();
        bench.give(Input::AskWanted {
            wish,
            peer: peer.to_owned(),
            image: ImageRef::Name("beach".to_owned()),
            views,
            remark: remark.to_owned(),
            wait_ms: 0,
        });
        bench.reason(wish)
    };
    assert_eq!(ask("bob", 0, ""), Reason::Usage);
    assert_eq!(ask("bob", VIEWS_MAX + 1, ""), Reason::Usage);
    assert_eq!(ask("bob", 1, &"x".repeat(201)), Reason::Usage);
    assert_eq!(ask("alice", 1, ""), Reason::Usage);
    assert_eq!(ask("nobody", 1, ""), Reason::NotFound);
}

#[test]
fn the_oldest_answered_question_makes_room_and_open_ones_do_not() {
    let mut bench = Bench::with(Config {
        asks_max: 2,
        ..config()
    });
    bench.ask(0);
    let first = posted_ask(&bench).1.ask;
    bench.ask(0);
    let wish = bench.ask(0);
    assert_eq!(bench.reason(wish), Reason::Busy);
    bench.note(BOB, decision(first));
    let wish = bench.ask(0);
    assert!(matches!(bench.outcome(wish), Outcome::Asked { .. }));
    bench.restart();
    let asks = bench.requests();
    assert_eq!(asks.len(), 2);
    assert!(asks.iter().all(|ask| ask.ask != first));
}
