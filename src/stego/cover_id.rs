//! The names of the default covers: a size and a scene.
//!
//! Decides the sizes, which scene a request gets, and the number that messages, grants and file
//! names know a cover by. The six sizes are spaced by roughly a factor of two: a small image
//! stays fast and cheap to send, a photograph of a few megabytes still fits the largest.
//! Every scene is drawn in every size, so that the pictures of one user do not all look alike.

use super::capacity::Mode;
use super::error::StegoError;

/// The size of a default cover; ordered from the smallest to the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoverSize {
    /// 0.3 megapixels, 112,896 bytes.
    Xs,
    /// 0.6 megapixels, 230,400 bytes.
    S,
    /// 1.5 megapixels, 564,000 bytes.
    M,
    /// 2.7 megapixels, 1,016,064 bytes.
    L,
    /// 6 megapixels, 2,250,000 bytes.
    Xl,
    /// 12 megapixels, 4,500,000 bytes.
    Xxl,
}

impl CoverSize {
    /// All sizes, smallest first.
    pub const ALL: [Self; 6] = [Self::Xs, Self::S, Self::M, Self::L, Self::Xl, Self::Xxl];

    /// A short lower-case name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xs => "xs",
            Self::S => "s",
            Self::M => "m",
            Self::L => "l",
            Self::Xl => "xl",
            Self::Xxl => "xxl",
        }
    }

    /// Width and height in pixels; the width is a multiple of 8.
    #[must_use]
    pub const fn dimensions(self) -> (u32, u32) {
        match self {
            Self::Xs => (672, 448),
            Self::S => (960, 640),
            Self::M => (1504, 1000),
            Self::L => (2016, 1344),
            Self::Xl => (3000, 2000),
            Self::Xxl => (4000, 3000),
        }
    }

    /// Whole bytes a cover of this size can carry.
    #[must_use]
    pub fn capacity_bytes(self, mode: Mode) -> u64 {
        let (width, height) = self.dimensions();
        mode.capacity_bytes(width, height)
    }

    /// The smallest size that carries `payload_bytes` bytes.
    ///
    /// # Errors
    /// [`StegoError::TooLarge`] when not even the largest does.
    pub fn smallest_fitting(mode: Mode, payload_bytes: usize) -> Result<Self, StegoError> {
        let size_bytes = payload_bytes as u64;
        let fitting = Self::ALL
            .into_iter()
            .find(|size| size.capacity_bytes(mode) >= size_bytes);
        fitting.ok_or(StegoError::TooLarge {
            size_bytes,
            limit_bytes: Self::Xxl.capacity_bytes(mode),
        })
    }
}

/// What a default cover shows. The order is part of [`CoverId::number`]: new scenes go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoverScene {
    /// A mountain lake at noon in summer.
    Lake,
    /// Wooded hills around a lake in autumn.
    Autumn,
    /// Snow and spruces in low sun.
    Winter,
    /// A lake after sunset.
    Dusk,
    /// Steep slopes over green water under clouds.
    Fjord,
    /// Moor and hills in the evening.
    Highland,
    /// A mountain meadow in spring.
    Meadow,
    /// Mist and a pink sky before sunrise.
    Dawn,
    /// Heather in bloom.
    Heath,
    /// A small lake among rocks, above the trees.
    Tarn,
    /// Golden larches below fresh snow.
    Larches,
    /// Woods after rain, one ridge behind the other.
    Ridges,
}

/// Number of sizes.
const SIZES: usize = CoverSize::ALL.len();
/// Number of scenes, a multiple of the number of sizes (see [`CoverId::number`]).
pub(super) const SCENES: usize = CoverScene::ALL.len();

impl CoverScene {
    /// All scenes.
    pub const ALL: [Self; 12] = [
        Self::Lake,
        Self::Autumn,
        Self::Winter,
        Self::Dusk,
        Self::Fjord,
        Self::Highland,
        Self::Meadow,
        Self::Dawn,
        Self::Heath,
        Self::Tarn,
        Self::Larches,
        Self::Ridges,
    ];

    /// A short lower-case name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lake => "lake",
            Self::Autumn => "autumn",
            Self::Winter => "winter",
            Self::Dusk => "dusk",
            Self::Fjord => "fjord",
            Self::Highland => "highland",
            Self::Meadow => "meadow",
            Self::Dawn => "dawn",
            Self::Heath => "heath",
            Self::Tarn => "tarn",
            Self::Larches => "larches",
            Self::Ridges => "ridges",
        }
    }
}

/// One of the default covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoverId {
    /// How large it is.
    pub size: CoverSize,
    /// What it shows.
    pub scene: CoverScene,
}

impl CoverId {
    /// How many there are; all numbers are below.
    pub const COUNT: u8 = (SIZES * SCENES) as u8;

    /// The number used in messages, grants and file names, below [`CoverId::COUNT`]: six for each
    /// turn of six scenes, so that the first six show six scenes in six sizes. Scenes that are
    /// added later, six at a time, leave the numbers of all others as they are.
    #[must_use]
    pub const fn number(self) -> u8 {
        let (size, scene) = (self.size as usize, self.scene as usize);
        let (group, place) = (scene / SIZES, scene % SIZES);
        let turn = (place + SIZES - size) % SIZES;
        ((group * SIZES + turn) * SIZES + size) as u8
    }

    /// The cover with that [`CoverId::number`], `None` for a number that no cover has.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        let (row, size) = (usize::from(number) / SIZES, usize::from(number) % SIZES);
        let (group, turn) = (row / SIZES, row % SIZES);
        let scene = CoverScene::ALL.get(group * SIZES + (size + turn) % SIZES)?;
        Some(Self {
            size: CoverSize::ALL[size],
            scene: *scene,
        })
    }

    /// All covers, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(Self::from_number)
    }

    /// The cover for a payload of `payload_bytes` bytes: of the smallest size that fits, with the
    /// scene that `seed` names. Even seeds spread evenly; the seed must not be one that fills or
    /// opens a picture, since the scene is there for all to see.
    ///
    /// # Errors
    /// [`StegoError::TooLarge`] when not even the largest size fits.
    pub fn choose(mode: Mode, payload_bytes: usize, seed: &[u8; 32]) -> Result<Self, StegoError> {
        let size = CoverSize::smallest_fitting(mode, payload_bytes)?;
        let (drawn, _) = seed.as_chunks::<8>();
        let drawn = u64::from_le_bytes(drawn[0]) % SCENES as u64;
        let scene = CoverScene::ALL[drawn as usize];
        Ok(Self { size, scene })
    }

    /// A short lower-case name for people and files: scene and size.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}", self.scene.name(), self.size.name())
    }

    /// Width and height in pixels; the width is a multiple of 8.
    #[must_use]
    pub const fn dimensions(self) -> (u32, u32) {
        self.size.dimensions()
    }

    /// Whole bytes this cover can carry.
    #[must_use]
    pub fn capacity_bytes(self, mode: Mode) -> u64 {
        self.size.capacity_bytes(mode)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_names_a_cover_of_its_own() {
        let all: BTreeSet<_> = CoverId::all().collect();
        assert_eq!(all.len(), CoverSize::ALL.len() * CoverScene::ALL.len());
        for (place, cover) in CoverId::all().enumerate() {
            assert_eq!(usize::from(cover.number()), place);
        }
        let names: BTreeSet<_> = CoverId::all().map(CoverId::name).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(CoverId::from_number(CoverId::COUNT), None);
        assert_eq!(CoverId::from_number(u8::MAX), None);
    }

    #[test]
    fn the_first_numbers_show_another_scene_in_each_size() {
        for (place, size) in CoverSize::ALL.into_iter().enumerate() {
            let cover = CoverId::from_number(place as u8).unwrap();
            assert_eq!(cover.size, size);
            assert_eq!(cover.scene, CoverScene::ALL[place]);
        }
    }

    #[test]
    fn sizes_grow() {
        for size in CoverSize::ALL {
            assert_eq!(size.dimensions().0 % 8, 0);
        }
        assert_eq!(
            CoverSize::ALL.map(|size| size.capacity_bytes(Mode::Fast)),
            [112_896, 230_400, 564_000, 1_016_064, 2_250_000, 4_500_000]
        );
    }

    #[test]
    fn the_smallest_fitting_size_is_chosen_at_every_edge() {
        let fitting = |bytes| CoverSize::smallest_fitting(Mode::Fast, bytes);
        assert_eq!(fitting(0), Ok(CoverSize::Xs));
        for pair in CoverSize::ALL.windows(2) {
            let edge = usize::try_from(pair[0].capacity_bytes(Mode::Fast)).unwrap();
            assert_eq!(fitting(edge), Ok(pair[0]));
            assert_eq!(fitting(edge + 1), Ok(pair[1]));
        }
        assert_eq!(fitting(4_500_000), Ok(CoverSize::Xxl));
        let error = StegoError::TooLarge {
            size_bytes: 4_500_001,
            limit_bytes: 4_500_000,
        };
        assert_eq!(fitting(4_500_001), Err(error.clone()));
        assert_eq!(CoverId::choose(Mode::Fast, 4_500_001, &[0; 32]), Err(error));
    }

    #[test]
    fn requests_spread_over_the_scenes() {
        let mut seen = [0_usize; SCENES];
        let draws = SCENES * 200;
        for draw in 0..draws {
            let seed = *blake3::hash(&draw.to_le_bytes()).as_bytes();
            let cover = CoverId::choose(Mode::Fast, 1_000, &seed).unwrap();
            assert_eq!(cover, CoverId::choose(Mode::Fast, 1_000, &seed).unwrap());
            assert_eq!(cover.size, CoverSize::Xs);
            seen[cover.scene as usize] += 1;
        }
        assert!(
            seen.iter().all(|&count| (140..=260).contains(&count)),
            "{seen:?}"
        );
    }
}
