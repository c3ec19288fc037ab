use super::*;
use crate::proto::codec::encode_packet;
use crate::proto::limits::{
    CHECK_IN_VIEWS, CHECK_INS_MAX, CHECKOUT_LOOKS_MAX, LEDGER_ENTRY_MAX_BYTES, SERVERS_MAX,
    VIEWS_MAX,
};
use crate::proto::packet::Packet;

const SMALL: Bounds = Bounds {
    accounts: 3,
    accounts_per_owner: 2,
    looks: 4,
    looks_per_account: 3,
    checkouts: 3,
    checkouts_per_account: 2,
    evidence: 1,
};

fn numbered(grant: u8) -> Opening {
    Opening {
        grant: GrantId([grant; 16]),
        ..opening(1_000, 1_000)
    }
}

/// `command`, which is about the account of these tests, about another.
fn at(mut command: Command, other: AccountId) -> Command {
    if let Command::Spend { account, .. }
    | Command::Escrow { account, .. }
    | Command::CheckIn { account, .. } = &mut command
    {
        *account = other;
    }
    command
}

#[test]
fn accounts_are_bounded_for_one_owner_and_in_all() {
    let mut world = World::bounded(SMALL);
    let mut open = |who, grant| world.order(who, Command::Open(numbered(grant))).reply;
    assert!(matches!(open(OWNER, 1), Reply::Opened(_)));
    assert!(matches!(open(OWNER, 2), Reply::Opened(_)));
    let full = |room| Reply::Refused(Refusal::Full(room));
    assert_eq!(open(OWNER, 3), full(Room::AccountsOfOwner));
    assert!(matches!(open(OWNER, 2), Reply::Opened(_)));
    assert!(matches!(open(3, 3), Reply::Opened(_)));
    assert_eq!(open(4, 4), full(Room::Accounts));
    let signed = identity(4).command(WallTime(world.now), Command::Open(numbered(4)));
    assert_eq!(
        world.ledger.admit(Some(WallTime(world.now)), &signed),
        Err(Refusal::Full(Room::Accounts))
    );
}

#[test]
fn remembered_looks_are_bounded_and_there_is_room_the_next_day() {
    let mut world = World::bounded(SMALL);
    let ids = [1, 2].map(|grant| {
        world.owner(Command::Open(numbered(grant)));
        numbered(grant).account(user(OWNER))
    });
    let look = |world: &mut World, id, view| world.borrower(at(spend(view), id)).reply;
    for view in 1..=3 {
        assert!(matches!(
            look(&mut world, ids[0], view),
            Reply::Spent { .. }
        ));
    }
    let full = |room| Reply::Refused(Refusal::Full(room));
    assert_eq!(look(&mut world, ids[0], 4), full(Room::LooksOfAccount));
    assert!(matches!(look(&mut world, ids[1], 5), Reply::Spent { .. }));
    assert_eq!(look(&mut world, ids[1], 6), full(Room::Looks));
    // What is known is answered without room.
    assert!(matches!(
        look(&mut world, ids[0], 2),
        Reply::Spent { ordinal: 2, .. }
    ));
    world.pass(DAY);
    assert_eq!(world.ledger.looks_kept(), 0);
    assert!(matches!(
        look(&mut world, ids[0], 4),
        Reply::Spent { ordinal: 4, .. }
    ));
}

#[test]
fn remembered_checkouts_and_evidence_are_bounded() {
    let mut world = World::bounded(SMALL);
    let ids = [1, 2].map(|grant| {
        world.owner(Command::Open(numbered(grant)));
        numbered(grant).account(user(OWNER))
    });
    let lend = |world: &mut World, id, checkout| {
        world.borrower(at(escrow(checkout, 1, T0 + DAY), id)).reply
    };
    assert!(matches!(
        lend(&mut world, ids[0], 1),
        Reply::Escrowed { .. }
    ));
    assert!(matches!(
        lend(&mut world, ids[0], 2),
        Reply::Escrowed { .. }
    ));
    let full = |room| Reply::Refused(Refusal::Full(room));
    assert_eq!(lend(&mut world, ids[0], 3), full(Room::CheckoutsOfAccount));
    assert!(matches!(
        lend(&mut world, ids[1], 4),
        Reply::Escrowed { .. }
    ));
    assert_eq!(lend(&mut world, ids[1], 5), full(Room::Checkouts));
    for (id, checkout) in [(ids[0], 1), (ids[1], 4)] {
        let mut device = Device::new(checkout);
        device.look(1);
        // Its head is that of a log of another account.
        let fork = world.borrower(at(device.check_in(true), id));
        assert_eq!(fork.reply, Reply::Refused(Refusal::Fork));
    }
    let evidence = ids.map(|id| world.ledger.account(id).and_then(Account::evidence));
    assert!(evidence[0].is_some_and(|evidence| evidence.signed.is_some()));
    assert!(evidence[1].is_some_and(|evidence| evidence.signed.is_none()));
    // A month later there is room.
    world.pass(33 * DAY);
    assert_eq!(world.ledger.kept.checkouts, 0);
}

#[test]
fn check_ins_that_keep_the_rest_are_bounded() {
    let mut world = World::with_grant(100, 100);
    world.borrower(escrow(1, 100, T0 + DAY));
    let mut device = Device::new(1);
    for view in 0..CHECK_INS_MAX {
        device.look(view as u8);
        let told = world.borrower(device.check_in(false));
        assert!(matches!(told.reply, Reply::CheckedIn { .. }));
    }
    device.look(99);
    let mut copy = device.clone();
    let full = refused(Refusal::Full(Room::CheckIns));
    assert_eq!(world.borrower(copy.check_in(false)), full);
    let told = world.borrower(device.check_in(true)).reply;
    assert!(
        matches!(told, Reply::CheckedIn { returned: 83, .. }),
        "{told:?}"
    );
}

#[test]
fn orders_are_bounded() {
    let opens = |change: fn(&mut Opening)| {
        let mut opening = opening(9, 9);
        change(&mut opening);
        Command::Open(opening).is_within_bounds()
    };
    assert!(opens(|opening| opening.looks = VIEWS_MAX));
    assert!(!opens(|opening| opening.looks = VIEWS_MAX + 1));
    assert!(!opens(|opening| opening.looks = 0));
    assert!(!opens(|opening| opening.offline_max = 10));
    assert!(opens(|opening| opening.threshold = 3));
    assert!(!opens(|opening| opening.threshold = 4));
    assert!(!opens(|opening| opening.threshold = 0));
    assert!(!opens(|opening| opening.share_hashes.clear()));
    assert!(opens(
        |opening| opening.share_hashes = vec![Digest([0; 32]); SERVERS_MAX]
    ));
    assert!(!opens(
        |opening| opening.share_hashes = vec![Digest([0; 32]); SERVERS_MAX + 1]
    ));
    let lends = |looks| escrow(1, looks, 0).is_within_bounds();
    assert!(lends(CHECKOUT_LOOKS_MAX) && !lends(CHECKOUT_LOOKS_MAX + 1) && !lends(0));
    let changes = |change| adjust(1, change).is_within_bounds();
    assert!(changes(Change::Add(VIEWS_MAX)) && !changes(Change::Add(VIEWS_MAX + 1)));
    let mut device = Device::new(1);
    for view in 0..CHECK_IN_VIEWS {
        device.look(view as u8);
    }
    assert!(device.clone().check_in(false).is_within_bounds());
    device.look(0);
    assert!(!device.check_in(false).is_within_bounds());
    let mut world = World::with_grant(1, 0);
    assert_eq!(
        world.change(1, Change::Add(VIEWS_MAX + 1)),
        refused(Refusal::Bounds)
    );
}

#[test]
fn the_largest_orders_fit_an_entry_and_a_packet() {
    let mut device = Device::new(255);
    for _ in 0..CHECK_IN_VIEWS {
        device.look(255);
        if let Some(look) = device.views.last_mut() {
            look.at = WallTime(u64::MAX);
        }
    }
    let largest = Opening {
        share_hashes: vec![Digest([255; 32]); SERVERS_MAX],
        ..opening(VIEWS_MAX, VIEWS_MAX)
    };
    let rekey = Command::Rekey {
        account: largest.account(user(OWNER)),
        round: u32::MAX,
        share_hashes: largest.share_hashes.clone(),
    };
    for command in [device.check_in(true), Command::Open(largest), rekey] {
        assert!(command.is_within_bounds());
        let signed = sign(OWNER, u64::MAX, command);
        let bytes = signed.encode();
        assert!(bytes.len() <= LEDGER_ENTRY_MAX_BYTES, "{}", bytes.len());
        assert_eq!(Signed::decode(&bytes), Ok(signed));
        let submit = Packet::Submit {
            nonce: u64::MAX,
            command: bytes.into(),
        };
        assert!(encode_packet(&submit).is_ok(), "it would never be sent");
    }
}

#[test]
fn an_account_that_is_over_is_forgotten_and_does_not_come_back() {
    let open = sign(OWNER, T0, Command::Open(opening(1, 0)));
    for (change, wait) in [
        (Change::Revoke, 2 * DAY),
        (Change::Until(Some(WallTime(T0))), 90 * DAY),
        (Change::Set(0), 90 * DAY),
    ] {
        let mut world = World::new();
        world.signed(open.clone());
        world.change(1, change);
        world.pass(wait - 1);
        assert!(world.ledger.account(account()).is_some(), "{change:?}");
        world.pass(1);
        assert!(world.ledger.account(account()).is_none(), "{change:?}");
        assert_eq!(world.ledger.next_due(), None);
        let anew = world.owner(Command::Open(opening(1, 0)));
        for again in [world.signed(open.clone()), anew] {
            assert!(matches!(again.reply, Reply::Refused(Refusal::Time { .. })));
        }
        assert_eq!(world.borrower(spend(1)), refused(Refusal::Unknown));
    }
}

#[test]
fn an_account_with_looks_left_is_kept() {
    let mut world = World::with_grant(2, 0);
    world.borrower(spend(1));
    world.pass(10_000 * DAY);
    assert!(matches!(
        world.borrower(spend(2)).reply,
        Reply::Spent { ordinal: 2, .. }
    ));
}

#[test]
fn a_jump_of_the_clock_is_worked_off_in_steps() {
    let mut world = World::new();
    let count = SETTLED_PER_ENTRY + 10;
    for number in 0..count {
        let mut opening = opening(1, 0);
        opening.grant.0[..8].copy_from_slice(&number.to_le_bytes());
        opening.until = Some(WallTime(T0 + DAY));
        let stamp = WallTime(T0);
        let signed = Some(sign(OWNER, T0, Command::Open(opening)));
        world.seq += 1;
        world
            .ledger
            .apply_authentic(world.seq, &Entry { stamp, signed });
    }
    assert_eq!(world.pass(2 * DAY).len(), SETTLED_PER_ENTRY);
    assert_eq!(world.pass(0).len(), 10);
    assert_eq!(world.pass(0), []);
}

/// Bytes that a ledger's snapshot has after `orders` more than before.
fn grown(world: &mut World, orders: impl IntoIterator<Item = (u8, Command)>) -> usize {
    let before = world.ledger.snapshot().len();
    for (who, command) in orders {
        let applied = world.order(who, command);
        assert!(!matches!(applied.reply, Reply::Refused(reason) if reason != Refusal::Fork));
    }
    world.ledger.snapshot().len() - before
}

#[test]
fn the_largest_ledger_fits_a_message_as_a_snapshot() {
    const SNAPSHOT_MAX_BYTES: usize = 48 << 20;
    // What numbers take more when they are large.
    const LATER: usize = 12;
    let mut world = World::new();
    world.seq = 1 << 40;
    let largest = Opening {
        share_hashes: vec![Digest([255; 32]); SERVERS_MAX],
        until: Some(WallTime(T0 + DAY)),
        not_before: Some(WallTime(T0)),
        ..opening(VIEWS_MAX, VIEWS_MAX)
    };
    let account = grown(&mut world, [(OWNER, Command::Open(largest))]) + 3 * LATER;
    let look = grown(&mut world, (0..200).map(|view| (BORROWER, spend(view)))) / 200 + LATER;
    let mut device = Device::new(1);
    let mut orders = vec![(BORROWER, escrow(1, 200, T0 + DAY))];
    for view in 0..CHECK_INS_MAX {
        device.look(view as u8);
        orders.push((BORROWER, device.check_in(false)));
    }
    orders.push((BORROWER, device.check_in(true)));
    let checkout = grown(&mut world, orders) + LATER;
    let mut copy = Device::new(1);
    for view in 0..CHECK_IN_VIEWS {
        copy.look(view as u8);
    }
    let evidence = grown(&mut world, [(BORROWER, copy.check_in(true))]);
    let most = Bounds::default();
    let bytes = most.accounts as usize * account
        + most.looks as usize * look
        + most.checkouts as usize * checkout
        + most.evidence as usize * evidence;
    let sizes = (account, look, checkout, evidence);
    assert!(bytes <= SNAPSHOT_MAX_BYTES, "{bytes} of {sizes:?}");
    assert!(bytes > SNAPSHOT_MAX_BYTES * 3 / 4, "{bytes} of {sizes:?}");
}
