//! PNG to 8-bit RGB through the `png` crate, with limits checked on the header.
//!
//! Before anything is decoded the chunks are walked once: a file that is cut off, that fails a
//! checksum, or whose data are too few for the pixels it announces costs no memory and little
//! time. Texts and colour profiles, which may be compressed a thousandfold, are never inflated.

use std::io::{self, Cursor};

use flate2::Crc;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, OutputInfo, Transformations};

use super::super::error::StegoError;
use super::super::picture::Picture;
use super::{Carrier, DecodeLimits, ImageKind, over_white};

/// Worst case per pixel: four 8-bit channels decoded plus three in the result.
const BYTES_PER_PIXEL: u64 = 7;
/// The same for three 16-bit channels.
const DEEP_BYTES_PER_PIXEL: u64 = 9;
/// First bytes of every file (PNG specification, 5.2).
const SIGNATURE_BYTES: usize = 8;
/// Length, name and checksum around the body of a chunk.
const CHUNK_FRAME_BYTES: usize = 12;
/// Deflate codes at most 258 bytes in two bits (RFC 1951): no data inflate further.
const INFLATION_MAX: u64 = 1032;
/// Bytes of 256 colours.
const PALETTE_MAX_BYTES: usize = 768;
/// Chunks walked: enough for the largest file of our limits in pieces of 8 kB.
const CHUNKS_MAX: usize = 40_000;

/// Decodes any PNG, converting it as the parent module says.
pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, StegoError> {
    let all = |header: &png::Info<'_>| {
        limits.check(header.width, header.height, BYTES_PER_PIXEL)?;
        Ok(Transformations::normalize_to_color8())
    };
    let (frame, _, decoded) = decode(bytes, limits, all)?;
    Picture::new(frame.width, frame.height, to_rgb(decoded, frame.color_type))
}

/// The uppermost rows of a carrier of 8 bits, so many that they have this number of samples, or
/// all there are. What comes after them is not looked at.
pub(super) fn read_carrier_rows(
    bytes: &[u8],
    limits: &DecodeLimits,
    samples: usize,
) -> Result<Picture, StegoError> {
    let explain = |error| explain(error, limits);
    let alloc_bytes = usize::try_from(limits.max_alloc_bytes).unwrap_or(usize::MAX);
    let chunk_limits = Limits { bytes: alloc_bytes };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), chunk_limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(explain)?;
    limits.check(header.width, header.height, BYTES_PER_PIXEL)?;
    let mut reader = decoder.read_info().map_err(explain)?;
    let info = reader.info();
    let is_ours = (info.color_type, info.bit_depth) == (ColorType::Rgb, BitDepth::Eight);
    // Ours are never interlaced.
    if !is_ours || info.trns.is_some() || info.interlaced {
        return Err(StegoError::Converted);
    }
    let (width, mut height) = (info.width, 0);
    let mut rows = Vec::new();
    while rows.len() < samples.max(1) {
        let Some(row) = reader.next_row().map_err(explain)? else {
            break;
        };
        rows.extend_from_slice(row.data());
        height += 1;
    }
    Picture::new(width, height, rows)
}

/// Decodes a PNG only if nothing has to be converted.
pub(super) fn read_carrier(bytes: &[u8], limits: &DecodeLimits) -> Result<Carrier, StegoError> {
    let only_ours = |header: &png::Info<'_>| {
        let per_pixel = match (header.color_type, header.bit_depth) {
            (ColorType::Rgb, BitDepth::Eight) => BYTES_PER_PIXEL,
            (ColorType::Rgb, BitDepth::Sixteen) => DEEP_BYTES_PER_PIXEL,
            _ => return Err(StegoError::Converted),
        };
        limits.check(header.width, header.height, per_pixel)?;
        Ok(Transformations::IDENTITY)
    };
    let (frame, has_alpha, decoded) = decode(bytes, limits, only_ours)?;
    if has_alpha {
        return Err(StegoError::Converted);
    }
    if frame.bit_depth == BitDepth::Sixteen {
        let (pairs, _) = decoded.as_chunks::<2>();
        let low = pairs.iter().map(|[_, low]| *low).collect();
        return Picture::new(frame.width, frame.height, low).map(Carrier::Deep);
    }
    Picture::new(frame.width, frame.height, decoded).map(Carrier::Shallow)
}

/// Decodes with the transformations that `choose` wants for this header; tells also whether one
/// colour is transparent.
fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    choose: impl FnOnce(&png::Info<'_>) -> Result<Transformations, StegoError>,
) -> Result<(OutputInfo, bool, Vec<u8>), StegoError> {
    let explain = |error| explain(error, limits);
    let data_bytes = check_chunks(bytes)?;
    let alloc_bytes = usize::try_from(limits.max_alloc_bytes).unwrap_or(usize::MAX);
    let chunk_limits = Limits { bytes: alloc_bytes };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), chunk_limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // They were checked above.
    decoder.ignore_checksums(true);
    let header = decoder.read_header_info().map_err(explain)?;
    let transformations = choose(header)?;
    if data_bytes.saturating_mul(INFLATION_MAX) < least_raw_bytes(header) {
        return Err(StegoError::Truncated {
            kind: ImageKind::Png,
        });
    }
    decoder.set_transformations(transformations);
    let mut reader = decoder.read_info().map_err(explain)?;
    let has_alpha = reader.info().trns.is_some();
    let size = reader.output_buffer_size();
    let size = size.ok_or(StegoError::TooMuchMemory {
        limit_bytes: limits.max_alloc_bytes,
    })?;
    let mut decoded = vec![0; size];
    let frame = reader.next_frame(&mut decoded).map_err(explain)?;
    reader.finish().map_err(explain)?;
    decoded.truncate(frame.buffer_size());
    Ok((frame, has_alpha, decoded))
}

/// Walks the chunks to the end of the picture and checks every checksum; answers the bytes of
/// compressed pixels. What follows the end is not looked at.
fn check_chunks(bytes: &[u8]) -> Result<u64, StegoError> {
    let kind = ImageKind::Png;
    let mut rest = bytes.get(SIGNATURE_BYTES..).unwrap_or_default();
    let mut data_bytes = 0;
    for _ in 0..CHUNKS_MAX {
        let cut = StegoError::Truncated { kind };
        let (length, _) = rest.split_first_chunk().ok_or(cut.clone())?;
        let length = u32::from_be_bytes(*length);
        if length > i32::MAX as u32 {
            return Err(damaged("a chunk is longer than any may be"));
        }
        let length = length as usize;
        let (chunk, after) = rest
            .split_at_checked(length + CHUNK_FRAME_BYTES)
            .ok_or(cut)?;
        let (checked, sum) = chunk[4..].split_at(length + 4);
        let mut crc = Crc::new();
        crc.update(checked);
        if sum != crc.sum().to_be_bytes() {
            return Err(damaged("a checksum does not fit"));
        }
        match &checked[..4] {
            // The decoder indexes a palette as if it were whole.
            b"PLTE" if length == 0 || !length.is_multiple_of(3) || length > PALETTE_MAX_BYTES => {
                return Err(damaged("its palette is not one of 1 to 256 colours"));
            }
            b"IDAT" => data_bytes += length as u64,
            b"IEND" => return Ok(data_bytes),
            _ => {}
        }
        rest = after;
    }
    Err(damaged("it is in too many pieces"))
}

/// Bytes that the pixels take uncompressed, at the least: interlacing only adds to it.
fn least_raw_bytes(header: &png::Info<'_>) -> u64 {
    let bits = u64::from(header.width) * header.bits_per_pixel() as u64;
    bits.div_ceil(8) * u64::from(header.height)
}

fn damaged(reason: &str) -> StegoError {
    StegoError::Damaged {
        kind: ImageKind::Png,
        reason: reason.to_owned(),
    }
}

/// Brings the layouts that `normalize_to_color8` leaves to RGB.
fn to_rgb(decoded: Vec<u8>, layout: ColorType) -> Vec<u8> {
    match layout {
        ColorType::Rgb => decoded,
        ColorType::Grayscale | ColorType::Indexed => {
            decoded.iter().flat_map(|&grey| [grey; 3]).collect()
        }
        ColorType::GrayscaleAlpha => {
            let (pixels, _) = decoded.as_chunks::<2>();
            pixels
                .iter()
                .flat_map(|&[grey, alpha]| [over_white(grey, alpha); 3])
                .collect()
        }
        ColorType::Rgba => {
            let (pixels, _) = decoded.as_chunks::<4>();
            pixels
                .iter()
                .flat_map(|&[r, g, b, a]| [r, g, b].map(|s| over_white(s, a)))
                .collect()
        }
    }
}

fn explain(error: DecodingError, limits: &DecodeLimits) -> StegoError {
    let kind = ImageKind::Png;
    match error {
        DecodingError::LimitsExceeded => StegoError::TooMuchMemory {
            limit_bytes: limits.max_alloc_bytes,
        },
        DecodingError::IoError(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            StegoError::Truncated { kind }
        }
        other => StegoError::Damaged {
            kind,
            reason: other.to_string(),
        },
    }
}
