//! Cases that run in turn, and bars for what comes out.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use crate::proto::control::Failure;

/// What a case gives: how many bytes it made or read.
pub(super) type Worked = Result<usize, Failure>;

/// Something to measure.
pub(super) struct Case<'a> {
    name: &'static str,
    note: &'static str,
    work: Box<dyn FnMut() -> Worked + 'a>,
    tidy_up: Box<dyn FnMut() + 'a>,
}

/// What was measured of a case.
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) note: &'static str,
    pub(super) median_us: f64,
    pub(super) least_us: f64,
    pub(super) bytes: usize,
}

impl Measured {
    pub(super) fn median_ms(&self) -> f64 {
        self.median_us / 1e3
    }

    pub(super) fn least_ms(&self) -> f64 {
        self.least_us / 1e3
    }
}

/// The cases of a benchmark.
#[derive(Default)]
pub(super) struct Suite<'a> {
    cases: Vec<Case<'a>>,
}

impl<'a> Suite<'a> {
    /// Adds a case.
    pub(super) fn case(
        &mut self,
        name: &'static str,
        note: &'static str,
        work: impl FnMut() -> Worked + 'a,
    ) {
        self.case_with_rest(name, note, work, || {});
    }

    /// Adds a case after which something is to be tidied up, which does not count.
    pub(super) fn case_with_rest(
        &mut self,
        name: &'static str,
        note: &'static str,
        work: impl FnMut() -> Worked + 'a,
        tidy_up: impl FnMut() + 'a,
    ) {
        self.cases.push(Case {
            name,
            note,
            work: Box::new(work),
            tidy_up: Box::new(tidy_up),
        });
    }

    /// Runs every case once to warm up and then `rounds` times, in turn.
    pub(super) fn run(mut self, rounds: u16) -> Result<Vec<Measured>, Failure> {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); self.cases.len()];
        let mut bytes = vec![0; self.cases.len()];
        for round in 0..=rounds.max(1) {
            for (at, case) in self.cases.iter_mut().enumerate() {
                let (took_us, worked) = timed(&mut *case.work);
                (case.tidy_up)();
                bytes[at] = worked?;
                if round > 0 {
                    times[at].push(took_us);
                }
            }
        }
        let measured = self.cases.iter().zip(times).zip(bytes);
        Ok(measured
            .map(|((case, mut times), bytes)| {
                times.sort_by(f64::total_cmp);
                Measured {
                    name: case.name,
                    note: case.note,
                    median_us: times[times.len() / 2],
                    least_us: times[0],
                    bytes,
                }
            })
            .collect())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program that tells how long things take"
)]
fn timed(work: &mut dyn FnMut() -> Worked) -> (f64, Worked) {
    let start = Instant::now();
    let worked = black_box(work());
    (start.elapsed().as_secs_f64() * 1e6, worked)
}

/// Which side of a bar is the good one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
        }
    }
}

/// A figure and what it should be.
pub(super) struct Bar {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) limit: Limit,
    /// Whether it means the same on any machine.
    pub(super) is_ratio: bool,
}

impl Bar {
    pub(super) fn holds(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.value <= limit,
            Limit::AtLeast(limit) => self.value >= limit,
        }
    }
}

/// Makes bars of what was measured. A bar of which a case was left out is left out as well.
pub(super) struct Bars<'a> {
    measured: &'a [Measured],
    bars: Vec<Bar>,
}

impl<'a> Bars<'a> {
    pub(super) const fn new(measured: &'a [Measured]) -> Self {
        let bars = Vec::new();
        Self { measured, bars }
    }

    /// The time of a case, in milliseconds.
    pub(super) fn time_ms(&mut self, name: &'static str, case: &str, limit: Limit) {
        if let Some(case) = self.find(case) {
            let value = case.median_ms();
            self.push(name, value, limit, false);
        }
    }

    /// The time of a case, in parts of another's.
    pub(super) fn time_of(&mut self, name: &'static str, case: &str, other: &str, limit: Limit) {
        if let (Some(case), Some(other)) = (self.find(case), self.find(other)) {
            let value = case.median_us / other.median_us;
            self.push(name, value, limit, true);
        }
    }

    /// The bytes of a case, in parts of another's.
    pub(super) fn bytes_of(&mut self, name: &'static str, case: &str, other: &str, limit: Limit) {
        if let (Some(case), Some(other)) = (self.find(case), self.find(other)) {
            let value = case.bytes as f64 / other.bytes.max(1) as f64;
            self.push(name, value, limit, true);
        }
    }

    pub(super) fn done(self) -> Vec<Bar> {
        self.bars
    }

    fn push(&mut self, name: &'static str, value: f64, limit: Limit, is_ratio: bool) {
        self.bars.push(Bar {
            name,
            value,
            limit,
            is_ratio,
        });
    }

    fn find(&self, name: &str) -> Option<&'a Measured> {
        self.measured.iter().find(|case| case.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_run_in_turn_and_a_failure_ends_all() {
        let order = std::cell::RefCell::new(Vec::new());
        let mut suite = Suite::default();
        for (name, bytes) in [("one", 1), ("two", 2)] {
            let order = &order;
            suite.case(name, "", move || {
                order.borrow_mut().push(bytes);
                Ok(bytes)
            });
        }
        let measured = suite.run(2).unwrap();
        assert_eq!(*order.borrow(), [1, 2, 1, 2, 1, 2]);
        assert_eq!([measured[0].bytes, measured[1].bytes], [1, 2]);
        assert!(measured.iter().all(|case| case.least_us <= case.median_us));
        let mut suite = Suite::default();
        suite.case("fails", "", || Err(crate::cli::failure::usage("no", "")));
        assert!(suite.run(1).is_err());
    }

    #[test]
    fn bars_compare_and_leave_out_what_was_not_measured() {
        let case = |name, median_us, bytes| Measured {
            name,
            note: "",
            median_us,
            least_us: 0.0,
            bytes,
        };
        let measured = [case("ours", 500.0, 105), case("theirs", 1_000.0, 100)];
        let mut bars = Bars::new(&measured);
        bars.time_of("ratio", "ours", "theirs", Limit::AtMost(0.5));
        bars.bytes_of("bytes", "ours", "theirs", Limit::AtMost(1.04));
        bars.time_ms("ms", "theirs", Limit::AtLeast(2.0));
        bars.time_of("none", "ours", "another", Limit::AtMost(0.5));
        let told: Vec<_> = bars
            .done()
            .iter()
            .map(|bar| (bar.value, bar.holds()))
            .collect();
        assert_eq!(told, [(0.5, true), (1.05, false), (1.0, false)]);
    }
}
