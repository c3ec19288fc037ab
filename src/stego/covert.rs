//! Hiding a little in a picture that nobody else has, so that few and unremarkable samples move.
//!
//! Decides which samples: those in texture are cheap (`covert/hill.rs`), and a code finds the
//! cheapest flips of lowest bits that spell the payload (`covert/code.rs`). A sample that flips
//! moves by one, up or down as a keystream says; 0 and 255 never do. At most one bit for ten
//! samples.
//!
//! The samples are walked in strides of the golden section of their number, from a place that
//! the key names. So any stretch of the walk meets all parts of the picture evenly, and a flat
//! sky need not carry its share. The walk is no secret and need not be: what it finds is
//! ciphertext, and the code is drawn from the key besides. The first [`COVERT_HEAD_BYTES`] have
//! samples of their own, whose number follows from the picture's size alone, so that a reader
//! finds them with nothing but the key; they tell the length, and with it the code of the rest.
//! Where there are many samples for each bit, neighbours in the walk are taken together: they
//! carry the parity of their lowest bits, and the cheapest of them moves.
//!
//! Never for a cover that others have: they subtract it, and every change lies open.

mod code;
mod hill;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use super::capacity::{Mode, check_range, check_size};
use super::error::StegoError;
use super::picture::Picture;
use code::{Code, HEIGHT, NEVER};
use hill::WET;

/// Bytes at the beginning that can be read before the length is known.
pub const COVERT_HEAD_BYTES: usize = 128;
/// Samples for each bit of the head, where the picture has them.
const HEAD_SHARE: usize = 32;
/// The head has at most this part of the samples.
const HEAD_PART: usize = 4;
/// Fewest samples for each bit: the limit of the rate.
const LEAST_SHARE: usize = 10;
/// With twice as many samples for each bit, and more, samples are taken together.
const USUAL_SHARE: usize = 20;
/// The cheap end of costs: this share is at most [`CHEAP`] after scaling.
const CHEAP_SHARE: usize = 20;
const CHEAP: u64 = 32;
/// Dearest cost after scaling; what costs more is as good as never chosen.
const DEAREST: u64 = 2_047;
/// Costs that are looked at to find the scale.
const SCALE_SAMPLES: usize = 4_096;

const PLACE_NONCE: &[u8; 12] = b"stego place1";
const CODE_NONCE: &[u8; 12] = b"stego codes1";
const SIGN_NONCE: &[u8; 12] = b"stego signs1";
const FILL_NONCE: &[u8; 12] = b"stego covert";

/// Whole bytes that so many samples carry.
pub(super) fn capacity_bytes(samples: u64) -> u64 {
    let head = head_samples(samples);
    let head_bits = COVERT_HEAD_BYTES as u64 * 8;
    if head < head_bits * LEAST_SHARE as u64 {
        return 0;
    }
    (head_bits + (samples - head) / LEAST_SHARE as u64) / 8
}

fn head_samples(samples: u64) -> u64 {
    (samples / HEAD_PART as u64).min((COVERT_HEAD_BYTES * 8 * HEAD_SHARE) as u64)
}

/// A copy of `cover` that carries `payload`. The key chooses samples, code and directions; it
/// must never serve two pictures.
///
/// # Errors
/// [`StegoError::TooLarge`] when the payload exceeds the capacity in [`Mode::Covert`],
/// [`StegoError::Saturated`] when too many samples are black or white.
pub fn embed_covert(
    cover: &Picture,
    payload: &[u8],
    key: &[u8; 32],
) -> Result<Picture, StegoError> {
    check_size(Mode::Covert, cover, payload)?;
    let mut padded = payload.to_vec();
    if padded.len() < COVERT_HEAD_BYTES {
        padded.resize(COVERT_HEAD_BYTES, 0);
        stream(key, FILL_NONCE).apply_keystream(&mut padded[payload.len()..]);
    }
    // A picture too small even for a head carries nothing, and stays as it is.
    if Mode::Covert.capacity_bytes(cover.width(), cover.height()) == 0 {
        return Ok(cover.clone());
    }
    let mut picture = cover.clone();
    let mut units = hill::costs(cover);
    for (unit, sample) in units.iter_mut().zip(cover.samples()) {
        *unit = (*unit << 1) | u32::from(sample & 1);
    }
    let (head, body) = padded.split_at(COVERT_HEAD_BYTES);
    let mut codes = stream(key, CODE_NONCE);
    let mut signs = stream(key, SIGN_NONCE);
    let sections = Section::both(units.len(), body.len(), key);
    for (section, bytes) in sections.iter().zip([head, body]) {
        let code = section.code(&mut codes);
        section.write(
            &code,
            &units,
            &bits_of(bytes),
            picture.samples_mut(),
            &mut signs,
        )?;
    }
    Ok(picture)
}

/// The first [`COVERT_HEAD_BYTES`] that a picture carries for this key, or noise.
///
/// # Errors
/// [`StegoError::PastCapacity`] for a picture too small for them.
pub fn extract_covert_head(picture: &Picture, key: &[u8; 32]) -> Result<Vec<u8>, StegoError> {
    extract_covert(picture, key, COVERT_HEAD_BYTES)
}

/// The first `length_bytes` of a payload of exactly that length, or noise.
///
/// # Errors
/// [`StegoError::PastCapacity`] when the picture cannot carry so much.
pub fn extract_covert(
    picture: &Picture,
    key: &[u8; 32],
    length_bytes: usize,
) -> Result<Vec<u8>, StegoError> {
    check_range(
        Mode::Covert,
        picture,
        0,
        length_bytes.max(COVERT_HEAD_BYTES),
    )?;
    let mut codes = stream(key, CODE_NONCE);
    let body_bytes = length_bytes.saturating_sub(COVERT_HEAD_BYTES);
    let mut bytes = Vec::with_capacity(COVERT_HEAD_BYTES + body_bytes);
    for section in Section::both(picture.samples().len(), body_bytes, key) {
        let code = section.code(&mut codes);
        bytes.extend(bytes_of(&code.read(&section.parities(picture.samples()))));
    }
    bytes.truncate(length_bytes);
    Ok(bytes)
}

fn stream(key: &[u8; 32], nonce: &[u8; 12]) -> ChaCha20 {
    ChaCha20::new(key.into(), nonce.into())
}

fn bits_of(bytes: &[u8]) -> Vec<bool> {
    let each = bytes.iter();
    each.flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1))
        .collect()
}

fn bytes_of(bits: &[bool]) -> impl Iterator<Item = u8> {
    let (eights, _) = bits.as_chunks::<8>();
    eights.iter().map(|eight| {
        eight
            .iter()
            .rev()
            .fold(0, |byte, &bit| byte << 1 | u8::from(bit))
    })
}

/// A stretch of the walk, and the message it carries.
struct Section {
    /// Samples of the picture.
    all: u64,
    /// The first sample of the stretch, and how far it is from each to the next.
    place: u64,
    stride: u64,
    bits: usize,
    /// Samples that carry one bit together, and how many bits are carried so.
    group: usize,
    carrying: usize,
}

impl Section {
    /// Head and body of a payload.
    fn both(samples: usize, body_bytes: usize, key: &[u8; 32]) -> [Self; 2] {
        let all = samples as u64;
        let head = head_samples(all);
        let stride = golden_stride(all);
        let mut drawn = [0; 8];
        stream(key, PLACE_NONCE).apply_keystream(&mut drawn);
        let place = u64::from_le_bytes(drawn) % all;
        let after = (u128::from(head) * u128::from(stride) + u128::from(place)) % u128::from(all);
        let section = |place: u64, samples: u64, bits: usize| {
            let share = samples as usize / bits.max(1);
            let group = (share / USUAL_SHARE).max(1);
            let carrying = samples as usize / group;
            Self {
                all,
                place,
                stride,
                bits,
                group,
                carrying,
            }
        };
        [
            section(place, head, COVERT_HEAD_BYTES * 8),
            section(after as u64, all - head, body_bytes * 8),
        ]
    }

    fn code(&self, key: &mut ChaCha20) -> Code {
        Code::new(HEIGHT, self.bits, self.carrying, key)
    }

    /// The samples of the stretch, in the order of the walk.
    fn walk(&self) -> impl Iterator<Item = usize> {
        let (all, stride) = (self.all, self.stride);
        let mut place = self.place;
        core::iter::repeat_with(move || {
            let here = place as usize;
            place += stride;
            if place >= all {
                place -= all;
            }
            here
        })
        .take(if self.bits == 0 {
            0
        } else {
            self.carrying * self.group
        })
    }

    fn parities(&self, samples: &[u8]) -> Vec<bool> {
        let mut walk = self.walk();
        let groups = 0..if self.bits == 0 { 0 } else { self.carrying };
        groups
            .map(|_| {
                walk.by_ref()
                    .take(self.group)
                    .fold(0, |odd, at| odd ^ samples[at])
                    & 1
                    == 1
            })
            .collect()
    }

    /// Moves the cheapest samples that make this stretch spell the message. A unit is the cost of
    /// a sample, and its lowest bit below.
    fn write(
        &self,
        code: &Code,
        units: &[u32],
        message: &[bool],
        samples: &mut [u8],
        signs: &mut ChaCha20,
    ) -> Result<(), StegoError> {
        if self.bits == 0 {
            return Ok(());
        }
        let mut walk = self.walk();
        let mut parities = Vec::with_capacity(self.carrying);
        let mut cheapest = Vec::with_capacity(self.carrying);
        for _ in 0..self.carrying {
            let (mut parity, mut least, mut place) = (0, u32::MAX, 0);
            for at in walk.by_ref().take(self.group) {
                let unit = units[at];
                parity ^= unit;
                if unit < least {
                    (least, place) = (unit, at);
                }
            }
            parities.push(parity & 1 == 1);
            cheapest.push((least >> 1, place));
        }
        let flips = code
            .flips(&parities, &scaled(&cheapest), message)
            .map_err(|_| StegoError::Saturated)?;
        for (&(_, at), _) in cheapest.iter().zip(flips).filter(|(_, flip)| *flip) {
            let mut sign = [0];
            signs.apply_keystream(&mut sign);
            samples[at] = samples[at].wrapping_add(if sign[0] & 1 == 1 { 1 } else { 255 });
        }
        Ok(())
    }
}

/// Costs in the range of the code, with the resolution where flips are: at the cheap end.
fn scaled(cheapest: &[(u32, usize)]) -> Vec<u16> {
    let step = cheapest.len().div_ceil(SCALE_SAMPLES).max(1);
    let mut some: Vec<u32> = cheapest
        .iter()
        .step_by(step)
        .map(|(cost, _)| *cost)
        .collect();
    some.sort_unstable();
    let unit = u64::from(
        some.get(some.len() / CHEAP_SHARE)
            .copied()
            .unwrap_or(1)
            .max(1),
    );
    let scale = |&(cost, _): &(u32, usize)| match cost {
        WET => NEVER,
        cost => (u64::from(cost) * CHEAP / unit).clamp(1, DEAREST) as u16,
    };
    cheapest.iter().map(scale).collect()
}

/// The whole number next above the golden section of `all` that has no divisor in common with it:
/// a walk with this stride meets every sample once.
fn golden_stride(all: u64) -> u64 {
    let golden = (u128::from(all) * 618_033_988_750 / 1_000_000_000_000) as u64;
    let candidates = golden.max(1)..=all.max(1);
    candidates
        .into_iter()
        .find(|&stride| gcd(stride, all) == 1)
        .unwrap_or(1)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
