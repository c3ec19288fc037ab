//! The simulated disk of a node: what was answered survives a crash, what was not does not.
//!
//! What the model assumes of a real one. Rows are written in one transaction (redb commits with
//! two barriers: all of a batch is there or none), and files take the place of older ones by a
//! rename, so nothing tears within an order; a batch that was not answered may be there as a whole
//! after a crash, those behind it are not. A full or failing disk answers so and changes nothing.
//! Bits may flip in what is stored. Nothing that was answered goes back to an older state as a
//! whole: who replaces a disk by an old copy is not found out by servers, see ARCHITECTURE.md.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};

use crate::actors::edges::{DiskAnswer, DiskFault, DiskOrder, PictureFile, Table, Ticket};
use crate::node::disk_name;
use crate::node::machines::Tables;

/// Longest time that a stalled order takes besides, in microseconds.
const STALL_US: u64 = 2_000_000;

/// What is durable.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    files: BTreeMap<PictureFile, Bytes>,
}

impl Disk {
    /// All rows of all tables, by key.
    #[must_use]
    pub fn tables(&self) -> Tables {
        let mut tables = Tables::new();
        for ((table, key), value) in &self.rows {
            tables
                .entry(*table)
                .or_default()
                .push((key.clone(), value.clone()));
        }
        tables
    }

    /// Gives a disk that has none its name, as a server does when it first uses it.
    pub fn name(&mut self, seed: &[u8; 32]) {
        let record = disk_name::record(seed);
        self.rows
            .entry((record.table, record.key))
            .or_insert_with(|| record.value.unwrap_or_default());
    }

    /// The keys of a table.
    pub fn keys(&self, table: Table) -> impl Iterator<Item = &[u8]> {
        let range = (table, Vec::new())..;
        let rows = self.rows.range(range);
        rows.take_while(move |((of, _), _)| *of == table)
            .map(|((_, key), _)| key.as_slice())
    }

    /// Whether a row is there.
    #[must_use]
    pub fn has(&self, table: Table, key: &[u8]) -> bool {
        self.rows.contains_key(&(table, key.to_vec()))
    }

    /// Empties these tables, as an operator does; all of them for a new disk.
    pub fn empty(&mut self, tables: &[Table]) {
        self.rows.retain(|(table, _), _| !tables.contains(table));
    }

    /// Turns one bit of one row of these tables; which table, if they have a row.
    pub fn flip(&mut self, rng: &mut ChaCha20Rng, tables: &[Table]) -> Option<Table> {
        let rows = self.rows.iter_mut();
        let mut rows: Vec<_> = rows
            .filter(|((table, _), value)| tables.contains(table) && !value.is_empty())
            .collect();
        if rows.is_empty() {
            return None;
        }
        let chosen = rng.random_range(0..rows.len());
        let ((table, _), value) = &mut rows[chosen];
        let mut bytes = value.to_vec();
        let place = rng.random_range(0..bytes.len());
        bytes[place] ^= 1 << rng.random_range(0..8);
        **value = bytes.into();
        Some(*table)
    }

    /// Carries out an order; its effect is durable from here on.
    pub fn carry_out(&mut self, order: DiskOrder) -> DiskAnswer {
        match order {
            DiskOrder::Write(records) => {
                for record in records {
                    let key = (record.table, record.key);
                    match record.value {
                        Some(value) => self.rows.insert(key, value),
                        None => self.rows.remove(&key),
                    };
                }
                DiskAnswer::Written
            }
            DiskOrder::Keep(file, bytes) => {
                self.files.insert(file, bytes);
                DiskAnswer::Written
            }
            DiskOrder::Read(file) => self
                .files
                .get(&file)
                .map_or(DiskAnswer::Failed(DiskFault::Missing), |bytes| {
                    DiskAnswer::Read(bytes.clone())
                }),
            DiskOrder::Delete(file) => {
                self.files.remove(&file);
                DiskAnswer::Written
            }
        }
    }
}

/// How disks behave.
#[derive(Clone, Debug)]
pub struct Manner {
    /// What an order takes, in microseconds.
    pub pace_us: Range<u64>,
    /// Share of orders that take up to two seconds more.
    pub stalls: f64,
    /// Share of orders that fail.
    pub fails: f64,
    /// Share of answers that are lost inside the node.
    pub mute: f64,
}

impl Manner {
    /// A good disk.
    pub const GOOD: Self = Self {
        pace_us: 1_000..6_000,
        stalls: 0.0,
        fails: 0.0,
        mute: 0.0,
    };

    /// Draws disks that are bad in some ways and not in others.
    pub fn draw(rng: &mut ChaCha20Rng) -> Self {
        let slowest_us = rng.random_range(2..12) * 1_000;
        Self {
            pace_us: 500..slowest_us,
            stalls: some(rng, 0.5, 0.02),
            fails: some(rng, 0.3, 0.01),
            mute: some(rng, 0.2, 0.005),
        }
    }

    /// The same of a host that is so many times slower.
    #[must_use]
    pub fn slowed(&self, times: u32) -> Self {
        let times = u64::from(times);
        Self {
            pace_us: self.pace_us.start * times..self.pace_us.end * times,
            ..self.clone()
        }
    }
}

/// A share up to `most` in so many runs, none in the others.
pub fn some(rng: &mut ChaCha20Rng, runs: f64, most: f64) -> f64 {
    if rng.random_bool(runs) {
        rng.random_range(0.0..most)
    } else {
        0.0
    }
}

/// What became of orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskCounts {
    /// Carried out.
    pub written: u64,
    /// Took up to two seconds more.
    pub stalled: u64,
    /// Failed at chance.
    pub failed: u64,
    /// Failed because the disk was full.
    pub full: u64,
    /// Answers lost.
    pub mute: u64,
    /// Lost in a crash before they were carried out.
    pub lost: u64,
    /// Carried out and not answered, because of a crash.
    pub unanswered: u64,
}

impl DiskCounts {
    /// Adds another disk's.
    pub const fn add(&mut self, other: &Self) {
        self.written += other.written;
        self.stalled += other.stalled;
        self.failed += other.failed;
        self.full += other.full;
        self.mute += other.mute;
        self.lost += other.lost;
        self.unanswered += other.unanswered;
    }
}

/// A disk that takes time: one order after the other.
#[derive(Debug, Default)]
pub struct Drive {
    /// What is durable.
    pub disk: Disk,
    /// Whether there is no room: orders that add fail.
    pub full: bool,
    /// What became of orders.
    pub counts: DiskCounts,
    queue: VecDeque<(Ticket, DiskOrder)>,
    free_at_us: u64,
}

impl Drive {
    /// Whether something was ordered and is not done.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes an order; when it is due.
    pub fn order(
        &mut self,
        now_us: u64,
        manner: &Manner,
        rng: &mut ChaCha20Rng,
        (ticket, order): (Ticket, DiskOrder),
    ) -> u64 {
        let mut took = rng.random_range(manner.pace_us.clone());
        if manner.stalls > 0.0 && rng.random_bool(manner.stalls) {
            self.counts.stalled += 1;
            took += rng.random_range(0..STALL_US);
        }
        self.queue.push_back((ticket, order));
        self.free_at_us = self.free_at_us.max(now_us) + took;
        self.free_at_us
    }

    /// The oldest order is due; the answer, unless it is lost.
    pub fn due(&mut self, manner: &Manner, rng: &mut ChaCha20Rng) -> Option<(Ticket, DiskAnswer)> {
        let (ticket, order) = self.queue.pop_front()?;
        let fails = manner.fails > 0.0 && rng.random_bool(manner.fails);
        let answer = if fails || self.full && adds(&order) {
            self.counts.failed += u64::from(fails);
            self.counts.full += u64::from(!fails);
            no_space()
        } else {
            self.counts.written += 1;
            self.disk.carry_out(order)
        };
        if manner.mute > 0.0 && rng.random_bool(manner.mute) {
            self.counts.mute += 1;
            return None;
        }
        Some((ticket, answer))
    }

    /// The node ends: of what was not answered, the first order may be carried out, the others are
    /// not.
    pub fn crash(&mut self, rng: &mut ChaCha20Rng) {
        let first = self.queue.pop_front();
        self.counts.lost += self.queue.len() as u64;
        self.queue.clear();
        self.free_at_us = 0;
        let Some((_, order)) = first else { return };
        if rng.random_bool(0.5) && !(self.full && adds(&order)) {
            self.disk.carry_out(order);
            self.counts.unanswered += 1;
        } else {
            self.counts.lost += 1;
        }
    }
}

/// What a full disk answers.
fn no_space() -> DiskAnswer {
    DiskAnswer::Failed(DiskFault::Io("no space left on device".into()))
}

/// Whether an order needs room.
fn adds(order: &DiskOrder) -> bool {
    match order {
        DiskOrder::Write(records) => records.iter().any(|record| record.value.is_some()),
        DiskOrder::Keep(..) => true,
        DiskOrder::Read(_) | DiskOrder::Delete(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::actors::edges::{Desk, Record, TicketBook};

    fn row(key: u8) -> DiskOrder {
        DiskOrder::Write(vec![Record {
            table: Table::RaftLog,
            key: vec![key],
            value: Some(vec![key; 8].into()),
        }])
    }

    #[test]
    fn a_crash_keeps_what_was_answered_and_nothing_behind_the_first_that_was_not() {
        let (mut seen_kept, mut seen_lost) = (false, false);
        for seed in 0..20 {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let mut book = TicketBook::new(Desk::Consensus);
            let mut drive = Drive::default();
            for key in 0..3 {
                drive.order(0, &Manner::GOOD, &mut rng, (book.draw(), row(key)));
            }
            assert!(drive.due(&Manner::GOOD, &mut rng).is_some());
            drive.crash(&mut rng);
            assert!(drive.disk.has(Table::RaftLog, &[0]));
            assert!(!drive.disk.has(Table::RaftLog, &[2]));
            let kept = drive.disk.has(Table::RaftLog, &[1]);
            seen_kept |= kept;
            seen_lost |= !kept;
        }
        assert!(seen_kept && seen_lost);
    }

    #[test]
    fn a_full_disk_takes_nothing_and_still_deletes() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut book = TicketBook::new(Desk::Consensus);
        let mut drive = Drive::default();
        drive.disk.carry_out(row(1));
        drive.full = true;
        drive.order(0, &Manner::GOOD, &mut rng, (book.draw(), row(2)));
        let (_, answer) = drive.due(&Manner::GOOD, &mut rng).expect("an answer");
        assert!(matches!(answer, DiskAnswer::Failed(_)));
        let delete = DiskOrder::Write(vec![Record {
            table: Table::RaftLog,
            key: vec![1],
            value: None,
        }]);
        drive.order(0, &Manner::GOOD, &mut rng, (book.draw(), delete));
        let (_, answer) = drive.due(&Manner::GOOD, &mut rng).expect("an answer");
        assert_eq!(answer, DiskAnswer::Written);
        assert_eq!(drive.disk.keys(Table::RaftLog).count(), 0);
    }

    #[test]
    fn a_flipped_bit_is_one_bit_of_the_tables_that_were_named() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut disk = Disk::default();
        disk.carry_out(row(1));
        let before = disk.clone();
        assert_eq!(disk.flip(&mut rng, &[Table::Shares]), None);
        assert_eq!(disk.flip(&mut rng, &[Table::RaftLog]), Some(Table::RaftLog));
        let bits = |disk: &Disk| {
            disk.rows
                .values()
                .flatten()
                .map(|b| b.count_ones())
                .sum::<u32>()
        };
        assert_eq!(bits(&disk).abs_diff(bits(&before)), 1);
    }
}
