pub(crate) mod planted;
mod view;

use super::*;
use crate::crypto::shares::split;
use crate::proto::ids::{GrantId, ViewId};
use crate::time::WallTime;

const OWNER: UserId = UserId([1; 32]);
const BORROWER: UserId = UserId([2; 32]);
const NOW: Moment = Moment::START;

fn secret() -> StaticSecret {
    StaticSecret::from_bytes([9; 32])
}

fn custody(rows: Vec<Row>) -> Custody {
    Custody::new(Config::lan(2, secret()), [1; 32], rows)
}

fn share() -> Share {
    split(&[7; 32], 2, 3, [3; 32]).expect("a sharing")[1].clone()
}

fn deposit(grant: u8) -> ShareDeposit {
    let (grant, granted_at) = (GrantId([grant; 16]), WallTime(5));
    let account = AccountId::of(OWNER, BORROWER, grant, granted_at);
    let purpose = Purpose::Keep {
        account,
        round: 0,
        index: 2,
    };
    let sealed = share().seal(&secret().public(), &purpose, [4; 32]);
    ShareDeposit {
        borrower: BORROWER,
        grant,
        granted_at,
        round: 0,
        sealed: sealed.expect("a key"),
    }
}

fn handled(custody: &mut Custody, input: Input) -> Vec<Output> {
    let mut out = Outbox::new();
    custody.handle(NOW, input, &mut out);
    out.take()
}

fn arrives(custody: &mut Custody, deposit: ShareDeposit) -> Vec<Output> {
    let owner = OWNER;
    handled(custody, Input::DepositArrived { owner, deposit })
}

/// Tells the machine that its only order was carried out; gives the rows, too.
fn written(custody: &mut Custody, told: &[Output]) -> (Vec<Record>, Vec<Output>) {
    let [Output::Disk { ticket, order }] = told else {
        panic!("not one order: {told:?}")
    };
    let DiskOrder::Write(records) = order else {
        panic!("no write: {order:?}")
    };
    let (ticket, answer) = (*ticket, DiskAnswer::Written);
    let answered = handled(custody, Input::Disk { ticket, answer });
    (records.clone(), answered)
}

/// A custody that has a share on disk, and its row.
fn with_share() -> (Custody, Row) {
    let mut custody = custody(Vec::new());
    let told = arrives(&mut custody, deposit(1));
    let (records, _) = written(&mut custody, &told);
    let Record { key, value, .. } = records[0].clone();
    (custody, (key, value.expect("a row")))
}

fn answer_of(told: &[Output]) -> bool {
    match told {
        [
            Output::Send {
                to: OWNER,
                packet: Packet::ShareKept(answer),
            },
        ] => answer.kept,
        other => panic!("no answer: {other:?}"),
    }
}

fn reply() -> StaticSecret {
    StaticSecret::from_bytes([6; 32])
}

fn release(reply_key: [u8; 32]) -> Effect {
    Effect::Release(Release {
        account: deposit(1).account(OWNER),
        round: 0,
        borrower: BORROWER,
        view: ViewId([5; 16]),
        reply_key,
        ordinal: 1,
        remaining: 2,
        seq: 17,
    })
}

fn applied(custody: &mut Custody, effect: Effect, replayed: bool) -> Vec<Output> {
    let effects = vec![effect];
    handled(custody, Input::Effects { effects, replayed })
}

#[test]
fn a_deposit_is_confirmed_when_it_is_on_disk_and_again_when_it_is_repeated() {
    let mut custody = custody(Vec::new());
    let told = arrives(&mut custody, deposit(1));
    assert_eq!(arrives(&mut custody, deposit(1)), [], "not on disk yet");
    let (_, told) = written(&mut custody, &told);
    assert!(answer_of(&told));
    assert!(answer_of(&arrives(&mut custody, deposit(1))));
}

#[test]
fn a_deposit_that_the_disk_does_not_take_is_not_confirmed_and_may_come_again() {
    let mut custody = custody(Vec::new());
    let told = arrives(&mut custody, deposit(1));
    let [Output::Disk { ticket, .. }] = told[..] else {
        panic!("{told:?}")
    };
    let fault = super::super::edges::DiskFault::Io("full".into());
    let answer = DiskAnswer::Failed(fault);
    assert_eq!(handled(&mut custody, Input::Disk { ticket, answer }), []);
    let told = arrives(&mut custody, deposit(1));
    assert!(answer_of(&written(&mut custody, &told).1));
}

#[test]
fn what_is_no_share_for_us_is_refused() {
    let mut custody = custody(Vec::new());
    // Another's: the account is not the one that it is sealed for.
    let owner = BORROWER;
    let deposit = deposit(1);
    let told = handled(
        &mut custody,
        Input::DepositArrived {
            owner,
            deposit: deposit.clone(),
        },
    );
    assert!(matches!(
        told[..],
        [Output::Send { to: BORROWER, packet: Packet::ShareKept(answer) }] if !answer.kept
    ));
    let mut sealed = deposit.sealed.to_vec();
    sealed[40] ^= 1;
    let bent = ShareDeposit {
        sealed: sealed.into(),
        ..deposit
    };
    assert!(!answer_of(&arrives(&mut custody, bent)));
}

#[test]
fn an_owner_has_room_for_so_many() {
    let mut config = Config::lan(2, secret());
    config.shares_of_owner_max = 2;
    let mut custody = Custody::new(config, [1; 32], Vec::new());
    for grant in 1..=2 {
        let told = arrives(&mut custody, deposit(grant));
        assert!(answer_of(&written(&mut custody, &told).1), "{grant}");
    }
    assert!(!answer_of(&arrives(&mut custody, deposit(3))));
}

#[test]
fn a_counted_look_gets_the_share_sealed_to_it() {
    let (_, row) = with_share();
    let mut custody = custody(vec![row]);
    let told = applied(&mut custody, release(reply().public().0), false);
    let [
        Output::Send {
            to: BORROWER,
            packet: Packet::Share(told),
        },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    let purpose = |remaining| Purpose::Look {
        account: told.account,
        round: 0,
        index: 2,
        view: ViewId([5; 16]),
        ordinal: 1,
        remaining,
        seq: 17,
    };
    let opened = Share::open(&reply(), &purpose(2), &told.sealed);
    assert_eq!(opened, Ok(share()));
    assert!(Share::open(&reply(), &purpose(3), &told.sealed).is_err());
    assert!(Share::open(&secret(), &purpose(2), &told.sealed).is_err());
}

#[test]
fn nothing_is_let_out_again_while_entries_are_replayed_nor_to_a_key_that_is_none() {
    let (mut custody, _) = with_share();
    let told = applied(&mut custody, release(reply().public().0), true);
    assert_eq!(told, []);
    assert_eq!(applied(&mut custody, release([0; 32]), false), []);
}

#[test]
fn an_erased_share_is_gone_from_memory_and_disk() {
    let (mut custody, row) = with_share();
    let account = deposit(1).account(OWNER);
    let erase = Effect::Erase { account, round: 0 };
    let told = applied(&mut custody, erase, true);
    let (records, _) = written(&mut custody, &told);
    let gone = Record {
        table: Table::Shares,
        key: row.0,
        value: None,
    };
    assert_eq!(records, [gone]);
    let told = applied(&mut custody, release(reply().public().0), false);
    assert_eq!(told, []);
    assert_eq!(applied(&mut custody, erase, false), [], "nothing is left");
}

#[test]
fn a_row_that_could_not_be_deleted_is_deleted_later() {
    let (mut custody, _) = with_share();
    let account = deposit(1).account(OWNER);
    let told = applied(&mut custody, Effect::Erase { account, round: 0 }, false);
    let [Output::Disk { ticket, .. }] = told[..] else {
        panic!("{told:?}")
    };
    let fault = super::super::edges::DiskFault::Io("full".into());
    let answer = DiskAnswer::Failed(fault);
    assert_eq!(handled(&mut custody, Input::Disk { ticket, answer }), []);
    let again = custody.deadline().expect("it tries again");
    let mut out = Outbox::new();
    custody.on_deadline(again, &mut out);
    let told = out.take();
    assert_eq!(written(&mut custody, &told).0.len(), 1);
    assert_eq!(custody.deadline(), None);
}

#[test]
fn a_late_deposit_does_not_bring_back_what_was_erased() {
    let (mut custody, _) = with_share();
    let account = deposit(1).account(OWNER);
    let told = applied(&mut custody, Effect::Erase { account, round: 0 }, false);
    written(&mut custody, &told);
    assert!(!answer_of(&arrives(&mut custody, deposit(1))));
    assert!(applied(&mut custody, release(reply().public().0), false).is_empty());
    // The next set is another matter, and so is another account.
    assert!(matches!(
        arrives(&mut custody, deposit(2))[..],
        [Output::Disk { .. }]
    ));
}

#[test]
fn erasures_are_remembered_up_to_their_limit() {
    let mut custody = custody(Vec::new());
    let account = |number: usize| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        AccountId(id)
    };
    for number in 0..=ERASURES_MAX {
        let account = account(number);
        applied(&mut custody, Effect::Erase { account, round: 1 }, false);
    }
    assert_eq!(custody.erased.len(), ERASURES_MAX);
    assert!(!custody.erased.contains_key(&account(0)));
    assert!(custody.erased.contains_key(&account(ERASURES_MAX)));
}

#[test]
fn a_row_that_is_damaged_is_taken_anew_and_erased_with_its_account() {
    let (_, (key, value)) = with_share();
    let account = deposit(1).account(OWNER);
    let rig = custody;
    let rows = [
        ("does not decode", value.slice(..value.len() - 20)),
        ("does not open", {
            let mut bytes = value.to_vec();
            *bytes.last_mut().expect("a row") ^= 1;
            bytes.into()
        }),
    ];
    for (what, damaged) in rows {
        let row = (key.clone(), damaged);
        let mut custody = rig(vec![row.clone()]);
        let told = applied(&mut custody, release(reply().public().0), false);
        assert_eq!(told, [], "nothing to let out: {what}");
        let told = arrives(&mut custody, deposit(1));
        let (records, told) = written(&mut custody, &told);
        assert_eq!(records[0].key, key, "{what}");
        assert!(answer_of(&told), "{what}");
        let told = applied(&mut custody, release(reply().public().0), false);
        assert_eq!(told.len(), 1, "{what}");

        let mut custody = rig(vec![row]);
        let erase = Effect::Erase { account, round: 0 };
        let told = applied(&mut custody, erase, false);
        let (records, _) = written(&mut custody, &told);
        assert_eq!(
            (&records[0].key, &records[0].value),
            (&key, &None),
            "{what}"
        );
    }
}
