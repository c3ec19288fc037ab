//! People without homes and pictures, who order from the ledger all the time while a run with real
//! processes is played, note every order and every answer, and have them judged at its end by what
//! the disks of the servers tell.
//!
//! The people run in one thread ([`Crowd`]). What proves the answers is a [`Witness`]: the disks of
//! servers that were ended ([`LogBook`]), or, if the ledger lies in etcd, somebody who reads it all
//! the while ([`Observer`]). The judging is that of `ledger::check`, which asks nobody.

mod history;
mod judge;
mod observer;
mod user;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(super) use self::history::LogBook;
use self::history::Seen;
pub(super) use self::judge::{Judged, judge};
pub(super) use self::observer::Observer;
use self::user::User;
use crate::ledger::check::Call;
use crate::node::clock::Clock;
use crate::node::config::ServerAddress;
use crate::node::line::turn;
use crate::node::orders::Orders;
use crate::time::Moment;

/// What is under way when the run ends is answered within so long, or never.
const SETTLING: Duration = Duration::from_secs(60);
/// Nobody sleeps longer.
const NAP: Duration = Duration::from_millis(20);

/// An order that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited {
    /// What was ordered.
    pub(super) what: &'static str,
    /// When it was due, since the people began.
    pub(super) due: Moment,
    /// From then to the answer, in microseconds.
    pub(super) us: u64,
}

/// What the people did and were told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Every order that was sent, with its answer.
    pub(super) calls: Vec<Call>,
    /// How long orders took.
    pub(super) waits: Vec<Waited>,
    /// When answers came.
    pub(super) answered: Vec<Moment>,
    /// Looks that gave the servers' part of the key.
    pub(super) joined: u64,
    /// Orders that were never answered.
    pub(super) open: u64,
    /// What should not have been.
    pub(super) wrong: Vec<String>,
}

/// Who tells at the end what the log of the ledger is.
pub(super) enum Witness {
    /// The disks of servers.
    Disks(LogBook),
    /// A reader of etcd.
    Etcd(Observer),
}

impl Witness {
    fn end(self) -> io::Result<Seen> {
        match self {
            Self::Disks(book) => book.end(),
            Self::Etcd(observer) => observer.end(),
        }
    }
}

/// People who order, in a thread of their own.
pub(super) struct Crowd {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Told>>>,
}

impl Crowd {
    /// People at these addresses begin to order, so many times a second together.
    ///
    /// # Errors
    /// If there is no socket or no thread to be had.
    pub(super) fn start(
        addresses: &[SocketAddr],
        servers: &[ServerAddress],
        rate_per_s: f64,
        seed: u64,
    ) -> io::Result<Self> {
        let clock = Clock::start();
        let every = Duration::from_secs_f64(addresses.len() as f64 / rate_per_s);
        let users = addresses.iter().zip(0_u64..).map(|(&at, number)| {
            let words = [seed.to_le_bytes(), number.to_le_bytes()].concat();
            let seed = blake3::derive_key("pentimento 1 user of a chaos run", &words);
            let orders = Orders::new(at, servers, clock, seed)?;
            Ok(User::new(orders, every, seed, clock.now()))
        });
        let users: Vec<User> = users.collect::<io::Result<_>>()?;
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let thread = thread::Builder::new()
            .name("crowd".into())
            .spawn(move || live(users, clock, &ends))?;
        Ok(Self {
            end,
            thread: Some(thread),
        })
    }

    /// Nobody orders anything new; what is under way is waited for.
    ///
    /// # Errors
    /// If sockets could not be waited for.
    pub(super) fn end(mut self) -> io::Result<Told> {
        self.end.store(true, Ordering::Relaxed);
        let thread = self.thread.take().map(JoinHandle::join);
        match thread {
            Some(Ok(told)) => told,
            _ => Err(io::Error::other("the thread of the people is gone")),
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

fn live(mut users: Vec<User>, clock: Clock, end: &AtomicBool) -> io::Result<Told> {
    let mut give_up_at = None;
    loop {
        let now = clock.now();
        if end.load(Ordering::Relaxed) {
            let give_up_at = *give_up_at.get_or_insert(now.after(SETTLING));
            if now >= give_up_at || users.iter().all(User::is_at_rest) {
                break;
            }
        } else {
            users.iter_mut().for_each(|user| user.act(now));
        }
        let until = users.iter().map(User::due).min();
        let nap = until.map_or(NAP, |at| at.since(now)).min(NAP);
        for (user, told) in turn(&mut users, nap)? {
            users[user].hear(clock.now(), told);
        }
    }
    let mut told = Told::default();
    users.into_iter().for_each(|user| user.tell(&mut told));
    told.answered.sort_unstable();
    Ok(told)
}

#[cfg(test)]
mod tests;
