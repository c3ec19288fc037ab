//! One cell of the evaluation: so many clients, one size, so many servers; and the figures of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::crowd::{Reply, Run};
use crate::proto::control::{Reason, Timings};

/// Where the time of a request goes.
pub(super) const PHASES: [&str; 4] = ["election", "upload", "hiding", "download"];

/// Who asked whom for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Servers among which the work is balanced; 1 is no balancing.
    pub(super) servers: u8,
    /// Size of the images.
    pub(super) size: &'static str,
    /// Clients, each with one request at a time.
    pub(super) clients: u16,
}

/// The figures of a run.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Who asked whom for what.
    pub(super) setting: Setting,
    /// How long new requests were made, in seconds.
    pub(super) seconds: f64,
    /// Requests with a picture, also those that came after that time.
    pub(super) answered: usize,
    /// Requests that failed because nothing was heard for too long.
    pub(super) timed_out: usize,
    /// Requests that failed for another reason: the servers had no place.
    pub(super) refused: usize,
    /// Requests that were given up at the end.
    pub(super) open: usize,
    /// Pictures a second, of those that came in time.
    pub(super) rate: f64,
    /// Response times, in milliseconds: half of all, 95 of 100, 99 of 100, all.
    pub(super) times_ms: [f64; 4],
    /// Mean of each of [`PHASES`], in milliseconds.
    pub(super) phases_ms: [f64; 4],
    /// Processor time of each server, in percent of a core.
    pub(super) processor: Vec<f64>,
    /// Pictures of each server, in percent.
    pub(super) parts: Vec<f64>,
    /// What clients sent and received, in bytes a second.
    pub(super) traffic: [f64; 2],
}

impl Cell {
    /// Reckons up a run. `processor` is what each server used in it.
    pub(super) fn of(setting: Setting, run: &Run, processor: &[Duration]) -> Self {
        let seconds = run.length.as_secs_f64().max(1e-9);
        let timings: Vec<Timings> = run
            .replies
            .iter()
            .filter_map(|reply| reply.outcome.ok())
            .collect();
        let failed = |is: fn(Reason) -> bool| {
            let reasons = run.replies.iter().filter_map(|reply| reply.outcome.err());
            reasons.filter(|reason| is(*reason)).count()
        };
        let in_time = |reply: &&Reply| reply.outcome.is_ok() && reply.in_time;
        let mut times: Vec<f64> = timings.iter().map(|of| millis(of.total_us())).collect();
        times.sort_by(f64::total_cmp);
        let phases = |of: &Timings| [of.election_us, of.upload_us, of.hiding_us, of.download_us];
        let mut sums = [0.0; 4];
        for of in &timings {
            for (sum, phase) in sums.iter_mut().zip(phases(of)) {
                *sum += millis(phase);
            }
        }
        let count = timings.len().max(1) as f64;
        let part = |number: usize| {
            let node = |of: &&Timings| {
                of.node
                    .is_some_and(|node| usize::from(node.0) == number + 1)
            };
            timings.iter().filter(node).count() as f64 * 100.0 / count
        };
        Self {
            setting,
            seconds,
            answered: timings.len(),
            timed_out: failed(|reason| reason == Reason::Unreachable),
            refused: failed(|reason| reason != Reason::Unreachable),
            open: run.open,
            rate: run.replies.iter().filter(in_time).count() as f64 / seconds,
            times_ms: [50, 95, 99, 100].map(|percent| percentile(&times, percent)),
            phases_ms: sums.map(|sum| sum / count),
            processor: processor
                .iter()
                .map(|used| used.as_secs_f64() * 100.0 / seconds)
                .collect(),
            parts: (0..usize::from(setting.servers)).map(part).collect(),
            traffic: [run.traffic.sent_bytes, run.traffic.received_bytes]
                .map(|bytes| bytes as f64 / seconds),
        }
    }

    /// All requests that were made.
    pub(super) const fn made(&self) -> usize {
        self.answered + self.timed_out + self.refused + self.open
    }

    /// Requests with a picture, in percent of those made; 100 if there were none.
    pub(super) fn answered_percent(&self) -> f64 {
        percent(self.answered, self.made())
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let Setting {
            servers,
            size,
            clients,
        } = self.setting;
        let [p50, p95, p99, most] = self.times_ms;
        let phases = PHASES.iter().zip(self.phases_ms);
        let phases: serde_json::Map<String, Value> = phases
            .map(|(name, ms)| ((*name).to_owned(), json!(round(ms))))
            .collect();
        json!({
            "servers": servers,
            "size": size,
            "clients": clients,
            "seconds": self.seconds,
            "requests": self.made(),
            "answered": self.answered,
            "timed_out": self.timed_out,
            "refused": self.refused,
            "open": self.open,
            "answered_percent": round(self.answered_percent()),
            "timed_out_percent": round(percent(self.timed_out, self.made()).min(100.0)),
            "rate_per_s": round(self.rate),
            "p50_ms": round(p50),
            "p95_ms": round(p95),
            "p99_ms": round(p99),
            "max_ms": round(most),
            "phases_ms": phases,
            "processor_percent": self.processor.iter().map(|of| round(*of)).collect::<Vec<_>>(),
            "part_percent": self.parts.iter().map(|of| round(*of)).collect::<Vec<_>>(),
            "sent_bytes_per_s": round(self.traffic[0]),
            "received_bytes_per_s": round(self.traffic[1]),
        })
    }
}

fn percent(of: usize, all: usize) -> f64 {
    if all == 0 {
        return 100.0;
    }
    of as f64 * 100.0 / all as f64
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

/// To a thousandth: what is beyond is noise.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// So much no more than so many of a hundred have, of values in ascending order.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::node::line::Traffic;
    use crate::proto::ids::NodeId;

    /// A cell with this rate.
    pub(in crate::cli::bench::eval) fn cell(setting: Setting, rate: f64) -> Cell {
        Cell {
            rate,
            ..Cell::of(setting, &run(), &[Duration::from_secs(1); 3])
        }
    }

    fn run() -> Run {
        let picture = |at_ms: u64, node| Reply {
            in_time: at_ms <= 2_000,
            outcome: Ok(Timings {
                election_us: 1_000,
                upload_us: 2_000,
                hiding_us: 3_000,
                download_us: at_ms * 1_000 - 6_000,
                owners: 1,
                node: Some(NodeId(node)),
            }),
        };
        let failure = |reason| Reply {
            in_time: true,
            outcome: Err(reason),
        };
        Run {
            length: Duration::from_secs(2),
            replies: vec![
                picture(100, 1),
                picture(300, 2),
                picture(2_500, 2),
                failure(Reason::Unreachable),
                failure(Reason::Busy),
            ],
            open: 1,
            traffic: Traffic {
                sent_bytes: 200,
                received_bytes: 4_000,
            },
        }
    }

    #[test]
    fn figures_are_those_of_the_run() {
        let setting = Setting {
            servers: 3,
            size: "4.8 kB",
            clients: 2,
        };
        let used = [500, 1_000, 0].map(Duration::from_millis);
        let cell = Cell::of(setting, &run(), &used);
        assert_eq!(
            (cell.answered, cell.timed_out, cell.refused, cell.open),
            (3, 1, 1, 1)
        );
        assert_eq!(cell.made(), 6);
        assert!((cell.answered_percent() - 50.0).abs() < 1e-9);
        assert!((cell.rate - 1.0).abs() < 1e-9, "one of three came too late");
        assert_eq!(cell.times_ms, [300.0, 2_500.0, 2_500.0, 2_500.0]);
        assert_eq!(cell.phases_ms[..3], [1.0, 2.0, 3.0]);
        assert_eq!(cell.processor, [25.0, 50.0, 0.0]);
        let parts: Vec<i64> = cell.parts.iter().map(|part| part.round() as i64).collect();
        assert_eq!(parts, [33, 67, 0]);
        assert_eq!(cell.traffic, [100.0, 2_000.0]);
    }

    #[test]
    fn a_run_without_a_request_has_figures() {
        let setting = Setting {
            servers: 1,
            size: "1.9 MB",
            clients: 1,
        };
        let cell = Cell::of(setting, &Run::default(), &[]);
        assert!((cell.answered_percent() - 100.0).abs() < 1e-9);
        assert!(
            cell.times_ms
                .iter()
                .chain(&cell.phases_ms)
                .all(|ms| ms.abs() < 1e-9)
        );
    }
}
