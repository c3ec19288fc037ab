//! The PNG file of a picture whose statistics are known beforehand.
//!
//! Decides: a strip of rows becomes one IDAT chunk, with one deflate block of literals in a code
//! that was fitted to the cover, and ends at a whole byte. So strips are made in any order and by
//! any thread, and the file is the same. The first row of a strip is told from its left only, so
//! a strip needs no other. Nothing of a file depends on anything but pixels, filters and code.

pub(super) mod chunk;
mod deflate;
mod filters;
mod fit;
pub(super) mod huffman;
mod prefix_code;

use std::collections::BTreeMap;
use std::ops::Range;

use super::picture::{CHANNELS, Picture};
use chunk::{Place, file_end, file_head, rows_chunk};
use filters::Filter;
use fit::Fit;

/// Bits of a sample.
const SAMPLE_BITS: u8 = 8;
/// Rows of a multiple of this begin at a sample whose number is a multiple of eight.
const ROWS_UNIT: usize = 8;
/// Least size of a group of rows that share a filter, where the picture is that large.
const GROUP_BYTES: usize = 16 << 10;
/// What a strip aims at, in bytes of samples: it and what becomes of it stay in the second-level
/// cache, and its head is lost in it.
const STRIP_BYTES: usize = 192 << 10;
/// What a buffer may keep between two pictures.
const SCRATCH_KEPT_BYTES: usize = 1 << 20;
/// Modulus of Adler-32 (RFC 1950, 8.2).
const ADLER_MODULUS: u64 = 65_521;

/// How rows are gathered: groups share a filter, strips are encoded by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    width: u32,
    height: u32,
    group_rows: usize,
    strip_rows: usize,
}

impl Layout {
    fn of(picture: &Picture) -> Self {
        let row_bytes = picture.width() as usize * CHANNELS;
        let group_rows = GROUP_BYTES.div_ceil(row_bytes).next_multiple_of(ROWS_UNIT);
        let groups = (STRIP_BYTES / (group_rows * row_bytes)).max(1);
        Self {
            width: picture.width(),
            height: picture.height(),
            group_rows,
            strip_rows: group_rows * groups,
        }
    }

    const fn row_bytes(self) -> usize {
        self.width as usize * CHANNELS
    }

    const fn groups(self) -> usize {
        (self.height as usize).div_ceil(self.group_rows)
    }

    const fn strips(self) -> usize {
        (self.height as usize).div_ceil(self.strip_rows)
    }

    fn strip(self, index: usize) -> Range<usize> {
        let first = index * self.strip_rows;
        first..(first + self.strip_rows).min(self.height as usize)
    }
}

/// How the pictures of one cover are written.
pub(super) struct PngPlan {
    layout: Layout,
    fit: Fit,
}

/// Buffers that one strip after another uses.
#[derive(Default)]
pub struct Scratch {
    samples: Vec<u8>,
    rows: Vec<u8>,
    chunk: Vec<u8>,
}

impl Scratch {
    /// Gives back what only an uncommonly wide picture needs.
    pub fn trim(&mut self) {
        for buffer in [&mut self.samples, &mut self.rows, &mut self.chunk] {
            buffer.truncate(SCRATCH_KEPT_BYTES);
            buffer.shrink_to(SCRATCH_KEPT_BYTES);
        }
    }
}

/// A strip of a file: one chunk.
pub struct Strip<'a> {
    chunk: &'a [u8],
    adler: u32,
    raw_bytes: usize,
}

impl PngPlan {
    /// The plan for pictures that differ from this cover in their lowest bits only: a look at all
    /// of it, or at a part if it has to be quick.
    pub(super) fn new(cover: &Picture, quick: bool) -> Self {
        let layout = Layout::of(cover);
        let fit = Fit::new(cover, layout, quick);
        Self { layout, fit }
    }

    /// How many strips a file has, at least one.
    pub(super) fn strips(&self) -> usize {
        self.layout.strips()
    }

    /// The samples of a strip, as a range of all samples. It begins at a multiple of eight.
    pub(super) fn samples(&self, strip: usize) -> Range<usize> {
        let rows = self.layout.strip(strip);
        let row_bytes = self.layout.row_bytes();
        rows.start * row_bytes..rows.end * row_bytes
    }

    /// Memory the plan takes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.fit.memory_bytes()
    }

    /// About the size of a file.
    pub(super) fn file_bytes(&self) -> usize {
        self.fit.file_bytes()
    }

    /// Writes a strip; `fill` gives its samples.
    pub(super) fn strip<'a>(
        &self,
        index: usize,
        fill: impl FnOnce(&mut [u8]),
        scratch: &'a mut Scratch,
    ) -> Strip<'a> {
        let Scratch {
            samples,
            rows,
            chunk,
        } = scratch;
        samples.resize(self.samples(index).len(), 0);
        fill(samples);
        self.filter(index, samples, rows);
        let place = Place {
            first: index == 0,
            last: index + 1 == self.strips(),
        };
        let size = rows_chunk(rows, place, self.fit.code(), chunk);
        Strip {
            chunk: &chunk[..size],
            adler: simd_adler32::adler32(&rows.as_slice()),
            raw_bytes: rows.len(),
        }
    }

    /// The rows of a strip as the file has them: each begins with its filter.
    fn filter(&self, index: usize, samples: &[u8], rows: &mut Vec<u8>) {
        let row_bytes = self.layout.row_bytes();
        let numbers = self.layout.strip(index);
        rows.resize(numbers.len() * (row_bytes + 1), 0);
        let mut above = samples;
        let places = rows.chunks_exact_mut(row_bytes + 1);
        for ((number, row), place) in numbers
            .clone()
            .zip(samples.chunks_exact(row_bytes))
            .zip(places)
        {
            let first = number == numbers.start;
            let filter = if first {
                Filter::Sub
            } else {
                self.fit.filter(number / self.layout.group_rows)
            };
            place[0] = filter.number();
            filter.apply(row, &above[..row_bytes], &mut place[1..]);
            above = row;
        }
    }
}

/// A file that is joined from strips. They may come in any order.
pub struct PngFile {
    bytes: Vec<u8>,
    adler: u32,
    strips: usize,
    next: usize,
    given: usize,
    /// Strips that came before an earlier one.
    early: BTreeMap<usize, (Vec<u8>, u32, usize)>,
}

impl PngFile {
    pub(super) fn new(plan: &PngPlan) -> Self {
        let mut bytes = Vec::with_capacity(plan.file_bytes());
        let Layout { width, height, .. } = plan.layout;
        bytes.extend(file_head(width, height, SAMPLE_BITS));
        Self {
            bytes,
            adler: 1,
            strips: plan.strips(),
            next: 0,
            given: 0,
            early: BTreeMap::new(),
        }
    }

    /// Takes a strip, and gives what of the file it has not given before: all that is joined by
    /// now, or nothing while an earlier strip is missing.
    pub fn accept(&mut self, index: usize, strip: &Strip<'_>) -> &[u8] {
        if index == self.next {
            self.join(strip.chunk, strip.adler, strip.raw_bytes);
            while let Some((chunk, adler, raw_bytes)) = self.early.remove(&self.next) {
                self.join(&chunk, adler, raw_bytes);
            }
        } else {
            let kept = (strip.chunk.to_vec(), strip.adler, strip.raw_bytes);
            self.early.insert(index, kept);
        }
        let given = core::mem::replace(&mut self.given, self.bytes.len());
        &self.bytes[given..]
    }

    /// The file, once every strip was accepted.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        debug_assert!(self.next > self.strips, "a strip is missing");
        core::mem::take(&mut self.bytes)
    }

    fn join(&mut self, chunk: &[u8], adler: u32, raw_bytes: usize) {
        self.bytes.extend_from_slice(chunk);
        self.adler = joined_adler(self.adler, adler, raw_bytes);
        self.next += 1;
        if self.next == self.strips {
            self.bytes.extend(file_end(self.adler));
            self.next += 1;
        }
    }
}

/// The check of two runs of bytes, from those of each and the length of the second.
fn joined_adler(first: u32, second: u32, second_bytes: usize) -> u32 {
    let halves = |adler: u32| (u64::from(adler & 0xffff), u64::from(adler >> 16));
    let ((a1, b1), (a2, b2)) = (halves(first), halves(second));
    let less_one = a1 + ADLER_MODULUS - 1;
    let a = (less_one + a2) % ADLER_MODULUS;
    let b = (b1 + b2 + second_bytes as u64 % ADLER_MODULUS * less_one) % ADLER_MODULUS;
    (b << 16 | a) as u32
}
