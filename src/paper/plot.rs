//! Plots of a few series over a few points that have names.

use std::fmt::Write;

use maud::{Markup, html};

use super::scale::{Scale, plain};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 506.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 226.0;
/// Of the room that a point has, bars take so much.
const BARS_PART: f64 = 0.72;

/// Values of one kind; none where there is none.
#[derive(Clone, Debug)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// A value for each point.
    pub values: Vec<Option<f64>>,
}

/// See the module. The first six series have colours of their own.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What is shown, with its unit.
    pub title: String,
    /// What the points are.
    pub points_are: String,
    /// Names of the points.
    pub points: Vec<String>,
    /// What is drawn.
    pub series: Vec<Series>,
    /// Whether the scale is one of powers of ten.
    pub powers: bool,
}

impl Plot {
    /// A line for each series, with a dot for each value.
    #[must_use]
    pub fn lines(&self) -> Markup {
        let axis = Axis::of(self);
        self.frame(
            &axis,
            &html! {
                @for (number, series) in self.series.iter().enumerate() {
                    path class={ "line c" (number) } d=(self.path(&axis, series)) {}
                    @for (point, value) in values(series) {
                        @let (x, y) = (self.middle(point), axis.at(value));
                        circle class={ "c" (number) } cx=(x) cy=(y) r="3.5" {
                            title { (series.name) ", " (self.points[point]) ": " (short(value)) }
                        }
                    }
                }
            },
        )
    }

    /// A bar for each value, those of a point beside each other.
    #[must_use]
    pub fn bars(&self) -> Markup {
        let axis = Axis::of(self);
        let room = self.room() * BARS_PART;
        let width = room / self.series.len().max(1) as f64;
        let floor = BOTTOM;
        self.frame(
            &axis,
            &html! {
                @for (number, series) in self.series.iter().enumerate() {
                    @for (point, value) in values(series) {
                        @let x = self.middle(point) - room / 2.0 + width * number as f64;
                        @let top = axis.at(value);
                        rect class={ "c" (number) } x=(tenths(x)) y=(top) rx="1.5"
                            width=(tenths((width - 1.5).max(1.0))) height=((floor - top).max(0.5)) {
                            title { (series.name) ", " (self.points[point]) ": " (short(value)) }
                        }
                    }
                }
            },
        )
    }

    fn frame(&self, axis: &Axis, drawn: &Markup) -> Markup {
        html! {
            figure.plot {
                figcaption { (self.title) }
                ul.legend {
                    @for (number, series) in self.series.iter().enumerate() {
                        li { i class={ "key c" (number) } {} (series.name) }
                    }
                }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                    @for tick in axis.ticks() {
                        @let y = axis.at(tick);
                        line.grid x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {}
                        text.tick x=(LEFT - 8.0) y=(y + 4.0) text-anchor="end" { (short(tick)) }
                    }
                    @for (number, point) in self.points.iter().enumerate() {
                        text.tick x=(self.middle(number)) y=(BOTTOM + 18.0) text-anchor="middle" {
                            (point)
                        }
                    }
                    text.tick x=((LEFT + RIGHT) / 2.0) y=(BOTTOM + 38.0) text-anchor="middle" {
                        (self.points_are)
                    }
                    (drawn)
                }
            }
        }
    }

    fn room(&self) -> f64 {
        (RIGHT - LEFT) / self.points.len().max(1) as f64
    }

    fn middle(&self, point: usize) -> f64 {
        tenths(LEFT + self.room() * (point as f64 + 0.5))
    }

    /// A gap where there is no value.
    fn path(&self, axis: &Axis, series: &Series) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for (point, value) in series.values.iter().enumerate() {
            let Some(value) = value else {
                pen = 'M';
                continue;
            };
            let _ = write!(path, "{pen}{} {}", self.middle(point), axis.at(*value));
            pen = 'L';
        }
        path
    }
}

fn values(series: &Series) -> impl Iterator<Item = (usize, f64)> + '_ {
    let values = series.values.iter().enumerate();
    values.filter_map(|(point, value)| Some((point, (*value)?)))
}

fn tenths(pixel: f64) -> f64 {
    (pixel * 10.0).round() / 10.0
}

/// A value in few letters.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{} M", plain(tenths(value / 1e6)))
    } else if size >= 1e4 {
        format!("{} k", plain(tenths(value / 1e3)))
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else {
        plain(value)
    }
}

/// The scale of values, from the bottom up.
struct Axis {
    scale: Scale,
    /// Powers of ten, from the least to the most.
    powers: Option<(i32, i32)>,
}

impl Axis {
    fn of(plot: &Plot) -> Self {
        let all = || {
            plot.series
                .iter()
                .flat_map(|series| series.values.iter().flatten())
        };
        let most = all().copied().fold(0.0, f64::max);
        if !plot.powers {
            let scale = Scale::new(0.0, if most > 0.0 { most * 1.08 } else { 1.0 }, BOTTOM, TOP);
            return Self {
                scale,
                powers: None,
            };
        }
        let least = all()
            .copied()
            .filter(|value| *value > 0.0)
            .fold(f64::MAX, f64::min);
        let most = most.max(1e-6);
        let from = least.min(most).log10().floor() as i32;
        let to = (most.log10().ceil() as i32).max(from + 1);
        Self {
            scale: Scale::new(f64::from(from), f64::from(to), BOTTOM, TOP),
            powers: Some((from, to)),
        }
    }

    fn at(&self, value: f64) -> f64 {
        match self.powers {
            None => self.scale.at(value),
            Some((from, _)) if value <= 0.0 => self.scale.at(f64::from(from)),
            Some(_) => self.scale.at(value.log10()),
        }
    }

    fn ticks(&self) -> Vec<f64> {
        match self.powers {
            None => self.scale.ticks(5),
            Some((from, to)) => (from..=to).map(|power| 10_f64.powi(power)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(powers: bool) -> Plot {
        Plot {
            title: "pictures a second".to_owned(),
            points_are: "clients".to_owned(),
            points: ["1", "2", "100"].map(str::to_owned).to_vec(),
            series: vec![
                Series {
                    name: "three".to_owned(),
                    values: vec![Some(10.0), None, Some(1_000.0)],
                },
                Series {
                    name: "one".to_owned(),
                    values: vec![Some(0.0), Some(500.0), Some(50_000.0)],
                },
            ],
            powers,
        }
    }

    #[test]
    fn a_line_has_a_gap_where_there_is_no_value() {
        let plot = plot(false);
        let axis = Axis::of(&plot);
        assert_eq!(plot.path(&axis, &plot.series[0]).matches('M').count(), 2);
        assert_eq!(plot.path(&axis, &plot.series[1]).matches('L').count(), 2);
        let drawn = plot.lines().into_string();
        assert_eq!(drawn.matches("<circle").count(), 5);
        assert!(drawn.contains("one, 100: 50 k"), "{drawn}");
    }

    #[test]
    fn powers_of_ten_are_equally_far_apart_and_nothing_leaves_the_frame() {
        let plot = plot(true);
        let axis = Axis::of(&plot);
        assert_eq!(axis.ticks(), [10.0, 100.0, 1e3, 1e4, 1e5]);
        let step = axis.at(10.0) - axis.at(100.0);
        assert!((axis.at(1e3) - axis.at(1e4) - step).abs() < 0.2);
        assert!((axis.at(0.0) - BOTTOM).abs() < 1e-9);
        assert_eq!(plot.bars().into_string().matches("<rect").count(), 5);
    }
}
