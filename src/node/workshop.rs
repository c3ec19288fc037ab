//! The work of the CPU pool: pure functions of a job and the covers.

use bytes::Bytes;

use super::cover_shelf::CoverShelf;
use crate::actors::edges::{SealJob, Work, WorkDone, WorkFault};
use crate::crypto::container::{self, ContainerError, PROBE_BYTES};
use crate::proto::cargo::{CoverChoice, HideJob};
use crate::proto::codec;
use crate::proto::control::{Inside, Inspection};
use crate::proto::ids::Digest;
use crate::stego::{self, CoverId, DecodeLimits, Picture, StegoError};

/// Does a job.
#[must_use]
pub fn perform(work: Work, covers: &CoverShelf) -> WorkDone {
    let done = match work {
        Work::Embed(job) => embed(&job, covers),
        Work::Seal(job) => seal(job),
        Work::Open { picture, keys } => open(&picture, &keys),
        Work::Inspect { picture, keys } => inspect(&picture, &keys),
        Work::Clean(original) => Ok(clean(&original)),
        Work::Preview(original) => Ok(preview(&original)),
        Work::Empty {
            picture,
            cover,
            fill_seed,
        } => empty(&picture, cover, &fill_seed, covers),
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

fn embed(job: &HideJob, covers: &CoverShelf) -> Result<WorkDone, WorkFault> {
    let picture = match &job.cover {
        CoverChoice::Ours(number) => {
            let cover = covers.cover(ours(*number)?)?;
            stego::embed(&cover, &job.payload, &job.fill_seed)?
        }
        CoverChoice::Given(file) => {
            let mut cover = stego::decode(file, &DecodeLimits::default())?;
            stego::embed_in_place(&mut cover, &job.payload, &job.fill_seed)?;
            cover
        }
    };
    let picture = Bytes::from(stego::encode_png(&picture)?);
    let digest = Digest::of(&picture);
    Ok(WorkDone::Embedded { picture, digest })
}

fn seal(job: SealJob) -> Result<WorkDone, WorkFault> {
    let payload = container::seal(&job.rights, &job.original, &job.key, &job.seed);
    let (choice, cover) = match job.cover {
        // Refused here already, before anything is sent.
        None => {
            let seed = blake3::derive_key("pentimento 1 cover", &job.seed);
            let number = CoverId::choose(payload.len(), &seed)?.number();
            (CoverChoice::Ours(number), Some(number))
        }
        Some(file) => {
            fits(
                &stego::decode(&file, &DecodeLimits::default())?,
                payload.len(),
            )?;
            (CoverChoice::Given(file), None)
        }
    };
    let fill_seed = blake3::derive_key("pentimento 1 fill seed", &job.seed);
    let job = HideJob {
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

fn fits(cover: &Picture, payload_bytes: usize) -> Result<(), WorkFault> {
    let limit_bytes = stego::capacity_bytes(cover.width(), cover.height());
    if payload_bytes as u64 > limit_bytes {
        return Err(WorkFault::TooLarge { limit_bytes });
    }
    Ok(())
}

/// The first key that fits and the container's head, read from the first bytes of a picture.
fn probe(picture: &Picture, keys: &[[u8; 32]]) -> Result<container::Head, WorkFault> {
    let start = stego::extract(picture, 0, PROBE_BYTES).map_err(|_| WorkFault::NothingForUs)?;
    Ok(container::probe(&start, keys)?)
}

fn open(picture: &[u8], keys: &[[u8; 32]]) -> Result<WorkDone, WorkFault> {
    let picture = stego::decode_carrier(picture, &DecodeLimits::default())?;
    let head = probe(&picture, keys)?;
    let sealed = stego::extract(&picture, 0, head.total_bytes).map_err(|_| WorkFault::Damaged)?;
    let (rights, original) = container::open(&sealed, head, &keys[head.key_index])?;
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
    let capacity_bytes = stego::capacity_bytes(width, height);
    Ok(WorkDone::Inspected(Inspection {
        width,
        height,
        capacity_bytes,
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

/// The used-up rendition. A default cover is filled anew from the pristine one, so that nobody can
/// tell it from any other picture of ours. Of an own cover the pristine one is not here; filling
/// the carrier again destroys what was inside all the same.
fn empty(
    picture: &[u8],
    cover: Option<u8>,
    fill_seed: &[u8; 32],
    covers: &CoverShelf,
) -> Result<WorkDone, WorkFault> {
    let emptied = match cover.and_then(CoverId::from_number) {
        Some(id) => stego::fill(&*covers.cover(id)?, fill_seed),
        None => stego::fill(
            &stego::decode(picture, &DecodeLimits::default())?,
            fill_seed,
        ),
    };
    Ok(WorkDone::Emptied(stego::encode_png(&emptied)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::edges::Rights;
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

    fn hidden(original: &'static [u8], cover: Option<Bytes>) -> (Bytes, Option<u8>) {
        let original = Bytes::from_static(original);
        let job = SealJob {
            rights: rights(),
            original,
            key: KEY,
            seed: [4; 32],
            cover,
        };
        let WorkDone::Sealed { body, cover } = perform(Work::Seal(job), &shelf()) else {
            panic!("not sealed")
        };
        let job = codec::decode(&body, body.len()).expect("a job");
        match perform(Work::Embed(job), &shelf()) {
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
        let opened = perform(
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
        let other = perform(
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
            cover: CoverChoice::Ours(CoverId::COUNT),
            payload: Bytes::from_static(b"sealed"),
            fill_seed: [1; 32],
        };
        let refused = perform(Work::Embed(job), &shelf());
        assert!(matches!(
            refused,
            WorkDone::Failed(WorkFault::BadPicture(_))
        ));
    }

    #[test]
    fn an_own_cover_is_used_and_one_too_small_is_refused() {
        let (picture, cover) = hidden(b"an original", Some(own_cover(80, 60)));
        assert_eq!(cover, None);
        let inspected = perform(
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
            cover: Some(own_cover(8, 8)),
        };
        let refused = perform(Work::Seal(job), &shelf());
        assert_eq!(
            refused,
            WorkDone::Failed(WorkFault::TooLarge { limit_bytes: 24 })
        );
    }

    #[test]
    fn a_used_up_picture_opens_no_more() {
        for own in [None, Some(own_cover(80, 60))] {
            let (picture, cover) = hidden(b"an original", own);
            let work = Work::Empty {
                picture,
                cover,
                fill_seed: [8; 32],
            };
            let WorkDone::Emptied(picture) = perform(work, &shelf()) else {
                panic!("not emptied")
            };
            let opened = perform(
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
    fn a_file_that_is_no_picture_has_no_preview_and_cannot_be_opened() {
        let file = Bytes::from_static(b"no picture");
        let previewed = perform(Work::Preview(file.clone()), &shelf());
        assert_eq!(previewed, WorkDone::Previewed(Bytes::new()));
        let opened = perform(
            Work::Open {
                picture: file,
                keys: vec![KEY],
            },
            &shelf(),
        );
        assert!(matches!(opened, WorkDone::Failed(WorkFault::BadPicture(_))));
    }
}
