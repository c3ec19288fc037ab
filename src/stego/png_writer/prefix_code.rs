//! Prefix codes as deflate has them: lengths that cost the least within a limit, and the codes
//! that follow from lengths (RFC 1951, 3.2.2).

/// Up to 32 bits, first bit lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) value: u32,
    pub(super) count: u32,
}

/// Code lengths of least total cost with none above `longest`: package-merge (Larmore and
/// Hirschberg 1990). Every symbol gets a code; there are at least two and at most `2^longest`.
pub(super) fn limited_lengths(weights: &[u64], longest: usize) -> Vec<u8> {
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
pub(super) fn canonical(lengths: &[u8]) -> Vec<Bits> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST_CODE: usize = 13;

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
}
