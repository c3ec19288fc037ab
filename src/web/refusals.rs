//! Requests that were refused, each kind with its status, its words and its count.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Why a request was refused. Nothing was counted and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// The Host header names somebody else: perhaps a page that pretends to be us.
    Host,
    /// The address has parts that no page of ours has.
    Path,
    /// The headers are too long.
    Headers,
    /// The browser wanted the page before the person did.
    Prefetch,
    /// The method fits no page.
    Method,
    /// Another site made the browser ask.
    CrossSite,
    /// No session: the address printed at start was not visited.
    Session,
    /// The secret in the address is not ours.
    Secret,
    /// A nonce that opens nothing.
    NonceUnknown,
    /// A nonce that was used.
    NonceUsed,
    /// More bytes than a form or a file may have.
    TooLarge,
    /// A form that cannot be read.
    Form,
    /// Too many live connections.
    Streams,
    /// A connection that ended without a request that could be read.
    Unreadable,
}

impl Refusal {
    /// The status code.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Host => 421,
            Self::Path => 404,
            Self::Headers => 431,
            Self::Method => 405,
            Self::NonceUsed => 409,
            Self::TooLarge => 413,
            Self::Form | Self::Unreadable => 400,
            Self::Streams => 503,
            Self::Prefetch
            | Self::CrossSite
            | Self::Session
            | Self::Secret
            | Self::NonceUnknown => 403,
        }
    }

    /// A stable word for logs and counts.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Path => "path",
            Self::Headers => "headers",
            Self::Prefetch => "prefetch",
            Self::Method => "method",
            Self::CrossSite => "cross_site",
            Self::Session => "session",
            Self::Secret => "secret",
            Self::NonceUnknown => "nonce_unknown",
            Self::NonceUsed => "nonce_used",
            Self::TooLarge => "too_large",
            Self::Form => "form",
            Self::Streams => "streams",
            Self::Unreadable => "unreadable",
        }
    }

    /// A heading and an explanation for the person.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Host => (
                "Wrong host",
                "This gallery answers only at the address that was printed when it started.",
            ),
            Self::Path => (
                "Nothing hangs here",
                "There is no page at this address. Go back to the galleries.",
            ),
            Self::Headers => ("Too long", "The browser sent more headers than are read."),
            Self::Prefetch => (
                "Not before you ask",
                "The browser wanted this page ahead of time. Nothing was counted.",
            ),
            Self::Method => ("Not this way", "This page cannot be asked for in this way."),
            Self::CrossSite => (
                "Another site asked",
                "Another site made your browser send this. Nothing was counted.",
            ),
            Self::Session | Self::Secret => (
                "The door is closed",
                "Open the address that `pentimento web` printed when it started. It begins with \
                 http:// and has /s/ in it. Every start has a new one.",
            ),
            Self::NonceUnknown => (
                "This button is not valid any more",
                "Nothing was counted. Go back to the picture and open it again.",
            ),
            Self::NonceUsed => (
                "Shown already",
                "This button was used. A reload never counts and never shows a picture again; \
                 nothing was counted now.",
            ),
            Self::TooLarge => ("Too large", "Files up to 60 MB can be sent."),
            Self::Form => (
                "Not understood",
                "The form could not be read. Nothing was done.",
            ),
            Self::Streams => (
                "Too many open pages",
                "Close some pages of this gallery; this one does not update by itself.",
            ),
            Self::Unreadable => ("Not understood", "The request could not be read."),
        }
    }
}

/// How many of each kind there were since the start.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: Mutex<BTreeMap<Refusal, u64>>,
}

impl Refusals {
    /// Logs and counts a refusal. `path` is told as the browser sent it, at most so long.
    pub(super) fn note(&self, refusal: Refusal, path: &str) {
        let path: String = path.chars().take(80).collect();
        tracing::warn!(refusal = refusal.word(), path, "web request refused");
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(refusal).or_default() += 1;
    }

    /// The counts.
    pub(super) fn counts(&self) -> Vec<(Refusal, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(kind, count)| (*kind, *count)).collect()
    }
}
