//! From file bytes to pixels and back: PNG, JPEG and WebP in, PNG and JPEG out.
//!
//! Decides the format by the first bytes, never by a name. Checks [`DecodeLimits`] against the
//! header before any allocation that grows with the picture, so a small file that announces a
//! giant picture costs nothing. Everything becomes 8-bit RGB: 16-bit samples keep their high
//! byte, palettes and grey are expanded, transparency is laid over white, the orientation a
//! camera recorded is applied. A carrier ([`decode_carrier`]) is never converted.

mod foreign;
mod png_reader;

use std::fmt;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::error::StegoError;
use super::picture::Picture;

/// First bytes of every PNG file (PNG specification, 5.2).
pub(super) const PNG_SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
/// First bytes of every JPEG file: start of image, then the first marker.
const JPEG_SIGNATURE: [u8; 3] = [0xff, 0xd8, 0xff];

/// What a decoder may spend on one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most pixels accepted, as announced by the header.
    pub max_pixels: u64,
    /// Most bytes of memory for one decoding, buffers of the result included.
    pub max_alloc_bytes: u64,
}

impl Default for DecodeLimits {
    /// 64 megapixels and 512 MiB: every phone's normal photo, nothing that hurts a small server.
    fn default() -> Self {
        Self {
            max_pixels: 64_000_000,
            max_alloc_bytes: 512 << 20,
        }
    }
}

impl DecodeLimits {
    /// Refuses a picture by its announced sides; `bytes_per_pixel` is what decoding needs.
    fn check(self, width: u32, height: u32, bytes_per_pixel: u64) -> Result<(), StegoError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels {
            return Err(StegoError::TooManyPixels {
                width,
                height,
                limit_pixels: self.max_pixels,
            });
        }
        if pixels.saturating_mul(bytes_per_pixel) > self.max_alloc_bytes {
            return Err(StegoError::TooMuchMemory {
                limit_bytes: self.max_alloc_bytes,
            });
        }
        Ok(())
    }
}

/// The picture formats understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// Portable Network Graphics: keeps every bit, the format of carriers.
    Png,
    /// JPEG: lossy.
    Jpeg,
    /// WebP, lossy or lossless, the first frame of an animation.
    WebP,
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
        })
    }
}

/// The format the bytes begin with, `None` for all others.
pub fn sniff(bytes: &[u8]) -> Option<ImageKind> {
    if bytes.starts_with(&PNG_SIGNATURE) {
        Some(ImageKind::Png)
    } else if bytes.starts_with(&JPEG_SIGNATURE) {
        Some(ImageKind::Jpeg)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some(ImageKind::WebP)
    } else {
        None
    }
}

/// Decodes a picture of any understood format to 8-bit RGB.
///
/// # Errors
/// [`StegoError::EmptyInput`], [`StegoError::UnknownFormat`], [`StegoError::TooManyPixels`],
/// [`StegoError::TooMuchMemory`], [`StegoError::Truncated`], [`StegoError::Damaged`].
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, StegoError> {
    match kind_of(bytes)? {
        ImageKind::Png => png_reader::read(bytes, limits),
        ImageKind::Jpeg => foreign::read_jpeg(bytes, limits),
        ImageKind::WebP => foreign::read_webp(bytes, limits),
    }
}

/// A picture that may carry something, with every bit it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// 8 bits a sample: the picture.
    Shallow(Picture),
    /// 16 bits a sample: the low bytes only, in the places of the samples.
    Deep(Picture),
}

/// Decodes a picture that is to be read by [`super::extract`] or [`super::extract_deep`], and
/// only a format that has kept every bit: an RGB PNG, as [`encode_png`] or
/// [`super::embed_deep`] write it.
///
/// # Errors
/// [`StegoError::Reencoded`] for JPEG and WebP, [`StegoError::Converted`] for a PNG with
/// another pixel layout, else as for [`decode`].
pub fn decode_carrier(bytes: &[u8], limits: &DecodeLimits) -> Result<Carrier, StegoError> {
    match kind_of(bytes)? {
        ImageKind::Png => png_reader::read_carrier(bytes, limits),
        kind => Err(StegoError::Reencoded { kind }),
    }
}

/// The first `length_bytes` that a carrier holds, decoded no further than needed: enough to know
/// whether anything in it is for us.
///
/// # Errors
/// [`StegoError::PastCapacity`] if it holds fewer, else as for [`decode_carrier`].
pub fn carrier_start(
    bytes: &[u8],
    limits: &DecodeLimits,
    length_bytes: usize,
) -> Result<Vec<u8>, StegoError> {
    match kind_of(bytes)? {
        ImageKind::Png => {
            let rows = png_reader::read_carrier_rows(bytes, limits, length_bytes * 8)?;
            super::extract(&rows, 0, length_bytes)
        }
        kind => Err(StegoError::Reencoded { kind }),
    }
}

fn kind_of(bytes: &[u8]) -> Result<ImageKind, StegoError> {
    if bytes.is_empty() {
        return Err(StegoError::EmptyInput);
    }
    if let Some(kind) = sniff(bytes) {
        return Ok(kind);
    }
    if PNG_SIGNATURE.starts_with(bytes) {
        return Err(StegoError::Truncated {
            kind: ImageKind::Png,
        });
    }
    if JPEG_SIGNATURE.starts_with(bytes) {
        return Err(StegoError::Truncated {
            kind: ImageKind::Jpeg,
        });
    }
    Err(StegoError::UnknownFormat)
}

/// Writes a PNG the fast way: Sub rows (the cheapest to write and to read that still predict)
/// and a single pass of a deflate made for filtered rows. A full 12-megapixel carrier takes
/// about 22 MB.
///
/// # Errors
/// [`StegoError::Encode`] when the encoder refuses, which no [`Picture`] is known to cause.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, StegoError> {
    write_png(picture, png::Filter::Sub, png::Compression::Fast)
}

/// Writes the smallest PNG the encoder can make: for files that are kept, some fifty times
/// slower than [`encode_png`].
///
/// # Errors
/// As for [`encode_png`].
pub fn encode_png_smallest(picture: &Picture) -> Result<Vec<u8>, StegoError> {
    write_png(picture, png::Filter::Adaptive, png::Compression::High)
}

fn write_png(
    picture: &Picture,
    filter: png::Filter,
    compression: png::Compression,
) -> Result<Vec<u8>, StegoError> {
    let mut file = Vec::with_capacity(picture.samples().len() / 3 * 2 + 1024);
    let mut encoder = png::Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(compression);
    encoder.set_filter(filter);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(picture.samples())?;
        writer.finish()
    });
    match written {
        Ok(()) => Ok(file),
        Err(error) => Err(StegoError::Encode {
            kind: ImageKind::Png,
            reason: error.to_string(),
        }),
    }
}

/// Writes a baseline JPEG; `quality` from 1 to 100, values outside are brought inside.
///
/// # Errors
/// [`StegoError::Encode`] when a side is above 65,535 pixels.
pub fn encode_jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, StegoError> {
    let mut file = Vec::with_capacity(picture.samples().len() / 16 + 1024);
    JpegEncoder::new_with_quality(&mut file, quality.clamp(1, 100))
        .encode(
            picture.samples(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )
        .map_err(|error| StegoError::Encode {
            kind: ImageKind::Jpeg,
            reason: error.to_string(),
        })?;
    Ok(file)
}

/// Lays a sample over white; `alpha` 255 keeps it.
fn over_white(sample: u8, alpha: u8) -> u8 {
    let (sample, alpha) = (u32::from(sample), u32::from(alpha));
    ((sample * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests;
