//! The modes of hiding behind one face: a cover and a payload become a file, and a file gives
//! back what a key opens. A picture does not say in which mode it was made: each is tried.

use std::sync::Arc;

use bytes::Bytes;

use super::{Bench, own_cover, render};
use crate::actors::edges::WorkFault;
use crate::crypto::container::{self, ContainerError, Head, PROBE_BYTES};
use crate::proto::cargo;
use crate::proto::ids::Digest;
use crate::stego::{
    self, Carrier, CoverId, DecodeLimits, Mode, Picture, PreparedCover, Rendition, StegoError,
};

impl From<cargo::Mode> for Mode {
    fn from(mode: cargo::Mode) -> Self {
        match mode {
            cargo::Mode::Fast => Self::Fast,
            cargo::Mode::Ternary => Self::Ternary,
            cargo::Mode::Compact => Self::Compact,
            cargo::Mode::Covert => Self::Covert,
        }
    }
}

/// Hides in a cover: one of `ours`, or somebody's own, all of which stays.
pub(super) fn hide(
    mode: Mode,
    cover: Arc<PreparedCover>,
    ours: bool,
    payload: Bytes,
    seed: [u8; 32],
    bench: Bench<'_>,
) -> Result<(Bytes, Digest), WorkFault> {
    let picture = cover.picture();
    let file = match mode {
        Mode::Fast => {
            let rendition = Rendition::new(cover, payload, seed)?;
            return Ok(render(rendition, bench.crew, bench.scratch)?);
        }
        Mode::Ternary => {
            let carrier = stego::embed_ternary(picture, &payload, &seed)?;
            cover.encode(&carrier, bench.scratch)?
        }
        Mode::Compact if ours => {
            let window = stego::deep_window(picture, payload.len());
            stego::embed_deep(&window, &payload, &seed)?
        }
        Mode::Compact => stego::embed_deep(picture, &payload, &seed)?,
        Mode::Covert if ours => return Err(StegoError::PublicCover.into()),
        Mode::Covert => {
            let carrier = stego::embed_covert(picture, &payload, &seed)?;
            cover.encode(&carrier, bench.scratch)?
        }
    };
    let digest = Digest::of(&file);
    Ok((file.into(), digest))
}

/// What a key fits to, taken out of a picture.
pub(super) struct Found {
    pub(super) mode: cargo::Mode,
    pub(super) head: Head,
    pub(super) sealed: Vec<u8>,
}

/// Finds the mode and the key that fit.
pub(super) fn find(file: &[u8], keys: &[[u8; 32]]) -> Result<Found, WorkFault> {
    match &stego::decode_carrier(file, &DecodeLimits::default())? {
        Carrier::Deep(low) => find_by(cargo::Mode::Compact, keys, |from, size| {
            stego::extract_deep(low, from, size)
        }),
        Carrier::Shallow(picture) => {
            let nothing = |found: &Result<_, _>| matches!(found, Err(WorkFault::NothingForUs));
            let mut found = find_by(cargo::Mode::Fast, keys, |from, size| {
                stego::extract(picture, from, size)
            });
            if nothing(&found) {
                let extract = |from, size| stego::extract_ternary(picture, from, size);
                found = find_by(cargo::Mode::Ternary, keys, extract);
            }
            if nothing(&found) {
                found = find_covert(picture, keys);
            }
            found
        }
    }
}

fn find_by(
    mode: cargo::Mode,
    keys: &[[u8; 32]],
    extract: impl Fn(usize, usize) -> Result<Vec<u8>, StegoError>,
) -> Result<Found, WorkFault> {
    let start = extract(0, PROBE_BYTES).map_err(|_| ContainerError::NoKeyFits)?;
    let head = container::probe(&start, keys)?;
    let sealed = extract(0, head.total_bytes).map_err(|_| WorkFault::Damaged)?;
    Ok(Found { mode, head, sealed })
}

/// Where it is hidden follows from the key here, so each has a beginning of its own.
fn find_covert(picture: &Picture, keys: &[[u8; 32]]) -> Result<Found, WorkFault> {
    for (key_index, key) in keys.iter().enumerate() {
        let place = covert_seed(key);
        let Ok(start) = stego::extract_covert_head(picture, &place) else {
            break;
        };
        match container::probe(&start[..PROBE_BYTES], &[*key]) {
            Ok(mut head) => {
                let sealed = stego::extract_covert(picture, &place, head.total_bytes)
                    .map_err(|_| WorkFault::Damaged)?;
                head.key_index = key_index;
                let mode = cargo::Mode::Covert;
                return Ok(Found { mode, head, sealed });
            }
            Err(ContainerError::NoKeyFits) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(WorkFault::NothingForUs)
}

/// What a covert picture is made with. The reader computes it from the content key, which it does
/// not tell.
pub(super) fn covert_seed(key: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key("pentimento 1 covert places", key)
}

const _: () = assert!(PROBE_BYTES <= stego::COVERT_HEAD_BYTES);

/// The used-up rendition, in the mode of the picture. A default cover is filled anew from the
/// pristine one, so that nobody can tell it from any other picture of ours. Of an own cover the
/// pristine one is not here; filling the carrier again destroys what was inside all the same.
pub(super) fn emptied(
    file: &[u8],
    cover: Option<CoverId>,
    seed: [u8; 32],
    bench: Bench<'_>,
) -> Result<Bytes, WorkFault> {
    let carrier = stego::decode_carrier(file, &DecodeLimits::default());
    let (mode, cover, ours) = match (carrier, cover) {
        // What is seen of it is the cover, and cut to size already.
        (Ok(Carrier::Deep(_)), _) => (Mode::Compact, own_cover(file)?, false),
        (Ok(Carrier::Shallow(picture)), Some(id)) => {
            let cover = bench.covers.cover(id)?;
            (mode_of(cover.picture(), &picture), cover, true)
        }
        (Err(_), Some(id)) => (Mode::Fast, bench.covers.cover(id)?, true),
        (_, None) => (Mode::Fast, own_cover(file)?, false),
    };
    let (picture, _) = hide(mode, cover, ours, Bytes::new(), seed, bench)?;
    Ok(picture)
}

/// Of the samples of a default cover, half move in one mode and two thirds in the other.
fn mode_of(cover: &Picture, carrier: &Picture) -> Mode {
    let pairs = cover.samples().iter().zip(carrier.samples());
    let moved = pairs.filter(|(before, after)| before != after).count();
    if moved * 12 > cover.samples().len() * 7 {
        Mode::Ternary
    } else {
        Mode::Fast
    }
}
