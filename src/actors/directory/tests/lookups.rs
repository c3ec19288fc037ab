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
    };
    assert!(codec::encode_packet(&Packet::LookupAnswer(answer)).is_ok());
}
