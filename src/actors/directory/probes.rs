//! Users reported missing, who are asked themselves before anybody believes it.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::proto::ids::UserId;
use crate::time::Moment;

/// Users asked at the same time; further reports are dropped, and come again.
const PROBES_MAX: usize = 256;

/// Users being asked.
#[derive(Debug)]
pub(super) struct Probes {
    open: BTreeMap<UserId, Probe>,
    pings: u32,
    every: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    nonce: u64,
    left: u32,
    next_at: Moment,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask again.
    Ping(UserId, u64),
    /// This user is not there any more.
    Gone(UserId),
}

impl Probes {
    /// Nobody is asked. Each user is asked `pings` times, `every_ms` apart.
    pub(super) const fn new(pings: u32, every_ms: u64) -> Self {
        let every_ms = if every_ms == 0 { 1 } else { every_ms };
        Self {
            open: BTreeMap::new(),
            pings,
            every: Duration::from_millis(every_ms),
        }
    }

    /// Starts to ask a user, unless that is under way.
    pub(super) fn start(&mut self, now: Moment, user: UserId, nonce: u64) {
        if self.open.len() < PROBES_MAX {
            self.open.entry(user).or_insert(Probe {
                nonce,
                left: self.pings,
                next_at: now,
            });
        }
    }

    /// The user was heard in another way.
    pub(super) fn cancel(&mut self, user: UserId) {
        self.open.remove(&user);
    }

    /// A pong arrived: only the number of the ping, from whom it went to, counts.
    pub(super) fn answered(&mut self, user: UserId, nonce: u64) {
        if self.open.get(&user).is_some_and(|open| open.nonce == nonce) {
            self.open.remove(&user);
        }
    }

    /// What is due now.
    pub(super) fn due(&mut self, now: Moment) -> Vec<Due> {
        let mut due = Vec::new();
        for (&user, probe) in &mut self.open {
            if probe.next_at > now {
                continue;
            }
            if probe.left == 0 {
                due.push(Due::Gone(user));
                continue;
            }
            probe.left -= 1;
            probe.next_at = now.after(self.every);
            due.push(Due::Ping(user, probe.nonce));
        }
        for item in &due {
            if let Due::Gone(user) = item {
                self.open.remove(user);
            }
        }
        due
    }

    /// When something is due next.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.open.values().map(|probe| probe.next_at).min()
    }
}
