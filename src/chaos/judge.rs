//! What a run is worth: which invariants hold, what was measured, and whether it keeps the bounds.

use serde::Serialize;

use super::record::{End, Record, Request, Violation};
use super::scenario::{Known, Mode, Scenario};

/// Every request ended with its result or an honest no, unless no server could be reached.
pub(super) const NO_REQUEST_LOST: &str = "no_request_lost";
/// At most one result was accepted for a request, one end told for a wish.
pub(super) const AT_MOST_ONE_RESULT: &str = "at_most_one_result";
/// No look beyond what was granted, none counted twice.
pub(super) const VIEWS_WITHIN_QUOTA: &str = "views<=quota";
/// No look after the borrower's side knew that the grant was revoked.
pub(super) const NO_LOOK_AFTER_REVOKE: &str = "revoked=>no_look_after_sync";
/// Each change that the owner was told is kept took effect at the borrower's, once.
pub(super) const UPDATE_APPLIED_ONCE: &str = "update_applied_once";
/// Both sides of each grant tell the same.
pub(super) const LOG_SAME_ON_BOTH_SIDES: &str = "log_same_on_both_sides";
/// No two servers were in a planned failure at a time.
pub(super) const AT_MOST_ONE_PLANNED_FAILURE: &str = "at_most_one_planned_failure";
/// No planned failure began while another server was down for longer than permission for it lasts.
pub(super) const NO_PLANNED_FAILURE_BESIDE_A_REAL_ONE: &str =
    "no_planned_failure_beside_a_real_one";
/// After the faults every client saw every other one online again.
pub(super) const DIRECTORY_CONVERGES: &str = "directory_converges";
/// All orders to the ledger are as if carried out one at a time, and what was answered is kept.
pub(super) const ORDERS_SERIALIZABLE: &str = "orders_serializable";
/// Those of each account that was sampled, without believing the places that answers tell.
pub(super) const ORDERS_LINEAR: &str = "orders_linear";
/// The disks of all servers tell the same of the ledger, at every end and at the last.
pub(super) const ORDERS_SAME_EVERYWHERE: &str = "orders_same_everywhere";

/// Invariants of a scenario with `[orders]`.
const OF_ORDERS: &[&str] = &[ORDERS_SERIALIZABLE, ORDERS_LINEAR, ORDERS_SAME_EVERYWHERE];

/// All invariants.
pub(super) const INVARIANTS: &[&str] = &[
    NO_REQUEST_LOST,
    AT_MOST_ONE_RESULT,
    VIEWS_WITHIN_QUOTA,
    NO_LOOK_AFTER_REVOKE,
    UPDATE_APPLIED_ONCE,
    LOG_SAME_ON_BOTH_SIDES,
    AT_MOST_ONE_PLANNED_FAILURE,
    NO_PLANNED_FAILURE_BESIDE_A_REAL_ONE,
    DIRECTORY_CONVERGES,
    ORDERS_SERIALIZABLE,
    ORDERS_LINEAR,
    ORDERS_SAME_EVERYWHERE,
];

/// All metrics.
pub(super) const METRICS: &[&str] = &[
    "directory.converge_s",
    "election.max_ms",
    "election.p95_ms",
    "failures.count",
    "faults.count",
    "hiding.p95_ms",
    "mailbox.delivery_max_s",
    "mailbox.delivery_p95_s",
    "orders.answered",
    "orders.gap_ms",
    "orders.max_ms",
    "orders.open",
    "orders.p50_ms",
    "orders.p99_ms",
    "orders.per_s",
    "request.failed",
    "request.max_ms",
    "request.p50_ms",
    "request.p95_ms",
    "request.p99_ms",
    "requests.done",
    "share.max",
    "share.min",
    "suspicions.count",
    "takeovers.count",
    "upload.p95_ms",
    "work.per_request",
];

/// The names that a scenario may use.
pub(super) const KNOWN: Known = Known {
    invariants: INVARIANTS,
    of_orders: OF_ORDERS,
    metrics: METRICS,
};

/// Share of the promised requests that must have ended with a result or an honest no.
const FLOOR: f64 = 0.9;

/// An invariant and what became of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Invariant {
    /// Its name.
    pub(super) name: String,
    /// Whether it holds.
    pub(super) holds: bool,
    /// How often it was broken.
    pub(super) broken: usize,
    /// The first time.
    pub(super) first: Option<Violation>,
}

/// A bound and what was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bound {
    /// The metric.
    pub(super) metric: String,
    /// As written in the scenario.
    pub(super) bound: String,
    /// What was measured; none if nothing of the kind happened, which breaks the bound.
    pub(super) value: Option<f64>,
    /// Whether it is kept.
    pub(super) holds: bool,
}

/// What a run is worth.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    /// Whether everything holds.
    pub(super) passed: bool,
    /// Invariants that the scenario names.
    pub(super) invariants: Vec<Invariant>,
    /// Bounds of the scenario.
    pub(super) thresholds: Vec<Bound>,
    /// Everything that can be measured, by name.
    pub(super) metrics: Vec<(&'static str, Option<f64>)>,
    /// Requests that must have ended with an answer, and those that did.
    pub(super) floor: (u64, u64),
}

/// Judges a run.
pub(super) fn judge(scenario: &Scenario, mode: Mode, record: &Record) -> Verdict {
    let invariants: Vec<Invariant> = scenario
        .invariants
        .iter()
        .map(|name| invariant(name, record))
        .collect();
    let thresholds: Vec<Bound> = scenario
        .thresholds(mode)
        .into_iter()
        .map(|threshold| {
            let value = measure(&threshold.metric, record);
            Bound {
                holds: value.is_some_and(|value| threshold.holds(value)),
                metric: threshold.metric,
                bound: threshold.written,
                value,
            }
        })
        .collect();
    let answered = |request: &&Request| matches!(request.end, End::Done | End::Refused(_));
    let answered = record.requests.iter().filter(answered).count() as u64;
    let promised = scenario.promised().saturating_sub(record.away);
    let floor = ((promised as f64 * FLOOR).floor() as u64, answered);
    Verdict {
        passed: invariants.iter().all(|invariant| invariant.holds)
            && thresholds.iter().all(|bound| bound.holds)
            && floor.1 >= floor.0,
        invariants,
        thresholds,
        metrics: METRICS
            .iter()
            .map(|&name| (name, measure(name, record)))
            .collect(),
        floor,
    }
}

fn invariant(name: &str, record: &Record) -> Invariant {
    let of_it = |violation: &&Violation| violation.invariant == name;
    let mut violations: Vec<&Violation> = record.violations.iter().filter(of_it).collect();
    violations.sort_by_key(|violation| violation.at_us.unwrap_or(u64::MAX));
    Invariant {
        name: name.to_owned(),
        holds: violations.is_empty(),
        broken: violations.len(),
        first: violations.first().map(|&violation| violation.clone()),
    }
}

/// What was measured; none if nothing of the kind happened.
fn measure(metric: &str, record: &Record) -> Option<f64> {
    let took = || record.requests.iter().filter_map(Request::took_ms);
    let phase = |pick: fn(&super::record::Phases) -> u64| {
        let phases = record
            .requests
            .iter()
            .filter_map(|request| request.phases.as_ref());
        phases.map(move |phases| pick(phases) as f64 / 1_000.0)
    };
    let late = || {
        let seen = record.deliveries.iter().filter_map(|delivery| {
            let took = delivery.seen_us?.saturating_sub(delivery.from_us);
            Some(took as f64 / 1e6)
        });
        seen.collect::<Vec<f64>>()
    };
    let orders = record.orders.as_ref();
    match metric {
        "directory.converge_s" => record.converged_us.map(|us| us as f64 / 1e6),
        "election.max_ms" => quantile(phase(|phases| phases.election_us), 1.0),
        "election.p95_ms" => quantile(phase(|phases| phases.election_us), 0.95),
        "upload.p95_ms" => quantile(phase(|phases| phases.upload_us), 0.95),
        "hiding.p95_ms" => quantile(phase(|phases| phases.hiding_us), 0.95),
        "failures.count" => Some(record.failures as f64),
        "faults.count" => Some(record.faults() as f64),
        "mailbox.delivery_max_s" => quantile(late().into_iter(), 1.0),
        "mailbox.delivery_p95_s" => quantile(late().into_iter(), 0.95),
        "orders.answered" => orders.map(|of| of.answered as f64),
        "orders.gap_ms" => orders.map(|of| of.gap_ms),
        "orders.max_ms" => orders.map(|of| of.max_ms),
        "orders.open" => orders.map(|of| of.open as f64),
        "orders.p50_ms" => orders.map(|of| of.p50_ms),
        "orders.p99_ms" => orders.map(|of| of.p99_ms),
        "orders.per_s" => orders.map(|of| of.per_s),
        "request.p50_ms" => quantile(took(), 0.5),
        "request.p95_ms" => quantile(took(), 0.95),
        "request.p99_ms" => quantile(took(), 0.99),
        "request.max_ms" => quantile(took(), 1.0),
        "request.failed" => failed_percent(record),
        "requests.done" => Some(took().count() as f64),
        "share.max" => shares(record).into_iter().reduce(f64::max),
        "share.min" => shares(record).into_iter().reduce(f64::min),
        "suspicions.count" => Some(record.suspicions as f64),
        "takeovers.count" => {
            let phases = record
                .requests
                .iter()
                .filter_map(|request| request.phases.as_ref());
            Some(phases.filter(|phases| phases.owners > 1).count() as f64)
        }
        "work.per_request" => work(record),
        _ => None,
    }
}

fn failed_percent(record: &Record) -> Option<f64> {
    let count = |end: fn(&End) -> bool| record.requests.iter().filter(|r| end(&r.end)).count();
    let ended = count(|end| *end != End::Struck);
    let failed = count(|end| matches!(end, End::Failed(_) | End::Open));
    (ended > 0).then(|| 100.0 * failed as f64 / ended as f64)
}

/// The share of each server in the pictures made, in percent.
pub(super) fn shares(record: &Record) -> Vec<f64> {
    let made = |server: Option<usize>| {
        let requests = record
            .requests
            .iter()
            .filter(|request| request.server.is_some());
        requests
            .filter(|request| server.is_none() || request.server == server)
            .count()
    };
    let all = made(None);
    if all == 0 {
        return Vec::new();
    }
    (0..record.servers)
        .map(|server| 100.0 * made(Some(server)) as f64 / all as f64)
        .collect()
}

/// Pictures begun for each one asked for, where that can be seen; else servers that took each.
fn work(record: &Record) -> Option<f64> {
    let made = record
        .requests
        .iter()
        .filter(|request| request.phases.is_some());
    let count = made.clone().count();
    if count == 0 {
        return None;
    }
    let begun = record.worked.unwrap_or_else(|| {
        made.filter_map(|request| request.phases.as_ref())
            .map(|phases| u64::from(phases.owners))
            .sum()
    });
    Some(begun as f64 / count as f64)
}

/// The smallest value that at least this share of the values does not exceed.
pub(super) fn quantile(values: impl Iterator<Item = f64>, share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let of = |share| quantile((1..=20).map(f64::from), share);
        assert_eq!(
            (of(0.5), of(0.95), of(1.0)),
            (Some(10.0), Some(19.0), Some(20.0))
        );
        assert_eq!(quantile(std::iter::empty(), 0.5), None);
    }

    #[test]
    fn every_metric_has_a_measure_or_no_sample() {
        let empty = Record::default();
        let known = METRICS
            .iter()
            .filter(|metric| measure(metric, &empty).is_some());
        let counts = [
            "failures.count",
            "faults.count",
            "requests.done",
            "suspicions.count",
            "takeovers.count",
        ];
        assert_eq!(known.copied().collect::<Vec<_>>(), counts);
    }

    fn scenario(more: &str) -> Scenario {
        let text = format!(
            "schema = 1\nname = \"x\"\nseed = 7\n[cluster]\nnodes = 3\n\
             clients = [\"alice\"]\n{more}"
        );
        Scenario::parse(&text, KNOWN).expect("reads")
    }

    #[test]
    fn a_bound_without_a_sample_is_broken() {
        let scenario = scenario("[thresholds]\n\"request.p95_ms\" = \"<1000\"\n");
        let verdict = judge(&scenario, Mode::Sim, &Record::default());
        assert!(!verdict.passed && !verdict.thresholds[0].holds);
    }

    #[test]
    fn a_run_in_which_less_happened_than_promised_does_not_pass() {
        let load = "[[load]]\nop = \"hide\"\nrate_per_s = 1\nfor_s = 10\n";
        let verdict = judge(&scenario(load), Mode::Sim, &Record::default());
        assert_eq!((verdict.passed, verdict.floor), (false, (9, 0)));
        assert!(judge(&scenario(""), Mode::Sim, &Record::default()).passed);
    }

    #[test]
    fn the_first_violation_is_told() {
        let mut record = Record::default();
        record.violate(NO_REQUEST_LOST, Some(9), "late");
        record.violate(NO_REQUEST_LOST, Some(4), "early");
        let verdict = judge(&scenario(""), Mode::Sim, &record);
        let lost = verdict
            .invariants
            .iter()
            .find(|i| i.name == NO_REQUEST_LOST);
        let lost = lost.expect("all are judged");
        assert_eq!((lost.broken, lost.holds, verdict.passed), (2, false, false));
        assert_eq!(
            lost.first.as_ref().map(|first| first.what.as_str()),
            Some("early")
        );
    }
}
