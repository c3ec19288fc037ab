use super::*;
use crate::proto::ids::{AskId, GrantId};
use crate::proto::lease::{Conditions, Ended, Terms};

const NOW: WallTime = WallTime(1_000);

fn lease(name: &str) -> Lease {
    Lease {
        grant: GrantId([1; 16]),
        name: name.into(),
        ours: false,
        peer: "alice".into(),
        terms: Terms::new(2, None),
        conditions: Conditions::default(),
        granted_at: WallTime(1),
        ended: None,
        picture_bytes: 10,
        delivered: true,
        file: Some("00.png".into()),
        taken: None,
    }
}

fn ask(name: &str, state: AskState) -> OpenAsk {
    OpenAsk {
        ask: AskId([2; 16]),
        ours: true,
        peer: "alice".into(),
        image: name.into(),
        views: 3,
        remark: String::new(),
        at: WallTime(5),
        state,
    }
}

fn item(name: &str) -> GalleryItem {
    GalleryItem {
        name: name.into(),
        size_bytes: 7,
        preview: Bytes::from_static(b"blur"),
    }
}

fn state(lease: Option<&Lease>, asks: &[OpenAsk]) -> State {
    let around = Circumstances {
        now: NOW,
        is_connected: true,
        is_owner_here: false,
        is_viewing: &|_| false,
        is_cut_short: &|_| false,
    };
    tile("alice", "beach", None, lease, asks, &around).state
}

#[test]
fn a_picture_goes_from_offered_over_asked_to_granted() {
    let offered = State::Offered { denied: None };
    assert_eq!(state(None, &[]), offered);
    let open = ask("beach", AskState::Open);
    let asked = State::Asked {
        is_owner_here: false,
    };
    assert_eq!(state(None, std::slice::from_ref(&open)), asked);
    assert_eq!(state(None, &[ask("cat", AskState::Open)]), offered);
    assert_eq!(state(Some(&lease("beach")), &[open]), State::Granted);
    let denied = ask("beach", AskState::Denied("no".into()));
    let told = State::Offered {
        denied: Some("no".into()),
    };
    assert_eq!(state(None, &[denied]), told);
}

#[test]
fn a_grant_that_is_not_here_is_on_its_way() {
    let mut coming = lease("beach");
    coming.delivered = false;
    assert_eq!(state(Some(&coming), &[]), State::OnItsWay);
}

#[test]
fn an_end_is_told_with_its_reason() {
    let mut spent = lease("beach");
    spent.terms.used = 2;
    assert_eq!(state(Some(&spent), &[]), State::Ended(EndReason::Spent));
    let mut revoked = lease("beach");
    revoked.terms.revoked = true;
    assert_eq!(state(Some(&revoked), &[]), State::Ended(EndReason::Revoked));
    let mut expired = lease("beach");
    expired.terms.until = Some(NOW);
    assert_eq!(state(Some(&expired), &[]), State::Ended(EndReason::Expired));
    let mut told = lease("beach");
    told.ended = Some(Ended {
        reason: EndReason::Expired,
        at: NOW,
    });
    assert_eq!(state(Some(&told), &[]), State::Ended(EndReason::Expired));
}

#[test]
fn more_looks_may_be_asked_for_when_none_is_left() {
    let mut spent = lease("beach");
    spent.terms.used = 2;
    let open = ask("beach", AskState::Open);
    assert!(matches!(state(Some(&spent), &[open]), State::Asked { .. }));
}

#[test]
fn without_servers_a_grant_is_stale() {
    let around = Circumstances {
        now: NOW,
        is_connected: false,
        is_owner_here: false,
        is_viewing: &|_| false,
        is_cut_short: &|_| false,
    };
    assert_eq!(lease_state(&lease("beach"), &around), State::Stale);
    let cut = Circumstances {
        is_cut_short: &|_| true,
        ..around
    };
    assert_eq!(lease_state(&lease("beach"), &cut), State::Interrupted);
    let viewing = Circumstances {
        is_viewing: &|_| true,
        ..cut
    };
    assert_eq!(lease_state(&lease("beach"), &viewing), State::Viewing);
}

#[test]
fn a_picture_that_is_offered_no_more_stays_while_there_is_a_grant() {
    let around = Circumstances {
        now: NOW,
        is_connected: true,
        is_owner_here: true,
        is_viewing: &|_| false,
        is_cut_short: &|_| false,
    };
    let mut other = lease("cat");
    other.peer = "cara".into();
    let leases = [lease("gone"), other];
    let asks = [ask("dog", AskState::Open), ask("old", AskState::Withdrawn)];
    let tiles = tiles("alice", &[item("beach")], &leases, &asks, &around);
    let names: Vec<&str> = tiles.iter().map(|tile| tile.name.as_str()).collect();
    assert_eq!(names, ["beach", "gone", "dog"]);
    assert!(tiles[0].preview.is_some() && tiles[1].preview.is_none());
}
