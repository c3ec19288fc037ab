//! Hostile picture files: what decoders, the cleaning of metadata, and extraction do with them.

use bytes::Bytes;
use pentimento::crypto::container::{self, PROBE_BYTES};
use pentimento::stego::{self, Carrier, DecodeLimits, StegoError};

use self::corpus::Expected;

#[path = "bad_pictures/corpus.rs"]
mod corpus;

/// What a refusal may allocate above the size of the file.
const REFUSAL_BYTES: u64 = 64 << 20;

#[test]
fn hostile_pictures_are_refused_with_a_reason_and_within_their_memory() {
    let cases = corpus::all();
    let refused = cases
        .iter()
        .filter(|case| case.expected == Expected::Refused);
    assert!(refused.count() >= 500);
    let limits = DecodeLimits::default();
    let mut broken = Vec::new();
    for case in &cases {
        let mut outcome = None;
        let spent = allocation_counter::measure(|| {
            outcome = Some(stego::decode(&case.bytes, &limits).map(|_| ()));
        });
        let outcome = outcome.expect("it was measured");
        let bound = case.bytes.len() as u64 + REFUSAL_BYTES;
        let keeps = match case.expected {
            Expected::Refused => outcome.is_err(),
            Expected::Shown => outcome.is_ok(),
            Expected::Bounded => true,
        };
        if !keeps || spent.bytes_max > bound {
            broken.push(format!(
                "{}: {outcome:?}, {} bytes",
                case.name, spent.bytes_max
            ));
        }
        if let Err(error) = outcome {
            assert!(!error.to_string().is_empty());
            assert!(
                !matches!(error, StegoError::Dimensions { .. }),
                "{}",
                case.name
            );
        }
    }
    assert!(
        broken.is_empty(),
        "{} of {}:\n{}",
        broken.len(),
        cases.len(),
        broken.join("\n")
    );
}

#[test]
fn nothing_is_extracted_from_hostile_pictures_that_no_key_vouches_for() {
    let limits = DecodeLimits::default();
    let keys = [[0; 32], [7; 32]];
    for case in corpus::all() {
        let file = Bytes::from(case.bytes);
        let cleaned = stego::clean(&file);
        assert!(cleaned.bytes.len() <= file.len() + 64, "{}", case.name);
        let Ok(carrier) = stego::decode_carrier(&file, &limits) else {
            continue;
        };
        let starts = match &carrier {
            Carrier::Deep(low) => vec![stego::extract_deep(low, 0, PROBE_BYTES)],
            Carrier::Shallow(picture) => vec![
                stego::extract(picture, 0, PROBE_BYTES),
                stego::extract_ternary(picture, 0, PROBE_BYTES),
                stego::extract_covert_head(picture, &keys[1]),
            ],
        };
        for start in starts.into_iter().flatten() {
            assert!(container::probe(&start, &keys).is_err(), "{}", case.name);
        }
    }
}
