//! Mail on its way to its reader, until it is let go.

use super::*;

#[test]
fn a_reader_who_is_present_is_told_of_waiting_mail() {
    let mut rig = Rig::alone();
    let present = Input::Present(bob().user_id());
    rig.give(present.clone());
    assert_eq!(rig.said(), vec![]);
    rig.deposit(&letter(1));
    rig.deposit(&letter(2));
    rig.give(present);
    let waiting = Output::Send {
        to: bob().user_id(),
        packet: Packet::MailWaiting(2),
    };
    assert_eq!(rig.said(), vec![waiting]);
}

#[test]
fn mail_is_sent_oldest_first_and_not_again_while_it_is_under_way() {
    let mut rig = Rig::alone();
    for number in [3, 1, 2] {
        rig.deposit(&letter(number));
    }
    assert_eq!(rig.fetch(), vec![vec![id(1), id(2), id(3)]]);
    rig.pass(999);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    rig.pass(1);
    rig.ack(bob().user_id(), vec![id(2)]);
    assert_eq!(rig.fetch(), vec![vec![id(1), id(3)]]);
}

#[test]
fn mail_goes_in_batches_with_numbers_of_their_own() {
    let mut rig = Rig::alone();
    for number in 0..5 {
        rig.deposit(&big_letter(number, 64_000));
    }
    rig.give(Input::Fetch(bob().user_id()));
    let mut rounds = BTreeSet::new();
    let mut ids = Vec::new();
    for output in rig.said() {
        let Output::SendMail { cargo, letters, .. } = output else {
            panic!("unexpected {output:?}");
        };
        assert!(letters.len() <= 256_000);
        assert!(rounds.insert(cargo));
        ids.push(letters_in(&letters));
    }
    assert_eq!(ids, vec![vec![id(0), id(1), id(2)], vec![id(3), id(4)]]);
}

#[test]
fn a_letter_let_go_is_gone_for_good() {
    let mut rig = Rig::alone();
    rig.deposit(&letter(1));
    rig.ack(bob().user_id(), vec![id(1)]);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    // Its writer, who asks late, hears that it need not worry.
    assert_eq!(rig.check(id(1)), kept(id(1)));
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    let mut rig = rig.restarted();
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    let tables: Vec<Table> = rig.rows.keys().map(|(table, _)| *table).collect();
    assert_eq!(tables, vec![Table::LetGo]);
}

#[test]
fn a_letter_let_go_before_it_comes_is_not_kept() {
    let mut rig = Rig::alone();
    rig.ack(bob().user_id(), vec![id(1)]);
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
}

#[test]
fn nobody_lets_go_of_the_letter_of_another() {
    let mut rig = Rig::alone();
    rig.ack(alice().user_id(), vec![id(2)]);
    rig.deposit(&letter(1));
    rig.deposit(&letter(2));
    rig.ack(alice().user_id(), vec![id(1)]);
    assert_eq!(rig.fetch(), vec![vec![id(1), id(2)]]);
    let mut rig = rig.restarted();
    assert_eq!(rig.fetch(), vec![vec![id(1), id(2)]]);
}

#[test]
fn letters_and_ids_are_dropped_when_their_time_has_passed() {
    let config = Config {
        keep_ms: 100_000,
        ..Config::lan(ME, vec![], calendar())
    };
    let mut rig = Rig::new(config);
    rig.deposit(&letter(1));
    rig.deposit(&letter(2));
    rig.ack(bob().user_id(), vec![id(2)]);
    rig.pass(60_000);
    assert_eq!(rig.rows.len(), 2);
    rig.pass(120_000);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    // The id outlives every copy of its letter.
    assert_eq!(rig.rows.len(), 1);
    rig.pass(AHEAD_MAX_MS);
    assert_eq!(rig.rows.len(), 0);
}

#[test]
fn the_oldest_ids_let_go_are_dropped_beyond_the_limit() {
    let config = Config {
        let_go_max: 3,
        ..Config::lan(ME, vec![], calendar())
    };
    let mut rig = Rig::new(config);
    for number in 0..3 {
        rig.ack(bob().user_id(), vec![id(number)]);
        rig.pass(2_000);
    }
    assert_eq!(rig.rows.len(), 3);
    rig.ack(bob().user_id(), vec![id(3)]);
    rig.pass(2_000);
    let left: Vec<u8> = rig.rows.keys().map(|(_, key)| key[0]).collect();
    assert_eq!(left, vec![1, 2, 3]);
}

#[test]
fn a_letter_row_beside_its_let_go_row_is_cleared_at_start() {
    let mut rows = BTreeMap::new();
    let key = (id(1), bob().user_id());
    write(
        &mut rows,
        &exchange::rows(&Shelf::default(), &[Effect::LetGo(vec![(key, TODAY)])]),
    );
    rows.insert(
        (Table::Letters, id(1).0.to_vec()),
        codec::encode(&letter(1)).into(),
    );
    rows.insert((Table::Letters, vec![9; 16]), Bytes::from_static(b"?"));
    let mut rig = Rig::from_rows(Config::lan(ME, vec![], calendar()), rows);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    // What nobody can read is left alone.
    let keys: Vec<&(Table, Vec<u8>)> = rig.rows.keys().collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&&(Table::Letters, vec![9; 16])));
}
