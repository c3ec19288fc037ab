//! How good a picture is as a cover: what a person should know before hiding in their own.
//!
//! Judges, never refuses. In flat areas and at the ends of the scale a sample that moved by one
//! stands out; a picture that was a JPEG before lies on a grid that samples moved by one leave; of
//! a default cover everybody who owns the program has the original.

use std::fmt;
use std::slice::ChunksExact;

use super::cover_id::CoverScene;
use super::picture::{CHANNELS, Picture};

mod signatures;

/// Side of the squares that are judged one by one.
const SQUARE: usize = 8;
/// Rows of squares that are looked at, evenly spread: more tell no more, and take longer than
/// hiding does.
const BANDS_MAX: usize = 32;
/// A square is flat if its samples lie, in the mean, closer than this to the middle of their
/// neighbours. Noise of a standard deviation of half a level gives 0.49.
const FLAT_BELOW: f32 = 0.5;
/// Part of flat squares from which a person is warned.
const FLAT_MAX: f32 = 0.1;
/// Part of samples of 0 or 255 from which a person is warned.
const SATURATED_MAX: f32 = 0.01;
/// How much rougher the borders of a grid of eight may be than what lies between.
const GRID_MAX: f32 = 1.12;
/// Mean distance of two signatures below which two pictures are the same to the eye, in levels.
const ALIKE_BELOW: u32 = 4;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Part of the 8 x 8 squares looked at without texture or noise, 0 to 1.
    pub flat: f32,
    /// Part of the samples looked at that are 0 or 255, 0 to 1.
    pub saturated: f32,
    /// How much rougher the picture is at the borders of the squares of a JPEG than between them;
    /// about 1 for a picture that never was one.
    pub grid: f32,
    /// The scene of the default covers that it shows.
    pub known: Option<CoverScene>,
}

/// What is wrong with a cover.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CoverWarning {
    /// Too much of it is flat; the part, 0 to 1.
    Flat(f32),
    /// Too many samples are at an end of the scale; the part, 0 to 1.
    Saturated(f32),
    /// It was compressed as JPEG.
    WasJpeg,
    /// It is one of the default covers.
    Known(CoverScene),
}

impl CoverWarning {
    /// A name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat(_) => "flat",
            Self::Saturated(_) => "saturated",
            Self::WasJpeg => "was_jpeg",
            Self::Known(_) => "known",
        }
    }
}

impl fmt::Display for CoverWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(part) => write!(
                f,
                "{:.0} % of this cover is flat: changes show there to whoever looks for them",
                part * 100.0
            ),
            Self::Saturated(part) => write!(
                f,
                "{:.1} % of this cover is pure black or white, where every change shows",
                part * 100.0
            ),
            Self::WasJpeg => f.write_str(
                "this cover was a JPEG: whoever compresses it again can tell that it was \
                 changed, though not what is inside",
            ),
            Self::Known(scene) => write!(
                f,
                "this cover is the default cover \"{}\", which everybody has",
                scene.name()
            ),
        }
    }
}

impl Judgement {
    /// What a person should know, the worst first.
    #[must_use]
    pub fn warnings(&self) -> Vec<CoverWarning> {
        let known = self.known.map(CoverWarning::Known);
        let was_jpeg = (self.grid > GRID_MAX).then_some(CoverWarning::WasJpeg);
        let saturated = self.saturated > SATURATED_MAX;
        let saturated = saturated.then_some(CoverWarning::Saturated(self.saturated));
        let flat = (self.flat > FLAT_MAX).then_some(CoverWarning::Flat(self.flat));
        [known, was_jpeg, saturated, flat]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Judges a picture as a cover.
#[must_use]
pub fn judge(cover: &Picture) -> Judgement {
    Judgement {
        flat: flat_part(cover),
        saturated: saturated_part(cover),
        grid: grid_ratio(cover),
        known: known(cover),
    }
}

fn saturated_part(cover: &Picture) -> f32 {
    let (mut ends, mut all) = (0, 0);
    for row in bands(cover).flatten() {
        ends += row.iter().filter(|&&s| s == 0 || s == 255).count();
        all += row.len();
    }
    ends as f32 / all.max(1) as f32
}

/// How far a green sample lies from the middle of its neighbours in the row, twice.
fn roughness(row: &[u8], x: usize) -> u32 {
    let at = |x: usize| i32::from(row[x * CHANNELS + 1]);
    (2 * at(x) - at(x - 1) - at(x + 1)).unsigned_abs()
}

/// Rows of squares, as rows of samples: all, or as many as are enough.
fn bands(cover: &Picture) -> impl Iterator<Item = ChunksExact<'_, u8>> {
    let row_bytes = cover.width() as usize * CHANNELS;
    let bands = cover.samples().chunks(SQUARE * row_bytes);
    let step = bands.len().div_ceil(BANDS_MAX);
    bands
        .step_by(step)
        .map(move |band| band.chunks_exact(row_bytes))
}

fn flat_part(cover: &Picture) -> f32 {
    let inner = (cover.width() as usize).saturating_sub(2) / SQUARE;
    let mut squares = vec![0_u32; inner];
    let (mut flat, mut all) = (0, 0);
    for band in bands(cover).filter(|band| band.len() == SQUARE) {
        squares.fill(0);
        for row in band {
            for (number, sum) in squares.iter_mut().enumerate() {
                let first = 1 + number * SQUARE;
                *sum += (first..first + SQUARE)
                    .map(|x| roughness(row, x))
                    .sum::<u32>();
            }
        }
        let limit = FLAT_BELOW * 2.0 * (SQUARE * SQUARE) as f32;
        flat += squares.iter().filter(|&&sum| (sum as f32) < limit).count();
        all += squares.len();
    }
    flat as f32 / all.max(1) as f32
}

/// Roughness at the border of every eighth column, over that of the columns in the middle between.
/// The grid of a picture that was cropped begins anywhere: the roughest phase counts.
fn grid_ratio(cover: &Picture) -> f32 {
    let mut sums = [0_u64; SQUARE];
    let mut counts = [0_u64; SQUARE];
    for row in bands(cover).flatten() {
        let green: Vec<i32> = row
            .iter()
            .skip(1)
            .step_by(CHANNELS)
            .map(|&s| s.into())
            .collect();
        for (four, phase) in green.windows(4).zip((0..SQUARE).cycle()) {
            // A step between two columns, against the slopes at both its sides.
            let (left, right) = (four[1] - four[0], four[3] - four[2]);
            let step = (2 * (four[2] - four[1]) - left - right).unsigned_abs();
            // Edges of things say nothing.
            sums[phase] += u64::from(step.min(24));
            counts[phase] += 1;
        }
    }
    let mean = |phase: usize| sums[phase] as f32 / counts[phase].max(1) as f32;
    let mut means: [f32; SQUARE] = std::array::from_fn(mean);
    means.sort_unstable_by(f32::total_cmp);
    let middle = (means[3] + means[4]) / 2.0;
    if middle > 0.0 {
        means[SQUARE - 1] / middle
    } else {
        1.0
    }
}

/// Columns and rows of a signature.
const SIGNATURE: (u32, u32) = (6, 4);
/// Samples of a signature.
const SIGNATURE_BYTES: usize = 72;

/// Rows that are looked at for each line of it.
const LINE_ROWS_MAX: usize = 128;

/// The mean colours of a grid over the picture.
fn signature(picture: &Picture) -> [u8; SIGNATURE_BYTES] {
    let (columns, lines) = SIGNATURE;
    let mut signature = [0; SIGNATURE_BYTES];
    let width = picture.width() as usize;
    let edge = |i: u32, count: u32, side: u32| {
        (u64::from(i) * u64::from(side) / u64::from(count)) as usize
    };
    for line in 0..lines {
        for column in 0..columns {
            let ys = edge(line, lines, picture.height())..edge(line + 1, lines, picture.height());
            let xs =
                edge(column, columns, picture.width())..edge(column + 1, columns, picture.width());
            let ys = ys.clone().step_by(ys.len().div_ceil(LINE_ROWS_MAX).max(1));
            let count = (ys.len() * xs.len()).max(1) as u64;
            let mut sums = [0_u64; CHANNELS];
            for y in ys {
                let cells =
                    &picture.samples()[(y * width + xs.start) * CHANNELS..][..xs.len() * CHANNELS];
                for pixel in cells.chunks_exact(CHANNELS) {
                    for (sum, &sample) in sums.iter_mut().zip(pixel) {
                        *sum += u64::from(sample);
                    }
                }
            }
            let at = (line * columns + column) as usize * CHANNELS;
            signature[at..at + CHANNELS].copy_from_slice(&sums.map(|sum| (sum / count) as u8));
        }
    }
    signature
}

fn known(cover: &Picture) -> Option<CoverScene> {
    let ours = signature(cover);
    let distance = |other: &[u8]| {
        let apart = ours
            .iter()
            .zip(other)
            .map(|(a, b)| u32::from(a.abs_diff(*b)));
        apart.sum::<u32>() / SIGNATURE_BYTES as u32
    };
    let signatures = signatures::ALL.chunks_exact(SIGNATURE_BYTES);
    let scenes = CoverScene::ALL.into_iter().chain(CoverScene::ALL);
    scenes
        .zip(signatures)
        .find(|(_, other)| distance(other) < ALIKE_BELOW)
        .map(|(scene, _)| scene)
}

/// The signature of a default cover drawn small, for [`signatures::ALL`].
#[cfg(test)]
fn signature_of(cover: super::cover_id::CoverId) -> [u8; SIGNATURE_BYTES] {
    let (width, height) = cover.dimensions();
    let small = super::covers::render_scene(cover.scene, 480, 480 * height / width);
    signature(&small)
}

#[cfg(test)]
mod tests;
