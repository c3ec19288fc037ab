//! What strict looks take: real servers on loopback, and users who order.
//!
//! A look is measured from the order to the joined shares, without the picture. Looks at a rate are
//! measured from the moment at which they were due, so that one that waits for another counts its
//! wait. Where there is an etcd the same is measured with the ledger in it, and bare writes to it.

use std::time::Duration;

use super::{EtcdWish, RightsBench};
use crate::chaos::members;
use crate::cli::failure::{self, Ended};
use crate::cli::output::Output;
use crate::cli::render::Said;
use crate::node::orders::{Orders, Told};
use crate::proto::control::{Failure, Reason};
use crate::proto::operator::LedgerStatus;
use crate::time::Moment;

use self::crowd::{Crowd, Order};
use self::figures::{Column, millis, percentile};
use self::stage::{Leader, Stage};

mod crowd;
mod figures;
mod puts;
mod stage;

/// Looks one after the other.
const IDLE_LOOKS: usize = 200;
/// A server that was down is back within so long.
const BACK_MAX: Duration = Duration::from_secs(120);
/// Who was killed is asked for so often.
const BACK_STEP: Duration = Duration::from_millis(20);
/// Users who order while a leader is killed.
const WITNESSES: usize = 4;

const ETCD_MEMORY: &str = "most that a member of etcd took";

/// Measures.
///
/// # Errors
/// If servers or users cannot be started, or a server does not come back.
pub(super) fn run(output: Output, wishes: &RightsBench) -> Ended {
    let etcd = match wishes.etcd {
        EtcdWish::Never => None,
        EtcdWish::Auto => members::version(),
        EtcdWish::Always => Some(members::version().ok_or_else(no_etcd)?),
    };
    output.remark("the servers' own store ...");
    let mut columns = vec![measure("own store", false, wishes)?];
    if etcd.is_some() {
        output.remark("the ledger in etcd ...");
        columns.push(measure("in etcd", true, wishes)?);
        output.remark("bare etcd ...");
        columns.push(puts::measure(wishes)?);
    }
    output.say(&Said {
        text: figures::text(&columns),
        json: figures::json(wishes, etcd.as_deref(), &columns),
    });
    Ok(0)
}

fn no_etcd() -> Failure {
    let message = "no program `etcd`";
    Failure::new(Reason::NotFound, message, "install Debian's etcd-server")
}

/// A part of what is measured of a store.
type Step = fn(&mut Crowd, &mut Stage, &RightsBench, &mut Column) -> Result<(), Failure>;

/// Everything with one store.
fn measure(store: &'static str, in_etcd: bool, wishes: &RightsBench) -> Result<Column, Failure> {
    let mut column = Column::new(store);
    let mut stage = Stage::set(in_etcd)?;
    let mut crowd = Crowd::enter(stage.servers(), wishes.clients.max(WITNESSES as u16))?;
    let steps: [(&str, Step); 5] = [
        ("looks one after the other", idle),
        ("looks at a rate", busy),
        ("looks and changes by all", commits),
        ("kills of the leader", gaps),
        ("catching up", catch_up),
    ];
    for (name, step) in steps {
        step(&mut crowd, &mut stage, wishes, &mut column).map_err(|failure| Failure {
            message: format!("{name}, {store}: {}", failure.message),
            ..failure
        })?;
    }
    let (server, member) = stage.most_kib();
    column.push("memory", mib(server), "MiB", "most that a server took");
    if let Some(member) = member {
        column.push("etcd memory", mib(member), "MiB", ETCD_MEMORY);
    }
    Ok(column)
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn by_clients(what: &str, wishes: &RightsBench) -> String {
    let (clients, seconds) = (wishes.clients, wishes.seconds);
    format!("{what} for {clients} clients in {seconds} s, each one after the other")
}

/// Looks one after the other.
fn idle(
    crowd: &mut Crowd,
    _: &mut Stage,
    _: &RightsBench,
    column: &mut Column,
) -> Result<(), Failure> {
    let mut waits = Vec::new();
    for _ in 0..IDLE_LOOKS {
        let began = crowd.now();
        crowd.ask(1, Orders::look, 1)?;
        waits.push(crowd.now().since(began));
    }
    let what = format!("{IDLE_LOOKS} looks (bare: puts), one after the other");
    column.push_waits(["look p50", "look p99"], &mut waits, &what);
    Ok(())
}

/// Looks at a rate.
fn busy(
    crowd: &mut Crowd,
    _: &mut Stage,
    wishes: &RightsBench,
    column: &mut Column,
) -> Result<(), Failure> {
    let (began, mut waits) = (crowd.now(), Vec::new());
    let mut due: Vec<(usize, u64, Moment)> = Vec::new();
    let all = u32::from(wishes.rate) * u32::from(wishes.seconds);
    let (mut ordered, mut failed) = (0, 0_u32);
    let due_at = |count: u32| {
        let micros = u64::from(count) * 1_000_000 / u64::from(wishes.rate);
        began.after(Duration::from_micros(micros))
    };
    while ordered < all || !due.is_empty() {
        while ordered < all && due_at(ordered) <= crowd.now() {
            let user = ordered as usize % crowd.users.len();
            let number = crowd.users[user].look();
            due.push((user, number, due_at(ordered)));
            ordered += 1;
        }
        let next = (ordered < all).then(|| due_at(ordered));
        for (user, told) in crowd.turn(next)? {
            let (number, good) = match told {
                Told::Looked(number, is_joined) => (number, is_joined),
                Told::Wrong(number) => (number, false),
                Told::Kept(..) | Told::Answered(..) => continue,
            };
            let place = due.iter().position(|of| (of.0, of.1) == (user, number));
            let Some(place) = place else { continue };
            let (_, _, at) = due.swap_remove(place);
            if good {
                waits.push(crowd.now().since(at));
            } else {
                failed += 1;
            }
        }
    }
    let (rate, seconds) = (wishes.rate, wishes.seconds);
    let what = format!("looks due at {rate} a second for {seconds} s");
    column.push_waits(["busy p50", "busy p99"], &mut waits, &what);
    column.push("busy failed", f64::from(failed), "looks", "of these");
    Ok(())
}

/// Every user orders the next thing when the last one is decided: looks, of which each server
/// gives its share, and changes, which are nothing but entries.
fn commits(
    crowd: &mut Crowd,
    _: &mut Stage,
    wishes: &RightsBench,
    column: &mut Column,
) -> Result<(), Failure> {
    for (name, what, order) in [
        ("looks", "looks counted", Orders::spend as Order),
        ("commits", "changes (bare: puts)", Orders::change),
    ] {
        let (began, all) = (crowd.now(), usize::from(wishes.clients));
        let end = began.after(Duration::from_secs(u64::from(wishes.seconds)));
        let counted = crowd.order_on(all, order, |now, _| now < end)?;
        let took = crowd.now().since(began).as_secs_f64();
        let what = by_clients(what, wishes);
        column.push(name, counted as f64 / took, "a second", what);
    }
    Ok(())
}

/// The leader is killed again and again. A gap is from the kill to the first answer to an order
/// that was given after it.
fn gaps(
    crowd: &mut Crowd,
    stage: &mut Stage,
    wishes: &RightsBench,
    column: &mut Column,
) -> Result<(), Failure> {
    let mut gaps = Vec::new();
    for _ in 0..wishes.kills {
        crowd.ask(WITNESSES, Orders::spend, 1)?;
        let leader = stage.leader()?;
        stage.kill(leader)?;
        let killed = crowd.now();
        crowd.ask(WITNESSES, Orders::spend, 1)?;
        gaps.push(crowd.now().since(killed));
        stage.raise(leader)?;
        back(crowd, || stage.is_whole())?;
    }
    if let Some(longest) = gaps.iter().max().copied() {
        let who = "leader (of etcd: the member that leads)";
        let what = format!("longest without an answer after a kill of the {who}");
        column.push("gap max", millis(longest), "ms", what);
        let half = percentile(&mut gaps, 50);
        let what = format!("half of {} kills", wishes.kills);
        column.push("gap p50", half, "ms", what);
    }
    Ok(())
}

/// Waits until something is so; orders go on meanwhile.
fn back(crowd: &mut Crowd, is_so: impl Fn() -> bool) -> Result<Moment, Failure> {
    let limit = crowd.now().after(BACK_MAX);
    while !is_so() {
        if crowd.now() > limit {
            let message = "a server does not come back";
            return Err(failure::unreachable(message, ""));
        }
        let next = crowd.now().after(BACK_STEP);
        crowd.turn(Some(next))?;
    }
    Ok(crowd.now())
}

/// A server is down while so many looks are counted, and comes back.
fn catch_up(
    crowd: &mut Crowd,
    stage: &mut Stage,
    wishes: &RightsBench,
    column: &mut Column,
) -> Result<(), Failure> {
    let leader = stage.leading_server()?;
    let follower = if leader == 1 { 2 } else { 1 };
    stage.kill(Leader::Server(follower))?;
    let began = crowd.now();
    let most = u64::from(wishes.entries);
    let counted = crowd.order_on(crowd.users.len(), Orders::spend, |_, counted| {
        counted < most
    })?;
    let took = crowd.now().since(began).as_secs_f64();
    let rate = counted as f64 / took;
    let what = "the same with a server down, until it is so far behind";
    column.push("looks of two", rate, "a second", what);
    let began = crowd.now();
    stage.raise(Leader::Server(follower))?;
    // It serves when everything that was decided before it came back is applied.
    let serves = |ledger: LedgerStatus| ledger.serves() && ledger.caught_up;
    let is_back = || stage.ledger(follower).is_some_and(serves);
    let back_at = back(crowd, is_back)?;
    let what = format!("{most} looks, from the start of the process that lacks them");
    column.push("catch-up", millis(back_at.since(began)), "ms", what);
    Ok(())
}
