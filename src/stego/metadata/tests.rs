use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use proptest::prelude::*;

use super::*;
use crate::stego::{DecodeLimits, Picture, decode, encode_jpeg, encode_png};

fn sample() -> Picture {
    let rgb = (0..40 * 24 * 3_u32).map(|at| (at * 7 % 251) as u8);
    Picture::new(40, 24, rgb.collect()).unwrap()
}

fn ascii(tag: Tag, text: &str) -> Field {
    Field {
        tag,
        ifd_num: In::PRIMARY,
        value: Value::Ascii(vec![text.as_bytes().to_vec()]),
    }
}

/// What a telephone writes: place, serial number, owner, date, orientation.
fn telephone() -> Vec<u8> {
    let degrees = [(48, 1), (8, 1), (1234, 100)].map(Rational::from);
    let fields = [
        Field {
            tag: Tag::Orientation,
            ifd_num: In::PRIMARY,
            value: Value::Short(vec![6]),
        },
        ascii(Tag::Model, "Telephone 7"),
        ascii(Tag::DateTimeOriginal, "2026:11:21 05:00:00"),
        ascii(Tag::CameraOwnerName, "Alice Example"),
        ascii(Tag::BodySerialNumber, "SN-4711-0815"),
        ascii(Tag::GPSLatitudeRef, "N"),
        Field {
            tag: Tag::GPSLatitude,
            ifd_num: In::PRIMARY,
            value: Value::Rational(degrees.to_vec()),
        },
    ];
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut tiff = Cursor::new(Vec::new());
    writer.write(&mut tiff, false).unwrap();
    tiff.into_inner()
}

const TOLD: [&str; 5] = [
    "place (GPS)",
    "camera serial number",
    "owner name",
    "date",
    "camera model",
];

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], &length[..], body].concat()
}

fn jpeg_with(segments: &[Vec<u8>], after: &[u8]) -> Bytes {
    let jpeg = encode_jpeg(&sample(), 90).unwrap();
    [&jpeg[..2], &segments.concat(), &jpeg[2..], after]
        .concat()
        .into()
}

fn pixels(file: &[u8]) -> (u32, u32, Vec<u8>) {
    let picture = decode(file, &DecodeLimits::default()).unwrap();
    (picture.width(), picture.height(), picture.into_samples())
}

fn holds(file: &[u8], text: &[u8]) -> bool {
    file.windows(text.len()).any(|part| part == text)
}

/// The file after cleaning: shows the same, says nothing more, and is clean.
fn cleaned(file: &Bytes, removed: &[&str]) -> Bytes {
    let once = clean(file);
    assert_eq!(once.removed, removed);
    assert_eq!(pixels(&once.bytes), pixels(file));
    for secret in [
        &b"SN-4711"[..],
        b"Alice",
        b"Telephone",
        b"2026:11",
        b"secret",
    ] {
        assert!(!holds(&once.bytes, secret));
    }
    let twice = clean(&once.bytes);
    assert_eq!(twice.bytes, once.bytes);
    assert!(twice.removed.is_empty());
    once.bytes
}

#[test]
fn a_photograph_loses_place_and_serial_number_and_stays_upright() {
    let exif = [b"Exif\0\0", &telephone()[..]].concat();
    let file = jpeg_with(&[segment(0xe1, &exif)], b"");
    assert!(holds(&file, b"SN-4711"));
    let turned = cleaned(&file, &TOLD);
    assert_eq!(pixels(&turned).0, 24, "the quarter turn stays");
}

#[test]
fn everything_but_colour_is_taken_out_of_a_jpeg() {
    let colours = segment(0xe2, b"ICC_PROFILE\0\x01\x01profile");
    let segments = [
        segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0secret"),
        segment(0xe2, b"MPF\0secret"),
        segment(0xe5, b"secret"),
        segment(0xed, b"Photoshop 3.0\0secret"),
        segment(0xfe, b"secret"),
        colours.clone(),
    ];
    let file = jpeg_with(&segments, b"secret film behind the picture");
    let bytes = cleaned(
        &file,
        &[
            "XMP",
            "further pictures",
            "application data",
            "editing data (IPTC)",
            "comment",
            "data after the picture",
        ],
    );
    assert!(holds(&bytes, &colours));
}

#[test]
fn a_jpeg_without_metadata_stays_byte_for_byte() {
    let file = jpeg_with(&[], b"");
    assert_eq!(clean(&file).bytes, file);
    assert!(clean(&file).removed.is_empty());
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let checked = [&name[..], body].concat();
    let sum = png::check_sum(&checked).to_be_bytes();
    [&length[..], &checked, &sum].concat()
}

#[test]
fn a_png_loses_texts_times_and_exif() {
    let png = encode_png(&sample()).unwrap();
    assert_eq!(png::check_sum(b"IEND"), 0xae42_6082, "as every PNG ends");
    let head = 8 + 25;
    let extra = [
        chunk(b"tEXt", b"Comment\0secret"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0secret"),
        chunk(b"tIME", &[7, 234, 11, 21, 5, 0, 0]),
        chunk(b"eXIf", &telephone()),
        chunk(b"gAMA", &45_455_u32.to_be_bytes()),
    ]
    .concat();
    let file = [&png[..head], &extra, &png[head..], b"secret"].concat();
    let found = clean(&file.clone().into());
    let mut told = vec!["comment", "XMP", "date"];
    told.extend([
        "place (GPS)",
        "camera serial number",
        "owner name",
        "camera model",
    ]);
    told.push("data after the picture");
    assert_eq!(found.removed, told);
    let bytes = cleaned(&file.into(), &told);
    assert!(holds(&bytes, b"gAMA"));
    assert!(holds(&bytes, b"eXIf"), "the orientation stays");
    assert_eq!(clean(&Bytes::from(png.clone())).bytes, png);
}

#[test]
fn a_webp_loses_exif_and_xmp_and_its_head_says_so() {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let size = u32::try_from(body.len()).unwrap().to_le_bytes();
        let pad = vec![0; body.len() % 2];
        [&name[..], &size, body, &pad].concat()
    };
    // Exif data and XMP are announced; one white pixel, lossless.
    let canvas = [0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let pixel = [
        0x2f, 0, 0, 0, 0x10, 0x07, 0x10, 0x11, 0x11, 0x88, 0x88, 0xfe, 0x07, 0,
    ];
    let upright = upright(3);
    let body = |exif: &[u8], extra: &[u8], canvas: &[u8]| {
        let exif = chunk(b"EXIF", exif);
        let chunks = [
            &chunk(b"VP8X", canvas),
            &chunk(b"VP8L", &pixel),
            extra,
            &exif,
        ]
        .concat();
        let size = u32::try_from(chunks.len() + 4).unwrap().to_le_bytes();
        [b"RIFF", &size[..], b"WEBP", &chunks].concat()
    };
    let file = body(&telephone(), &chunk(b"XMP ", b"secret!"), &canvas);
    let once = clean(&Bytes::from([&file[..], b"secret"].concat()));
    let mut told = vec!["data after the picture", "XMP"];
    told.extend(TOLD);
    assert_eq!(once.removed, told);
    let mut clean_canvas = canvas;
    clean_canvas[0] = 0x08;
    let mut expected = upright;
    expected[18] = 6;
    assert_eq!(once.bytes, body(&expected, b"", &clean_canvas));
    assert!(clean(&once.bytes).removed.is_empty());
}

#[test]
fn what_is_no_picture_comes_back_as_it_was() {
    let exif = [b"Exif\0\0", &telephone()[..]].concat();
    let whole = jpeg_with(&[segment(0xe1, &exif)], b"");
    let cut = whole.slice(..whole.len() - 3);
    for file in [Bytes::new(), Bytes::from_static(b"\xff\xd8\xff"), cut] {
        let same = clean(&file);
        assert_eq!((same.bytes, same.removed.len()), (file, 0));
    }
}

proptest! {
    #[test]
    fn damage_never_panics_and_what_is_clean_stays_so(
        which in 0..3_usize,
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..12),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let exif = [b"Exif\0\0", &telephone()[..]].concat();
        let png = encode_png(&sample()).unwrap();
        let tiff = chunk(b"eXIf", &telephone());
        let webp = [
            b"RIFF\x2c\0\0\0WEBPVP8X\x0a\0\0\0\x0c\0\0\0\0\0\0\0\0\0EXIF".as_slice(),
            b"\x04\0\0\0II*\0XMP \x02\0\0\0ab",
        ]
        .concat();
        let mut file = match which {
            0 => jpeg_with(&[segment(0xe1, &exif)], b"tail").to_vec(),
            1 => [&png[..33], &tiff, &png[33..]].concat(),
            _ => webp,
        };
        let at = at.index(file.len());
        for (old, new) in file[at..].iter_mut().zip(&bytes) {
            *old = *new;
        }
        if cuts {
            file.truncate(cut.index(file.len()));
        }
        let once = clean(&file.into());
        let twice = clean(&once.bytes);
        prop_assert_eq!(&twice.bytes, &once.bytes);
        prop_assert!(twice.removed.is_empty() || once.removed.is_empty());
    }

    #[test]
    fn noise_behind_any_signature_never_panics(
        head in prop::sample::select(vec![
            &b"\xff\xd8\xff"[..],
            b"\x89PNG\r\n\x1a\n",
            b"RIFF\x20\0\0\0WEBP",
            b"",
        ]),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let file = Bytes::from([head, &noise].concat());
        let cleaned = clean(&file);
        prop_assert!(cleaned.bytes.len() <= file.len() + 64);
    }
}
