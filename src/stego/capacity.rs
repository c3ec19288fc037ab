//! How much a picture carries. Every mode uses a fixed share of the samples, so capacity follows
//! from the size alone.

use super::covert;
use super::error::StegoError;
use super::picture::{Picture, sample_count};

/// How bytes are put into a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One bit in each sample; see `embed.rs`.
    Fast,
    /// One of three values in each sample, 19 bits in twelve; see `ternary.rs`.
    Ternary,
    /// Seven bits below each sample of a 16-bit picture; see `compact.rs`.
    Compact,
    /// A few bits in samples that are chosen; see `covert.rs`.
    Covert,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Fast, Self::Ternary, Self::Compact, Self::Covert];

    /// Whole bytes a picture of `width` x `height` pixels can carry.
    pub fn capacity_bytes(self, width: u32, height: u32) -> u64 {
        let samples = sample_count(width, height);
        match self {
            Self::Fast => samples / 8,
            Self::Ternary => samples / 96 * 19 + samples % 96 / 12 * 19 / 8,
            Self::Compact => samples / 8 * 7 + samples % 8 * 7 / 8,
            Self::Covert => covert::capacity_bytes(samples),
        }
    }
}

/// Refuses a payload that `cover` cannot carry.
pub(super) fn check_size(mode: Mode, cover: &Picture, payload: &[u8]) -> Result<(), StegoError> {
    let limit_bytes = mode.capacity_bytes(cover.width(), cover.height());
    let size_bytes = payload.len() as u64;
    if size_bytes > limit_bytes {
        return Err(StegoError::TooLarge {
            size_bytes,
            limit_bytes,
        });
    }
    Ok(())
}

/// Refuses a range that ends after the last whole byte of `picture`.
pub(super) fn check_range(
    mode: Mode,
    picture: &Picture,
    offset_bytes: usize,
    length_bytes: usize,
) -> Result<(), StegoError> {
    let capacity_bytes = mode.capacity_bytes(picture.width(), picture.height());
    let end_bytes = (offset_bytes as u64).saturating_add(length_bytes as u64);
    if end_bytes > capacity_bytes {
        return Err(StegoError::PastCapacity {
            end_bytes,
            capacity_bytes,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_what_whole_groups_of_samples_hold() {
        for (mode, expected) in [
            (Mode::Fast, [0, 0, 1, 3, 3, 12, 13]),
            (Mode::Ternary, [0, 0, 0, 4, 4, 19, 19]),
            (Mode::Compact, [2, 5, 7, 21, 23, 84, 91]),
        ] {
            let widths = [1, 2, 3, 8, 9, 32, 35];
            let found = widths.map(|width| mode.capacity_bytes(width, 1));
            assert_eq!(found, expected, "{mode:?}");
        }
    }

    #[test]
    fn capacity_never_overflows() {
        for mode in Mode::ALL {
            assert_eq!(mode.capacity_bytes(0, 0), 0);
            let most = mode.capacity_bytes(u32::MAX, u32::MAX);
            assert!((u64::MAX / 81..u64::MAX).contains(&most), "{mode:?}");
        }
    }
}
