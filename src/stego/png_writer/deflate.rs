//! Bytes as literals of one deflate block: the only kind of compression that is left to do with
//! rows whose lowest bits are noise, and the fastest.

use super::huffman::LiteralCode;
use super::prefix_code::Bits;

/// Most bits that a byte takes, head and end of a block aside.
const BYTE_BITS_MAX: usize = super::huffman::LONGEST_CODE;
/// More than head, end and padding of a block take, and the reach of the last store.
const BLOCK_EXTRA_BYTES: usize = 512;

/// Most bytes that [`BitWriter::block`] writes for a run of bytes.
pub(super) fn block_bytes_max(raw_bytes: usize) -> usize {
    (raw_bytes * BYTE_BITS_MAX).div_ceil(8) + BLOCK_EXTRA_BYTES
}

/// Most bits that are written at once.
const PUSHED_BITS_MAX: u32 = 56;

/// Writes bits, first bit lowest, into a buffer that is large enough.
pub(super) struct BitWriter<'a> {
    out: &'a mut [u8],
    at: usize,
    waiting: u64,
    /// How many bits wait; below 8 between two calls.
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self {
            out,
            at: 0,
            waiting: 0,
            count: 0,
        }
    }

    /// A block with all of `raw` that is not the last, and then an empty stored block, `last` or
    /// not, which ends at a whole byte. Gives the number of bytes written.
    pub(super) fn block(mut self, code: &LiteralCode, raw: &[u8], last: bool) -> usize {
        for &bits in code.head() {
            self.push(bits);
        }
        self = self.literals(code, raw);
        self.push(code.end_of_block());
        self.push(Bits {
            value: u32::from(last),
            count: 3,
        });
        let padding = self.count.wrapping_neg() & 7;
        self.push(Bits {
            value: 0,
            count: padding,
        });
        // Length 0, and its complement.
        self.push(Bits {
            value: 0xffff_0000,
            count: 32,
        });
        self.at
    }

    /// By value, so that nothing of it lives in memory meanwhile.
    fn literals(mut self, code: &LiteralCode, raw: &[u8]) -> Self {
        let pairs = code.pairs();
        let (eights, rest) = raw.as_chunks::<8>();
        for &eight in eights {
            let bytes = u64::from_le_bytes(eight);
            let (first, first_count) = pairs.four(bytes, 0);
            let (second, second_count) = pairs.four(bytes, 32);
            let count = first_count + second_count;
            if count <= PUSHED_BITS_MAX {
                self.push_word(first | second << first_count, count);
            } else {
                self.push_word(first, first_count);
                self.push_word(second, second_count);
            }
        }
        for &byte in rest {
            self.push(code.single(byte));
        }
        self
    }

    fn push(&mut self, Bits { value, count }: Bits) {
        self.push_word(u64::from(value), count);
    }

    /// At most [`PUSHED_BITS_MAX`] bits, beside fewer than 8 that wait.
    #[inline(always)]
    fn push_word(&mut self, bits: u64, count: u32) {
        self.waiting |= bits << self.count;
        self.count += count;
        let place = self.out[self.at..].first_chunk_mut();
        *place.expect("the buffer holds the longest block") = self.waiting.to_le_bytes();
        self.at += (self.count / 8) as usize;
        self.waiting >>= self.count & !7;
        self.count &= 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the block says, after any decoder.
    fn inflated(raw: &[u8], block: &[u8]) -> Vec<u8> {
        let mut back = Vec::new();
        let mut reader = std::io::Read::take(flate2::read::DeflateDecoder::new(block), 1 << 20);
        std::io::Read::read_to_end(&mut reader, &mut back).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(back.len(), raw.len());
        back
    }

    #[test]
    fn a_block_inflates_to_what_went_in_whatever_the_code_was_fitted_to() {
        let even = [1; 256];
        let mut steep = [0; 256];
        for (byte, count) in steep.iter_mut().enumerate() {
            *count = 1_u64 << (byte / 5);
        }
        let mut single = [0; 256];
        single[7] = 1 << 40;
        for counts in [even, steep, single] {
            let code = LiteralCode::fitted_to(&counts);
            for size in (0..40).chain([255, 256, 1_000, 4_099]) {
                let raw: Vec<u8> = (0..size).map(|i| (i * 89 + i / 256) as u8).collect();
                let mut out = vec![0xee; block_bytes_max(raw.len())];
                let size = BitWriter::new(&mut out).block(&code, &raw, true);
                assert_eq!(inflated(&raw, &out[..size]), raw);
            }
        }
    }

    #[test]
    fn the_longest_codes_fit_the_buffer() {
        let mut steep = [0; 256];
        for (byte, count) in steep.iter_mut().enumerate() {
            *count = 1_u64 << (byte / 5);
        }
        let code = LiteralCode::fitted_to(&steep);
        assert_eq!(code.length(0), BYTE_BITS_MAX as u32);
        let raw = vec![0; 10_000];
        let mut out = vec![0; block_bytes_max(raw.len())];
        let size = BitWriter::new(&mut out).block(&code, &raw, false);
        assert!(size > raw.len() * BYTE_BITS_MAX / 8);
        let last = BitWriter::new(&mut out).block(&code, &raw, true);
        assert_eq!(last, size);
        assert_eq!(inflated(&raw, &out[..size]), raw);
    }
}
