use super::super::codec::encode_png;
use super::*;

/// FNV-1a with 64 bits: enough to notice any change.
fn checksum(picture: &Picture) -> u64 {
    picture
        .samples()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &sample| {
            (hash ^ u64::from(sample)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[test]
fn landscapes_are_the_same_on_every_machine() {
    let sums: Vec<u64> = (0..6)
        .map(|seed| checksum(&render(seed, 96, 64, seed % 2 == 0)))
        .collect();
    assert_eq!(sums, PINNED, "{sums:#x?}");
}

/// Checksums of six small landscapes, as first drawn.
const PINNED: [u64; 6] = [
    0x47e3_45d0_ec29_7b66,
    0x62f4_cb19_0769_8ba4,
    0xe486_4e36_436d_0c73,
    0x4ed7_a803_46d3_d5b6,
    0xc4e1_3019_2d46_8878,
    0x1fb8_6abe_b094_0243,
];

#[test]
fn committed_files_are_what_the_renderer_draws() {
    for cover in CoverId::all() {
        match builtin(cover).unwrap() {
            Some(file) => assert_eq!(file, render_cover(cover), "{}", cover.name()),
            None => assert!(usize::from(cover.number()) >= FILES.len()),
        }
    }
}

#[test]
fn landscapes_leave_room_at_both_ends_and_differ_from_each_other() {
    let mut sums = Vec::new();
    for scene in CoverScene::ALL {
        let picture = render_scene(scene, 240, 160);
        assert!(
            picture
                .samples()
                .iter()
                .all(|sample| (5..=250).contains(sample))
        );
        let ends = picture
            .samples()
            .iter()
            .filter(|&&sample| sample == 5 || sample == 250)
            .count();
        assert!(
            ends * 20 < picture.samples().len(),
            "{} {ends}",
            scene.name()
        );
        sums.push(checksum(&picture));
    }
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), CoverScene::ALL.len());
}

#[test]
fn grain_leaves_the_lowest_bits_balanced() {
    let picture = render_scene(CoverScene::Fjord, 240, 160);
    for region in picture.samples().chunks(picture.samples().len() / 12) {
        let odd = region.iter().filter(|&&sample| sample & 1 == 1).count();
        let part = odd as f64 / region.len() as f64;
        assert!((0.44..0.56).contains(&part), "{part}");
    }
}

#[test]
fn the_smallest_sides_are_drawn_too() {
    for (width, height) in [(0, 0), (1, 1), (1, 40), (40, 1), (3, 2)] {
        let picture = render(4, width, height, true);
        assert_eq!(
            (picture.width(), picture.height()),
            (width.max(1), height.max(1))
        );
        assert_eq!(render_painting(4, width, height).width(), width.max(1));
    }
}

#[test]
fn a_painting_takes_few_bytes_for_its_pixels() {
    let painting = render_painting(6, 800, 600);
    let file = encode_png(&painting).unwrap();
    assert!(file.len() * 4 < painting.samples().len(), "{}", file.len());
}
