//! Reading back what `embed.rs` wrote: a range of bytes out of the lowest bits.
//!
//! Cannot tell whether anything was hidden: every picture yields bytes, and only the opening of
//! the sealed frame decides what they are worth.

use super::capacity::{Mode, check_range};
use super::embed::LOW;
use super::error::StegoError;
use super::picture::Picture;

/// Brings the lowest bit of lane `k` to bit `56 + k`; no two partial products meet.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// `length_bytes` carried bytes, from carried byte `offset_bytes` on.
///
/// # Errors
/// [`StegoError::PastCapacity`] when the range ends after the last whole byte of the picture.
pub fn extract(
    picture: &Picture,
    offset_bytes: usize,
    length_bytes: usize,
) -> Result<Vec<u8>, StegoError> {
    check_range(Mode::Fast, picture, offset_bytes, length_bytes)?;
    let (lanes, _) = picture.samples().as_chunks::<8>();
    let carrying = &lanes[offset_bytes..offset_bytes + length_bytes];
    Ok(carrying
        .iter()
        .map(|&eight| lowest_bits(u64::from_le_bytes(eight)))
        .collect())
}

/// The lowest bits of eight lanes as one byte, lane 0 lowest.
#[inline]
fn lowest_bits(lanes: u64) -> u8 {
    ((lanes & LOW).wrapping_mul(GATHER) >> 56) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_lands_on_its_own_bit() {
        for lane in 0..8_u32 {
            assert_eq!(lowest_bits(1 << (8 * lane)), 1 << lane);
        }
        assert_eq!(lowest_bits(u64::MAX), 0xff);
        assert_eq!(lowest_bits(!LOW), 0);
    }

    #[test]
    fn a_range_past_the_end_is_refused() {
        let picture = Picture::new(4, 3, vec![1; 36]).unwrap();
        assert_eq!(extract(&picture, 0, 4).unwrap(), [0xff; 4]);
        assert_eq!(extract(&picture, 4, 0).unwrap(), Vec::<u8>::new());
        let error = StegoError::PastCapacity {
            end_bytes: 5,
            capacity_bytes: 4,
        };
        assert_eq!(extract(&picture, 0, 5), Err(error.clone()));
        assert_eq!(extract(&picture, 5, 0), Err(error));
        assert!(extract(&picture, usize::MAX, usize::MAX).is_err());
    }
}
