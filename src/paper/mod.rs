//! What reports are drawn on: one style, scales and plots. Pages need nothing else, not even a
//! script. Knows nothing of what is told.

pub mod phases;
pub mod plot;
pub mod scale;

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// A whole page around what it tells.
#[must_use]
pub fn sheet(title: &str, told: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (told) } }
        }
    };
    markup.into_string()
}
