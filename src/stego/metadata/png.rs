//! PNG (ISO/IEC 15948): chunks.

use super::{Found, UPRIGHT_BYTES, upright};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const EXIF: &[u8; 4] = b"eXIf";

/// Chunks that may be left out by name but say how the pixels are meant: colour, transparency,
/// animation. Every chunk without which nothing can be shown has an upper case first letter.
const KEPT: [&[u8; 4]; 17] = [
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"bKGD", b"pHYs", b"sBIT", b"hIST", b"sPLT",
    b"cICP", b"mDCV", b"mDCv", b"cLLI", b"acTL", b"fcTL", b"fdAT",
];

/// The file without its metadata, and what was found; none if it is no whole PNG.
pub(super) fn clean(file: &[u8]) -> Option<(Vec<u8>, Found)> {
    let mut rest = file.strip_prefix(SIGNATURE)?;
    let mut found = Found::default();
    let mut kept = SIGNATURE.to_vec();
    kept.reserve(file.len());
    let mut place = 0;
    loop {
        let (chunk, after) = split(rest)?;
        rest = after;
        let name = chunk.get(4..8)?;
        let body = &chunk[8..chunk.len() - 4];
        if place == 0 && name != b"IHDR" {
            return None;
        }
        if name[0].is_ascii_uppercase() || KEPT.iter().any(|kept| name == *kept) {
            kept.extend_from_slice(chunk);
        } else {
            note(name, body, &mut found);
        }
        match name {
            b"IHDR" => place = kept.len(),
            b"IEND" => break,
            _ => {}
        }
    }
    if !rest.is_empty() {
        found.add("data after the picture");
    }
    if let Some(orientation) = found.orientation {
        kept.splice(place..place, orientation_chunk(orientation));
    }
    Some((kept, found))
}

/// A chunk with length and check sum, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, _) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    bytes.split_at_checked(length.checked_add(12)?)
}

fn note(name: &[u8], body: &[u8], found: &mut Found) {
    match name {
        b"eXIf" => found.exif(body),
        b"iTXt" if body.starts_with(b"XML:com.adobe.xmp\0") => found.add("XMP"),
        b"tEXt" | b"zTXt" | b"iTXt" => found.add("comment"),
        b"tIME" => found.add("date"),
        _ => found.add("application data"),
    }
}

fn orientation_chunk(orientation: u8) -> Vec<u8> {
    let length = u32::try_from(UPRIGHT_BYTES).unwrap_or_default();
    let checked = [&EXIF[..], &upright(orientation)].concat();
    let sum = check_sum(&checked).to_be_bytes();
    [&length.to_be_bytes()[..], &checked, &sum].concat()
}

/// The CRC of a chunk (ISO/IEC 15948, annex D), bit by bit: it is used on thirty bytes.
pub(super) fn check_sum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| {
        if sum & 1 == 1 {
            0xedb8_8320 ^ (sum >> 1)
        } else {
            sum >> 1
        }
    };
    let add = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), step);
    !bytes.iter().fold(u32::MAX, add)
}
