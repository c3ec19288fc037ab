//! Which faults a run of whole nodes has. Every kind is in some runs and not in others, each at its
//! own rate, so that rare ones meet (Groce et al., "Swarm Testing", 2012).

use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

use super::disk::Manner;

const SECOND: u64 = 1_000_000;

/// Something that begins to go wrong, and is over some time later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A server ends.
    Crash,
    /// Most servers end.
    CrashMost,
    /// All servers end.
    CrashAll,
    /// A client ends.
    CrashClient,
    /// A server stands still, and its clock does not.
    Pause,
    /// A client does.
    PauseClient,
    /// A server is many times slower than the others.
    Slow,
    /// Nothing passes from one node to another, and everything back.
    CutOneWay,
    /// A server is cut off from everybody.
    Isolate,
    /// A client is.
    IsolateClient,
    /// A server is cut off from the other servers, and not from people.
    Split,
    /// The disk of a node is full.
    FullDisk,
    /// The disk of a server is replaced by an empty one.
    LostDisk,
    /// A bit on the disk of a server turns.
    FlippedBit,
    /// A node is started anew with another time.
    ClockJump,
    /// Whoever has the failure token ends, and nothing else goes wrong until the calm.
    HolderDies,
}

impl Trouble {
    /// Those that are drawn, one by one; the last one comes alone.
    pub const DRAWN: [Self; 15] = [
        Self::Crash,
        Self::CrashMost,
        Self::CrashAll,
        Self::CrashClient,
        Self::Pause,
        Self::PauseClient,
        Self::Slow,
        Self::CutOneWay,
        Self::Isolate,
        Self::IsolateClient,
        Self::Split,
        Self::FullDisk,
        Self::LostDisk,
        Self::FlippedBit,
        Self::ClockJump,
    ];

    /// Whether servers stop hearing each other while they live, so that several of them may do the
    /// same work.
    #[must_use]
    pub const fn parts_servers(self) -> bool {
        matches!(
            self,
            Self::Pause | Self::Slow | Self::CutOneWay | Self::Isolate | Self::Split
        )
    }

    /// Its name in totals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::CrashMost => "majority down",
            Self::CrashAll => "all down",
            Self::CrashClient => "client crash",
            Self::Pause => "pause",
            Self::PauseClient => "client pause",
            Self::Slow => "slow server",
            Self::CutOneWay => "one-way cut",
            Self::Isolate => "isolation",
            Self::IsolateClient => "client cut off",
            Self::Split => "servers parted",
            Self::FullDisk => "full disk",
            Self::LostDisk => "disk lost",
            Self::FlippedBit => "bit flipped",
            Self::ClockJump => "clock jump",
            Self::HolderDies => "token holder crash",
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// What begins and ends.
    pub troubles: Vec<Trouble>,
    /// Disks while they are bad.
    pub manner: Manner,
    /// Calendars are off by so much at the most, in milliseconds.
    pub skew_ms: i64,
    /// Clocks drift so much at the most, in parts of a million.
    pub drift_ppm: i32,
    /// Whether servers fail on purpose, and say goodbye then.
    pub planned: Option<bool>,
    /// Whether the run is about a token whose holder dies.
    pub holder_dies: bool,
    /// Quiet between troubles.
    pub quiet_us: Range<u64>,
    /// How long they take; some take longer.
    pub lasts_us: Range<u64>,
}

impl Swarm {
    /// Draws one.
    #[must_use]
    pub fn draw(rng: &mut ChaCha20Rng) -> Self {
        let rate = rng.random_range(0.1..0.7);
        let drawn = Trouble::DRAWN.into_iter();
        let troubles = drawn.filter(|_| rng.random_bool(rate)).collect();
        let is_bad = rng.random_bool(0.7);
        let manner = Manner::draw(rng);
        let planned = rng.random_bool(0.5).then(|| rng.random_bool(0.5));
        let holder_dies = planned.is_some() && rng.random_bool(0.2);
        Self {
            troubles,
            manner: if is_bad { manner } else { Manner::GOOD },
            skew_ms: [0, 0, 2_000, 600_000][rng.random_range(0..4)],
            drift_ppm: if rng.random_bool(0.7) { 200 } else { 0 },
            planned,
            holder_dies,
            quiet_us: SECOND..rng.random_range(3..10) * SECOND,
            lasts_us: SECOND / 10..rng.random_range(2..8) * SECOND,
        }
    }
}
