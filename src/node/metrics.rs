//! A server in numbers, in the text format that Prometheus reads (OpenMetrics 1.0). Names are part
//! of what we promise: dashboards and alert rules hang on them.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::tally::{HIDE, Tally};
use crate::net::counts::Counts;
use crate::net::socket::SocketCounts;
use crate::proto::operator::ServerStatus;

/// The type of the text, for HTTP.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured.
#[must_use]
pub fn text(status: &ServerStatus, tally: &Tally, counts: &Counts) -> String {
    let mut registry = Registry::with_prefix("pentimento");
    requests(&mut registry, status, tally);
    cluster(&mut registry, status);
    ledger(&mut registry, status);
    traffic(&mut registry, counts);
    process(&mut registry, tally);
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        tracing::error!("metrics do not fit a text");
    }
    text
}

fn requests(registry: &mut Registry, status: &ServerStatus, tally: &Tally) {
    registry.register(
        "request_seconds",
        "Time of requests that ended here: wait for the body, hiding, return to the client",
        tally.phases.clone(),
    );
    let ended = Family::<[(&'static str, &'static str); 2], Counter>::default();
    for (&outcome, &count) in &tally.ended {
        let labels = [("op", HIDE), ("outcome", outcome)];
        ended.get_or_create(&labels).inc_by(count);
    }
    registry.register(
        "requests",
        "Requests of this server that came to an end",
        ended,
    );
    count(registry, "elections", "Requests claimed", tally.claimed);
    let jobs = u64::from(status.jobs);
    gauge(
        registry,
        "jobs",
        "Requests that wait, run or are on their way back here",
        jobs,
    );
    let letters = u64::from(status.letters);
    gauge(
        registry,
        "mailbox_pending",
        "Letters kept for people who are away",
        letters,
    );
    let online = u64::from(status.users_online);
    gauge(registry, "users_online", "People online", online);
}

fn cluster(registry: &mut Registry, status: &ServerStatus) {
    let next = status.next().is_some_and(|next| next.node == status.node);
    let whole = status
        .outlook
        .iter()
        .all(|one| one.alive && one.caught_up && !one.draining);
    let flags = [
        (
            "leader",
            "1 if this server would take the next request",
            next && !status.failing,
        ),
        (
            "token_held",
            "1 if the token of planned failures is here",
            status.token_here,
        ),
        (
            "failing",
            "1 while this server simulates a failure",
            status.failing,
        ),
        (
            "draining",
            "1 while this server is about to end",
            status.draining,
        ),
        (
            "cluster_healthy",
            "1 if all servers are there and have caught up, as this one sees it",
            whole && !status.failing && !status.outlook.is_empty(),
        ),
        (
            "cluster_available",
            "1 if a majority of the servers is there, as this one sees it",
            status.sees_majority() && !status.failing,
        ),
    ];
    for (name, help, is) in flags {
        gauge(registry, name, help, u64::from(is));
    }
    count(
        registry,
        "suspicions",
        "Times that another server was silent for so long that it counted as lost",
        status.suspicions,
    );
}

fn ledger(registry: &mut Registry, status: &ServerStatus) {
    let ledger = &status.ledger;
    let leads = ledger.leader == Some(status.node);
    for (name, help, value) in [
        (
            "ledger_serving",
            "1 if this server counts looks",
            u64::from(ledger.serves()),
        ),
        (
            "ledger_leader",
            "1 if this server leads the agreement on the ledger; in etcd, if it wrote last",
            u64::from(leads),
        ),
        (
            "ledger_quarantined",
            "1 if this server takes no part in the ledger any more",
            u64::from(ledger.quarantined.is_some()),
        ),
        (
            "ledger_differing",
            "Servers whose ledger differed from this one's when last told",
            u64::from(ledger.differing),
        ),
        ("ledger_term", "Term of the leader", ledger.term),
        (
            "ledger_applied",
            "Entries of the ledger's log, as far as this server has applied them",
            ledger.applied,
        ),
    ] {
        gauge(registry, name, help, value);
    }
    count(
        registry,
        "ledger_turned_away",
        "Orders to the ledger that had no room or were too large",
        ledger.turned_away,
    );
}

fn traffic(registry: &mut Registry, counts: &Counts) {
    let dropped = Family::<[(&'static str, String); 1], Counter>::default();
    for (reason, &count) in &counts.dropped {
        let labels = [("reason", reason.clone())];
        dropped.get_or_create(&labels).inc_by(count);
    }
    registry.register("datagrams_dropped", "Datagrams dropped", dropped);
    let bytes = Family::<[(&'static str, &'static str); 1], Counter>::default();
    for (direction, count) in [
        ("received", counts.received_bytes),
        ("sent", counts.sent_bytes),
        ("relayed", counts.relayed_bytes),
    ] {
        bytes
            .get_or_create(&[("direction", direction)])
            .inc_by(count);
    }
    registry.register("bytes", "Bytes of datagrams", bytes);
    let sockets = &counts.sockets;
    for (name, help, count) in [
        ("sessions", "Sessions made", counts.sessions),
        (
            "introductions",
            "Times that two users were brought together",
            counts.introductions,
        ),
        (
            "concerns_full",
            "Times that what arrived had to wait for the concerns",
            counts.waits_for_concerns,
        ),
        (
            "socket_full",
            "Times that what was to leave had to wait for the kernel",
            sockets.waits,
        ),
        (
            "congestion_marks",
            "Datagrams that a router marked as having met congestion",
            sockets.congestion_marks,
        ),
        (
            "segmentation_refused",
            "Times that a device refused to cut datagrams",
            sockets.segmentation_refused,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(count);
        registry.register(name, help, counter);
    }
    kernel(registry, sockets);
}

/// How datagrams pass between us and the kernel.
fn kernel(registry: &mut Registry, sockets: &SocketCounts) {
    let datagrams = Family::<[(&'static str, &'static str); 2], Counter>::default();
    for (direction, count, joined) in [
        ("received", sockets.received, sockets.coalesced),
        ("sent", sockets.sent, sockets.segmented),
    ] {
        for (how, count) in [("joined", joined), ("single", count.saturating_sub(joined))] {
            datagrams
                .get_or_create(&[("direction", direction), ("how", how)])
                .inc_by(count);
        }
    }
    let help = "Datagrams between us and the kernel, joined with others or single";
    registry.register("datagrams", help, datagrams);
    gauge(
        registry,
        "socket_buffer_bytes",
        "What the kernel granted for receiving, as it charges it",
        sockets.granted_receive_bytes,
    );
}

fn process(registry: &mut Registry, tally: &Tally) {
    if let Some(measured) = tally.measured {
        gauge(
            registry,
            "rss_bytes",
            "Resident memory of the process",
            measured.rss_bytes,
        );
        let seconds: Counter<f64, AtomicU64> = Counter::default();
        seconds.inc_by(measured.cpu_ms as f64 / 1_000.0);
        registry.register("cpu_seconds", "CPU time of the process", seconds);
    }
    // A gauge, because older readers of the format know no type for it.
    let version = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    version.get_or_create(&labels).set(1);
    registry.register("build_info", "What runs here", version);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge: Gauge<u64, AtomicU64> = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn count(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter: Counter = Counter::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::stego_worker::{Ending, Tale};
    use crate::node::load_probe::Measured;
    use crate::proto::ids::NodeId;
    use crate::proto::operator::{LedgerStatus, Prospect, SERVING};
    use crate::time::Moment;

    fn status() -> ServerStatus {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let prospect = |node| Prospect {
            node: NodeId(node),
            alive: true,
            caught_up: true,
            draining: false,
            queued: 0,
            running: 0,
            speed_milli: 1_000,
            wait_us: 1_000,
        };
        ServerStatus {
            node: NodeId(1),
            pid: 1,
            clients: address,
            peers: address,
            admin: address,
            alive: vec![NodeId(1), NodeId(2)],
            suspicions: 6,
            caught_up: true,
            draining: false,
            failing: false,
            token_on: false,
            token_here: false,
            jobs: 3,
            requests_done: 0,
            requests_last_minute: 0,
            p95_ms: 0,
            users_online: 2,
            letters: 4,
            dropped: Vec::new(),
            ledger: LedgerStatus {
                standing: SERVING.into(),
                leader: Some(NodeId(1)),
                term: 3,
                applied: 99,
                caught_up: true,
                turned_away: 2,
                ..LedgerStatus::default()
            },
            outlook: vec![prospect(1), prospect(2)],
        }
    }

    fn lines(status: &ServerStatus) -> Vec<String> {
        let mut tally = Tally::default();
        tally.claimed = 5;
        tally.measured = Some(Measured {
            speed_milli: 1,
            rss_bytes: 7,
            cpu_ms: 1_500,
        });
        let tale = Tale {
            ending: Ending::Delivered,
            wait_us: Some(2_000),
            hiding_us: Some(200_000),
            return_us: Some(40_000),
        };
        tally.add(Moment::START, &tale);
        let mut counts = Counts::default();
        counts.dropped.insert("a \"stranger\"".into(), 6);
        counts.received_bytes = 8;
        counts.relayed_bytes = 9;
        counts.introductions = 10;
        counts.sockets.received = 9;
        counts.sockets.coalesced = 4;
        counts.sockets.granted_receive_bytes = 425_984;
        let text = text(status, &tally, &counts);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_names_are_those_we_promise() {
        let lines = lines(&status());
        for expected in [
            "pentimento_request_seconds_bucket{le=\"0.25\",op=\"hide\",phase=\"hiding\"} 1",
            "pentimento_request_seconds_count{op=\"hide\",phase=\"wait\"} 1",
            "pentimento_requests_total{op=\"hide\",outcome=\"delivered\"} 1",
            "pentimento_elections_total 5",
            "pentimento_jobs 3",
            "pentimento_mailbox_pending 4",
            "pentimento_users_online 2",
            "pentimento_leader 1",
            "pentimento_ledger_serving 1",
            "pentimento_ledger_leader 1",
            "pentimento_ledger_quarantined 0",
            "pentimento_ledger_differing 0",
            "pentimento_ledger_term 3",
            "pentimento_ledger_applied 99",
            "pentimento_ledger_turned_away_total 2",
            "pentimento_token_held 0",
            "pentimento_failing 0",
            "pentimento_draining 0",
            "pentimento_cluster_healthy 1",
            "pentimento_cluster_available 1",
            "pentimento_datagrams_dropped_total{reason=\"a \\\"stranger\\\"\"} 6",
            "pentimento_bytes_total{direction=\"received\"} 8",
            "pentimento_bytes_total{direction=\"sent\"} 0",
            "pentimento_bytes_total{direction=\"relayed\"} 9",
            "pentimento_introductions_total 10",
            "pentimento_sessions_total 0",
            "pentimento_concerns_full_total 0",
            "pentimento_socket_full_total 0",
            "pentimento_congestion_marks_total 0",
            "pentimento_segmentation_refused_total 0",
            "pentimento_datagrams_total{direction=\"received\",how=\"joined\"} 4",
            "pentimento_datagrams_total{direction=\"received\",how=\"single\"} 5",
            "pentimento_socket_buffer_bytes 425984",
            "pentimento_rss_bytes 7",
            concat!(
                "pentimento_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
            "pentimento_cpu_seconds_total 1.5",
        ] {
            assert!(
                lines.iter().any(|line| line == expected),
                "{expected} is not in {lines:#?}"
            );
        }
        assert_eq!(lines.last().map(String::as_str), Some("# EOF"));
    }

    #[test]
    fn a_cluster_without_one_server_is_available_but_not_healthy() {
        let mut status = status();
        status.outlook.push(Prospect {
            node: NodeId(3),
            alive: false,
            ..status.outlook[0]
        });
        let lines = lines(&status);
        assert!(lines.contains(&"pentimento_cluster_healthy 0".to_owned()));
        assert!(lines.contains(&"pentimento_cluster_available 1".to_owned()));
    }

    #[test]
    fn a_failing_server_takes_nothing_and_vouches_for_nothing() {
        let mut status = status();
        status.failing = true;
        let lines = lines(&status);
        for name in ["leader", "cluster_healthy", "cluster_available"] {
            assert!(lines.contains(&format!("pentimento_{name} 0")), "{name}");
        }
        assert!(lines.contains(&"pentimento_failing 1".to_owned()));
    }
}
