//! Hiding bytes in the lowest bits of a picture, so that every sample carries a bit.
//!
//! Decides: sample `8 i + k` carries bit `k` (lowest first) of byte `i` of the payload; the
//! samples after the payload carry ChaCha20 keystream. A sample whose lowest bit already
//! agrees stays; any other moves by one, up or down as a second keystream says (LSB matching,
//! Sharp 2001), where 0 can only rise and 255 only fall. Directions hide nothing, they only must
//! not be guessed, so ChaCha8 is enough for them. The loops over samples are plain and without a
//! branch: the compiler makes vector code of them for any machine.
//!
//! Always full: a long payload, a short one and none at all leave the same traces, so whoever
//! owns the cover and subtracts it learns nothing but that this program made the picture. That
//! holds as long as the payload itself looks random (ciphertext) and no seed serves two
//! pictures. Never claimed: that the picture passes for one never touched.

use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20::{ChaCha8, ChaCha20};

use super::capacity::{Mode, check_size};
use super::error::StegoError;
use super::picture::Picture;

/// Nonce of the keystream that fills the samples after the payload.
const FILL_NONCE: &[u8; 12] = b"stego fill 1";
/// Nonce of the keystream that decides between one up and one down.
const DIRECTION_NONCE: &[u8; 12] = b"stego sign 1";
/// Carried bytes worked on at a time: samples, bits and steps of a block stay in the first-level
/// cache together.
const BLOCK_BYTES: usize = 1024;

/// The lowest bit of each of eight lanes.
pub(super) const LOW: u64 = 0x0101_0101_0101_0101;

/// Lane `k` of entry `i` is bit `k` of `i`.
static BITS: [[u8; 8]; 256] = lanes(0, 1);
/// Lane `k` of entry `i` is one up where bit `k` of `i` is set, else one down.
static STEPS: [[u8; 8]; 256] = lanes(255, 1);

/// A copy of `cover` that carries `payload`; `seed` fills the rest and picks directions.
///
/// Each sample differs from the cover's by at most one. The same inputs give the same picture.
/// A seed must never serve two pictures, and must be unpredictable to whoever may look at them.
///
/// # Errors
/// [`StegoError::TooLarge`] when the payload exceeds the capacity of the cover.
pub fn embed(cover: &Picture, payload: &[u8], seed: &[u8; 32]) -> Result<Picture, StegoError> {
    check_size(Mode::Fast, cover, payload)?;
    let mut picture = cover.clone();
    write_bits(picture.samples_mut(), payload, seed);
    Ok(picture)
}

/// As [`embed()`], but changes the cover itself: saves a copy when the cover is not needed again.
///
/// # Errors
/// [`StegoError::TooLarge`] as for [`embed()`]; the picture is unchanged then.
pub fn embed_in_place(
    picture: &mut Picture,
    payload: &[u8],
    seed: &[u8; 32],
) -> Result<(), StegoError> {
    check_size(Mode::Fast, picture, payload)?;
    write_bits(picture.samples_mut(), payload, seed);
    Ok(())
}

/// The rendition that carries nothing: every sample holds a bit of keystream. This is what a
/// cover looks like when its views are used up.
pub fn fill(cover: &Picture, seed: &[u8; 32]) -> Picture {
    let mut picture = cover.clone();
    write_bits(picture.samples_mut(), &[], seed);
    picture
}

/// Gives every sample its bit. The payload is at most as long as the samples allow.
fn write_bits(samples: &mut [u8], payload: &[u8], seed: &[u8; 32]) {
    let mut pen = Pen::new(payload, seed, 0);
    for block in samples.chunks_mut(BLOCK_BYTES * 8) {
        pen.write(block);
    }
}

/// Copies a run of a cover's samples and gives each its bit. The run begins at carried byte
/// `first_byte`, thus at sample `8 * first_byte`, and ends with the picture or at a multiple of
/// eight samples. Runs may be written in any order, by any thread: together they are what
/// [`embed()`] makes of the whole.
///
/// # Panics
/// If `cover` and `carrier` differ in length.
pub(super) fn embed_run(
    cover: &[u8],
    carrier: &mut [u8],
    first_byte: usize,
    payload: &[u8],
    seed: &[u8; 32],
) {
    let mut pen = Pen::new(payload, seed, first_byte);
    let blocks = carrier.chunks_mut(BLOCK_BYTES * 8);
    for (block, from) in blocks.zip(cover.chunks(BLOCK_BYTES * 8)) {
        block.copy_from_slice(from);
        pen.write(block);
    }
}

/// Writes bits into one block of samples after another.
struct Pen<'a> {
    /// What is left of the payload.
    payload: &'a [u8],
    fill: ChaCha20,
    direction: ChaCha8,
    carried: [u8; BLOCK_BYTES],
    bits: [[u8; 8]; BLOCK_BYTES],
    steps: [[u8; 8]; BLOCK_BYTES],
}

impl<'a> Pen<'a> {
    /// A pen over carried byte `at`. Both keystreams count carried bytes from the beginning of the
    /// picture, so a run needs nothing from the runs before it; what lies under the payload is
    /// passed over.
    fn new(payload: &'a [u8], seed: &[u8; 32], at: usize) -> Self {
        let mut fill = ChaCha20::new(seed.into(), FILL_NONCE.into());
        let mut direction = ChaCha8::new(seed.into(), DIRECTION_NONCE.into());
        let payload = payload.get(at..).unwrap_or_default();
        fill.seek((at + payload.len()) as u64);
        direction.seek(at as u64);
        Self {
            payload,
            fill,
            direction,
            carried: [0; BLOCK_BYTES],
            bits: [[0; 8]; BLOCK_BYTES],
            steps: [[0; 8]; BLOCK_BYTES],
        }
    }

    /// The next block, of at most [`BLOCK_BYTES`] times eight samples.
    fn write(&mut self, block: &mut [u8]) {
        let carried = &mut self.carried[..block.len().div_ceil(8)];
        carried.fill(0);
        self.direction.apply_keystream(carried);
        for (steps, &byte) in self.steps.iter_mut().zip(carried.iter()) {
            *steps = STEPS[usize::from(byte)];
        }
        let (now, later) = self.payload.split_at(self.payload.len().min(carried.len()));
        self.payload = later;
        let (from_payload, from_fill) = carried.split_at_mut(now.len());
        from_payload.copy_from_slice(now);
        from_fill.fill(0);
        self.fill.apply_keystream(from_fill);
        for (bits, &byte) in self.bits.iter_mut().zip(carried.iter()) {
            *bits = BITS[usize::from(byte)];
        }
        move_samples(block, self.bits.as_flattened(), self.steps.as_flattened());
    }
}

/// LSB matching without a branch, so that the compiler does many samples at a time.
fn move_samples(samples: &mut [u8], bits: &[u8], steps: &[u8]) {
    for ((sample, &bit), &step) in samples.iter_mut().zip(bits).zip(steps) {
        let differs = ((*sample ^ bit) & 1).wrapping_neg();
        let inward = match *sample {
            0 => 1,
            255 => 255,
            _ => step,
        };
        *sample = sample.wrapping_add(differs & inward);
    }
}

/// For each byte its bits as eight lanes, lowest first, with a value for 0 and one for 1.
const fn lanes(zero: u8, one: u8) -> [[u8; 8]; 256] {
    let mut table = [[zero; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][bit] = one;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests;
