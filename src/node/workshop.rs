//! The work of the CPU pool: pure functions of a job and the covers.

mod carrier;
mod delta;
mod rendering;

use std::sync::Arc;

use bytes::Bytes;

use super::cover_shelf::CoverShelf;
use super::crew::{Crashed, Crew};
use crate::actors::edges::{SealJob, Work, WorkDone, WorkFault};
use crate::crypto::container::{self, ContainerError, Content, Salt, Secret, size_class};
use crate::proto::cargo::{self, CoverChoice, HideJob};
use crate::proto::codec;
use crate::proto::control::{Inside, Inspection, Room};
use crate::proto::ids::Digest;
use crate::stego::{self, CoverId, DecodeLimits, Mode, PreparedCover, Scratch, StegoError};
use carrier::Found;
pub use rendering::render;

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
mod tests;
