//! Pictures in a terminal by half blocks: each cell shows two pixels, one above the other.

use core::fmt::Write;

/// A picture as rows of half blocks with 24-bit colours, its aspect ratio kept.
///
/// `rgb` holds `width * height * 3` bytes, row by row. The result is at most `columns` wide and
/// `rows` high, in cells; it is empty if any of the sizes is 0 or `rgb` is too short.
#[must_use]
pub fn render(rgb: &[u8], width: u32, height: u32, columns: u32, rows: u32) -> String {
    let (cells_wide, pixels_high) = fit(width, height, columns, rows * 2);
    if cells_wide == 0 || rgb.len() < width as usize * height as usize * 3 {
        return String::new();
    }
    let source = Source {
        rgb,
        width,
        height,
        cells_wide,
        pixels_high,
    };
    let mut text = String::new();
    for row in (0..pixels_high).step_by(2) {
        for column in 0..cells_wide {
            let [r, g, b] = source.mean(column, row);
            let _ = write!(text, "\x1b[38;2;{r};{g};{b}m");
            if row + 1 < pixels_high {
                let [r, g, b] = source.mean(column, row + 1);
                let _ = write!(text, "\x1b[48;2;{r};{g};{b}m");
            }
            text.push('▀');
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

/// The largest size within `columns` by `pixels` that keeps the aspect ratio, at least 1 by 1.
fn fit(width: u32, height: u32, columns: u32, pixels: u32) -> (u32, u32) {
    if width == 0 || height == 0 || columns == 0 || pixels == 0 {
        return (0, 0);
    }
    let scaled = |size: u32, from: u32, to: u32| {
        u32::try_from(u64::from(size) * u64::from(to) / u64::from(from))
            .unwrap_or(u32::MAX)
            .max(1)
    };
    let wide = columns.min(width);
    let high = scaled(height, width, wide);
    if high <= pixels {
        (wide, high)
    } else {
        (scaled(width, height, pixels).min(wide), pixels)
    }
}

struct Source<'a> {
    rgb: &'a [u8],
    width: u32,
    height: u32,
    cells_wide: u32,
    pixels_high: u32,
}

impl Source<'_> {
    /// The mean colour of the part of the picture that falls on one half cell.
    fn mean(&self, column: u32, row: u32) -> [u8; 3] {
        let span = |index: u32, count: u32, size: u32| {
            let start = u64::from(index) * u64::from(size) / u64::from(count);
            let end = u64::from(index + 1) * u64::from(size) / u64::from(count);
            start as usize..(end as usize).max(start as usize + 1)
        };
        let mut sum = [0_u64; 3];
        let mut count = 0;
        for y in span(row, self.pixels_high, self.height) {
            for x in span(column, self.cells_wide, self.width) {
                let at = (y * self.width as usize + x) * 3;
                for (sum, sample) in sum.iter_mut().zip(&self.rgb[at..at + 3]) {
                    *sum += u64::from(*sample);
                }
                count += 1;
            }
        }
        sum.map(|sum| (sum / count) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pixels_share_a_cell() {
        let text = render(&[1, 2, 3, 4, 5, 6], 1, 2, 80, 24);
        assert_eq!(text, "\x1b[38;2;1;2;3m\x1b[48;2;4;5;6m▀\x1b[0m\n");
    }

    #[test]
    fn the_aspect_ratio_is_kept_within_the_bounds() {
        assert_eq!(fit(400, 300, 80, 40), (53, 40));
        assert_eq!(fit(300, 100, 60, 100), (60, 20));
        assert_eq!(fit(10_000, 1, 80, 40), (80, 1));
        assert_eq!(fit(0, 5, 80, 40), (0, 0));
    }

    #[test]
    fn too_few_samples_give_nothing() {
        assert_eq!(render(&[0; 5], 1, 2, 80, 24), "");
    }
}
