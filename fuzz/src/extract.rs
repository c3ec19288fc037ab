//! Reading what is hidden out of any picture: never a panic, never a byte that no key vouches for.

use pentimento::crypto::container::{self, PROBE_BYTES, Rights};
use pentimento::proto::ids::UserId;
use pentimento::stego::{self, Carrier, Picture};

use crate::{Input, pictures};

const KEY: [u8; 32] = [7; 32];

/// The first byte tells: a file, pixels without anything inside, or ours with pixels bent.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 3 {
        0 => {
            if let Ok(carrier) = stego::decode_carrier(input.0, &pictures::LIMITS) {
                assert!(opened_in_any_mode(&carrier).is_none());
            }
        }
        1 => {
            let (offset, length) = (usize::from(input.short()), input.size());
            let Some(picture) = pixels(&mut input) else {
                return;
            };
            if let Ok(bytes) = stego::extract(&picture, offset, length) {
                assert_eq!(bytes, slowly(&picture, offset, length));
            } else {
                assert!((offset + length) * 8 > picture.samples().len());
            }
            assert!(opened(&picture).is_none());
        }
        _ => bent(&mut input),
    }
}

/// Ours, with samples changed: it opens to what was sealed, or not at all.
fn bent(input: &mut Input<'_>) {
    let original = input.bytes(24).to_vec();
    let flips: Vec<_> = (0..input.byte() % 4).map(|_| input.short()).collect();
    let samples: Vec<u8> = input.0.iter().copied().chain([128; 48 * 32 * 3]).collect();
    let cover = Picture::new(48, 32, samples[..48 * 32 * 3].to_vec()).expect("a picture");
    let sealed = container::seal(&rights(), &original, &KEY, &[3; 32]);
    let Ok(mut picture) = stego::embed(&cover, &sealed, &[4; 32]) else {
        return;
    };
    let mut samples = picture.samples().to_vec();
    for flip in flips {
        let at = usize::from(flip) % samples.len();
        samples[at] ^= 1;
    }
    let touched = samples[..sealed.len() * 8] != picture.samples()[..sealed.len() * 8];
    picture = Picture::new(48, 32, samples).expect("a picture");
    match opened(&picture) {
        Some((told, found)) => {
            assert!(!touched);
            assert_eq!((told, found), (rights(), original));
        }
        None => assert!(touched),
    }
}

fn rights() -> Rights {
    Rights {
        name: "a".to_owned(),
        owner: UserId([1; 32]),
        borrower: UserId([1; 32]),
        grant: None,
        views: 1,
    }
}

/// What opens in a picture of the mode fast.
fn opened(picture: &Picture) -> Option<(Rights, Vec<u8>)> {
    opened_by(|from, size| stego::extract(picture, from, size).ok())
}

fn opened_in_any_mode(carrier: &Carrier) -> Option<(Rights, Vec<u8>)> {
    match carrier {
        Carrier::Deep(low) => opened_by(|from, size| stego::extract_deep(low, from, size).ok()),
        Carrier::Shallow(picture) => opened(picture)
            .or_else(|| opened_by(|from, size| stego::extract_ternary(picture, from, size).ok()))
            .or_else(|| {
                opened_by(|from, size| {
                    let bytes = stego::extract_covert(picture, &KEY, from + size).ok()?;
                    Some(bytes[from..].to_vec())
                })
            }),
    }
}

fn opened_by(extract: impl Fn(usize, usize) -> Option<Vec<u8>>) -> Option<(Rights, Vec<u8>)> {
    let head = container::probe(&extract(0, PROBE_BYTES)?, &[KEY]).ok()?;
    let (rights, original) = container::open(&extract(0, head.total_bytes)?, &head).ok()?;
    Some((rights, original.to_vec()))
}

fn pixels(input: &mut Input<'_>) -> Option<Picture> {
    let width = u32::from(input.byte()) + 1;
    let height = (input.0.len() / 3 / width as usize) as u32;
    let samples = input.bytes((width * height * 3) as usize).to_vec();
    Picture::new(width, height, samples).ok()
}

/// What `extract` answers, a bit at a time.
fn slowly(picture: &Picture, offset: usize, length: usize) -> Vec<u8> {
    let bit = |at: usize| picture.samples()[at] & 1;
    let byte = |at: usize| (0..8).map(|k| bit(8 * at + k) << k).sum();
    (offset..offset + length).map(byte).collect()
}
