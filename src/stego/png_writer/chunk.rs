//! The frame of a PNG file (PNG specification, 5): signature and header, chunks, end.

use super::super::codec::PNG_SIGNATURE;
use super::deflate::{self, BitWriter};
use super::huffman::LiteralCode;

/// Length and name of a chunk; its check.
const HEAD_BYTES: usize = 8;
const CHECK_BYTES: usize = 4;
/// The check of all rows that ends a zlib stream.
const ADLER_BYTES: usize = 4;
/// The last chunk, whole.
const FILE_END: [u8; 12] = *b"\0\0\0\0IEND\xae\x42\x60\x82";
/// A zlib stream with a window of 32 KiB, made the fast way.
const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];
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

/// Which of the chunks with rows one is.
#[derive(Clone, Copy)]
pub(in super::super) struct Place {
    pub(in super::super) first: bool,
    pub(in super::super) last: bool,
}

/// Rows, each behind its filter, as a chunk at the beginning of `out`, which grows as needed; gives
/// the size of the chunk. Chunks of one file can be made in any order.
pub(in super::super) fn rows_chunk(
    rows: &[u8],
    place: Place,
    code: &LiteralCode,
    out: &mut Vec<u8>,
) -> usize {
    let zlib_head = if place.first { &ZLIB_HEAD[..] } else { &[] };
    let body = HEAD_BYTES + zlib_head.len();
    let longest = body + deflate::block_bytes_max(rows.len()) + CHECK_BYTES;
    out.resize(out.len().max(longest), 0);
    out[HEAD_BYTES..body].copy_from_slice(zlib_head);
    let block_bytes = BitWriter::new(&mut out[body..]).block(code, rows, place.last);
    sealed(out, zlib_head.len() + block_bytes)
}

/// What comes after the last rows, of which `adler` is the check.
pub(in super::super) fn file_end(adler: u32) -> Vec<u8> {
    let mut end = vec![0; HEAD_BYTES + ADLER_BYTES + CHECK_BYTES];
    end[HEAD_BYTES..][..ADLER_BYTES].copy_from_slice(&adler.to_be_bytes());
    sealed(&mut end, ADLER_BYTES);
    end.extend_from_slice(&FILE_END);
    end
}

/// Writes length, name and check round the `body_bytes` that already are in their place; gives the
/// size of the whole chunk.
fn sealed(chunk: &mut [u8], body_bytes: usize) -> usize {
    let end = HEAD_BYTES + body_bytes;
    chunk[..4].copy_from_slice(&(body_bytes as u32).to_be_bytes());
    chunk[4..8].copy_from_slice(b"IDAT");
    let check = crc32fast::hash(&chunk[4..end]);
    chunk[end..end + CHECK_BYTES].copy_from_slice(&check.to_be_bytes());
    end + CHECK_BYTES
}
