//! A borrower who cheats, with real processes: homes that are copied, clocks that are set, clients
//! that run twice and clients that are ended in the middle of a system call. The program is not
//! changed; against one that is, nothing helps.

use std::collections::BTreeSet;
use std::process::Command as Program;

use bytes::Bytes;
use pentimento::proto::control::{Command, Failure, Outcome, Reason};
use pentimento::proto::ids::{GrantId, ViewId};
use pentimento::proto::lease::{Conditions, EndReason};
use pentimento::proto::outcome::TakenLooks;
use pentimento::talk::session::Session;

use super::stage::{SERVERS, Stage, has_other_clocks, noise, until};

const FILE_BYTES: usize = 20_000;

/// A grant of alice's that the servers count, with bob; so many looks may be taken offline.
struct Scene {
    stage: Stage,
    grant: GrantId,
    original: Bytes,
    /// Looks whose picture left the borrower's program.
    seen: Vec<ViewId>,
}

impl Scene {
    fn new(views: u32, offline: u32) -> Self {
        let stage = Stage::with(&["alice", "bob"]);
        let original = noise(5, FILE_BYTES);
        let conditions = Conditions {
            offline,
            ..Conditions::STRICT
        };
        let grant = stage.share_with_bob(&original, views, conditions);
        Self {
            stage,
            grant,
            original,
            seen: Vec::new(),
        }
    }

    /// Has a picture opened, and its look confirmed: its number and the looks left.
    fn look(&mut self, who: &str) -> Result<(u32, u32), Failure> {
        let mut talk = self.stage.talk(who);
        let view = self.open(&mut talk)?;
        match talk.ask(Command::Shown(view), |_| {})? {
            Outcome::Counted { ordinal, left } => Ok((ordinal, left)),
            other => panic!("not counted: {other:?}"),
        }
    }

    fn open(&mut self, talk: &mut Session) -> Result<ViewId, Failure> {
        match talk.ask(Command::View(self.grant.hex()), |_| {})? {
            Outcome::Opened { view, original, .. } => {
                assert!(original == self.original, "other bytes were shown");
                self.seen.push(view);
                Ok(view)
            }
            other => panic!("not opened: {other:.200?}"),
        }
    }

    fn refused(&mut self, who: &str) -> Reason {
        self.look(who).expect_err("no look").reason
    }

    fn take(&self, looks: u32) -> Result<u32, Failure> {
        self.take_by(&mut self.stage.talk("bob"), looks)
    }

    fn take_by(&self, talk: &mut Session, looks: u32) -> Result<u32, Failure> {
        let take = Command::TakeLooks {
            lease: self.grant.hex(),
            looks: Some(looks),
            until: None,
        };
        match talk.ask(take, |_| {})? {
            Outcome::LooksTaken { looks, .. } => Ok(looks),
            other => panic!("not taken: {other:?}"),
        }
    }

    fn give_back(&self) -> Result<u32, Failure> {
        self.give_back_by(&mut self.stage.talk("bob"))
    }

    fn give_back_by(&self, talk: &mut Session) -> Result<u32, Failure> {
        let lease = self.grant.hex();
        match talk.ask(Command::ReturnLooks { lease }, |_| {})? {
            Outcome::LooksReturned { looks, .. } => Ok(looks),
            other => panic!("not returned: {other:?}"),
        }
    }

    /// Until no looks are with bob.
    fn bring_back(&self) {
        until("the looks are back", || {
            let is_back = self.taken().is_none() || self.give_back().is_ok();
            is_back.then_some(())
        });
    }

    fn taken(&self) -> Option<TakenLooks> {
        self.stage.only_lease("bob").and_then(|lease| lease.taken)
    }

    fn strike_servers(&mut self) {
        for id in SERVERS {
            self.stage.strike_server(id);
        }
    }

    fn raise_servers(&mut self) {
        for id in SERVERS {
            self.stage.raise(id);
        }
        self.stage.wait_ready();
        self.stage.wait_online("bob");
    }
}

#[test]
fn two_copies_of_a_client_at_once_share_the_looks() {
    let mut scene = Scene::new(3, 0);
    scene.stage.copy_home("bob", "twin");
    scene.stage.move_client("twin");
    scene.stage.enter("twin");
    let mut numbers = BTreeSet::new();
    // Which of the two hears the servers is a matter of luck; one that does not tries again.
    let last = (0..20).find_map(|round| {
        let who = if round % 2 == 0 { "bob" } else { "twin" };
        match scene.look(who) {
            Ok((ordinal, _)) => {
                assert!(numbers.insert(ordinal), "one count, two looks");
                None
            }
            Err(failure) => Some(failure.reason).filter(|reason| *reason == Reason::QuotaSpent),
        }
    });
    assert_eq!(last, Some(Reason::QuotaSpent));
    assert!((1..=3).contains(&scene.seen.len()), "{:?}", scene.seen);
    assert!(numbers.iter().all(|number| *number <= 3), "{numbers:?}");
}

#[test]
fn looks_that_were_taken_need_no_server_and_are_not_more() {
    let mut scene = Scene::new(4, 2);
    assert_eq!(scene.take(3).expect_err("too many").reason, Reason::Usage);
    assert_eq!(scene.take(2), Ok(2));
    scene.strike_servers();
    assert_eq!(scene.look("bob"), Ok((1, 3)));
    scene.stage.strike("bob");
    scene.stage.enter("bob");
    assert_eq!(scene.look("bob"), Ok((2, 2)));
    assert_eq!(scene.refused("bob"), Reason::Unreachable);
    scene.raise_servers();
    let third = until("the servers count again", || scene.look("bob").ok());
    assert_eq!(third, (3, 1), "the looks without them are told first");
    assert_eq!(scene.taken(), None);
}

#[test]
fn a_home_that_is_copied_back_offline_is_found_out() {
    let mut scene = Scene::new(5, 2);
    assert_eq!(scene.take(2), Ok(2));
    scene.stage.copy_home("bob", "bob-before");
    assert_eq!(scene.look("bob"), Ok((1, 4)));
    assert_eq!(scene.give_back(), Ok(1));
    scene.stage.put_home_back("bob", "bob-before");
    // Without asking anybody: this is what is not prevented.
    assert_eq!(scene.look("bob"), Ok((1, 4)));
    let found = scene.give_back().expect_err("a fork");
    assert_eq!(found.reason, Reason::Revoked, "{found:?}");
    assert_eq!(scene.refused("bob"), Reason::Revoked);
    let told = until("alice is told", || {
        let lease = scene.stage.only_lease("alice")?;
        lease.ended.map(|ended| ended.reason)
    });
    assert_eq!(told, EndReason::Copied);
}

#[test]
fn a_clock_that_is_set_gives_no_look_more() {
    if !has_other_clocks() {
        return;
    }
    let mut scene = Scene::new(4, 2);
    assert_eq!(scene.take(2), Ok(2));
    assert_eq!(scene.look("bob"), Ok((1, 3)));
    scene.strike_servers();
    for offset in ["-1y", "+1y", "-1d", "+8d"] {
        scene.stage.strike("bob");
        scene.stage.enter_at("bob", offset);
        assert_eq!(scene.refused("bob"), Reason::Unreachable, "{offset}");
    }
    scene.raise_servers();
    // The servers keep the time: with the clock a week ahead the looks are three in all.
    let mut numbers = Vec::new();
    for _ in 0..6 {
        numbers.extend(scene.look("bob").ok().map(|(ordinal, _)| ordinal));
    }
    assert_eq!(numbers, [2, 3, 4]);
}

/// The system calls of a client that shows a look.
const CALLS: [&str; 17] = [
    "fdatasync",
    "fsync",
    "pwrite64",
    "pread64",
    "write",
    "read",
    "sendmsg",
    "sendto",
    "recvmmsg",
    "recvfrom",
    "futex",
    "epoll_wait",
    "timerfd_settime",
    "mprotect",
    "fcntl",
    "openat",
    "close",
];
/// The client has no more calls of a kind when it lives through so many places in a row.
const PLACES_AFTER: u32 = 2;
/// Far more places than a look has of one kind.
const PLACES_MAX: u32 = 120;

/// What a client is ended in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// A look that the servers count.
    Look,
    /// A look without them.
    LookOffline,
    /// Looks taken and given back.
    TakeAndReturn,
}

/// Ends the client in one system call after another while it does something, as long as there are
/// any. Gives how often it was ended; none where that cannot be done.
fn end_everywhere(scene: &mut Scene, deed: Deed) -> Option<usize> {
    let mut ended = 0;
    for calls in CALLS {
        let mut survived = 0;
        for place in 1..PLACES_MAX {
            if deed != Deed::LookOffline {
                scene.stage.wait_online("bob");
            }
            if deed == Deed::TakeAndReturn {
                scene.bring_back();
            }
            let is_ended = end_in(scene, deed, calls, place)?;
            let seen: BTreeSet<ViewId> = scene.seen.iter().copied().collect();
            assert_eq!(seen.len(), scene.seen.len(), "{calls} {place}: seen twice");
            ended += usize::from(is_ended);
            survived = if is_ended { 0 } else { survived + 1 };
            if survived >= PLACES_AFTER {
                break;
            }
        }
    }
    Some(ended)
}

/// Has the client do something while it is to be ended there, and starts it anew. Whether it was
/// ended.
fn end_in(scene: &mut Scene, deed: Deed, calls: &str, place: u32) -> Option<bool> {
    let mut talk = scene.stage.talk("bob");
    let trap = scene.stage.end_in_call("bob", calls, place)?;
    let done = match deed {
        Deed::TakeAndReturn => {
            let taken = scene.take_by(&mut talk, 3);
            taken.and_then(|_| scene.give_back_by(&mut talk)).map(drop)
        }
        // It may be ended in the word that the picture was shown as well.
        Deed::Look | Deed::LookOffline => {
            let opened = scene.open(&mut talk);
            let shown = opened.and_then(|view| talk.ask(Command::Shown(view), |_| {}));
            shown.map(drop)
        }
    };
    let is_ended = done.is_err() && scene.stage.falls("bob");
    drop(trap);
    scene.stage.strike("bob");
    scene.stage.enter("bob");
    Some(is_ended)
}

#[test]
fn a_client_that_is_ended_anywhere_shows_no_look_twice() {
    if Program::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed");
        return;
    }
    let mut scene = Scene::new(900, 3);
    let Some(ended) = end_everywhere(&mut scene, Deed::Look) else {
        eprintln!("skipped: strace may not trace here");
        return;
    };
    let (ordinal, left) = until("a look", || scene.look("bob").ok());
    let seen = scene.seen.len();
    assert!(seen <= ordinal as usize, "{seen} seen, {ordinal} counted");
    eprintln!("ended {ended} times: {seen} looks seen, {ordinal} counted");

    let taking = end_everywhere(&mut scene, Deed::TakeAndReturn).expect("strace works");
    scene.bring_back();
    let next = until("a look", || scene.look("bob").ok());
    assert_eq!(next, (ordinal + 1, left - 1), "no look is lost or won");
    eprintln!("ended {taking} times in taking and giving back");
    assert!(
        ended + taking >= 150,
        "ended {ended} and {taking} times only"
    );
}

#[test]
fn a_client_that_is_ended_anywhere_shows_no_look_twice_without_servers() {
    if Program::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed");
        return;
    }
    let mut scene = Scene::new(900, 256);
    assert_eq!(scene.take(256), Ok(256));
    scene.strike_servers();
    let Some(ended) = end_everywhere(&mut scene, Deed::LookOffline) else {
        eprintln!("skipped: strace may not trace here");
        return;
    };
    let used = scene.taken().expect("they are here").used as usize;
    let seen = scene.seen.len();
    assert!(seen <= used, "{seen} seen, {used} in the log");
    eprintln!("without servers, ended {ended} times: {seen} looks seen, {used} in the log");
    assert!(ended >= 40, "ended {ended} times only");
    // Nobody is taken for two: the log of looks goes on where the servers know it to.
    scene.raise_servers();
    scene.bring_back();
    let (ordinal, _) = until("a look", || scene.look("bob").ok());
    assert_eq!(ordinal as usize, used + 1, "no look is lost or won");
}
