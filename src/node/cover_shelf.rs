//! The default covers, decoded and prepared: the small ones come with the program, the large ones
//! are drawn once and kept, in memory for a while and on disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::stego::{self, CoverId, DecodeLimits, Picture, PreparedCover, StegoError};

/// Bytes of covers kept in memory; the ones used longest ago go first. The largest takes 36 MB,
/// all scenes of the smallest size together 14 MB.
const IN_MEMORY_BYTES: usize = 112 << 20;

/// A shelf shared by all workers of a node.
pub struct CoverShelf {
    folder: PathBuf,
    shelf: Mutex<Shelf>,
}

struct Shelf {
    /// By number, with the time of the last use.
    covers: BTreeMap<u8, (Arc<PreparedCover>, u64)>,
    /// Counts uses.
    time: u64,
}

impl Shelf {
    fn take(&mut self, id: CoverId) -> Option<Arc<PreparedCover>> {
        self.time += 1;
        let (cover, used) = self.covers.get_mut(&id.number())?;
        *used = self.time;
        Some(cover.clone())
    }

    fn put(&mut self, id: CoverId, cover: Arc<PreparedCover>) {
        let room_bytes = IN_MEMORY_BYTES.saturating_sub(cover.memory_bytes());
        while self.size_bytes() > room_bytes {
            let oldest = self.covers.iter().min_by_key(|(_, (_, used))| *used);
            let Some((&number, _)) = oldest else { break };
            self.covers.remove(&number);
        }
        self.covers.insert(id.number(), (cover, self.time));
    }

    fn size_bytes(&self) -> usize {
        self.covers
            .values()
            .map(|(cover, _)| cover.memory_bytes())
            .sum()
    }
}

impl CoverShelf {
    /// A shelf that keeps drawn covers in `folder`.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            shelf: Mutex::new(Shelf {
                covers: BTreeMap::new(),
                time: 0,
            }),
        }
    }

    /// A cover, pristine and prepared.
    ///
    /// # Errors
    /// If a cover that comes with the program is damaged.
    pub fn cover(&self, id: CoverId) -> Result<Arc<PreparedCover>, StegoError> {
        // Drawing under the lock keeps two workers from drawing the same large cover at once.
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cover) = shelf.take(id) {
            return Ok(cover);
        }
        let cover = match stego::covers::builtin(id)? {
            Some(cover) => cover,
            None => self.drawn(id),
        };
        let cover = Arc::new(PreparedCover::new(cover));
        shelf.put(id, cover.clone());
        Ok(cover)
    }

    /// Draws a cover onto the disk if it is not there; whether it did.
    pub fn draw_ahead(&self, id: CoverId) -> bool {
        let comes_with_the_program = stego::covers::builtin(id).is_ok_and(|file| file.is_some());
        let path = self.folder.join(format!("{}.png", id.name()));
        if comes_with_the_program || path.exists() {
            return false;
        }
        let cover = stego::covers::render_cover(id);
        if let Err(error) = self.keep(&path, &cover) {
            tracing::warn!(%error, "a drawn cover is not kept");
        }
        true
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_leaves_the_memory_first() {
        let mut shelf = Shelf {
            covers: BTreeMap::new(),
            time: 0,
        };
        let id = |number| CoverId::from_number(number).expect("a cover");
        // A little less: what was prepared takes its place too.
        let quarter = IN_MEMORY_BYTES as u32 / 4 / 3 - (1 << 17);
        let cover = || {
            let samples = vec![0; quarter as usize * 3];
            let cover = Picture::new(quarter, 1, samples).expect("a picture");
            Arc::new(PreparedCover::quickly(cover))
        };
        for number in 0..4 {
            assert!(shelf.take(id(number)).is_none());
            shelf.put(id(number), cover());
        }
        assert!(shelf.take(id(0)).is_some(), "four fit");
        shelf.put(id(4), cover());
        assert!(shelf.take(id(1)).is_none());
        for number in [0, 2, 3, 4] {
            assert!(shelf.take(id(number)).is_some(), "{number}");
        }
        assert!(shelf.size_bytes() <= IN_MEMORY_BYTES);
    }

    #[test]
    fn a_drawn_cover_is_read_again_from_its_file_and_a_foreign_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = CoverId::from_number(6).expect("a cover");
        let drawn = CoverShelf::new(folder.path().into())
            .cover(id)
            .expect("drawn");
        let path = folder.path().join(format!("{}.png", id.name()));
        let kept = stego::decode(&fs::read(&path).expect("kept"), &DecodeLimits::default());
        assert_eq!(kept.as_ref(), Ok(drawn.picture()));
        fs::write(&path, b"no picture").expect("written");
        let anew = CoverShelf::new(folder.path().into())
            .cover(id)
            .expect("drawn anew");
        assert_eq!(anew.picture(), drawn.picture());
    }
}
