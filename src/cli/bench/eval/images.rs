//! What clients have hidden, and whether the pictures that come back are the right ones.

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::cli::bench::hide::{opened, rights};
use crate::cli::bench::peers::broken;
use crate::crypto::container;
use crate::proto::cargo::{self, CoverChoice, HideJob};
use crate::proto::codec;
use crate::proto::control::{Failure, Reason};
use crate::proto::ids::Digest;
use crate::stego::{CoverId, Mode};

/// Different images of a size.
const IMAGES: u8 = 3;

/// A size of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// For people.
    pub(super) name: &'static str,
    /// Bytes of an image.
    pub(super) bytes: usize,
}

/// As large as the images that others have published times for, to the byte.
pub(super) const SMALL: Size = Size {
    name: "4.8 kB",
    bytes: 4_778,
};
/// See [`SMALL`].
pub(super) const LARGE: Size = Size {
    name: "1.9 MB",
    bytes: 1_922_545,
};

/// An image on its way.
struct Image {
    original: Bytes,
    key: [u8; 32],
    /// Of the picture that was opened; all others have to be the same, whoever made them.
    picture: Option<Digest>,
}

/// Images of one size, sealed.
pub(super) struct Images {
    pub(super) size: Size,
    /// What is asked of the servers for each.
    pub(super) bodies: Vec<Bytes>,
    images: Vec<Image>,
}

impl Images {
    /// Seals images that do not compress, as photographs do not.
    ///
    /// # Errors
    /// If no cover is large enough.
    pub(super) fn of(size: Size) -> Result<Self, Failure> {
        let mut all = Self {
            size,
            bodies: Vec::new(),
            images: Vec::new(),
        };
        for number in 0..IMAGES {
            let mut rng = ChaCha20Rng::from_seed([number; 32]);
            let mut original = vec![0; size.bytes];
            rng.fill_bytes(&mut original);
            let (mut key, mut seed) = ([0; 32], [0; 32]);
            rng.fill_bytes(&mut key);
            rng.fill_bytes(&mut seed);
            let payload = container::seal(&rights(), &original, &key, &seed);
            let cover = CoverId::choose(Mode::Fast, payload.len(), &seed);
            let cover = cover.map_err(|error| broken(&error))?;
            let job = HideJob {
                mode: cargo::Mode::Fast,
                cover: CoverChoice::Ours(cover.number()),
                payload: payload.into(),
                fill_seed: seed,
            };
            all.bodies.push(codec::encode(&job).into());
            all.images.push(Image {
                original: original.into(),
                key,
                picture: None,
            });
        }
        Ok(all)
    }

    /// Opens the first picture of an image; the others must be the same bytes.
    ///
    /// # Errors
    /// If the image in it is not the one that was sent, or two servers made different pictures.
    pub(super) fn check(&mut self, number: usize, picture: &Bytes) -> Result<(), Failure> {
        let (digest, image) = (Digest::of(picture), &mut self.images[number]);
        match image.picture {
            Some(first) if first == digest => Ok(()),
            Some(_) => Err(wrong("two pictures of one request differ")),
            None if opened(picture, &image.key)? == image.original => {
                image.picture = Some(digest);
                Ok(())
            }
            None => Err(wrong("a picture does not hold the image that was sent")),
        }
    }
}

fn wrong(message: &str) -> Failure {
    Failure::new(Reason::Integrity, message, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_without_the_image_is_refused() {
        let mut images = Images::of(SMALL).expect("fits");
        assert_eq!(images.bodies.len(), usize::from(IMAGES));
        assert!(images.check(0, &Bytes::from_static(b"no picture")).is_err());
        let other = Digest([1; 32]);
        images.images[0].picture = Some(other);
        let failure = images
            .check(0, &Bytes::from_static(b"another"))
            .unwrap_err();
        assert_eq!(failure.reason, Reason::Integrity);
    }
}
