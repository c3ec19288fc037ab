//! The row filters of PNG that predict (PNG specification, 9.2), over whole rows.

use super::super::picture::CHANNELS;

/// How a row is told from what lies left of it and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// From the left.
    Sub,
    /// From above.
    Up,
    /// From the mean of both.
    Average,
    /// From whichever of left, above and above left is nearest to left + above - above left.
    Paeth,
}

impl Filter {
    /// All of them; the last is slow to undo.
    pub(super) const ALL: [Self; 4] = [Self::Sub, Self::Up, Self::Average, Self::Paeth];

    /// What a row in this form begins with.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Sub => 1,
            Self::Up => 2,
            Self::Average => 3,
            Self::Paeth => 4,
        }
    }

    /// Writes the differences of `row` from its prediction; `above` is the row before it. All
    /// three are equally long, of whole pixels and at least one.
    pub(super) fn apply(self, row: &[u8], above: &[u8], out: &mut [u8]) {
        let (first, rest) = out.split_at_mut(CHANNELS);
        let (left, current) = (&row[..row.len() - CHANNELS], &row[CHANNELS..]);
        let (above_first, above_current) = above.split_at(CHANNELS);
        let above_left = &above[..above.len() - CHANNELS];
        let beside = left.iter().zip(above_current).zip(above_left);
        let places = rest.iter_mut().zip(current).zip(beside);
        match self {
            Self::Sub => {
                first.copy_from_slice(&row[..CHANNELS]);
                for ((place, sample), ((left, _), _)) in places {
                    *place = sample.wrapping_sub(*left);
                }
            }
            Self::Up => {
                for ((place, sample), above) in out.iter_mut().zip(row).zip(above) {
                    *place = sample.wrapping_sub(*above);
                }
            }
            Self::Average => {
                for ((place, sample), above) in first.iter_mut().zip(row).zip(above_first) {
                    *place = sample.wrapping_sub(above / 2);
                }
                for ((place, sample), ((&left, &above), _)) in places {
                    *place = sample.wrapping_sub(((u16::from(left) + u16::from(above)) / 2) as u8);
                }
            }
            Self::Paeth => {
                for ((place, sample), above) in first.iter_mut().zip(row).zip(above_first) {
                    *place = sample.wrapping_sub(*above);
                }
                for ((place, sample), ((&left, &above), &above_left)) in places {
                    *place = sample.wrapping_sub(paeth(left, above, above_left));
                }
            }
        }
    }
}

/// The nearest of the three; of equally near ones the first.
#[inline]
fn paeth(left: u8, above: u8, above_left: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(above_left));
    let (to_a, to_b, to_c) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    let b_or_c = if to_b <= to_c { above } else { above_left };
    if to_a <= to_b && to_a <= to_c {
        left
    } else {
        b_or_c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the specification puts it, one sample at a time.
    fn plainly(filter: Filter, row: &[u8], above: &[u8]) -> Vec<u8> {
        let before = |from: &[u8], at: usize| at.checked_sub(CHANNELS).map_or(0, |i| from[i]);
        let one = |at: usize| {
            let (a, b, c) = (before(row, at), above[at], before(above, at));
            let predicted = match filter {
                Filter::Sub => a,
                Filter::Up => b,
                Filter::Average => ((u16::from(a) + u16::from(b)) / 2) as u8,
                Filter::Paeth => paeth(a, b, c),
            };
            row[at].wrapping_sub(predicted)
        };
        (0..row.len()).map(one).collect()
    }

    #[test]
    fn whole_rows_are_told_as_single_samples_would_be() {
        for pixels in [1, 2, 7, 33] {
            let sample = |i: usize, k: usize| (i * k % 251) as u8 ^ (i as u8 >> 2);
            let row: Vec<u8> = (0..pixels * CHANNELS).map(|i| sample(i, 89)).collect();
            let above: Vec<u8> = (0..pixels * CHANNELS).map(|i| sample(i, 113)).collect();
            for filter in Filter::ALL {
                let mut out = vec![0; row.len()];
                filter.apply(&row, &above, &mut out);
                assert_eq!(out, plainly(filter, &row, &above), "{filter:?} {pixels}");
            }
        }
    }
}
