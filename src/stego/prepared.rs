//! Covers that are ready, and the pictures that are made of them strip by strip.
//!
//! What depends on a cover alone is done once, in [`PreparedCover`]. A [`Rendition`] is one picture
//! in the making: its strips may be made in any order, by any thread, and joined by a [`PngFile`];
//! the file is the same. It is what [`super::embed()`] makes of the cover, as a PNG.

use std::sync::Arc;

use bytes::Bytes;

use super::capacity::Mode;
use super::embed::embed_run;
use super::error::StegoError;
use super::picture::Picture;
use super::png_writer::{PngFile, PngPlan, Scratch, Strip};

/// A cover, pristine, and how pictures of it are best written.
pub struct PreparedCover {
    picture: Picture,
    plan: PngPlan,
}

impl PreparedCover {
    /// Prepares a cover that will serve often: looks at all of it.
    #[must_use]
    pub fn new(picture: Picture) -> Self {
        let plan = PngPlan::new(&picture, false);
        Self { picture, plan }
    }

    /// Prepares a cover that will serve once: looks at a part, in a fraction of the time that
    /// writing takes. Its files are about one part in a hundred larger.
    #[must_use]
    pub fn quickly(picture: Picture) -> Self {
        let plan = PngPlan::new(&picture, true);
        Self { picture, plan }
    }

    /// The cover itself.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Writes a picture that differs from this cover in its lowest bits only. Any picture of the
    /// same sides comes out right; one that differs more only takes more bytes.
    ///
    /// # Errors
    /// [`StegoError::Dimensions`] when the sides are others.
    pub fn encode(&self, picture: &Picture, scratch: &mut Scratch) -> Result<Vec<u8>, StegoError> {
        let (width, height) = (picture.width(), picture.height());
        if (width, height) != (self.picture.width(), self.picture.height()) {
            return Err(StegoError::Dimensions {
                width,
                height,
                samples: picture.samples().len(),
            });
        }
        let mut file = PngFile::new(&self.plan);
        for index in 0..self.plan.strips() {
            let from = &picture.samples()[self.plan.samples(index)];
            let fill = |samples: &mut [u8]| samples.copy_from_slice(from);
            file.accept(index, &self.plan.strip(index, fill, scratch));
        }
        Ok(file.take_bytes())
    }

    /// Memory it takes.
    pub fn memory_bytes(&self) -> usize {
        self.picture.samples().len() + self.plan.memory_bytes()
    }

    /// Whole bytes it carries.
    pub fn capacity_bytes(&self) -> u64 {
        Mode::Fast.capacity_bytes(self.picture.width(), self.picture.height())
    }
}

/// A cover that carries a payload, as a file in the making.
pub struct Rendition {
    cover: Arc<PreparedCover>,
    payload: Bytes,
    seed: [u8; 32],
}

impl Rendition {
    /// What is to be made. An empty payload gives the used-up picture. The payload and the seed
    /// have to be as [`super::embed()`] wants them.
    ///
    /// # Errors
    /// [`StegoError::TooLarge`] when the payload exceeds the capacity of the cover.
    pub fn new(
        cover: Arc<PreparedCover>,
        payload: Bytes,
        seed: [u8; 32],
    ) -> Result<Self, StegoError> {
        let (size_bytes, limit_bytes) = (payload.len() as u64, cover.capacity_bytes());
        if size_bytes > limit_bytes {
            return Err(StegoError::TooLarge {
                size_bytes,
                limit_bytes,
            });
        }
        Ok(Self {
            cover,
            payload,
            seed,
        })
    }

    /// How many strips it has, at least one.
    pub fn strips(&self) -> usize {
        self.cover.plan.strips()
    }

    /// The file that strips are joined to, without any yet.
    pub fn file(&self) -> PngFile {
        PngFile::new(&self.cover.plan)
    }

    /// Makes a strip: hides, filters, encodes.
    ///
    /// # Panics
    /// If there is no strip of that number.
    pub fn strip<'a>(&self, index: usize, scratch: &'a mut Scratch) -> Strip<'a> {
        let range = self.cover.plan.samples(index);
        let first_byte = range.start / 8;
        let pristine = &self.cover.picture.samples()[range];
        let fill = |samples: &mut [u8]| {
            embed_run(pristine, samples, first_byte, &self.payload, &self.seed);
        };
        self.cover.plan.strip(index, fill, scratch)
    }

    /// Makes all strips one after another and joins them.
    pub fn render(&self, scratch: &mut Scratch) -> Vec<u8> {
        let mut file = self.file();
        for index in 0..self.strips() {
            file.accept(index, &self.strip(index, scratch));
        }
        file.take_bytes()
    }
}

#[cfg(test)]
mod tests;
