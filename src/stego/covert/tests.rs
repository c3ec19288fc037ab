use proptest::prelude::*;

use super::super::covers::render;
use super::*;

const KEY: [u8; 32] = [5; 32];

fn noise(bytes: usize, seed: u8) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    stream(&[seed; 32], b"test payload").apply_keystream(&mut noise);
    noise
}

fn capacity(picture: &Picture) -> usize {
    usize::try_from(Mode::Covert.capacity_bytes(picture.width(), picture.height())).unwrap()
}

/// Of a cover and its carrier: samples that moved.
fn moved(cover: &Picture, carrier: &Picture) -> usize {
    let pairs = cover.samples().iter().zip(carrier.samples());
    pairs.filter(|(before, after)| before != after).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_goes_in_comes_out_and_samples_move_by_one(
        width in 118_u32..200,
        height in 118_u32..200,
        part in 0.0_f64..=1.0,
        key: [u8; 32],
    ) {
        let cover = render(u64::from(key[0]), width, height, true);
        let payload = noise((capacity(&cover) as f64 * part) as usize, key[1]);
        let carrier = embed_covert(&cover, &payload, &key).unwrap();
        prop_assert_eq!(extract_covert(&carrier, &key, payload.len()).unwrap(), &payload[..]);
        let head = extract_covert_head(&carrier, &key).unwrap();
        let both = payload.len().min(head.len());
        prop_assert_eq!(&head[..both], &payload[..both]);
        for (before, after) in cover.samples().iter().zip(carrier.samples()) {
            prop_assert!(before.abs_diff(*after) <= 1);
            prop_assert!(before == after || !matches!(before, 0 | 255));
        }
        // Half of ten bits move without a code; a good one moves every eighth or so.
        let bits = payload.len().max(COVERT_HEAD_BYTES) * 8;
        prop_assert!(moved(&cover, &carrier) * 4 < bits);
    }

    #[test]
    fn a_walk_meets_every_sample_once(all in 1_u64..3_000) {
        let stride = golden_stride(all);
        let mut met = vec![false; all as usize];
        let mut place = 0;
        for _ in 0..all {
            prop_assert!(!met[place as usize]);
            met[place as usize] = true;
            place = (place + stride) % all;
        }
    }
}

#[test]
fn capacity_is_a_bit_for_ten_samples_and_no_more() {
    assert_eq!(capacity_bytes(40_959), 0);
    assert_eq!(capacity_bytes(40_960), 128 + 384);
    assert_eq!(capacity_bytes(3_000_000), 128 + (3_000_000 - 32_768) / 80);
    for samples in (0..5_000_000).step_by(7_919) {
        assert!(capacity_bytes(samples) * 8 * 10 <= samples, "{samples}");
    }
    let cover = render(2, 160, 120, true);
    let limit_bytes = capacity(&cover) as u64;
    let full = noise(capacity(&cover), 1);
    let carrier = embed_covert(&cover, &full, &KEY).unwrap();
    assert_eq!(extract_covert(&carrier, &KEY, full.len()).unwrap(), full);
    let error = StegoError::TooLarge {
        size_bytes: limit_bytes + 1,
        limit_bytes,
    };
    let more = noise(capacity(&cover) + 1, 1);
    assert_eq!(embed_covert(&cover, &more, &KEY), Err(error));
    assert!(extract_covert(&carrier, &KEY, full.len() + 1).is_err());
    assert!(extract_covert(&carrier, &KEY, usize::MAX).is_err());
    let small = render(2, 100, 100, true);
    assert_eq!(embed_covert(&small, &[], &KEY).unwrap(), small);
    assert!(embed_covert(&small, &[1], &KEY).is_err());
    assert!(extract_covert_head(&small, &KEY).is_err());
}

#[test]
fn another_key_reads_noise_and_makes_another_picture() {
    let cover = render(1, 200, 150, true);
    let payload = noise(600, 1);
    let carrier = embed_covert(&cover, &payload, &KEY).unwrap();
    assert_eq!(embed_covert(&cover, &payload, &KEY).unwrap(), carrier);
    assert_ne!(embed_covert(&cover, &payload, &[6; 32]).unwrap(), carrier);
    let other = extract_covert(&carrier, &[6; 32], 600).unwrap();
    let same: u32 = other
        .iter()
        .zip(&payload)
        .map(|(a, b)| (a ^ b).count_zeros())
        .sum();
    let expected = 600.0 * 4.0;
    assert!(
        (f64::from(same) - expected).abs() < 6.0 * (600.0_f64 * 2.0).sqrt(),
        "{same}"
    );
}

#[test]
fn a_flipped_sample_is_read_as_other_bytes_and_never_fails() {
    let cover = render(3, 160, 120, true);
    let payload = noise(300, 1);
    let mut carrier = embed_covert(&cover, &payload, &KEY).unwrap();
    for at in (0..carrier.samples().len()).step_by(997) {
        carrier.samples_mut()[at] ^= 1;
        assert_ne!(
            extract_covert(&carrier, &KEY, 300).unwrap(),
            payload,
            "{at}"
        );
        carrier.samples_mut()[at] ^= 1;
    }
}

#[test]
fn a_picture_without_greys_is_refused() {
    let black = Picture::new(200, 200, vec![0; 120_000]).unwrap();
    assert_eq!(
        embed_covert(&black, &[1; 200], &KEY),
        Err(StegoError::Saturated)
    );
}

/// Nothing moves in the flat half while the other half has texture.
#[test]
fn changes_go_where_the_texture_is() {
    let mut cover = render(4, 240, 200, true);
    let row = 240 * 3;
    for row in cover.samples_mut().chunks_mut(row) {
        row[..360].fill(120);
    }
    let carrier = embed_covert(&cover, &noise(500, 2), &KEY).unwrap();
    let halves = cover
        .samples()
        .chunks(row)
        .zip(carrier.samples().chunks(row));
    let flat = halves
        .clone()
        .flat_map(|(before, after)| before[..330].iter().zip(&after[..330]));
    assert_eq!(flat.filter(|(before, after)| before != after).count(), 0);
    assert!(moved(&cover, &carrier) > 300);
}
