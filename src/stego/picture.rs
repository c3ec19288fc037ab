//! A picture in memory: 8-bit RGB, row-major, nothing else.
//!
//! Invariant: width and height are at least 1 and `samples().len() == width * height * 3`.

use super::error::StegoError;

/// Samples per pixel: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// An 8-bit RGB picture, rows from top to bottom, samples in the order red, green, blue.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// Takes `rgb` as the samples of a picture of `width` x `height` pixels.
    ///
    /// # Errors
    /// [`StegoError::Dimensions`] when a side is 0 or the number of samples does not match.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, StegoError> {
        let wanted = sample_count(width, height);
        if width == 0 || height == 0 || u64::try_from(rgb.len()) != Ok(wanted) {
            return Err(StegoError::Dimensions {
                width,
                height,
                samples: rgb.len(),
            });
        }
        Ok(Self { width, height, rgb })
    }

    /// Pixels per row, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All samples, `width * height * 3` of them.
    pub fn samples(&self) -> &[u8] {
        &self.rgb
    }

    /// All samples, to be changed in place; their number stays.
    pub fn samples_mut(&mut self) -> &mut [u8] {
        &mut self.rgb
    }

    /// The part in the middle, of at most `width` x `height` pixels; sides of 0 are taken as 1.
    #[must_use]
    pub fn window(&self, width: u32, height: u32) -> Self {
        let (width, height) = (width.clamp(1, self.width), height.clamp(1, self.height));
        let (left, top) = ((self.width - width) / 2, (self.height - height) / 2);
        let all = self.width as usize * CHANNELS;
        let some = left as usize * CHANNELS..(left + width) as usize * CHANNELS;
        let mut rgb = Vec::with_capacity(some.len() * height as usize);
        let rows = self.rgb.chunks(all).skip(top as usize);
        for row in rows.take(height as usize) {
            rgb.extend_from_slice(&row[some.clone()]);
        }
        Self { width, height, rgb }
    }

    /// The samples by value, without a copy.
    pub fn into_samples(self) -> Vec<u8> {
        self.rgb
    }
}

#[cfg(test)]
impl Picture {
    /// Every value, in steps that no mode is in step with.
    pub(crate) fn ramp(width: u32, height: u32) -> Self {
        let count = width as usize * height as usize * CHANNELS;
        let rgb = (0..count).map(|i| (i * 37 % 256) as u8).collect();
        Self { width, height, rgb }
    }
}

/// Sizes only: the samples would flood a log, and may be somebody's photograph.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}

/// Number of samples of a picture; saturates, so that no pair of sides overflows.
pub(crate) fn sample_count(width: u32, height: u32) -> u64 {
    (u64::from(width) * u64::from(height)).saturating_mul(CHANNELS as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_from_the_middle() {
        let picture = Picture::new(4, 3, (0..36).collect()).unwrap();
        let window = picture.window(2, 1);
        assert_eq!(window.samples(), [15, 16, 17, 18, 19, 20]);
        assert_eq!((window.width(), window.height()), (2, 1));
        assert_eq!(picture.window(9, 9), picture);
        assert_eq!(picture.window(0, 0).samples(), [15, 16, 17]);
    }

    #[test]
    fn sides_and_samples_must_agree() {
        assert!(Picture::new(2, 3, vec![0; 18]).is_ok());
        for (width, height, samples) in [(2, 3, 17), (2, 3, 19), (0, 3, 0), (3, 0, 0), (0, 0, 0)] {
            let error = Picture::new(width, height, vec![0; samples]).unwrap_err();
            assert_eq!(
                error,
                StegoError::Dimensions {
                    width,
                    height,
                    samples
                }
            );
        }
        assert!(Picture::new(u32::MAX, u32::MAX, Vec::new()).is_err());
    }
}
