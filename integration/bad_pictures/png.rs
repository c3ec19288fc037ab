//! Hostile PNG files (ISO/IEC 15948).

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::{Case, Expected, add, bounded, picture, refused, shown};

pub(super) const PNG: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// A chunk with its checksum.
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(body);
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&length[..], name, body, &crc.sum().to_be_bytes()].concat()
}

fn header(width: u32, height: u32, depth: u8, colour: u8, interlaced: u8) -> Vec<u8> {
    let mut body = [width.to_be_bytes(), height.to_be_bytes()].concat();
    body.extend([depth, colour, 0, 0, interlaced]);
    chunk(b"IHDR", &body)
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bytes)
        .expect("a vector takes every write");
    encoder.finish().expect("a vector takes every write")
}

/// So many zeros, compressed, without their ever being in memory at once.
fn deflated_zeros(mib: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..mib {
        encoder
            .write_all(&zeros)
            .expect("a vector takes every write");
    }
    encoder.finish().expect("a vector takes every write")
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    let end = chunk(b"IEND", &[]);
    [PNG.to_vec(), chunks.concat(), end].concat()
}

/// Our picture in several layouts, its data in many pieces.
pub(super) fn pngs() -> Vec<(String, Vec<u8>)> {
    let picture = picture();
    let (width, height) = (picture.width(), picture.height());
    let layouts: [(&str, u8, u8, usize); 5] = [
        ("rgb", 8, 2, 3),
        ("grey", 8, 0, 1),
        ("rgba", 8, 6, 4),
        ("deep", 16, 2, 6),
        ("palette", 8, 3, 1),
    ];
    let file = |&(name, depth, colour, bytes): &(&str, u8, u8, usize)| {
        let row = width as usize * bytes;
        let mut raw = Vec::new();
        for y in 0..height as usize {
            raw.push(0);
            let samples = picture.samples().iter().cycle().skip(y * row).take(row);
            raw.extend(samples.map(|sample| if colour == 3 { sample % 4 } else { *sample }));
        }
        let data = deflated(&raw);
        let mut chunks = vec![header(width, height, depth, colour, 0)];
        chunks.push(chunk(b"gAMA", &45_455_u32.to_be_bytes()));
        if colour == 3 {
            chunks.push(chunk(b"PLTE", &[7; 12]));
            chunks.push(chunk(b"tRNS", &[0, 128, 255]));
        }
        chunks.push(chunk(b"tEXt", b"Comment\0none"));
        let pieces = data.chunks(data.len().div_ceil(14));
        chunks.extend(pieces.map(|piece| chunk(b"IDAT", piece)));
        (name.to_owned(), png(&chunks))
    };
    layouts.iter().map(file).collect()
}

/// Where each chunk begins, and where the last ends.
fn chunk_borders(file: &[u8]) -> Vec<usize> {
    let mut at = PNG.len();
    let mut borders = vec![at];
    while at < file.len() {
        let length: [u8; 4] = file[at..at + 4].try_into().expect("four bytes");
        at += u32::from_be_bytes(length) as usize + 12;
        borders.push(at);
    }
    borders
}

fn png_cuts(layout: &str, file: &[u8], cases: &mut Vec<Case>) {
    let borders = chunk_borders(file);
    for (number, pair) in borders.windows(2).enumerate() {
        let places = [
            ("before", pair[0]),
            ("in the length of", pair[0] + 2),
            ("in the name of", pair[0] + 6),
            ("in the middle of", (pair[0] + pair[1]) / 2),
            ("before the checksum of", pair[1] - 4),
        ];
        for (place, at) in places {
            let name = format!("png {layout}, cut {place} chunk {number}");
            refused(cases, name, file[..at].to_vec());
        }
        let without = [&file[..pair[0]], &file[pair[1]..]].concat();
        let name = format!("png {layout}, without chunk {number}");
        let vital = !file[pair[0] + 4].is_ascii_lowercase();
        let expected = if vital {
            Expected::Refused
        } else {
            Expected::Bounded
        };
        add(cases, name, without, expected);
    }
}

fn png_damage(layout: &str, file: &[u8], cases: &mut Vec<Case>) {
    for (number, pair) in chunk_borders(file).windows(2).enumerate() {
        let mut bent = file.to_vec();
        bent[pair[1] - 1] ^= 1;
        let name = format!("png {layout}, checksum of chunk {number} wrong");
        refused(cases, name, bent);
        // Damage that the checksum vouches for.
        let mut bent = file[pair[0] + 8..pair[1] - 4].to_vec();
        if let Some(middle) = bent.len().checked_sub(1).map(|last| last / 2) {
            bent[middle] ^= 0x55;
            let mut kind = [0; 4];
            kind.copy_from_slice(&file[pair[0] + 4..pair[0] + 8]);
            let bent = [&file[..pair[0]], &chunk(&kind, &bent), &file[pair[1]..]].concat();
            let name = format!("png {layout}, chunk {number} bent with its checksum");
            bounded(cases, name, bent);
        }
    }
}

fn png_headers(cases: &mut Vec<Case>) {
    let data = chunk(b"IDAT", &deflated(&[0; 4]));
    let sides = [0, 1 << 31, u32::MAX, (1 << 31) - 1, 60_000, 1 << 24];
    for side in sides {
        for (width, height) in [(side, 1), (1, side), (side, side), (side, 7)] {
            let file = png(&[header(width, height, 8, 2, 0), data.clone()]);
            let name = format!("png that says it has {width} x {height} pixels");
            refused(cases, name, file);
        }
    }
    for (depth, colour) in [
        (0, 2),
        (3, 0),
        (8, 1),
        (8, 5),
        (8, 7),
        (255, 255),
        (16, 3),
        (1, 2),
    ] {
        let file = png(&[header(1, 1, depth, colour, 0), data.clone()]);
        let name = format!("png with depth {depth} and colour {colour}");
        refused(cases, name, file);
    }
    for at in [10, 11, 12] {
        let mut body = header(1, 1, 8, 2, 0)[8..21].to_vec();
        body[at] = 9;
        let file = png(&[chunk(b"IHDR", &body), data.clone()]);
        let name = format!("png with byte {at} of its header 9");
        refused(cases, name, file);
    }
    for length in [0, 1, 12, 14, 100] {
        let file = png(&[chunk(b"IHDR", &vec![1; length]), data.clone()]);
        let name = format!("png with a header of {length} bytes");
        refused(cases, name, file);
    }
}

fn png_bombs(cases: &mut Vec<Case>) {
    let small = [header(1, 1, 8, 2, 0), chunk(b"IDAT", &deflated(&[0; 4]))];
    let beside = |bomb: Vec<u8>| png(&[small[0].clone(), bomb, small[1].clone()]);
    let zeros = deflated_zeros(128);
    let bombs: [(&str, &[u8; 4], &[u8]); 3] = [
        ("zTXt", b"zTXt", b"Comment\0\0"),
        ("iCCP", b"iCCP", b"profile\0\0"),
        ("iTXt", b"iTXt", b"Comment\0\x01\0\0\0"),
    ];
    for (name, kind, head) in bombs {
        let bomb = chunk(kind, &[head, &zeros].concat());
        let name = format!("png with 128 MiB in {name}");
        shown(cases, name, beside(bomb));
    }
    png_lies(cases);
    let many = |kind: &[u8; 4], count: usize| {
        let pieces = chunk(kind, &[]).repeat(count);
        png(&[small[0].clone(), pieces, small[1].clone()])
    };
    refused(
        cases,
        "png with 200,000 empty chunks",
        many(b"tEXt", 200_000),
    );
    bounded(
        cases,
        "png with 39,000 empty data chunks",
        many(b"IDAT", 39_000),
    );
    let animation = chunk(b"acTL", &[0xff; 8]);
    bounded(cases, "png with 4 billion frames", beside(animation));
    let mut endless = [&PNG[..], &small[0]].concat();
    endless.extend([0x7f, 0xff, 0xff, 0xff]);
    endless.extend(b"IDAT");
    endless.extend([0; 64]);
    refused(cases, "png with a chunk of 2 GiB", endless.clone());
    endless[PNG.len() + small[0].len()] = 0xff;
    refused(cases, "png with a chunk of 4 GiB", endless);
}

/// Headers that do not fit their data.
fn png_lies(cases: &mut Vec<Case>) {
    let header_of = |side| header(side, side, 8, 2, 0);
    let idat = |bytes: &[u8]| chunk(b"IDAT", bytes);
    let file = png(&[header_of(60_000), idat(&vec![0x78; 9_700])]);
    refused(cases, "png of 3.6 gigapixels in 9.8 kB", file);
    let file = png(&[header_of(7_900), idat(&deflated_zeros(1))]);
    refused(cases, "png of 62 megapixels with 1 MiB of data", file);
    let file = png(&[header(8, 8, 8, 2, 0), idat(&deflated_zeros(128))]);
    bounded(cases, "png of 64 pixels with 128 MiB of data", file);
    let mut interlaced = header(7_900, 7_900, 16, 6, 1);
    interlaced.extend(idat(&deflated_zeros(4)));
    refused(
        cases,
        "deep interlaced png with too few data",
        png(&[interlaced]),
    );
}

fn png_disorder(cases: &mut Vec<Case>) {
    let head = header(2, 2, 8, 2, 0);
    let data = chunk(b"IDAT", &deflated(&[0; 14]));
    let end = chunk(b"IEND", &[]);
    let little = chunk(b"IDAT", &deflated(&[0; 3]));
    let unfiltered = chunk(b"IDAT", &deflated(&[9; 14]));
    let orders: [(&str, &[&Vec<u8>]); 7] = [
        ("only its signature", &[]),
        ("no data", &[&head]),
        ("data before its header", &[&data, &head]),
        ("two headers", &[&head, &head, &data]),
        ("an end before its data", &[&head, &end, &data]),
        ("too little data", &[&head, &little]),
        ("a filter that there is not", &[&head, &unfiltered]),
    ];
    for (what, chunks) in orders {
        let chunks: Vec<_> = chunks.iter().map(|chunk| (*chunk).clone()).collect();
        refused(cases, format!("png with {what}"), png(&chunks));
    }
    let unknown = chunk(b"ABCD", b"x");
    let name = "png with a chunk that nobody knows but must";
    bounded(cases, name, png(&[head, unknown, data]));
    let head = header(2, 2, 8, 3, 0);
    let indices = chunk(b"IDAT", &deflated(&[0, 9, 9, 0, 9, 9]));
    refused(
        cases,
        "png with no palette",
        png(&[head.clone(), indices.clone()]),
    );
    for length in [0, 1, 2, 4, 767, 769, 771, 3_000] {
        let palette = chunk(b"PLTE", &vec![1; length]);
        let name = format!("png with a palette of {length} bytes");
        refused(cases, name, png(&[head.clone(), palette, indices.clone()]));
    }
    let palette = chunk(b"PLTE", &[1; 3]);
    let name = "png with an index past its palette";
    bounded(cases, name, png(&[head, palette, indices]));
}

pub(super) fn all(cases: &mut Vec<Case>) {
    for (name, file) in pngs() {
        png_cuts(&name, &file, cases);
        png_damage(&name, &file, cases);
    }
    png_headers(cases);
    png_bombs(cases);
    png_disorder(cases);
}
