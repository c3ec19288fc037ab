use proptest::prelude::*;

use super::super::codec::{Carrier, DecodeLimits, decode, decode_carrier};
use super::super::covers::render;
use super::*;

const SEED: [u8; 32] = [7; 32];

fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    ChaCha20::new(&[9; 32].into(), FILL_NONCE.into()).apply_keystream(&mut noise);
    noise
}

fn low_of(file: &[u8]) -> Picture {
    match decode_carrier(file, &DecodeLimits::default()).unwrap() {
        Carrier::Deep(low) => low,
        Carrier::Shallow(_) => panic!("16 bits were written"),
    }
}

fn capacity(picture: &Picture) -> usize {
    usize::try_from(Mode::Compact.capacity_bytes(picture.width(), picture.height())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out_of_every_shape(
        width in 1_u32..60,
        height in 1_u32..60,
        part in 0.0_f64..=1.0,
        cut in 0.0_f64..=1.0,
        seed: [u8; 32],
    ) {
        let cover = render(3, width, height, true);
        let payload = noise((capacity(&cover) as f64 * part) as usize);
        let file = embed_deep(&cover, &payload, &seed).unwrap();
        prop_assert_eq!(decode(&file, &DecodeLimits::default()).unwrap(), cover);
        let low = low_of(&file);
        prop_assert_eq!(extract_deep(&low, 0, payload.len()).unwrap(), &payload[..]);
        let cut = (payload.len() as f64 * cut) as usize;
        let rest = extract_deep(&low, cut, payload.len() - cut).unwrap();
        prop_assert_eq!(rest, &payload[cut..]);
    }
}

/// For every sample and every low byte under it: dropping the low byte, rounding as libpng does
/// (`png_set_scale_16`) and rounding in real numbers.
#[test]
fn every_way_to_8_bits_shows_the_cover() {
    for high in 0..=255_u32 {
        for carried in 0..128 {
            let deep = high << 8 | (high & 0x80) | carried;
            assert_eq!(deep >> 8, high);
            assert_eq!((deep * 255 + 32_895) >> 16, high);
            assert_eq!((f64::from(deep) / 257.0).round() as u32, high);
        }
    }
}

#[test]
fn samples_and_bits_are_inverse() {
    for bit in 0..56 {
        let mut seven = [0; GROUP_BYTES];
        seven[bit / 8] = 1 << (bit % 8);
        let mut eight = [0; 8];
        eight[bit / 7] = 1 << (bit % 7);
        assert_eq!(scatter(&seven), eight);
        assert_eq!(gather(&eight), seven);
    }
    assert_eq!(gather(&[0xff; 8]), [0xff; GROUP_BYTES]);
    assert_eq!(gather(&[0x80; 8]), [0; GROUP_BYTES]);
}

#[test]
fn capacity_fits_and_one_byte_more_is_refused() {
    for (width, height) in [(1, 1), (1, 3), (3, 1), (5, 7), (64, 9)] {
        let cover = render(1, width, height, true);
        let full = noise(capacity(&cover));
        let low = low_of(&embed_deep(&cover, &full, &SEED).unwrap());
        assert_eq!(extract_deep(&low, 0, full.len()).unwrap(), full);
        assert!(extract_deep(&low, 1, full.len()).is_err());
        assert!(extract_deep(&low, usize::MAX, usize::MAX).is_err());
        let limit_bytes = full.len() as u64;
        let size_bytes = limit_bytes + 1;
        let error = StegoError::TooLarge {
            size_bytes,
            limit_bytes,
        };
        let more = noise(full.len() + 1);
        assert_eq!(embed_deep(&cover, &more, &SEED), Err(error));
    }
}

#[test]
fn a_window_is_as_small_as_the_payload_allows() {
    let cover = render(2, 672, 448, true);
    for payload_bytes in [0, 1, 64_000, 200_000, 700_000, 790_272] {
        let window = deep_window(&cover, payload_bytes);
        assert!(capacity(&window) >= payload_bytes);
        let narrower = window.width() - WINDOW_STEP;
        let lower = narrower * 2 / 3 + 1;
        assert!(
            window.width() == WINDOW_MIN_WIDTH
                || Mode::Compact.capacity_bytes(narrower, lower) < payload_bytes as u64 + 2_000,
            "{payload_bytes}: {window:?}"
        );
    }
    assert_eq!(deep_window(&cover, 900_000), cover);
}

/// A payload's file is less than twice as large, on covers with the grain of a camera.
#[test]
fn the_file_is_less_than_twice_the_payload() {
    for scene in 0..6 {
        let cover = render(scene, 336, 224, true);
        let full = noise(capacity(&cover));
        let file = embed_deep(&cover, &full, &SEED).unwrap();
        let ratio = file.len() as f64 / full.len() as f64;
        assert!(ratio < 2.0, "{scene}: {ratio}");
    }
}

/// With much, little or nothing inside, the seven bits are even: chi-square with 127 degrees of
/// freedom, 215 is passed once in a million.
#[test]
fn every_rendition_is_equally_full() {
    let cover = render(4, 400, 320, true);
    let payload = noise(capacity(&cover));
    for carried in [payload.len(), payload.len() / 5, 0] {
        let low = low_of(&embed_deep(&cover, &payload[..carried], &SEED).unwrap());
        for part in low.samples().chunks(48_000) {
            let mut counts = [0_u32; 128];
            for low in part {
                counts[usize::from(low & CARRYING)] += 1;
            }
            let wanted = part.len() as f64 / 128.0;
            let term = |seen: &u32| (f64::from(*seen) - wanted).powi(2) / wanted;
            let chi_square: f64 = counts.iter().map(term).sum();
            assert!(chi_square < 215.0, "{carried}: {chi_square}");
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_file_and_another_seed_another() {
    let cover = render(5, 61, 47, true);
    let file = embed_deep(&cover, b"payload", &SEED).unwrap();
    assert_eq!(embed_deep(&cover, b"payload", &SEED).unwrap(), file);
    assert_ne!(embed_deep(&cover, b"payload", &[8; 32]).unwrap(), file);
}
