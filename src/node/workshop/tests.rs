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

fn emptied(picture: Bytes, cover: Option<u8>) -> Bytes {
    let work = Work::Empty {
        picture,
        cover,
        fill_seed: [8; 32],
    };
    match done(work, &shelf()) {
        WorkDone::Emptied(picture) => picture,
        other => panic!("not emptied: {other:?}"),
    }
}

#[test]
fn a_used_up_picture_of_a_default_cover_keeps_its_mode() {
    let modes = cargo::Mode::ALL.into_iter();
    for mode in modes.filter(|mode| *mode != cargo::Mode::Covert) {
        let (picture, cover) = hidden_by(mode, b"an original", None);
        let emptied = emptied(picture, cover);
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

/// Whether a picture is nowhere its pristine cover: of any thousand samples many have moved.
fn is_full(picture: &[u8], pristine: &stego::Picture) -> bool {
    let picture = stego::decode(picture, &DecodeLimits::default()).expect("a picture");
    let (ours, theirs) = (picture.samples(), pristine.samples());
    let moved = |(a, b): (&[u8], &[u8])| a.iter().zip(b).filter(|(a, b)| a != b).count();
    let parts = ours.chunks_exact(1_000).zip(theirs.chunks_exact(1_000));
    ours.len() == theirs.len() && parts.map(moved).all(|moved| moved > 380)
}

#[test]
fn what_leaves_is_nowhere_the_pristine_cover() {
    let filling = [cargo::Mode::Fast, cargo::Mode::Ternary];
    let ways = all_ways().filter(|(mode, _)| filling.contains(mode));
    for (mode, own) in ways {
        let (picture, cover) = hidden_by(mode, b"an original", own.clone());
        let pristine = match (own, cover.and_then(CoverId::from_number)) {
            (Some(own), _) => stego::decode(&own, &DecodeLimits::default()).expect("a picture"),
            (None, id) => stego::covers::render_cover(id.expect("a default cover")),
        };
        assert!(is_full(&picture, &pristine), "{mode:?}");
        assert!(is_full(&emptied(picture, cover), &pristine), "{mode:?}");
    }
}

#[test]
fn a_used_up_picture_opens_no_more() {
    for (mode, own) in all_ways() {
        let (picture, cover) = hidden_by(mode, b"an original", own);
        let picture = emptied(picture, cover);
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
