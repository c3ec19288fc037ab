//! Deflate with literals only (RFC 1951, 3.2.7): one block, one code, no matches.
//!
//! Noise has no repetitions to find, so looking for them would cost most of the time. Codes are
//! at most [`LONGEST`] bits long, so that four always fit the bits that are waiting.

use super::super::prefix_code::{canonical, limited_lengths};

/// Longest code of a literal, in bits.
const LONGEST: usize = 12;
/// The symbol that ends a block.
const END: usize = 256;

/// A Huffman code of all literals and the end of a block.
pub(super) struct LiteralCode {
    lengths: [u8; END + 1],
    /// The bits of each code, first bit lowest, and above them its length.
    codes: [u32; END + 1],
}

impl LiteralCode {
    /// The best code for these frequencies, none of which may be zero.
    pub(super) fn fit(frequencies: &[u32; 256]) -> Self {
        let mut weights = [1_u64; END + 1];
        for (weight, frequency) in weights.iter_mut().zip(frequencies) {
            *weight = u64::from(*frequency);
        }
        let mut lengths = [0; END + 1];
        lengths.copy_from_slice(&limited_lengths(&weights, LONGEST));
        let mut codes = [0; END + 1];
        for (code, bits) in codes.iter_mut().zip(canonical(&lengths)) {
            *code = bits.value | bits.count << 16;
        }
        Self { lengths, codes }
    }

    /// The head of the only block of a stream.
    pub(super) fn begin_block(&self, bits: &mut BitWriter) {
        // The last block, with codes of its own, 257 literals, 1 distance, 19 code lengths.
        bits.put(1, 1);
        bits.put(2, 2);
        bits.put(0, 5);
        bits.put(0, 5);
        bits.put(15, 4);
        // Lengths 0 to 15 are told in four bits each; repetitions are not used.
        for place in 0..19 {
            bits.put(if place < 3 { 0 } else { 4 }, 3);
        }
        for &length in &self.lengths {
            bits.put(reversed(u32::from(length), 4), 4);
        }
        // A distance that is never used; some readers want one.
        bits.put(reversed(1, 4), 4);
    }

    /// All bytes as literals.
    pub(super) fn write(&self, bytes: &[u8], bits: &mut BitWriter) {
        bits.reserve(bytes.len() * LONGEST / 8 + 16);
        let (fours, rest) = bytes.as_chunks::<4>();
        let (mut waiting, mut waiting_bits) = (bits.waiting, bits.waiting_bits);
        let mut written = bits.written;
        for four in fours {
            for &byte in four {
                let code = self.codes[usize::from(byte)];
                waiting |= u64::from(code & 0xffff) << waiting_bits;
                waiting_bits += code >> 16;
            }
            bits.bytes[written..written + 8].copy_from_slice(&waiting.to_le_bytes());
            written += (waiting_bits / 8) as usize;
            waiting >>= waiting_bits & !7;
            waiting_bits &= 7;
        }
        (bits.waiting, bits.waiting_bits, bits.written) = (waiting, waiting_bits, written);
        for &byte in rest {
            bits.add(self.codes[usize::from(byte)]);
            bits.flush();
        }
    }

    /// Ends the block and the stream.
    pub(super) fn end_block(&self, bits: &mut BitWriter) {
        bits.reserve(16);
        bits.add(self.codes[END]);
        bits.align();
    }
}

/// Bits into bytes, the first bit lowest.
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bytes of `bytes` that are written; the rest is room.
    written: usize,
    waiting: u64,
    waiting_bits: u32,
}

impl BitWriter {
    /// A writer with room for so many bytes at first.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes],
            written: 0,
            waiting: 0,
            waiting_bits: 0,
        }
    }

    /// Whole bytes; only where no bits wait.
    pub(super) fn bytes(&mut self, more: &[u8]) {
        self.reserve(more.len());
        self.bytes[self.written..][..more.len()].copy_from_slice(more);
        self.written += more.len();
    }

    /// What was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.written);
        self.bytes
    }

    /// Room for so many bytes to come.
    fn reserve(&mut self, bytes: usize) {
        if self.bytes.len() < self.written + bytes {
            self.bytes.resize(self.written + bytes, 0);
        }
    }

    fn put(&mut self, value: u32, bits: u32) {
        self.reserve(16);
        self.add(value | bits << 16);
        self.flush();
    }

    /// At most 56 bits may wait.
    #[inline]
    fn add(&mut self, code: u32) {
        self.waiting |= u64::from(code & 0xffff) << self.waiting_bits;
        self.waiting_bits += code >> 16;
    }

    /// Whole bytes that wait go to their place; fewer than eight bits wait on.
    #[inline]
    fn flush(&mut self) {
        let place = &mut self.bytes[self.written..][..8];
        place.copy_from_slice(&self.waiting.to_le_bytes());
        self.written += (self.waiting_bits / 8) as usize;
        self.waiting >>= self.waiting_bits & !7;
        self.waiting_bits &= 7;
    }

    /// Fills the last byte with zeros.
    fn align(&mut self) {
        self.waiting_bits = self.waiting_bits.next_multiple_of(8);
        self.flush();
    }
}

/// The lowest `bits` bits in the opposite order.
fn reversed(value: u32, bits: u32) -> u32 {
    value.reverse_bits() >> (32 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Halves of the code space that a code takes, in units of its longest code.
    fn taken(lengths: &[u8; END + 1]) -> u32 {
        lengths
            .iter()
            .map(|length| 1 << (LONGEST as u32 - u32::from(*length)))
            .sum()
    }

    #[test]
    fn codes_are_complete_and_short_whatever_the_frequencies() {
        let even = [7; 256];
        let mut steep = [1; 256];
        for (power, frequency) in steep.iter_mut().take(30).enumerate() {
            *frequency = 1 << power;
        }
        for frequencies in [even, steep, [u32::MAX; 256]] {
            let code = LiteralCode::fit(&frequencies);
            assert!(code.lengths.iter().all(|length| (1..=12).contains(length)));
            assert_eq!(taken(&code.lengths), 1 << LONGEST);
        }
        let code = LiteralCode::fit(&steep);
        assert!(code.lengths[29] < code.lengths[20]);
    }

    #[test]
    fn a_common_reader_reads_it() {
        use std::io::Read;
        for count in [0, 1, 3, 4, 5, 1000] {
            let bytes: Vec<u8> = (0..count).map(|i| (i * i % 251) as u8).collect();
            let mut bits = BitWriter::with_capacity(0);
            let code = LiteralCode::fit(&[3; 256]);
            code.begin_block(&mut bits);
            code.write(&bytes, &mut bits);
            code.end_block(&mut bits);
            let mut back = Vec::new();
            let stream = bits.finish();
            flate2::read::DeflateDecoder::new(&stream[..])
                .read_to_end(&mut back)
                .unwrap();
            assert_eq!(back, bytes);
        }
    }
}
