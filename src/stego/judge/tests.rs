use super::super::codec::{DecodeLimits, decode, encode_jpeg};
use super::super::cover_id::{CoverId, CoverSize};
use super::super::covers::{render, render_painting, render_scene};
use super::super::embed::fill;
use super::*;

fn names(picture: &Picture) -> Vec<&'static str> {
    let warnings = judge(picture).warnings();
    warnings.into_iter().map(CoverWarning::name).collect()
}

#[test]
fn signatures_are_those_of_the_scenes() {
    let of = |size| {
        let all = CoverScene::ALL.into_iter();
        all.flat_map(move |scene| signature_of(CoverId { size, scene }))
    };
    let all: Vec<u8> = of(CoverSize::S).chain(of(CoverSize::Xxl)).collect();
    if let Some(path) = std::env::var_os("PENTIMENTO_SIGNATURES") {
        std::fs::write(path, &all).unwrap();
    }
    assert!(
        all == signatures::ALL,
        "the scenes changed without their signatures"
    );
}

#[test]
fn every_scene_is_a_good_cover_with_grain_and_without_flat_or_saturated_areas() {
    for scene in CoverScene::ALL {
        let cover = render_scene(scene, 480, 320);
        let judged = judge(&cover);
        assert!(judged.flat < 0.01, "{} {judged:?}", scene.name());
        assert!(judged.saturated == 0.0, "{} {judged:?}", scene.name());
        assert!(judged.grid < 1.06, "{} {judged:?}", scene.name());
    }
}

#[test]
fn a_default_cover_is_known_pristine_and_filled_and_in_another_size() {
    for scene in [CoverScene::Lake, CoverScene::Ridges] {
        for (width, height) in [(480, 320), (300, 200), (400, 300)] {
            let cover = render_scene(scene, width, height);
            assert_eq!(judge(&cover).known, Some(scene), "{} {width}", scene.name());
            assert_eq!(judge(&fill(&cover, &[1; 32])).known, Some(scene));
        }
    }
    assert_eq!(judge(&render(17, 480, 320, true)).known, None);
}

#[test]
fn an_own_picture_with_grain_raises_no_warning() {
    for seed in [17, 24, 31, 40] {
        assert_eq!(
            names(&render(seed, 400, 300, true)),
            Vec::<&str>::new(),
            "{seed}"
        );
    }
}

#[test]
fn a_painting_is_flat_and_a_blown_out_picture_saturated() {
    assert!(names(&render_painting(9, 400, 300)).contains(&"flat"));
    let picture = render(17, 400, 300, true);
    let bright = picture.samples().iter().map(|s| s.saturating_add(110));
    let bright = Picture::new(400, 300, bright.collect()).unwrap();
    assert!(names(&bright).contains(&"saturated"));
}

#[test]
fn a_picture_that_was_a_jpeg_is_recognised_also_cropped() {
    for seed in [17, 24, 31] {
        let file = encode_jpeg(&render(seed, 400, 304, true), 80).unwrap();
        let was = decode(&file, &DecodeLimits::default()).unwrap();
        assert!(
            names(&was).contains(&"was_jpeg"),
            "{seed} {:?}",
            judge(&was)
        );
        let row = 400 * 3;
        let cropped = was.samples().chunks_exact(row).flat_map(|row| &row[9..]);
        let cropped = Picture::new(397, 304, cropped.copied().collect()).unwrap();
        assert!(names(&cropped).contains(&"was_jpeg"), "{seed}");
    }
}

#[test]
fn the_smallest_pictures_are_judged_too() {
    for (width, height) in [(1, 1), (1, 30), (30, 1), (2, 2), (9, 9)] {
        let samples = vec![7; (width * height * 3) as usize];
        let judged = judge(&Picture::new(width, height, samples).unwrap());
        assert!((0.0..=1.0).contains(&judged.flat) && judged.grid >= 1.0);
    }
}
