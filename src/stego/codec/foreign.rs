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
/// A block of 8 x 8 samples takes at least one bit (ITU T.81): no file has more pixels a byte.
const JPEG_PIXELS_PER_BYTE: u64 = 512;
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
    let (width, height) = decoder.dimensions();
    limits.check(width, height, BYTES_PER_PIXEL)?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels / JPEG_PIXELS_PER_BYTE > bytes.len() as u64 {
        return Err(StegoError::Truncated { kind });
    }
    read_with(decoder, kind, limits)
}

/// Decodes a WebP; of an animation the first frame.
pub(super) fn read_webp(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, StegoError> {
    let kind = ImageKind::WebP;
    let announced_bytes = u64::from(little_endian(bytes, 4, 4)) + CHUNK_HEADER_BYTES as u64;
    if (bytes.len() as u64) < announced_bytes {
        return Err(StegoError::Truncated { kind });
    }
    let chunks = bytes.get(12..).unwrap_or_default();
    check_webp_frames(chunks, true, limits)?;
    check_webp_canvas(chunks)?;
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
/// are held against the canvas by the decoder itself. A frame holds no frames (RFC 9649, 2.7.1.1):
/// what says so is not followed, however deep it goes.
fn check_webp_frames(
    mut chunks: &[u8],
    outermost: bool,
    limits: &DecodeLimits,
) -> Result<(), StegoError> {
    while let Some((header, rest)) = chunks.split_at_checked(CHUNK_HEADER_BYTES) {
        let size = little_endian(header, 4, 4) as usize;
        let body = &rest[..size.min(rest.len())];
        match &header[..4] {
            b"VP8 " => {
                let (width, height) = lossy_size(body);
                limits.check(width, height, BYTES_PER_PIXEL)?;
            }
            b"ANMF" if outermost => {
                let inside = body.get(FRAME_HEADER_BYTES..).unwrap_or_default();
                check_webp_frames(inside, false, limits)?;
            }
            _ => {}
        }
        chunks = rest
            .get(size.saturating_add(size % 2)..)
            .unwrap_or_default();
    }
    Ok(())
}

/// The decoder makes room for the canvas before it finds that a still picture does not fill it.
fn check_webp_canvas(chunks: &[u8]) -> Result<(), StegoError> {
    let Some((b"VP8X", canvas)) = first_chunk(chunks) else {
        return Ok(());
    };
    let size = canvas_of(canvas);
    let mut rest = chunks;
    while let Some((name, body)) = first_chunk(rest) {
        let (width, height) = match name {
            b"VP8 " => lossy_size(body),
            b"VP8L" => lossless_size(body),
            _ => size,
        };
        if (width, height) != size {
            return Err(StegoError::Damaged {
                kind: ImageKind::WebP,
                reason: "the picture does not fill its canvas".to_owned(),
            });
        }
        let length = CHUNK_HEADER_BYTES + body.len().next_multiple_of(2);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(())
}

/// Name and body of the first chunk, the body as far as it goes.
fn first_chunk(chunks: &[u8]) -> Option<(&[u8; 4], &[u8])> {
    let (name, rest) = chunks.split_first_chunk()?;
    let (length, body) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    Some((name, &body[..length.min(body.len())]))
}

fn canvas_of(body: &[u8]) -> (u32, u32) {
    (little_endian(body, 4, 3) + 1, little_endian(body, 7, 3) + 1)
}

fn lossy_size(body: &[u8]) -> (u32, u32) {
    let side = |at| little_endian(body, at, 2) & 0x3fff;
    (side(6), side(8))
}

fn lossless_size(body: &[u8]) -> (u32, u32) {
    let sides = little_endian(body, 1, 4);
    ((sides & 0x3fff) + 1, ((sides >> 14) & 0x3fff) + 1)
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
