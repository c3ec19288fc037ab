//! Hostile WebP files (RFC 9649).

use super::{Case, Expected, add, bounded, picture, refused, shown};

/// A chunk, evened out.
pub(super) fn riff_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_le_bytes();
    let mut chunk = [&name[..], &length, body].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

pub(super) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    riff_chunk(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
}

fn canvas(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let body = [vec![flags, 0, 0, 0], side(width), side(height)].concat();
    riff_chunk(b"VP8X", &body)
}

/// The lossless data of our picture.
fn lossless() -> Vec<u8> {
    let picture = picture();
    let mut file = Vec::new();
    let colour = image::ExtendedColorType::Rgb8;
    image::codecs::webp::WebPEncoder::new_lossless(&mut file)
        .encode(picture.samples(), picture.width(), picture.height(), colour)
        .expect("a webp");
    let length = u32::from_le_bytes(file[16..20].try_into().expect("four bytes"));
    file[20..20 + length as usize].to_vec()
}

fn webps() -> Vec<(String, Vec<u8>)> {
    let pixels = riff_chunk(b"VP8L", &lossless());
    let (width, height) = (picture().width(), picture().height());
    let rich = riff(&[
        canvas(0x2c, width, height),
        riff_chunk(b"ICCP", &[1; 40]),
        pixels.clone(),
        riff_chunk(b"EXIF", b"II\x2a\0\x08\0\0\0\0\0\0\0\0\0"),
        riff_chunk(b"XMP ", b"<x/>"),
    ]);
    let frame = [vec![0; 16], pixels.clone()].concat();
    let mut frame = riff_chunk(b"ANMF", &frame);
    let size = |side: u32| (side - 1).to_le_bytes();
    frame[14..17].copy_from_slice(&size(width)[..3]);
    frame[17..20].copy_from_slice(&size(height)[..3]);
    let moving = riff(&[
        canvas(0x02, width, height),
        riff_chunk(b"ANIM", &[0; 6]),
        frame,
    ]);
    vec![
        ("plain".to_owned(), riff(&[pixels])),
        ("rich".to_owned(), rich),
        ("moving".to_owned(), moving),
    ]
}

fn webp_cuts(kind: &str, file: &[u8], cases: &mut Vec<Case>) {
    let mut at = 12;
    let mut number = 0;
    while at < file.len() {
        let length: [u8; 4] = file[at + 4..at + 8].try_into().expect("four bytes");
        let end = at + 8 + (u32::from_le_bytes(length) as usize).next_multiple_of(2);
        for (place, cut) in [
            ("before", at),
            ("in the head of", at + 6),
            ("in", (at + 8 + end) / 2),
            ("at the end of", end - 1),
        ] {
            let name = format!("webp {kind}, cut {place} chunk {number}");
            refused(cases, name, file[..cut].to_vec());
            let mut told = file[..cut].to_vec();
            let size = u32::try_from(cut - 8).expect("short").to_le_bytes();
            told[4..8].copy_from_slice(&size);
            let name = format!("webp {kind}, cut {place} chunk {number}, size made to fit");
            bounded(cases, name, told);
        }
        for length in [0_u32, 1, 1 << 31, u32::MAX, u32::MAX - 7] {
            let mut bent = file.to_vec();
            bent[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
            let name = format!("webp {kind}, chunk {number} says {length} bytes");
            bounded(cases, name, bent);
        }
        (at, number) = (end, number + 1);
    }
}

fn webp_headers(cases: &mut Vec<Case>) {
    let pixels = lossless();
    for (width, height) in [
        (16_384_u32, 16_384_u32),
        (16_384, 1),
        (1, 16_384),
        (9_000, 9_000),
    ] {
        let sides = (width - 1) | ((height - 1) << 14);
        let mut bent = pixels.clone();
        bent[1..5].copy_from_slice(&sides.to_le_bytes());
        let name = format!("lossless webp that says it has {width} x {height} pixels");
        let large = u64::from(width) * u64::from(height) > 64_000_000;
        let expected = if large {
            Expected::Refused
        } else {
            Expected::Bounded
        };
        add(cases, name, riff(&[riff_chunk(b"VP8L", &bent)]), expected);
        let mut lossy = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a];
        lossy.extend(
            [(width - 1) as u16, (height - 1) as u16]
                .map(u16::to_le_bytes)
                .concat(),
        );
        let name = format!("lossy webp that says it has {width} x {height} pixels");
        refused(cases, name, riff(&[riff_chunk(b"VP8 ", &lossy)]));
    }
    for (width, height) in [(1 << 24, 1 << 24), (1 << 24, 1), (65_536, 65_536), (8, 8)] {
        let file = riff(&[canvas(0, width, height), riff_chunk(b"VP8L", &pixels)]);
        let name = format!("webp with a canvas of {width} x {height} pixels");
        refused(cases, name, file);
    }
    webp_frames(&pixels, cases);
}

fn webp_frames(pixels: &[u8], cases: &mut Vec<Case>) {
    let frame = riff_chunk(b"ANMF", &[0; 16]);
    let frames = [
        canvas(2, 4, 4),
        riff_chunk(b"ANIM", &[0; 6]),
        frame.repeat(50_000),
    ];
    refused(cases, "webp with 50,000 empty frames", riff(&frames));
    let inside = riff_chunk(b"VP8L", pixels);
    let mut nested = Vec::new();
    for depth in (0..200_000_u32).rev() {
        let length = 16 + depth * 24 + u32::try_from(inside.len()).expect("short");
        nested.extend([&b"ANMF"[..], &length.to_le_bytes(), &[0; 16]].concat());
    }
    nested.extend(inside);
    let nested = riff(&[canvas(2, 4, 4), riff_chunk(b"ANIM", &[0; 6]), nested]);
    bounded(cases, "webp with frames in frames in frames", nested);
    let profile = riff_chunk(b"ICCP", &vec![0; 4 << 20]);
    let (width, height) = (picture().width(), picture().height());
    let file = [
        canvas(0x20, width, height),
        profile,
        riff_chunk(b"VP8L", pixels),
    ];
    shown(cases, "webp with a profile of 4 MiB", riff(&file));
}

pub(super) fn all(cases: &mut Vec<Case>) {
    for (name, file) in webps() {
        webp_cuts(&name, &file, cases);
    }
    webp_headers(cases);
}
