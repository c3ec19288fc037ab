//! Pictures on offer, and galleries asked for.

use super::*;

fn gallery(bench: &mut Bench) -> Vec<GalleryItem> {
    let wish = bench.wish();
    bench.give(Input::GalleryWanted { wish, peer: None });
    match bench.outcome(wish) {
        Outcome::Gallery { items, .. } => items,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_offer_is_in_the_gallery_by_name_and_survives_a_restart() {
    let mut bench = Bench::new();
    let wish = bench.offer("sea");
    assert_eq!(bench.outcome(wish), offered("sea"));
    bench.offer("beach");
    for _ in 0..2 {
        let items = gallery(&mut bench);
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["beach", "sea"]);
        assert_eq!(items[1].size_bytes, "original of sea".len() as u32);
        assert_eq!(items[1].preview, Bytes::from_static(b"orig"));
        bench.restart();
    }
    let file = bench.files.keys().next().expect("a file is kept");
    assert_eq!(file.folder, Folder::Originals);
    assert!(!file.name.contains("beach"));
}

#[test]
fn the_same_name_again_replaces_the_offer() {
    let mut bench = Bench::new();
    bench.offer("sea");
    let wish = bench.wish();
    bench.give(Input::OfferWanted {
        wish,
        name: "sea".to_owned(),
        original: Bytes::from_static(b"new"),
        keep_metadata: false,
    });
    let items = gallery(&mut bench);
    assert_eq!((items.len(), items[0].size_bytes), (1, 3));
    assert_eq!(bench.files.len(), 1);
}

#[test]
fn a_name_that_is_a_path_or_too_long_is_refused() {
    let mut bench = Bench::new();
    let long = "x".repeat(NAME_MAX_BYTES + 1);
    for name in ["", "..", "a/b", "a\\b", " a", "a\n", &long] {
        let wish = bench.offer(name);
        assert_eq!(bench.reason(wish), Reason::Usage, "{name:?}");
    }
    let wish = bench.offer(&long[1..]);
    assert_eq!(bench.outcome(wish), offered(&long[1..]));
}

#[test]
fn offers_end_at_their_limit_but_can_be_replaced() {
    let mut bench = Bench::with(Config {
        offers_max: 2,
        ..config()
    });
    bench.offer("a");
    let wish = bench.offer("b");
    assert_eq!(bench.outcome(wish), offered("b"));
    let wish = bench.offer("c");
    assert_eq!(bench.reason(wish), Reason::Busy);
    let wish = bench.offer("a");
    assert_eq!(bench.outcome(wish), offered("a"));
}

#[test]
fn a_disk_or_a_pool_that_fails_fails_the_offer() {
    let mut bench = Bench::new();
    bench.disk_works = false;
    let wish = bench.offer("sea");
    assert_eq!(bench.reason(wish), Reason::Disk);
    assert_eq!(gallery(&mut bench), []);
    let (wish, mut out) = (bench.wish(), Outbox::new());
    let input = Input::OfferWanted {
        wish,
        name: "sea".to_owned(),
        original: Bytes::from_static(b"x"),
        keep_metadata: false,
    };
    bench.sharing.handle(bench.now, input, &mut out);
    bench.pass(bench.config.step_ms);
    assert_eq!(bench.reason(wish), Reason::Unreachable);
}

#[test]
fn wishes_end_at_their_limit() {
    let mut bench = Bench::with(Config {
        jobs_max: 1,
        ..config()
    });
    let share = bench.share("bob", "sea", Some(Bytes::from_static(b"x")), 1);
    assert_eq!(bench.news(share), []);
    let wish = bench.offer("sea");
    assert_eq!(bench.reason(wish), Reason::Busy);
}

fn peer_gallery(bench: &mut Bench) -> (WishId, Ticket, u64) {
    let wish = bench.wish();
    let peer = Some("@bob".to_owned());
    bench.give(Input::GalleryWanted { wish, peer });
    let (ticket, to, note) = bench.posts().pop().expect("is posted");
    assert_eq!(to, identity(BOB));
    match note {
        Note::GalleryAsk { nonce, from_name } => {
            assert_eq!(from_name, "alice");
            (wish, ticket, nonce)
        }
        other => panic!("{other:?}"),
    }
}

fn page(nonce: u64) -> Note {
    Note::Gallery {
        nonce,
        items: vec![GalleryItem {
            name: "cat".to_owned(),
            size_bytes: 9,
            preview: Bytes::new(),
        }],
        refused: false,
    }
}

#[test]
fn a_gallery_counts_only_from_the_peer_that_was_asked_and_with_its_number() {
    let mut bench = Bench::new();
    let (wish, ticket, nonce) = peer_gallery(&mut bench);
    let how = Posted::Direct;
    bench.give(Input::Posted { ticket, how });
    bench.note(CARA, page(nonce));
    bench.note(BOB, page(nonce.wrapping_add(1)));
    assert_eq!(bench.news(wish), []);
    let letter = bench.note(BOB, page(nonce));
    assert!(bench.is_kept(letter));
    assert!(matches!(bench.outcome(wish), Outcome::Gallery { items, .. } if items.len() == 1));
    bench.note(BOB, page(nonce));
    bench.pass(100_000);
    assert_eq!(bench.news(wish).len(), 1);
}

#[test]
fn a_peer_who_is_away_or_silent_is_unreachable() {
    let mut bench = Bench::new();
    for how in [Posted::Queued, Posted::Lost] {
        let (wish, ticket, _) = peer_gallery(&mut bench);
        bench.give(Input::Posted { ticket, how });
        assert_eq!(bench.reason(wish), Reason::Unreachable);
    }
    let (wish, ..) = peer_gallery(&mut bench);
    bench.pass(bench.config.gallery_wait_ms - 1);
    assert_eq!(bench.news(wish), []);
    bench.pass(1);
    assert_eq!(bench.reason(wish), Reason::Unreachable);
}

#[test]
fn a_peer_sees_previews_up_to_the_limits_unless_a_rule_refuses() {
    let mut bench = Bench::new();
    for index in 0..=GALLERY_MAX_ITEMS {
        let wish = bench.wish();
        let (ticket, mut out) = (bench.sharing.tickets, Outbox::new());
        let input = Input::OfferWanted {
            wish,
            name: format!("{index:064}"),
            original: Bytes::from_static(b"x"),
            keep_metadata: true,
        };
        bench.sharing.handle(bench.now, input, &mut out);
        let ticket = { ticket }.draw();
        let done = WorkDone::Previewed(Bytes::from(vec![0; 1_200]));
        bench.give(Input::Worked { ticket, done });
    }
    let from_name = "bob".to_owned();
    let ask = Note::GalleryAsk {
        nonce: 4,
        from_name,
    };
    let letter = bench.note(BOB, ask.clone());
    assert!(bench.is_kept(letter));
    let (_, to, note) = bench.posts().pop().expect("is posted");
    assert_eq!(to, identity(BOB));
    assert!(crate::proto::codec::encode(&note).len() < LETTER_MAX_BYTES - 1_000);
    assert!(
        matches!(note, Note::Gallery { nonce: 4, items, refused: false }
            if items.len() == GALLERY_MAX_ITEMS)
    );
    let asks = AskRule::Wait;
    let previews = false;
    bench.rule("bob", Some(Rule { previews, asks }));
    bench.note(BOB, ask);
    let (.., note) = bench.posts().pop().expect("is posted");
    assert!(matches!(note, Note::Gallery { nonce: 4, items, refused: true } if items.is_empty()));
}
