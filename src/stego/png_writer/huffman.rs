//! Prefix codes for literals: fitted to how often each byte occurs, no length above the limit,
//! and the head of a deflate block that tells them (RFC 1951, 3.2.2 and 3.2.7).

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
pub(super) struct LiteralCode {
    codes: Vec<Bits>,
    /// For two bytes (first in the low half of the index) their codes and, in the lowest six
    /// bits, the length of both.
    pairs: Box<[u32]>,
    head: Vec<Bits>,
}

/// Up to 32 bits, first bit lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) value: u32,
    pub(super) count: u32,
}

impl LiteralCode {
    /// The best code for bytes that occur as often as `counts` says. Every byte gets one, also
    /// those that were never seen.
    pub(super) fn fitted_to(counts: &[u64; 256]) -> Self {
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

/// Code lengths of least total cost with none above `longest`: package-merge (Larmore and
/// Hirschberg 1990). Every symbol gets a code; there are at least two and at most `2^longest`.
fn limited_lengths(weights: &[u64], longest: usize) -> Vec<u8> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&symbol| weights[symbol]);
    // One list a bit, each of single symbols and of pairs from the list before, by weight. Which
    // symbol a single one is follows from how many come before it.
    let mut lists: Vec<Vec<bool>> = Vec::with_capacity(longest);
    let mut packages: Vec<u64> = Vec::new();
    for _ in 0..longest {
        let mut merged = Vec::with_capacity(order.len() + packages.len());
        let mut is_single = Vec::with_capacity(order.len() + packages.len());
        let mut singles = order.iter().map(|&symbol| weights[symbol]).peekable();
        let mut pairs = packages.iter().copied().peekable();
        loop {
            let take_single = match (singles.peek(), pairs.peek()) {
                (None, None) => break,
                (single, None) => single.is_some(),
                (None, Some(_)) => false,
                (Some(single), Some(pair)) => single <= pair,
            };
            let next = if take_single {
                singles.next()
            } else {
                pairs.next()
            };
            merged.extend(next);
            is_single.push(take_single);
        }
        packages = merged.chunks_exact(2).map(|two| two[0] + two[1]).collect();
        lists.push(is_single);
    }
    let mut lengths = vec![0; weights.len()];
    let mut taken = 2 * weights.len() - 2;
    for list in lists.iter().rev() {
        let singles = list[..taken].iter().filter(|&&single| single).count();
        for &symbol in &order[..singles] {
            lengths[symbol] += 1;
        }
        taken = 2 * (taken - singles);
    }
    lengths
}

/// The codes that follow from their lengths, each length's first twice what comes after the last
/// of the length before (RFC 1951, 3.2.2), first bit lowest.
fn canonical(lengths: &[u8]) -> Vec<Bits> {
    let mut next = [0_u32; 17];
    for &length in lengths.iter().filter(|&&length| length > 0) {
        next[usize::from(length) + 1] += 2;
    }
    for length in 1..next.len() {
        next[length] += 2 * next[length - 1];
    }
    let code = |&length: &u8| {
        let count = u32::from(length);
        let at = &mut next[usize::from(length)];
        let value = if count == 0 {
            0
        } else {
            at.reverse_bits() >> (32 - count)
        };
        *at += 1;
        Bits { value, count }
    };
    lengths.iter().map(code).collect()
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
    use proptest::prelude::*;

    use super::*;

    fn kraft(lengths: &[u8], longest: u32) -> u64 {
        let share = |&length: &u8| 1_u64 << (longest - u32::from(length));
        lengths.iter().map(share).sum()
    }

    /// Least total cost of a code without a limit (Huffman 1952), for comparison.
    fn huffman_cost(weights: &[u64]) -> u64 {
        let mut left = weights.to_vec();
        let mut cost = 0;
        while left.len() > 1 {
            left.sort_unstable_by(|one, other| other.cmp(one));
            let joined = left.pop().unwrap() + left.pop().unwrap();
            cost += joined;
            left.push(joined);
        }
        cost
    }

    proptest! {
        #[test]
        fn lengths_make_a_whole_code_within_the_limit(
            weights in proptest::collection::vec(1_u64..1_000_000, 2..258),
        ) {
            let lengths = limited_lengths(&weights, LONGEST_CODE);
            prop_assert!(lengths.iter().all(|&l| (1..=LONGEST_CODE).contains(&usize::from(l))));
            prop_assert_eq!(kraft(&lengths, LONGEST_CODE as u32), 1 << LONGEST_CODE);
        }

        #[test]
        fn lengths_cost_the_least_where_the_limit_does_not_bind(
            weights in proptest::collection::vec(900_u64..1_100, 2..258),
        ) {
            let lengths = limited_lengths(&weights, LONGEST_CODE);
            let cost: u64 = weights.iter().zip(&lengths).map(|(w, &l)| w * u64::from(l)).sum();
            prop_assert_eq!(cost, huffman_cost(&weights));
        }
    }

    #[test]
    fn the_limit_holds_where_it_binds() {
        let weights: Vec<u64> = (0..60).map(|i| 1 << i).collect();
        let lengths = limited_lengths(&weights, 7);
        assert_eq!(lengths.iter().max(), Some(&7));
        assert!(lengths.is_sorted_by(|rare, common| rare >= common));
        assert_eq!(kraft(&lengths, 7), 1 << 7);
        let full = limited_lengths(&[5; 128], 7);
        assert_eq!(full, [7; 128]);
    }

    #[test]
    fn codes_are_those_of_the_example_of_the_specification() {
        let codes = canonical(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let wanted = ["010", "011", "100", "101", "110", "00", "1110", "1111"];
        for (code, wanted) in codes.iter().zip(wanted) {
            let bits: String = (0..code.count)
                .map(|bit| if code.value >> bit & 1 == 1 { '1' } else { '0' })
                .collect();
            assert_eq!(bits, wanted);
        }
    }

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
