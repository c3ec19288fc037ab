//! The simulated CPU pool: the container is real, the picture around it is not. A "picture" is a
//! mark, the fill seed and the payload, so that it is still a pure function of the job and still
//! only opens with its key.

use bytes::Bytes;

use crate::actors::edges::{SealJob, Work, WorkDone, WorkFault};
use crate::crypto::container::{self, PROBE_BYTES};
use crate::proto::cargo::{CoverChoice, Delta, HideJob};
use crate::proto::codec;
use crate::proto::control::{Inside, Inspection, Mode, Room};
use crate::proto::ids::Digest;

const MARK: &[u8] = b"picture:";
const HEAD_BYTES: usize = MARK.len() + 32;

/// Does a job.
#[must_use]
pub fn perform(work: Work) -> WorkDone {
    match work {
        Work::Embed(job) => {
            let picture = picture(&job.fill_seed, &job.payload);
            let digest = Digest::of(&picture);
            WorkDone::Embedded { picture, digest }
        }
        Work::Seal(job) => seal(job),
        Work::Open { picture, keys } => open(&picture, &keys),
        Work::Inspect { picture, keys } => inspect(&picture, &keys),
        Work::Clean(original) => WorkDone::Cleaned {
            original,
            removed: Vec::new(),
        },
        Work::Preview(original) => WorkDone::Previewed(original.slice(..original.len().min(20))),
        Work::Reduce { picture, .. } => WorkDone::Reduced(reduce(&picture)),
        Work::Render(delta) => render(&delta),
        Work::Empty { fill_seed, .. } => WorkDone::Emptied(picture(&fill_seed, &[])),
    }
}

fn picture(fill_seed: &[u8; 32], payload: &[u8]) -> Bytes {
    [MARK, fill_seed, payload].concat().into()
}

fn reduce(picture: &[u8]) -> Option<Bytes> {
    let (seed, payload) = picture.strip_prefix(MARK)?.split_first_chunk::<32>()?;
    let job = HideJob {
        mode: Mode::Fast,
        cover: CoverChoice::Ours(0),
        payload: Bytes::copy_from_slice(payload),
        fill_seed: *seed,
    };
    Some(codec::encode(&Delta { renderer: 0, job }).into())
}

fn render(delta: &[u8]) -> WorkDone {
    match codec::decode::<Delta>(delta, delta.len()) {
        Ok(delta) => perform(Work::Embed(delta.job)),
        Err(_) => WorkDone::Failed(WorkFault::Damaged),
    }
}

fn seal(job: SealJob) -> WorkDone {
    let payload = container::seal(&job.rights, &job.original, &job.key, &job.seed);
    let job = HideJob {
        mode: job.carrier.mode,
        cover: CoverChoice::Ours(0),
        payload: payload.into(),
        fill_seed: blake3::derive_key("simulated fill seed", &job.seed),
    };
    WorkDone::Sealed {
        body: codec::encode(&job).into(),
        cover: Some(0),
    }
}

fn open(picture: &[u8], keys: &[[u8; 32]]) -> WorkDone {
    let opened = picture
        .strip_prefix(MARK)
        .and_then(|rest| rest.get(32..))
        .ok_or(WorkFault::BadPicture("no picture".into()))
        .and_then(|payload| {
            let start = payload.get(..PROBE_BYTES).ok_or(WorkFault::NothingForUs)?;
            let head = container::probe(start, keys).map_err(|_| WorkFault::NothingForUs)?;
            let (rights, original) =
                container::open(payload, &head).map_err(|_| WorkFault::Damaged)?;
            Ok(WorkDone::Opened {
                key_index: head.key_index,
                rights,
                original,
            })
        });
    opened.unwrap_or_else(WorkDone::Failed)
}

fn inspect(picture: &[u8], keys: &[[u8; 32]]) -> WorkDone {
    let inside = match open(picture, keys) {
        WorkDone::Opened {
            rights, original, ..
        } => Some(Inside {
            name: rights.name,
            size_bytes: original.len() as u64,
            owner: rights.owner,
            borrower: rights.borrower,
            views: rights.grant.map(|_| rights.views),
        }),
        _ => None,
    };
    let capacity_bytes = picture.len().saturating_sub(HEAD_BYTES) as u64;
    WorkDone::Inspected(Inspection {
        width: 1,
        height: 1,
        rooms: vec![Room {
            mode: Mode::Fast,
            capacity_bytes,
        }],
        inside,
    })
}
