//! GF(256) with the polynomial x^8 + x^4 + x^3 + x^2 + 1. No table and no branch: neither the time
//! nor the memory that is touched depends on the operands.

const REDUCE: u8 = 0x1d;

/// The product.
pub(super) const fn multiply(mut one: u8, other: u8) -> u8 {
    let mut product = 0;
    let mut bit = 0;
    while bit < 8 {
        product ^= one & mask(other >> bit);
        one = (one << 1) ^ (REDUCE & mask(one >> 7));
        bit += 1;
    }
    product
}

/// The quotient; 0 for a divisor of 0, which no two different indices have.
pub(super) const fn divide(one: u8, other: u8) -> u8 {
    // The group has 255 elements, so the inverse is the 254th power: bits 7 to 1 are set.
    let mut inverse = 1;
    let mut power = other;
    let mut bit = 1;
    while bit < 8 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
        bit += 1;
    }
    multiply(one, inverse)
}

/// All ones for an odd number, all zeros for an even one.
const fn mask(bit: u8) -> u8 {
    0_u8.wrapping_sub(bit & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By long division of polynomials, the other way round.
    fn slow(one: u8, other: u8) -> u8 {
        let mut product = 0_u16;
        for bit in 0..8 {
            if other >> bit & 1 == 1 {
                product ^= u16::from(one) << bit;
            }
        }
        for bit in (8..16).rev() {
            if product >> bit & 1 == 1 {
                product ^= 0x11d << (bit - 8);
            }
        }
        product as u8
    }

    #[test]
    fn a_product_is_that_of_the_polynomials() {
        for one in 0..=255 {
            for other in 0..=255 {
                assert_eq!(multiply(one, other), slow(one, other));
            }
        }
    }

    #[test]
    fn a_quotient_times_its_divisor_is_the_dividend() {
        for one in 0..=255 {
            for other in 1..=255 {
                assert_eq!(multiply(divide(one, other), other), one);
            }
            assert_eq!(divide(one, 0), 0);
        }
    }
}
