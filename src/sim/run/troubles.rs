//! What begins to go wrong in a run, and how it is mended.

use super::{ALICE, BOB, Run, SERVERS, Seen};
use crate::actors::edges::Table;
use crate::sim::swarm::Trouble;
use crate::sim::world::AGREEMENT;
use rand::RngExt;

/// The server whose disk may be lost or damaged. One in three is what a group survives, and what
/// was deposited there with one other server is still on that one.
const FRAGILE: usize = 0;

/// How often, and how long in microseconds, a crash waits for the disk to be at work.
const AT_WORK_STEPS: u32 = 1_000;
const AT_WORK_STEP_US: u64 = 1_000;

impl Run {
    pub(super) fn set_clock(&mut self, node: usize, ahead_ms: i64) {
        let drift = self.plan.swarm.drift_ppm;
        let drift_ppm = self.rng.random_range(-drift..=drift);
        self.world.set_clock(node, ahead_ms, drift_ppm);
    }

    /// Begins it, if it may be now.
    pub(super) fn begin(&mut self, trouble: Trouble) {
        let server = self.rng.random_range(0..SERVERS);
        let client = if self.rng.random_bool(0.5) {
            ALICE
        } else {
            BOB
        };
        let anybody = self.rng.random_range(0..=BOB);
        if matches!(trouble, Trouble::LostDisk | Trouble::FlippedBit) && !self.world.is_whole() {
            return;
        }
        self.tally.fault(trouble.name());
        self.watch(vec![(server, Seen::Trouble(trouble))]);
        match trouble {
            Trouble::Crash => self.crash_at_work(server),
            Trouble::CrashMost => {
                let others = (0..SERVERS).filter(|other| *other != server);
                others.for_each(|other| self.crash(other));
            }
            Trouble::CrashAll => (0..SERVERS).for_each(|of| self.crash(of)),
            Trouble::CrashClient => self.crash_at_work(client),
            Trouble::Pause => self.world.pause(server),
            Trouble::PauseClient => self.world.pause(client),
            Trouble::Slow => {
                let times = self.rng.random_range(2..=10);
                let is_told = self.rng.random_bool(0.5);
                self.world.slow(server, times, is_told);
            }
            Trouble::CutOneWay => {
                let other = (anybody + 1 + server) % (BOB + 1);
                self.world.cuts.one_way(anybody, other, true);
            }
            Trouble::Isolate => self.isolate(server, 0..BOB + 1),
            Trouble::IsolateClient => self.isolate(client, 0..BOB + 1),
            Trouble::Split => self.isolate(server, 0..SERVERS),
            Trouble::FullDisk => {
                self.wishes.disks_fail = true;
                self.world.fill(anybody, true);
            }
            Trouble::LostDisk => {
                self.crash(FRAGILE);
                self.world.wipe(FRAGILE);
                self.flipped = None;
            }
            Trouble::FlippedBit => self.flip_bit(),
            Trouble::ClockJump => self.jump(anybody),
            Trouble::HolderDies => {
                if let Some(holder) = self.holder {
                    self.crash(holder);
                }
            }
        }
    }

    /// A node ends while its disk is at work, if that is soon: then what was ordered and not
    /// answered is there afterwards, or is not.
    fn crash_at_work(&mut self, node: usize) {
        for _ in 0..AT_WORK_STEPS {
            if self.world.is_writing(node) {
                break;
            }
            self.go_to(self.world.now() + AT_WORK_STEP_US);
        }
        self.crash(node);
    }

    fn isolate(&mut self, node: usize, others: std::ops::Range<usize>) {
        let others = others.filter(|other| *other != node);
        self.world.cuts.isolate(node, others);
    }

    fn flip_bit(&mut self) {
        self.crash(FRAGILE);
        let mut tables = AGREEMENT.to_vec();
        if self.rng.random_bool(0.3) {
            tables = vec![Table::Shares];
        }
        if self
            .world
            .flip(FRAGILE, &tables)
            .is_some_and(|table| table != Table::Shares)
        {
            self.flipped = Some(FRAGILE);
        }
    }

    /// A node is started anew with another time.
    fn jump(&mut self, node: usize) {
        let skew = self.plan.swarm.skew_ms;
        let ahead = self.rng.random_range(-skew..=skew);
        self.set_clock(node, ahead);
        self.crash(node);
        self.start(node);
    }

    /// Whatever has begun to go wrong is over. A server that is out of the agreement is brought
    /// back sometimes.
    pub(super) fn mend(&mut self) {
        self.world.cuts.mend();
        for node in 0..=BOB {
            self.world.fill(node, false);
            self.world.slow(node, 1, true);
            self.world.resume(node);
            if self.world.is_quarantined(node) && self.rng.random_bool(0.5) {
                self.bring_back(node);
            }
            if !self.world.is_up(node) {
                self.start(node);
                if self.flipped == Some(node) && !self.world.is_quarantined(node) {
                    self.violated(
                        "a damaged disk is found out",
                        format!("server {}", node + 1),
                    );
                }
            }
        }
        self.note_reach();
    }

    /// An operator empties the tables of the agreement of a server that is out of it.
    pub(super) fn bring_back(&mut self, server: usize) {
        let others = (0..SERVERS).filter(|other| *other != server);
        if others.into_iter().all(|other| self.world.is_awake(other)) {
            self.tally.fault("brought back");
            self.crash(server);
            self.world.empty(server, &AGREEMENT);
            self.flipped = None;
            self.start(server);
        }
    }
}
