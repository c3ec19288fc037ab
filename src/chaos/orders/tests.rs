//! The judge of orders: a good run is good, and each kind of bad one is found.

use bytes::Bytes;

use super::history::Seen;
use super::judge::by_log;
use super::*;
use crate::actors::consensus::{Agreed, StateMachine};
use crate::chaos::judge::{ORDERS_LINEAR, ORDERS_SAME_EVERYWHERE, ORDERS_SERIALIZABLE};
use crate::crypto::identity::SecretIdentity;
use crate::proto::ids::{DeviceId, Digest, GrantId, NodeId, ViewId};
use crate::proto::ledger::{Answer, Command, Opening, Reply, Signed};
use crate::time::WallTime;

const START: WallTime = WallTime(1_700_000_000_000);

/// Somebody opens a grant of two looks and looks three times; the places are 2 to 5, a leader began
/// at 1.
fn good() -> (Told, Seen) {
    let somebody = SecretIdentity::from_secret([7; 32]);
    let opening = Opening {
        grant: GrantId([1; 16]),
        granted_at: START,
        borrower: somebody.user_id(),
        looks: 2,
        not_before: None,
        until: None,
        offline_max: 0,
        threshold: 1,
        share_hashes: vec![Digest([9; 32])],
    };
    let account = opening.account(somebody.user_id());
    let look = |number: u8| Command::Spend {
        account,
        view: ViewId([number; 16]),
        reply_key: [number; 32],
        device: DeviceId([0; 16]),
    };
    let commands = [Command::Open(opening), look(1), look(2), look(3)];
    let (mut told, mut disks, mut agreed) = (Told::default(), Seen::default(), Agreed::default());
    disks.add_leader(1);
    for (command, seq) in commands.into_iter().zip(2_u64..) {
        let at = Moment::from_micros(seq * 1_000);
        let signed: Signed = somebody.command(START, command);
        let bytes = Bytes::from(signed.encode());
        let (reply, _) = agreed.apply(seq, START, &bytes);
        disks.add(seq, START, bytes);
        told.answered.push(at);
        told.waits.push(Waited {
            what: "a look",
            due: Moment::START,
            us: 500,
        });
        told.calls.push(Call {
            invoked: at,
            signed,
            answered: Some((at.after(Duration::from_micros(500)), Answer { seq, reply })),
        });
    }
    disks.states = vec![(NodeId(1), 5, StateMachine::digest(&agreed))];
    (told, disks)
}

fn broken(told: Told, disks: &Seen) -> Vec<&'static str> {
    let judged = by_log(told, disks);
    judged.broken.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_good_run_is_good() {
    let (told, disks) = good();
    let judged = by_log(told, &disks);
    assert_eq!(judged.broken, []);
    assert_eq!((judged.sent, judged.answered, judged.entries), (4, 4, 4));
    assert_eq!((judged.counted, judged.refused, judged.accounts), (2, 1, 1));
}

#[test]
fn an_order_that_is_on_no_disk_is_found_missing() {
    let (told, mut disks) = good();
    disks.states.clear();
    disks.lose_from(5);
    assert_eq!(broken(told, &disks), [ORDERS_SERIALIZABLE]);
    let (told, mut disks) = good();
    disks.lose(3);
    assert_eq!(broken(told, &disks), [ORDERS_SERIALIZABLE], "a hole");
}

#[test]
fn an_answer_that_the_log_does_not_give_is_found() {
    let (mut told, disks) = good();
    // The look beyond the grant was told to be counted.
    let third = told.calls[2].answered.map(|(_, of)| of.reply);
    if let (Some((_, answer)), Some(reply)) = (&mut told.calls[3].answered, third) {
        assert!(matches!(reply, Reply::Spent { .. }));
        answer.reply = reply;
    }
    let found = broken(told, &disks);
    assert!(found.contains(&ORDERS_SERIALIZABLE), "{found:?}");
    assert!(found.contains(&ORDERS_LINEAR), "{found:?}");
}

#[test]
fn a_server_whose_state_is_another_is_found() {
    let (told, mut disks) = good();
    disks.states.push((NodeId(2), 3, Digest([3; 32])));
    assert_eq!(broken(told, &disks), [ORDERS_SAME_EVERYWHERE]);
}

#[test]
fn what_people_saw_go_wrong_is_told() {
    let (mut told, disks) = good();
    told.wrong.push("a look was counted after the end".into());
    assert_eq!(broken(told, &disks), [ORDERS_SERIALIZABLE]);
}
