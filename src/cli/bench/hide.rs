//! What hiding and revealing take, by stage and as a whole.

use std::convert::Infallible;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::HideBench;
use super::peers::{self, broken};
use super::suite::{Bar, Bars, Limit, Measured, Suite, Worked};
use crate::cli::failure;
use crate::crypto::container::{self, PROBE_BYTES, Rights};
use crate::node::cover_shelf::CoverShelf;
use crate::node::crew::{Alone, Crew, Floor};
use crate::node::workshop;
use crate::proto::control::Failure;
use crate::proto::ids::{Digest, UserId};
use crate::stego::{
    self, Carrier, CoverId, DecodeLimits, Mode, Picture, PreparedCover, Rendition, Scratch,
    StegoError,
};

/// A thumbnail.
const SMALL_BYTES: usize = 4_800;
/// A photograph.
const LARGE_BYTES: usize = 1_900_000;
/// Numbers of the covers: the smallest size, the smallest that a photograph fits in, the largest.
const SMALLEST: u8 = 0;
const FITTING: u8 = 4;
const LARGEST: u8 = 5;
const KEY: [u8; 32] = [7; 32];
const SEED: [u8; 32] = [8; 32];

/// What the cases share.
struct Stage {
    covers: CoverShelf,
    /// Where pictures are written; taken away at the end.
    folder: PathBuf,
    small: Vec<u8>,
    large: Vec<u8>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left are files in the temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Measures all cases.
///
/// # Errors
/// If a file cannot be written, or a case does not do what it should.
pub(super) fn measure(wishes: &HideBench) -> Result<Vec<Measured>, Failure> {
    let temporary = std::env::temp_dir();
    let kept = temporary.join(super::COVERS);
    let stage = Stage {
        covers: CoverShelf::new(wishes.covers.clone().unwrap_or(kept)),
        folder: temporary.join(format!("pentimento-bench-{}", std::process::id())),
        small: noise(SMALL_BYTES),
        large: noise(LARGE_BYTES),
    };
    fs::create_dir_all(&stage.folder).map_err(|error| failure::file(&stage.folder, &error))?;
    let floor: Floor<Infallible> = Floor::new(0);
    thread::scope(|scope| {
        let started = thread::Builder::new()
            .name("help".to_owned())
            .spawn_scoped(scope, || floor.toil(|job, _| match job {}));
        let measured = started
            .map_err(|error| broken(&error))
            .and_then(|_| run(&stage, &floor, wishes));
        floor.close();
        measured
    })
}

fn run(stage: &Stage, two: &dyn Crew, wishes: &HideBench) -> Result<Vec<Measured>, Failure> {
    let small = stage.cover(SMALLEST)?;
    let (large, whole) = if wishes.small {
        (None, None)
    } else {
        let large = stage.cover(FITTING)?;
        (Some(large), Some(stage.cover(LARGEST)?))
    };
    let encoded = whole.as_ref().unwrap_or(&small);
    let carrier = carrier(stage, encoded)?;

    let mut suite = Suite::default();
    let mut hide = |name, note, cover: &Arc<PreparedCover>, original, crew| {
        let (cover, mut scratch) = (cover.clone(), Scratch::default());
        let path = stage.folder.join("hidden.png");
        let written = path.clone();
        let work = move || {
            let picture = rendered(&cover, original, crew, &mut scratch)?;
            write(&path, &picture)?;
            Ok(picture.len())
        };
        // To write over a file would cost what its old pages cost.
        suite.case_with_rest(name, note, work, move || _ = fs::remove_file(&written));
    };
    let note = "4.8 kB into the smallest cover: seal, embed, encode, digest, write";
    hide("small", note, &small, &stage.small, &Alone as &dyn Crew);
    if let (Some(large), Some(whole)) = (&large, &whole) {
        let note = "1.9 MB into the smallest cover that fits";
        hide("large", note, large, &stage.large, &Alone);
        hide(
            "large-two",
            "the same on two threads",
            large,
            &stage.large,
            two,
        );
        let note = "1.9 MB into 12 megapixels";
        hide("whole", note, whole, &stage.large, &Alone);
        compact(&mut suite, stage)?;
    }
    encoders(&mut suite, encoded, &carrier);
    reveals(&mut suite, stage, large.as_ref().unwrap_or(&small))?;
    suite.run(wishes.rounds)
}

/// The same photograph below a picture of 16 bits a sample.
fn compact<'a>(suite: &mut Suite<'a>, stage: &'a Stage) -> Result<(), Failure> {
    let (path, original) = (stage.folder.join("compact.png"), &stage.large);
    let id = CoverId::choose(Mode::Compact, sealed(original).len(), &SEED);
    let id = id.map_err(|error| broken(&error))?;
    let cover = stage.covers.cover(id).map_err(|error| broken(&error))?;
    let written = path.clone();
    let work = move || {
        let payload = sealed(original);
        let window = stego::deep_window(cover.picture(), payload.len());
        let file = stego::embed_deep(&window, &payload, &SEED);
        let file = file.map_err(|error| broken(&error))?;
        black_box(Digest::of(&file));
        write(&path, &file)?;
        Ok(file.len())
    };
    let note = "1.9 MB in the mode compact, on one thread";
    suite.case_with_rest("compact", note, work, move || _ = fs::remove_file(&written));
    Ok(())
}

/// Writing the pixels of a carrier, with all that another encoder could know.
fn encoders<'a>(suite: &mut Suite<'a>, cover: &'a PreparedCover, carrier: &'a Picture) {
    let mut copy = vec![0; carrier.samples().len()];
    suite.case("memcpy", "copying the pixels", move || {
        copy.copy_from_slice(carrier.samples());
        Ok(black_box(&copy).len())
    });
    let mut scratch = Scratch::default();
    suite.case(
        "encode",
        "our encoder on the pixels of a carrier",
        move || {
            let file = cover.encode(carrier, &mut scratch);
            Ok(file.map_err(|error| broken(&error))?.len())
        },
    );
    let mut file = Vec::new();
    suite.case(
        "fdeflate",
        "the png crate's fast setting with Sub rows",
        move || peers::fdeflate(carrier, &mut file),
    );
    suite.case("image-fast", "the image crate's fast setting", || {
        peers::image_fast(carrier)
    });
}

/// Getting a payload out of a file again, beside decoding alone.
fn reveals<'a>(
    suite: &mut Suite<'a>,
    stage: &'a Stage,
    cover: &Arc<PreparedCover>,
) -> Result<(), Failure> {
    let original = if cover.capacity_bytes() > LARGE_BYTES as u64 {
        &stage.large
    } else {
        &stage.small
    };
    let path = stage.folder.join("reveal.png");
    let picture = rendered(cover, original, &Alone, &mut Scratch::default())?;
    write(&path, &picture)?;
    let from = path.clone();
    suite.case("reveal", "read, decode, extract, open", move || {
        reveal(&from, original)
    });
    suite.case("decode", "read and decode alone", move || {
        let file = fs::read(&path).map_err(|error| failure::file(&path, &error))?;
        Ok(decoded(&file)?.samples().len())
    });
    Ok(())
}

/// What the figures should be. The times hold on a quiet machine of 2024; the ratios on any.
pub(super) fn bars(measured: &[Measured]) -> Vec<Bar> {
    let mut bars = Bars::new(measured);
    bars.time_ms("small, ms", "small", Limit::AtMost(4.0));
    bars.time_ms("large on one thread, ms", "large", Limit::AtMost(40.0));
    bars.time_ms("large on two threads, ms", "large-two", Limit::AtMost(22.0));
    bars.time_ms("compact, ms", "compact", Limit::AtMost(8.0));
    bars.time_of(
        "whole of image-fast",
        "whole",
        "image-fast",
        Limit::AtMost(0.6),
    );
    bars.time_of(
        "fdeflate of encode",
        "fdeflate",
        "encode",
        Limit::AtLeast(2.0),
    );
    bars.bytes_of(
        "bytes of fdeflate's",
        "encode",
        "fdeflate",
        Limit::AtMost(1.05),
    );
    bars.bytes_of(
        "bytes of image-fast's",
        "encode",
        "image-fast",
        Limit::AtMost(1.05),
    );
    bars.time_of("reveal of decode", "reveal", "decode", Limit::AtMost(1.3));
    bars.done()
}

impl Stage {
    fn cover(&self, number: u8) -> Result<Arc<PreparedCover>, Failure> {
        let id = CoverId::from_number(number).ok_or_else(|| broken(&"there is no such cover"))?;
        self.covers.cover(id).map_err(|error| broken(&error))
    }
}

/// Bytes that do not compress, as a photograph.
fn noise(size_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; size_bytes];
    ChaCha20Rng::from_seed([9; 32]).fill_bytes(&mut bytes);
    bytes
}

/// Rights as those of an image of one's own.
pub(super) fn rights() -> Rights {
    Rights {
        name: "photo.jpg".to_owned(),
        owner: UserId([1; 32]),
        borrower: UserId([1; 32]),
        grant: None,
        views: 1,
    }
}

fn sealed(original: &[u8]) -> Vec<u8> {
    container::seal(&rights(), original, &KEY, &SEED)
}

/// Seals, hides, encodes and digests.
fn rendered(
    cover: &Arc<PreparedCover>,
    original: &[u8],
    crew: &dyn Crew,
    scratch: &mut Scratch,
) -> Result<Bytes, Failure> {
    let rendition = Rendition::new(cover.clone(), sealed(original).into(), SEED);
    let rendition = rendition.map_err(|error| broken(&error))?;
    let rendered = workshop::render(rendition, crew, scratch);
    let (picture, _) = rendered.map_err(|_| broken(&"a strip crashed"))?;
    Ok(picture)
}

fn write(path: &Path, file: &[u8]) -> Result<(), Failure> {
    fs::write(path, file).map_err(|error| failure::file(path, &error))
}

fn decoded(file: &[u8]) -> Result<Picture, Failure> {
    let carrier = stego::decode_carrier(file, &DecodeLimits::default());
    match carrier.map_err(|error| broken(&error))? {
        Carrier::Shallow(picture) | Carrier::Deep(picture) => Ok(picture),
    }
}

/// The pixels of a carrier.
fn carrier(stage: &Stage, cover: &Arc<PreparedCover>) -> Result<Picture, Failure> {
    decoded(&rendered(
        cover,
        &stage.small,
        &Alone,
        &mut Scratch::default(),
    )?)
}

fn reveal(path: &Path, original: &[u8]) -> Worked {
    let file = fs::read(path).map_err(|error| failure::file(path, &error))?;
    let found = opened(&file, &KEY)?;
    if found != original {
        return Err(broken(&"what came out is not what went in"));
    }
    Ok(found.len())
}

/// What is hidden in a picture.
pub(super) fn opened(file: &[u8], key: &[u8; 32]) -> Result<Bytes, Failure> {
    let picture = decoded(file)?;
    let refused = |error: StegoError| broken(&error);
    let start = stego::extract(&picture, 0, PROBE_BYTES).map_err(refused)?;
    let head = container::probe(&start, &[*key]).map_err(|error| broken(&error))?;
    let sealed = stego::extract(&picture, 0, head.total_bytes).map_err(refused)?;
    let (_, found) = container::open(&sealed, &head).map_err(|error| broken(&error))?;
    Ok(found)
}
