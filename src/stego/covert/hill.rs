//! What it costs to change a sample: little in texture, much where a change would be seen.
//!
//! The costs of HILL (Li, Wang, Huang and Li, "A new cost function for spatial image
//! steganography", ICIP 2014): the residual of a 3 x 3 high-pass filter, its size averaged over
//! 3 x 3, the reciprocal, averaged over 15 x 15. Each channel by itself, mirrored at the edges.
//! In whole numbers, so that the costs are the same on every machine.

use crate::stego::picture::{CHANNELS, Picture};

/// A sample that must not change: 0 and 255 have one neighbour only, and are seldom noise.
pub(super) const WET: u32 = u32::MAX >> 1;
/// Reciprocals are in units of one part in this.
const UNIT: u32 = 1 << 23;
/// The average over 3 x 3 reaches so far from its middle.
const NEAR: usize = 1;
/// And the one over 15 x 15.
const FAR: usize = 7;

/// The cost of each sample, below 2^31, in the order of the picture's samples.
pub(super) fn costs(picture: &Picture) -> Vec<u32> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut all = vec![0; picture.samples().len()];
    for channel in 0..CHANNELS {
        let samples = picture.samples().iter().skip(channel).step_by(CHANNELS);
        let plane = Plane::new(width, samples.map(|&sample| i32::from(sample)).collect());
        let noise = plane.high_pass().sums(NEAR);
        let reciprocal = Plane::new(width, noise.iter().map(|&sum| UNIT / sum.max(1)).collect());
        let spread = reciprocal.sums(FAR);
        debug_assert_eq!(spread.len(), width * height);
        let places = all.iter_mut().skip(channel).step_by(CHANNELS);
        for ((place, cost), &sample) in places.zip(spread).zip(&plane.values) {
            *place = if matches!(sample, 0 | 255) { WET } else { cost };
        }
    }
    all
}

/// One value for each pixel.
struct Plane<T> {
    width: usize,
    values: Vec<T>,
}

impl<T> Plane<T> {
    fn new(width: usize, values: Vec<T>) -> Self {
        Self { width, values }
    }

    fn height(&self) -> usize {
        self.values.len() / self.width
    }

    /// A row, mirrored above and below.
    fn row(&self, y: isize) -> &[T] {
        let y = mirrored(y, self.height());
        &self.values[y * self.width..][..self.width]
    }
}

impl Plane<i32> {
    /// How far each value is from what its eight neighbours suggest.
    fn high_pass(&self) -> Plane<u32> {
        let mut residuals = Vec::with_capacity(self.values.len());
        // By columns, with one more at each end: the outer ones weigh -1, 2, -1, the middle one
        // 2, -4, 2.
        let mut sides = vec![0; self.width + 2];
        for y in 0..self.height() as isize {
            let (above, row, below) = (self.row(y - 1), self.row(y), self.row(y + 1));
            let three = above.iter().zip(row).zip(below);
            for (side, ((above, middle), below)) in sides[1..].iter_mut().zip(three) {
                *side = 2 * middle - above - below;
            }
            sides[0] = sides[1];
            sides[self.width + 1] = sides[self.width];
            let three = sides.iter().zip(&sides[1..]).zip(&sides[2..]);
            residuals.extend(
                three.map(|((left, middle), right)| (left + right - 2 * middle).unsigned_abs()),
            );
        }
        Plane::new(self.width, residuals)
    }
}

impl Plane<u32> {
    /// The sums over squares that reach `radius` from each pixel.
    fn sums(&self, radius: usize) -> Vec<u32> {
        let reach = radius as isize;
        let mut columns = vec![0_u32; self.width];
        for y in -reach..=reach {
            for (column, value) in columns.iter_mut().zip(self.row(y)) {
                *column += value;
            }
        }
        let mut sums = Vec::with_capacity(self.values.len());
        let mut wide = vec![0_u32; self.width + 2 * radius + 1];
        for y in 0..self.height() as isize {
            wide[radius..][..self.width].copy_from_slice(&columns);
            for beyond in 0..=radius {
                let right = self.width + beyond;
                wide[radius + right] = columns[mirrored(right as isize, self.width)];
                let left = beyond as isize - reach;
                wide[beyond] = columns[mirrored(left, self.width)];
            }
            let mut sum: u32 = wide[..=2 * radius].iter().sum();
            for (leaving, entering) in wide.iter().zip(&wide[2 * radius + 1..]) {
                sums.push(sum);
                sum = sum + entering - leaving;
            }
            let (entering, leaving) = (self.row(y + reach + 1), self.row(y - reach));
            for ((column, more), less) in columns.iter_mut().zip(entering).zip(leaving) {
                *column = *column + more - less;
            }
        }
        sums
    }
}

/// The place inside that lies in a mirror at the edge, for places outside.
#[inline]
fn mirrored(place: isize, length: usize) -> usize {
    if (0..length as isize).contains(&place) {
        return place as usize;
    }
    let turned = place.rem_euclid(2 * length as isize) as usize;
    turned.min(2 * length - 1 - turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(plane: &Plane<i32>, x: isize, y: isize) -> i32 {
        plane.row(y)[mirrored(x, plane.width)]
    }

    /// The definition, sum by sum.
    fn naive(plane: &Plane<i32>) -> Vec<u32> {
        let kernel = [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]];
        let (width, height) = (plane.width as isize, plane.height() as isize);
        let over = |reach: isize| {
            (-reach..=reach).flat_map(move |dy| (-reach..=reach).map(move |dx| (dx, dy)))
        };
        let inside = |x, y| {
            (
                mirrored(x, width as usize) as isize,
                mirrored(y, height as usize) as isize,
            )
        };
        let residual = |x: isize, y: isize| -> u32 {
            let (x, y) = inside(x, y);
            let weigh = |(dx, dy): (isize, isize)| {
                kernel[(dy + 1) as usize][(dx + 1) as usize] * at(plane, x + dx, y + dy)
            };
            over(1).map(weigh).sum::<i32>().unsigned_abs()
        };
        let reciprocal = |x: isize, y: isize| -> u32 {
            let (x, y) = inside(x, y);
            let sum: u32 = over(1).map(|(dx, dy)| residual(x + dx, y + dy)).sum();
            UNIT / sum.max(1)
        };
        let mut costs = Vec::new();
        for y in 0..height {
            for x in 0..width {
                costs.push(over(7).map(|(dx, dy)| reciprocal(x + dx, y + dy)).sum());
            }
        }
        costs
    }

    #[test]
    fn costs_are_what_the_definition_says() {
        for (width, height) in [(1, 1), (2, 9), (9, 3), (17, 13)] {
            let count = width * height;
            let noisy = |i: usize| 1 + (i * i * 7 + i * 31) % 254;
            let plane = Plane::new(width, (0..count).map(|i| noisy(i) as i32).collect());
            let rgb = (0..count * 3).map(|i| noisy(i / 3) as u8).collect();
            let picture = Picture::new(width as u32, height as u32, rgb).unwrap();
            let wanted = naive(&plane);
            for (sample, cost) in costs(&picture).into_iter().enumerate() {
                assert_eq!(cost, wanted[sample / 3], "{width} x {height}, {sample}");
            }
        }
    }

    #[test]
    fn texture_is_cheap_flat_parts_are_dear_and_the_ends_never_change() {
        let sample = |i: usize| match (i / 3 % 64, i) {
            (0, _) => 255,
            (1..32, _) => 120,
            (_, i) => 100 + (((i * i * 2_654_435) >> 7) & 63) as u8,
        };
        let picture = Picture::new(64, 64, (0..64 * 64 * 3).map(sample).collect()).unwrap();
        let costs = costs(&picture);
        let row = &costs[32 * 64 * 3..][..64 * 3];
        assert_eq!(row[0], WET);
        assert!(
            row[16 * 3] > 20 * row[50 * 3],
            "{} {}",
            row[16 * 3],
            row[50 * 3]
        );
        assert!(row[16 * 3] < WET);
    }
}
