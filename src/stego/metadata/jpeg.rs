//! JPEG (ITU T.81, annex B): markers, segments, entropy-coded data.

use std::borrow::Cow;

use super::{Found, upright};

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const COMMENT: u8 = 0xfe;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP13: u8 = 0xed;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;

const EXIF: &[u8] = b"Exif\0\0";
const JFIF: &[u8] = b"JFIF\0";
/// A JFIF segment without a thumbnail (JFIF 1.02), after its length.
const JFIF_BYTES: usize = 14;

/// The file without its metadata, and what was found; none if it is no whole JPEG.
pub(super) fn clean(file: &[u8]) -> Option<(Vec<u8>, Found)> {
    let mut found = Found::default();
    let mut kept = Vec::with_capacity(file.len());
    kept.extend_from_slice(file.get(..2).filter(|start| *start == [0xff, START])?);
    let mut rest = &file[2..];
    let mut has_scan = false;
    // Where the orientation goes: after the first segment if that is JFIF, which must come first.
    let mut place = kept.len();
    loop {
        let (marker, after) = next_marker(rest)?;
        match marker {
            END => {
                kept.extend_from_slice(&[0xff, END]);
                if !after.is_empty() {
                    found.add("data after the picture");
                }
                break;
            }
            // Markers without a segment: padding, restarts and the like.
            0x01 | 0xd0..=0xd7 => {
                kept.extend_from_slice(&[0xff, marker]);
                rest = after;
                continue;
            }
            START => return None,
            _ => {}
        }
        let (body, after) = segment(after)?;
        let is_first = kept.len() == 2;
        if let Some(body) = keep(marker, body, &mut found) {
            let length = u16::try_from(body.len() + 2).ok()?;
            kept.extend_from_slice(&[0xff, marker]);
            kept.extend_from_slice(&length.to_be_bytes());
            kept.extend_from_slice(&body);
        }
        if is_first && marker == APP0 {
            place = kept.len();
        }
        rest = after;
        if marker == SCAN {
            has_scan = true;
            let (coded, after) = rest.split_at(coded_bytes(rest)?);
            kept.extend_from_slice(coded);
            rest = after;
        }
    }
    if let Some(orientation) = found.orientation {
        let tiff = upright(orientation);
        let length = u16::try_from(2 + EXIF.len() + tiff.len()).ok()?;
        let segment = [&[0xff, APP1], &length.to_be_bytes()[..], EXIF, &tiff].concat();
        kept.splice(place..place, segment);
    }
    has_scan.then_some((kept, found))
}

/// The next marker and what follows it. A marker may be preceded by any number of fill bytes.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let after = bytes.strip_prefix(&[0xff])?;
    let fill = after.iter().take_while(|byte| **byte == 0xff).count();
    let (marker, after) = after[fill..].split_first()?;
    (*marker != 0).then_some((*marker, after))
}

/// The body of a segment, without its length, and what follows it.
fn segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, _) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (segment, after) = bytes.split_at_checked(length)?;
    Some((segment.get(2..)?, after))
}

/// Bytes of entropy-coded data up to the next marker that is not part of it; none if the file ends
/// before.
fn coded_bytes(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match bytes.get(at + 1)? {
            0 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

/// What of a segment stays.
fn keep<'a>(marker: u8, body: &'a [u8], found: &mut Found) -> Option<Cow<'a, [u8]>> {
    let word = match marker {
        APP0 if body.starts_with(JFIF) => {
            if body.len() <= JFIF_BYTES {
                return Some(body.into());
            }
            found.add("embedded thumbnail");
            // The last two bytes that stay are its width and height.
            let head = &body[..JFIF_BYTES - 2];
            return Some([head, &[0, 0]].concat().into());
        }
        APP0 => "embedded thumbnail",
        APP1 if body.starts_with(EXIF) => {
            found.exif(&body[EXIF.len()..]);
            return None;
        }
        APP1 if body.starts_with(b"http://ns.adobe.com/x") => "XMP",
        APP2 if body.starts_with(b"ICC_PROFILE\0") => return Some(body.into()),
        APP2 if body.starts_with(b"MPF\0") => "further pictures",
        APP13 => "editing data (IPTC)",
        APP14 if body.starts_with(b"Adobe") => return Some(body.into()),
        APP1..=APP15 => "application data",
        COMMENT => "comment",
        _ => return Some(body.into()),
    };
    found.add(word);
    None
}
