//! Hiding bytes in a PNG of 16 bits a sample: the cover above, the payload below.
//!
//! Decides: the high byte of a sample is the cover's sample. Of the low byte, the highest bit
//! repeats the highest bit of the high byte, and the other seven carry payload, then keystream.
//! The repeated bit is why any way to 8 bits shows the cover bit for bit: a viewer that drops
//! the low byte does, and a viewer that rounds to the nearest of 255 steps rounds to the high
//! byte wherever the low byte is at most 128 away from it (PNG specification, 13.12). Seven
//! payload bytes fill eight samples, lowest bits first.
//!
//! Rows are filtered by Sub and written as literals, whose code is fitted to the cover, not to the
//! payload. Always full, like `embed.rs`, and for the same reason.
//! Never claimed: that nobody notices; a landscape with noise in its low bytes is told by a look
//! at them.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use simd_adler32::Adler32;

use super::capacity::{Mode, check_range, check_size};
use super::error::StegoError;
use super::picture::{CHANNELS, Picture};
use super::png_writer::chunk::{Place, file_end, file_head, rows_chunk};
use super::png_writer::huffman::LiteralCode;

/// Nonce of the keystream that fills the samples after the payload.
const FILL_NONCE: &[u8; 12] = b"stego deep 1";
/// Payload bytes in eight samples.
const GROUP_BYTES: usize = 7;
/// Strips of a multiple of so many rows begin with a whole group.
const ROWS_UNIT: usize = 8;
/// What a strip aims at, in bytes of rows: it and what becomes of it stay in the second-level
/// cache, and its head is lost in it.
const STRIP_BYTES: usize = 192 << 10;
/// More than what comes before and after the rows of a small file.
const ENDS_BYTES: usize = 1_024;
/// Rows whose differences the code is fitted to.
const FITTED_ROWS: usize = 64;
/// The bits of a low byte that carry payload.
const CARRYING: u8 = 0x7f;
/// Narrowest window of a default cover.
const WINDOW_MIN_WIDTH: u32 = 192;
/// Widths of windows are multiples of this, so that a file's size tells the payload's only
/// roughly.
const WINDOW_STEP: u32 = 32;
/// Bits of a sample.
const SAMPLE_BITS: u8 = 16;
/// PNG filter type 1: the difference to the pixel on the left (PNG specification, 9.2).
const SUB: u8 = 1;

/// A PNG of 16 bits a sample that shows `cover` and carries `payload`; `seed` fills the rest.
///
/// The same inputs give the same file. A seed must never serve two pictures.
///
/// # Errors
/// [`StegoError::TooLarge`] when the payload exceeds `capacity_bytes` of [`Mode::Compact`].
pub fn embed_deep(cover: &Picture, payload: &[u8], seed: &[u8; 32]) -> Result<Vec<u8>, StegoError> {
    check_size(Mode::Compact, cover, payload)?;
    let row_samples = cover.width() as usize * CHANNELS;
    let row_bytes = 1 + 2 * row_samples;
    let strip_rows = (STRIP_BYTES / row_bytes).max(1).next_multiple_of(ROWS_UNIT);
    let code = LiteralCode::fitted_to(&frequencies(cover));
    let mut source = Source::new(payload, seed);
    let mut checksum = Adler32::new();
    let mut file = Vec::with_capacity(cover.samples().len() * 2 + ENDS_BYTES);
    file.extend(file_head(cover.width(), cover.height(), SAMPLE_BITS));
    let (mut low, mut rows, mut chunk) = (Vec::new(), Vec::new(), Vec::new());
    let strips = cover.samples().chunks(strip_rows * row_samples);
    let last = strips.len() - 1;
    for (number, high) in strips.enumerate() {
        low.resize(high.len(), 0);
        source.fill(high, &mut low);
        rows.resize(high.len() / row_samples * row_bytes, 0);
        let samples = high.chunks(row_samples).zip(low.chunks(row_samples));
        for ((high, low), row) in samples.zip(rows.chunks_mut(row_bytes)) {
            filter_row(high, low, row);
        }
        checksum.write(&rows);
        let place = Place {
            first: number == 0,
            last: number == last,
        };
        let size = rows_chunk(&rows, place, &code, &mut chunk);
        file.extend_from_slice(&chunk[..size]);
    }
    file.extend(file_end(checksum.finish()));
    Ok(file)
}

/// `length_bytes` carried bytes from carried byte `offset_bytes` on, out of the low bytes that
/// [`super::decode_carrier`] found.
///
/// # Errors
/// [`StegoError::PastCapacity`] when the range ends after the last whole byte.
pub fn extract_deep(
    low: &Picture,
    offset_bytes: usize,
    length_bytes: usize,
) -> Result<Vec<u8>, StegoError> {
    check_range(Mode::Compact, low, offset_bytes, length_bytes)?;
    let end_bytes = offset_bytes + length_bytes;
    let groups = offset_bytes / GROUP_BYTES..end_bytes.div_ceil(GROUP_BYTES);
    let first = groups.start * 8;
    let last = low.samples().len().min(groups.end * 8);
    let mut bytes = Vec::with_capacity(groups.len() * GROUP_BYTES);
    let (eights, rest) = low.samples()[first..last].as_chunks::<8>();
    for eight in eights {
        bytes.extend_from_slice(&gather(eight));
    }
    let mut eight = [0; 8];
    eight[..rest.len()].copy_from_slice(rest);
    bytes.extend_from_slice(&gather(&eight));
    bytes.drain(..offset_bytes % GROUP_BYTES);
    bytes.truncate(length_bytes);
    Ok(bytes)
}

/// The part of a default cover that is taken for a payload: as small as fits, with the cover's
/// proportions, in the middle; the whole cover if nothing smaller fits.
pub fn deep_window(cover: &Picture, payload_bytes: usize) -> Picture {
    let (width, height) = (cover.width(), cover.height());
    let tall = |wide: u32| (u64::from(wide) * u64::from(height)).div_ceil(u64::from(width)) as u32;
    let fitting = (WINDOW_MIN_WIDTH..width)
        .step_by(WINDOW_STEP as usize)
        .find(|&wide| Mode::Compact.capacity_bytes(wide, tall(wide)) >= payload_bytes as u64);
    match fitting {
        Some(wide) => cover.window(wide, tall(wide)),
        None => cover.clone(),
    }
}

/// Payload, then keystream, seven bits to a sample.
struct Source<'a> {
    payload: &'a [u8],
    rest: ChaCha20,
}

impl<'a> Source<'a> {
    fn new(payload: &'a [u8], seed: &[u8; 32]) -> Self {
        let rest = ChaCha20::new(seed.into(), FILL_NONCE.into());
        Self { payload, rest }
    }

    /// The low bytes under `high`; only the last call may bring a part of a group.
    fn fill(&mut self, high: &[u8], low: &mut [u8]) {
        let mut carried = vec![0; high.len().div_ceil(8) * GROUP_BYTES];
        let (now, later) = self.payload.split_at(self.payload.len().min(carried.len()));
        self.payload = later;
        let (from_payload, from_fill) = carried.split_at_mut(now.len());
        from_payload.copy_from_slice(now);
        self.rest.apply_keystream(from_fill);
        let (sevens, _) = carried.as_chunks::<GROUP_BYTES>();
        let (eights, rest) = low.as_chunks_mut::<8>();
        for (eight, seven) in eights.iter_mut().zip(sevens) {
            *eight = scatter(seven);
        }
        if let (false, Some(seven)) = (rest.is_empty(), sevens.last()) {
            rest.copy_from_slice(&scatter(seven)[..rest.len()]);
        }
        for (low, high) in low.iter_mut().zip(high) {
            *low |= high & !CARRYING;
        }
    }
}

/// 56 bits to seven in each of eight samples, the lowest first.
#[inline]
fn scatter(seven: &[u8; GROUP_BYTES]) -> [u8; 8] {
    let mut word = [0; 8];
    word[..GROUP_BYTES].copy_from_slice(seven);
    let bits = u64::from_le_bytes(word);
    let halves = (bits & 0x0fff_ffff) | ((bits << 4) & 0x0fff_ffff_0000_0000);
    let quarters = (halves & 0x0000_3fff_0000_3fff) | ((halves << 2) & 0x3fff_0000_3fff_0000);
    let lanes = (quarters & 0x007f_007f_007f_007f) | ((quarters << 1) & 0x7f00_7f00_7f00_7f00);
    lanes.to_le_bytes()
}

/// The inverse of [`scatter`]; the highest bit of each sample is ignored.
#[inline]
fn gather(eight: &[u8; 8]) -> [u8; GROUP_BYTES] {
    let lanes = u64::from_le_bytes(*eight);
    let quarters = (lanes & 0x007f_007f_007f_007f) | ((lanes & 0x7f00_7f00_7f00_7f00) >> 1);
    let halves = (quarters & 0x0000_3fff_0000_3fff) | ((quarters & 0x3fff_0000_3fff_0000) >> 2);
    let bits = (halves & 0x0fff_ffff) | ((halves & 0x0fff_ffff_0000_0000) >> 4);
    let mut seven = [0; GROUP_BYTES];
    seven.copy_from_slice(&bits.to_le_bytes()[..GROUP_BYTES]);
    seven
}

/// One row as PNG wants it: filter type, then high and low bytes in turn, as differences to the
/// pixel on the left.
fn filter_row(high: &[u8], low: &[u8], row: &mut [u8]) {
    row[0] = SUB;
    let (pairs, _) = row[1..].as_chunks_mut::<2>();
    let (first, rest) = pairs.split_at_mut(CHANNELS);
    for (pair, (high, low)) in first.iter_mut().zip(high.iter().zip(low)) {
        *pair = [*high, *low];
    }
    let highs = high[CHANNELS..].iter().zip(high);
    let lows = low[CHANNELS..].iter().zip(low);
    for (pair, ((high, high_left), (low, low_left))) in rest.iter_mut().zip(highs.zip(lows)) {
        let high = u16::from(high.wrapping_sub(*high_left));
        let low = u16::from(low.wrapping_sub(*low_left));
        // As one number, so that many are made at once.
        *pair = (high | (low << 8)).to_le_bytes();
    }
}

/// How often each byte is expected: differences of high bytes as some rows of the cover have
/// them, differences of low bytes as those of evenly distributed ones are. Never zero.
fn frequencies(cover: &Picture) -> [u64; 256] {
    let row_samples = cover.width() as usize * CHANNELS;
    let rows = cover.height() as usize;
    let step = rows.div_ceil(FITTED_ROWS);
    let mut high = [0_u64; 256];
    let mut halves = [0_u64; 2];
    for row in cover.samples().chunks(row_samples).step_by(step) {
        for (sample, left) in row[CHANNELS..].iter().zip(row) {
            high[usize::from(sample.wrapping_sub(*left))] += 1;
            halves[usize::from((sample ^ left) >> 7)] += 1;
        }
    }
    let mut counts = [1; 256];
    for (difference, count) in counts.iter_mut().enumerate() {
        // Of 2^14 pairs of evenly distributed seven bits, so many differ by so much.
        let away = difference.min(256 - difference) as u64;
        let same = halves[0] * (128 - away);
        let other = halves[1] * away;
        *count += high[difference] + ((same + other) >> 14);
    }
    counts
}

#[cfg(test)]
mod tests;
