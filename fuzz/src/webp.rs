//! WebP files: what is tried is what is in the RIFF container, whose size is made to fit.

use pentimento::stego::ImageKind;

use crate::pictures;

/// A file; its size fits unless the first byte says otherwise.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let size = u32::from(first >> 4) * u32::from(first & 1) + rest.len() as u32 + 4;
    let file = [&b"RIFF"[..], &size.to_le_bytes(), b"WEBP", rest].concat();
    pictures::read(&file, ImageKind::WebP);
}
