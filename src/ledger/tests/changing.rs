use super::*;

fn erased(round: u32) -> [Effect; 1] {
    [Effect::Erase {
        account: account(),
        round,
    }]
}

#[test]
fn changes_count_once_and_in_the_owners_order() {
    let mut world = World::with_grant(3, 0);
    assert_eq!(world.change(2, Change::Add(5)), refused(Refusal::Gap));
    for _ in 0..3 {
        let added = world.change(1, Change::Add(2));
        assert!(matches!(added.reply, Reply::Adjusted(_)));
        assert_eq!(world.account().standing().granted, 5);
    }
    world.change(2, Change::Set(1));
    assert!(matches!(
        world.change(1, Change::Add(2)).reply,
        Reply::Adjusted(_)
    ));
    assert_eq!(world.account().standing().granted, 1);
    world.change(3, Change::Refund);
    assert_eq!(world.account().standing().granted, 2);
}

#[test]
fn no_change_takes_away_what_is_used_or_with_devices() {
    let mut world = World::with_grant(9, 4);
    let until = world.now + DAY;
    world.borrower(spend(1));
    world.borrower(escrow(1, 4, until));
    world.change(1, Change::Sub(100));
    let stands = world.account().standing();
    assert_eq!((stands.granted, stands.spent, stands.escrowed), (5, 1, 4));
    assert_eq!(world.borrower(spend(2)), refused(Refusal::Exhausted));
    world.change(2, Change::Set(0));
    assert_eq!(world.account().standing().granted, 5);
}

#[test]
fn a_change_of_another_grant_is_refused() {
    let mut world = World::with_grant(3, 0);
    let mut other = adjust(1, Change::Revoke);
    if let Command::Adjust { adjust, .. } = &mut other {
        adjust.grant = GrantId([8; 16]);
    }
    assert_eq!(world.owner(other), refused(Refusal::Conflict));
    assert!(!world.account().standing().revoked);
}

#[test]
pub(super) fn a_revocation_erases_at_once_and_nothing_is_let_out_after_it() {
    let mut world = World::with_grant(3, 3);
    let until = world.now + DAY;
    world.borrower(spend(1));
    world.borrower(escrow(1, 1, until));
    let revoked = world.change(1, Change::Revoke);
    assert_eq!(revoked.effects, erased(0));
    assert_eq!(world.borrower(spend(2)), refused(Refusal::Revoked));
    for repeated in [spend(1), escrow(1, 1, until), escrow(2, 1, until), rekey(1)] {
        let who = if matches!(repeated, Command::Rekey { .. }) {
            OWNER
        } else {
            BORROWER
        };
        assert_eq!(world.order(who, repeated).effects, []);
    }
    assert_eq!(world.change(2, Change::Add(5)).effects, []);
    assert_eq!(world.owner(rekey(1)), refused(Refusal::Revoked));
    assert_eq!(world.borrower(spend(3)), refused(Refusal::Revoked));
    assert_eq!(world.change(1, Change::Revoke).effects, []);
}

#[test]
fn shares_outlive_the_last_look_by_a_minute_and_new_ones_bring_looks_back() {
    let mut world = World::with_grant(1, 0);
    world.borrower(spend(1));
    assert_eq!(world.pass(MINUTE - 2), []);
    let again = world.borrower(spend(1)).effects;
    assert!(matches!(again[..], [Effect::Release(_)]), "{again:?}");
    assert_eq!(world.pass(1), erased(0));
    world.change(1, Change::Add(1));
    assert_eq!(world.borrower(spend(2)), refused(Refusal::Keyless));
    assert_eq!(world.owner(rekey(2)), refused(Refusal::Conflict));
    for _ in 0..2 {
        let rekeyed = world.owner(rekey(1));
        assert_eq!(
            (rekeyed.reply, rekeyed.effects),
            (Reply::Rekeyed { round: 1 }, vec![])
        );
    }
    let looked = world.borrower(spend(2));
    let [Effect::Release(release)] = looked.effects[..] else {
        panic!("{looked:?}");
    };
    assert_eq!((release.round, release.ordinal), (1, 2));
    assert_eq!(world.account().share_hashes()[0], Digest([11; 32]));
}

#[test]
fn looks_that_were_added_in_time_keep_the_shares() {
    let mut world = World::with_grant(1, 0);
    world.borrower(spend(1));
    world.change(1, Change::Add(1));
    assert_eq!(world.pass(2 * MINUTE), []);
    assert!(matches!(
        world.borrower(spend(2)).reply,
        Reply::Spent { .. }
    ));
}

#[test]
fn new_shares_take_the_place_of_the_old() {
    let mut world = World::with_grant(3, 0);
    let rekeyed = world.owner(rekey(1));
    assert_eq!(rekeyed.effects, erased(0));
    let mut fewer = rekey(2);
    if let Command::Rekey { share_hashes, .. } = &mut fewer {
        share_hashes.pop();
    }
    assert_eq!(world.owner(fewer), refused(Refusal::Conflict));
    let mut other = rekey(1);
    if let Command::Rekey { share_hashes, .. } = &mut other {
        share_hashes[0] = Digest([0; 32]);
    }
    assert_eq!(world.owner(other), refused(Refusal::Conflict));
}

#[test]
fn a_date_that_is_moved_brings_an_expired_grant_back_with_new_shares() {
    let mut world = World::with_grant(3, 0);
    let past = WallTime(world.now);
    assert_eq!(
        world.change(1, Change::Until(Some(past))).effects,
        erased(0)
    );
    assert_eq!(world.owner(rekey(1)), refused(Refusal::Expired));
    world.change(2, Change::Until(None));
    assert_eq!(world.borrower(spend(1)), refused(Refusal::Keyless));
    world.owner(rekey(1));
    assert!(matches!(
        world.borrower(spend(1)).reply,
        Reply::Spent { .. }
    ));
}
