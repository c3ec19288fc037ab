//! WebP (RFC 9649): chunks in a RIFF container.

use super::{Found, upright};

/// Flags of the extended header: Exif data and XMP are in the file.
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;

/// The file without its metadata, and what was found; none if it is no whole WebP.
pub(super) fn clean(file: &[u8]) -> Option<(Vec<u8>, Found)> {
    let size = file.get(4..8)?.first_chunk()?;
    let end = usize::try_from(u32::from_le_bytes(*size))
        .ok()?
        .checked_add(8)?;
    let is_webp = file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP");
    let mut rest = file.get(12..end).filter(|_| is_webp)?;
    let mut found = Found::default();
    // A byte that evens an odd size out belongs to nobody.
    if file.len() > end + end % 2 {
        found.add("data after the picture");
    }
    let mut kept = file[..12].to_vec();
    kept.reserve(file.len());
    // Where the flags of the extended header are.
    let mut flags = None;
    while !rest.is_empty() {
        let (chunk, after) = split(rest)?;
        rest = after;
        let (head, body) = chunk.split_at(8);
        match &head[..4] {
            b"VP8X" => {
                flags = Some(kept.len() + 8).filter(|_| !body.is_empty());
                push(&mut kept, chunk);
            }
            b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF" | b"ICCP" => push(&mut kept, chunk),
            b"EXIF" => found.exif(body.strip_prefix(b"Exif\0\0").unwrap_or(body)),
            b"XMP " => found.add("XMP"),
            _ => found.add("application data"),
        }
    }
    if let Some(at) = flags {
        kept[at] &= !(HAS_EXIF | HAS_XMP);
        if let Some(orientation) = found.orientation {
            kept[at] |= HAS_EXIF;
            let tiff = upright(orientation);
            let size = u32::try_from(tiff.len()).ok()?;
            push(
                &mut kept,
                &[b"EXIF", &size.to_le_bytes()[..], &tiff].concat(),
            );
        }
    }
    let size = u32::try_from(kept.len() - 8).ok()?;
    kept[4..8].copy_from_slice(&size.to_le_bytes());
    Some((kept, found))
}

/// A chunk with its head, without padding, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = bytes.get(4..8)?.first_chunk()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    let (chunk, after) = bytes.split_at_checked(size.checked_add(8)?)?;
    Some((chunk, after.get(size % 2..).unwrap_or_default()))
}

fn push(kept: &mut Vec<u8>, chunk: &[u8]) {
    kept.extend_from_slice(chunk);
    if chunk.len() % 2 == 1 {
        kept.push(0);
    }
}
