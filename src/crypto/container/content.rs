//! What goes into a container, whole in memory: rights, the original, compressed if that makes it
//! smaller, and its digest.

use std::borrow::Cow;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::head::{Plan, content_bytes};
use super::keys::{Salt, Secret};
use super::rights::Rights;
use super::segments::Writer;
use super::sizes::{room, unpadded};

/// Compression is tried only on a sample of this size.
const SAMPLE_BYTES: usize = 64 << 10;
/// A gain below one part in this many is no gain.
const GAIN_PARTS: usize = 16;
/// What padding is made of, pushed piece by piece.
const ZEROS: [u8; 1_024] = [0; 1_024];

/// A content ready to be sealed, so that its size is known before a carrier is chosen.
pub struct Content<'a> {
    rights: Vec<u8>,
    data: Cow<'a, [u8]>,
    original_bytes: u64,
    digest: [u8; 32],
}

impl<'a> Content<'a> {
    /// Packs an original with its rights.
    #[must_use]
    pub fn pack(rights: &Rights, original: &'a [u8]) -> Self {
        let data = compress(original).map_or(Cow::Borrowed(original), Cow::Owned);
        Self {
            rights: rights.encode(),
            data,
            original_bytes: original.len() as u64,
            digest: *blake3::hash(original).as_bytes(),
        }
    }

    /// The size of its container in bytes without padding: what a carrier has to hold at least.
    #[must_use]
    pub fn least_bytes(&self) -> u64 {
        unpadded(content_bytes(
            self.rights.len() as u64,
            self.data.len() as u64,
        ))
    }

    /// Seals it in a container of `container_bytes`, which is what
    /// [`size_class`](super::size_class) says for [`Content::least_bytes`].
    ///
    /// # Panics
    /// If it does not fit: a mistake of the caller.
    #[must_use]
    pub fn seal(&self, container_bytes: u64, secret: &Secret, salt: &Salt) -> Vec<u8> {
        let plan = Plan {
            is_compressed: matches!(self.data, Cow::Owned(_)),
            rights_bytes: self.rights.len() as u64,
            data_bytes: self.data.len() as u64,
            original_bytes: self.original_bytes,
            container_bytes,
        };
        let mut out = Vec::with_capacity(usize::try_from(container_bytes).unwrap_or_default());
        let mut writer = begin(&plan, secret, salt, &mut out).expect("a class of this content");
        writer.push(&self.rights, &mut out);
        writer.push(&self.data, &mut out);
        end(writer, &self.digest, &mut out);
        out
    }
}

impl core::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Content({} bytes)", self.original_bytes)
    }
}

/// Writes the start of a container; none if the content does not fit it.
pub(super) fn begin(
    plan: &Plan,
    secret: &Secret,
    salt: &Salt,
    out: &mut Vec<u8>,
) -> Option<Writer> {
    let room = room(plan.container_bytes).filter(|room| *room >= plan.content_bytes())?;
    let keys = secret.keys(salt);
    plan.write(&salt.0, &keys, out);
    Some(Writer::new(&keys.body, room))
}

/// Writes what follows the data: digest and padding.
pub(super) fn end(mut writer: Writer, digest: &[u8; 32], out: &mut Vec<u8>) {
    writer.push(digest, out);
    while writer.missing_bytes() > 0 {
        let size = writer.missing_bytes().min(ZEROS.len() as u64) as usize;
        writer.push(&ZEROS[..size], out);
    }
}

/// The compressed content if that is clearly smaller. Most originals are compressed already, and
/// then a sample tells without work on the whole.
fn compress(content: &[u8]) -> Option<Vec<u8>> {
    let sample = &content[..content.len().min(SAMPLE_BYTES)];
    let gain = |before: usize, after: usize| after + before / GAIN_PARTS < before;
    if !gain(sample.len(), deflate(sample).len()) {
        return None;
    }
    let smaller = deflate(content);
    gain(content.len(), smaller.len()).then_some(smaller)
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(bytes)
        .expect("a vector takes every write");
    encoder.finish().expect("a vector takes every write")
}
