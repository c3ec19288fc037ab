//! Covers in the size of a page: what is left of a picture when its looks are over.

use crate::stego::{self, DecodeLimits, Picture};

/// Pixels on the longer side.
pub(super) const THUMB_MAX_SIDE: u32 = 960;
const QUALITY: u8 = 82;
const CHANNELS: usize = 3;

/// A JPEG of a picture file, at most [`THUMB_MAX_SIDE`] pixels a side; none for what is no picture.
pub(super) fn thumb(file: &[u8]) -> Option<Vec<u8>> {
    let picture = stego::decode(file, &DecodeLimits::default()).ok()?;
    stego::encode_jpeg(&shrink(picture), QUALITY).ok()
}

/// Whether a file is a picture that can be painted.
pub(super) fn is_picture(file: &[u8]) -> bool {
    stego::decode(file, &DecodeLimits::default()).is_ok()
}

/// Averages whole blocks of pixels, so many that the picture fits.
fn shrink(picture: Picture) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let step = width.max(height).div_ceil(THUMB_MAX_SIDE).max(1);
    let (small_width, small_height) = (width / step, height / step);
    if step == 1 || small_width == 0 || small_height == 0 {
        return picture;
    }
    let row_samples = width as usize * CHANNELS;
    let (step, count) = (step as usize, step * step);
    let mut rgb = Vec::with_capacity((small_width * small_height) as usize * CHANNELS);
    for y in 0..small_height as usize {
        for x in 0..small_width as usize {
            let mut sums = [0_u32; CHANNELS];
            for row in y * step..(y + 1) * step {
                let start = row * row_samples + x * step * CHANNELS;
                let cells = &picture.samples()[start..start + step * CHANNELS];
                for pixel in cells.chunks_exact(CHANNELS) {
                    for (sum, &sample) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(sample);
                    }
                }
            }
            rgb.extend(sums.map(|sum| (sum / count) as u8));
        }
    }
    Picture::new(small_width, small_height, rgb).unwrap_or(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_cover_becomes_small_and_keeps_its_colour() {
        let rgb = [90_u8, 120, 30].repeat(2_000 * 30);
        let large = Picture::new(2_000, 30, rgb).expect("a picture");
        let file = stego::encode_png(&large).expect("encodes");
        let small = thumb(&file).expect("a thumb");
        let small = stego::decode(&small, &DecodeLimits::default()).expect("decodes");
        assert_eq!((small.width(), small.height()), (666, 10));
        let pixel = &small.samples()[..3];
        assert!(pixel[1] > pixel[0] && pixel[0] > pixel[2], "{pixel:?}");
    }

    #[test]
    fn a_narrow_or_small_picture_stays() {
        for (width, height) in [(1, 2_000), (20, 10)] {
            let rgb = vec![7; width as usize * height as usize * 3];
            let picture = Picture::new(width, height, rgb).expect("a picture");
            assert_eq!(shrink(picture).width(), width);
        }
    }

    #[test]
    fn words_are_no_picture() {
        assert_eq!(thumb(b"words"), None);
        assert!(!is_picture(b"words"));
    }
}
