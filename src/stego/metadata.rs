//! What a picture file tells beside its pixels, and the same file without it.
//!
//! The pixels are not touched: whole segments and chunks are left out, the rest is copied byte for
//! byte. What a reader needs to show the picture as meant stays: colour profile, palette,
//! animation, and the orientation, alone. A file that is no picture, or a damaged one, comes back
//! as it was.
//!
//! Invariants: no input panics; the work grows with the size of the file; what is cleaned twice is
//! what was cleaned once.

mod exif_words;
mod jpeg;
mod png;
mod webp;

use bytes::Bytes;

use super::codec::{ImageKind, sniff};

/// A file without its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// The file; the same as before if nothing was found in it.
    pub bytes: Bytes,
    /// What was taken out, in words for a person, each once.
    pub removed: Vec<String>,
}

/// Takes metadata out of a JPEG, PNG or WebP file.
#[must_use]
pub fn clean(file: &Bytes) -> Cleaned {
    let cleaned = match sniff(file) {
        Some(ImageKind::Jpeg) => jpeg::clean(file),
        Some(ImageKind::Png) => png::clean(file),
        Some(ImageKind::WebP) => webp::clean(file),
        None => None,
    };
    let kept = || Cleaned {
        bytes: file.clone(),
        removed: Vec::new(),
    };
    match cleaned {
        Some((bytes, found)) if !found.words.is_empty() => Cleaned {
            bytes: bytes.into(),
            removed: found.words,
        },
        _ => kept(),
    }
}

/// What was found in a file.
#[derive(Debug, Default)]
struct Found {
    words: Vec<String>,
    /// How the picture is turned, if not as it lies: 2 to 8 (Exif 2.32, tag 0x0112).
    orientation: Option<u8>,
}

impl Found {
    fn add(&mut self, word: impl Into<String>) {
        let word = word.into();
        if !self.words.contains(&word) {
            self.words.push(word);
        }
    }

    /// Notes what Exif data say. Of several, the first tells the orientation.
    fn exif(&mut self, tiff: &[u8]) {
        let told = exif_words::read(tiff);
        for word in told.words {
            self.add(word);
        }
        self.orientation = self.orientation.or(told.orientation);
    }
}

/// Length of [`upright`]'s answer.
const UPRIGHT_BYTES: usize = 26;

/// Exif data (TIFF 6.0, little endian) with one entry: the orientation.
const fn upright(orientation: u8) -> [u8; UPRIGHT_BYTES] {
    [
        b'I',
        b'I',
        42,
        0,
        8,
        0,
        0,
        0, // the directory follows at once
        1,
        0, // with one entry:
        0x12,
        0x01, // orientation,
        3,
        0, // a short,
        1,
        0,
        0,
        0, // one,
        orientation,
        0,
        0,
        0,
        0,
        0,
        0,
        0, // and no further directory
    ]
}

/// Whether these Exif data are what [`upright`] writes.
fn is_upright(tiff: &[u8]) -> bool {
    (2..=8).any(|orientation| tiff == upright(orientation))
}

#[cfg(test)]
mod tests;
