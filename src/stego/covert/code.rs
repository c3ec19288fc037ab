//! Syndrome-trellis codes: which bits to flip so that parities spell a message, at least cost.
//!
//! After Filler, Judas and Fridrich, "Minimizing additive distortion in steganography using
//! syndrome-trellis codes" (IEEE TIFS 6(3), 2011). The parity-check matrix repeats one small
//! matrix, each time a row lower; a message bit has as many columns as there are bits to carry
//! it, so widths alternate between two neighbours. The cheapest flips are the shortest path
//! through a trellis whose states are the parities that are not settled yet (Viterbi).
//!
//! The message is cut into parts with codes of their own, so that the memory of the search
//! is bounded. The small matrix is drawn from a key: its columns are odd, distinct while that is
//! possible, and reach the last row.

use core::array::from_fn;
use core::ops::Range;

use chacha20::ChaCha20;
use chacha20::cipher::StreamCipher;

/// Rows of the small matrix, at least 4: the states are 2 to this power.
pub(super) const HEIGHT: u32 = 8;
/// Message bits of a part.
const PART_BITS: usize = 256;
/// A bit that must not be flipped; also a state that no path reaches.
pub(super) const NEVER: u16 = u16::MAX;
/// States worked on at a time: a register of the smallest machines.
const LANES: usize = 8;

/// The code for a message of `bits` bits over `length` carrying bits.
pub(super) struct Code {
    height: u32,
    bits: usize,
    length: usize,
    /// As many as the wider blocks have, one bit for each row, the first row lowest.
    columns: Vec<usize>,
}

/// No path: too much must not be flipped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoPath;

impl Code {
    /// A code whose small matrix is drawn from `key`; `length` is at least `bits`.
    pub(super) fn new(height: u32, bits: usize, length: usize, key: &mut ChaCha20) -> Self {
        let widest = length.div_ceil(bits.max(1));
        // Odd columns that reach the last row: the first and the last bit are given.
        let kinds = 1_usize << (height - 2);
        let mut columns: Vec<usize> = Vec::with_capacity(widest);
        while columns.len() < widest {
            let mut drawn = [0; 4];
            key.apply_keystream(&mut drawn);
            let middle = u32::from_le_bytes(drawn) as usize % kinds;
            let column = 1 | middle << 1 | 1 << (height - 1);
            let turn = columns.len() / kinds * kinds;
            if !columns[turn..].contains(&column) {
                columns.push(column);
            }
        }
        Self {
            height,
            bits,
            length,
            columns,
        }
    }

    /// The parts of the message, each with the carrying bits of its own.
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        (0..self.bits).step_by(PART_BITS).map(|first| Part {
            code: self,
            first,
            end: self.bits.min(first + PART_BITS),
        })
    }

    /// Where the carrying bits of a message bit begin.
    fn start(&self, bit: usize) -> usize {
        (bit as u128 * self.length as u128 / self.bits as u128) as usize
    }

    /// The message that carrying bits spell.
    pub(super) fn read(&self, carrying: &[bool]) -> Vec<bool> {
        self.parts().flat_map(|part| part.read(carrying)).collect()
    }

    /// The bits to flip so that `carrying` spells `message`, for the least sum of `costs`.
    ///
    /// # Errors
    /// [`NoPath`] if that needs a bit that costs [`NEVER`].
    pub(super) fn flips(
        &self,
        carrying: &[bool],
        costs: &[u16],
        message: &[bool],
    ) -> Result<Vec<bool>, NoPath> {
        let mut flips = vec![false; self.length];
        let mut trellis = Trellis::new(1 << self.height);
        for part in self.parts() {
            let is = part.read(carrying);
            let wanted = &message[part.first..part.end];
            let differ: Vec<bool> = is.iter().zip(wanted).map(|(a, b)| a != b).collect();
            trellis.walk(&part, costs, &differ, &mut flips)?;
        }
        Ok(flips)
    }
}

/// Neighbouring message bits.
struct Part<'a> {
    code: &'a Code,
    first: usize,
    end: usize,
}

impl Part<'_> {
    /// For each message bit: which carrying bits are its block, and the rows that are left.
    fn blocks(&self) -> impl DoubleEndedIterator<Item = (Range<usize>, usize)> + ExactSizeIterator {
        (self.first..self.end).map(|bit| {
            let rows = (self.end - bit).min(self.code.height as usize);
            let block = self.code.start(bit)..self.code.start(bit + 1);
            (block, (1 << rows) - 1)
        })
    }

    fn read(&self, carrying: &[bool]) -> Vec<bool> {
        let mut state = 0;
        let mut message = Vec::with_capacity(self.end - self.first);
        for (block, rows) in self.blocks() {
            for (bit, column) in carrying[block].iter().zip(&self.code.columns) {
                state ^= if *bit { column & rows } else { 0 };
            }
            message.push(state & 1 == 1);
            state >>= 1;
        }
        message
    }
}

/// The memory of the search, used for part after part: the least cost of each state, before the
/// first carrying bit, after each, and between blocks. Which flips led there follows from them.
struct Trellis {
    states: usize,
    costs: Vec<u16>,
}

impl Trellis {
    fn new(states: usize) -> Self {
        let costs = Vec::new();
        Self { states, costs }
    }

    /// Marks the cheapest flips that change the message where it differs.
    fn walk(
        &mut self,
        part: &Part<'_>,
        costs: &[u16],
        differ: &[bool],
        flips: &mut [bool],
    ) -> Result<(), NoPath> {
        let carrying = part.code.start(part.end) - part.code.start(part.first);
        self.costs
            .resize((carrying + differ.len() + 1) * self.states, 0);
        self.costs[..self.states].fill(NEVER);
        self.costs[0] = 0;
        let mut layer = 0;
        for ((block, rows), &odd) in part.blocks().zip(differ) {
            for (&cost, column) in costs[block].iter().zip(&part.code.columns) {
                let (before, after) = self.pair(layer);
                step(before, after, column & rows, cost);
                layer += 1;
            }
            let (before, after) = self.pair(layer);
            settle(before, after, odd)?;
            layer += 1;
        }
        if self.costs[layer * self.states] == NEVER {
            return Err(NoPath);
        }
        let mut state = 0;
        for ((block, rows), &odd) in part.blocks().zip(differ).rev() {
            state = (state << 1) | usize::from(odd);
            layer -= 1;
            for (place, bit) in block.enumerate().rev() {
                let (before, after) = self.pair(layer - 1);
                if after[state] != before[state] {
                    flips[bit] = true;
                    state ^= part.code.columns[place] & rows;
                }
                layer -= 1;
            }
        }
        Ok(())
    }

    /// A layer and the one after it.
    fn pair(&mut self, layer: usize) -> (&[u16], &mut [u16]) {
        let two = &mut self.costs[layer * self.states..][..2 * self.states];
        let (before, after) = two.split_at_mut(self.states);
        (before, after)
    }
}

/// Keeps the states whose first parity is as it must be; costs begin at zero again, so that they
/// never grow out of their range.
fn settle(before: &[u16], after: &mut [u16], odd: bool) -> Result<(), NoPath> {
    let (pairs, _) = before.as_chunks::<2>();
    let kept = pairs.iter().map(|pair| pair[usize::from(odd)]);
    let least = kept.clone().fold(NEVER, u16::min);
    if least == NEVER {
        return Err(NoPath);
    }
    let (low, high) = after.split_at_mut(pairs.len());
    for (after, cost) in low.iter_mut().zip(kept) {
        *after = if cost == NEVER { NEVER } else { cost - least };
    }
    high.fill(NEVER);
    Ok(())
}

/// One carrying bit: each state is reached as it was, or from the state that differs by the
/// column, with a flip. The column's lowest bits permute lanes, and are known when this is
/// compiled.
fn step(before: &[u16], after: &mut [u16], column: usize, cost: u16) {
    match column % LANES {
        1 => step_by::<1>(before, after, column, cost),
        3 => step_by::<3>(before, after, column, cost),
        5 => step_by::<5>(before, after, column, cost),
        // All columns are odd.
        _ => step_by::<7>(before, after, column, cost),
    }
}

fn step_by<const LOW: usize>(before: &[u16], after: &mut [u16], column: usize, cost: u16) {
    let (before, _) = before.as_chunks::<LANES>();
    let (after, _) = after.as_chunks_mut::<LANES>();
    let high = column / LANES;
    for (group, after) in after.iter_mut().enumerate() {
        let (stay, other) = (before[group], before[group ^ high]);
        let flip: [u16; LANES] = from_fn(|lane| other[lane ^ LOW].saturating_add(cost));
        *after = from_fn(|lane| stay[lane].min(flip[lane]));
    }
}

#[cfg(test)]
mod tests;
