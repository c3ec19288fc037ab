//! The cheap classic detectors, as tests: what they read off a picture of ours is what they read
//! off its cover. The heavy ones are scripts under `integration/detectors/`.

use super::covers::render;
use super::{Mode, Picture, embed, embed_covert, embed_ternary};

/// Estimates agree with those of the clean picture within this.
const NEAR: f64 = 0.02;
/// And in the ternary mode, which moves more samples, within this.
const NEAR_TERNARY: f64 = 0.04;

/// The share of samples whose lowest bits were replaced, by sample pairs (Dumitrescu, Wu and
/// Wang 2003): neighbours of one channel in a row.
fn sample_pairs(picture: &Picture) -> f64 {
    let row = picture.width() as usize * 3;
    let rows = picture.samples().chunks(row);
    let pairs = rows.flat_map(|row| row.iter().zip(&row[3..]));
    let (mut all, mut x, mut y, mut z, mut w) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (&left, &right) in pairs {
        all += 1.0;
        let even = right % 2 == 0;
        if left == right {
            z += 1.0;
        } else {
            if (left < right) == even {
                x += 1.0;
            } else {
                y += 1.0;
            }
            w += f64::from(u8::from(left / 2 == right / 2));
        }
    }
    smaller_root(0.5 * (w + z), 2.0 * x - all, y - x)
}

/// The same by RS analysis (Fridrich, Goljan and Du 2001): groups of four, mask 0 1 1 0.
fn rs(picture: &Picture) -> f64 {
    let row = picture.width() as usize * 3;
    let mut balance = [0.0; 4];
    for channel in 0..3 {
        for row in picture.samples().chunks(row) {
            let row: Vec<i32> = row[channel..]
                .iter()
                .step_by(3)
                .map(|&s| i32::from(s))
                .collect();
            for four in row.as_chunks::<4>().0 {
                let other = four.map(|sample| sample ^ 1);
                let turns = [(four, 0), (&other, 1)];
                for (group, place) in turns {
                    balance[place] += change(group, |sample| sample ^ 1);
                    balance[place + 2] += change(group, |sample| ((sample + 1) ^ 1) - 1);
                }
            }
        }
    }
    let [zero, one, minus_zero, minus_one] = balance;
    let root = smaller_root(
        2.0 * (one + zero),
        minus_zero - minus_one - one - 3.0 * zero,
        zero - minus_zero,
    );
    root / (root - 0.5)
}

/// Whether a group becomes rougher or smoother when its middle is flipped.
fn change(group: &[i32; 4], flip: impl Fn(i32) -> i32) -> f64 {
    let roughness = |[a, b, c, d]: [i32; 4]| (a - b).abs() + (b - c).abs() + (c - d).abs();
    let [a, b, c, d] = *group;
    f64::from((roughness([a, flip(b), flip(c), d]) - roughness(*group)).signum())
}

/// Of the roots of a quadratic, the one nearer to zero; of complex ones the real part.
fn smaller_root(a: f64, b: f64, c: f64) -> f64 {
    let middle = -b / (2.0 * a);
    let away = (middle * middle - c / a).max(0.0).sqrt();
    let (low, high) = (middle - away, middle + away);
    if low.abs() < high.abs() { low } else { high }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise
}

/// Half of the samples with their lowest bit replaced. Of the whole plane neither estimator tells
/// a rate: there its equation has no root.
fn half_replaced(cover: &Picture) -> Picture {
    let mut picture = cover.clone();
    let bits = noise(cover.samples().len());
    for (sample, bit) in picture.samples_mut().iter_mut().zip(bits) {
        if bit & 2 == 0 {
            *sample = (*sample & !1) | (bit & 1);
        }
    }
    picture
}

#[test]
fn estimators_read_off_our_pictures_what_they_read_off_the_covers() {
    for scene in [1, 3, 4] {
        let cover = render(scene, 720, 480, true);
        let room = |mode: Mode| mode.capacity_bytes(720, 480) as usize;
        let full = noise(room(Mode::Fast));
        let key = [scene as u8; 32];
        let ours = [
            (NEAR, embed(&cover, &[], &key)),
            (NEAR, embed(&cover, &full[..4_800], &key)),
            (NEAR, embed(&cover, &full, &key)),
            (NEAR_TERNARY, embed_ternary(&cover, &full, &key)),
            (
                NEAR,
                embed_covert(&cover, &full[..room(Mode::Covert)], &key),
            ),
        ];
        for (name, estimate) in [
            ("sample pairs", sample_pairs as fn(&Picture) -> f64),
            ("rs", rs),
        ] {
            let clean = estimate(&cover);
            let read = estimate(&half_replaced(&cover));
            assert!(
                (0.4..0.6).contains(&read),
                "{name} reads {read} of a half, {clean} of none, scene {scene}"
            );
            for (place, (near, picture)) in ours.iter().enumerate() {
                let found = estimate(picture.as_ref().unwrap());
                let far = (found - clean).abs();
                assert!(
                    far < *near,
                    "{name}, scene {scene}, {place}: {clean} {found}"
                );
            }
        }
    }
}
