use super::*;

fn spent(ordinal: u32, remaining: u32, counted: u64, released: bool) -> Reply {
    Reply::Spent {
        ordinal,
        remaining,
        counted,
        released,
    }
}

#[test]
fn looks_are_numbered_from_one_and_end_at_the_grant() {
    let mut world = World::with_grant(2, 0);
    let first = world.borrower(spend(1));
    assert_eq!(first.reply, spent(1, 1, 2, true));
    let release = Release {
        account: account(),
        round: 0,
        borrower: user(BORROWER),
        view: ViewId([1; 16]),
        reply_key: [1; 32],
        ordinal: 1,
        remaining: 1,
        seq: 2,
    };
    assert_eq!(first.effects, [Effect::Release(release)]);
    assert_eq!(world.borrower(spend(2)).reply, spent(2, 0, 3, true));
    assert_eq!(world.borrower(spend(3)), refused(Refusal::Exhausted));
    assert_eq!(world.account().standing().spent, 2);
}

#[test]
fn a_repeated_look_is_the_same_look_and_gets_its_shares_again_for_a_minute() {
    let mut world = World::with_grant(2, 0);
    let first = world.borrower(spend(1));
    world.pass(MINUTE - 4);
    assert_eq!(world.borrower(spend(1)), first);
    assert_eq!(world.borrower(spend_with(1, 2)), refused(Refusal::Conflict));
    assert_eq!(world.borrower(spend(1)), first);
    // Then it lets nothing out any more, under whatever key.
    for late in [spend(1), spend_with(1, 2)] {
        let late = world.borrower(late);
        assert_eq!((late.reply, late.effects), (spent(1, 1, 2, false), vec![]));
    }
    assert_eq!(world.account().standing().spent, 1);
}

#[test]
fn only_the_borrower_looks_and_only_the_owner_changes() {
    let mut world = World::with_grant(2, 1);
    for who in [OWNER, 3] {
        let until = world.now + HOUR;
        for command in [spend(1), escrow(1, 1, until), Device::new(1).check_in(true)] {
            assert_eq!(world.order(who, command), refused(Refusal::Stranger));
        }
    }
    for who in [BORROWER, 3] {
        for command in [adjust(1, Change::Add(1)), rekey(1)] {
            assert_eq!(world.order(who, command), refused(Refusal::Stranger));
        }
    }
}

#[test]
fn nobody_takes_the_place_of_anothers_account() {
    let mut world = World::new();
    // The same terms by another owner open another account.
    let eve = world.order(3, Command::Open(opening(9, 0)));
    assert!(matches!(eve.reply, Reply::Opened(_)));
    assert_eq!(world.borrower(spend(1)), refused(Refusal::Unknown));
    let alice = world.owner(Command::Open(opening(2, 0)));
    assert!(matches!(alice.reply, Reply::Opened(_)));
    assert_eq!(world.borrower(spend(1)).reply, spent(1, 1, world.seq, true));
}

#[test]
fn an_opening_counts_once_and_keeps_its_terms() {
    let mut world = World::with_grant(2, 0);
    world.borrower(spend(1));
    let again = world.owner(Command::Open(opening(2, 0)));
    let Reply::Opened(stands) = again.reply else {
        panic!("{again:?}");
    };
    assert_eq!((stands.granted, stands.spent), (2, 1));
    assert_eq!(
        world.owner(Command::Open(opening(3, 0))),
        refused(Refusal::Conflict)
    );
    assert_eq!(world.account().standing().granted, 2);
}

#[test]
fn a_grant_is_opened_on_the_day_it_was_given() {
    for (age, is_new) in [(DAY - 2, true), (DAY - 1, false)] {
        let mut world = World::new();
        world.pass(age);
        let opened = world.owner(Command::Open(opening(2, 0)));
        assert_eq!(
            matches!(opened.reply, Reply::Opened(_)),
            is_new,
            "{opened:?}"
        );
        world.pass(DAY);
        // Known, it is known at any time.
        let again = world.owner(Command::Open(opening(2, 0)));
        assert_eq!(matches!(again.reply, Reply::Opened(_)), is_new);
    }
    for (ahead, is_new) in [(HOUR + 1, true), (HOUR + 2, false)] {
        let mut world = World::new();
        let granted_at = WallTime(world.now + ahead);
        let opening = Opening {
            granted_at,
            ..opening(2, 0)
        };
        let opened = world.owner(Command::Open(opening));
        assert_eq!(
            matches!(opened.reply, Reply::Opened(_)),
            is_new,
            "{opened:?}"
        );
    }
}

#[test]
pub(super) fn dates_are_those_of_the_ledger_whatever_a_later_stamp_says() {
    let mut world = World::new();
    let (from, until) = (T0 + HOUR, T0 + 2 * HOUR);
    let opening = Opening {
        not_before: Some(WallTime(from)),
        until: Some(WallTime(until)),
        ..opening(5, 0)
    };
    world.owner(Command::Open(opening));
    let not_before = WallTime(from);
    assert_eq!(
        world.borrower(spend(1)),
        refused(Refusal::Early { not_before })
    );
    assert_eq!(world.account().left_at(world.ledger.now()), 0);
    world.pass(HOUR);
    assert_eq!(world.borrower(spend(2)).reply, spent(1, 4, world.seq, true));
    let effects = world.pass(HOUR);
    let account = account();
    assert_eq!(effects, [Effect::Erase { account, round: 0 }]);
    assert_eq!(world.borrower(spend(3)), refused(Refusal::Expired));
    // A repeat of a counted look lets nothing out any more.
    let late = world.borrower(spend(2));
    assert_eq!((late.reply, late.effects), (spent(1, 4, 4, false), vec![]));
    // A leader with a slow clock does not turn time back.
    let signed = sign(BORROWER, world.now + MINUTE, spend(4));
    let now = world.ledger.now();
    world.now -= 30 * MINUTE;
    assert_eq!(world.signed(signed), refused(Refusal::Expired));
    assert_eq!(world.ledger.now(), now);
}

#[test]
fn what_was_signed_at_another_time_does_not_count() {
    let mut world = World::with_grant(9, 0);
    for (offset, is_fresh) in [(HOUR, true), (HOUR + 1, false)] {
        let now = WallTime(world.now + 1);
        let early = world.signed(sign(BORROWER, now.0 - offset, spend(offset as u8)));
        let expected = Reply::Refused(Refusal::Time { now });
        assert_eq!(early.reply != expected, is_fresh, "{early:?}");
        let now = WallTime(world.now + 1);
        let late = world.signed(sign(BORROWER, now.0 + offset, spend(offset as u8 + 1)));
        let expected = Reply::Refused(Refusal::Time { now });
        assert_eq!(late.reply != expected, is_fresh, "{late:?}");
    }
}

#[test]
fn a_captured_look_never_counts_again_not_even_when_its_name_is_forgotten() {
    let mut world = World::with_grant(9, 0);
    let captured = sign(BORROWER, world.now + HOUR, spend(1));
    assert_eq!(world.signed(captured.clone()).reply, spent(1, 8, 2, true));
    for _ in 0..50 {
        world.signed(captured.clone());
        assert_eq!(world.account().standing().spent, 1);
        world.pass(HOUR / 2);
    }
    assert_eq!(world.ledger.looks_kept(), 0);
    let again = world.signed(captured);
    assert!(matches!(again.reply, Reply::Refused(Refusal::Time { .. })));
}

#[test]
pub(super) fn an_order_that_was_refused_never_counts_later() {
    let mut world = World::with_grant(1, 1);
    world.borrower(spend(1));
    let look = sign(BORROWER, world.now + 1, spend(2));
    let older = sign(BORROWER, world.now, spend(3));
    assert_eq!(world.signed(look.clone()), refused(Refusal::Exhausted));
    world.change(1, Change::Add(3));
    for dead in [look.clone(), older] {
        let now = WallTime(world.now + 1);
        assert_eq!(world.signed(dead), refused(Refusal::Time { now }));
    }
    // Signed anew it counts.
    assert_eq!(world.borrower(spend(2)).reply, spent(2, 2, world.seq, true));
    // The owner's orders, too; and nobody's refusal stands in another's way.
    let second = sign(OWNER, world.now + 1, adjust(3, Change::Add(1)));
    assert_eq!(world.signed(second.clone()), refused(Refusal::Gap));
    assert!(matches!(
        world.borrower(spend(3)).reply,
        Reply::Spent { .. }
    ));
    world.change(2, Change::Add(1));
    let late = world.signed(second);
    assert!(matches!(late.reply, Reply::Refused(Refusal::Time { .. })));
    assert_eq!(world.account().standing().applied, 2);
}

#[test]
fn a_refusal_by_a_fast_clock_tells_when_to_sign() {
    let mut world = World::with_grant(1, 0);
    world.borrower(spend(1));
    let fast = sign(BORROWER, world.now + HOUR / 2, spend(2));
    assert_eq!(world.signed(fast.clone()), refused(Refusal::Exhausted));
    world.change(1, Change::Add(3));
    let Reply::Refused(Refusal::Time { now }) = world.borrower(spend(2)).reply else {
        panic!("signed before the refused one");
    };
    assert_eq!(now, WallTime(fast.at.0 + 1));
    let again = world.signed(sign(BORROWER, now.0, spend(2)));
    assert!(matches!(again.reply, Reply::Spent { .. }));
}

#[test]
pub(super) fn only_what_its_user_signed_is_applied() {
    let mut world = World::new();
    let good = identity(OWNER).command(WallTime(T0), Command::Open(opening(2, 0)));
    let entry = |signed: &Signed| Entry {
        stamp: WallTime(T0),
        signed: Some(signed.clone()),
    };
    let bent = Signed {
        at: WallTime(T0 + 1),
        ..good.clone()
    };
    assert_eq!(
        world.ledger.apply(1, &entry(&bent)),
        refused(Refusal::Signature)
    );
    assert!(world.ledger.account(account()).is_none());
    let opened = world.ledger.apply_bytes(2, WallTime(T0), &good.encode());
    assert!(matches!(opened.reply, Reply::Opened(_)));
    assert_eq!(
        world.ledger.apply_bytes(3, WallTime(T0 + DAY), &[1, 2, 3]),
        refused(Refusal::Malformed)
    );
    assert_eq!(
        (world.ledger.applied(), world.ledger.now()),
        (3, WallTime(T0))
    );
    let time = world.ledger.apply_bytes(4, WallTime(T0 + 1), &[]);
    assert_eq!(time.reply, Reply::Time(WallTime(T0 + 1)));
}

#[test]
fn a_position_is_applied_once() {
    let mut world = World::with_grant(2, 0);
    let digest = world.ledger.digest();
    for seq in [0, 1] {
        let entry = Entry {
            stamp: WallTime(T0 + DAY),
            signed: Some(sign(BORROWER, T0, spend(1))),
        };
        let applied = world.ledger.apply_authentic(seq, &entry);
        assert_eq!(applied, refused(Refusal::Past));
        let applied = world.ledger.apply_bytes(seq, WallTime(T0), &[1]);
        assert_eq!(applied, refused(Refusal::Past));
    }
    assert_eq!(world.ledger.digest(), digest);
}

#[test]
fn questions_are_answered_from_what_was_applied() {
    let mut world = World::with_grant(3, 0);
    world.borrower(spend(1));
    let Reply::Stands(stands) = world.ledger.answer(Question::Account(account())) else {
        panic!("is open");
    };
    assert_eq!((stands.spent, stands.remaining()), (1, 2));
    let unknown = Question::Account(AccountId([0; 16]));
    assert_eq!(
        world.ledger.answer(unknown),
        Reply::Refused(Refusal::Unknown)
    );
    let now = Reply::Time(WallTime(world.now));
    assert_eq!(world.ledger.answer(Question::Time), now);
}

#[test]
fn what_cannot_count_is_not_proposed() {
    let mut world = World::with_grant(2, 0);
    let now = WallTime(world.now);
    let admit = |world: &World, who: u8, at: u64, command| {
        let signed = identity(who).command(WallTime(at), command);
        world.ledger.admit(Some(now), &signed)
    };
    let at = now.0;
    assert_eq!(admit(&world, BORROWER, at, spend(1)), Ok(()));
    assert_eq!(admit(&world, OWNER, at, spend(1)), Err(Refusal::Stranger));
    assert_eq!(
        admit(&world, BORROWER, at - 2 * HOUR, spend(1)),
        Err(Refusal::Time { now })
    );
    assert_eq!(
        admit(&world, OWNER, at, Command::Open(opening(2, 0))),
        Ok(())
    );
    let other = Opening {
        grant: GrantId([8; 16]),
        ..opening(2, 0)
    };
    assert_eq!(admit(&world, 3, at, Command::Open(other.clone())), Ok(()));
    let too_many = Command::Open(Opening {
        looks: u32::MAX,
        ..other.clone()
    });
    assert_eq!(admit(&world, 3, at, too_many), Err(Refusal::Bounds));
    let unknown = Command::Spend {
        account: other.account(user(3)),
        view: ViewId([1; 16]),
        reply_key: [0; 32],
        device: DeviceId([0; 16]),
    };
    assert_eq!(admit(&world, BORROWER, at, unknown.clone()), Ok(()));
    let unsigned = sign(BORROWER, at, unknown);
    assert_eq!(world.ledger.admit(None, &unsigned), Err(Refusal::Signature));
    let unsigned = sign(BORROWER, at, spend(1));
    assert_eq!(world.ledger.admit(None, &unsigned), Err(Refusal::Signature));
    world.change(1, Change::Revoke);
    assert_eq!(admit(&world, BORROWER, at, spend(1)), Err(Refusal::Revoked));
    assert_eq!(admit(&world, OWNER, at, adjust(2, Change::Add(1))), Ok(()));
}
