use super::super::codec::{DecodeLimits, decode, encode_jpeg};
use super::super::covers::{render, render_painting};
use super::*;

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let sum: f64 = a.samples().iter().zip(b.samples()).map(square).sum();
    10.0 * (255.0 * 255.0 * a.samples().len() as f64 / sum).log10()
}

fn halved(picture: &Picture) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let at = |x: usize, y: usize, c: usize| u32::from(picture.samples()[(y * width + x) * 3 + c]);
    let mut samples = Vec::new();
    for y in 0..height / 2 {
        for x in 0..width / 2 {
            for c in 0..3 {
                let (x, y) = (2 * x, 2 * y);
                let sum = at(x, y, c) + at(x + 1, y, c) + at(x, y + 1, c) + at(x + 1, y + 1, c);
                samples.push((sum / 4) as u8);
            }
        }
    }
    Picture::new(width as u32 / 2, height as u32 / 2, samples).unwrap()
}

fn compressed(picture: &Picture) -> Picture {
    let file = encode_jpeg(picture, 80).unwrap();
    decode(&file, &DecodeLimits::default()).unwrap()
}

#[test]
fn a_mark_is_found_after_halving_and_compressing_and_only_with_its_key() {
    for image in [render(7, 640, 480, true), render_painting(9, 600, 420)] {
        let reference = MarkReference::of(&image);
        let (key, other) = ([1; 32], [2; 32]);
        let marked = mark(&image, &key).unwrap();
        assert!(psnr(&image, &marked) >= 42.0, "{}", psnr(&image, &marked));
        assert_eq!(mark(&image, &key).unwrap(), marked);
        for found in [
            marked.clone(),
            compressed(&marked),
            compressed(&halved(&marked)),
        ] {
            let traced = Traced::new(&found, &reference);
            assert!(traced.likeness > LIKENESS_MIN);
            assert!(traced.score(&key) >= FOUND_FROM, "{}", traced.score(&key));
            assert!(
                traced.score(&other) < FOUND_FROM,
                "{}",
                traced.score(&other)
            );
        }
        let unmarked = Traced::new(&compressed(&halved(&image)), &reference);
        assert!(unmarked.score(&key) < FOUND_FROM);
    }
}

#[test]
fn another_image_is_told_from_a_copy() {
    let reference = MarkReference::of(&render(7, 640, 480, true));
    let traced = Traced::new(&render(9, 640, 480, true), &reference);
    assert!(traced.likeness < LIKENESS_MIN, "{}", traced.likeness);
}

#[test]
fn a_reference_comes_back_as_it_was_kept() {
    let reference = MarkReference::of(&render(7, 300, 270, true));
    let bytes = reference.to_bytes();
    assert_eq!(bytes.len(), MarkReference::BYTES);
    assert_eq!(MarkReference::from_bytes(&bytes), Some(reference));
    assert_eq!(MarkReference::from_bytes(&bytes[1..]), None);
}

#[test]
fn small_images_are_not_marked_and_flat_ones_are() {
    let small = render(7, MARK_MIN_SIDE - 1, 400, true);
    let refused = mark(&small, &[1; 32]);
    assert!(matches!(refused, Err(StegoError::TooSmallToMark { .. })));
    let grey = Picture::new(256, 256, vec![128; 256 * 256 * 3]).unwrap();
    let marked = mark(&grey, &[1; 32]).unwrap();
    assert!(psnr(&grey, &marked) >= 42.0);
    let traced = Traced::new(&marked, &MarkReference::of(&grey));
    assert!(traced.score(&[1; 32]) >= FOUND_FROM);
}
