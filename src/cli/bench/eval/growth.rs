//! How it grows: more servers in virtual time, more users with the real directory.

use std::time::Duration;

use maud::html;
use serde_json::{Value, json};

use super::cell::round;
use super::sections::Section;
use super::usage::Usage;
use crate::cli::bench::table::Table;
use crate::node::clock::Clock;
use crate::paper::plot::{Plot, Series};
use crate::paper::scale::duration;
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
    /// What each of them takes of memory, in bytes.
    pub(super) user_bytes: f64,
    /// What one sign of presence took since the size before, in microseconds; most of it is the
    /// check of a signature.
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
        Self {
            users: crowded(users_max),
            clusters: CLUSTERS.map(plan).into_iter().map(run).collect(),
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

/// One directory that grows up to so many users.
fn crowded(users_max: u32) -> Vec<Crowded> {
    let memory = || Usage::default().memory(std::process::id());
    let (clock, empty) = (Clock::start(), memory());
    let mut names = Names::with_room(users_max as usize);
    let mut before = 0;
    let mut measured = Vec::new();
    for users in USERS.into_iter().filter(|users| *users <= users_max) {
        let mut took = Duration::ZERO;
        for number in before..users {
            let errand = newcomer(number);
            let began = clock.now();
            names.join(errand);
            took += clock.now().since(began);
        }
        measured.push(Crowded {
            users,
            user_bytes: memory().saturating_sub(empty) as f64 / f64::from(users),
            errand_us: took.as_secs_f64() * 1e6 / f64::from(users - before),
            state_bytes: names.state_bytes(),
        });
        before = users;
    }
    measured
}

/// A figure of a cluster.
type Figure = fn(&Grown) -> f64;

/// More servers.
pub(super) fn clusters(growth: &Growth) -> Section {
    let points: Vec<String> = growth
        .clusters
        .iter()
        .map(|of| of.servers.to_string())
        .collect();
    let plot = |title: &str, powers, lines: &[(&str, Figure)]| Plot {
        title: title.to_owned(),
        points_are: "servers".to_owned(),
        points: points.clone(),
        series: lines
            .iter()
            .map(|(name, figure)| Series {
                name: (*name).to_owned(),
                values: growth.clusters.iter().map(|of| Some(figure(of))).collect(),
            })
            .collect(),
        powers,
    };
    let packets = plot(
        "packets for a request",
        true,
        &[
            ("sent", |of| of.packets),
            ("bound of the protocol", |of| f64::from(of.bound)),
        ],
    );
    let waits = plot(
        "until it has an owner, ms",
        false,
        &[
            ("half", |of| of.elected_ms[0]),
            ("99 of 100", |of| of.elected_ms[1]),
        ],
    );
    Section {
        title: "More servers",
        words: "In virtual time: real elections and load reports, workers of which only the time \
                is real (100 ms a picture on average, two at a time), seven tenths busy, 0.1 to \
                0.4 ms from host to host. The bound is 4(n-1)+n; words to the client come on top, \
                one for each claim. Busiest: the jobs of the busiest server, in parts of an even \
                share."
            .to_owned(),
        table: Table {
            head: vec![
                "servers",
                "requests",
                "packets",
                "bound",
                "owner known, half and 99 %",
                "done, half and 99 %",
                "busiest",
                "jobs a request",
                "reports a second",
            ],
            rows: growth.clusters.iter().map(cluster_row).collect(),
        },
        drawing: Some(html! { div.plots { (packets.lines()) (waits.lines()) } }),
    }
}

fn cluster_row(of: &Grown) -> Vec<String> {
    let pair = |[half, most]: [f64; 2]| format!("{}, {}", duration(half), duration(most));
    vec![
        of.servers.to_string(),
        of.done.to_string(),
        format!("{:.1}", of.packets),
        of.bound.to_string(),
        pair(of.elected_ms),
        pair(of.done_ms),
        format!("{:.2}", of.busiest),
        format!("{:.3}", of.begun),
        format!("{:.0}", of.reports_per_s),
    ]
}

/// More users.
pub(super) fn users(growth: &Growth) -> Section {
    let row = |of: &Crowded| {
        vec![
            of.users.to_string(),
            format!("{:.0} B", of.user_bytes),
            format!("{:.0} us", of.errand_us),
            format!("{:.2} MB", of.state_bytes as f64 / 1e6),
            if of.fits() { "yes" } else { "no" }.to_owned(),
        ]
    };
    Section {
        title: "More users",
        words: "One server's directory with all of them online. Memory of a user is that of the \
                process; a sign of presence is measured as it registers a new name, with its \
                signature. A server that comes back with an empty disk is sent the whole state as \
                one message; where that does not fit, the number of names has to be limited: it \
                is, to 10,000."
            .to_owned(),
        table: Table {
            head: vec![
                "users",
                "memory of a user",
                "sign of presence",
                "state",
                "fits a message",
            ],
            rows: growth.users.iter().map(row).collect(),
        },
        drawing: None,
    }
}
