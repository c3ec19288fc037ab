//! The default covers as decoded pixels: the small ones come with the program, the large ones are
//! drawn once and kept, in memory for a while and on disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::stego::{self, CoverId, DecodeLimits, Picture, StegoError};

/// Covers kept in memory at a time. The largest takes 36 MB.
const IN_MEMORY: usize = 3;

/// A shelf shared by all workers of a node.
pub struct CoverShelf {
    folder: PathBuf,
    shelf: Mutex<BTreeMap<u8, Arc<Picture>>>,
}

impl CoverShelf {
    /// A shelf that keeps drawn covers in `folder`.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            shelf: Mutex::new(BTreeMap::new()),
        }
    }

    /// A cover, pristine.
    ///
    /// # Errors
    /// If a cover that comes with the program is damaged.
    pub fn cover(&self, id: CoverId) -> Result<Arc<Picture>, StegoError> {
        // Drawing under the lock keeps two workers from drawing the same large cover at once.
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cover) = shelf.get(&id.index()) {
            return Ok(cover.clone());
        }
        let cover = Arc::new(match stego::covers::builtin(id)? {
            Some(cover) => cover,
            None => self.drawn(id),
        });
        if shelf.len() >= IN_MEMORY {
            shelf.pop_first();
        }
        shelf.insert(id.index(), cover.clone());
        Ok(cover)
    }

    /// A large cover from disk if a whole one of the right size is there, else drawn and kept.
    fn drawn(&self, id: CoverId) -> Picture {
        let path = self.folder.join(format!("{}.png", id.name()));
        let kept = fs::read(&path).ok();
        let kept = kept.and_then(|bytes| stego::decode(&bytes, &DecodeLimits::default()).ok());
        if let Some(cover) = kept.filter(|cover| (cover.width(), cover.height()) == id.dimensions())
        {
            return cover;
        }
        let cover = stego::covers::render_cover(id);
        if let Err(error) = self.keep(&path, &cover) {
            tracing::warn!(%error, "a drawn cover is not kept");
        }
        cover
    }

    fn keep(&self, path: &std::path::Path, cover: &Picture) -> std::io::Result<()> {
        let bytes = stego::encode_png(cover).map_err(std::io::Error::other)?;
        fs::create_dir_all(&self.folder)?;
        let beside = path.with_extension(format!("partial-{}", std::process::id()));
        fs::write(&beside, bytes)?;
        fs::rename(&beside, path)
    }
}
