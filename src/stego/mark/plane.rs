//! Brightness on a square grid that is stretched over an image, and how one image lies over
//! another.

use super::super::picture::{CHANNELS, Picture};

/// Sides of the grid.
pub(super) const FRAME: usize = 256;
/// Sides of the grids on which images are laid over each other, coarse to fine.
const STAGES: [usize; 3] = [32, 64, 128];
/// Parts of a side that may be missing at each edge.
const CROPS: [f32; 6] = [0.0, 0.025, 0.05, 0.075, 0.1, 0.125];

/// Brightness from 0 to 255.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane(Vec<f32>);

/// Which part of an original a found image shows: left, top, right, bottom, as parts of its sides.
pub(super) type Placed = [f32; 4];

impl Plane {
    /// From as many samples as there are places.
    pub(super) const fn new(samples: Vec<f32>) -> Self {
        Self(samples)
    }

    /// Each place the mean of what it covers.
    pub(super) fn of(image: &Picture) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let row_of = |y: usize| &image.samples()[y * width * CHANNELS..][..width * CHANNELS];
        let mut lines = vec![0.0; FRAME * height];
        for (y, line) in lines.chunks_exact_mut(FRAME).enumerate() {
            let row = row_of(y);
            let bright = |x: usize| brightness(&row[x * CHANNELS..]);
            shrink(width, bright, line);
        }
        let mut samples = vec![0.0; FRAME * FRAME];
        let mut column = [0.0; FRAME];
        for x in 0..FRAME {
            shrink(height, |y| lines[y * FRAME + x], &mut column);
            for (y, value) in column.iter().enumerate() {
                samples[y * FRAME + x] = *value;
            }
        }
        Self(samples)
    }

    /// As it is after being kept with 16 bits.
    pub(super) fn rounded(self) -> Self {
        let round = |value: f32| f32::from((value * 256.0) as u16) / 256.0;
        Self(self.0.into_iter().map(round).collect())
    }

    pub(super) fn samples(&self) -> &[f32] {
        &self.0
    }

    /// Between places, the edges repeated.
    pub(super) fn at(&self, u: f32, v: f32) -> f32 {
        bilinear(&self.0, FRAME, u, v)
    }

    /// How far each place lies from the mean around it, itself averaged around it.
    pub(super) fn roughness(&self) -> Vec<f32> {
        let mean = blurred(&self.0, 2);
        let apart: Vec<f32> = self
            .0
            .iter()
            .zip(&mean)
            .map(|(a, b)| (a - b).abs())
            .collect();
        blurred(&apart, 4)
    }

    /// The correlation of two planes, without their low frequencies.
    pub(super) fn agreement(&self, other: &Self) -> f32 {
        let (mut product, mut ours, mut theirs) = (0.0, 0.0, 0.0);
        for (a, b) in self.0.iter().zip(&other.0) {
            product += a * b;
            ours += a * a;
            theirs += b * b;
        }
        product / (ours * theirs).sqrt().max(1e-9)
    }

    /// On a coarser grid, `side` a divisor of [`FRAME`].
    fn coarse(&self, side: usize) -> Vec<f32> {
        let step = FRAME / side;
        let mut coarse = vec![0.0; side * side];
        for (at, value) in self.0.iter().enumerate() {
            coarse[at / FRAME / step * side + at % FRAME / step] += value;
        }
        coarse
    }
}

fn brightness(pixel: &[u8]) -> f32 {
    f32::from(pixel[0]) * 0.3 + f32::from(pixel[1]) * 0.6 + f32::from(pixel[2]) * 0.1
}

/// Means of what each place covers; where a place covers less than one sample, between samples.
fn shrink(count: usize, sample: impl Fn(usize) -> f32, into: &mut [f32]) {
    let step = count as f32 / into.len() as f32;
    for (place, value) in into.iter_mut().enumerate() {
        let (from, to) = (place as f32 * step, (place + 1) as f32 * step);
        let (mut sum, mut weight) = (0.0, 0.0);
        for at in from as usize..(to.ceil() as usize).min(count) {
            let part = (to.min((at + 1) as f32) - from.max(at as f32)).max(0.0);
            sum += sample(at) * part;
            weight += part;
        }
        *value = sum / weight.max(1e-9);
    }
}

/// Between the samples of a square grid, the edges repeated.
pub(super) fn bilinear(samples: &[f32], side: usize, u: f32, v: f32) -> f32 {
    let last = (side - 1) as f32;
    let (u, v) = (u.clamp(0.0, last), v.clamp(0.0, last));
    let (x, y) = (u as usize, v as usize);
    let (right, below) = ((x + 1).min(side - 1), (y + 1).min(side - 1));
    let (fu, fv) = (u - x as f32, v - y as f32);
    let row = |y: usize| samples[y * side + x] * (1.0 - fu) + samples[y * side + right] * fu;
    row(y) * (1.0 - fv) + row(below) * fv
}

/// The mean of a square around each place, first along rows, then along columns.
fn blurred(samples: &[f32], radius: usize) -> Vec<f32> {
    let turn = |samples: &[f32]| {
        let mut turned = vec![0.0; FRAME * FRAME];
        for (y, row) in samples.chunks_exact(FRAME).enumerate() {
            for x in 0..FRAME {
                let near = &row[x.saturating_sub(radius)..(x + radius + 1).min(FRAME)];
                turned[x * FRAME + y] = near.iter().sum::<f32>() / near.len() as f32;
            }
        }
        turned
    };
    turn(&turn(samples))
}

/// Which part of the original the found image shows, and how alike they are there.
pub(super) fn laid_over(found: &Plane, original: &Plane) -> (Placed, f32) {
    let mut best = ([0.0, 0.0, 1.0, 1.0], f32::MIN);
    let side = STAGES[0];
    let (small, large) = (found.coarse(side), original.coarse(side));
    for left in CROPS {
        for right in CROPS {
            for top in CROPS {
                for bottom in CROPS {
                    let placed = [left, top, 1.0 - right, 1.0 - bottom];
                    let alike = likeness(&small, &large, side, placed);
                    if alike > best.1 {
                        best = (placed, alike);
                    }
                }
            }
        }
    }
    let mut step = 0.0125;
    for side in STAGES {
        best = refined(found, original, side, best.0, step);
        step /= 4.0;
    }
    best
}

/// Moves each edge by ever smaller steps while that makes the two more alike.
fn refined(found: &Plane, original: &Plane, side: usize, from: Placed, step: f32) -> (Placed, f32) {
    let (small, large) = (found.coarse(side), original.coarse(side));
    let mut best = (from, likeness(&small, &large, side, from));
    let mut step = step;
    while step > 0.1 / FRAME as f32 {
        let before = best.1;
        for edge in 0..4 {
            for change in [-step, step] {
                let mut placed = best.0;
                placed[edge] = (placed[edge] + change).clamp(0.0, 1.0);
                let alike = likeness(&small, &large, side, placed);
                if alike > best.1 {
                    best = (placed, alike);
                }
            }
        }
        if best.1 <= before {
            step /= 2.0;
        }
    }
    best
}

/// The correlation of a found image with the part of the original that it is taken for.
fn likeness(found: &[f32], original: &[f32], side: usize, placed: Placed) -> f32 {
    let (mut n, mut sf, mut so, mut sff, mut soo, mut sfo) = (0.0_f64, 0.0, 0.0, 0.0, 0.0, 0.0);
    for_each(side, placed, |at, u, v| {
        let (f, o) = (
            f64::from(found[at]),
            f64::from(bilinear(original, side, u, v)),
        );
        n += 1.0;
        sf += f;
        so += o;
        sff += f * f;
        soo += o * o;
        sfo += f * o;
    });
    let covariance = n * sfo - sf * so;
    let spread = ((n * sff - sf * sf) * (n * soo - so * so)).max(1e-9).sqrt();
    (covariance / spread) as f32
}

/// Calls with each place of the found image and where it lies in the original.
fn for_each(side: usize, placed: Placed, mut call: impl FnMut(usize, f32, f32)) {
    let [left, top, right, bottom] = placed;
    let scale = side as f32;
    for y in 0..side {
        let v = (top + (bottom - top) * (y as f32 + 0.5) / scale) * scale - 0.5;
        for x in 0..side {
            let u = (left + (right - left) * (x as f32 + 0.5) / scale) * scale - 0.5;
            call(y * side + x, u, v);
        }
    }
}

/// What was changed in the found image, on the grid of the original, without low frequencies and
/// without what brightness and contrast of the whole explain; nothing where it shows nothing.
pub(super) fn difference(found: &Plane, original: &Plane, placed: Placed) -> Plane {
    let [left, top, right, bottom] = placed;
    let mut pairs = Vec::with_capacity(FRAME * FRAME);
    for y in 0..FRAME {
        let down = ((y as f32 + 0.5) / FRAME as f32 - top) / (bottom - top).max(1e-3);
        for x in 0..FRAME {
            let along = ((x as f32 + 0.5) / FRAME as f32 - left) / (right - left).max(1e-3);
            let inside = (0.0..1.0).contains(&down) && (0.0..1.0).contains(&along);
            let (u, v) = (along * FRAME as f32 - 0.5, down * FRAME as f32 - 0.5);
            pairs.push(inside.then(|| (found.at(u, v), original.0[y * FRAME + x])));
        }
    }
    let (gain, offset) = fitted(pairs.iter().flatten().copied());
    let apart = |pair: &Option<(f32, f32)>| pair.map_or(0.0, |(f, o)| f - gain * o - offset);
    let apart: Vec<f32> = pairs.iter().map(apart).collect();
    let low = blurred(&apart, 8);
    let high = apart
        .iter()
        .zip(&low)
        .map(|(a, b)| (a - b).clamp(-12.0, 12.0));
    Plane(high.collect())
}

/// The line that fits pairs best: gain and offset.
fn fitted(pairs: impl Iterator<Item = (f32, f32)>) -> (f32, f32) {
    let (mut n, mut sf, mut so, mut soo, mut sfo) = (0.0_f64, 0.0, 0.0, 0.0, 0.0);
    for (f, o) in pairs {
        let (f, o) = (f64::from(f), f64::from(o));
        n += 1.0;
        sf += f;
        so += o;
        soo += o * o;
        sfo += f * o;
    }
    let spread = n * soo - so * so;
    if n < 1.0 || spread.abs() < 1e-6 {
        return (1.0, 0.0);
    }
    let gain = (n * sfo - sf * so) / spread;
    (gain as f32, ((sf - gain * so) / n) as f32)
}
