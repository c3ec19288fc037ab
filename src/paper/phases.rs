//! Where the time of requests goes: a bar of phases for each kind of them.

use maud::{Markup, html};

use super::scale::{Scale, duration};

/// Where the time of a request goes: class and words.
pub const PHASES: [(&str, &str); 5] = [
    ("sealing", "own client: sealing, waiting"),
    ("election", "election"),
    ("upload", "upload"),
    ("hiding", "hiding"),
    ("download", "download"),
];

/// A bar for each row: its name, how many requests it is the mean of, and milliseconds of each of
/// [`PHASES`].
#[must_use]
pub fn stacks(rows: &[(&str, usize, [f64; 5])], scale: &Scale) -> Markup {
    let height = 36.0 * rows.len() as f64 + 6.0;
    html! {
        ul.legend { @for (class, word) in PHASES { li { i class={ "key " (class) } {} (word) } } }
        div.scroll {
            svg viewBox=(format!("0 0 1080 {height}")) role="img"
                aria-label="Mean time of each phase of a request" {
                @for (row, (name, count, parts)) in rows.iter().enumerate() {
                    @let top = 36.0 * row as f64 + 4.0;
                    @let whole: f64 = parts.iter().sum();
                    text.host x="116" y=(top + 18.0) text-anchor="end" { (name) }
                    @for (index, part) in parts.iter().enumerate() {
                        @let before: f64 = parts[..index].iter().sum();
                        @let x = scale.at(before);
                        @let width = scale.at(before + part) - x;
                        rect class=(PHASES[index].0) x=(x) y=(top) height="26"
                            width=((width - 1.0).max(0.0)) rx="2" {
                            title { (PHASES[index].1) ": " (duration(*part)) }
                        }
                        @if width > 54.0 {
                            text class={ "inside " (PHASES[index].0) } x=(x + width / 2.0)
                                y=(top + 17.5) text-anchor="middle" {
                                (duration(*part))
                            }
                        }
                    }
                    text.tick x=(scale.at(whole) + 8.0) y=(top + 17.5) {
                        tspan.strong { (duration(whole)) } " · " (count)
                    }
                }
            }
        }
    }
}
