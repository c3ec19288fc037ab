//! The users of a run: sockets on one thread, waited for together.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::cli::bench::no_socket;
use crate::cli::failure;
use crate::node::clock::Clock;
use crate::node::config::ServerAddress;
use crate::node::line::turn;
use crate::node::orders::{Orders, Told};
use crate::proto::control::{Failure, Reason};
use crate::proto::ledger::{Refusal, Reply};
use crate::time::Moment;

/// What is known within so long, or never.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nobody sleeps longer.
const NAP: Duration = Duration::from_millis(50);

/// What a user orders; gives the number of the order.
pub(super) type Order = fn(&mut Orders) -> u64;

/// See the module.
pub(super) struct Crowd {
    pub(super) users: Vec<Orders>,
    clock: Clock,
}

impl Crowd {
    /// So many users with an open account each.
    ///
    /// # Errors
    /// If a socket cannot be had, or the servers do not take the accounts.
    pub(super) fn enter(servers: &[ServerAddress], users: u16) -> Result<Self, Failure> {
        let clock = Clock::start();
        let started = clock.calendar().started_at.0.to_le_bytes();
        let user = |number: u16| {
            // Each at an address of its own, since an address has a rate of handshakes.
            let [high, low] = number.to_be_bytes();
            let at = (Ipv4Addr::new(127, 1, high, low), 0).into();
            let words = [&started[..], &number.to_le_bytes()].concat();
            let seed = blake3::derive_key("pentimento 1 user of a measurement", &words);
            Orders::new(at, servers, clock, seed).map_err(|error| no_socket(&error))
        };
        let users: Vec<Orders> = (0..users).map(user).collect::<Result<_, Failure>>()?;
        let mut crowd = Self { users, clock };
        let all = crowd.users.len();
        for order in [Orders::deposit as Order, Orders::open] {
            crowd.ask(all, order, all)?;
        }
        Ok(crowd)
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Waits for whatever comes first, at most until `next`, and lets everybody have a turn.
    ///
    /// # Errors
    /// If sockets cannot be waited for.
    pub(super) fn turn(&mut self, next: Option<Moment>) -> Result<Vec<(usize, Told)>, Failure> {
        let now = self.now();
        let nap = next.map_or(NAP, |at| at.since(now)).min(NAP);
        turn(&mut self.users, nap).map_err(|error| no_socket(&error))
    }

    /// The first so many users order now, and again what was not answered or not done. Waits until
    /// so many of them are done.
    ///
    /// # Errors
    /// If that does not come to pass.
    pub(super) fn ask(&mut self, users: usize, order: Order, wanted: usize) -> Result<(), Failure> {
        let end = self.now().after(PATIENCE);
        let asking = self.users.iter_mut().take(users);
        let mut open: Vec<Option<u64>> = asking.map(|user| Some(order(user))).collect();
        let mut done = 0;
        while done < wanted {
            for (user, told) in self.turn(None)? {
                let (number, is_done) = match told {
                    Told::Kept(number, servers) => (number, servers > 1),
                    Told::Answered(number, answer) => (number, answer.is_some()),
                    Told::Looked(number, is_joined) => (number, is_joined),
                    Told::Wrong(number) => (number, false),
                };
                let Some(waits) = open.get_mut(user).filter(|of| **of == Some(number)) else {
                    continue;
                };
                done += usize::from(is_done);
                *waits = (!is_done).then(|| order(&mut self.users[user]));
            }
            if self.now() > end {
                return Err(slow());
            }
        }
        Ok(())
    }

    /// The first users order one thing after the other, as long as `goes_on` says so of the time
    /// and of what was decided. Gives how much was.
    ///
    /// # Errors
    /// If the servers do not answer at all.
    pub(super) fn order_on(
        &mut self,
        users: usize,
        order: Order,
        goes_on: impl Fn(Moment, u64) -> bool,
    ) -> Result<u64, Failure> {
        let mut open: Vec<u64> = self.users.iter_mut().take(users).map(order).collect();
        let (mut counted, mut last) = (0, self.now());
        while goes_on(self.now(), counted) {
            for (user, told) in self.turn(None)? {
                let Told::Answered(number, answer) = told else {
                    continue;
                };
                if open.get(user) != Some(&number) {
                    continue;
                }
                match answer.map(|answer| answer.reply) {
                    Some(Reply::Spent { .. } | Reply::Adjusted(_)) => {
                        counted += 1;
                        last = self.now();
                    }
                    // As when an account has had all looks that are remembered of a day.
                    Some(Reply::Refused(refusal)) => return Err(refused(refusal)),
                    _ => {}
                }
                open[user] = order(&mut self.users[user]);
            }
            if self.now().since(last) > PATIENCE {
                return Err(slow());
            }
        }
        Ok(counted)
    }
}

fn slow() -> Failure {
    failure::unreachable("the servers do not answer in time", "")
}

fn refused(refusal: Refusal) -> Failure {
    let message = format!("the servers refuse to count: {refusal:?}");
    Failure::new(Reason::Other, message, "take more --clients")
}
