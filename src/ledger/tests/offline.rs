use super::*;

/// Three of five looks are with a device.
fn lent() -> (World, Device) {
    let mut world = World::with_grant(5, 4);
    let until = T0 + 2 * DAY;
    let escrowed = world.borrower(escrow(1, 3, until));
    let reply = Reply::Escrowed {
        looks: 3,
        until: WallTime(until),
        remaining: 2,
        counted: 2,
        released: true,
    };
    assert_eq!(escrowed.reply, reply);
    (world, Device::new(1))
}

fn checked_in(length: u32, returned: u32, closed: bool, remaining: u32) -> Reply {
    Reply::CheckedIn {
        length,
        returned,
        closed,
        remaining,
    }
}

/// Spent, with devices, left.
fn totals(world: &World) -> (u32, u32, u32) {
    let stands = world.account().standing();
    (stands.spent, stands.escrowed, stands.remaining())
}

#[track_caller]
fn assert_forked(world: &World, applied: &Applied) {
    assert_eq!(applied.reply, Reply::Refused(Refusal::Fork));
    let told = [
        Effect::Erase {
            account: account(),
            round: 0,
        },
        Effect::Forked {
            account: account(),
            owner: user(OWNER),
            borrower: user(BORROWER),
        },
    ];
    assert_eq!(applied.effects, told);
    assert!(world.account().standing().revoked);
    let evidence = world.account().evidence().expect("is kept");
    assert_eq!(evidence.seq, world.seq);
    assert!(evidence.signed.is_some());
}

#[test]
fn looks_with_a_device_are_neither_used_nor_left() {
    let (mut world, _) = lent();
    assert_eq!(totals(&world), (0, 3, 2));
    let again = world.borrower(escrow(1, 3, T0 + 2 * DAY));
    let loan = Loan {
        account: account(),
        round: 0,
        borrower: user(BORROWER),
        checkout: CheckoutId([1; 16]),
        device: DeviceId([1; 16]),
        reply_key: [1; 32],
        looks: 3,
        until: WallTime(T0 + 2 * DAY),
        seq: 2,
    };
    assert_eq!(again.effects, [Effect::Lend(loan)]);
    assert_eq!(
        world.borrower(escrow(1, 2, T0 + 2 * DAY)),
        refused(Refusal::Conflict)
    );
    world.pass(MINUTE);
    assert_eq!(world.borrower(escrow(1, 3, T0 + 2 * DAY)).effects, []);
    assert_eq!(totals(&world), (0, 3, 2));
}

#[test]
fn no_more_looks_are_lent_than_the_owner_allows_and_are_left() {
    let (mut world, _) = lent();
    let until = T0 + DAY;
    assert_eq!(
        world.borrower(escrow(2, 2, until)),
        refused(Refusal::Offline)
    );
    assert_eq!(
        world.borrower(escrow(2, 3, until)),
        refused(Refusal::Exhausted)
    );
    assert_eq!(
        world.borrower(escrow(2, 0, until)),
        refused(Refusal::Bounds)
    );
    assert_eq!(world.borrower(escrow(2, 1, T0)), refused(Refusal::Bounds));
    assert!(matches!(
        world.borrower(escrow(2, 1, until)).reply,
        Reply::Escrowed { .. }
    ));
    let mut strict = World::with_grant(5, 0);
    assert_eq!(
        strict.borrower(escrow(1, 1, until)),
        refused(Refusal::Offline)
    );
}

#[test]
fn a_checkout_ends_in_a_week_or_with_the_grant() {
    let mut world = World::with_grant(5, 4);
    let lent_until = |applied: Applied| match applied.reply {
        Reply::Escrowed { until, .. } => until.0,
        other => panic!("{other:?}"),
    };
    let applied = world.borrower(escrow(1, 1, u64::MAX));
    assert_eq!(lent_until(applied), world.now + 7 * DAY);
    world.change(1, Change::Until(Some(WallTime(T0 + DAY))));
    assert_eq!(lent_until(world.borrower(escrow(2, 1, u64::MAX))), T0 + DAY);
}

#[test]
fn what_was_not_used_comes_back() {
    let (mut world, mut device) = lent();
    device.look(1);
    let check_in = device.check_in(false);
    for _ in 0..2 {
        let told = world.borrower(check_in.clone());
        assert_eq!(told.reply, checked_in(1, 0, false, 2));
    }
    assert_eq!(totals(&world), (1, 2, 2));
    device.look(2);
    let last = device.check_in(true);
    for _ in 0..2 {
        let told = world.borrower(last.clone());
        assert_eq!(told.reply, checked_in(2, 1, true, 3));
    }
    assert_eq!(totals(&world), (2, 0, 3));
    // A late copy of what was taken before changes nothing.
    let late = world.borrower(check_in);
    assert_eq!(late.reply, checked_in(2, 1, true, 3));
    // The next look goes on counting where the device ended.
    let next = world.borrower(spend(9));
    assert!(matches!(
        next.reply,
        Reply::Spent {
            ordinal: 3,
            remaining: 2,
            ..
        }
    ));
}

#[test]
fn an_empty_device_gives_everything_back() {
    let (mut world, mut device) = lent();
    let told = world.borrower(device.check_in(true));
    assert_eq!(told.reply, checked_in(0, 3, true, 5));
    assert_eq!(
        world.borrower(Device::new(1).check_in(false)),
        refused(Refusal::Bounds)
    );
    assert_eq!(
        world.borrower(Device::new(2).check_in(true)),
        refused(Refusal::Unknown)
    );
}

#[test]
pub(super) fn a_device_that_was_rolled_back_forks() {
    let (mut world, mut device) = lent();
    let mut copy = device.clone();
    device.look(1);
    device.look(2);
    world.borrower(device.check_in(false));
    copy.look(3);
    let fork = world.borrower(copy.check_in(true));
    assert_forked(&world, &fork);
    // What the device did not tell of counts as used.
    assert_eq!(totals(&world), (3, 0, 0));
    assert_eq!(world.borrower(spend(9)), refused(Refusal::Revoked));
    // The true device is heard, and the evidence stays that of the first time.
    device.look(4);
    let told = world.borrower(device.check_in(true));
    assert_eq!(told.reply, checked_in(3, 0, true, 0));
    copy.look(5);
    assert_eq!(world.borrower(copy.check_in(true)), refused(Refusal::Fork));
    assert_ne!(world.account().evidence().expect("is kept").seq, world.seq);
}

#[test]
fn a_copy_that_comes_after_the_rest_was_given_back_forks() {
    for (looks, returns) in [(1, false), (1, true), (3, true)] {
        let (mut world, mut device) = lent();
        let mut copy = device.clone();
        world.borrower(device.check_in(true));
        for view in 0..looks {
            copy.look(view);
        }
        let fork = world.borrower(copy.check_in(returns));
        assert_forked(&world, &fork);
    }
}

#[test]
fn a_copy_that_goes_on_from_what_was_told_forks_as_well() {
    let (mut world, mut device) = lent();
    device.look(1);
    world.borrower(device.check_in(false));
    let mut copy = device.clone();
    device.look(2);
    world.borrower(device.check_in(false));
    copy.look(3);
    let fork = world.borrower(copy.check_in(false));
    assert_forked(&world, &fork);
}

#[test]
fn more_looks_than_were_lent_are_a_fork() {
    let (mut world, mut device) = lent();
    for view in 0..4 {
        device.look(view);
    }
    let fork = world.borrower(device.check_in(true));
    assert_forked(&world, &fork);
}

#[test]
fn a_head_that_does_not_follow_is_a_fork() {
    let (mut world, mut device) = lent();
    device.look(1);
    let mut told = device.check_in(false);
    if let Command::CheckIn { head, .. } = &mut told {
        head.0[0] ^= 1;
    }
    let fork = world.borrower(told);
    assert_forked(&world, &fork);
}

#[test]
fn a_check_in_without_the_one_before_it_waits_for_it() {
    let (mut world, mut device) = lent();
    device.look(1);
    let first = device.check_in(false);
    device.look(2);
    let second = device.check_in(true);
    assert_eq!(world.borrower(second.clone()), refused(Refusal::Gap));
    world.borrower(first);
    assert_eq!(world.borrower(second).reply, checked_in(2, 1, true, 3));
}

#[test]
fn what_does_not_come_back_counts_as_used_after_its_date_and_a_day() {
    let (mut world, mut device) = lent();
    device.look(1);
    world.borrower(device.check_in(false));
    world.pass(T0 + 3 * DAY - 1 - world.now);
    assert_eq!(totals(&world), (1, 2, 2));
    world.pass(1);
    assert_eq!(totals(&world), (3, 0, 2));
    // A device that comes later is heard, but gives nothing back; a copy of it is found out.
    let mut copy = device.clone();
    device.look(2);
    assert_eq!(
        world.borrower(device.check_in(true)).reply,
        checked_in(2, 0, true, 2)
    );
    assert_eq!(totals(&world), (3, 0, 2));
    copy.look(3);
    let fork = world.borrower(copy.check_in(true));
    assert_forked(&world, &fork);
}

#[test]
fn a_copy_is_found_out_for_a_month_after_the_date() {
    let (mut world, mut device) = lent();
    let mut copy = device.clone();
    world.borrower(device.check_in(true));
    copy.look(1);
    let mut later = World {
        ledger: world.ledger.clone(),
        ..world
    };
    let forgotten_at = T0 + 33 * DAY;
    world.pass(forgotten_at - 2 - world.now);
    let told = copy.check_in(true);
    let fork = world.borrower(told.clone());
    assert_forked(&world, &fork);
    later.pass(forgotten_at - later.now);
    assert_eq!(later.borrower(told), refused(Refusal::Unknown));
}

#[test]
fn a_grant_whose_looks_may_come_back_keeps_its_shares() {
    let mut world = World::with_grant(2, 1);
    world.borrower(escrow(1, 1, T0 + DAY));
    world.borrower(spend(1));
    assert_eq!(world.pass(HOUR), []);
    let mut device = Device::new(1);
    world.borrower(device.check_in(true));
    assert!(matches!(
        world.borrower(spend(2)).reply,
        Reply::Spent { .. }
    ));
    assert_eq!(world.pass(MINUTE).len(), 1);
}
