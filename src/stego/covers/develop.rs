//! From painted columns to the samples of a file: the softness of a lens, the noise of a
//! sensor, the fall of light towards the corners; or the flat colours of a poster.

use super::super::picture::Picture;
use super::noise::hash;
use super::rows::in_bands;
use super::view::Columns;

/// Rows one band computes.
const BAND_ROWS: usize = 32;
/// Painted samples to one step of an 8-bit sample.
const STEP: i32 = 262;
/// Darkest and brightest sample: a little away from the ends, where noise would be cut off.
const DARKEST: i32 = 5;
const BRIGHTEST: i32 = 250;
/// Distance of two colours of a poster in each channel.
const POSTER_STEP: u32 = 17;

/// Softens, adds noise (`grain`) or only what hides the steps of 8 bits, and turns the
/// columns to rows.
pub(super) fn develop(columns: &Columns, seed: u32, grain: bool) -> Picture {
    let (width, height) = (columns.width, columns.height);
    let rgb = in_bands(height.div_ceil(BAND_ROWS), |band| {
        let rows = band * BAND_ROWS..height.min((band + 1) * BAND_ROWS);
        let mut rgb = vec![0; rows.len() * width * 3];
        for column in 0..width {
            for (at, row) in rows.clone().enumerate() {
                let soft = softened(columns, column, row);
                let pixel = &mut rgb[(at * width + column) * 3..][..3];
                let noise = sensor_noise(column, row, seed, grain);
                for ((sample, soft), noise) in pixel.iter_mut().zip(soft).zip(noise) {
                    let value = (soft + noise) / STEP;
                    *sample = value.clamp(DARKEST, BRIGHTEST) as u8;
                }
            }
        }
        rgb
    });
    Picture::new(width as u32, height as u32, rgb).expect("each row of each band was written")
}

/// A narrow 3 x 3 blur: what a lens does to an edge.
fn softened(columns: &Columns, column: usize, row: usize) -> [i32; 3] {
    let height = columns.height;
    let at = |c: usize, r: usize| columns.samples[c * height + r].map(i32::from);
    let (left, right) = (
        column.saturating_sub(1),
        (column + 1).min(columns.width - 1),
    );
    let (above, below) = (row.saturating_sub(1), (row + 1).min(height - 1));
    let middle = at(column, row);
    let cross = [
        at(left, row),
        at(right, row),
        at(column, above),
        at(column, below),
    ];
    let corners = [
        at(left, above),
        at(right, above),
        at(left, below),
        at(right, below),
    ];
    std::array::from_fn(|i| {
        let near: i32 = cross.iter().map(|sample| sample[i]).sum();
        let far: i32 = corners.iter().map(|sample| sample[i]).sum();
        (middle[i] * 24 + near * 8 + far * 2) / 64
    })
}

/// Noise for the three samples of a pixel, a little stronger in blue as in a real sensor; each
/// a sum of four even numbers, which is close to a normal distribution.
fn sensor_noise(column: usize, row: usize, seed: u32, grain: bool) -> [i32; 3] {
    let first = hash(column as i32, row as i32, seed ^ 0x9a1);
    if !grain {
        return [first, first >> 10, first >> 20].map(|bits| (bits & 255) as i32 * STEP / 256);
    }
    let second = hash(column as i32, row as i32, seed ^ 0x9a2);
    let third = first.wrapping_mul(0x2545_f491) ^ second.wrapping_mul(0x9e37_79b1);
    [(first, 3), (third, 4), (second, 5)].map(|(bits, strength)| {
        let sum: u32 = (0..4).map(|byte| bits >> (byte * 8) & 255).sum();
        (sum as i32 - 510) * strength * 3 / 4 + STEP / 2
    })
}

/// Enlarges `small` smoothly and rounds each sample to one of a few values, so that areas of
/// one colour with smooth outlines remain.
pub(super) fn poster(detailed: &Picture, width: u32, height: u32) -> Picture {
    let small = &smoothed(detailed);
    let rgb = in_bands((height as usize).div_ceil(BAND_ROWS), |band| {
        let rows = band * BAND_ROWS..(height as usize).min((band + 1) * BAND_ROWS);
        let mut rgb = Vec::with_capacity(rows.len() * width as usize * 3);
        for row in rows {
            let y = place(row as u32, height, small.height());
            for column in 0..width {
                let x = place(column, width, small.width());
                rgb.extend(enlarged(small, x, y).map(flat));
            }
        }
        rgb
    });
    Picture::new(width, height, rgb).expect("each row of each band was written")
}

/// Each sample the mean of its 5 x 5 neighbours: texture goes, outlines stay.
fn smoothed(picture: &Picture) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let samples = picture.samples();
    let near = |at: usize, side: usize| at.saturating_sub(2)..(at + 3).min(side);
    let mut rgb = Vec::with_capacity(samples.len());
    for row in 0..height {
        for column in 0..width {
            let mut sums = [0_u32; 3];
            let (rows, columns) = (near(row, height), near(column, width));
            let count = (rows.len() * columns.len()) as u32;
            for r in rows {
                for pixel in
                    samples[(r * width + columns.start) * 3..][..columns.len() * 3].chunks_exact(3)
                {
                    for (sum, &sample) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(sample);
                    }
                }
            }
            rgb.extend(sums.map(|sum| (sum / count) as u8));
        }
    }
    Picture::new(picture.width(), picture.height(), rgb).expect("the size did not change")
}

/// A position in the small picture in 1/256 pixels.
fn place(index: u32, large: u32, small: u32) -> u32 {
    let exact = u64::from(index) * u64::from(small - 1) * 256 / u64::from(large.max(2) - 1);
    u32::try_from(exact).unwrap_or(0).min((small - 1) * 256)
}

fn enlarged(small: &Picture, x: u32, y: u32) -> [u32; 3] {
    let (column, row) = (x / 256, y / 256);
    let (right, below) = (
        (column + 1).min(small.width() - 1),
        (row + 1).min(small.height() - 1),
    );
    let (fx, fy) = (x % 256, y % 256);
    let at = |c: u32, r: u32, i: usize| {
        u32::from(small.samples()[(r as usize * small.width() as usize + c as usize) * 3 + i])
    };
    std::array::from_fn(|i| {
        let upper = at(column, row, i) * (256 - fx) + at(right, row, i) * fx;
        let lower = at(column, below, i) * (256 - fx) + at(right, below, i) * fx;
        (upper * (256 - fy) + lower * fy) >> 16
    })
}

/// The nearest colour of the poster.
fn flat(sample: u32) -> u8 {
    ((sample + POSTER_STEP / 2) / POSTER_STEP * POSTER_STEP).min(250) as u8
}
