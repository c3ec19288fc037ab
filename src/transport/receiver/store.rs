//! Where the bytes of one message lie while it is incomplete.
//!
//! At first in the order in which they came, so that a single fragment far ahead costs what it is
//! and no more; once the message has proven to be worth it, at their final places in one buffer.

use crate::transport::message::Cut;
use crate::transport::pool::{Buffer, Pool};

/// A fragment in the order of arrival.
#[derive(Clone, Copy, Debug)]
struct Held {
    index: u32,
    start: usize,
    size: usize,
}

/// Fragments in the order in which they came.
#[derive(Debug, Default)]
struct Early {
    bytes: Vec<u8>,
    held: Vec<Held>,
    /// Whether they came in the order of the message, without a gap.
    is_sorted: bool,
}

/// The bytes of one message.
#[derive(Debug)]
pub(super) struct Store(Kind);

#[derive(Debug)]
enum Kind {
    Early(Early),
    Placed(Buffer),
}

impl Early {
    /// How far `bytes` and `held` would grow in capacity: each doubles.
    fn growth(&self, size: usize) -> (usize, usize) {
        let (have, need) = (self.bytes.capacity(), self.bytes.len() + size);
        let bytes = if need > have {
            need.max(2 * have) - have
        } else {
            0
        };
        let held = if self.held.len() == self.held.capacity() {
            self.held.len().max(4)
        } else {
            0
        };
        (bytes, held)
    }

    fn push(&mut self, index: u32, data: &[u8]) {
        let (bytes, held) = self.growth(data.len());
        self.bytes.reserve_exact(if bytes == 0 {
            0
        } else {
            self.bytes.capacity() + bytes - self.bytes.len()
        });
        self.held.reserve_exact(held);
        self.is_sorted &= index as usize == self.held.len();
        self.held.push(Held {
            index,
            start: self.bytes.len(),
            size: data.len(),
        });
        self.bytes.extend_from_slice(data);
    }

    fn data(&self, held: Held) -> &[u8] {
        &self.bytes[held.start..held.start + held.size]
    }

    /// One more than the last byte of the message that is here.
    fn reach(&self, cut: &Cut) -> usize {
        let ends = self
            .held
            .iter()
            .map(|held| cut.offset(held.index) + held.size);
        ends.max().unwrap_or(0)
    }
}

impl Store {
    /// Holds nothing, with memory for so much.
    pub(super) fn new(reserved_bytes: usize) -> Self {
        Self(Kind::Early(Early {
            bytes: Vec::with_capacity(reserved_bytes),
            is_sorted: true,
            ..Early::default()
        }))
    }

    /// Bytes of memory that its message is charged.
    pub(super) fn memory_bytes(&self) -> usize {
        match &self.0 {
            Kind::Early(early) => {
                early.bytes.capacity() + early.held.capacity() * size_of::<Held>()
            }
            Kind::Placed(buffer) => buffer.memory_bytes(),
        }
    }

    /// Bytes that one more fragment would be charged, at the most. The cut is not needed while
    /// only one fragment is here.
    pub(super) fn growth_bytes(&self, cut: Option<&Cut>, index: u32, size: usize) -> usize {
        match (&self.0, cut) {
            (Kind::Placed(buffer), Some(cut)) => {
                buffer.growth_bytes(cut.offset(index) + size, cut.total_bytes as usize)
            }
            (Kind::Early(early), _) => {
                let (bytes, held) = early.growth(size);
                bytes + held * size_of::<Held>()
            }
            (Kind::Placed(_), None) => 0,
        }
    }

    /// Takes one more fragment.
    pub(super) fn put(&mut self, cut: Option<&Cut>, index: u32, data: &[u8]) {
        match (&mut self.0, cut) {
            (Kind::Placed(buffer), Some(cut)) => {
                buffer.write(cut.offset(index), data, cut.total_bytes as usize);
            }
            (Kind::Early(early), _) => early.push(index, data),
            (Kind::Placed(_), None) => {}
        }
    }

    /// The only fragment, if there is only one: its index and size.
    pub(super) fn lone(&self) -> Option<(u32, usize)> {
        match &self.0 {
            Kind::Early(early) if early.held.len() == 1 => {
                early.held.first().map(|held| (held.index, held.size))
            }
            _ => None,
        }
    }

    /// Whether bytes are at their final places.
    pub(super) const fn is_placed(&self) -> bool {
        matches!(self.0, Kind::Placed(_))
    }

    /// The bytes from the beginning to `end`, all of which are here, if they lie in one piece.
    pub(super) fn until(&self, end: usize) -> Option<&[u8]> {
        match &self.0 {
            Kind::Early(early) if early.is_sorted => early.bytes.get(..end),
            Kind::Early(_) => None,
            Kind::Placed(buffer) => Some(buffer.until(end)),
        }
    }

    /// The first bytes, up to `count` of `solid` that are here.
    pub(super) fn first_bytes(&self, count: usize, solid: usize) -> Vec<u8> {
        let count = count.min(solid);
        if let Some(bytes) = self.until(count) {
            return bytes.to_vec();
        }
        let mut first = Vec::with_capacity(count);
        if let Kind::Early(early) = &self.0 {
            let find = |index| early.held.iter().find(|held| held.index == index);
            let parts = (0..).map_while(find).map(|held| early.data(*held));
            for part in parts {
                let size = part.len().min(count - first.len());
                first.extend_from_slice(&part[..size]);
                if first.len() == count {
                    break;
                }
            }
        }
        first
    }

    /// Bytes that [`Store::settle`] would be charged, at the most.
    pub(super) fn settling_bytes(&self, cut: &Cut) -> usize {
        match &self.0 {
            Kind::Early(early) if !early.is_sorted => {
                early.reach(cut).saturating_sub(self.memory_bytes())
            }
            _ => 0,
        }
    }

    /// Puts everything in its final place, in a used buffer if the pool has one that fits.
    pub(super) fn settle(&mut self, cut: &Cut, pool: &Pool) {
        let Kind::Early(early) = &mut self.0 else {
            return;
        };
        let total_bytes = cut.total_bytes as usize;
        let reused = pool.take(total_bytes);
        if early.is_sorted && reused.is_none() {
            let bytes = core::mem::take(&mut early.bytes);
            self.0 = Kind::Placed(pool.adopt(bytes));
            return;
        }
        let mut buffer = reused.unwrap_or_else(|| {
            let reach = early.reach(cut);
            pool.adopt(Vec::with_capacity(reach))
        });
        for held in &early.held {
            buffer.write(cut.offset(held.index), early.data(*held), total_bytes);
        }
        self.0 = Kind::Placed(buffer);
    }

    /// Writes at a place that no fragment begins at. Only once bytes are at their final places.
    pub(super) fn overwrite(&mut self, offset: usize, data: &[u8], total_bytes: usize) {
        if let Kind::Placed(buffer) = &mut self.0 {
            buffer.write(offset, data, total_bytes);
        }
    }

    /// Every fragment in the order of arrival; nothing once they are at their final places.
    pub(super) fn early(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let early = match &self.0 {
            Kind::Early(early) => Some(early),
            Kind::Placed(_) => None,
        };
        early.into_iter().flat_map(|early| {
            let all = early.held.iter();
            all.map(|held| (held.index, early.data(*held)))
        })
    }

    /// The whole message, from `start` on.
    pub(super) fn into_body(self, start: usize, total_bytes: usize) -> bytes::Bytes {
        match self.0 {
            Kind::Early(early) => bytes::Bytes::from(early.bytes).slice(start..total_bytes),
            Kind::Placed(mut buffer) => {
                buffer.finish();
                bytes::Bytes::from_owner(buffer).slice(start..total_bytes)
            }
        }
    }
}
