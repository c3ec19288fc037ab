//! Nothing that was promised is lost when all servers die: a change of a grant that was deposited
//! for somebody who was away arrives once, after all servers came back, and also when one of them
//! came back with an empty disk.

use std::fs;

use bytes::Bytes;
use pentimento::proto::control::{Command, Outcome};
use pentimento::proto::ids::GrantId;
use pentimento::proto::lease::{Change, Conditions, LogEvent};
use pentimento::proto::outcome::Posted;

use super::stage::{SERVERS, Stage, noise, until};

const VIEWS: u32 = 2;
const SETTLE_MS: u32 = 5_000;

#[test]
fn a_deposited_change_survives_the_death_of_all_servers() {
    arrives_once_after(|_| {});
}

#[test]
fn a_deposited_change_survives_when_one_server_also_lost_its_disk() {
    arrives_once_after(|stage| {
        fs::remove_file(stage.data(2).join("state.redb")).expect("the database was there");
    });
}

fn arrives_once_after(damage: impl FnOnce(&Stage)) {
    let mut stage = Stage::with(&["alice", "bob"]);
    let original = noise(1, 5_000);
    let grant = stage.share_with_bob(&original, VIEWS, Conditions::default());
    stage.strike("bob");
    deposit_one_look(&stage, grant);
    // Without alice only the servers can tell bob.
    stage.strike("alice");
    for id in SERVERS {
        stage.strike_server(id);
    }
    damage(&stage);
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    stage.enter("bob");
    until("the change reaches bob", || {
        stage
            .only_lease("bob")
            .filter(|lease| lease.terms.applied == 1)
    });
    // Whatever is still on its way, such as a second copy from alice, has its time now.
    stage.enter("alice");
    stage.wait_online("bob");
    stage.wait_online("alice");
    let settled = stage.ask("bob", Command::Settle(SETTLE_MS));
    assert!(matches!(settled, Ok(Outcome::Settled(_))), "{settled:?}");
    let terms = stage.only_lease("bob").expect("the lease").terms;
    assert_eq!(
        (terms.granted, terms.used, terms.applied),
        (VIEWS + 1, 0, 1)
    );
    assert!(terms.held.is_empty() && !terms.revoked, "{terms:?}");
    assert_eq!(changes_told(&stage, grant), 1);
    until("the servers forget the letter that was taken", || {
        let letters = SERVERS.map(|id| stage.status(id).map(|status| status.letters));
        (letters == [Some(0); 3]).then_some(())
    });
    look(&stage, grant, &original);
    assert_eq!(stage.fallen(), Vec::<String>::new());
}

fn deposit_one_look(stage: &Stage, grant: GrantId) {
    let adjust = Command::Adjust {
        lease: grant.hex(),
        change: Change::Add(1),
    };
    match stage.ask("alice", adjust) {
        Ok(Outcome::Adjusted {
            posted: Posted::Mailbox,
            left,
            ..
        }) => assert_eq!(left, VIEWS + 1),
        other => panic!("not deposited: {other:?}"),
    }
}

/// How often bob's log tells of the change.
fn changes_told(stage: &Stage, grant: GrantId) -> usize {
    match stage.ask("bob", Command::Ledger(Some(grant.hex()))) {
        Ok(Outcome::Ledger(entries)) => {
            let changes = entries.iter().filter(|(_, entry)| {
                matches!(
                    entry.event,
                    LogEvent::Adjusted {
                        change: Change::Add(1),
                        ..
                    }
                )
            });
            changes.count()
        }
        other => panic!("no log: {other:?}"),
    }
}

/// The lease is good for a look at the very bytes.
fn look(stage: &Stage, grant: GrantId, original: &Bytes) {
    let mut bob = stage.talk("bob");
    let opened = bob.ask(Command::View(grant.hex()), |_| {});
    let Ok(Outcome::Opened {
        view,
        original: shown,
        ..
    }) = opened
    else {
        panic!("not opened: {opened:.200?}");
    };
    assert!(shown == *original, "other bytes were shown");
    match bob.ask(Command::Shown(view), |_| {}) {
        Ok(Outcome::Counted { ordinal: 1, left }) => assert_eq!(left, VIEWS),
        other => panic!("not counted: {other:?}"),
    }
}
