//! What every page has: head, ways to the others, the last remark, and small words.

use maud::{DOCTYPE, Markup, html};

use crate::proto::control::Failure;
use crate::terminal::text;
use crate::time::WallTime;
use crate::web::refusals::Refusal;
use crate::web::state::Remark;

/// Which way a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Way {
    Galleries,
    Shared,
    Requests,
    Mine,
    People,
    About,
}

/// The ways in the order of the head, with address and words.
const WAYS: [(Way, &str, &str); 5] = [
    (Way::Galleries, "/", "Galleries"),
    (Way::Requests, "/requests", "Requests"),
    (Way::Shared, "/shared", "Shared by me"),
    (Way::Mine, "/mine", "My pictures"),
    (Way::People, "/people", "People"),
];

/// What a page needs besides its own content.
pub(in crate::web) struct Frame<'a> {
    /// The person's name.
    pub(in crate::web) me: &'a str,
    /// Where the page belongs.
    pub(in crate::web) way: Way,
    /// What was done last.
    pub(in crate::web) remark: Option<Remark>,
    /// Words in the head besides, such as a refresh.
    pub(in crate::web) head: Markup,
}

impl<'a> Frame<'a> {
    /// A frame without a remark.
    pub(in crate::web) fn new(me: &'a str, way: Way) -> Self {
        Self {
            me,
            way,
            remark: None,
            head: html! {},
        }
    }
}

/// A whole page.
pub(in crate::web) fn page(frame: &Frame<'_>, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, &frame.head))
            body {
                a.skip href="#main" { "Skip to the pictures" }
                header.top {
                    a.brand href="/" { "Pentimento" }
                    nav aria-label="Main" {
                        @for (way, address, words) in WAYS {
                            a href=(address) aria-current=[(way == frame.way).then_some("page")] {
                                (words)
                            }
                        }
                    }
                    a.me href="/about" aria-current=[(frame.way == Way::About).then_some("page")] {
                        "@" (frame.me)
                    }
                }
                main #main tabindex="-1" {
                    @if let Some(remark) = &frame.remark { (told(remark)) }
                    (body)
                }
                p #news .news role="status" aria-live="polite" {}
            }
        }
    }
}

fn head(title: &str, more: &Markup) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · Pentimento" }
            link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
            link rel="stylesheet" href="/assets/gallery.css";
            script src="/assets/live.js" defer {}
            (more)
        }
    }
}

fn told(remark: &Remark) -> Markup {
    let role = if remark.is_failure { "alert" } else { "status" };
    html! {
        div.remark.failure[remark.is_failure] role=(role) {
            p { (remark.text) }
            @if !remark.hint.is_empty() { p.hint { (remark.hint) } }
        }
    }
}

/// A page for a request that was refused; it needs no session.
pub(in crate::web) fn refused(refusal: Refusal) -> Markup {
    let (title, words) = refusal.words();
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, &html! {}))
            body.bare {
                main #main {
                    h1 { (title) }
                    p { (words) }
                    @if !matches!(refusal, Refusal::Session | Refusal::Secret | Refusal::Host) {
                        p { a.button href="/" { "To the galleries" } }
                    }
                }
            }
        }
    }
}

/// A page for a command that failed.
pub(in crate::web) fn failed(failure: &Failure) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("Not now", &html! {}))
            body.bare {
                main #main {
                    h1 { "That did not work" }
                    p { (sentence(&failure.message)) }
                    @if !failure.hint.is_empty() { p.hint { (sentence(&failure.hint)) } }
                    p { a.button href="/" { "To the galleries" } }
                }
            }
        }
    }
}

/// A page that sends a browser on by itself, for one that comes from another site.
pub(in crate::web) fn door() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("Come in", &html! { meta http-equiv="refresh" content="0;url=/"; }))
            body.bare {
                main #main { h1 { "Come in" } p { a.button href="/" { "To the galleries" } } }
            }
        }
    }
}

/// A message as a sentence.
pub(in crate::web) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase());
    let mut sentence: String = first.into_iter().flatten().chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// A moment of the calendar; a script tells it in the browser's own zone.
pub(in crate::web) fn moment(at: WallTime) -> Markup {
    let when = text::when(at.0);
    let machine = format!("{}Z", when.replace(' ', "T"));
    html! { time datetime=(machine) { (when) " UTC" } }
}

/// How long ago, roughly.
pub(in crate::web) fn ago(now: WallTime, at: WallTime) -> String {
    format!("{} ago", span(now.0.saturating_sub(at.0)))
}

/// A length of time, roughly.
pub(in crate::web) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_roughly() {
        let told = [5_000, 61_000, 3_600_000, 200_000_000].map(span);
        assert_eq!(told, ["5 s", "1 min", "1 h", "2 days"]);
        assert_eq!(ago(WallTime(1_000), WallTime(9_000)), "0 s ago");
    }

    #[test]
    fn what_others_wrote_is_escaped() {
        let frame = Frame::new("<b>", Way::About);
        let body = html! { (sentence("<script>alert(1)</script>")) };
        let page = page(&frame, "\"><i>", &body).into_string();
        assert!(!page.contains("<script>alert") && !page.contains("<b>") && !page.contains("<i>"));
    }

    #[test]
    fn a_message_becomes_a_sentence() {
        assert_eq!(sentence("no looks left"), "No looks left.");
        assert_eq!(sentence("Done!"), "Done!");
        assert_eq!(sentence(""), ".");
    }
}
