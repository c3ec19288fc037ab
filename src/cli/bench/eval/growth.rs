//! How it grows: more servers in virtual time, more users with the real directory.

use std::time::Duration;

use serde_json::{Value, json};

use super::cell::round;
use super::usage::Usage;
use crate::node::clock::Clock;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::sim::growth::names::{Names, newcomer};
use crate::sim::growth::{Grown, Plan, run};

/// Servers, and requests that are made of them.
const CLUSTERS: [(u8, u32); 4] = [(3, 6_000), (10, 6_000), (30, 6_000), (100, 3_000)];
/// How busy they are.
const LOAD: f64 = 0.7;
/// Users of a directory.
const USERS: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// A directory with so many users.
pub(super) struct Crowded {
    pub(super) users: u32,
    /// What one user more took of memory, in bytes.
    pub(super) user_bytes: f64,
    /// What one sign of presence took, in microseconds; most of it is the check of a signature.
    pub(super) errand_us: f64,
    /// What another server is sent when it catches up, in bytes.
    pub(super) state_bytes: usize,
}

impl Crowded {
    /// Whether a server that lost its disk can catch up: the state is one message.
    pub(super) const fn fits(&self) -> bool {
        self.state_bytes < MESSAGE_MAX_BYTES
    }
}

/// Both.
pub(super) struct Growth {
    pub(super) clusters: Vec<Grown>,
    pub(super) users: Vec<Crowded>,
}

impl Growth {
    /// Measures, up to so many users.
    pub(super) fn measure(users_max: u32) -> Self {
        let plan = |(servers, requests)| Plan {
            servers,
            load: LOAD,
            requests,
            seed: 1,
        };
        let users = USERS.into_iter().filter(|users| *users <= users_max);
        Self {
            clusters: CLUSTERS.map(plan).into_iter().map(run).collect(),
            users: users.map(crowded).collect(),
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let clusters = self.clusters.iter().map(|of| {
            json!({
                "servers": of.servers,
                "requests": of.done,
                "packets_per_request": round(of.packets),
                "bound": of.bound,
                "elected_p50_ms": round(of.elected_ms[0]),
                "elected_p99_ms": round(of.elected_ms[1]),
                "done_p50_ms": round(of.done_ms[0]),
                "done_p99_ms": round(of.done_ms[1]),
                "busiest_of_even": round(of.busiest),
                "begun_per_request": round(of.begun),
                "reports_per_s": round(of.reports_per_s),
                "suspected": of.suspected,
            })
        });
        let users = self.users.iter().map(|of| {
            json!({
                "users": of.users,
                "user_bytes": of.user_bytes.round(),
                "errand_us": round(of.errand_us),
                "state_bytes": of.state_bytes,
                "fits_a_message": of.fits(),
            })
        });
        json!({
            "clusters": clusters.collect::<Vec<Value>>(),
            "users": users.collect::<Vec<Value>>(),
        })
    }
}

fn crowded(users: u32) -> Crowded {
    let (clock, me) = (Clock::start(), std::process::id());
    let mut usage = Usage::default();
    let before = usage.memory(me);
    let mut names = Names::with_room(users as usize);
    let mut took = Duration::ZERO;
    for number in 0..users {
        let errand = newcomer(number);
        let began = clock.now();
        names.join(errand);
        took += clock.now().since(began);
    }
    let grew = usage.memory(me).saturating_sub(before);
    Crowded {
        users,
        user_bytes: grew as f64 / f64::from(users),
        errand_us: took.as_secs_f64() * 1e6 / f64::from(users),
        state_bytes: names.state_bytes(),
    }
}
