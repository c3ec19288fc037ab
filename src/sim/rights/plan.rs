//! What can go wrong in a run, drawn from its seed: every kind of fault is in some runs and not in
//! others, each at its own rate, so that rare ones meet.

use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

use crate::sim::disk::{Manner, some};

/// A millisecond in microseconds.
pub(super) const MS: u64 = 1_000;
/// A second in microseconds.
pub(super) const SECOND: u64 = 1_000_000;

/// One kind of fault that begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A server ends.
    Crash,
    /// The leader ends.
    CrashLeader,
    /// All servers end.
    CrashAll,
    /// A server falls silent on purpose.
    Halt,
    /// A server stands still, and its clock does not.
    Pause,
    /// A direction between two hosts is cut.
    CutOneWay,
    /// A server is cut off from everybody.
    Isolate,
    /// A disk is full.
    FullDisk,
    /// A disk is replaced by an empty one.
    LostDisk,
    /// Bits of a disk turn while the server is down.
    FlippedBit,
    /// A server is started anew with another time.
    ClockJump,
    /// A device ends.
    DeviceCrash,
    /// A device's store is copied to another device.
    Copy,
}

impl Trouble {
    /// Every kind.
    pub(super) const ALL: [Self; 13] = [
        Self::Crash,
        Self::CrashLeader,
        Self::CrashAll,
        Self::Halt,
        Self::Pause,
        Self::CutOneWay,
        Self::Isolate,
        Self::FullDisk,
        Self::LostDisk,
        Self::FlippedBit,
        Self::ClockJump,
        Self::DeviceCrash,
        Self::Copy,
    ];
}

/// What the network does to a packet.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    /// Share that is lost.
    pub(super) loss: f64,
    /// Share that arrives twice.
    pub(super) twice: f64,
    /// Share that takes up to a second more.
    pub(super) late: f64,
    /// Delay in microseconds, for each alone.
    pub(super) delay_us: Range<u64>,
}

impl Weather {
    /// Nothing is lost.
    pub(super) const FAIR: Self = Self {
        loss: 0.0,
        twice: 0.0,
        late: 0.0,
        delay_us: 100..600,
    };
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Servers: 3 or 5.
    pub(super) servers: u8,
    /// People who give grants.
    pub(super) owners: usize,
    /// People who look.
    pub(super) borrowers: usize,
    /// Grants at the most.
    pub(super) grants_max: usize,
    /// What a person does between two deeds, in microseconds.
    pub(super) pause_us: Range<u64>,
    /// The unit of time of the agreement.
    pub(super) tick_ms: u64,
    /// Entries between checkpoints.
    pub(super) checkpoint_every: u64,
    /// Entries that stay behind one.
    pub(super) log_tail: u64,
    /// The network while it is bad.
    pub(super) weather: Weather,
    /// Disks while they are bad.
    pub(super) manner: Manner,
    /// Clocks are off by so much at the most, in milliseconds.
    pub(super) skew_ms: i64,
    /// Clocks drift so much at the most.
    pub(super) drift_ppm: i32,
    /// Share of packets of orders that somebody keeps and sends again later.
    pub(super) replayed: f64,
    /// Share of orders that somebody forges, where signatures count.
    pub(super) forged: f64,
    /// What begins and ends.
    pub(super) troubles: Vec<Trouble>,
    /// Quiet before each.
    pub(super) quiet_us: Range<u64>,
    /// How long each takes.
    pub(super) trouble_us: Range<u64>,
    /// How long things go wrong.
    pub(super) bad_us: u64,
    /// Whether a server's time once jumps by a day.
    pub(super) day_jump: bool,
}

impl Plan {
    /// Draws a run.
    pub(super) fn draw(rng: &mut ChaCha20Rng) -> Self {
        let servers = if rng.random_bool(0.25) { 5 } else { 3 };
        let slowest = rng.random_range(3..60) * SECOND / 2;
        let quietest = rng.random_range(1..15) * SECOND;
        let mut plan = Self {
            servers,
            owners: rng.random_range(1..=2),
            borrowers: rng.random_range(1..=3),
            grants_max: rng.random_range(2..10),
            pause_us: slowest / 20..slowest,
            tick_ms: [20, 50, 100, 100, 100, 100, 100, 100][rng.random_range(0..8)],
            checkpoint_every: [16, 64, 256, 10_000][rng.random_range(0..4)],
            log_tail: rng.random_range(4..60),
            weather: weather(rng),
            manner: Manner::draw(rng),
            skew_ms: [0, 2_000, 600_000, 600_000][rng.random_range(0..4)],
            drift_ppm: if rng.random_bool(0.7) { 200 } else { 0 },
            replayed: some(rng, 0.5, 0.1),
            forged: some(rng, 0.5, 0.2),
            troubles: Vec::new(),
            quiet_us: SECOND / 5..quietest,
            trouble_us: SECOND / 10..rng.random_range(1..10) * SECOND,
            bad_us: rng.random_range(120..480) * SECOND,
            day_jump: rng.random_bool(0.1),
        };
        plan.troubles = Trouble::ALL
            .into_iter()
            .filter(|_| rng.random_bool(0.6))
            .collect();
        plan
    }
}

fn weather(rng: &mut ChaCha20Rng) -> Weather {
    let slowest = rng.random_range(1..20) * MS;
    Weather {
        loss: some(rng, 0.7, 0.2),
        twice: some(rng, 0.5, 0.1),
        late: some(rng, 0.5, 0.05),
        delay_us: 100..slowest,
    }
}
