//! How long the slowest hostile picture file takes: `cargo bench --bench bad_pictures`.
//!
//! Prints the slowest of the files that `integration/bad_pictures` makes, each the best of five,
//! through everything that reads a picture of somebody else. Ends with 1 if a file that is refused
//! takes longer than [`BAR`].

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pentimento::stego::{self, DecodeLimits};

use self::corpus::Expected;

#[path = "../integration/bad_pictures/corpus.rs"]
mod corpus;

/// What a refusal may take.
const BAR: Duration = Duration::from_millis(100);
/// Files printed.
const SHOWN: usize = 12;

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn main() -> io::Result<ExitCode> {
    let limits = DecodeLimits::default();
    let mut times = Vec::new();
    for case in corpus::all() {
        let file = Bytes::from(case.bytes);
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            let _ = std::hint::black_box(stego::decode(&file, &limits));
            let _ = std::hint::black_box(stego::decode_carrier(&file, &limits));
            let _ = std::hint::black_box(stego::clean(&file));
            best = best.min(begun.elapsed());
        }
        times.push((best, case.name, case.expected));
    }
    times.sort_by_key(|(time, ..)| std::cmp::Reverse(*time));
    writeln!(io::stdout(), "{} files, the slowest:", times.len())?;
    for (time, name, expected) in times.iter().take(SHOWN) {
        let ms = time.as_secs_f64() * 1e3;
        writeln!(io::stdout(), "{ms:>9.3} ms  {expected:?}  {name}")?;
    }
    let over = times
        .iter()
        .filter(|(time, _, expected)| *time > BAR && *expected == Expected::Refused);
    Ok(ExitCode::from(u8::from(over.count() > 0)))
}
