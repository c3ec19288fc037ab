//! The summary for a terminal.

use std::fmt::Write;
use std::path::Path;

use super::{JSON_FILE, PAGE_FILE, Report, short};
use crate::chaos::orders::Judged;
use crate::chaos::record::End;

/// The summary of a run whose reports are in `out`.
pub(in crate::chaos) fn summary(report: &Report, out: &Path) -> String {
    let mut text = String::new();
    let verdict = &report.verdict;
    for invariant in &verdict.invariants {
        let _ = write!(text, " {} {}", tick(invariant.holds), invariant.name);
        if let Some(first) = &invariant.first {
            let _ = write!(text, ": {}", first.what);
            if let Some(at) = first.at_us {
                let _ = write!(text, ", at {}", seconds(at));
            }
            if invariant.broken > 1 {
                let _ = write!(text, " (and {} more)", invariant.broken - 1);
            }
        }
        text.push('\n');
    }
    for bound in &verdict.thresholds {
        let _ = writeln!(
            text,
            " {} {} = {}, must be {}",
            tick(bound.holds),
            bound.metric,
            value(&bound.metric, bound.value),
            bound.bound,
        );
    }
    let (least, answered) = verdict.floor;
    let _ = writeln!(
        text,
        " {} {answered} requests answered, must be {least} or more",
        tick(answered >= least),
    );
    let _ = writeln!(text, "   {}", counts(report));
    if let Some(orders) = &report.record.orders {
        let _ = writeln!(text, "   {}", orders_line(orders));
    }
    let word = if verdict.passed { "PASS" } else { "FAIL" };
    let commit = report.commit.as_deref().unwrap_or("unknown");
    let _ = write!(
        text,
        "{word} {}  seed {}  mode {}  commit {commit}",
        report.name,
        report.seed,
        report.mode.word(),
    );
    if let Some(trace) = &report.trace {
        let _ = write!(text, "  trace {}", short(trace));
    }
    let _ = write!(
        text,
        "\nreport  {}\nagain   pentimento-chaos replay {}",
        out.join(PAGE_FILE).display(),
        out.join(JSON_FILE).display(),
    );
    text
}

/// What happened, in one line.
pub(super) fn counts(report: &Report) -> String {
    let record = &report.record;
    let of = |is: fn(&End) -> bool| record.requests.iter().filter(|r| is(&r.end)).count();
    let crashes = record
        .marks
        .iter()
        .filter(|mark| mark.what.starts_with("crash "))
        .count();
    let time = |metric: &str| {
        let mut metrics = report.verdict.metrics.iter();
        let measured = metrics.find(|(name, _)| *name == metric);
        value(metric, measured.and_then(|(_, value)| *value))
    };
    let failed = of(|end| matches!(end, End::Failed(_) | End::Open));
    let struck = of(|end| *end == End::Struck);
    let made = record.requests.len() - struck;
    format!(
        "requests {}: done {}, refused {}, failed {failed}, struck {struck}; answered {:.3} %, \
         median {}, p99 {}, max {}; planned failures {}, crashes {crashes}; {}",
        record.requests.len(),
        of(|end| *end == End::Done),
        of(|end| matches!(end, End::Refused(_))),
        (made - failed) as f64 * 100.0 / made.max(1) as f64,
        time("request.p50_ms"),
        time("request.p99_ms"),
        time("request.max_ms"),
        record.failures,
        seconds(record.length_us),
    )
}

/// What became of orders to the ledger, in one line.
pub(super) fn orders_line(orders: &Judged) -> String {
    let slowest = orders
        .slowest
        .map(|(what, at_s)| format!(" ({what}, due at {at_s:.1} s)"));
    format!(
        "orders {}: {} answers judged with the log of {} entries from {} disks, {} accounts by \
         search ({} too hard); looks counted {}, opened {}; refused {}, open {}; {:.0} a second, \
         median {:.0} ms, p99 {:.0} ms, max {:.0} ms{}, longest gap {:.0} ms",
        orders.sent,
        orders.answered,
        orders.entries,
        orders.disks,
        orders.accounts,
        orders.too_hard,
        orders.counted,
        orders.joined,
        orders.refused,
        orders.open,
        orders.per_s,
        orders.p50_ms,
        orders.p99_ms,
        orders.max_ms,
        slowest.unwrap_or_default(),
        orders.gap_ms,
    )
}

pub(super) const fn tick(holds: bool) -> &'static str {
    if holds { "✓" } else { "✗" }
}

pub(super) fn seconds(at_us: u64) -> String {
    format!("{:.1} s", at_us as f64 / 1e6)
}

/// A measured value, as its name says.
pub(super) fn value(metric: &str, value: Option<f64>) -> String {
    let Some(value) = value else {
        return "no sample".into();
    };
    if metric.ends_with("_ms") {
        format!("{value:.0} ms")
    } else if metric.ends_with("_s") && metric != "orders.per_s" {
        format!("{value:.2} s")
    } else if metric.starts_with("share.") || metric == "request.failed" {
        format!("{value:.1} %")
    } else if metric == "orders.per_s" {
        format!("{value:.1} a second")
    } else if metric.ends_with(".count")
        || matches!(metric, "requests.done" | "orders.answered" | "orders.open")
    {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
