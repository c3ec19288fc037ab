//! Pictures told by what they are made from, and made again from it.

use bytes::Bytes;

use super::carrier::{self, Found};
use super::{Bench, embedded};
use crate::actors::edges::{WorkDone, WorkFault};
use crate::crypto::container::{Salt, Secret};
use crate::proto::cargo::{CoverChoice, Delta, HideJob};
use crate::proto::codec;
use crate::stego::RENDERER;

/// The delta of a picture in a default cover; none if it would not give the same file, for instance
/// because an older version of the program made it.
pub(super) fn reduce(picture: &[u8], key: &[u8; 32], cover: u8, bench: Bench<'_>) -> Option<Bytes> {
    let Found { mode, sealed, .. } = carrier::find(picture, &[*key]).ok()?;
    let salt = Salt::at_start(&sealed).ok()?;
    let job = HideJob {
        mode,
        cover: CoverChoice::Ours(cover),
        fill_seed: Secret::key(key).fill_seed(&salt),
        payload: sealed.into(),
    };
    let (again, _) = embedded(&job, bench).ok()?;
    let renderer = RENDERER;
    (again == picture).then(|| codec::encode(&Delta { renderer, job }).into())
}

/// The picture of an encoded delta.
///
/// # Errors
/// A fault if it is none, or one that only another version of the program can make.
pub(super) fn render(delta: &[u8], bench: Bench<'_>) -> Result<WorkDone, WorkFault> {
    let Delta { renderer, job } =
        codec::decode(delta, delta.len()).map_err(|_| WorkFault::Damaged)?;
    // An own cover would make the reader decode whatever a peer sends.
    if renderer != RENDERER || matches!(job.cover, CoverChoice::Given(_)) {
        return Err(WorkFault::Damaged);
    }
    let (picture, digest) = embedded(&job, bench)?;
    Ok(WorkDone::Embedded { picture, digest })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::crew::Alone;
    use super::super::{CoverShelf, perform};
    use super::*;
    use crate::actors::edges::{Rights, SealJob, Work};
    use crate::proto::cargo::{Carrier, Mode};
    use crate::proto::ids::{Digest, UserId};
    use crate::stego::{self, DecodeLimits, Scratch};

    const KEY: [u8; 32] = [3; 32];

    fn done(work: Work) -> WorkDone {
        let covers = CoverShelf::new(std::env::temp_dir().join("pentimento-test-covers"));
        let bench = Bench {
            covers: &covers,
            crew: &Alone,
            scratch: &mut Scratch::default(),
        };
        perform(work, bench)
    }

    /// A picture in a default cover, and the number of that.
    fn hidden(mode: Mode, original: Vec<u8>, seed: u8) -> (Bytes, u8) {
        let job = SealJob {
            rights: Rights {
                name: "cat.jpg".into(),
                owner: UserId([1; 32]),
                borrower: UserId([2; 32]),
                grant: None,
                views: 2,
            },
            original: original.into(),
            key: KEY,
            seed: [seed; 32],
            carrier: Carrier { mode, cover: None },
        };
        let WorkDone::Sealed { body, cover } = done(Work::Seal(job)) else {
            panic!("not sealed")
        };
        let job = codec::decode(&body, body.len()).expect("a job");
        let WorkDone::Embedded { picture, .. } = done(Work::Embed(job)) else {
            panic!("not embedded")
        };
        (picture, cover.expect("ours"))
    }

    fn reduced(picture: &Bytes, key: [u8; 32], cover: u8) -> Option<Bytes> {
        let picture = picture.clone();
        let work = Work::Reduce {
            picture,
            key,
            cover,
        };
        match done(work) {
            WorkDone::Reduced(delta) => delta,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_picture_of_ours_has_no_delta() {
        let (picture, cover) = hidden(Mode::Fast, b"an original".to_vec(), 4);
        assert_eq!(reduced(&picture, [9; 32], cover), None, "another key");
        assert_eq!(reduced(&picture, KEY, cover ^ 1), None, "another cover");
        let cut = picture.slice(..picture.len() - 1);
        assert_eq!(reduced(&cut, KEY, cover), None, "half a file");
        let decoded = stego::decode(&picture, &DecodeLimits::default()).expect("a picture");
        let other = stego::encode_png_smallest(&decoded)
            .expect("encodes")
            .into();
        assert_eq!(reduced(&other, KEY, cover), None, "another encoder's file");
    }

    #[test]
    fn a_delta_of_other_rules_or_with_an_own_cover_is_refused() {
        let (picture, cover) = hidden(Mode::Fast, b"an original".to_vec(), 4);
        let delta = reduced(&picture, KEY, cover).expect("a delta");
        let delta: Delta = codec::decode(&delta, delta.len()).expect("a delta");
        let refused = WorkDone::Failed(WorkFault::Damaged);
        let mut newer = delta.clone();
        newer.renderer += 1;
        let mut own = delta;
        own.job.cover = CoverChoice::Given(picture);
        for bad in [newer, own] {
            let bad = codec::encode(&bad).into();
            assert_eq!(done(Work::Render(bad)), refused);
        }
        let noise = Bytes::from_static(b"no delta at all");
        assert_eq!(done(Work::Render(noise)), refused);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_delta_gives_the_same_file_in_far_fewer_bytes(
            size_bytes in 0_usize..100_000,
            seed: u8,
            mode in 0_usize..3,
        ) {
            let mode = [Mode::Fast, Mode::Ternary, Mode::Compact][mode];
            let mut original = vec![0; size_bytes];
            blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut original);
            let (picture, cover) = hidden(mode, original, seed);
            let delta = reduced(&picture, KEY, cover).expect("a delta");
            // Padded to a size class, and never below 4 KiB.
            prop_assert!(delta.len() < size_bytes + size_bytes / 8 + 4_400);
            let digest = Digest::of(&picture);
            prop_assert_eq!(
                done(Work::Render(delta)),
                WorkDone::Embedded { picture, digest }
            );
        }
    }
}
