//! What happens in one run: who there is, how the links between them are, what is sent, what
//! fails. All of it follows from a seed.
//!
//! Each class of faults is switched on or off by itself, and has a strength of its own, so that
//! rare combinations meet and each also comes alone.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::sim::link::{Config, Loss, Queue};

/// Messages of a run at the most.
const MESSAGES_MAX: usize = 12;
/// Largest body in bytes.
const BODY_MAX_BYTES: usize = 4 << 20;
/// Orders and faults are drawn from this time on, in microseconds.
const BEGIN_US: u64 = 10_000;
/// What the slowest link would take for all messages of a run at the most, in microseconds.
const LENGTH_MAX_US: u64 = 40_000_000;

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Servers; they come first.
    pub servers: usize,
    /// Users.
    pub users: usize,
    /// Whether users know how to reach each other, and servers them.
    pub introduced: bool,
    /// How all links are, each way by itself.
    pub link: Config,
    /// Largest IP packet that passes at first.
    pub mtu_bytes: usize,
    /// Largest datagram that endpoints send.
    pub datagram_max_bytes: usize,
    /// Bytes in flight to one party at the most.
    pub flow_max_bytes: u64,
    /// How late timers ring at each host, in microseconds.
    pub timers_late_us: Vec<u64>,
    /// How far the calendar of each host is ahead, in milliseconds.
    pub calendars_ahead_ms: Vec<u64>,
    /// The messages.
    pub messages: Vec<Planned>,
    /// What is done, in order of time.
    pub deeds: Vec<(u64, Deed)>,
    /// Share of packets that are lost.
    pub loss: f64,
    /// Whether anything but loss and lateness of packets can happen.
    pub is_eventful: bool,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Who sends it.
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// Bytes of its body.
    pub size_bytes: usize,
}

/// What is done at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A message is ordered.
    Send(usize),
    /// A message is not wanted any more.
    Cancel(usize),
    /// A small packet is ordered.
    Say {
        /// By whom.
        from: usize,
        /// To whom.
        to: usize,
    },
    /// Nothing passes from one to another.
    Cut {
        /// From whom.
        from: usize,
        /// To whom.
        to: usize,
    },
    /// What was cut passes again.
    Heal {
        /// From whom.
        from: usize,
        /// To whom.
        to: usize,
    },
    /// A host is started anew and knows nothing of before.
    Restart(usize),
    /// A host has another address.
    Move(usize),
    /// Nothing runs at a host.
    Pause(usize),
    /// It runs again.
    Resume(usize),
    /// The largest IP packet that passes is another.
    Mtu(usize),
    /// The planned failure of a host begins (true) or ends.
    Gate(usize, bool),
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let servers = rng.random_range(1..=2_usize);
        let users = rng.random_range(2 - servers..=4 - servers).max(1);
        let hosts = servers + users;
        let (link, loss) = draw_link(&mut rng);
        let mtu_bytes = draw_mtu(&mut rng);
        let flow_max_bytes = *pick(&mut rng, &[3 << 20, 3 << 20, 256 << 10, 64 << 10]);
        let late = *pick(&mut rng, &[0, 0, 60, 1_000, 12_000]);
        let ahead = *pick(&mut rng, &[0, 0, 600_000]);
        let mut plan = Self {
            servers,
            users,
            introduced: rng.random_bool(0.7),
            link,
            mtu_bytes,
            datagram_max_bytes: *pick(&mut rng, &[1_472, 1_472, 1_200, 8_972, 65_507]),
            flow_max_bytes,
            timers_late_us: (0..hosts).map(|_| rng.random_range(0..=late)).collect(),
            calendars_ahead_ms: (0..hosts).map(|_| rng.random_range(0..=ahead)).collect(),
            messages: Vec::new(),
            deeds: Vec::new(),
            loss,
            is_eventful: false,
        };
        plan.draw_messages(&mut rng);
        plan.draw_small(&mut rng);
        if rng.random_bool(0.8) {
            plan.draw_faults(&mut rng);
        }
        plan.deeds.sort_by_key(|(at, _)| *at);
        plan
    }

    /// All who take part.
    #[must_use]
    pub const fn hosts(&self) -> usize {
        self.servers + self.users
    }

    /// Whether this one can begin to talk with that one.
    #[must_use]
    pub const fn can_begin(&self, from: usize, to: usize) -> bool {
        from != to && (to < self.servers || self.introduced)
    }

    /// When the last fault is over.
    #[must_use]
    pub fn calm_us(&self) -> u64 {
        let faults = self.deeds.iter().filter(|(_, deed)| deed.is_fault());
        faults.map(|(at, _)| *at).max().unwrap_or(0)
    }

    fn draw_messages(&mut self, rng: &mut ChaCha20Rng) {
        let count = rng.random_range(1..=MESSAGES_MAX);
        let spread_us = *pick(rng, &[1, 100_000, 3_000_000]);
        let most = self
            .link
            .rate
            .map_or(u64::MAX, |rate| rate / 8 * LENGTH_MAX_US / 1_000_000);
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        for number in 0..count {
            let from = rng.random_range(0..self.hosts());
            let to = (from + rng.random_range(1..self.hosts())) % self.hosts();
            let size_bytes = log_uniform(rng, 1, BODY_MAX_BYTES as u64) as usize;
            let size_bytes = size_bytes.min(left.max(1));
            left = left.saturating_sub(size_bytes);
            self.messages.push(Planned {
                from,
                to,
                size_bytes,
            });
            let at = BEGIN_US + rng.random_range(0..spread_us);
            self.deeds.push((at, Deed::Send(number)));
            if rng.random_bool(0.1) {
                let after = log_uniform(rng, 1_000, 2_000_000);
                self.deeds.push((at + after, Deed::Cancel(number)));
            }
        }
    }

    /// Everybody greets whom they can reach at first, and some go on talking.
    fn draw_small(&mut self, rng: &mut ChaCha20Rng) {
        let talks = rng.random_bool(0.5);
        for from in 0..self.hosts() {
            for to in 0..self.hosts() {
                if !self.can_begin(from, to) {
                    continue;
                }
                if rng.random_bool(0.8) {
                    self.deeds
                        .push((rng.random_range(0..BEGIN_US), Deed::Say { from, to }));
                }
                let every = rng.random_range(100_000..900_000);
                let mut at = rng.random_range(0..every);
                while talks && at < 6_000_000 {
                    self.deeds.push((at, Deed::Say { from, to }));
                    at += every;
                }
            }
        }
    }

    fn draw_faults(&mut self, rng: &mut ChaCha20Rng) {
        let kinds: Vec<bool> = (0..6).map(|_| rng.random_bool(0.3)).collect();
        for (kind, _) in kinds.iter().enumerate().filter(|(_, on)| **on) {
            for _ in 0..rng.random_range(1..=3) {
                let at = BEGIN_US + log_uniform(rng, 1_000, 8_000_000);
                self.draw_fault(rng, kind, at);
                self.is_eventful = true;
            }
        }
    }

    fn draw_fault(&mut self, rng: &mut ChaCha20Rng, kind: usize, at: u64) {
        let hosts = self.hosts();
        let host = rng.random_range(0..hosts);
        let other = (host + rng.random_range(1..hosts)) % hosts;
        let end = at + log_uniform(rng, 20_000, 20_000_000);
        match kind {
            0 => {
                let ways = [(host, other), (other, host)];
                let count = if rng.random_bool(0.3) { 1 } else { 2 };
                for (from, to) in ways.into_iter().take(count) {
                    self.deeds.push((at, Deed::Cut { from, to }));
                    self.deeds.push((end, Deed::Heal { from, to }));
                }
            }
            1 => self.deeds.push((at, Deed::Restart(host))),
            2 => {
                let user = self.servers + rng.random_range(0..self.users);
                self.deeds.push((at, Deed::Move(user)));
            }
            3 => {
                self.deeds.push((at, Deed::Pause(host)));
                self.deeds.push((end, Deed::Resume(host)));
            }
            4 => {
                let mtu_bytes = draw_mtu(rng);
                self.deeds.push((at, Deed::Mtu(mtu_bytes)));
            }
            _ => {
                let server = rng.random_range(0..self.servers);
                self.deeds.push((at, Deed::Gate(server, true)));
                self.deeds.push((end, Deed::Gate(server, false)));
            }
        }
    }
}

impl Deed {
    /// Whether it happens to this host.
    #[must_use]
    pub const fn concerns(self, place: usize) -> bool {
        match self {
            Self::Cut { from, to } | Self::Heal { from, to } => from == place || to == place,
            Self::Restart(one)
            | Self::Move(one)
            | Self::Pause(one)
            | Self::Resume(one)
            | Self::Gate(one, _) => one == place,
            Self::Mtu(_) => true,
            Self::Send(_) | Self::Cancel(_) | Self::Say { .. } => false,
        }
    }

    /// Whether it is a fault, or the end of one.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::Send(_) | Self::Cancel(_) | Self::Say { .. })
    }
}

fn draw_link(rng: &mut ChaCha20Rng) -> (Config, f64) {
    let mut on = |chance: f64| rng.random_bool(chance);
    // Loss in runs is counted in packets: who sends few meets a run for a long time.
    let (limited, losing, bursty, doubling, late, jittery) =
        (on(0.7), on(0.6), on(0.5), on(0.3), on(0.3), on(0.3));
    let loss = if losing {
        *pick(rng, &[0.001, 0.01, 0.05, 0.1, 0.2, 0.3])
    } else {
        0.0
    };
    let longest = if loss > 0.05 { 3.0 } else { 12.0 };
    let run = if bursty {
        rng.random_range(1.0..longest)
    } else {
        1.0
    };
    let delay_us = log_uniform(rng, 50, 100_000);
    let config = Config {
        rate: limited.then(|| log_uniform(rng, 1_000_000, 1_000_000_000)),
        delay_us,
        jitter_us: if jittery {
            rng.random_range(0..=delay_us)
        } else {
            0
        },
        loss: Loss::bursts(loss, run),
        duplication: if doubling {
            rng.random_range(0.0..0.05)
        } else {
            0.0
        },
        reordering: if late {
            rng.random_range(0.0..0.1)
        } else {
            0.0
        },
        late_us: log_uniform(rng, 100, 50_000),
        queue: Queue::Micros(log_uniform(rng, 5_000, 200_000)),
        mtu_bytes: usize::MAX,
    };
    (config, loss)
}

fn draw_mtu(rng: &mut ChaCha20Rng) -> usize {
    match rng.random_range(0..4) {
        0 | 1 => 1_500,
        2 => rng.random_range(1_228..=1_500),
        _ => rng.random_range(1_500..=9_000),
    }
}

fn pick<'a, T>(rng: &mut ChaCha20Rng, all: &'a [T]) -> &'a T {
    &all[rng.random_range(0..all.len())]
}

/// Every order of magnitude is as likely as any other.
fn log_uniform(rng: &mut impl Rng, least: u64, most: u64) -> u64 {
    let (low, high) = ((least as f64).ln(), (most as f64).ln());
    (rng.random_range(low..=high).exp() as u64).clamp(least, most)
}
