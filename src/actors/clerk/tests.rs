use proptest::prelude::*;

use super::*;
use crate::actors::edges::{Desk, TicketBook};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::identity::verify_command;
use crate::crypto::shares::{Purpose, Share, split};
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{AccountId, DeviceId, GrantId, UserId, ViewId};
use crate::proto::ledger::Signed;
use crate::proto::limits::LEDGER_ENTRY_MAX_BYTES;
use crate::proto::shares::ReleasePurpose;
use crate::time::Calendar;

const ACCOUNT: AccountId = AccountId([1; 16]);
const VIEW: ViewId = ViewId([2; 16]);
const NOW: Moment = Moment::START;

fn servers() -> Vec<NodeId> {
    vec![NodeId(1), NodeId(2), NodeId(3)]
}

fn clerk() -> Clerk {
    let identity = SecretIdentity::from_secret([7; 32]);
    let calendar = Calendar {
        started_at: WallTime(1_000_000),
    };
    Clerk::new(Config::lan(identity, servers(), calendar), [3; 32])
}

fn ticket() -> Ticket {
    TicketBook::new(Desk::LeaseManager).draw()
}

fn shares() -> Vec<Share> {
    split(&[8; 32], 2, 3, [4; 32]).expect("a sharing")
}

fn look() -> LookOrder {
    LookOrder {
        account: ACCOUNT,
        view: VIEW,
        reply: StaticSecret::from_bytes([5; 32]),
        device: DeviceId([6; 16]),
        threshold: 2,
        share_hashes: shares().iter().map(Share::hash).collect(),
    }
}

fn handled(clerk: &mut Clerk, input: Input) -> Vec<Output> {
    let mut out = Outbox::new();
    clerk.handle(NOW, input, &mut out);
    out.take()
}

/// The number under which an order was sent, and the order; it went to every server.
fn sent(told: &[Output]) -> (u64, Signed) {
    let mut to = Vec::new();
    let mut found = None;
    for output in told {
        let Output::Send {
            to: server,
            packet: Packet::Submit { nonce, command },
        } = output
        else {
            panic!("{output:?}")
        };
        to.push(*server);
        let signed: Signed = codec::decode(command, LEDGER_ENTRY_MAX_BYTES).expect("an order");
        assert!(found.is_none() || found == Some((*nonce, signed.clone())));
        found = Some((*nonce, signed));
    }
    assert_eq!(to, servers());
    found.expect("something was sent")
}

fn answer(reply: Reply) -> Answer {
    Answer { seq: 40, reply }
}

fn released(server: usize, ordinal: u32) -> Input {
    let reply = look().reply.public();
    let index = server as u8;
    let purpose = Purpose::Look {
        account: ACCOUNT,
        round: 0,
        index,
        view: VIEW,
        ordinal,
        remaining: 2,
        seq: 40,
    };
    let sealed = shares()[server - 1].seal(&reply, &purpose, [9; 32]);
    Input::ShareArrived {
        from: NodeId(index),
        share: ReleasedShare {
            account: ACCOUNT,
            round: 0,
            index,
            seq: 40,
            purpose: ReleasePurpose::Look {
                view: VIEW,
                ordinal,
                remaining: 2,
            },
            sealed: sealed.expect("a key"),
        },
    }
}

fn begin_look(clerk: &mut Clerk) -> u64 {
    let (ticket, look) = (ticket(), look());
    let (nonce, signed) = sent(&handled(clerk, Input::Look { ticket, look }));
    assert!(verify_command(&signed));
    nonce
}

fn spent(released: bool) -> Answer {
    answer(Reply::Spent {
        ordinal: 1,
        remaining: 2,
        counted: 40,
        released,
    })
}

#[test]
fn a_look_is_answered_when_enough_shares_of_one_count_are_here() {
    let mut clerk = clerk();
    let nonce = begin_look(&mut clerk);
    let answer = spent(true);
    assert_eq!(handled(&mut clerk, Input::Decided { nonce, answer }), []);
    assert_eq!(handled(&mut clerk, released(1, 1)), []);
    assert_eq!(handled(&mut clerk, released(1, 1)), [], "the same again");
    assert_eq!(handled(&mut clerk, released(2, 7)), [], "of another count");
    let wanted = Look {
        secret: [8; 32].into(),
        ordinal: 1,
        remaining: 2,
    };
    let looked = Ok(wanted);
    let told = handled(&mut clerk, released(3, 1));
    let ticket = ticket();
    assert_eq!(told, [Output::Looked { ticket, looked }]);
    assert_eq!(clerk.deadline(), None);
}

#[test]
fn a_share_counts_only_from_its_own_server() {
    let mut clerk = clerk();
    begin_look(&mut clerk);
    let Input::ShareArrived { share, .. } = released(1, 1) else {
        unreachable!("see above")
    };
    let from = NodeId(2);
    assert_eq!(handled(&mut clerk, Input::ShareArrived { from, share }), []);
    assert_eq!(
        handled(&mut clerk, released(2, 1)),
        [],
        "the first that counts"
    );
}

#[test]
fn a_refused_or_a_late_look_tells_why() {
    let refused = Reply::Refused(Refusal::Exhausted);
    for (answer, fault) in [
        (answer(refused), LookFault::Refused(Refusal::Exhausted)),
        (
            spent(false),
            LookFault::Late {
                ordinal: Some(1),
                remaining: 2,
            },
        ),
    ] {
        let mut clerk = clerk();
        let nonce = begin_look(&mut clerk);
        let told = handled(&mut clerk, Input::Decided { nonce, answer });
        let (ticket, looked) = (ticket(), Err(fault));
        assert_eq!(told, [Output::Looked { ticket, looked }]);
    }
}

#[test]
fn an_order_is_repeated_under_its_number_until_it_is_given_up() {
    let mut clerk = clerk();
    let nonce = begin_look(&mut clerk);
    assert_eq!(rounds(&mut clerk, nonce), 26, "every 300 ms of 8 s");
    assert_eq!(clerk.deadline(), None);
}

#[test]
fn a_look_that_is_counted_waits_longer_for_servers_that_come_back() {
    let mut clerk = clerk();
    let nonce = begin_look(&mut clerk);
    let answer = spent(true);
    assert_eq!(handled(&mut clerk, Input::Decided { nonce, answer }), []);
    assert_eq!(rounds(&mut clerk, nonce), 46, "every 300 ms of 14 s");
}

/// How often a look is ordered until it is given up without an answer.
fn rounds(clerk: &mut Clerk, nonce: u64) -> u32 {
    let mut rounds = 0;
    loop {
        let at = clerk.deadline().expect("it goes on");
        let mut out = Outbox::new();
        clerk.on_deadline(at, &mut out);
        let told = out.take();
        if let [Output::Looked { looked, .. }] = &told[..] {
            assert_eq!(*looked, Err(LookFault::Unanswered));
            return rounds;
        }
        assert_eq!(sent(&told).0, nonce);
        rounds += 1;
    }
}

#[test]
fn an_order_signed_by_a_wrong_clock_is_signed_again_by_the_ledger_s() {
    let mut clerk = clerk();
    let nonce = begin_look(&mut clerk);
    let now = WallTime(77_000_000);
    let answer = answer(Reply::Refused(Refusal::Time { now }));
    let told = handled(&mut clerk, Input::Decided { nonce, answer });
    let (again, signed) = sent(&told);
    assert_ne!(again, nonce);
    assert_eq!(signed.at, now);
    // The old number means nothing any more.
    let answer = spent(false);
    assert_eq!(handled(&mut clerk, Input::Decided { nonce, answer }), []);
}

#[test]
fn shares_are_deposited_until_enough_servers_have_theirs() {
    let mut clerk = clerk();
    let deposit = ShareDeposit {
        borrower: UserId([2; 32]),
        grant: GrantId([3; 16]),
        granted_at: WallTime(4),
        round: 0,
        sealed: Bytes::from_static(b"sealed"),
    };
    let me = clerk.config.identity.user_id();
    let account = deposit.account(me);
    let ticket = ticket();
    let deposits = servers().into_iter().map(|to| (to, deposit.clone()));
    let told = handled(
        &mut clerk,
        Input::Deposit {
            ticket,
            deposits: deposits.collect(),
            needed: 2,
        },
    );
    assert_eq!(told.len(), 3);
    let answered = |clerk: &mut Clerk, from, kept| {
        let answer = ShareAnswer {
            account,
            round: 0,
            kept,
        };
        let from = NodeId(from);
        handled(clerk, Input::DepositAnswered { from, answer })
    };
    assert_eq!(answered(&mut clerk, 1, true), []);
    assert_eq!(answered(&mut clerk, 1, true), []);
    assert_eq!(answered(&mut clerk, 2, false), []);
    let mut out = Outbox::new();
    clerk.on_deadline(clerk.deadline().expect("it repeats"), &mut out);
    assert_eq!(out.take().len(), 2, "to those that have not confirmed");
    let servers = 2;
    let told = answered(&mut clerk, 3, true);
    assert_eq!(told, [Output::Deposited { ticket, servers }]);
}

/// What can happen to a deposit: an answer of a server, of this round or another, or time.
#[derive(Clone, Debug)]
enum Turn {
    Answer(usize, u32, bool),
    Time,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (0..3_usize, 0..2_u32, any::<bool>())
            .prop_map(|(from, round, kept)| Turn::Answer(from, round, kept)),
        1 => Just(Turn::Time),
    ]
}

proptest! {
    /// Whatever is answered, and however often: only servers that have not confirmed are sent to,
    /// and it is told once how many did, as soon as they are enough or nobody is left to ask.
    #[test]
    fn a_deposit_ends_when_enough_or_all_have_told(
        needed in 1..=3_usize,
        turns in proptest::collection::vec(turn(), 0..60),
    ) {
        let (mut clerk, mut now, ticket) = (clerk(), NOW, ticket());
        let share = |round| ShareDeposit {
            borrower: UserId([2; 32]),
            grant: GrantId([3; 16]),
            granted_at: WallTime(4),
            round,
            sealed: Bytes::from_static(b"sealed"),
        };
        let account = share(1).account(clerk.config.identity.user_id());
        let deposits = servers().into_iter().map(|to| (to, share(1))).collect();
        let begin = Input::Deposit { ticket, deposits, needed };
        prop_assert_eq!(handled(&mut clerk, begin).len(), 3);
        let mut told: [Option<bool>; 3] = [None; 3];
        for turn in turns {
            let mut out = Outbox::new();
            let is_over = match turn {
                Turn::Answer(from, round, kept) => {
                    if round == 1 {
                        told[from] = Some(told[from] == Some(true) || kept);
                    }
                    let answer = ShareAnswer { account, round, kept };
                    let from = servers()[from];
                    clerk.handle(now, Input::DepositAnswered { from, answer }, &mut out);
                    false
                }
                Turn::Time => {
                    now = clerk.deadline().expect("it waits");
                    clerk.on_deadline(now, &mut out);
                    now.since(NOW).as_millis() >= u128::from(clerk.config.give_up_ms)
                }
            };
            let kept: Vec<bool> = told.iter().map(|told| *told == Some(true)).collect();
            let count = kept.iter().filter(|kept| **kept).count();
            let is_done = count >= needed || told.iter().all(Option::is_some);
            let said = out.take();
            if is_done || is_over {
                prop_assert_eq!(said, [Output::Deposited { ticket, servers: count }]);
                prop_assert_eq!(clerk.deadline(), None);
                return Ok(());
            }
            for output in said {
                let Output::Send { to, packet } = output else {
                    panic!("{output:?}")
                };
                prop_assert_eq!(packet, Packet::KeepShare(share(1)));
                prop_assert!(!kept[usize::from(to.0) - 1], "it has its share");
            }
        }
    }
}

#[test]
fn an_order_that_another_time_does_not_help_ends_with_the_ledger_s_word() {
    let mut clerk = clerk();
    let mut nonce = begin_look(&mut clerk);
    let refusal = Refusal::Time {
        now: WallTime(77_000_000),
    };
    let answer = answer(Reply::Refused(refusal));
    for _ in 0..SIGNED_ANEW_MAX {
        nonce = sent(&handled(&mut clerk, Input::Decided { nonce, answer })).0;
    }
    let told = handled(&mut clerk, Input::Decided { nonce, answer });
    let (ticket, looked) = (ticket(), Err(LookFault::Refused(refusal)));
    assert_eq!(told, [Output::Looked { ticket, looked }]);
}
