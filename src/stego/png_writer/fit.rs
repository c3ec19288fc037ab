//! Fits filters and code to a cover in its *filled* form, which is what is written.

use super::Layout;
use super::filters::Filter;
use super::huffman::LiteralCode;
use crate::stego::embed::embed_run;
use crate::stego::picture::Picture;

/// Fills the cover where it is looked at. Not a secret: it decides nothing but statistics.
const SAMPLE_SEED: [u8; 32] = *b"how a cover looks when filled 01";
/// Most groups that are looked at; more follow their neighbours.
const GROUPS_MAX: usize = 128;
/// The same if it has to be quick.
const QUICK_GROUPS_MAX: usize = 16;
/// Rows of a group that are looked at if it has to be quick.
const QUICK_ROWS: usize = 3;
/// A filter that is slow to undo must save one part in this of what the others cost.
const SLOW_SAVES_ONE_IN: u64 = 50;
/// Times that filters are chosen by the code and the code is fitted to the filters.
const ROUNDS: usize = 2;

/// About what a strip takes beside its rows, and a file beside its strips.
const STRIP_EXTRA_BYTES: usize = 128;
const FILE_EXTRA_BYTES: usize = 256;

/// How often each byte occurs in a group, by filter.
type Counts = [[u32; 256]; Filter::ALL.len()];

/// What is known of a cover.
pub(super) struct Fit {
    filters: Vec<Filter>,
    code: LiteralCode,
    file_bytes: usize,
}

impl Fit {
    /// Looks at the cover, at all of it or at a part.
    pub(super) fn new(cover: &Picture, layout: Layout, quick: bool) -> Self {
        let groups_max = if quick { QUICK_GROUPS_MAX } else { GROUPS_MAX };
        let step = layout.groups().div_ceil(groups_max);
        let rows_max = if quick { QUICK_ROWS } else { layout.group_rows };
        let looks = (0..layout.groups()).step_by(step);
        let seen: Vec<Box<Counts>> = looks
            .map(|group| count(cover, layout, group, rows_max))
            .collect();
        let mut choices = vec![Filter::Average; seen.len()];
        let mut code = code_of(&seen, &choices);
        for _ in 0..ROUNDS {
            for (choice, counts) in choices.iter_mut().zip(&seen) {
                *choice = best(counts, &code);
            }
            code = code_of(&seen, &choices);
        }
        let filters = (0..layout.groups())
            .map(|group| choices[group / step])
            .collect();
        let file_bytes = file_bytes(layout, &code, &totals(&seen, &choices));
        Self {
            filters,
            code,
            file_bytes,
        }
    }

    /// The filter of a group of rows.
    pub(super) fn filter(&self, group: usize) -> Filter {
        self.filters[group]
    }

    pub(super) fn code(&self) -> &LiteralCode {
        &self.code
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.filters.len() + self.code.memory_bytes()
    }

    /// About the size of a file, rather above than below.
    pub(super) fn file_bytes(&self) -> usize {
        self.file_bytes
    }
}

/// Counts what each filter makes of the first rows of a group.
fn count(cover: &Picture, layout: Layout, group: usize, rows_max: usize) -> Box<Counts> {
    let row_bytes = layout.row_bytes();
    let first_row = group * layout.group_rows;
    let rows = rows_max.min(layout.height as usize - first_row);
    let first_sample = first_row * row_bytes;
    let pristine = &cover.samples()[first_sample..][..rows * row_bytes];
    // A row above all, blank, which counts only where there is a single one.
    let mut filled = vec![0; row_bytes + pristine.len()];
    embed_run(
        pristine,
        &mut filled[row_bytes..],
        first_sample / 8,
        &[],
        &SAMPLE_SEED,
    );
    let from = if rows == 1 { 0 } else { row_bytes };
    let above = filled[from..].chunks_exact(row_bytes);
    let below = filled[from + row_bytes..].chunks_exact(row_bytes);
    let mut counts = Box::new([[0; 256]; Filter::ALL.len()]);
    let mut differences = vec![0; row_bytes];
    for (row, above) in below.zip(above) {
        for (filter, counts) in Filter::ALL.into_iter().zip(counts.iter_mut()) {
            filter.apply(row, above, &mut differences);
            for &byte in &differences {
                counts[usize::from(byte)] += 1;
            }
        }
    }
    counts
}

/// The filter that costs least in this code, a slow one only where it saves enough.
fn best(counts: &Counts, code: &LiteralCode) -> Filter {
    let cost = |filter: Filter| bits(&counts[filter as usize].map(u64::from), code);
    let [sub, up, average, paeth] = Filter::ALL;
    let quick = [sub, up, average]
        .into_iter()
        .min_by_key(|&filter| cost(filter));
    let quick = quick.unwrap_or(sub);
    let least = cost(quick);
    if cost(paeth) < least - least / SLOW_SAVES_ONE_IN {
        paeth
    } else {
        quick
    }
}

/// Bits that bytes take which occur so often.
fn bits(counts: &[u64; 256], code: &LiteralCode) -> u64 {
    let bytes = (0..=255_u8).zip(counts);
    bytes
        .map(|(byte, &count)| count * u64::from(code.length(byte)))
        .sum()
}

fn totals(seen: &[Box<Counts>], choices: &[Filter]) -> [u64; 256] {
    let mut totals = [0; 256];
    for (counts, &choice) in seen.iter().zip(choices) {
        for (total, &count) in totals.iter_mut().zip(&counts[choice as usize]) {
            *total += u64::from(count);
        }
    }
    totals
}

fn code_of(seen: &[Box<Counts>], choices: &[Filter]) -> LiteralCode {
    LiteralCode::fitted_to(&totals(seen, choices))
}

/// What a file takes if the rest is like what was seen, and one part in 64 more.
fn file_bytes(layout: Layout, code: &LiteralCode, seen: &[u64; 256]) -> usize {
    let raw_bytes = (layout.row_bytes() + 1) as u64 * u64::from(layout.height);
    let seen_bytes = seen.iter().sum::<u64>().max(1);
    let body = raw_bytes * bits(seen, code) / seen_bytes / 8;
    body as usize + body as usize / 64 + layout.strips() * STRIP_EXTRA_BYTES + FILE_EXTRA_BYTES
}
