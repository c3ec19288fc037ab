//! One picture made by many threads: strips in any order, the same bytes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::super::crew::{Crashed, Crew, Pieces};
use crate::proto::ids::Digest;
use crate::stego::{PngFile, Rendition, Scratch};

/// A picture in the making, of which any thread may make a strip.
struct Rendering {
    rendition: Rendition,
    /// The file as far as it is joined, and the digest of that.
    joined: Mutex<(PngFile, blake3::Hasher)>,
}

impl Pieces for Rendering {
    fn count(&self) -> usize {
        self.rendition.strips()
    }

    fn work_on(&self, piece: usize, scratch: &mut Scratch) {
        let strip = self.rendition.strip(piece, scratch);
        let mut joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, digest) = &mut *joined;
        digest.update(file.accept(piece, &strip));
    }
}

/// Makes a picture, with whoever helps. The bytes do not depend on who did.
///
/// # Errors
/// [`Crashed`] on a bug in the code of pixels.
pub fn render(
    rendition: Rendition,
    crew: &dyn Crew,
    scratch: &mut Scratch,
) -> Result<(Bytes, Digest), Crashed> {
    let joined = Mutex::new((rendition.file(), blake3::Hasher::new()));
    let rendering = Arc::new(Rendering { rendition, joined });
    crew.work_through(rendering.clone(), scratch)?;
    let joined = rendering.joined.lock();
    let (file, digest) = &mut *joined.unwrap_or_else(PoisonError::into_inner);
    let digest = Digest(*digest.finalize().as_bytes());
    Ok((file.take_bytes().into(), digest))
}
