//! Questions for users, page by page.

use super::*;

#[test]
fn lookups_find_by_name_by_user_and_page_by_page() {
    let mut rig = Rig::alone();
    let count = LOOKUP_PAGE_ENTRIES + 2;
    for number in (1..=count).rev() {
        rig.here(u8::try_from(number).unwrap(), &format!("user{number:02}"));
    }
    assert_eq!(rig.find("user03").unwrap().identity, *user(3).public());
    assert_eq!(rig.find("user"), None);
    let id = user(4).user_id();
    let (by_id, _) = rig.look_up(LookupKind::User(id)).unwrap();
    assert_eq!(by_id[0].name, "user04");
    let mut names = Vec::new();
    for expected_more in [true, false] {
        let last = names.last().cloned().unwrap_or_default();
        let (page, more) = rig.look_up(LookupKind::After(last)).unwrap();
        assert_eq!(more, expected_more);
        assert!(page.len() <= LOOKUP_PAGE_ENTRIES);
        names.extend(page.into_iter().map(|entry| entry.name));
    }
    let all: Vec<String> = (1..=count).map(|n| format!("user{n:02}")).collect();
    assert_eq!(names, all);
}

#[test]
fn a_full_page_that_is_the_last_says_so_and_fits_a_datagram() {
    let mut rig = Rig::alone();
    for number in 1..=u8::try_from(LOOKUP_PAGE_ENTRIES).unwrap() {
        let name = format!("{number}{}", "x".repeat(NAME_MAX_BYTES - 1));
        let errand = rig.errand(number, here(&name));
        rig.give(carried(errand, "[2001:db8::1]:65535".parse().unwrap()));
    }
    rig.said();
    let (entries, more) = rig.look_up(LookupKind::After(String::new())).unwrap();
    assert_eq!((entries.len(), more), (LOOKUP_PAGE_ENTRIES, false));
    let nonce = u64::MAX;
    let answer = crate::proto::packet::LookupAnswer {
        nonce,
        entries,
        more,
        pass: None,
    };
    assert!(codec::encode_packet(&Packet::LookupAnswer(answer)).is_ok());
}

/// The pass that comes with the answer to who asks.
fn pass_of(rig: &mut Rig, asker: u8, wanted: LookupKind) -> Option<Pass> {
    rig.give(Input::LookupArrived {
        client: id(asker),
        lookup: Lookup { nonce: 5, wanted },
    });
    let said = rig.said();
    match said.as_slice() {
        [
            Output::Send {
                to,
                packet: Packet::LookupAnswer(answer),
            },
        ] if *to == id(asker) => answer.pass,
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn who_is_known_gets_a_pass_with_the_answer_about_one_user() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    rig.here(2, "bob");
    rig.pass(1_000);
    let until = WallTime(TODAY.0 + 1_000 + PASS_MS);
    for wanted in [LookupKind::User(id(2)), LookupKind::Name("bob".to_owned())] {
        let pass = pass_of(&mut rig, 1, wanted).expect("a pass");
        assert_eq!((pass.asker, pass.peer), (id(1), id(2)));
        assert_eq!((pass.server, pass.until), (NodeId(1), until));
        assert!(passes::verify(&server_key().public(), &pass));
    }
    let none = [
        LookupKind::After(String::new()),
        LookupKind::User(id(1)),
        LookupKind::User(id(7)),
        LookupKind::Name("zoe".to_owned()),
    ];
    for wanted in none {
        assert_eq!(pass_of(&mut rig, 1, wanted), None);
    }
}

#[test]
fn whom_nobody_has_met_gets_no_pass() {
    let mut rig = Rig::alone();
    rig.here(2, "bob");
    assert_eq!(pass_of(&mut rig, 1, LookupKind::User(id(2))), None);
    // Present under a name that is another's: known by their keys.
    assert_eq!(rig.here(1, "bob"), Some(NameAnswer::Taken));
    assert!(pass_of(&mut rig, 1, LookupKind::User(id(2))).is_some());
    rig.wish(1, ErrandKind::Leave);
    assert_eq!(pass_of(&mut rig, 1, LookupKind::User(id(2))), None);
    // Who holds a name is known while they are away, too.
    rig.wish(2, ErrandKind::Leave);
    rig.here(3, "carol");
    assert!(pass_of(&mut rig, 2, LookupKind::User(id(3))).is_some());
}
