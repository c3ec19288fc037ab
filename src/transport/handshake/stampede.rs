//! What a flood sent lately, so that who asks a second time is told from those who never will.
//!
//! To answer a forged initiation costs more than to read it: the time that goes into cookies for
//! nobody is what the kernel then drops of those who mean it. In a stampede a cookie is for who
//! repeats an initiation, as everybody does who was not answered; a flood has to send everything
//! twice for as much. Remembers inexactly, in a fixed room: something new is taken for seen now
//! and then, never the other way round within [`SPAN`].

use std::net::SocketAddr;
use std::time::Duration;

use super::layout::Mac;
use super::load::Neighbourhood;
use crate::time::Moment;

/// For so long at least, and twice as long at most, something is remembered.
const SPAN: Duration = Duration::from_millis(500);
/// Bits of each half of the memory: a hundred thousand initiations leave one in twenty in doubt.
const BITS: u64 = 1 << 20;

/// What was seen within the last half second to second.
pub(super) struct Seen {
    young: Vec<u64>,
    old: Vec<u64>,
    turned: Moment,
}

impl Seen {
    /// Nothing was seen; takes no memory before the first stampede.
    pub(super) const fn new() -> Self {
        Self {
            young: Vec::new(),
            old: Vec::new(),
            turned: Moment::START,
        }
    }

    /// Notes an initiation by its code and where it came from; tells whether it was here before.
    pub(super) fn note(&mut self, now: Moment, from: SocketAddr, code: &Mac) -> bool {
        self.turn(now);
        let [a, b] = places(from, code);
        let is_set = |bits: &[u64], place: u64| {
            let word = bits.get((place / 64) as usize).copied().unwrap_or(0);
            word >> (place % 64) & 1 == 1
        };
        let is_in = |bits: &[u64]| is_set(bits, a) && is_set(bits, b);
        let was_seen = is_in(&self.young) || is_in(&self.old);
        for place in [a, b] {
            if let Some(word) = self.young.get_mut((place / 64) as usize) {
                *word |= 1 << (place % 64);
            }
        }
        was_seen
    }

    pub(super) const fn memory_bytes(&self) -> usize {
        (self.young.capacity() + self.old.capacity()) * size_of::<u64>()
    }

    fn turn(&mut self, now: Moment) {
        let age = now.since(self.turned);
        if age < SPAN && !self.young.is_empty() {
            return;
        }
        std::mem::swap(&mut self.young, &mut self.old);
        for bits in [&mut self.young, &mut self.old] {
            bits.resize((BITS / 64) as usize, 0);
        }
        self.young.fill(0);
        if age >= SPAN * 2 {
            self.old.fill(0);
        }
        self.turned = now;
    }
}

/// The bits of an initiation. Its code is as good as random; the address is mixed in, so that one
/// initiation that seems to come from everywhere is not taken for a repeat.
fn places(from: SocketAddr, code: &Mac) -> [u64; 2] {
    let [mut a, mut b] = [0, 8].map(|start| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&code[start..start + 8]);
        u64::from_le_bytes(bytes)
    });
    let mixed = Neighbourhood::of(from).mixed() ^ u64::from(from.port());
    a ^= mixed;
    b ^= mixed.rotate_left(32);
    // The odd factor spreads what differs in few bits over the upper ones.
    [a, b].map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS.trailing_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: u64) -> Mac {
        let mut code = Mac::default();
        let hash = blake3::hash(&number.to_le_bytes());
        code.copy_from_slice(&hash.as_bytes()[..16]);
        code
    }

    fn address(number: u32) -> SocketAddr {
        SocketAddr::from((number.to_be_bytes(), 9))
    }

    #[test]
    fn what_comes_again_within_half_a_second_was_seen() {
        let mut seen = Seen::new();
        assert_eq!(seen.memory_bytes(), 0);
        for number in 0..1_000 {
            let now = Moment::from_millis(number);
            seen.note(now, address(1), &code(number));
            for again in number.saturating_sub(500)..=number {
                assert!(
                    seen.note(now, address(1), &code(again)),
                    "{again} at {number}"
                );
            }
        }
        assert_eq!(seen.memory_bytes() as u64, 2 * BITS / 8);
    }

    #[test]
    fn little_of_what_is_new_is_taken_for_seen() {
        let mut seen = Seen::new();
        let taken = (0..100_000).filter(|number| {
            let now = Moment::from_micros(number * 5);
            seen.note(now, address(*number as u32), &code(*number))
        });
        assert!(taken.count() < 5_000);
    }

    #[test]
    fn one_initiation_from_everywhere_is_no_repeat() {
        let mut seen = Seen::new();
        let now = Moment::START;
        let taken = (0..10_000).filter(|number| seen.note(now, address(*number), &code(7)));
        assert!(taken.count() < 500);
    }

    #[test]
    fn after_a_second_all_is_forgotten() {
        let mut seen = Seen::new();
        assert!(!seen.note(Moment::START, address(1), &code(1)));
        assert!(!seen.note(Moment::from_millis(1_001), address(1), &code(1)));
    }
}
