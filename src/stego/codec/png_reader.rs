//! PNG to 8-bit RGB through the `png` crate, with limits checked on the header.

use std::io::{self, Cursor};

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::super::error::StegoError;
use super::super::picture::Picture;
use super::{DecodeLimits, ImageKind, over_white};

/// Worst case per pixel: four 8-bit channels decoded plus three in the result.
const BYTES_PER_PIXEL: u64 = 7;

/// Decodes any PNG, converting it as the parent module says.
pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, StegoError> {
    read_if(bytes, limits, |_| true)
}

/// Decodes a PNG only if nothing has to be converted.
pub(super) fn read_carrier(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, StegoError> {
    read_if(bytes, limits, |header| {
        header.color_type == ColorType::Rgb
            && header.bit_depth == BitDepth::Eight
            && header.trns.is_none()
    })
}

fn read_if(
    bytes: &[u8],
    limits: &DecodeLimits,
    accept: impl Fn(&png::Info<'_>) -> bool,
) -> Result<Picture, StegoError> {
    let explain = |error| explain(error, limits);
    let alloc_bytes = usize::try_from(limits.max_alloc_bytes).unwrap_or(usize::MAX);
    let chunk_limits = Limits { bytes: alloc_bytes };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), chunk_limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(explain)?;
    limits.check(header.width, header.height, BYTES_PER_PIXEL)?;
    let mut reader = decoder.read_info().map_err(explain)?;
    if !accept(reader.info()) {
        return Err(StegoError::Converted);
    }
    let size = reader.output_buffer_size();
    let size = size.ok_or(StegoError::TooMuchMemory {
        limit_bytes: limits.max_alloc_bytes,
    })?;
    let mut decoded = vec![0; size];
    let frame = reader.next_frame(&mut decoded).map_err(explain)?;
    reader.finish().map_err(explain)?;
    decoded.truncate(frame.buffer_size());
    Picture::new(frame.width, frame.height, to_rgb(decoded, frame.color_type))
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
