//! How much a picture carries, and which of the default covers is the smallest that fits.
//!
//! One bit per sample, always (see `embed.rs`), so capacity follows from the size alone. The
//! six sizes are spaced by roughly a factor of two: a small image stays fast and cheap to
//! send, a photograph of a few megabytes still fits the largest.

use super::error::StegoError;
use super::picture::sample_count;

/// Whole bytes a picture of `width` x `height` pixels can carry: one bit in each sample.
pub fn capacity_bytes(width: u32, height: u32) -> u64 {
    sample_count(width, height) / 8
}

/// One of the default covers; ordered from the smallest to the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoverId {
    /// 0.3 megapixels, 112,896 bytes.
    Lake,
    /// 0.6 megapixels, 230,400 bytes.
    Autumn,
    /// 1.5 megapixels, 564,000 bytes.
    Winter,
    /// 2.7 megapixels, 1,016,064 bytes.
    Dusk,
    /// 6 megapixels, 2,250,000 bytes.
    Fjord,
    /// 12 megapixels, 4,500,000 bytes.
    Highland,
}

impl CoverId {
    /// All covers, smallest first.
    pub const ALL: [Self; 6] = [
        Self::Lake,
        Self::Autumn,
        Self::Winter,
        Self::Dusk,
        Self::Fjord,
        Self::Highland,
    ];

    /// Position in [`CoverId::ALL`]: 0 to 5, the number used in messages and file names.
    pub fn index(self) -> u8 {
        match self {
            Self::Lake => 0,
            Self::Autumn => 1,
            Self::Winter => 2,
            Self::Dusk => 3,
            Self::Fjord => 4,
            Self::Highland => 5,
        }
    }

    /// The cover with that [`CoverId::index`], `None` above 5.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// A short lower-case name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lake => "lake",
            Self::Autumn => "autumn",
            Self::Winter => "winter",
            Self::Dusk => "dusk",
            Self::Fjord => "fjord",
            Self::Highland => "highland",
        }
    }

    /// Width and height in pixels; the width is a multiple of 8.
    pub fn dimensions(self) -> (u32, u32) {
        match self {
            Self::Lake => (672, 448),
            Self::Autumn => (960, 640),
            Self::Winter => (1504, 1000),
            Self::Dusk => (2016, 1344),
            Self::Fjord => (3000, 2000),
            Self::Highland => (4000, 3000),
        }
    }

    /// Whole bytes this cover can carry.
    pub fn capacity_bytes(self) -> u64 {
        let (width, height) = self.dimensions();
        capacity_bytes(width, height)
    }
}

/// The smallest cover that carries `payload_bytes` bytes.
///
/// # Errors
/// [`StegoError::TooLarge`] when not even the largest does.
pub fn smallest_fitting(payload_bytes: usize) -> Result<CoverId, StegoError> {
    let size_bytes = payload_bytes as u64;
    let fitting = CoverId::ALL
        .into_iter()
        .find(|cover| cover.capacity_bytes() >= size_bytes);
    fitting.ok_or(StegoError::TooLarge {
        size_bytes,
        limit_bytes: CoverId::Highland.capacity_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_grow_with_their_index() {
        for (position, cover) in CoverId::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(cover.index()), position);
            assert_eq!(CoverId::from_index(cover.index()), Some(cover));
            assert_eq!(cover.dimensions().0 % 8, 0);
        }
        assert_eq!(CoverId::from_index(6), None);
        let sizes = CoverId::ALL.map(CoverId::capacity_bytes);
        assert_eq!(
            sizes,
            [112_896, 230_400, 564_000, 1_016_064, 2_250_000, 4_500_000]
        );
    }

    #[test]
    fn the_smallest_fitting_cover_is_chosen_at_every_edge() {
        assert_eq!(smallest_fitting(0), Ok(CoverId::Lake));
        for pair in CoverId::ALL.windows(2) {
            let edge = usize::try_from(pair[0].capacity_bytes()).unwrap();
            assert_eq!(smallest_fitting(edge), Ok(pair[0]));
            assert_eq!(smallest_fitting(edge + 1), Ok(pair[1]));
        }
        assert_eq!(smallest_fitting(4_500_000), Ok(CoverId::Highland));
        let error = StegoError::TooLarge {
            size_bytes: 4_500_001,
            limit_bytes: 4_500_000,
        };
        assert_eq!(smallest_fitting(4_500_001), Err(error));
    }

    #[test]
    fn capacity_never_overflows() {
        assert_eq!(capacity_bytes(1, 1), 0);
        assert_eq!(capacity_bytes(1, 3), 1);
        assert_eq!(capacity_bytes(u32::MAX, u32::MAX), u64::MAX / 8);
    }
}
