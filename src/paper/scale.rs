//! Axes: where a value lies on a drawing, and at which round values there are lines.

/// A scale from values to pixels.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// `least` lies at `from`, `most` at `to`.
    #[must_use]
    pub fn new(least: f64, most: f64, from: f64, to: f64) -> Self {
        let most = if most > least { most } else { least + 1.0 };
        Self {
            least,
            most,
            from,
            to,
        }
    }

    /// Where a value lies.
    #[must_use]
    pub fn at(&self, value: f64) -> f64 {
        let share = (value - self.least) / (self.most - self.least);
        let pixel = self.from + share.clamp(0.0, 1.0) * (self.to - self.from);
        (pixel * 10.0).round() / 10.0
    }

    /// Round values on the scale, about so many.
    #[must_use]
    pub fn ticks(&self, about: usize) -> Vec<f64> {
        let rough = (self.most - self.least) / about.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let first = (self.least / step).ceil() as i64;
        (first..)
            .map(|number| number as f64 * step)
            .take_while(|value| *value <= self.most + step * 1e-6)
            .collect()
    }
}

/// A round value, without needless digits.
#[must_use]
pub fn plain(value: f64) -> String {
    if value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else if value < 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1}")
    }
}

/// Milliseconds, in the unit that suits them.
#[must_use]
pub fn duration(ms: f64) -> String {
    if ms >= 10_000.0 {
        format!("{:.1} s", ms / 1e3)
    } else if ms >= 1_000.0 {
        format!("{:.2} s", ms / 1e3)
    } else if ms >= 10.0 || ms == 0.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let scale = Scale::new(0.0, 47.0, 0.0, 100.0);
        assert_eq!(scale.ticks(5), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Scale::new(0.0, 0.9, 0.0, 1.0).ticks(4).len(), 2);
    }

    #[test]
    fn a_scale_never_leaves_its_drawing() {
        let scale = Scale::new(0.0, 10.0, 100.0, 0.0);
        assert_eq!(
            (scale.at(0.0), scale.at(10.0), scale.at(99.0)),
            (100.0, 0.0, 0.0)
        );
        assert!(Scale::new(3.0, 3.0, 0.0, 1.0).at(3.0).is_finite());
    }
}
