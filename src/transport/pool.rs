//! Buffers of large messages, used again: fresh memory of a large message costs more than all the
//! rest that the protocol does for it.
//!
//! Decides which buffers are kept, and for how long. Never clears one: whoever takes it writes
//! every byte before anybody reads it. A body that was handed on shares its buffer, which comes
//! back when the last reference is dropped, perhaps in another thread; therefore, and only here,
//! there is a lock. It is held for a few instructions, twice for each large message.
//!
//! Memory: [`Pool::idle_bytes`] is what lies unused, [`Pool::lent_bytes`] the capacity of buffers
//! that were taken from here for messages that are not finished. Both together never exceed
//! [`Config::max_bytes`]. A budget is charged what such a message has filled of its buffer, so all
//! memory of unfinished messages is at most the budget and the pool together.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::time::Moment;

/// Smaller buffers are not worth keeping.
const KEPT_MIN_BYTES: usize = 64 << 10;

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes that are idle or lent, at the most.
    pub max_bytes: usize,
    /// Idle buffers at the most.
    pub buffers_max: usize,
    /// An idle buffer is dropped after so long, in milliseconds.
    pub keep_ms: u64,
}

impl Config {
    /// For one endpoint.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            // One message of the largest size.
            max_bytes: 64 << 20,
            buffers_max: 64,
            // Longer than the pause between two pictures of a series.
            keep_ms: 5_000,
        }
    }
}

/// A buffer that nobody uses.
struct Idle {
    bytes: Vec<u8>,
    /// When it was first seen idle; none since it came back.
    since: Option<Moment>,
}

/// What all buffers can reach.
struct Shelf {
    config: Config,
    /// In the order in which they came back.
    idle: Vec<Idle>,
    idle_bytes: usize,
    lent_bytes: usize,
}

impl Shelf {
    /// Takes a buffer back. Returns what is not kept, to be dropped when the lock is open again:
    /// giving large memory back to the system takes its time.
    fn put(&mut self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let size = bytes.capacity();
        if size < KEPT_MIN_BYTES || size + self.lent_bytes > self.config.max_bytes {
            return vec![bytes];
        }
        self.idle_bytes += size;
        self.idle.push(Idle { bytes, since: None });
        let mut gone = Vec::new();
        while self.idle.len() > self.config.buffers_max
            || self.idle_bytes + self.lent_bytes > self.config.max_bytes
        {
            gone.push(self.take_at(0));
        }
        gone
    }

    fn take_at(&mut self, place: usize) -> Vec<u8> {
        let bytes = self.idle.remove(place).bytes;
        self.idle_bytes -= bytes.capacity();
        bytes
    }
}

fn open(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    // Nothing in here can panic half way, so what a panicking thread left is whole.
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Buffers that wait for their next message. Clones share them: the endpoints of one node do.
#[derive(Clone)]
pub struct Pool {
    shelf: Arc<Mutex<Shelf>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelf = open(&self.shelf);
        f.debug_struct("Pool")
            .field("idle", &shelf.idle.len())
            .field("idle_bytes", &shelf.idle_bytes)
            .field("lent_bytes", &shelf.lent_bytes)
            .finish()
    }
}

impl Pool {
    /// A pool without buffers.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            shelf: Arc::new(Mutex::new(Shelf {
                config,
                idle: Vec::new(),
                idle_bytes: 0,
                lent_bytes: 0,
            })),
        }
    }

    /// Bytes that lie unused.
    #[must_use]
    pub fn idle_bytes(&self) -> usize {
        open(&self.shelf).idle_bytes
    }

    /// Capacity of the buffers that were taken from here for messages that are not finished.
    #[must_use]
    pub fn lent_bytes(&self) -> usize {
        open(&self.shelf).lent_bytes
    }

    /// When [`Pool::on_deadline`] wants to be called; the start of the node if at once.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let shelf = open(&self.shelf);
        let keep = Duration::from_millis(shelf.config.keep_ms);
        let ends = shelf
            .idle
            .iter()
            .map(|idle| idle.since.map(|at| at.after(keep)));
        ends.map(|end| end.unwrap_or(Moment::START)).min()
    }

    /// Drops what has been idle for too long.
    pub fn on_deadline(&self, now: Moment) {
        let mut shelf = open(&self.shelf);
        let keep = Duration::from_millis(shelf.config.keep_ms);
        for idle in &mut shelf.idle {
            idle.since.get_or_insert(now);
        }
        let is_old = |idle: &mut Idle| idle.since.is_some_and(|at| at.after(keep) <= now);
        let old: Vec<Idle> = shelf.idle.extract_if(.., is_old).collect();
        shelf.idle_bytes -= old.iter().map(|idle| idle.bytes.capacity()).sum::<usize>();
        drop(shelf);
        drop(old);
    }

    /// An idle buffer for a message of this size, the smallest that holds it, if there is one that
    /// is not more than twice as large.
    pub(super) fn take(&self, size_bytes: usize) -> Option<Buffer> {
        let mut shelf = open(&self.shelf);
        let fitting = shelf.idle.iter().enumerate().filter(|(_, idle)| {
            (size_bytes..=size_bytes.saturating_mul(2)).contains(&idle.bytes.capacity())
        });
        let (place, _) = fitting.min_by_key(|(_, idle)| idle.bytes.capacity())?;
        let bytes = shelf.take_at(place);
        shelf.lent_bytes += bytes.capacity();
        drop(shelf);
        Some(Buffer {
            lent_bytes: bytes.capacity(),
            reached: 0,
            bytes,
            home: Arc::downgrade(&self.shelf),
        })
    }

    /// Makes a buffer of memory that came from elsewhere; it will come back here.
    pub(super) fn adopt(&self, bytes: Vec<u8>) -> Buffer {
        Buffer {
            reached: bytes.len(),
            lent_bytes: 0,
            bytes,
            home: Arc::downgrade(&self.shelf),
        }
    }
}

/// The memory of one message. Written at any place, read where it was written.
pub(super) struct Buffer {
    /// All of it is initialised, with this message or with what was here before.
    bytes: Vec<u8>,
    /// Capacity that the pool counts as lent.
    lent_bytes: usize,
    /// One more than the last byte that was written.
    reached: usize,
    home: Weak<Mutex<Shelf>>,
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("reached", &self.reached)
            .field("capacity", &self.bytes.capacity())
            .field("lent_bytes", &self.lent_bytes)
            .finish_non_exhaustive()
    }
}

impl Buffer {
    /// Bytes of memory that its message is charged.
    pub(super) const fn memory_bytes(&self) -> usize {
        if self.lent_bytes > 0 {
            self.reached
        } else {
            self.bytes.capacity()
        }
    }

    /// Bytes of memory that writing up to `end` would be charged in addition. The message will
    /// have `total_bytes`.
    pub(super) fn growth_bytes(&self, end: usize, total_bytes: usize) -> usize {
        if self.lent_bytes > 0 {
            return end.saturating_sub(self.reached);
        }
        let have = self.bytes.capacity();
        if end <= have {
            return 0;
        }
        // By half at least, so that it is copied a few times only; never beyond the message.
        end.max((have + have / 2).min(total_bytes)) - have
    }

    /// Writes `data` at `offset`.
    pub(super) fn write(&mut self, offset: usize, data: &[u8], total_bytes: usize) {
        let end = offset + data.len();
        self.reached = self.reached.max(end);
        if let Some(place) = self.bytes.get_mut(offset..end) {
            place.copy_from_slice(data);
            return;
        }
        if end > self.bytes.capacity() {
            let grown = self.bytes.capacity() + self.growth_bytes(end, total_bytes);
            self.bytes.reserve_exact(grown.max(end) - self.bytes.len());
        }
        // The part that is initialised is overwritten, the rest appended: nothing is cleared that
        // is about to be written.
        if self.bytes.len() < offset {
            self.bytes.resize(offset, 0);
        }
        let (inside, beyond) = data.split_at(self.bytes.len() - offset);
        self.bytes[offset..].copy_from_slice(inside);
        self.bytes.extend_from_slice(beyond);
    }

    /// The bytes from the beginning to `end`.
    pub(super) fn until(&self, end: usize) -> &[u8] {
        &self.bytes[..end]
    }

    /// The message is finished: the memory belongs to whoever received it, until it comes back.
    pub(super) fn finish(&mut self) {
        if self.lent_bytes > 0 {
            let lent_bytes = core::mem::take(&mut self.lent_bytes);
            if let Some(shelf) = self.home.upgrade() {
                open(&shelf).lent_bytes -= lent_bytes;
            }
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = core::mem::take(&mut self.bytes);
        if let Some(shelf) = self.home.upgrade() {
            let mut shelf = open(&shelf);
            shelf.lent_bytes -= self.lent_bytes;
            let gone = shelf.put(bytes);
            drop(shelf);
            drop(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const LARGE: usize = 1 << 20;

    fn pool(max_bytes: usize, buffers_max: usize) -> Pool {
        Pool::new(Config {
            max_bytes,
            buffers_max,
            ..Config::lan()
        })
    }

    #[test]
    fn a_body_brings_its_buffer_back_from_another_thread() {
        let pool = pool(2 * LARGE, 2);
        let mut buffer = pool.adopt(vec![7; LARGE]);
        buffer.finish();
        let body = Bytes::from_owner(buffer).slice(100..);
        let clone = body.clone();
        drop(body);
        assert_eq!(pool.idle_bytes(), 0, "still in use");
        std::thread::scope(|scope| {
            scope.spawn(move || drop(clone));
        });
        assert_eq!((pool.idle_bytes(), pool.lent_bytes()), (LARGE, 0));
        let again = pool.take(LARGE - 5).expect("it fits");
        assert_eq!((pool.idle_bytes(), pool.lent_bytes()), (0, LARGE));
        assert_eq!(again.memory_bytes(), 0, "nothing is written yet");
        drop(again);
        assert_eq!((pool.idle_bytes(), pool.lent_bytes()), (LARGE, 0));
    }

    #[test]
    fn only_a_buffer_that_fits_is_given() {
        let pool = pool(8 * LARGE, 8);
        for size in [LARGE, 3 * LARGE, 2 * LARGE] {
            drop(pool.adopt(vec![0; size]));
        }
        assert!(pool.take(3 * LARGE + 1).is_none(), "none is large enough");
        assert!(pool.take(LARGE / 2 - 1).is_none(), "all are much too large");
        let buffer = pool.take(LARGE + 1).expect("the one of two");
        assert_eq!(pool.lent_bytes(), 2 * LARGE);
        drop(buffer);
    }

    #[test]
    fn the_bounds_hold_and_the_newest_stay() {
        let pool = pool(3 * LARGE, 2);
        drop(pool.adopt(vec![0; KEPT_MIN_BYTES - 1]));
        assert_eq!(pool.idle_bytes(), 0, "too small to keep");
        for _ in 0..3 {
            drop(pool.adopt(vec![0; LARGE]));
        }
        assert_eq!(pool.idle_bytes(), 2 * LARGE, "two buffers");
        drop(pool.adopt(vec![0; 3 * LARGE]));
        assert_eq!(pool.idle_bytes(), 3 * LARGE, "three units of memory");
        drop(pool.adopt(vec![0; 3 * LARGE + 1]));
        assert_eq!(pool.idle_bytes(), 3 * LARGE, "what is too large goes");
        let lent = pool.take(3 * LARGE).expect("it fits");
        drop(pool.adopt(vec![0; LARGE]));
        assert_eq!(pool.idle_bytes(), 0, "what is lent counts");
        drop(lent);
        assert_eq!(pool.idle_bytes(), 3 * LARGE);
    }

    #[test]
    fn what_is_idle_for_long_is_dropped() {
        let pool = pool(4 * LARGE, 4);
        assert_eq!(pool.deadline(), None);
        drop(pool.adopt(vec![0; LARGE]));
        assert_eq!(pool.deadline(), Some(Moment::START), "to be looked at");
        pool.on_deadline(Moment::from_millis(10));
        drop(pool.adopt(vec![0; LARGE]));
        pool.on_deadline(Moment::from_millis(20));
        let keep_ms = Config::lan().keep_ms;
        assert_eq!(pool.deadline(), Some(Moment::from_millis(10 + keep_ms)));
        pool.on_deadline(Moment::from_millis(10 + keep_ms));
        assert_eq!(pool.idle_bytes(), LARGE);
        pool.on_deadline(Moment::from_millis(20 + keep_ms));
        assert_eq!((pool.idle_bytes(), pool.deadline()), (0, None));
    }

    #[test]
    fn what_is_written_is_read_and_growth_is_foretold() {
        let pool = pool(4 * LARGE, 4);
        drop(pool.adopt(vec![9; LARGE]));
        for mut buffer in [
            pool.adopt(Vec::new()),
            pool.adopt(vec![9; 100]),
            pool.take(LARGE).expect("it fits"),
        ] {
            let mut model = vec![9; LARGE];
            for (offset, size) in [
                (0, 10),
                (90, 20),
                (500, 50),
                (110, 390),
                (540, 30),
                (10, 80),
            ] {
                let data: Vec<u8> = (0..size).map(|n| (n * 7 + offset) as u8).collect();
                let promised = buffer.memory_bytes() + buffer.growth_bytes(offset + size, 600);
                buffer.write(offset, &data, 600);
                model[offset..offset + size].copy_from_slice(&data);
                assert_eq!(buffer.memory_bytes(), promised);
            }
            assert_eq!(buffer.until(570), &model[..570]);
            assert!(buffer.memory_bytes() <= 600);
        }
    }

    #[test]
    fn bodies_outlive_the_pool() {
        let pool = pool(4 * LARGE, 4);
        let body = Bytes::from_owner(pool.adopt(vec![3; LARGE]));
        drop(pool);
        assert_eq!(body[LARGE - 1], 3);
    }
}
