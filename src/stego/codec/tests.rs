use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use super::*;

fn sample(width: u32, height: u32) -> Picture {
    let rgb = (0..width * height * 3)
        .map(|i| (i * 31 % 251) as u8)
        .collect();
    Picture::new(width, height, rgb).unwrap()
}

fn limits() -> DecodeLimits {
    DecodeLimits::default()
}

fn webp(picture: &Picture) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut file)
        .encode(
            picture.samples(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    file
}

/// A PNG written with any layout.
fn png_of(color: png::ColorType, depth: png::BitDepth, side: u32, data: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette(vec![10, 20, 30, 200, 100, 50]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    file
}

/// A PNG chunk with its checksum (PNG specification, annex D).
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for &byte in name.iter().chain(body) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    let size = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&size[..], name, body, &(!crc).to_be_bytes()].concat()
}

#[test]
fn png_round_trips_and_other_programs_read_the_same() {
    for (width, height) in [(1, 1), (1, 9), (7, 1), (33, 21), (64, 64)] {
        let picture = sample(width, height);
        for file in [
            encode_png(&picture).unwrap(),
            encode_png_smallest(&picture).unwrap(),
        ] {
            assert_eq!(sniff(&file), Some(ImageKind::Png));
            assert_eq!(decode(&file, &limits()).unwrap(), picture);
            let carrier = decode_carrier(&file, &limits()).unwrap();
            assert_eq!(carrier, Carrier::Shallow(picture.clone()));
            let theirs = image::codecs::png::PngDecoder::new(Cursor::new(&file)).unwrap();
            let theirs = DynamicImage::from_decoder(theirs).unwrap().into_rgb8();
            assert_eq!(theirs.into_raw(), picture.samples());
        }
    }
}

#[test]
fn webp_and_jpeg_decode_to_the_same_size() {
    let picture = sample(40, 24);
    let lossless = decode(&webp(&picture), &limits()).unwrap();
    assert_eq!(lossless, picture);
    for quality in [0, 1, 88, 100, 255] {
        let jpeg = encode_jpeg(&picture, quality).unwrap();
        assert_eq!(sniff(&jpeg), Some(ImageKind::Jpeg));
        let back = decode(&jpeg, &limits()).unwrap();
        assert_eq!((back.width(), back.height()), (40, 24));
    }
}

#[test]
fn every_png_layout_becomes_rgb_but_only_rgb_is_a_carrier() {
    use png::{BitDepth, ColorType};
    let cases: [(_, _, &[u8], [u8; 3]); 7] = [
        (ColorType::Rgb, BitDepth::Eight, &[9, 8, 7], [9, 8, 7]),
        (
            ColorType::Rgb,
            BitDepth::Sixteen,
            &[9, 255, 8, 0, 7, 1],
            [9, 8, 7],
        ),
        (ColorType::Grayscale, BitDepth::Eight, &[77], [77; 3]),
        (ColorType::Grayscale, BitDepth::One, &[0x80], [255; 3]),
        (
            ColorType::GrayscaleAlpha,
            BitDepth::Eight,
            &[77, 0],
            [255; 3],
        ),
        (
            ColorType::Rgba,
            BitDepth::Eight,
            &[100, 0, 200, 128],
            [177, 127, 227],
        ),
        (ColorType::Indexed, BitDepth::One, &[0x80], [200, 100, 50]),
    ];
    for (color, depth, data, wanted) in cases {
        let file = png_of(color, depth, 1, data);
        assert_eq!(
            decode(&file, &limits()).unwrap().samples(),
            wanted,
            "{color:?} {depth:?}"
        );
        let carrier = decode_carrier(&file, &limits());
        match (color, depth, carrier) {
            (ColorType::Rgb, BitDepth::Eight, Ok(Carrier::Shallow(found))) => {
                assert_eq!(found.samples(), wanted);
            }
            (ColorType::Rgb, BitDepth::Sixteen, Ok(Carrier::Deep(low))) => {
                let written: Vec<u8> = data.iter().copied().skip(1).step_by(2).collect();
                assert_eq!(low.samples(), written);
            }
            (_, _, carrier) => assert_eq!(carrier, Err(StegoError::Converted)),
        }
    }
}

#[test]
fn a_reencoded_carrier_is_named_as_such() {
    let picture = sample(16, 16);
    let jpeg = encode_jpeg(&picture, 95).unwrap();
    let error = StegoError::Reencoded {
        kind: ImageKind::Jpeg,
    };
    assert_eq!(decode_carrier(&jpeg, &limits()), Err(error));
    let error = StegoError::Reencoded {
        kind: ImageKind::WebP,
    };
    assert_eq!(decode_carrier(&webp(&picture), &limits()), Err(error));
}

#[test]
fn transparent_webp_is_laid_over_white() {
    let rgba = image::RgbaImage::from_pixel(4, 4, image::Rgba([0, 0, 0, 0]));
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(rgba)
        .write_to(&mut file, ImageFormat::WebP)
        .unwrap();
    let picture = decode(file.get_ref(), &limits()).unwrap();
    assert_eq!(picture.samples(), [255; 48]);
}

#[test]
fn foreign_and_empty_files_are_told_apart() {
    assert_eq!(decode(&[], &limits()), Err(StegoError::EmptyInput));
    let foreign: [&[u8]; 5] = [
        b"GIF89a....",
        b"hello",
        b"BM",
        b"RIFF\0\0\0\0WAVE",
        &[0; 64],
    ];
    for bytes in foreign {
        assert_eq!(decode(bytes, &limits()), Err(StegoError::UnknownFormat));
        assert_eq!(
            decode_carrier(bytes, &limits()),
            Err(StegoError::UnknownFormat)
        );
    }
}

#[test]
fn every_cut_of_a_file_is_a_typed_error() {
    let picture = sample(24, 18);
    let files = [
        encode_png(&picture).unwrap(),
        encode_jpeg(&picture, 80).unwrap(),
        webp(&picture),
    ];
    for file in files {
        let kind = sniff(&file).unwrap();
        for end in 12..file.len() {
            let error = decode(&file[..end], &limits()).expect_err("nothing cut off is whole");
            assert_eq!(error, StegoError::Truncated { kind }, "{kind} cut at {end}");
        }
        for end in 0..12 {
            assert!(decode(&file[..end], &limits()).is_err());
        }
    }
}

#[test]
fn flipped_bytes_never_panic_and_never_pass_as_a_carrier() {
    let picture = sample(24, 18);
    let files = [
        encode_png(&picture).unwrap(),
        encode_jpeg(&picture, 80).unwrap(),
        webp(&picture),
    ];
    for file in files {
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x41;
            let small = DecodeLimits {
                max_pixels: 10_000,
                max_alloc_bytes: 1 << 20,
            };
            // A lossy format may decode to other pixels; a carrier is protected by checksums.
            let _ = decode(&damaged, &small);
            if let Ok(carrier) = decode_carrier(&damaged, &small) {
                assert_eq!(carrier, Carrier::Shallow(picture.clone()), "byte {at}");
            }
        }
    }
}

#[test]
fn a_small_file_that_announces_a_giant_picture_is_refused_by_its_header() {
    let side = 60_000_u32;
    let header = [
        &side.to_be_bytes()[..],
        &side.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    let data = chunk(b"IDAT", &[0x78; 10_000]);
    let file = [
        &PNG_SIGNATURE[..],
        &chunk(b"IHDR", &header),
        &data,
        &chunk(b"IEND", &[]),
    ]
    .concat();
    let error = StegoError::TooManyPixels {
        width: side,
        height: side,
        limit_pixels: 64_000_000,
    };
    assert_eq!(decode(&file, &limits()), Err(error.clone()));
    assert_eq!(decode_carrier(&file, &limits()), Err(error));
    // Without a limit on pixels the one on memory holds.
    let pixels_only = DecodeLimits {
        max_pixels: u64::MAX,
        ..limits()
    };
    let error = StegoError::TooMuchMemory {
        limit_bytes: pixels_only.max_alloc_bytes,
    };
    assert_eq!(decode(&file, &pixels_only), Err(error));
}

#[test]
fn limits_hold_at_the_limit_and_one_below_for_each_format() {
    let picture = sample(16, 8);
    let files = [
        encode_png(&picture).unwrap(),
        encode_jpeg(&picture, 80).unwrap(),
        webp(&picture),
    ];
    for file in files {
        let exact = DecodeLimits {
            max_pixels: 128,
            ..limits()
        };
        assert!(decode(&file, &exact).is_ok());
        let below = DecodeLimits {
            max_pixels: 127,
            ..limits()
        };
        let error = StegoError::TooManyPixels {
            width: 16,
            height: 8,
            limit_pixels: 127,
        };
        assert_eq!(decode(&file, &below), Err(error));
        let poor = DecodeLimits {
            max_alloc_bytes: 128 * 7 - 1,
            ..limits()
        };
        let error = StegoError::TooMuchMemory {
            limit_bytes: 128 * 7 - 1,
        };
        assert_eq!(decode(&file, &poor), Err(error));
    }
}

#[test]
fn a_webp_frame_larger_than_its_canvas_is_refused_before_decoding() {
    let mut frame = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a];
    frame.extend([0xff, 0x3f, 0xff, 0x3f]);
    let size = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    let canvas = [&b"VP8X"[..], &size(10), &[0; 4], &[7, 0, 0, 7, 0, 0]].concat();
    let body = [&b"WEBP"[..], &canvas, b"VP8 ", &size(frame.len()), &frame].concat();
    let file = [&b"RIFF"[..], &size(body.len()), &body].concat();
    let error = StegoError::TooManyPixels {
        width: 16_383,
        height: 16_383,
        limit_pixels: 64_000_000,
    };
    assert_eq!(decode(&file, &limits()), Err(error));
}

#[test]
fn a_jpeg_lies_the_way_its_camera_recorded() {
    let jpeg = encode_jpeg(&sample(40, 24), 80).unwrap();
    // Exif with one entry: orientation (0x0112) 6, a quarter turn.
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let size = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let file = [&jpeg[..2], &[0xff, 0xe1], &size, exif, &jpeg[2..]].concat();
    let turned = decode(&file, &limits()).unwrap();
    assert_eq!((turned.width(), turned.height()), (24, 40));
}

#[test]
fn the_start_of_a_carrier_is_what_all_of_it_starts_with() {
    for (width, height) in [(1, 90), (7, 13), (64, 3), (500, 40)] {
        let picture = sample(width, height);
        let file = encode_png(&picture).unwrap();
        let most = (width * height * 3 / 8) as usize;
        for length in [0, 1, most / 2, most] {
            let start = carrier_start(&file, &limits(), length).unwrap();
            assert_eq!(start, super::super::extract(&picture, 0, length).unwrap());
        }
        let past = carrier_start(&file, &limits(), most + 1);
        assert!(matches!(past, Err(StegoError::PastCapacity { .. })));
    }
}

#[test]
fn the_start_of_a_carrier_needs_no_more_than_its_rows() {
    let file = encode_png(&sample(1_000, 300)).unwrap();
    let cut = &file[..file.len() / 2];
    assert!(carrier_start(cut, &limits(), 100).is_ok());
    assert!(decode_carrier(cut, &limits()).is_err());
    assert!(carrier_start(&file[..60], &limits(), 100).is_err());
}
