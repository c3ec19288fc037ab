//! Hiding and revealing in this process, under a passphrase: no client, no server, no key file.
//! The same container, embedding and codecs as everywhere; the passphrase takes the place of the
//! content key.
//!
//! Stretching a passphrase is slow on purpose. It runs on a thread of its own while the cover or
//! the picture is decoded, so on two cores it costs hardly any time.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use super::cover_shelf::CoverShelf;
use super::crew::{Crashed, Floor};
use super::workshop::{chosen, own_cover, render};
use crate::actors::edges::{Rights, WorkFault};
use crate::crypto::container::{
    self, Content, PROBE_BYTES, Passphrase, Salt, Secret, probe_secret, size_class,
};
use crate::proto::control::Failure;
use crate::stego::{
    self, CoverWarning, DecodeLimits, Mode, PreparedCover, Rendition, Scratch, StegoError,
};

/// Threads that work on one picture, at most.
const THREADS_MAX: usize = 4;

/// What to hide in.
#[derive(Clone, Copy)]
pub enum Cover<'a> {
    /// A picture file: PNG, JPEG or WebP.
    Given(&'a [u8]),
    /// The smallest default cover that fits.
    Default(&'a CoverShelf),
}

/// What became of a file.
#[derive(Debug, PartialEq)]
pub struct Hidden {
    /// The picture, a PNG.
    pub picture: Bytes,
    /// What is bad about a cover of one's own.
    pub cover_warnings: Vec<CoverWarning>,
}

/// Hides a file under a passphrase. The seed must be fresh for each call.
///
/// # Errors
/// If it does not fit, or the cover is no picture we can read.
pub fn hide(
    name: String,
    original: &[u8],
    cover: Cover<'_>,
    passphrase: &Passphrase,
    seed: &[u8; 32],
) -> Result<Hidden, Failure> {
    hidden(name, original, cover, passphrase, seed).map_err(failed)
}

fn hidden(
    name: String,
    original: &[u8],
    wanted: Cover<'_>,
    passphrase: &Passphrase,
    seed: &[u8; 32],
) -> Result<Hidden, WorkFault> {
    let salt = Salt::from_seed(seed);
    let rights = Rights::of_nobody(name);
    let ready = || -> Result<(Arc<PreparedCover>, Content<'_>, u64), WorkFault> {
        let content = Content::pack(&rights, original);
        let least_bytes = content.least_bytes();
        let cover = match wanted {
            Cover::Given(file) => own_cover(file)?,
            Cover::Default(shelf) => shelf.cover(chosen(Mode::Fast, least_bytes, seed)?)?,
        };
        let limit_bytes = cover.capacity_bytes();
        let size = size_class(least_bytes, limit_bytes);
        let size = size.ok_or(WorkFault::TooLarge { limit_bytes })?;
        Ok((cover, content, size))
    };
    let (secret, ready) = beside(|| Secret::stretch(passphrase, &salt), ready);
    let (cover, content, size) = ready?;
    let is_own = matches!(wanted, Cover::Given(_));
    let payload = content.seal(size, &secret, &salt);
    let fill_seed = secret.fill_seed(&salt);
    let rendition = Rendition::new(cover.clone(), payload.into(), fill_seed)?;
    let judged = || match is_own {
        true => stego::judge(cover.picture()).warnings(),
        false => Vec::new(),
    };
    let (cover_warnings, picture) = beside(judged, || rendered(rendition));
    Ok(Hidden {
        picture: picture?,
        cover_warnings,
    })
}

/// Makes the picture with all threads of this host that a person's machine can spare.
fn rendered(rendition: Rendition) -> Result<Bytes, Crashed> {
    let floor = Floor::<()>::new(1);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..threads.min(THREADS_MAX) {
            let named = thread::Builder::new().name("strips".into());
            // Without help it takes longer, that is all.
            let _ = named.spawn_scoped(scope, || floor.toil(|(), _| ()));
        }
        let picture = render(rendition, &floor, &mut Scratch::default());
        floor.close();
        Ok(picture?.0)
    })
}

/// Gets a file out of a picture, and its name, which whoever hid it chose.
///
/// # Errors
/// If it is no picture of ours, or this passphrase does not open it, or it is damaged.
pub fn reveal(picture: &[u8], passphrase: &Passphrase) -> Result<(String, Bytes), Failure> {
    let (rights, original) = revealed(picture, passphrase).map_err(failed)?;
    Ok((rights.name, original))
}

fn revealed(picture: &[u8], passphrase: &Passphrase) -> Result<(Rights, Bytes), WorkFault> {
    let limits = DecodeLimits::default();
    let start = match stego::carrier_start(picture, &limits, PROBE_BYTES) {
        // Too small to hold anything of ours.
        Err(StegoError::PastCapacity { .. }) => return Err(WorkFault::NothingForUs),
        start => start?,
    };
    let salt = Salt::at_start(&start)?;
    let (secret, picture) = beside(
        || Secret::stretch(passphrase, &salt),
        || stego::decode_carrier(picture, &limits),
    );
    let head = probe_secret(&start, &secret)?;
    let stego::Carrier::Shallow(picture) = picture? else {
        return Err(WorkFault::NothingForUs);
    };
    let sealed = stego::extract(&picture, 0, head.total_bytes).map_err(|_| WorkFault::Damaged)?;
    Ok(container::open(&sealed, &head)?)
}

/// The fault in words for somebody who gave a passphrase.
fn failed(fault: WorkFault) -> Failure {
    let (message, hint) = match &fault {
        WorkFault::TooLarge { limit_bytes } => (
            format!("it does not fit: there is room for {limit_bytes} bytes"),
            "a larger --cover has more room: width x height x 3 / 8 bytes",
        ),
        WorkFault::BadPicture(reason) => (
            reason.clone(),
            "pictures are PNG, JPEG or WebP; one with something inside is the PNG as it was made",
        ),
        WorkFault::NothingForUs => (
            "this passphrase opens nothing in the picture".to_owned(),
            "check the passphrase; a picture hidden for you or under your key opens without one",
        ),
        WorkFault::Damaged => (
            "the passphrase fits, but the picture is damaged".to_owned(),
            "get the file again from where it came",
        ),
        WorkFault::Busy | WorkFault::Crashed => ("the work failed".to_owned(), "try again"),
    };
    Failure::new(fault.reason(), message, hint)
}

/// Does one thing on another thread beside the other; one after the other where there is none.
fn beside<A: Send, B>(slow: impl Fn() -> A + Sync, other: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let named = thread::Builder::new().name("stretch".into());
        match named.spawn_scoped(scope, &slow) {
            Ok(running) => {
                let other = other();
                (running.join().unwrap_or_else(|_| slow()), other)
            }
            Err(_) => (slow(), other()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.as_bytes()).expect("within bounds")
    }

    fn made(original: &[u8], width: u32, height: u32) -> Result<Bytes, WorkFault> {
        let cover = stego::covers::render(5, width, height, true);
        let cover = stego::encode_png(&cover).expect("encodes");
        let name = "cat.jpg".to_owned();
        hidden(
            name,
            original,
            Cover::Given(&cover),
            &passphrase("abc"),
            &[4; 32],
        )
        .map(|hidden| hidden.picture)
    }

    #[test]
    fn what_a_passphrase_hides_it_reveals_and_no_other_does() {
        let picture = made(b"an original", 80, 60).expect("fits");
        let (rights, original) = revealed(&picture, &passphrase("abc")).expect("opens");
        assert_eq!(rights, Rights::of_nobody("cat.jpg".to_owned()));
        assert_eq!(original.as_ref(), b"an original");
        let other = revealed(&picture, &passphrase("abd"));
        assert_eq!(other, Err(WorkFault::NothingForUs));
    }

    #[test]
    fn without_a_cover_the_smallest_default_one_is_taken() {
        let shelf = CoverShelf::new(std::env::temp_dir().join("pentimento-test-covers"));
        let (cover, secret) = (Cover::Default(&shelf), passphrase("abc"));
        let picture = hidden("n".into(), b"text", cover, &secret, &[4; 32]).expect("fits");
        assert_eq!(picture.cover_warnings, []);
        let picture = picture.picture;
        let decoded = stego::decode(&picture, &DecodeLimits::default()).expect("a picture");
        assert_eq!((decoded.width(), decoded.height()), (672, 448));
        assert!(revealed(&picture, &secret).is_ok());
    }

    #[test]
    fn every_end_has_a_reason_of_its_own() {
        let limit_bytes = 80 * 60 * 3 / 8;
        let large = made(&[b'a'; 100_000], 8, 8);
        assert_eq!(large, Err(WorkFault::TooLarge { limit_bytes: 24 }));
        let mut noise = vec![0; 3_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let large = made(&noise, 80, 60);
        assert_eq!(large, Err(WorkFault::TooLarge { limit_bytes }));
        let secret = passphrase("abc");
        for foreign in [&b"no picture"[..], b"", &[0xff, 0xd8, 0xff, 0]] {
            let found = revealed(foreign, &secret);
            assert!(matches!(found, Err(WorkFault::BadPicture(_))), "{found:?}");
        }
        for (width, height) in [(8, 8), (200, 100)] {
            let untouched = stego::covers::render(5, width, height, true);
            let untouched = stego::encode_png(&untouched).expect("encodes");
            let found = revealed(&untouched, &secret);
            assert_eq!(found, Err(WorkFault::NothingForUs), "{width}");
        }
    }

    #[test]
    fn a_changed_pixel_within_the_container_is_damage() {
        let picture = made(&[b'x'; 90], 80, 60).expect("fits");
        let decoded = stego::decode_carrier(&picture, &DecodeLimits::default());
        let Ok(stego::Carrier::Shallow(mut decoded)) = decoded else {
            panic!("{decoded:?}")
        };
        decoded.samples_mut()[PROBE_BYTES * 8 + 100] ^= 1;
        let bent = stego::encode_png(&decoded).expect("encodes");
        assert_eq!(revealed(&bent, &passphrase("abc")), Err(WorkFault::Damaged));
    }
}
