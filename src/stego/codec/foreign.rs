//! JPEG and WebP to 8-bit RGB through the `image` crate, with limits checked before decoding.
//!
//! Both decoders are lenient about missing ends, so a cut-off file is recognised here, from
//! the end marker (JPEG) or the announced length (WebP). The WebP decoder trusts the canvas
//! and allocates by the frame inside; the frame headers are therefore checked here too.

use std::io::{self, Cursor};

use image::codecs::jpeg::JpegDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError};

use super::super::error::StegoError;
use super::super::picture::Picture;
use super::{DecodeLimits, ImageKind, over_white};

/// Worst case per pixel: three channels of 16-bit coefficients (progressive JPEG), four
/// channels decoded, three in the result.
const BYTES_PER_PIXEL: u64 = 13;
/// Bytes after the end marker still searched for it: padding some cameras add.
const JPEG_TAIL_BYTES: usize = 64 * 1024;
/// Bytes of a RIFF chunk header: four of name, four of length.
const CHUNK_HEADER_BYTES: usize = 8;
/// Bytes before the nested chunks of an animation frame (WebP container specification).
const FRAME_HEADER_BYTES: usize = 16;

/// Decodes a JPEG.
pub(super) fn read_jpeg(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, StegoError> {
    let kind = ImageKind::Jpeg;
    let tail = &bytes[bytes.len().saturating_sub(JPEG_TAIL_BYTES)..];
    if !tail.windows(2).any(|pair| pair == [0xff, 0xd9]) {
        return Err(StegoError::Truncated { kind });
    }
    let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| explain(e, kind))?;
    read_with(decoder, kind, limits)
}

/// Decodes a WebP; of an animation the first frame.
pub(super) fn read_webp(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, StegoError> {
    let kind = ImageKind::WebP;
    let announced_bytes = u64::from(little_endian(bytes, 4, 4)) + CHUNK_HEADER_BYTES as u64;
    if (bytes.len() as u64) < announced_bytes {
        return Err(StegoError::Truncated { kind });
    }
    check_webp_frames(bytes.get(12..).unwrap_or_default(), limits)?;
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| explain(e, kind))?;
    read_with(decoder, kind, limits)
}

fn read_with(
    mut decoder: impl ImageDecoder,
    kind: ImageKind,
    limits: &DecodeLimits,
) -> Result<Picture, StegoError> {
    let (width, height) = decoder.dimensions();
    limits.check(width, height, BYTES_PER_PIXEL)?;
    let orientation = decoder.orientation().map_err(|e| explain(e, kind))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| explain(e, kind))?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    Picture::new(width, height, to_rgb(image))
}

fn to_rgb(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_alpha() {
        return image.into_rgb8().into_raw();
    }
    let rgba = image.into_rgba8().into_raw();
    let (pixels, _) = rgba.as_chunks::<4>();
    pixels
        .iter()
        .flat_map(|&[r, g, b, a]| [r, g, b].map(|s| over_white(s, a)))
        .collect()
}

/// Walks the chunks and holds every lossy frame header against the limits; lossless frames
/// are held against the canvas by the decoder itself.
fn check_webp_frames(mut chunks: &[u8], limits: &DecodeLimits) -> Result<(), StegoError> {
    while let Some((header, rest)) = chunks.split_at_checked(CHUNK_HEADER_BYTES) {
        let size = little_endian(header, 4, 4) as usize;
        let body = &rest[..size.min(rest.len())];
        match &header[..4] {
            b"VP8 " => {
                let width = little_endian(body, 6, 2) & 0x3fff;
                let height = little_endian(body, 8, 2) & 0x3fff;
                limits.check(width, height, BYTES_PER_PIXEL)?;
            }
            b"ANMF" => {
                check_webp_frames(body.get(FRAME_HEADER_BYTES..).unwrap_or_default(), limits)?;
            }
            _ => {}
        }
        chunks = rest
            .get(size.saturating_add(size % 2)..)
            .unwrap_or_default();
    }
    Ok(())
}

/// Up to four bytes from `at` on as a number, missing ones as zero.
fn little_endian(bytes: &[u8], at: usize, count: usize) -> u32 {
    let present = bytes.iter().skip(at).take(count);
    present
        .rev()
        .fold(0, |value, &byte| (value << 8) | u32::from(byte))
}

fn explain(error: ImageError, kind: ImageKind) -> StegoError {
    match error {
        ImageError::IoError(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            StegoError::Truncated { kind }
        }
        other => StegoError::Damaged {
            kind,
            reason: other.to_string(),
        },
    }
}
