//! A mark in an image that names who it was given to: a faint pattern that follows from a key.
//!
//! The pattern lies in the middle frequencies of brightness, on a grid that is stretched over the
//! whole image, so that it stays where it is when the image is scaled (spread spectrum, after Cox
//! et al. 1997). It carries no message. Its finder has the original at hand: it lays what was found
//! over it, takes the difference, and asks how well that agrees with the pattern of a key, against
//! the patterns of keys that nobody has. It promises nothing for images that were turned, bent or
//! painted over, and a person who has two copies with two marks can weaken both.
//!
//! Invariants: the same image and key give the same mark; an unmarked image is changed by at most
//! `NOISE_MAX` levels in the mean square root, 42 dB.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use super::error::StegoError;
use super::picture::{CHANNELS, Picture};

mod plane;

use plane::{FRAME, Plane};

/// Sides of the grid of the pattern.
const CHIPS: usize = 64;
/// Sides from which an image can be marked, pixels.
pub const MARK_MIN_SIDE: u32 = 256;
/// Root of the mean square that a mark changes samples by, at the most, in levels.
const NOISE_MAX: f32 = 2.0;
/// Strength where the image is flat and where it is rough, in levels.
const STRENGTH: std::ops::RangeInclusive<f32> = 1.0..=4.0;
/// Strength for each level of roughness.
const STRENGTH_OF_ROUGHNESS: f32 = 0.5;
/// Patterns of keys that nobody has, beside which a key must stand out.
const DECOYS: u8 = 40;
/// Standard deviations by which a key must stand out to count as found.
pub const FOUND_FROM: f32 = 8.0;

/// What is kept of an original to find marks in its copies: a small grey rendition.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkReference(Plane);

impl MarkReference {
    /// Bytes of [`MarkReference::to_bytes`].
    pub const BYTES: usize = FRAME * FRAME * 2;

    /// The reference of an original.
    #[must_use]
    pub fn of(original: &Picture) -> Self {
        Self(Plane::of(original).rounded())
    }

    /// To keep it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let sample = |value: &f32| ((value * 256.0) as u16).to_le_bytes();
        self.0.samples().iter().flat_map(sample).collect()
    }

    /// From what was kept; none if it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let (pairs, _) = bytes.as_chunks::<2>();
        let samples = pairs
            .iter()
            .map(|pair| f32::from(u16::from_le_bytes(*pair)) / 256.0);
        Some(Self(Plane::new(samples.collect())))
    }
}

/// A copy of an image with the mark of a key.
///
/// # Errors
/// [`StegoError::TooSmallToMark`] if a side is below [`MARK_MIN_SIDE`].
pub fn mark(image: &Picture, key: &[u8; 32]) -> Result<Picture, StegoError> {
    let (width, height) = (image.width(), image.height());
    if width.min(height) < MARK_MIN_SIDE {
        return Err(StegoError::TooSmallToMark { width, height });
    }
    let pattern = masked(&Plane::of(image), key);
    let mean_square = pattern.samples().iter().map(|s| s * s).sum::<f32>() / (FRAME * FRAME) as f32;
    let gain = (NOISE_MAX * 0.95 / mean_square.sqrt().max(1e-6)).min(1.0);
    let mut samples = image.samples().to_vec();
    let (across, down) = (FRAME as f32 / width as f32, FRAME as f32 / height as f32);
    for (y, row) in samples
        .chunks_exact_mut(width as usize * CHANNELS)
        .enumerate()
    {
        let v = (y as f32 + 0.5) * down - 0.5;
        for (x, pixel) in row.chunks_exact_mut(CHANNELS).enumerate() {
            let u = (x as f32 + 0.5) * across - 0.5;
            let change = pattern.at(u, v) * gain;
            for sample in pixel {
                *sample = (f32::from(*sample) + change + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }
    Picture::new(width, height, samples)
}

/// How a copy that was found relates to an original.
pub struct Traced {
    /// What was changed in it, laid over the original.
    difference: Plane,
    reference: Plane,
    /// How alike the two are, 1 for equal.
    pub likeness: f32,
}

/// Below this likeness two images are not copies of one another.
pub const LIKENESS_MIN: f32 = 0.9;

impl Traced {
    /// Lays a copy over an original: also one that was scaled, or cropped by up to an eighth.
    #[must_use]
    pub fn new(found: &Picture, reference: &MarkReference) -> Self {
        let found = Plane::of(found);
        let (placed, likeness) = plane::laid_over(&found, &reference.0);
        let difference = plane::difference(&found, &reference.0, placed);
        Self {
            difference,
            reference: reference.0.clone(),
            likeness,
        }
    }

    /// By how many standard deviations the mark of a key stands out; found from [`FOUND_FROM`].
    #[must_use]
    pub fn score(&self, key: &[u8; 32]) -> f32 {
        let agreement = |key: &[u8; 32]| masked(&self.reference, key).agreement(&self.difference);
        let decoy = |number: u8| {
            let mut key = *b"pentimento: a mark nobody has ..";
            key[31] = number;
            agreement(&key)
        };
        let decoys: Vec<f32> = (0..DECOYS).map(decoy).collect();
        let count = f32::from(DECOYS);
        let mean = decoys.iter().sum::<f32>() / count;
        let spread = decoys.iter().map(|d| (d - mean) * (d - mean)).sum::<f32>() / (count - 1.0);
        (agreement(key) - mean) / spread.sqrt().max(1e-6)
    }
}

/// The pattern of a key over an image: stronger where the image is rough.
fn masked(image: &Plane, key: &[u8; 32]) -> Plane {
    let chips = chips(key);
    let rough = image.roughness();
    let scale = CHIPS as f32 / FRAME as f32;
    let mut samples = Vec::with_capacity(FRAME * FRAME);
    for y in 0..FRAME {
        let v = (y as f32 + 0.5) * scale - 0.5;
        for x in 0..FRAME {
            let u = (x as f32 + 0.5) * scale - 0.5;
            let strength = rough[y * FRAME + x] * STRENGTH_OF_ROUGHNESS;
            let strength = strength.clamp(*STRENGTH.start(), *STRENGTH.end());
            samples.push(plane::bilinear(&chips, CHIPS, u, v) * strength);
        }
    }
    Plane::new(samples)
}

/// Plus and minus one at random, without their low frequencies, which the eye would see as stains.
fn chips(key: &[u8; 32]) -> Vec<f32> {
    let mut bits = [0; CHIPS * CHIPS / 8];
    ChaCha20::new(key.into(), b"image mark 1".into()).apply_keystream(&mut bits);
    let signs = |at: usize| {
        if bits[at / 8] >> (at % 8) & 1 == 1 {
            1.0
        } else {
            -1.0
        }
    };
    let signs: Vec<f32> = (0..CHIPS * CHIPS).map(signs).collect();
    let near = |at: usize| at.saturating_sub(1)..(at + 2).min(CHIPS);
    let mut chips = Vec::with_capacity(signs.len());
    for y in 0..CHIPS {
        for x in 0..CHIPS {
            let around = near(y).flat_map(|y| near(x).map(move |x| y * CHIPS + x));
            let (sum, count) = around.fold((0.0, 0.0), |(s, c), at| (s + signs[at], c + 1.0));
            chips.push(signs[y * CHIPS + x] - sum / count);
        }
    }
    chips
}

#[cfg(test)]
mod tests;
