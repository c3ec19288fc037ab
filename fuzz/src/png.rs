//! PNG files put together from chunks, with their checksums right: else nothing would be reached.
//!
//! A chunk is a byte for its kind, two for its size, and its body. Data come as they are or, so
//! that their pixels are tried too, in stored blocks.

use flate2::{Compression, Crc, write::ZlibEncoder};
use pentimento::stego::ImageKind;
use std::io::Write;

use crate::{Input, pictures};

const KINDS: [&[u8; 4]; 22] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"bKGD",
    b"pHYs", b"sBIT", b"hIST", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"tEXt", b"zTXt", b"iTXt",
    b"eXIf", b"tIME",
];

/// A file from chunks.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    // Mostly a small header of a kind that there is.
    match input.byte() {
        0xff => {}
        layout => {
            let (colour, depths): (u8, &[u8]) = match layout % 5 {
                0 => (2, &[8, 16]),
                1 => (0, &[1, 2, 4, 8, 16]),
                2 => (3, &[1, 2, 4, 8]),
                3 => (4, &[8, 16]),
                _ => (6, &[8, 16]),
            };
            let depth = depths[usize::from(input.byte()) % depths.len()];
            let (width, height) = (u32::from(input.byte()), u32::from(input.byte()));
            let mut body = [width.to_be_bytes(), height.to_be_bytes()].concat();
            body.extend([depth, colour, 0, 0, input.byte() & 1]);
            add(&mut file, b"IHDR", &body);
        }
    }
    for _ in 0..24 {
        if input.is_empty() {
            break;
        }
        let kind = input.byte();
        let size = input.size();
        let body = input.bytes(size);
        match KINDS.get(usize::from(kind & 0x1f)).copied() {
            Some(b"IDAT") if kind & 0x20 != 0 => add(&mut file, b"IDAT", &stored(body)),
            Some(kind) => add(&mut file, kind, body),
            None => {
                let name = [kind | 0x41, b'a', b'B', b'c'];
                add(&mut file, &name, body);
            }
        }
    }
    if data.first().is_some_and(|first| first & 0x40 == 0) {
        add(&mut file, b"IEND", &[]);
    }
    pictures::read(&file, ImageKind::Png);
}

fn stored(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(body).expect("a vector takes every write");
    encoder.finish().expect("a vector takes every write")
}

fn add(file: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(body);
    file.extend((body.len() as u32).to_be_bytes());
    file.extend(name);
    file.extend(body);
    file.extend(crc.sum().to_be_bytes());
}
