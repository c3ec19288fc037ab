use proptest::prelude::*;

use super::super::codec::{Carrier, DecodeLimits, decode_carrier, encode_png};
use super::super::extract::extract;
use super::*;

fn capacity_bytes(width: u32, height: u32) -> u64 {
    Mode::Fast.capacity_bytes(width, height)
}

const SEED: [u8; 32] = [7; 32];

/// Differences of a rendition from its cover in one part: samples, risen, fallen.
fn changes(cover: &[u8], rendition: &[u8]) -> (f64, f64, f64) {
    let pairs = || cover.iter().zip(rendition);
    let risen = pairs().filter(|(before, after)| after > before).count();
    let fallen = pairs().filter(|(before, after)| after < before).count();
    (cover.len() as f64, risen as f64, fallen as f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_goes_in_comes_out_of_every_shape(
        width in 1_u32..70,
        height in 1_u32..70,
        part in 0.0_f64..=1.0,
        seed: [u8; 32],
    ) {
        let cover = Picture::ramp(width, height);
        let capacity = usize::try_from(capacity_bytes(width, height)).unwrap();
        let payload: Vec<u8> = (0..(capacity as f64 * part) as usize)
            .map(|i| (i * 101) as u8 ^ seed[i % 32])
            .collect();
        let carrier = embed(&cover, &payload, &seed).unwrap();
        prop_assert_eq!(extract(&carrier, 0, payload.len()).unwrap(), &payload[..]);
        let middle = payload.len() / 2;
        let half = extract(&carrier, middle, payload.len() - middle).unwrap();
        prop_assert_eq!(half, &payload[middle..]);
        for (before, after) in cover.samples().iter().zip(carrier.samples()) {
            prop_assert!(before.abs_diff(*after) <= 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn runs_in_any_order_make_the_whole(
        samples in 1_usize..40_000,
        cuts in proptest::collection::vec(0_usize..5_000, 0..5),
        part in 0.0_f64..=1.0,
        seed: [u8; 32],
    ) {
        let cover: Vec<u8> = (0..samples).map(|i| (i * 37 % 256) as u8).collect();
        let payload: Vec<u8> = (0..(samples as f64 / 8.0 * part) as usize)
            .map(|i| (i * 101) as u8)
            .collect();
        let mut whole = cover.clone();
        write_bits(&mut whole, &payload, &seed);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| (cut * 8).min(samples)).collect();
        ends.extend([0, samples]);
        ends.sort_unstable();
        let mut joined = vec![0; samples];
        for pair in ends.windows(2).rev() {
            let run = pair[0]..pair[1];
            let (from, to) = (&cover[run.clone()], &mut joined[run]);
            embed_run(from, to, pair[0] / 8, &payload, &seed);
        }
        prop_assert_eq!(joined, whole);
    }
}

#[test]
fn capacity_fits_and_one_byte_more_is_refused() {
    for (width, height) in [(1, 1), (1, 3), (3, 1), (5, 7), (64, 3)] {
        let cover = Picture::ramp(width, height);
        let capacity = usize::try_from(capacity_bytes(width, height)).unwrap();
        let full = vec![0xa5; capacity];
        let carrier = embed(&cover, &full, &SEED).unwrap();
        assert_eq!(extract(&carrier, 0, capacity).unwrap(), full);
        let error = StegoError::TooLarge {
            size_bytes: capacity as u64 + 1,
            limit_bytes: capacity as u64,
        };
        let more = vec![0xa5; capacity + 1];
        assert_eq!(embed(&cover, &more, &SEED), Err(error.clone()));
        let mut untouched = cover.clone();
        assert_eq!(embed_in_place(&mut untouched, &more, &SEED), Err(error));
        assert_eq!(untouched, cover);
    }
}

#[test]
fn many_samples_move_as_one_at_a_time_would() {
    for value in 0..=255_u8 {
        for (bit, up) in [(0, false), (0, true), (1, false), (1, true)] {
            let wanted = match (value & 1 == bit, value, up) {
                (true, _, _) => value,
                (false, 0, _) => 1,
                (false, 255, _) => 254,
                (false, _, true) => value + 1,
                (false, _, false) => value - 1,
            };
            for place in 0..67 {
                let mut samples: Vec<u8> = [0, 255, 1, 254, 128, 127, 0].repeat(10);
                let others = samples.clone();
                let mut bits: Vec<u8> = samples.iter().map(|sample| sample & 1).collect();
                samples[place] = value;
                bits[place] = bit;
                let steps = if up { 1 } else { 255 };
                move_samples(&mut samples, &bits, &[steps; 70]);
                assert_eq!(samples[place], wanted, "{value} {bit} {up} {place}");
                samples[place] = others[place];
                assert_eq!(samples, others);
            }
        }
    }
}

#[test]
fn a_byte_is_spread_over_eight_lanes_lowest_bit_first() {
    for byte in 0..=255_u8 {
        for lane in 0..8 {
            let bit = byte >> lane & 1;
            assert_eq!(BITS[usize::from(byte)][lane], bit);
            assert_eq!(
                STEPS[usize::from(byte)][lane],
                if bit == 1 { 1 } else { 255 }
            );
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_picture_and_another_seed_another() {
    let cover = Picture::ramp(61, 47);
    let carrier = embed(&cover, b"payload", &SEED).unwrap();
    assert_eq!(embed(&cover, b"payload", &SEED).unwrap(), carrier);
    assert_ne!(embed(&cover, b"payload", &[8; 32]).unwrap(), carrier);
    let mut in_place = cover.clone();
    embed_in_place(&mut in_place, b"payload", &SEED).unwrap();
    assert_eq!(in_place, carrier);
    assert_eq!(fill(&cover, &SEED), embed(&cover, &[], &SEED).unwrap());
}

/// With, without and after a payload: in each of 24 regions the numbers of samples kept, risen
/// and fallen are those of fair coins (chi-square with two degrees of freedom, 26.0 is passed
/// once in 440,000 regions), so nothing tells how much is hidden.
#[test]
fn every_rendition_of_a_cover_is_equally_full_everywhere() {
    let mut cover = Picture::ramp(400, 320);
    for sample in cover.samples_mut() {
        *sample = (*sample).clamp(1, 254);
    }
    let mut payload = vec![0; 48_000];
    ChaCha20::new(&[9; 32].into(), FILL_NONCE.into()).apply_keystream(&mut payload);
    let renditions = [
        embed(&cover, &payload, &[1; 32]).unwrap(),
        embed(&cover, &payload[..9_600], &[2; 32]).unwrap(),
        fill(&cover, &[3; 32]),
        fill(&cover, &[4; 32]),
    ];
    let region = cover.samples().len() / 24;
    for rendition in &renditions {
        let regions = cover
            .samples()
            .chunks(region)
            .zip(rendition.samples().chunks(region));
        for (before, after) in regions {
            let (count, risen, fallen) = changes(before, after);
            let kept = count - risen - fallen;
            let term = |seen: f64, wanted: f64| (seen - wanted) * (seen - wanted) / wanted;
            let chi_square =
                term(kept, count / 2.0) + term(risen, count / 4.0) + term(fallen, count / 4.0);
            assert!(chi_square < 26.0, "{chi_square}: {kept} {risen} {fallen}");
        }
    }
}

#[test]
fn a_full_carrier_keeps_a_peak_signal_to_noise_ratio_of_51_db() {
    let cover = Picture::ramp(256, 256);
    let carrier = fill(&cover, &SEED);
    let (count, risen, fallen) = changes(cover.samples(), carrier.samples());
    let psnr_db = 10.0 * (255.0 * 255.0 * count / (risen + fallen)).log10();
    assert!((51.0..51.3).contains(&psnr_db), "{psnr_db}");
}

#[test]
fn a_carrier_survives_its_file() {
    let payload: Vec<u8> = (0..1_000_u32).map(|i| (i * 7) as u8).collect();
    let carrier = embed(&Picture::ramp(80, 60), &payload, &SEED).unwrap();
    let file = encode_png(&carrier).unwrap();
    let back = decode_carrier(&file, &DecodeLimits::default()).unwrap();
    let Carrier::Shallow(back) = back else {
        panic!("8 bits went in");
    };
    assert_eq!(back, carrier);
    assert_eq!(extract(&back, 0, payload.len()).unwrap(), payload);
}
