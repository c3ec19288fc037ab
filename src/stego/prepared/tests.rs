//! Identity: what a foreign decoder shows of a file is, sample for sample, what embedding made.

use std::io::Write;

use png::{BitDepth, ColorType};
use proptest::prelude::*;

use super::*;
use crate::stego::{DecodeLimits, decode, embed, extract};

/// A kind of picture that somebody may bring as a cover.
#[derive(Clone, Copy, Debug)]
enum Source {
    Rgb,
    Rgb16,
    Rgba,
    Grey,
    Grey1,
    Grey16,
    GreyAlpha,
    Palette,
    Interlaced,
    Flat,
    Noise,
}

/// At least forty shapes: sides of one, odd, narrow and wide, of one strip, of strips with a rest
/// and of many; every kind of file.
#[rustfmt::skip]
const SHAPES: [(u32, u32, Source); 48] = [
    (1, 1, Source::Rgb), (1, 2, Source::Rgb), (2, 1, Source::Rgb), (1, 3, Source::Rgb),
    (3, 1, Source::Rgb), (1, 8, Source::Rgb), (8, 1, Source::Rgb), (5, 7, Source::Rgb),
    (1, 9_000, Source::Rgb), (70_001, 1, Source::Rgb), (3, 30_011, Source::Rgb),
    (30_011, 3, Source::Rgb), (16, 16, Source::Rgb), (333, 211, Source::Rgb),
    (672, 448, Source::Rgb), (500, 131, Source::Rgb), (641, 129, Source::Rgb),
    (1, 1, Source::Rgb16), (31, 17, Source::Rgb16), (300, 201, Source::Rgb16),
    (1, 1, Source::Rgba), (13, 29, Source::Rgba), (257, 255, Source::Rgba),
    (1, 1, Source::Grey), (9, 5, Source::Grey), (255, 257, Source::Grey), (640, 480, Source::Grey),
    (7, 3, Source::Grey1), (129, 65, Source::Grey1), (15, 15, Source::Grey16),
    (200, 99, Source::Grey16), (1, 4, Source::GreyAlpha), (77, 33, Source::GreyAlpha),
    (1, 1, Source::Palette), (33, 77, Source::Palette), (400, 300, Source::Palette),
    (1, 1, Source::Interlaced), (2, 3, Source::Interlaced), (9, 9, Source::Interlaced),
    (101, 67, Source::Interlaced), (320, 240, Source::Interlaced),
    (1, 1, Source::Flat), (64, 64, Source::Flat), (511, 300, Source::Flat),
    (1, 1, Source::Noise), (63, 65, Source::Noise), (300, 300, Source::Noise),
    (129, 513, Source::Noise),
];

fn hash(at: u32) -> u8 {
    (at.wrapping_mul(0x9e37_79b9)
        .rotate_left(13)
        .wrapping_mul(0x85eb_ca6b)
        >> 24) as u8
}

/// A byte of a picture's data: smooth and grainy, or as the kind wants it.
fn byte(source: Source, at: usize) -> u8 {
    let at = at as u32;
    match source {
        Source::Flat => 255,
        Source::Noise => hash(at),
        Source::Palette => hash(at) % 7,
        _ => ((at / 40) as u8).wrapping_add(hash(at) % 9),
    }
}

/// The picture file of a shape.
fn file_of((width, height, source): (u32, u32, Source)) -> Vec<u8> {
    let (color, depth) = match source {
        Source::Interlaced => return interlaced(width, height),
        Source::Rgb | Source::Flat | Source::Noise => (ColorType::Rgb, BitDepth::Eight),
        Source::Rgb16 => (ColorType::Rgb, BitDepth::Sixteen),
        Source::Rgba => (ColorType::Rgba, BitDepth::Eight),
        Source::Grey => (ColorType::Grayscale, BitDepth::Eight),
        Source::Grey1 => (ColorType::Grayscale, BitDepth::One),
        Source::Grey16 => (ColorType::Grayscale, BitDepth::Sixteen),
        Source::GreyAlpha => (ColorType::GrayscaleAlpha, BitDepth::Eight),
        Source::Palette => (ColorType::Indexed, BitDepth::Eight),
    };
    let bits = width as usize * color.samples() * depth as usize;
    let data: Vec<u8> = (0..bits.div_ceil(8) * height as usize)
        .map(|at| byte(source, at))
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette((0..21).map(|at| hash(at + 99)).collect::<Vec<u8>>());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&data).unwrap();
    writer.finish().unwrap();
    file
}

/// An interlaced RGB file; the `png` crate reads such files and writes none.
fn interlaced(width: u32, height: u32) -> Vec<u8> {
    let passes = [
        (0, 8, 0, 8),
        (4, 8, 0, 8),
        (0, 4, 4, 8),
        (2, 4, 0, 4),
        (0, 2, 2, 4),
        (1, 2, 0, 2),
        (0, 1, 1, 2),
    ];
    let mut rows = Vec::new();
    for (left, right_by, top, down_by) in passes {
        for y in (top..height).step_by(down_by) {
            let pixels: Vec<u32> = (left..width).step_by(right_by).collect();
            if !pixels.is_empty() {
                rows.push(0);
            }
            for x in pixels {
                let at = (y * width + x) as usize * 3;
                rows.extend((at..at + 3).map(|at| byte(Source::Rgb, at)));
            }
        }
    }
    let mut stream = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    stream.write_all(&rows).unwrap();
    let head = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 1],
    ]
    .concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [
        (b"IHDR", head),
        (b"IDAT", stream.finish().unwrap()),
        (b"IEND", vec![]),
    ] {
        let named = [&name[..], &body].concat();
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(&named);
        file.extend(crc32fast::hash(&named).to_be_bytes());
    }
    file
}

/// What the `png` crate shows of a file, which must be 8-bit RGB.
fn shown(file: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file))
        .read_info()
        .unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut samples).unwrap();
    reader.finish().unwrap();
    assert_eq!(
        (frame.color_type, frame.bit_depth),
        (ColorType::Rgb, BitDepth::Eight)
    );
    (frame.width, frame.height, samples)
}

/// The file of a rendition whose strips are made and joined from the last to the first.
fn backward(rendition: &Rendition) -> Vec<u8> {
    let (mut file, mut given) = (rendition.file(), Vec::new());
    let mut scratch = Scratch::default();
    for index in (0..rendition.strips()).rev() {
        let strip = rendition.strip(index, &mut scratch);
        given.extend_from_slice(file.accept(index, &strip));
    }
    assert_eq!(given, file.take_bytes());
    given
}

fn check(shape: (u32, u32, Source), part: f64, seed: [u8; 32]) -> Result<(), TestCaseError> {
    let cover = decode(&file_of(shape), &DecodeLimits::default()).unwrap();
    prop_assert_eq!((cover.width(), cover.height()), (shape.0, shape.1));
    let capacity = Mode::Fast.capacity_bytes(shape.0, shape.1) as usize;
    let payload: Vec<u8> = (0..(capacity as f64 * part) as u32)
        .map(|at| hash(at) ^ seed[at as usize % 32])
        .collect();
    let carrier = embed(&cover, &payload, &seed).unwrap();
    let mut scratch = Scratch::default();
    for prepared in [
        PreparedCover::new(cover.clone()),
        PreparedCover::quickly(cover),
    ] {
        let prepared = Arc::new(prepared);
        let rendition = Rendition::new(prepared.clone(), payload.clone().into(), seed).unwrap();
        let file = rendition.render(&mut scratch);
        let (width, height, samples) = shown(&file);
        prop_assert_eq!((width, height), (shape.0, shape.1));
        prop_assert!(samples == carrier.samples());
        prop_assert_eq!(extract(&carrier, 0, payload.len()).unwrap(), &payload[..]);
        prop_assert!(backward(&rendition) == file);
        prop_assert!(prepared.encode(&carrier, &mut scratch).unwrap() == file);
    }
    Ok(())
}

#[test]
fn every_shape_carries_nothing_a_little_and_all_it_can() {
    for shape in SHAPES {
        for part in [0.0, 0.25, 1.0] {
            if let Err(error) = check(shape, part, [7; 32]) {
                panic!("{shape:?} {part}: {error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_payload_survives_in_any_shape(
        shape in proptest::sample::select(&SHAPES[..]),
        part in 0.0_f64..=1.0,
        seed: [u8; 32],
    ) {
        check(shape, part, seed)?;
    }
}

#[test]
fn one_byte_too_many_is_refused() {
    let cover = Picture::new(4, 4, vec![9; 48]).unwrap();
    let cover = Arc::new(PreparedCover::quickly(cover));
    assert_eq!(cover.capacity_bytes(), 6);
    assert!(Rendition::new(cover.clone(), Bytes::from_static(&[1; 6]), [1; 32]).is_ok());
    let refused = Rendition::new(cover, Bytes::from_static(&[1; 7]), [1; 32]);
    let error = StegoError::TooLarge {
        size_bytes: 7,
        limit_bytes: 6,
    };
    assert_eq!(refused.err(), Some(error));
}

#[test]
fn a_picture_of_other_sides_is_refused_and_any_of_the_same_is_written() {
    let picture = |width, height, seed: u32| {
        let samples = (0..width * height * 3).map(|at| hash(at ^ seed)).collect();
        Picture::new(width, height, samples).unwrap()
    };
    let flat = Picture::new(90, 70, vec![128; 90 * 70 * 3]).unwrap();
    let prepared = PreparedCover::new(flat);
    let mut scratch = Scratch::default();
    assert!(prepared.encode(&picture(70, 90, 1), &mut scratch).is_err());
    let other = picture(90, 70, 2);
    let file = prepared.encode(&other, &mut scratch).unwrap();
    assert_eq!(shown(&file), (90, 70, other.samples().to_vec()));
}

/// The carrier is always full, so a small payload leaves the same traces as a large one.
#[test]
fn every_rendition_keeps_a_peak_signal_to_noise_ratio_of_51_db() {
    let cover = crate::stego::covers::render(2, 480, 320, true);
    let prepared = Arc::new(PreparedCover::new(cover.clone()));
    let capacity = prepared.capacity_bytes() as u32;
    for size in [0, capacity / 4, capacity] {
        let payload: Bytes = (0..size).map(hash).collect();
        let rendition = Rendition::new(prepared.clone(), payload, [3; 32]).unwrap();
        let (_, _, samples) = shown(&rendition.render(&mut Scratch::default()));
        let pairs = cover.samples().iter().zip(&samples);
        let error: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
        let psnr_db = 10.0 * (255.0 * 255.0 * samples.len() as f64 / error).log10();
        assert!((51.0..51.3).contains(&psnr_db), "{size}: {psnr_db}");
    }
}

#[test]
fn files_stay_near_the_size_that_was_foreseen() {
    let cover = crate::stego::covers::render(4, 640, 480, true);
    for prepared in [
        PreparedCover::new(cover.clone()),
        PreparedCover::quickly(cover),
    ] {
        let foreseen = prepared.plan.file_bytes();
        let rendition = Rendition::new(Arc::new(prepared), Bytes::new(), [5; 32]).unwrap();
        let size = rendition.render(&mut Scratch::default()).len();
        assert!(size.abs_diff(foreseen) < foreseen / 16, "{size} {foreseen}");
    }
}
