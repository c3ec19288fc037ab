//! Value noise and the few curves the renderer needs, the same on every machine.
//!
//! Only `+ - * /`, square root, comparisons and integer hashes: no function whose last bit
//! depends on a mathematics library. Noise is a function of position and seed, never of order.

/// The whole number below and the fraction above it; positions stay far inside `i32`.
#[inline]
fn split(position: f32) -> (i32, f32) {
    let towards_zero = position as i32;
    let whole = towards_zero - i32::from(position < towards_zero as f32);
    (whole, position - whole as f32)
}

/// Mixes two lattice coordinates and a seed into 32 even bits (constants: Wellons 2018).
#[inline]
pub(super) fn hash(x: i32, y: i32, seed: u32) -> u32 {
    let mut h = seed ^ (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    h = (h ^ (h >> 16)).wrapping_mul(0x7feb_352d);
    h = (h ^ (h >> 15)).wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

/// A hash as a number from 0 to 1.
#[inline]
pub(super) fn unit(hash: u32) -> f32 {
    (hash >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Even numbers from 0 to 1 at the four corners of a lattice cell: both upper, both lower.
/// One multiplication each; only the high bits, which are well mixed by then, are used.
#[inline]
fn corners(x: i32, y: i32, seed: u32) -> [f32; 4] {
    const STEP_X: u32 = 0x9e37_79b1;
    const STEP_Y: u32 = 0x85eb_ca77;
    let base = (x as u32)
        .wrapping_mul(STEP_X)
        .wrapping_add((y as u32).wrapping_mul(STEP_Y))
        .wrapping_add(seed.wrapping_mul(0xc2b2_ae3d));
    [0, STEP_X, STEP_Y, STEP_X.wrapping_add(STEP_Y)].map(|step| {
        let h = base.wrapping_add(step);
        unit((h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d))
    })
}

/// Smooth noise from 0 to 1 with wavelength 1, and its two slopes.
#[inline]
pub(super) fn noise_slopes(x: f32, y: f32, seed: u32) -> (f32, f32, f32) {
    let (ix, fx) = split(x);
    let (iy, fy) = split(y);
    let [a, b, c, d] = corners(ix, iy, seed);
    let (b, c, d) = (b - a, c - a, d - b - c + a);
    let (ux, uy) = (quintic(fx), quintic(fy));
    let (dx, dy) = (quintic_slope(fx), quintic_slope(fy));
    (
        a + b * ux + c * uy + d * ux * uy,
        dx * (b + d * uy),
        dy * (c + d * ux),
    )
}

/// Smooth noise from 0 to 1 with wavelength 1.
#[inline]
pub(super) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (ix, fx) = split(x);
    let (iy, fy) = split(y);
    let [a, b, c, d] = corners(ix, iy, seed);
    let (ux, uy) = (quintic(fx), quintic(fy));
    mix(mix(a, b, ux), mix(c, d, ux), uy)
}

/// Noise of `octaves` wavelengths, each turned, halved and weaker; from 0 to 1.
#[inline]
pub(super) fn fbm(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut x, mut y, mut weight, mut sum, mut total) = (x, y, 0.5_f32, 0.0, 0.0);
    for octave in 0..octaves {
        sum += weight * noise(x, y, seed.wrapping_add(octave));
        total += weight;
        weight *= 0.5;
        (x, y) = turned(x, y);
    }
    sum / total
}

/// Half the wavelength, turned by the angle of the 3-4-5 triangle to hide the lattice.
#[inline]
pub(super) fn turned(x: f32, y: f32) -> (f32, f32) {
    (1.6 * x + 1.2 * y, 1.6 * y - 1.2 * x)
}

#[inline]
fn quintic(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

#[inline]
fn quintic_slope(t: f32) -> f32 {
    30.0 * t * t * (t * (t - 2.0) + 1.0)
}

/// `a` at 0, `b` at 1.
#[inline]
pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 below `from`, 1 above `to`, smooth between; also downwards when `from > to`.
#[inline]
pub(super) fn smooth(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A falling exponential, close enough for haze: 1 at 0, towards 0 for large `a`.
#[inline]
pub(super) fn fade(a: f32) -> f32 {
    1.0 / (1.0 + a * (1.0 + a * (0.5 + a * 0.166_67)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_stays_in_range_and_its_slopes_are_its_slopes() {
        for step in 0..500_i16 {
            let (x, y) = (f32::from(step) * 0.37 - 90.0, 40.0 - f32::from(step) * 0.23);
            let (value, dx, dy) = noise_slopes(x, y, 7);
            assert!((0.0..=1.0).contains(&value));
            assert!((value - noise(x, y, 7)).abs() < 1e-4);
            let e = 1.0 / 64.0;
            assert!((noise(x + e, y, 7) - noise(x - e, y, 7) - dx * 2.0 * e).abs() < 0.01);
            assert!((noise(x, y + e, 7) - noise(x, y - e, 7) - dy * 2.0 * e).abs() < 0.01);
            assert!((0.0..=1.0).contains(&fbm(x, y, 5, 9)));
        }
    }

    #[test]
    fn curves_meet_their_ends() {
        assert_eq!((smooth(1.0, 2.0, 0.5), smooth(1.0, 2.0, 3.0)), (0.0, 1.0));
        assert_eq!((smooth(2.0, 1.0, 0.5), smooth(2.0, 1.0, 3.0)), (1.0, 0.0));
        assert_eq!(fade(0.0), 1.0);
        assert!(fade(1.0) > fade(2.0) && fade(100.0) < 0.001);
    }
}
