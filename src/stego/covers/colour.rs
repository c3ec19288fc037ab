//! Linear-light colour: three numbers, sums and products.

use std::ops::{Add, Mul};

/// Red, green and blue as amounts of light; 1 is the brightness of a white wall in the sun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour(pub(super) [f32; 3]);

impl Colour {
    /// From the 8-bit numbers a colour picker shows, with gamma taken as 2.
    pub(super) const fn picked(red: u8, green: u8, blue: u8) -> Self {
        const fn linear(sample: u8) -> f32 {
            let part = sample as f32 / 255.0;
            part * part
        }
        Self([linear(red), linear(green), linear(blue)])
    }

    /// `self` at 0, `other` at 1.
    #[inline]
    pub(super) fn mix(self, other: Self, t: f32) -> Self {
        self * (1.0 - t) + other * t
    }
}

impl Add for Colour {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([a + d, b + e, c + f])
    }
}

impl Mul for Colour {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([a * d, b * e, c * f])
    }
}

impl Mul<f32> for Colour {
    type Output = Self;
    #[inline]
    fn mul(self, factor: f32) -> Self {
        let [a, b, c] = self.0;
        Self([a * factor, b * factor, c * factor])
    }
}
