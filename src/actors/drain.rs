//! How a server ends in order: it takes nothing new, hands over what waits, finishes what runs,
//! and says when it may go.
//!
//! Decides only when the others are told and when it is over. Handing over is done by whoever has
//! the thing. Invariants: a drain that has begun is over at `limit_ms` at the latest, whatever
//! runs; it is never taken back; its end is told once.

use std::time::Duration;

use super::machine::{Machine, Outbox};
use crate::time::Moment;

/// Timings.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A drain lasts at least so long, in milliseconds: until then a request may still come of
    /// which the others believe that this server takes it.
    pub quiet_ms: u64,
    /// A drain is over after so long, in milliseconds, even if something still runs.
    pub limit_ms: u64,
}

impl Config {
    /// For servers on one local network that have to end within ten seconds.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            // Two load reports.
            quiet_ms: 200,
            // Leaves two seconds of ten for goodbyes and the disk.
            limit_ms: 8_000,
        }
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The server is to end.
    Begun,
    /// So many requests are not done on this server.
    Open(u32),
}

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// From now on nothing new is taken and what waits is handed over.
    Retire,
    /// The server may go.
    Over {
        /// Requests that were not done in time.
        left: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    Draining { since: Moment },
    Over,
}

/// The machine.
#[derive(Debug)]
pub struct Drain {
    config: Config,
    open: u32,
    stage: Stage,
}

impl Drain {
    /// A server that serves.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            open: 0,
            stage: Stage::Serving,
        }
    }

    fn due(&self) -> Option<Moment> {
        let Stage::Draining { since } = self.stage else {
            return None;
        };
        let wait_ms = if self.open == 0 {
            self.config.quiet_ms.min(self.config.limit_ms)
        } else {
            self.config.limit_ms
        };
        Some(since.after(Duration::from_millis(wait_ms)))
    }

    fn settle(&mut self, now: Moment, out: &mut Outbox<Output>) {
        if self.due().is_some_and(|due| due <= now) {
            self.stage = Stage::Over;
            out.push(Output::Over { left: self.open });
        }
    }
}

impl Machine for Drain {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "drain";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::Begun if self.stage == Stage::Serving => {
                self.stage = Stage::Draining { since: now };
                out.push(Output::Retire);
            }
            Input::Begun => {}
            Input::Open(open) => self.open = open,
        }
        self.settle(now, out);
    }

    fn deadline(&self) -> Option<Moment> {
        self.due()
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.settle(now, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn give(drain: &mut Drain, now: Moment, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        drain.handle(now, input, &mut out);
        out.take()
    }

    /// Calls it when it wants to be called; when that was, and what it ordered.
    fn ring(drain: &mut Drain) -> Option<(Moment, Vec<Output>)> {
        let due = drain.deadline()?;
        let mut out = Outbox::new();
        drain.on_deadline(due, &mut out);
        Some((due, out.take()))
    }

    fn drain() -> Drain {
        Drain::new(Config::lan())
    }

    #[test]
    fn a_server_without_work_goes_when_the_others_know() {
        let mut drain = drain();
        assert_eq!(drain.deadline(), None);
        assert_eq!(give(&mut drain, ms(5), Input::Begun), [Output::Retire]);
        let over = vec![Output::Over { left: 0 }];
        assert_eq!(ring(&mut drain), Some((ms(205), over)));
        assert_eq!(drain.deadline(), None);
    }

    #[test]
    fn what_runs_is_waited_for() {
        let mut drain = drain();
        give(&mut drain, ms(0), Input::Open(2));
        give(&mut drain, ms(0), Input::Begun);
        assert_eq!(give(&mut drain, ms(3_000), Input::Open(1)), []);
        let over = [Output::Over { left: 0 }];
        assert_eq!(give(&mut drain, ms(4_000), Input::Open(0)), over);
        assert_eq!(give(&mut drain, ms(4_001), Input::Open(0)), [], "told once");
    }

    #[test]
    fn work_that_does_not_end_is_left_at_the_limit_and_not_before() {
        let mut drain = drain();
        give(&mut drain, ms(0), Input::Open(1));
        give(&mut drain, ms(0), Input::Begun);
        assert_eq!(give(&mut drain, ms(7_999), Input::Open(3)), []);
        let over = vec![Output::Over { left: 3 }];
        assert_eq!(ring(&mut drain), Some((ms(8_000), over)));
    }

    #[test]
    fn a_second_order_changes_nothing() {
        let mut drain = drain();
        give(&mut drain, ms(0), Input::Begun);
        assert_eq!(give(&mut drain, ms(100), Input::Begun), []);
        assert_eq!(drain.deadline(), Some(ms(200)));
        ring(&mut drain);
        assert_eq!(give(&mut drain, ms(300), Input::Begun), []);
    }
}
