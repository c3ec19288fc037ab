use super::*;

/// A ledger in which everything has happened.
fn eventful() -> World {
    let mut world = World::with_grant(9, 5);
    let other = Opening {
        grant: GrantId([8; 16]),
        until: Some(WallTime(T0 + DAY)),
        not_before: Some(WallTime(T0)),
        ..opening(3, 3)
    };
    world.order(3, Command::Open(other));
    world.borrower(spend(1));
    world.borrower(escrow(1, 2, T0 + DAY));
    world.borrower(escrow(2, 2, T0 + DAY));
    let mut device = Device::new(1);
    device.look(1);
    world.borrower(device.check_in(false));
    world.change(1, Change::Add(1));
    world.owner(rekey(1));
    let mut copy = Device::new(2);
    world.borrower(copy.check_in(true));
    copy.look(3);
    world.borrower(copy.check_in(true));
    assert!(world.account().evidence().is_some());
    world
}

#[test]
fn a_ledger_comes_back_from_its_bytes() {
    let world = eventful();
    let bytes = world.ledger.snapshot();
    let restored = Ledger::restore(&bytes).expect("is whole");
    sound(&restored);
    assert_eq!(restored.snapshot(), bytes);
    assert_eq!(restored.digest(), world.ledger.digest());
    assert_eq!(restored.digest().0, bytes[bytes.len() - 32..]);
    assert_eq!(restored.due, world.ledger.due);
    assert!(restored.accounts().eq(world.ledger.accounts()));
    let empty = Ledger::default();
    let restored = Ledger::restore(&empty.snapshot()).expect("is whole");
    assert_eq!(restored.digest(), empty.digest());
}

#[test]
fn damaged_bytes_are_no_ledger() {
    let bytes = eventful().ledger.snapshot();
    for place in 0..bytes.len() {
        let mut bent = bytes.to_vec();
        bent[place] ^= 0x40;
        let damaged = Ledger::restore(&bent).expect_err("is damaged");
        assert!(matches!(damaged, Damaged::Magic | Damaged::Digest));
        assert!(Ledger::restore(&bytes[..place]).is_err());
    }
    let mut long = bytes.to_vec();
    long.push(0);
    assert_eq!(Ledger::restore(&long).map(drop), Err(Damaged::Digest));
}

/// Bytes with a right hash over a wrong content.
fn rehashed(content: &[u8]) -> Vec<u8> {
    [content, &Digest::of(content).0].concat()
}

#[test]
fn a_right_hash_does_not_make_a_ledger_of_anything() {
    let mut world = eventful();
    let bytes = world.ledger.snapshot();
    let content = &bytes[..bytes.len() - 32];
    assert!(Ledger::restore(&rehashed(content)).is_ok());
    for cut in 0..content.len() {
        assert!(
            Ledger::restore(&rehashed(&content[..cut])).is_err(),
            "{cut}"
        );
    }
    assert_eq!(
        Ledger::restore(&rehashed(&[content, &[0]].concat())).map(drop),
        Err(Damaged::Unsound)
    );
    // An account further on than the ledger.
    world.ledger.applied = 1;
    assert_eq!(
        Ledger::restore(&world.ledger.snapshot()).map(drop),
        Err(Damaged::Unsound)
    );
}

#[test]
fn whatever_a_right_hash_covers_is_refused_or_lived_with() {
    let bytes = eventful().ledger.snapshot();
    let content = &bytes[..bytes.len() - 32];
    let mut taken = 0;
    for place in 0..content.len() {
        for bent in [content[place] ^ 1, content[place] ^ 0x80, 0, 250, 253, 255] {
            let mut content = content.to_vec();
            content[place] = bent;
            let Ok(ledger) = Ledger::restore(&rehashed(&content)) else {
                continue;
            };
            taken += 1;
            let (now, seq) = (ledger.now.0.min(u64::MAX / 2), ledger.applied);
            let mut world = World { ledger, seq, now };
            if seq < u64::MAX / 2 {
                live(&mut world);
            }
        }
    }
    assert!(taken > 100, "{taken}");
}

/// Orders of all kinds, whatever the answers.
fn live(world: &mut World) {
    let now = world.now;
    let applied = world
        .ledger
        .account(account())
        .map_or(0, |one| one.standing().applied);
    let mut device = Device::new(1);
    device.look(9);
    let borrowers = [
        spend(1),
        spend(50),
        escrow(1, 2, T0 + DAY),
        escrow(7, 1, now + DAY),
    ];
    for command in borrowers
        .into_iter()
        .chain([device.check_in(false), device.check_in(true)])
    {
        world.borrower(command);
    }
    for change in [
        Change::Add(1),
        Change::Sub(3),
        Change::Refund,
        Change::Revoke,
    ] {
        world.change(applied.saturating_add(1), change);
    }
    world.owner(rekey(2));
    for wait in [MINUTE, DAY, 40 * DAY, 100 * DAY] {
        world.pass(wait);
    }
}

#[test]
fn the_digest_tells_ledgers_apart() {
    let mut world = World::with_grant(2, 0);
    let mut digests = vec![Ledger::default().digest(), world.ledger.digest()];
    let mut small = World::bounded(Bounds {
        looks: 1,
        ..Bounds::default()
    });
    small.owner(Command::Open(opening(2, 0)));
    digests.push(small.ledger.digest());
    world.pass(1);
    digests.push(world.ledger.digest());
    world.borrower(spend(1));
    digests.push(world.ledger.digest());
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn a_snapshot_tells_what_changed_since_the_last_one() {
    let mut world = eventful();
    for view in 20..30 {
        let bytes = world.ledger.snapshot();
        assert_eq!(world.ledger.snapshot(), bytes);
        world.order(BORROWER, spend(view));
        let fresh = Ledger::restore(&world.ledger.snapshot()).expect("is whole");
        assert_eq!(fresh.snapshot(), world.ledger.snapshot());
        assert!(fresh.accounts().eq(world.ledger.accounts()));
        assert_ne!(fresh.snapshot(), bytes);
    }
}
