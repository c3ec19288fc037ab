//! What a photograph tells beside the picture, taken out or kept.

use super::*;

const DIRTY: Bytes = Bytes::from_static(b"dirty photograph");
const CLEAN: Bytes = Bytes::from_static(b"photograph");

fn removed() -> Vec<String> {
    vec!["place (GPS)".to_owned()]
}

fn share(bench: &mut Bench, conditions: Conditions, keep_metadata: bool) -> WishId {
    let wish = bench.wish();
    bench.give(Input::ShareWanted {
        wish,
        name: "sea".to_owned(),
        original: Some(DIRTY),
        to: "bob".to_owned(),
        views: 2,
        conditions,
        carrier: Carrier::default(),
        keep_metadata,
    });
    wish
}

#[test]
fn an_offer_is_kept_without_metadata_unless_they_are_wanted() {
    for (keep_metadata, file, told) in [(false, CLEAN, removed()), (true, DIRTY, vec![])] {
        let mut bench = Bench::new();
        let wish = bench.wish();
        bench.give(Input::OfferWanted {
            wish,
            name: "sea".to_owned(),
            original: DIRTY,
            keep_metadata,
        });
        let name = "sea".to_owned();
        let removed = told;
        assert_eq!(bench.outcome(wish), Outcome::Offered { name, removed });
        assert_eq!(bench.files.values().collect::<Vec<_>>(), [&file]);
    }
}

#[test]
fn a_shared_file_is_hidden_without_metadata_unless_they_are_wanted() {
    for (keep_metadata, file, told) in [(false, CLEAN, removed()), (true, DIRTY, vec![])] {
        let mut bench = Bench::new();
        let wish = share(&mut bench, DELETED, keep_metadata);
        let (.., original) = bench.making().expect("is ordered");
        assert_eq!(original, file);
        bench.make();
        bench.opened(Ok(true));
        let Outcome::Shared { removed, .. } = bench.outcome(wish) else {
            panic!("not shared");
        };
        assert_eq!(removed, told);
    }
}

#[test]
fn a_delivery_is_seen_to_move_by_who_waits_for_it() {
    let mut bench = Bench::new();
    let wish = share(&mut bench, DELETED, false);
    bench.make();
    let (ticket, ..) = bench.opening().expect("is ordered");
    let progress = Progress::Delivering {
        done_bytes: 3,
        total_bytes: 7,
    };
    bench.give(Input::Making { ticket, progress });
    assert_eq!(bench.news(wish).last(), Some(&News::Progress(progress)));
    bench.opened(Ok(true));
    let before = bench.news(wish).len();
    bench.give(Input::Making { ticket, progress });
    assert_eq!(bench.news(wish).len(), before);
}

#[test]
fn no_grant_ends_before_it_begins_or_shows_for_no_time() {
    let now = {
        let bench = Bench::new();
        bench.config.calendar.at(bench.now)
    };
    let later = WallTime(now.0 + 1);
    for (until, show_ms, is_fine) in [
        (Some(now), None, false),
        (Some(later), None, true),
        (None, Some(999), false),
        (None, Some(1_000), true),
        (None, Some(3_600_000), true),
        (None, Some(3_600_001), false),
    ] {
        let mut bench = Bench::new();
        let conditions = Conditions {
            until,
            show_ms,
            ..DELETED
        };
        let wish = share(&mut bench, conditions, true);
        assert_eq!(bench.making().is_some(), is_fine, "{until:?} {show_ms:?}");
        if is_fine {
            bench.make();
            let (.., grant) = bench.opening().expect("is ordered");
            assert_eq!(grant.conditions, conditions);
        } else {
            assert_eq!(bench.reason(wish), Reason::Usage);
        }
    }
}
