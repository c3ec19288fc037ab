//! A preview that tells scene from portrait and nothing more: what a directory may show of a
//! sealed image before any look is spent.
//!
//! Decides the size (at most 32 pixels on the longer side), the blur and the bytes (at most
//! 1000, so that it fits one datagram). Never carries detail: faces and text are gone.

use super::codec::encode_jpeg;
use super::picture::{CHANNELS, Picture};

/// Pixels on the longer side of a preview, at most.
pub const PREVIEW_MAX_SIDE: u32 = 32;
/// Bytes of a preview, at most.
pub const PREVIEW_MAX_BYTES: usize = 1000;
/// Qualities tried, best first, until the bytes fit.
const QUALITIES: [u8; 5] = [75, 60, 45, 30, 15];

/// A small blurred JPEG of `picture`: at most [`PREVIEW_MAX_SIDE`] pixels on the longer side
/// and [`PREVIEW_MAX_BYTES`] bytes.
pub fn preview(picture: &Picture) -> Vec<u8> {
    let mut side = PREVIEW_MAX_SIDE;
    while side > 1 {
        let small = blur(&blur(&shrink(picture, side)));
        for quality in QUALITIES {
            let file = encode_jpeg(&small, quality).unwrap_or_default();
            if !file.is_empty() && file.len() <= PREVIEW_MAX_BYTES {
                return file;
            }
        }
        side /= 2;
    }
    Vec::new()
}

/// Averages the pixels under each pixel of a picture at most `max_side` on its longer side.
fn shrink(picture: &Picture, max_side: u32) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let longer = width.max(height).max(max_side);
    let scaled = |side: u32| {
        let exact = u64::from(side) * u64::from(max_side) / u64::from(longer);
        u32::try_from(exact).unwrap_or(max_side).max(1)
    };
    let (small_width, small_height) = (scaled(width), scaled(height));
    let row_samples = width as usize * CHANNELS;
    let mut rgb = Vec::with_capacity((small_width * small_height) as usize * CHANNELS);
    for y in 0..small_height {
        for x in 0..small_width {
            let columns = span(x, small_width, width);
            let mut sums = [0_u64; CHANNELS];
            let rows = span(y, small_height, height);
            let count = (rows.len() * columns.len()) as u64;
            for row in rows {
                let start = row * row_samples;
                let cells = &picture.samples()[start + columns.start * CHANNELS..];
                for pixel in cells.chunks_exact(CHANNELS).take(columns.len()) {
                    for (sum, &sample) in sums.iter_mut().zip(pixel) {
                        *sum += u64::from(sample);
                    }
                }
            }
            rgb.extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    Picture::new(small_width, small_height, rgb).expect("one pixel was pushed for each place")
}

/// The source positions under position `index` of `count`, never empty.
fn span(index: u32, count: u32, source: u32) -> std::ops::Range<usize> {
    let edge = |i: u32| (u64::from(i) * u64::from(source) / u64::from(count)) as usize;
    edge(index)..edge(index + 1).max(edge(index) + 1)
}

/// One pass of a 3 x 3 binomial blur, edges repeated.
fn blur(picture: &Picture) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let samples = picture.samples();
    let at = |x: usize, y: usize, c: usize| u32::from(samples[(y * width + x) * CHANNELS + c]);
    let mut rgb = Vec::with_capacity(samples.len());
    for y in 0..height {
        let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)];
        for x in 0..width {
            let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
            for c in 0..CHANNELS {
                let row = |y: usize| {
                    at(columns[0], y, c) + 2 * at(columns[1], y, c) + at(columns[2], y, c)
                };
                let sum = row(rows[0]) + 2 * row(rows[1]) + row(rows[2]);
                rgb.push(((sum + 8) / 16) as u8);
            }
        }
    }
    Picture::new(picture.width(), picture.height(), rgb).expect("the size did not change")
}

#[cfg(test)]
mod tests {
    use super::super::codec::{DecodeLimits, decode};
    use super::*;

    fn noisy(width: u32, height: u32) -> Picture {
        let mut state = 1_u32;
        let rgb = (0..width * height * 3).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        Picture::new(width, height, rgb.collect()).unwrap()
    }

    #[test]
    fn a_preview_is_small_in_pixels_and_bytes_for_every_shape() {
        let shapes = [
            (1, 1),
            (1, 500),
            (500, 1),
            (32, 32),
            (33, 32),
            (640, 480),
            (31, 7),
        ];
        for (width, height) in shapes {
            let file = preview(&noisy(width, height));
            assert!(
                !file.is_empty() && file.len() <= PREVIEW_MAX_BYTES,
                "{}",
                file.len()
            );
            let small = decode(&file, &DecodeLimits::default()).unwrap();
            assert!(small.width().max(small.height()) <= PREVIEW_MAX_SIDE);
        }
    }

    #[test]
    fn a_preview_keeps_the_broad_colours() {
        let half = |x: u32| {
            if x < 100 {
                [200, 40, 40]
            } else {
                [40, 40, 200]
            }
        };
        let rgb = (0..100).flat_map(|_| (0..200).flat_map(half)).collect();
        let file = preview(&Picture::new(200, 100, rgb).unwrap());
        let small = decode(&file, &DecodeLimits::default()).unwrap();
        assert_eq!((small.width(), small.height()), (32, 16));
        let pixel = |x: usize| &small.samples()[(8 * 32 + x) * 3..][..3];
        assert!(pixel(4)[0] > 150 && pixel(4)[2] < 90, "{:?}", pixel(4));
        assert!(pixel(27)[2] > 150 && pixel(27)[0] < 90, "{:?}", pixel(27));
    }
}
