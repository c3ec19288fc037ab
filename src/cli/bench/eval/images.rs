//! What clients have hidden, and whether the pictures that come back are the right ones.

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::actors::edges::{SealJob, Work, WorkDone};
use crate::cli::bench::hide::rights;
use crate::node::cover_shelf::CoverShelf;
use crate::node::crew::Alone;
use crate::node::workshop::{self, Bench};
use crate::proto::cargo::Carrier;
use crate::proto::control::{Failure, Reason};
use crate::proto::ids::Digest;
use crate::stego::Scratch;

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
    pub(super) bodies: Vec<Bytes>,
    images: Vec<Image>,
    covers: CoverShelf,
}

impl Images {
    /// Seals images that do not compress, as photographs do not.
    ///
    /// # Errors
    /// If they cannot be sealed.
    pub(super) fn of(size: Size, covers: CoverShelf) -> Result<Self, Failure> {
        let mut all = Self {
            size,
            bodies: Vec::new(),
            images: Vec::new(),
            covers,
        };
        for number in 0..IMAGES {
            let mut rng = ChaCha20Rng::from_seed([number; 32]);
            let mut original = vec![0; size.bytes];
            rng.fill_bytes(&mut original);
            let original = Bytes::from(original);
            let (mut key, mut seed) = ([0; 32], [0; 32]);
            rng.fill_bytes(&mut key);
            rng.fill_bytes(&mut seed);
            let job = SealJob {
                rights: rights(),
                original: original.clone(),
                key,
                seed,
                carrier: Carrier::default(),
            };
            let WorkDone::Sealed { body, .. } = all.work(Work::Seal(job)) else {
                return Err(wrong("an image could not be sealed"));
            };
            all.bodies.push(body);
            all.images.push(Image {
                original,
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
        let digest = Digest::of(picture);
        match self.images[number].picture {
            Some(first) if first == digest => return Ok(()),
            Some(_) => return Err(wrong("two pictures of one request differ")),
            None => {}
        }
        let (picture, keys) = (picture.clone(), vec![self.images[number].key]);
        let opened = self.work(Work::Open { picture, keys });
        let image = &mut self.images[number];
        match opened {
            WorkDone::Opened { original, .. } if original == image.original => {
                image.picture = Some(digest);
                Ok(())
            }
            _ => Err(wrong("a picture does not hold the image that was sent")),
        }
    }

    fn work(&self, work: Work) -> WorkDone {
        let bench = Bench {
            covers: &self.covers,
            crew: &Alone,
            scratch: &mut Scratch::default(),
        };
        workshop::perform(work, bench)
    }
}

fn wrong(message: &str) -> Failure {
    Failure::new(Reason::Integrity, message, "")
}
