//! The report for people: one page that needs nothing else, not even a script.

use maud::{Markup, html};

use super::lanes::lanes;
use super::summary::{counts, seconds, tick, value};
use super::{JSON_FILE, Report, short};
use crate::chaos::judge::shares;
use crate::chaos::record::{Kind, Record, Request};
use crate::paper::phases::stacks;
use crate::paper::scale::{Scale, duration};
use crate::paper::sheet;

/// Marks that are listed, at most.
const MARKS_MAX: usize = 400;

/// The page.
pub(in crate::chaos) fn page(report: &Report) -> String {
    let word = if report.verdict.passed {
        "PASS"
    } else {
        "FAIL"
    };
    let title = format!("{word} {} · chaos run", report.name);
    sheet(
        &title,
        &html! {
            (header(report, word))
            (tiles(report))
            section {
                h2 { "The run" }
                (legend())
                div.scroll { (lanes(&report.record)) }
            }
            section { h2 { "Where the time of a picture goes" } (phases(&report.record)) }
            div.pair {
                section { h2 { "What must hold" } (verdict(report)) }
                div {
                    section { h2 { "Who did the work" } (servers(&report.record)) }
                    (details(report))
                }
            }
        },
    )
}

fn header(report: &Report, word: &str) -> Markup {
    html! {
        header {
            div {
                p.kind { "Chaos run" }
                h1 { (report.name) }
                p.facts {
                    span { "seed " b { (report.seed) } }
                    span { "mode " b { (report.mode.word()) } }
                    span { "commit " b { (report.commit.as_deref().unwrap_or("unknown")) } }
                    @if let Some(trace) = &report.trace {
                        span { "trace " b { (short(trace)) } }
                    }
                }
            }
            p class={ "verdict " (word) } { (word) }
        }
        p.counts { (counts(report)) }
    }
}

fn tiles(report: &Report) -> Markup {
    let shown = [
        ("request.p50_ms", "median response"),
        ("request.p95_ms", "95 of 100 within"),
        ("request.max_ms", "slowest"),
        ("request.failed", "failed"),
        ("takeovers.count", "taken over"),
        ("work.per_request", "work per picture"),
    ];
    let measured = |name: &str| {
        let mut metrics = report.verdict.metrics.iter();
        metrics
            .find(|(metric, _)| *metric == name)
            .and_then(|(_, value)| *value)
    };
    html! {
        ul.tiles {
            @for (metric, label) in shown {
                li {
                    b {
                        @match measured(metric).filter(|_| metric.ends_with("_ms")) {
                            Some(ms) => (duration(ms)),
                            None => (value(metric, measured(metric))),
                        }
                    }
                    span { (label) }
                }
            }
        }
    }
}

fn legend() -> Markup {
    let hosts = [
        ("up", "runs"),
        ("down", "crashed or away"),
        ("failing", "planned failure"),
        ("paused", "stands still"),
        ("slow", "slow"),
        ("cut", "cut off"),
        ("full", "disk full"),
        ("token", "holds the token"),
    ];
    let dots = ["hide", "share", "view", "update"];
    html! {
        ul.legend {
            @for (class, word) in hosts { li { i class={ "key " (class) } {} (word) } }
            @for word in dots { li { i class={ "dot " (word) } {} (word) } }
            li { i.cross { "×" } "crash, or no result" }
        }
    }
}

/// Mean milliseconds of each phase.
fn mean(requests: &[&Request]) -> [f64; 5] {
    let mut sums = [0.0; 5];
    for request in requests {
        let (Some(phases), Some(took)) = (request.phases, request.took_ms()) else {
            continue;
        };
        let parts = [
            phases.election_us,
            phases.upload_us,
            phases.hiding_us,
            phases.download_us,
        ]
        .map(|us| us as f64 / 1e3);
        let cloud: f64 = parts.iter().sum();
        sums[0] += (took - cloud).max(0.0);
        for (sum, part) in sums[1..].iter_mut().zip(parts) {
            *sum += part;
        }
    }
    sums.map(|sum| sum / requests.len().max(1) as f64)
}

fn phases(record: &Record) -> Markup {
    let mut made: Vec<&Request> = record
        .requests
        .iter()
        .filter(|request| request.phases.is_some() && request.took_ms().is_some())
        .collect();
    made.sort_by(|one, other| {
        let took = |request: &Request| request.took_ms().unwrap_or_default();
        took(one).total_cmp(&took(other))
    });
    if made.is_empty() {
        return html! { p.hint { "No picture was made in this run." } };
    }
    let tail = &made[made.len() * 19 / 20..];
    let of_kind = |kind: Kind| made.iter().copied().filter(|r| r.kind == kind).collect();
    let taken_over = made
        .iter()
        .copied()
        .filter(|request| request.phases.is_some_and(|phases| phases.owners > 1));
    let groups: [(&str, Vec<&Request>); 5] = [
        ("all", made.clone()),
        ("hide", of_kind(Kind::Hide)),
        ("share", of_kind(Kind::Share)),
        ("slowest 5%", tail.to_vec()),
        ("taken over", taken_over.collect()),
    ];
    let rows: Vec<(&str, usize, [f64; 5])> = groups
        .into_iter()
        .filter(|(_, requests)| !requests.is_empty())
        .map(|(name, requests)| (name, requests.len(), mean(&requests)))
        .collect();
    let most = rows
        .iter()
        .map(|(.., parts)| parts.iter().sum())
        .fold(1.0, f64::max);
    stacks(&rows, &Scale::new(0.0, most, 128.0, 960.0))
}

fn verdict(report: &Report) -> Markup {
    let (least, answered) = report.verdict.floor;
    html! {
        ul.checks {
            @for invariant in &report.verdict.invariants {
                li class=(tick_class(invariant.holds)) {
                    i { (tick(invariant.holds)) }
                    div {
                        (invariant.name)
                        @if let Some(first) = &invariant.first {
                            small {
                                (first.what)
                                @if let Some(at) = first.at_us { ", at " (seconds(at)) }
                                @if invariant.broken > 1 { ", and " (invariant.broken - 1) " more" }
                            }
                        }
                    }
                }
            }
        }
        ul.checks {
            @for bound in &report.verdict.thresholds {
                li class=(tick_class(bound.holds)) {
                    i { (tick(bound.holds)) }
                    div { (bound.metric) small { "must be " (bound.bound) } }
                    b { (value(&bound.metric, bound.value)) }
                }
            }
            li class=(tick_class(answered >= least)) {
                i { (tick(answered >= least)) }
                div { "requests answered" small { "must be " (least) " or more" } }
                b { (answered) }
            }
        }
    }
}

const fn tick_class(holds: bool) -> &'static str {
    if holds { "good" } else { "bad" }
}

fn servers(record: &Record) -> Markup {
    let shares = shares(record);
    let sum = |host: usize, state: crate::chaos::record::State| -> u64 {
        let of_it = |span: &&crate::chaos::record::Span| span.host == host && span.state == state;
        let spans = record.spans.iter().filter(of_it);
        spans
            .map(|span| span.until_us.saturating_sub(span.from_us))
            .sum()
    };
    html! {
        table {
            thead { tr { th { "server" } th { "pictures" } th { "share" } th { "down" }
                th { "failing" } } }
            tbody {
                @for server in 0..record.servers {
                    @let made = record.requests.iter().filter(|r| r.server == Some(server)).count();
                    @let share = shares.get(server).copied().unwrap_or_default();
                    @let up = sum(server, crate::chaos::record::State::Up);
                    @let down = record.length_us.saturating_sub(up);
                    tr {
                        td { b { (record.hosts[server]) } }
                        td.number { (made) }
                        td.share {
                            span.meter { i style=(format!("width:{share:.1}%")) {} }
                            (format!("{share:.1} %"))
                        }
                        td.number { (seconds(down)) }
                        td.number { (seconds(sum(server, crate::chaos::record::State::Failing))) }
                    }
                }
            }
        }
    }
}

fn details(report: &Report) -> Markup {
    let marks = &report.record.marks;
    html! {
        section {
            h2 { "Again" }
            pre { "pentimento-chaos replay " (JSON_FILE) }
            details {
                summary { "What was done (" (marks.len()) ")" }
                ol.marks {
                    @for mark in marks.iter().take(MARKS_MAX) {
                        li { span { (seconds(mark.at_us)) } (mark.what) }
                    }
                    @if marks.len() > MARKS_MAX {
                        li { "and " (marks.len() - MARKS_MAX) " more, see " (JSON_FILE) }
                    }
                }
            }
            details { summary { "The scenario" } pre { (report.scenario) } }
        }
    }
}
