//! What happens as time goes by.

use core::time::Duration;

use super::{Consensus, Out, Output, StateMachine};
use crate::time::Moment;

/// Ticks that are made up for when the node was late; the others are lost, as if it had stood
/// still.
const TICKS_AT_ONCE: u64 = 2;

/// Pause between two questions of a server with an empty disk, in ticks.
const HELLO_TICKS: u64 = 3;

/// Pause between two looks at what is old, in ticks.
const UPKEEP_TICKS: u64 = 50;

impl<S: StateMachine> Consensus<S> {
    /// Whether this server may not stand for election: it is not in, or votes no more and not yet,
    /// or, a group of one, it would lead before its log is on disk, which raft forbids.
    fn must_wait(&self) -> bool {
        let log = &self.node.raft.raft_log;
        self.entrance.is_some()
            || self.node.store().floor().is_some()
            || self.writer.is_installing()
            || (self.config.peers.is_empty()
                && !self.is_leader()
                && log.persisted != log.last_index())
    }

    pub(super) fn tick(&mut self, now: Moment, out: &mut Out<S>) {
        let tick = Duration::from_millis(self.config.tick_ms);
        for _ in 0..TICKS_AT_ONCE {
            if now < self.tick_at {
                break;
            }
            self.tick_at = self.tick_at.after(tick);
            self.ticks += 1;
            if self.ticks.is_multiple_of(HELLO_TICKS) {
                self.say_hello(out);
            }
            if !self.must_wait() {
                let led = self.is_leader();
                if self.node.tick() && !led {
                    self.patience.run_out();
                }
                self.be_patient();
            }
        }
        if self.tick_at <= now {
            self.tick_at = now.after(tick);
        }
        self.pass_on(now, out);
        if self.ticks.is_multiple_of(UPKEEP_TICKS) {
            self.upkeep(now, out);
        }
        if let Some(since) = back(now, self.config.disk_wait_ms) {
            self.order_again(now, since, out);
        }
    }

    fn upkeep(&mut self, now: Moment, out: &mut Out<S>) {
        self.waiting.forget(now, self.config.waiting_ms);
        self.look_after_states(now);
        self.tell_time(now);
        self.tell_checkpoint(out);
        self.tell(out, true);
    }

    pub(super) fn order_again(&mut self, now: Moment, since: Moment, out: &mut Out<S>) {
        if let Some((ticket, order)) = self.writer.again(now, since) {
            out.push(Output::Disk { ticket, order });
        }
    }
}

/// The moment so many milliseconds ago, if there was one.
fn back(now: Moment, wait_ms: u64) -> Option<Moment> {
    let micros = wait_ms.saturating_mul(1_000);
    now.as_micros().checked_sub(micros).map(Moment::from_micros)
}
