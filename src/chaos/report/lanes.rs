//! The drawing of a run over its time: a lane for each host, the load, the response times.

use maud::{Markup, html};

use crate::chaos::judge::quantile;
use crate::chaos::record::{End, Record, Span, State};
use crate::paper::scale::{Scale, duration, plain};

const WIDTH: f64 = 1_080.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 1_064.0;
const LANE: f64 = 26.0;
const BAR: f64 = 14.0;
const LOAD: f64 = 96.0;
const TIMES: f64 = 190.0;
const GAP: f64 = 44.0;
/// Columns of the load, and windows of the 95th percentile, at most.
const COLUMNS: usize = 120;
/// Dots drawn, at most; of more, each so-manieth.
const DOTS_MAX: usize = 4_000;

/// The drawing.
pub(super) fn lanes(record: &Record) -> Markup {
    let length_s = (record.length_us as f64 / 1e6).max(1.0);
    let time = Scale::new(0.0, length_s, LEFT, RIGHT);
    let lanes_end = 18.0 + LANE * record.hosts.len() as f64;
    let load_top = lanes_end + GAP;
    let times_top = load_top + LOAD + GAP;
    let bottom = times_top + TIMES;
    let calm = time.at(record.calm_us as f64 / 1e6);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", bottom + 34.0)) role="img"
            aria-label="Hosts, load and response times over the time of the run" {
            @if calm < RIGHT {
                rect.rest x=(calm) y="4" width=(RIGHT - calm) height=(bottom - 4.0) {}
                text.hint x=(RIGHT) y="13" text-anchor="end" { "faults over" }
            }
            @for tick in time.ticks(10) {
                line.grid x1=(time.at(tick)) x2=(time.at(tick)) y1="18" y2=(bottom) {}
                text.tick x=(time.at(tick)) y=(bottom + 18.0) text-anchor="middle" {
                    (plain(tick)) " s"
                }
            }
            (hosts(record, &time))
            (load(record, &time, load_top))
            (times(record, &time, times_top))
        }
    }
}

fn hosts(record: &Record, time: &Scale) -> Markup {
    html! {
        @for (host, name) in record.hosts.iter().enumerate() {
            @let middle = 18.0 + LANE * host as f64 + LANE / 2.0;
            @let top = middle - BAR / 2.0;
            text.host x=(LEFT - 12.0) y=(middle + 4.0) text-anchor="end" { (name) }
            rect.down x=(LEFT) y=(top) width=(RIGHT - LEFT) height=(BAR) rx="4" {
                title { (name) " is down" }
            }
            @for span in record.spans.iter().filter(|span| span.host == host) {
                (state(record, span, time, top))
            }
        }
        @for mark in record.marks.iter().filter(|mark| mark.what.starts_with("crash ")) {
            @let host = record.hosts.iter().position(|name| mark.what.ends_with(name.as_str()));
            @if let Some(host) = host {
                @let x = time.at(mark.at_us as f64 / 1e6);
                @let y = 18.0 + LANE * host as f64 + LANE / 2.0;
                path.crash d=(format!("M{} {}l8 8m0 -8l-8 8", x - 4.0, y - 4.0)) {
                    title { (mark.what) ", " (plain(mark.at_us as f64 / 1e6)) " s" }
                }
            }
        }
    }
}

fn state(record: &Record, span: &Span, time: &Scale, top: f64) -> Markup {
    let (from, until) = (span.from_us as f64 / 1e6, span.until_us as f64 / 1e6);
    let x = time.at(from);
    let width = (time.at(until) - x).max(1.5);
    let (class, what, y, height) = match span.state {
        State::Up => ("up", "runs", top, BAR),
        State::Failing => ("failing", "planned failure", top, BAR),
        State::Paused => ("paused", "stands still", top, BAR),
        State::Slow => ("slow", "slow", top + BAR - 4.0, 4.0),
        State::Cut => ("cut", "cut off", top - 3.5, 2.5),
        State::Full => ("full", "disk full", top, 4.0),
        State::Token => ("token", "holds the token", top + BAR + 2.0, 2.5),
    };
    html! {
        rect class=(class) x=(x) y=(y) width=(width) height=(height)
            rx=(if height > 8.0 { 4.0 } else { 1.0 }) {
            title {
                (record.hosts[span.host]) " " (what) ", " (format!("{from:.1}"))
                " to " (format!("{until:.1}")) " s"
            }
        }
    }
}

fn load(record: &Record, time: &Scale, top: f64) -> Markup {
    let length_s = (record.length_us as f64 / 1e6).max(1.0);
    let column_s = (length_s / COLUMNS as f64).max(1.0).ceil();
    let mut columns = vec![0_u32; (length_s / column_s) as usize + 1];
    for request in &record.requests {
        columns[((request.at_us as f64 / 1e6 / column_s) as usize).min(COLUMNS)] += 1;
    }
    let per_second = |count: u32| f64::from(count) / column_s;
    let most = columns
        .iter()
        .map(|count| per_second(*count))
        .fold(1.0, f64::max);
    let scale = Scale::new(0.0, most * 1.1, top + LOAD, top);
    let jobs_most = record.jobs.iter().map(|(_, jobs)| *jobs).max().unwrap_or(0);
    let jobs_scale = Scale::new(0.0, f64::from(jobs_most.max(1)) * 1.1, top + LOAD, top);
    let mut line = format!("M{} {}", time.at(0.0), top + LOAD);
    for (at, jobs) in &record.jobs {
        let x = time.at(*at as f64 / 1e6);
        line.push_str(&format!("H{x}V{}", jobs_scale.at(f64::from(*jobs))));
    }
    line.push_str(&format!("H{RIGHT}"));
    html! {
        text.title x=(LEFT) y=(top - 12.0) {
            "Requests per second "
            tspan.hint { "and jobs on all servers, at most " (jobs_most) }
        }
        @for tick in scale.ticks(3) {
            line.grid x1=(LEFT) x2=(RIGHT) y1=(scale.at(tick)) y2=(scale.at(tick)) {}
            text.tick x=(LEFT - 8.0) y=(scale.at(tick) + 4.0) text-anchor="end" { (plain(tick)) }
        }
        @for (column, count) in columns.iter().enumerate().filter(|(_, count)| **count > 0) {
            @let x = time.at(column as f64 * column_s);
            @let next = time.at((column + 1) as f64 * column_s);
            @let y = scale.at(per_second(*count));
            rect.load x=(x + 0.5) y=(y) width=((next - x - 1.0).max(0.8)) height=(top + LOAD - y) {
                title { (plain(per_second(*count))) " requests per second" }
            }
        }
        path.jobs d=(line) {}
    }
}

fn times(record: &Record, time: &Scale, top: f64) -> Markup {
    let done: Vec<(f64, f64, &str, u64)> = record
        .requests
        .iter()
        .filter_map(|request| {
            let took = request.took_ms()?;
            Some((
                request.at_us as f64 / 1e6,
                took,
                request.kind.word(),
                request.number,
            ))
        })
        .collect();
    let most = done.iter().map(|(_, took, ..)| *took).fold(10.0, f64::max);
    let scale = Scale::new(0.0, most * 1.05, top + TIMES, top);
    let stride = done.len().div_ceil(DOTS_MAX).max(1);
    let broken = record
        .requests
        .iter()
        .filter(|request| matches!(request.end, End::Failed(_) | End::Open | End::Struck));
    html! {
        text.title x=(LEFT) y=(top - 12.0) {
            "Response times "
            tspan.hint { "each dot a request, the line the 95th percentile around it" }
        }
        @for tick in scale.ticks(4) {
            line.grid x1=(LEFT) x2=(RIGHT) y1=(scale.at(tick)) y2=(scale.at(tick)) {}
            text.tick x=(LEFT - 8.0) y=(scale.at(tick) + 4.0) text-anchor="end" {
                (duration(tick))
            }
        }
        path.tail d=(tail(record.length_us, &done, time, &scale)) {}
        @for (at, took, word, number) in done.iter().step_by(stride) {
            circle class=(word) cx=(time.at(*at)) cy=(scale.at(*took)) r="2.6" {
                title { (word) " " (number) ": " (duration(*took)) }
            }
        }
        @for request in broken {
            @let x = time.at(request.at_us as f64 / 1e6);
            path.crash d=(format!("M{} {}l8 8m0 -8l-8 8", x - 4.0, top)) {
                title { "request " (request.number) " had no result" }
            }
        }
    }
}

/// The 95th percentile in windows that overlap by half.
fn tail(length_us: u64, done: &[(f64, f64, &str, u64)], time: &Scale, scale: &Scale) -> String {
    let length_s = length_us as f64 / 1e6;
    let half_s = (length_s / 40.0).max(0.5);
    let mut line = String::new();
    let mut middle = half_s / 2.0;
    while middle < length_s {
        let near = done.iter().filter(|(at, ..)| (at - middle).abs() <= half_s);
        match quantile(near.map(|(_, took, ..)| *took), 0.95) {
            Some(took) => {
                let word = if line.is_empty() || line.ends_with(' ') {
                    'M'
                } else {
                    'L'
                };
                line.push_str(&format!("{word}{} {}", time.at(middle), scale.at(took)));
            }
            // A gap: the next point begins anew.
            None if !line.is_empty() && !line.ends_with(' ') => line.push(' '),
            None => {}
        }
        middle += half_s / 2.0;
    }
    line
}
