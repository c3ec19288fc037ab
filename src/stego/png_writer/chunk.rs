//! The frame of a PNG file (PNG specification, 5): signature and header, chunks, end.

use super::super::codec::PNG_SIGNATURE;

/// Length and name of a chunk; its check.
pub(in super::super) const CHUNK_HEAD_BYTES: usize = 8;
pub(in super::super) const CHUNK_CHECK_BYTES: usize = 4;
/// The last chunk, whole.
pub(in super::super) const FILE_END: [u8; 12] = *b"\0\0\0\0IEND\xae\x42\x60\x82";
/// A zlib stream with a window of 32 KiB, made the fast way.
pub(in super::super) const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];
/// RGB, deflate, adaptive filters, not interlaced.
const FORMAT: [u8; 4] = [2, 0, 0, 0];

/// What comes before the pixels, of which each sample has so many bits.
pub(in super::super) fn file_head(width: u32, height: u32, sample_bits: u8) -> Vec<u8> {
    let mut file = PNG_SIGNATURE.to_vec();
    file.extend_from_slice(b"\0\0\0\x0dIHDR");
    file.extend_from_slice(&width.to_be_bytes());
    file.extend_from_slice(&height.to_be_bytes());
    file.push(sample_bits);
    file.extend_from_slice(&FORMAT);
    let check = crc32fast::hash(&file[PNG_SIGNATURE.len() + 4..]);
    file.extend_from_slice(&check.to_be_bytes());
    file
}

/// Writes length, name and check round the `body_bytes` that already are in their place; gives the
/// size of the whole chunk.
pub(in super::super) fn seal_chunk(chunk: &mut [u8], body_bytes: usize) -> usize {
    let end = CHUNK_HEAD_BYTES + body_bytes;
    chunk[..4].copy_from_slice(&(body_bytes as u32).to_be_bytes());
    chunk[4..8].copy_from_slice(b"IDAT");
    let check = crc32fast::hash(&chunk[4..end]);
    chunk[end..end + CHUNK_CHECK_BYTES].copy_from_slice(&check.to_be_bytes());
    end + CHUNK_CHECK_BYTES
}
