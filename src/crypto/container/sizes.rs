//! Sizes: what a container of some content takes, and the class that it is padded to, which is
//! all that whoever sees it learns.

use super::head::SEALED_HEAD_BYTES;
use super::keys::{COMMITMENT_BYTES, SALT_BYTES};

/// Plain bytes in a segment; the last may have fewer, but never none.
pub const SEGMENT_BYTES: usize = 64 << 10;
/// Bytes at the start of a container that tell whether a key fits, and how long it is.
pub const PROBE_BYTES: usize = SALT_BYTES + COMMITMENT_BYTES + SEALED_HEAD_BYTES;
/// What a tag adds to a segment.
pub(super) const TAG_BYTES: usize = 16;
/// No class is smaller, where the carrier has the room.
pub const SMALLEST_CLASS_BYTES: u64 = 4_096;

const SEALED_SEGMENT_BYTES: u64 = (SEGMENT_BYTES + TAG_BYTES) as u64;

/// The size of a container that holds `content_bytes` (at least one) without padding.
pub(super) fn unpadded(content_bytes: u64) -> u64 {
    let segments = content_bytes.div_ceil(SEGMENT_BYTES as u64).max(1);
    PROBE_BYTES as u64 + content_bytes + segments * TAG_BYTES as u64
}

/// Plain bytes, padding included, in a container of this size; none if no container has it: its
/// last segment would be empty.
pub(super) fn room(container_bytes: u64) -> Option<u64> {
    let body = container_bytes.checked_sub(PROBE_BYTES as u64)?;
    let tags = body.div_ceil(SEALED_SEGMENT_BYTES) * TAG_BYTES as u64;
    let last = body % SEALED_SEGMENT_BYTES;
    let is_empty = body == 0 || (1..=TAG_BYTES as u64).contains(&last);
    (!is_empty).then(|| body - tags)
}

/// The size that a container of at least `least_bytes` is padded to in a carrier that holds
/// `capacity_bytes`; none if it does not fit.
///
/// Classes are those of Padmé (Nikitin, Barman, Lueks, Underwood, Hubaux and Ford, "Reducing
/// metadata leakage from encrypted files and communication with PURBs", 2019): a size keeps as
/// many leading bits as its logarithm has, so at most 12 % are added and an observer learns
/// O(log log n) bits. Below [`SMALLEST_CLASS_BYTES`] there is one class. A class that the carrier
/// does not hold becomes the carrier's capacity, which is a class as well; so padding never asks
/// for a larger picture. A class that would end within the tag of an empty segment ends before it.
#[must_use]
pub fn size_class(least_bytes: u64, capacity_bytes: u64) -> Option<u64> {
    if least_bytes > capacity_bytes {
        return None;
    }
    let class = padme(least_bytes)
        .max(SMALLEST_CLASS_BYTES)
        .min(capacity_bytes);
    let body = class.saturating_sub(PROBE_BYTES as u64);
    let last = body % SEALED_SEGMENT_BYTES;
    let too_many = if last <= TAG_BYTES as u64 { last } else { 0 };
    Some(class - too_many)
}

/// Rounds up to a size of which only the leading bits are used.
fn padme(size: u64) -> u64 {
    let Some(exponent) = size.checked_ilog2().filter(|exponent| *exponent > 0) else {
        return size;
    };
    let kept_bits = exponent.ilog2() + 1;
    let mask = (1_u64 << (exponent - kept_bits.min(exponent))) - 1;
    size.checked_add(mask).map_or(size, |sum| sum & !mask)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn classes_are_those_of_the_paper() {
        for (size, class) in [
            (1, 1),
            (8, 8),
            (9, 10),
            (100, 104),
            (1_025, 1_088),
            (1_900_176, 1_900_544),
            (1 << 20, 1 << 20),
        ] {
            assert_eq!(padme(size), class, "{size}");
        }
    }

    #[test]
    fn a_class_larger_than_the_carrier_becomes_its_capacity() {
        assert_eq!(size_class(300, 1_800), Some(1_800));
        assert_eq!(size_class(300, 4_096), Some(4_096));
        assert_eq!(size_class(300, 5_000), Some(4_096));
        assert_eq!(size_class(1_801, 1_800), None);
        assert_eq!(size_class(112_895, 112_896), Some(112_896));
        assert_eq!(size_class(2_249_990, 2_250_000), Some(2_250_000));
    }

    proptest! {
        #[test]
        fn a_class_holds_its_content_and_little_more(
            content in 1_u64..64 << 20,
            more in 0_u64..64 << 20,
        ) {
            let least = unpadded(content);
            let class = size_class(least, least + more).expect("fits");
            prop_assert!((least..=least + more).contains(&class));
            prop_assert!(class <= (least + least * 12 / 100).max(SMALLEST_CLASS_BYTES));
            let room = room(class).expect("a size that containers have");
            prop_assert!(room >= content);
            prop_assert_eq!(unpadded(room), class);
        }

        #[test]
        fn within_a_class_sizes_are_alike(size in 4_096_u64..64 << 20) {
            let class = size_class(size, u64::MAX).expect("no bounds");
            if class >= size {
                prop_assert_eq!(size_class(class, u64::MAX), Some(class));
            }
            prop_assert!(class >= size || room(size).is_none());
        }

        #[test]
        fn what_has_room_is_a_size_of_its_room(size in 0_u64..1 << 20) {
            if let Some(room) = room(size) {
                prop_assert_eq!(unpadded(room), size);
            }
        }
    }
}
