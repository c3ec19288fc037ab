//! What left, by packet number: a ring that is found by index, not by search.
//!
//! It decides nothing about loss. It remembers every number from the oldest that may still be
//! acknowledged to the newest, hands a carried value out once, and keeps the record of a packet
//! declared lost for a while, so that a late acknowledgement proves reordering.
//!
//! Invariants: numbers are given out in order and never twice; a bit of `open` is set exactly
//! while its packet is in flight or remembered as lost; `oldest` never runs backwards.

use std::collections::VecDeque;

use super::Settled;
use super::delivery_rate::Snapshot;

/// The ring never holds more numbers than this; the oldest leave first (their carried values are
/// handed out as lost).
pub(super) const RING_MAX: usize = 32_768;

/// Room that an empty ring keeps.
const RING_IDLE: usize = 4_096;

/// Numbers remembered below the oldest one in flight, for the proof of reordering.
pub(super) const REMEMBERED_MAX: u64 = 16_384;

const WORD_BITS: u64 = u64::BITS as u64;

/// What became of a packet so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// On its way, counted as in flight.
    InFlight,
    /// Declared lost; its carried value is gone, its record stays for a while.
    Lost,
    /// Nothing is expected of it any more.
    Closed,
}

/// A packet that left.
#[derive(Debug)]
pub(super) struct Sent<T> {
    /// When it left, in microseconds.
    pub(super) at_us: u64,
    /// Its size on the wire.
    pub(super) bytes: u32,
    /// The datagram size that it probes; zero for any other packet.
    pub(super) probed_bytes: u32,
    /// Bytes in flight after it left, itself included.
    pub(super) in_flight: u32,
    /// The state of the delivery when it left.
    pub(super) snapshot: Snapshot,
    fate: Fate,
    carried: Option<T>,
}

impl<T> Sent<T> {
    /// A packet that is in flight from now on.
    pub(super) fn in_flight(at_us: u64, bytes: u32, snapshot: Snapshot, carried: T) -> Self {
        Self {
            at_us,
            bytes,
            probed_bytes: 0,
            in_flight: 0,
            snapshot,
            fate: Fate::InFlight,
            carried: Some(carried),
        }
    }

    /// A packet of which nothing is expected.
    pub(super) fn silent(at_us: u64, bytes: u32) -> Self {
        Self {
            at_us,
            bytes,
            probed_bytes: 0,
            in_flight: 0,
            snapshot: Snapshot::default(),
            fate: Fate::Closed,
            carried: None,
        }
    }
}

/// A packet taken out of the ring, with what it carried.
pub(super) struct Taken<T> {
    pub(super) number: u64,
    pub(super) at_us: u64,
    pub(super) bytes: u32,
    pub(super) probed_bytes: u32,
    pub(super) in_flight: u32,
    pub(super) snapshot: Snapshot,
    pub(super) carried: T,
}

impl<T> Taken<T> {
    /// As it is handed out.
    pub(super) fn settled(self) -> Settled<T> {
        Settled {
            number: self.number,
            bytes: self.bytes as usize,
            probed_bytes: (self.probed_bytes > 0).then_some(self.probed_bytes as usize),
            carried: self.carried,
        }
    }
}

/// What an acknowledgement of a number means.
pub(super) enum Acknowledged<T> {
    /// It was in flight.
    First(Taken<T>),
    /// It had been declared lost: when it left and its bytes.
    Late { at_us: u64, bytes: u32 },
    /// Nothing was expected of it.
    Nothing,
}

/// Every number that may still be acknowledged.
#[derive(Debug)]
pub(super) struct Ring<T> {
    first: u64,
    packets: VecDeque<Sent<T>>,
    /// Bitmap of the numbers in flight or remembered as lost; word 0 begins at number
    /// `64 * first_word`.
    open: VecDeque<u64>,
    first_word: u64,
    oldest: u64,
    outstanding: usize,
}

impl<T> Ring<T> {
    pub(super) fn new() -> Self {
        Self {
            first: 0,
            packets: VecDeque::new(),
            open: VecDeque::new(),
            first_word: 0,
            oldest: 0,
            outstanding: 0,
        }
    }

    /// The number that the next packet gets.
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    /// Packets in flight.
    pub(super) const fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Numbers held.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Adds a packet and gives its number.
    pub(super) fn push(&mut self, sent: Sent<T>) -> u64 {
        let number = self.next_number();
        if sent.fate == Fate::InFlight {
            self.outstanding += 1;
            self.set(number);
        } else if self.packets.is_empty() {
            self.first = number + 1;
            self.oldest = self.first;
            return number;
        }
        self.packets.push_back(sent);
        number
    }

    /// The 64 numbers from `low` on: bit i is set while `low + i` may still be acknowledged.
    pub(super) fn open_from(&self, low: u64) -> u64 {
        let (word, shift) = (low / WORD_BITS, low % WORD_BITS);
        let lower = self.word(word) >> shift;
        if shift == 0 {
            return lower;
        }
        lower | (self.word(word + 1) << (WORD_BITS - shift))
    }

    /// The lowest number that may still be acknowledged is not below this.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// The number was acknowledged.
    pub(super) fn acknowledge(&mut self, number: u64) -> Acknowledged<T> {
        let Some(packet) = self.packet_mut(number) else {
            return Acknowledged::Nothing;
        };
        match packet.fate {
            Fate::InFlight => match self.take(number, Fate::Closed) {
                Some(taken) => Acknowledged::First(taken),
                None => Acknowledged::Nothing,
            },
            Fate::Lost => {
                packet.fate = Fate::Closed;
                let (at_us, bytes) = (packet.at_us, packet.bytes);
                self.clear(number);
                Acknowledged::Late { at_us, bytes }
            }
            Fate::Closed => Acknowledged::Nothing,
        }
    }

    /// The oldest packet in flight: its number, when it left.
    pub(super) fn oldest(&mut self) -> Option<(u64, u64)> {
        if self.outstanding == 0 {
            self.oldest = self.next_number();
            return None;
        }
        loop {
            let index = usize::try_from(self.oldest.checked_sub(self.first)?).ok()?;
            let packet = self.packets.get(index)?;
            if packet.fate == Fate::InFlight {
                return Some((self.oldest, packet.at_us));
            }
            self.oldest += 1;
        }
    }

    /// Takes a packet in flight that is now held for lost. Its record stays.
    pub(super) fn lose(&mut self, number: u64) -> Option<Taken<T>> {
        self.take(number, Fate::Lost)
    }

    /// Takes the oldest packet in flight and expects nothing of it any more.
    pub(super) fn forget_oldest(&mut self) -> Option<Taken<T>> {
        let (number, _) = self.oldest()?;
        let taken = self.take(number, Fate::Closed);
        self.clear(number);
        taken
    }

    /// Drops what stands at the front and is no longer needed: closed numbers, and records of
    /// lost packets that left before `keep_from_us`.
    pub(super) fn trim(&mut self, keep_from_us: u64) {
        while let Some(front) = self.packets.front() {
            let needed = match front.fate {
                Fate::InFlight => true,
                Fate::Lost => {
                    front.at_us >= keep_from_us && self.oldest - self.first < REMEMBERED_MAX
                }
                Fate::Closed => false,
            };
            if needed {
                break;
            }
            if front.fate == Fate::Lost {
                let number = self.first;
                self.clear(number);
            }
            self.packets.pop_front();
            self.first += 1;
        }
        self.oldest = self.oldest.max(self.first);
        if self.packets.is_empty() && self.packets.capacity() > RING_IDLE {
            self.packets.shrink_to(RING_IDLE);
        }
        while self.first_word < self.first / WORD_BITS && self.open.pop_front().is_some() {
            self.first_word += 1;
        }
    }

    fn take(&mut self, number: u64, fate: Fate) -> Option<Taken<T>> {
        let packet = self.packet_mut(number)?;
        let carried = packet.carried.take()?;
        packet.fate = fate;
        let taken = Taken {
            number,
            at_us: packet.at_us,
            bytes: packet.bytes,
            probed_bytes: packet.probed_bytes,
            in_flight: packet.in_flight,
            snapshot: packet.snapshot,
            carried,
        };
        self.outstanding -= 1;
        if fate == Fate::Closed {
            self.clear(number);
        }
        Some(taken)
    }

    fn packet_mut(&mut self, number: u64) -> Option<&mut Sent<T>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.packets.get_mut(index)
    }

    fn word(&self, word: u64) -> u64 {
        word.checked_sub(self.first_word)
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.open.get(index))
            .copied()
            .unwrap_or(0)
    }

    fn set(&mut self, number: u64) {
        let word = number / WORD_BITS;
        if self.open.is_empty() {
            self.first_word = word;
        }
        while self.first_word + (self.open.len() as u64) <= word {
            self.open.push_back(0);
        }
        let index = (word - self.first_word) as usize;
        self.open[index] |= 1 << (number % WORD_BITS);
    }

    fn clear(&mut self, number: u64) {
        let Some(index) = (number / WORD_BITS).checked_sub(self.first_word) else {
            return;
        };
        if let Some(word) = self.open.get_mut(index as usize) {
            *word &= !(1 << (number % WORD_BITS));
        }
    }
}
