//! Prefix codes for literals: fitted to how often each byte occurs, no length above the limit,
//! and the head of a deflate block that tells them (RFC 1951, 3.2.2 and 3.2.7).

use super::prefix_code::{Bits, canonical, limited_lengths};

/// Longest code in bits. Two codes and their length then fit a word of 32 bits; deflate would
/// allow 15, which saves next to nothing because a byte that rare is hardly ever written.
pub(super) const LONGEST_CODE: usize = 13;
/// Longest code of a code length (RFC 1951, 3.2.7).
const LONGEST_META_CODE: usize = 7;
/// Literals and the end of the block.
const SYMBOLS: usize = 257;
/// The symbol that ends a block.
const END_OF_BLOCK: usize = 256;
/// The order in which the lengths of the meta code are told (RFC 1951, 3.2.7).
const META_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// Bits of a pair's entry that hold its length: as many as a shift looks at in a word of 64 bits.
const PAIR_LENGTH_BITS: u32 = 6;

/// A code for every byte, ready to be written two bytes at a time.
pub(in super::super) struct LiteralCode {
    codes: Vec<Bits>,
    /// For two bytes (first in the low half of the index) their codes and, in the lowest six
    /// bits, the length of both.
    pairs: Box<[u32]>,
    head: Vec<Bits>,
}

impl LiteralCode {
    /// The best code for bytes that occur as often as `counts` says. Every byte gets one, also
    /// those that were never seen.
    pub(in super::super) fn fitted_to(counts: &[u64; 256]) -> Self {
        let mut weights = [1; SYMBOLS];
        for (weight, &count) in weights.iter_mut().zip(counts) {
            *weight = count.max(1);
        }
        let mut lengths = [0; SYMBOLS];
        lengths.copy_from_slice(&limited_lengths(&weights, LONGEST_CODE));
        let codes = canonical(&lengths);
        Self {
            pairs: pairs(&codes),
            head: block_head(&lengths),
            codes,
        }
    }

    /// Memory the tables take.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.pairs) + size_of_val(&self.codes[..]) + size_of_val(&self.head[..])
    }

    /// The code of a byte.
    pub(super) fn single(&self, byte: u8) -> Bits {
        self.codes[usize::from(byte)]
    }

    /// Bits that a byte takes.
    pub(super) fn length(&self, byte: u8) -> u32 {
        self.single(byte).count
    }

    /// What a block of this code begins with: its kind (not the last one) and the lengths.
    pub(super) fn head(&self) -> &[Bits] {
        &self.head
    }

    /// What ends a block.
    pub(super) fn end_of_block(&self) -> Bits {
        self.codes[END_OF_BLOCK]
    }

    /// Codes of all pairs.
    pub(super) fn pairs(&self) -> Pairs<'_> {
        let entries = self.pairs.first_chunk();
        Pairs(entries.expect("a table of pairs has an entry for each"))
    }
}

/// Codes of all pairs of bytes.
#[derive(Clone, Copy)]
pub(super) struct Pairs<'a>(&'a [u32; 1 << 16]);

impl Pairs<'_> {
    /// The codes of the two bytes that begin at bit `at` of `bytes`, and of the next two: their
    /// bits and how many, at most 52.
    #[inline(always)]
    pub(super) fn four(self, bytes: u64, at: u32) -> (u64, u32) {
        let one = self.0[usize::from((bytes >> at) as u16)];
        let two = self.0[usize::from((bytes >> (at + 16)) as u16)];
        let bits = |entry: u32| u64::from(entry >> PAIR_LENGTH_BITS);
        // A shift looks at the length only, so nothing has to be masked before.
        let both = bits(one) | bits(two).wrapping_shl(one);
        (both, one.wrapping_add(two) & ((1 << PAIR_LENGTH_BITS) - 1))
    }
}

fn pairs(codes: &[Bits]) -> Box<[u32]> {
    let literals = &codes[..END_OF_BLOCK];
    let join = |first: &Bits, second: &Bits| {
        let value = first.value | second.value << first.count;
        value << PAIR_LENGTH_BITS | (first.count + second.count)
    };
    let entries = literals
        .iter()
        .flat_map(|second| literals.iter().map(move |first| join(first, second)));
    entries.collect()
}

/// A step of telling code lengths: a symbol of the meta code and its extra bits.
struct Told {
    symbol: u8,
    extra: Bits,
}

/// Lengths as told: a run of at least four equal ones is one and repetitions of three to six.
fn told(lengths: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    for run in lengths.chunk_by(|one, other| one == other) {
        let nothing = Bits { value: 0, count: 0 };
        let mut left = run.len();
        while left > 0 {
            let repeat = if left < run.len() { left.min(6) } else { 0 };
            if repeat >= 3 {
                let extra = Bits {
                    value: repeat as u32 - 3,
                    count: 2,
                };
                told.push(Told { symbol: 16, extra });
                left -= repeat;
            } else {
                told.push(Told {
                    symbol: run[0],
                    extra: nothing,
                });
                left -= 1;
            }
        }
    }
    told
}

/// Head of a dynamic block that is not the last. Two distance codes are told although none is
/// ever used: some decoders want a whole code there.
fn block_head(lengths: &[u8; SYMBOLS]) -> Vec<Bits> {
    let distances = [1, 1];
    let told = told(&[&lengths[..], &distances].concat());
    let mut weights = [0_u64; 19];
    for step in &told {
        weights[usize::from(step.symbol)] += 1;
    }
    let used: Vec<usize> = (0..19).filter(|&symbol| weights[symbol] > 0).collect();
    let used_weights: Vec<u64> = used.iter().map(|&symbol| weights[symbol]).collect();
    let mut meta_lengths = [0; 19];
    for (&symbol, length) in used
        .iter()
        .zip(limited_lengths(&used_weights, LONGEST_META_CODE))
    {
        meta_lengths[symbol] = length;
    }
    let meta = canonical(&meta_lengths);
    let last = META_ORDER
        .iter()
        .rposition(|&symbol| meta_lengths[symbol] > 0);
    let told_meta = (last.unwrap_or(0) + 1).max(4);

    let field = |value: usize, count| Bits {
        value: value as u32,
        count,
    };
    let mut head = vec![
        field(0b100, 3),
        field(SYMBOLS - 257, 5),
        field(distances.len() - 1, 5),
        field(told_meta - 4, 4),
    ];
    let in_order = META_ORDER[..told_meta].iter();
    head.extend(in_order.map(|&symbol| field(usize::from(meta_lengths[symbol]), 3)));
    for step in told {
        head.push(meta[usize::from(step.symbol)]);
        head.push(step.extra);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_lengths_are_told_as_repetitions() {
        for run in 1..40 {
            let lengths = [vec![5; run], vec![6], vec![7; run]].concat();
            let mut back = Vec::new();
            for step in told(&lengths) {
                if step.symbol == 16 {
                    let last = *back.last().unwrap();
                    back.extend(vec![last; step.extra.value as usize + 3]);
                } else {
                    back.push(step.symbol);
                }
            }
            assert_eq!(back, lengths);
        }
    }
}
