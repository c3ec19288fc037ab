//! What a window of some size shows of a picture: as large as fits, its shape kept, centred on
//! black.

use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::stego::Picture;

/// Longest side of a window that is drawn, in pixels: beyond the largest screens.
const SIDE_MAX: usize = 16_384;

/// The size in pixels at which a picture of `width` x `height` fits `columns` x `rows` with its
/// shape kept, at least 1 x 1.
#[must_use]
pub fn fitted(width: u32, height: u32, columns: u32, rows: u32) -> (u32, u32) {
    let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (c, r) = (u64::from(columns.max(1)), u64::from(rows.max(1)));
    // Compares c / w with r / h without a division.
    let (c, r) = if c * h <= r * w {
        (c, (c * h / w).max(1))
    } else {
        ((r * w / h).max(1), r)
    };
    // Both are at most what came in as u32.
    (
        u32::try_from(c).unwrap_or(u32::MAX),
        u32::try_from(r).unwrap_or(u32::MAX),
    )
}

/// The pixels of a window, rows from the top, each 0x00RRGGBB.
#[must_use]
pub fn frame(picture: &Picture, columns: usize, rows: usize) -> Vec<u32> {
    let (columns, rows) = (columns.clamp(1, SIDE_MAX), rows.clamp(1, SIDE_MAX));
    let mut pixels = vec![0; columns * rows];
    let Some(source) = RgbImage::from_raw(
        picture.width(),
        picture.height(),
        picture.samples().to_vec(),
    ) else {
        return pixels;
    };
    let limit = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = fitted(
        picture.width(),
        picture.height(),
        limit(columns),
        limit(rows),
    );
    let scaled = if width < picture.width() {
        imageops::thumbnail(&source, width, height)
    } else {
        imageops::resize(&source, width, height, FilterType::Triangle)
    };
    let left = (columns - width as usize) / 2;
    let top = (rows - height as usize) / 2;
    for (x, y, pixel) in scaled.enumerate_pixels() {
        let [red, green, blue] = pixel.0.map(u32::from);
        let place = (top + y as usize) * columns + left + x as usize;
        pixels[place] = red << 16 | green << 8 | blue;
    }
    pixels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(width: u32, height: u32) -> Picture {
        let samples = vec![0x40; (width * height * 3) as usize];
        Picture::new(width, height, samples).expect("fits")
    }

    #[test]
    fn a_wide_picture_has_bars_above_and_below() {
        let pixels = frame(&plain(40, 10), 20, 20);
        let filled = |row: usize| pixels[row * 20..(row + 1) * 20].iter().all(|p| *p != 0);
        assert!(!filled(0) && filled(10) && !filled(19));
        assert_eq!(pixels[10 * 20], 0x0040_4040);
    }

    #[test]
    fn a_small_picture_grows() {
        assert_eq!(fitted(10, 10, 200, 100), (100, 100));
        assert!(frame(&plain(2, 2), 8, 8).iter().all(|p| *p == 0x0040_4040));
    }

    proptest! {
        #[test]
        fn the_shape_is_kept_and_nothing_leaves_the_window(
            width in 1..5_000_u32,
            height in 1..5_000_u32,
            columns in 1..3_000_u32,
            rows in 1..3_000_u32,
        ) {
            let (w, h) = fitted(width, height, columns, rows);
            prop_assert!(w >= 1 && w <= columns && h >= 1 && h <= rows);
            prop_assert!(w == columns || h == rows);
            // Within one pixel of the exact shape.
            let exact = f64::from(w) * f64::from(height) / f64::from(width);
            prop_assert!(w == columns && (f64::from(h) - exact).abs() <= 1.0
                || h == rows && (f64::from(w)
                    - f64::from(h) * f64::from(width) / f64::from(height)).abs() <= 1.0);
        }

        #[test]
        fn every_size_of_window_gets_its_pixels(columns in 0..90_usize, rows in 0..90_usize) {
            let pixels = frame(&plain(17, 5), columns, rows);
            prop_assert_eq!(pixels.len(), columns.max(1) * rows.max(1));
        }
    }
}
