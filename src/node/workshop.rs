//! The work of the CPU pool: pure functions of a job and the covers.

mod carrier;
mod delta;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::cover_shelf::CoverShelf;
use super::crew::{Crashed, Crew, Pieces};
use crate::actors::edges::{SealJob, Work, WorkDone, WorkFault};
use crate::crypto::container::{self, ContainerError, Content, Salt, Secret, size_class};
use crate::proto::cargo::{self, CoverChoice, HideJob};
use crate::proto::codec;
use crate::proto::control::{Inside, Inspection, Room};
use crate::proto::ids::Digest;
use crate::stego::{
    self, CoverId, DecodeLimits, Mode, PngFile, PreparedCover, Rendition, Scratch, StegoError,
};
use carrier::Found;

/// What a job is done with.
pub struct Bench<'a> {
    /// Covers.
    pub covers: &'a CoverShelf,
    /// Who works on a picture's strips.
    pub crew: &'a dyn Crew,
    /// This thread's buffers.
    pub scratch: &'a mut Scratch,
}

/// Does a job.
#[must_use]
pub fn perform(work: Work, bench: Bench<'_>) -> WorkDone {
    let done = match work {
        Work::Embed(job) => embed(&job, bench),
        Work::Seal(job) => seal(job),
        Work::Open { picture, keys } => open(&picture, &keys),
        Work::Inspect { picture, keys } => inspect(&picture, &keys),
        Work::Clean(original) => Ok(clean(&original)),
        Work::Preview(original) => Ok(preview(&original)),
        Work::Reduce {
            picture,
            key,
            cover,
        } => Ok(WorkDone::Reduced(delta::reduce(
            &picture, &key, cover, bench,
        ))),
        Work::Render(delta) => delta::render(&delta, bench),
        Work::Empty {
            picture,
            cover,
            fill_seed,
        } => empty(&picture, cover, fill_seed, bench),
    };
    done.unwrap_or_else(WorkDone::Failed)
}

impl From<StegoError> for WorkFault {
    fn from(error: StegoError) -> Self {
        match error {
            StegoError::TooLarge { limit_bytes, .. } => Self::TooLarge { limit_bytes },
            other => Self::BadPicture(other.to_string()),
        }
    }
}

impl From<ContainerError> for WorkFault {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::NoKeyFits => Self::NothingForUs,
            ContainerError::Damaged => Self::Damaged,
            ContainerError::Version(_) => Self::BadPicture(error.to_string()),
        }
    }
}

impl From<Crashed> for WorkFault {
    fn from(Crashed: Crashed) -> Self {
        Self::Crashed
    }
}

fn embed(job: &HideJob, bench: Bench<'_>) -> Result<WorkDone, WorkFault> {
    let (picture, digest) = embedded(job, bench)?;
    Ok(WorkDone::Embedded { picture, digest })
}

/// The picture of a job, and its digest.
fn embedded(job: &HideJob, bench: Bench<'_>) -> Result<(Bytes, Digest), WorkFault> {
    let cover = match &job.cover {
        CoverChoice::Ours(number) => bench.covers.cover(ours(*number)?)?,
        CoverChoice::Given(file) => own_cover(file)?,
    };
    let ours = matches!(job.cover, CoverChoice::Ours(_));
    let (mode, payload) = (Mode::from(job.mode), job.payload.clone());
    carrier::hide(mode, cover, ours, payload, job.fill_seed, bench)
}

/// A cover that came with a job and serves only once.
pub(super) fn own_cover(file: &[u8]) -> Result<Arc<PreparedCover>, StegoError> {
    let picture = stego::decode(file, &DecodeLimits::default())?;
    Ok(Arc::new(PreparedCover::quickly(picture)))
}

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

fn seal(job: SealJob) -> Result<WorkDone, WorkFault> {
    let content = Content::pack(&job.rights, &job.original);
    let least_bytes = content.least_bytes();
    let mode = Mode::from(job.carrier.mode);
    // Refused here already, before anything is sent.
    let (choice, cover, limit_bytes) = match job.carrier.cover {
        None if mode == Mode::Covert => return Err(StegoError::PublicCover.into()),
        None => {
            let cover = chosen(mode, least_bytes, &job.seed)?;
            let number = cover.number();
            let limit_bytes = cover.capacity_bytes(mode);
            (CoverChoice::Ours(number), Some(number), limit_bytes)
        }
        Some(file) => {
            let picture = stego::decode(&file, &DecodeLimits::default())?;
            let limit_bytes = mode.capacity_bytes(picture.width(), picture.height());
            if least_bytes > limit_bytes {
                return Err(WorkFault::TooLarge { limit_bytes });
            }
            if mode == Mode::Covert && stego::judge(&picture).known.is_some() {
                return Err(StegoError::PublicCover.into());
            }
            (CoverChoice::Given(file), None, limit_bytes)
        }
    };
    let size = match mode {
        // Each byte more makes it easier to find.
        Mode::Covert => Some(least_bytes),
        _ => size_class(least_bytes, limit_bytes),
    };
    let size = size.ok_or(WorkFault::TooLarge { limit_bytes })?;
    let (secret, salt) = (Secret::key(&job.key), Salt::from_seed(&job.seed));
    let payload = content.seal(size, &secret, &salt);
    let fill_seed = match mode {
        Mode::Covert => carrier::covert_seed(&job.key),
        _ => secret.fill_seed(&salt),
    };
    let job = HideJob {
        mode: job.carrier.mode,
        cover: choice,
        payload: payload.into(),
        fill_seed,
    };
    Ok(WorkDone::Sealed {
        body: codec::encode(&job).into(),
        cover,
    })
}

/// A default cover by its number, which came from somebody else.
fn ours(number: u8) -> Result<CoverId, WorkFault> {
    let unknown = || WorkFault::BadPicture(format!("there is no default cover {number}"));
    CoverId::from_number(number).ok_or_else(unknown)
}

/// The default cover for a container, chosen before padding, which never asks for a larger one.
pub(super) fn chosen(mode: Mode, least_bytes: u64, seed: &[u8; 32]) -> Result<CoverId, WorkFault> {
    let least_bytes = usize::try_from(least_bytes).unwrap_or(usize::MAX);
    let seed = blake3::derive_key("pentimento 1 cover", seed);
    Ok(CoverId::choose(mode, least_bytes, &seed)?)
}

fn open(picture: &[u8], keys: &[[u8; 32]]) -> Result<WorkDone, WorkFault> {
    let Found { head, sealed, .. } = carrier::find(picture, keys)?;
    let (rights, original) = container::open(&sealed, &head)?;
    Ok(WorkDone::Opened {
        key_index: head.key_index,
        rights,
        original,
    })
}

fn inspect(file: &[u8], keys: &[[u8; 32]]) -> Result<WorkDone, WorkFault> {
    let limits = DecodeLimits::default();
    let picture = stego::decode(file, &limits)?;
    let (width, height) = (picture.width(), picture.height());
    let inside = match open(file, keys) {
        Ok(WorkDone::Opened {
            rights, original, ..
        }) => Some(Inside {
            name: rights.name,
            size_bytes: original.len() as u64,
            owner: rights.owner,
            borrower: rights.borrower,
            views: rights.grant.map(|_| rights.views),
        }),
        Err(WorkFault::Damaged) => return Err(WorkFault::Damaged),
        _ => None,
    };
    let rooms = cargo::Mode::ALL.map(|mode| Room {
        mode,
        capacity_bytes: Mode::from(mode).capacity_bytes(width, height),
    });
    Ok(WorkDone::Inspected(Inspection {
        width,
        height,
        rooms: rooms.into(),
        inside,
    }))
}

fn clean(original: &Bytes) -> WorkDone {
    let cleaned = stego::clean(original);
    WorkDone::Cleaned {
        original: cleaned.bytes,
        removed: cleaned.removed,
    }
}

fn preview(original: &[u8]) -> WorkDone {
    let preview = stego::decode(original, &DecodeLimits::default())
        .map(|picture| Bytes::from(stego::preview(&picture)));
    WorkDone::Previewed(preview.unwrap_or_default())
}

fn empty(
    picture: &[u8],
    cover: Option<u8>,
    fill_seed: [u8; 32],
    bench: Bench<'_>,
) -> Result<WorkDone, WorkFault> {
    let cover = cover.and_then(CoverId::from_number);
    carrier::emptied(picture, cover, fill_seed, bench).map(WorkDone::Emptied)
}

#[cfg(test)]
mod tests {
    use super::super::crew::{Alone, Floor};
    use super::*;
    use crate::actors::edges::Rights;
    use crate::proto::cargo::Carrier;
    use crate::proto::ids::UserId;

    const KEY: [u8; 32] = [3; 32];

    fn rights() -> Rights {
        let (owner, borrower) = (UserId([1; 32]), UserId([2; 32]));
        Rights {
            name: "cat.jpg".into(),
            owner,
            borrower,
            grant: None,
            views: 2,
        }
    }

    fn shelf() -> CoverShelf {
        CoverShelf::new(std::env::temp_dir().join("pentimento-test-covers"))
    }

    /// What one thread makes of a job.
    fn done(work: Work, covers: &CoverShelf) -> WorkDone {
        let bench = Bench {
            covers,
            crew: &Alone,
            scratch: &mut Scratch::default(),
        };
        perform(work, bench)
    }

    fn hidden(original: &'static [u8], cover: Option<Bytes>) -> (Bytes, Option<u8>) {
        hidden_by(cargo::Mode::Fast, original, cover)
    }

    fn hidden_by(
        mode: cargo::Mode,
        original: &'static [u8],
        cover: Option<Bytes>,
    ) -> (Bytes, Option<u8>) {
        let original = Bytes::from_static(original);
        let job = SealJob {
            rights: rights(),
            original,
            key: KEY,
            seed: [4; 32],
            carrier: Carrier { mode, cover },
        };
        let WorkDone::Sealed { body, cover } = done(Work::Seal(job), &shelf()) else {
            panic!("not sealed")
        };
        let job = codec::decode(&body, body.len()).expect("a job");
        match done(Work::Embed(job), &shelf()) {
            WorkDone::Embedded { picture, .. } => (picture, cover),
            other => panic!("not embedded: {other:?}"),
        }
    }

    fn own_cover(width: u32, height: u32) -> Bytes {
        let cover = stego::covers::render(5, width, height, true);
        stego::encode_png(&cover).expect("encodes").into()
    }

    #[test]
    fn what_is_sealed_and_hidden_opens_with_its_key_only() {
        let (picture, cover) = hidden(b"an original", None);
        let size = cover.and_then(CoverId::from_number).map(|cover| cover.size);
        assert_eq!(size, Some(stego::CoverSize::Xs));
        let opened = done(
            Work::Open {
                picture: picture.clone(),
                keys: vec![KEY],
            },
            &shelf(),
        );
        let WorkDone::Opened {
            rights: found,
            original,
            ..
        } = opened
        else {
            panic!("{opened:?}")
        };
        assert_eq!((found, original.as_ref()), (rights(), &b"an original"[..]));
        let other = done(
            Work::Open {
                picture,
                keys: vec![[9; 32]],
            },
            &shelf(),
        );
        assert_eq!(other, WorkDone::Failed(WorkFault::NothingForUs));
    }

    #[test]
    fn a_cover_that_there_is_not_is_refused() {
        let job = HideJob {
            mode: cargo::Mode::Fast,
            cover: CoverChoice::Ours(CoverId::COUNT),
            payload: Bytes::from_static(b"sealed"),
            fill_seed: [1; 32],
        };
        let refused = done(Work::Embed(job), &shelf());
        assert!(matches!(
            refused,
            WorkDone::Failed(WorkFault::BadPicture(_))
        ));
    }

    #[test]
    fn an_own_cover_is_used_and_one_too_small_is_refused() {
        let (picture, cover) = hidden(b"an original", Some(own_cover(80, 60)));
        assert_eq!(cover, None);
        let inspected = done(
            Work::Inspect {
                picture,
                keys: vec![KEY],
            },
            &shelf(),
        );
        let WorkDone::Inspected(told) = inspected else {
            panic!("{inspected:?}")
        };
        assert_eq!((told.width, told.height), (80, 60));
        assert_eq!(told.inside.map(|inside| inside.size_bytes), Some(11));
        let job = SealJob {
            rights: rights(),
            original: Bytes::from_static(b"x"),
            key: KEY,
            seed: [4; 32],
            carrier: Carrier {
                mode: cargo::Mode::Fast,
                cover: Some(own_cover(8, 8)),
            },
        };
        let refused = done(Work::Seal(job), &shelf());
        assert_eq!(
            refused,
            WorkDone::Failed(WorkFault::TooLarge { limit_bytes: 24 })
        );
    }

    /// Default and own covers in every mode.
    fn all_ways() -> impl Iterator<Item = (cargo::Mode, Option<Bytes>)> {
        let own = [None, Some(own_cover(160, 120))];
        let modes = cargo::Mode::ALL.into_iter();
        modes
            .flat_map(move |mode| own.clone().map(|cover| (mode, cover)))
            .filter(|(mode, cover)| *mode != cargo::Mode::Covert || cover.is_some())
    }

    #[test]
    fn a_picture_is_opened_whatever_its_mode() {
        for (mode, own) in all_ways() {
            let (picture, _) = hidden_by(mode, b"an original", own);
            let keys = vec![[1; 32], KEY];
            let opened = done(Work::Open { picture, keys }, &shelf());
            let WorkDone::Opened { original, .. } = opened else {
                panic!("{mode:?}: {opened:?}")
            };
            assert_eq!(original.as_ref(), b"an original");
        }
    }

    #[test]
    fn covert_hiding_in_a_default_cover_is_refused_by_both_ends() {
        let job = SealJob {
            rights: rights(),
            original: Bytes::from_static(b"x"),
            key: KEY,
            seed: [4; 32],
            carrier: Carrier {
                mode: cargo::Mode::Covert,
                cover: None,
            },
        };
        let hide = HideJob {
            mode: cargo::Mode::Covert,
            cover: CoverChoice::Ours(0),
            payload: Bytes::from_static(b"sealed"),
            fill_seed: [1; 32],
        };
        for work in [Work::Seal(job), Work::Embed(hide)] {
            let reason = WorkFault::from(StegoError::PublicCover);
            assert_eq!(done(work, &shelf()), WorkDone::Failed(reason));
        }
    }

    #[test]
    fn a_used_up_picture_of_a_default_cover_keeps_its_mode() {
        let modes = cargo::Mode::ALL.into_iter();
        for mode in modes.filter(|mode| *mode != cargo::Mode::Covert) {
            let (picture, cover) = hidden_by(mode, b"an original", None);
            let work = Work::Empty {
                picture,
                cover,
                fill_seed: [8; 32],
            };
            let WorkDone::Emptied(emptied) = done(work, &shelf()) else {
                panic!("not emptied")
            };
            let job = HideJob {
                mode,
                cover: CoverChoice::Ours(cover.expect("ours")),
                payload: Bytes::new(),
                fill_seed: [8; 32],
            };
            let WorkDone::Embedded { picture, .. } = done(Work::Embed(job), &shelf()) else {
                panic!("not embedded")
            };
            assert!(picture == emptied, "{mode:?}");
        }
    }

    #[test]
    fn a_used_up_picture_opens_no_more() {
        for (mode, own) in all_ways() {
            let (picture, cover) = hidden_by(mode, b"an original", own);
            let work = Work::Empty {
                picture,
                cover,
                fill_seed: [8; 32],
            };
            let WorkDone::Emptied(picture) = done(work, &shelf()) else {
                panic!("not emptied")
            };
            let opened = done(
                Work::Open {
                    picture,
                    keys: vec![KEY],
                },
                &shelf(),
            );
            assert_eq!(opened, WorkDone::Failed(WorkFault::NothingForUs));
        }
    }

    #[test]
    fn any_number_of_threads_makes_the_same_bytes() {
        let job = || HideJob {
            mode: cargo::Mode::Fast,
            cover: CoverChoice::Given(own_cover(900, 700)),
            payload: Bytes::from(vec![0xa7; 90_000]),
            fill_seed: [6; 32],
        };
        let alone = done(Work::Embed(job()), &shelf());
        let WorkDone::Embedded { picture, digest } = &alone else {
            panic!("{alone:?}")
        };
        assert_eq!(*digest, Digest::of(picture));
        for helpers in [1, 4] {
            let (floor, covers) = (Floor::new(0), shelf());
            std::thread::scope(|scope| {
                for _ in 0..helpers {
                    scope.spawn(|| floor.toil(|(), _| ()));
                }
                for _ in 0..10 {
                    let bench = Bench {
                        covers: &covers,
                        crew: &floor,
                        scratch: &mut Scratch::default(),
                    };
                    assert!(perform(Work::Embed(job()), bench) == alone);
                }
                floor.close();
            });
        }
    }

    #[test]
    fn a_file_that_is_no_picture_has_no_preview_and_cannot_be_opened() {
        let file = Bytes::from_static(b"no picture");
        let previewed = done(Work::Preview(file.clone()), &shelf());
        assert_eq!(previewed, WorkDone::Previewed(Bytes::new()));
        let opened = done(
            Work::Open {
                picture: file,
                keys: vec![KEY],
            },
            &shelf(),
        );
        assert!(matches!(opened, WorkDone::Failed(WorkFault::BadPicture(_))));
    }
}
