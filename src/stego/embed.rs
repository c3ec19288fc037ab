//! Hiding bytes in the lowest bits of a picture, so that every sample carries a bit.
//!
//! Decides: sample `8 i + k` carries bit `k` (lowest first) of byte `i` of the payload; the
//! samples after the payload carry ChaCha20 keystream. A sample whose lowest bit already
//! agrees stays; any other moves by one, up or down as a second keystream says (LSB matching,
//! Sharp 2001), where 0 can only rise and 255 only fall.
//!
//! Always full: a long payload, a short one and none at all leave the same traces, so whoever
//! owns the cover and subtracts it learns nothing but that this program made the picture. That
//! holds as long as the payload itself looks random (ciphertext) and no seed serves two
//! pictures. Never claimed: that the picture passes for one never touched.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use super::capacity::capacity_bytes;
use super::error::StegoError;
use super::picture::Picture;

/// Nonce of the keystream that fills the samples after the payload.
const FILL_NONCE: &[u8; 12] = b"stego fill 1";
/// Nonce of the keystream that decides between one up and one down.
const DIRECTION_NONCE: &[u8; 12] = b"stego sign 1";
/// Carried bytes worked on at a time: two buffers of this size stay in the first-level cache.
const BLOCK_BYTES: usize = 2048;

/// The lowest bit of each of eight lanes.
pub(super) const LOW: u64 = 0x0101_0101_0101_0101;
/// All but the highest bit of each of eight lanes.
const SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
/// Lane `k` keeps bit `k` of a byte copied to all lanes.
const DIAGONAL: u64 = 0x8040_2010_0804_0201;

/// A copy of `cover` that carries `payload`; `seed` fills the rest and picks directions.
///
/// Each sample differs from the cover's by at most one. The same inputs give the same picture.
/// A seed must never serve two pictures, and must be unpredictable to whoever may look at them.
///
/// # Errors
/// [`StegoError::TooLarge`] when the payload exceeds the capacity of the cover.
pub fn embed(cover: &Picture, payload: &[u8], seed: &[u8; 32]) -> Result<Picture, StegoError> {
    check_size(cover, payload)?;
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
    check_size(picture, payload)?;
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

fn check_size(cover: &Picture, payload: &[u8]) -> Result<(), StegoError> {
    let limit_bytes = capacity_bytes(cover.width(), cover.height());
    let size_bytes = payload.len() as u64;
    if size_bytes > limit_bytes {
        return Err(StegoError::TooLarge {
            size_bytes,
            limit_bytes,
        });
    }
    Ok(())
}

/// Gives every sample its bit. The payload is at most as long as the samples allow.
fn write_bits(samples: &mut [u8], payload: &[u8], seed: &[u8; 32]) {
    let mut fill = ChaCha20::new(seed.into(), FILL_NONCE.into());
    let mut direction = ChaCha20::new(seed.into(), DIRECTION_NONCE.into());
    let mut bits = [0_u8; BLOCK_BYTES];
    let mut signs = [0_u8; BLOCK_BYTES];
    let mut rest = payload;
    for block in samples.chunks_mut(BLOCK_BYTES * 8) {
        let carried_bytes = block.len().div_ceil(8);
        let (now, later) = rest.split_at(rest.len().min(carried_bytes));
        rest = later;
        let (from_payload, from_fill) = bits[..carried_bytes].split_at_mut(now.len());
        from_payload.copy_from_slice(now);
        from_fill.fill(0);
        fill.apply_keystream(from_fill);
        let signs = &mut signs[..carried_bytes];
        signs.fill(0);
        direction.apply_keystream(signs);
        match_block(block, &bits[..carried_bytes], signs);
    }
}

/// LSB matching over one block, eight samples in each step; the last step may be shorter.
fn match_block(block: &mut [u8], bits: &[u8], signs: &[u8]) {
    let (lanes, tail) = block.as_chunks_mut::<8>();
    for ((eight, &bit), &sign) in lanes.iter_mut().zip(bits).zip(signs) {
        *eight = match_eight(u64::from_le_bytes(*eight), bit, sign).to_le_bytes();
    }
    if let (false, Some(&bit), Some(&sign)) = (tail.is_empty(), bits.last(), signs.last()) {
        let mut eight = [0_u8; 8];
        eight[..tail.len()].copy_from_slice(tail);
        let moved = match_eight(u64::from_le_bytes(eight), bit, sign).to_le_bytes();
        tail.copy_from_slice(&moved[..tail.len()]);
    }
}

/// Eight samples in the lanes of a word, without a branch: adding and subtracting never carry
/// into the next lane because a lane of 255 never rises and a lane of 0 never falls.
#[inline]
fn match_eight(samples: u64, bits: u8, signs: u8) -> u64 {
    let differ = (samples ^ spread(bits)) & LOW;
    let must_rise = lanes_equal_zero(samples);
    let must_fall = lanes_equal_zero(!samples);
    let rise = (spread(signs) | must_rise) & !must_fall;
    samples + (differ & rise) - (differ & !rise)
}

/// Bit `k` of `byte` becomes the lowest bit of lane `k`.
#[inline]
fn spread(byte: u8) -> u64 {
    let picked = (u64::from(byte) * LOW) & DIAGONAL;
    ((picked + SEVEN) >> 7) & LOW
}

/// The lowest bit of each lane that is all zero.
#[inline]
fn lanes_equal_zero(word: u64) -> u64 {
    (!(((word & SEVEN) + SEVEN) | word) >> 7) & LOW
}

#[cfg(test)]
mod tests;
