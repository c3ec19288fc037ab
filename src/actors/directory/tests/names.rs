//! Whose a name is, and since when it is durable.

use super::*;

#[test]
fn a_name_belongs_to_the_first_who_shows_a_key_for_it() {
    let mut rig = Rig::alone();
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
    assert_eq!(rig.here(2, "bob"), Some(NameAnswer::Yours));
    assert_eq!(rig.find("alice").unwrap().identity, *user(1).public());
}

#[test]
fn a_name_survives_a_restart() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let digest = rig.directory.digest;
    let mut rig = rig.restarted();
    assert_eq!(rig.directory.digest, digest);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
    let entry = rig.find("alice").unwrap();
    assert_eq!(entry.identity, *user(1).public());
    assert_eq!((entry.address, entry.last_seen), (None, TODAY));
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
}

#[test]
fn rows_that_are_no_claims_are_ignored_and_left() {
    let good = claim(1, "alice", 5, 1).row();
    let mut rows = Rows::new();
    rows.insert(vec![1, 2], Bytes::from_static(b"?"));
    rows.insert(vec![3; 32], good.value.clone().unwrap());
    rows.insert(good.key, good.value.unwrap());
    let mut rig = Rig::from_rows(config(&[]), rows);
    assert_eq!(rig.directory.register.count(), 1);
    assert!(rig.find("alice").is_some());
    assert_eq!(rig.rows.len(), 3);
}

#[test]
fn a_name_is_somebody_s_only_once_it_is_durable() {
    let mut rig = Rig::alone();
    rig.disk_answers = false;
    assert_eq!(rig.here(1, "alice"), None);
    // Meanwhile nobody is told anything, neither the same user nor another.
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.here(2, "alice"), None);
    assert_eq!(rig.find("alice"), None);
    rig.disk_answers = true;
    rig.pass(3_000);
    assert_eq!(rig.told_names(), [(id(1), 1, NameAnswer::Yours)]);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
}

#[test]
fn a_failed_write_binds_nothing_and_the_next_sign_of_presence_tries_again() {
    let mut rig = Rig::alone();
    rig.disk_works = false;
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.find("alice"), None);
    rig.disk_works = true;
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
}

#[test]
fn a_write_without_an_answer_may_be_on_disk_whatever_the_repetition_says() {
    let mut rig = Rig::alone();
    rig.disk_answers = false;
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.rows.len(), 1);
    (rig.disk_answers, rig.disk_works) = (true, false);
    rig.pass(60_000);
    // Were the name free here, its new holder would lose it to the row at the next start.
    assert_eq!(rig.here(2, "alice"), None);
    rig.disk_works = true;
    rig.pass(3_000);
    assert_eq!(rig.told_names(), [(id(1), 1, NameAnswer::Yours)]);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
    let mut rig = rig.restarted();
    assert_eq!(rig.find("alice").unwrap().identity, *user(1).public());
}

#[test]
fn a_new_name_replaces_the_old_one_and_frees_it() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    assert_eq!(rig.here(1, "alicia"), Some(NameAnswer::Yours));
    assert_eq!(rig.find("alice"), None);
    assert_eq!(rig.rows.len(), 1);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Yours));
    // A name that is refused costs nobody the one they have.
    assert_eq!(rig.here(2, "alicia"), Some(NameAnswer::Taken));
    assert_eq!(rig.find("alice").unwrap().identity, *user(2).public());
    let mut rig = rig.restarted();
    assert_eq!(rig.find("alicia").unwrap().identity, *user(1).public());
}

#[test]
fn names_have_letters_digits_and_three_signs() {
    let longest = "x".repeat(NAME_MAX_BYTES);
    let too_long = "x".repeat(NAME_MAX_BYTES + 1);
    for name in ["a", "Zo\u{eb}-9_x.y", "-", "7", &longest] {
        assert!(register::is_valid(name), "{name}");
    }
    for name in [
        "", ".", ".a", "@a", "a@b", "a b", "a/b", "a\n", "*", &too_long,
    ] {
        assert!(!register::is_valid(name), "{name}");
    }
    let mut rig = Rig::alone();
    assert_eq!(rig.here(1, "@alice"), Some(NameAnswer::Invalid));
    assert!(rig.rows.is_empty());
}

#[test]
fn a_full_directory_takes_no_new_names() {
    let config = Config {
        names_max: 2,
        ..config(&[])
    };
    let mut rig = Rig::new(config);
    rig.here(1, "a");
    rig.here(2, "b");
    rig.wish(1, ErrandKind::Leave);
    // There is room to be present again, but none for a name.
    assert_eq!(rig.here(3, "c"), Some(NameAnswer::Taken));
    assert_eq!(rig.here(2, "d"), Some(NameAnswer::Yours));
    // Everybody remembered is online: the next one is not heard.
    assert_eq!(rig.here(4, "e"), None);
}
