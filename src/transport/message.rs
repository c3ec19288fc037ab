//! What sender and receiver of messages share: how a message is cut, and what they say of it.
//!
//! A message is one run of bytes, `manifest length (u16, little endian) | manifest | body`. Every
//! fragment but the last has the same length, which the sender chooses when the message begins in
//! a session; it is not on the wire but follows from the fragments themselves (`infer_length`).

/// Bytes that may be sent of a message before its receiver has said anything of it. One fragment
/// may be sent in any case.
pub const FIRST_CREDIT_BYTES: u32 = 256 << 10;

/// Shortest fragment, except the last of a message.
pub const FRAGMENT_MIN_BYTES: u32 = 64;

/// Longest fragment: what fits a UDP datagram.
pub const FRAGMENT_MAX_BYTES: u32 = 65_507;

/// Most words of bitmap in one status.
pub const STATUS_WORDS: usize = 16;

/// Which fragment goes into a packet. The session remembers it beside the packet's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// Number of the message within the session, from 1.
    pub message: u32,
    /// Number of the fragment within the message, from 0.
    pub index: u32,
}

/// A fragment as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Number of the message within the session.
    pub message: u32,
    /// Number of the fragment within the message.
    pub index: u32,
    /// Size of the whole message (manifest and body) in bytes, as announced.
    pub total_bytes: u32,
    /// The piece of the message.
    pub data: &'a [u8],
}

/// How a message stands at its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Going on.
    Going,
    /// Over: all here, digest right, handed on.
    Complete,
    /// Over: all here, but the digest or the manifest is wrong.
    Damaged,
    /// Over under this number: no room, nothing of it was kept. Begin again later.
    Busy,
    /// Over: larger than this receiver takes, or malformed.
    Refused,
}

impl Standing {
    /// Its code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Going => 0,
            Self::Complete => 1,
            Self::Damaged => 2,
            Self::Busy => 3,
            Self::Refused => 4,
        }
    }

    /// What a code on the wire means, if it means anything.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Going),
            1 => Some(Self::Complete),
            2 => Some(Self::Damaged),
            3 => Some(Self::Busy),
            4 => Some(Self::Refused),
            _ => None,
        }
    }
}

/// The receiver's word on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Number of the message within the session.
    pub message: u32,
    /// How it stands.
    pub standing: Standing,
    /// Every fragment before this one is here.
    pub first_missing: u32,
    /// The first fragment that may not be sent yet. Never falls.
    pub credit: u32,
    /// Up to [`STATUS_WORDS`] words, one bit a fragment that is here, lowest bit first, from the
    /// block (64) of the first missing one on. Empty unless the receiver held parts of the message
    /// before this session.
    pub words: Vec<u64>,
}

/// How a message is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Size of the message in bytes, at least 1.
    pub(super) total_bytes: u32,
    /// Bytes of every fragment but the last.
    pub(super) length: u32,
    /// How many fragments, at least 1.
    pub(super) fragments: u32,
}

impl Cut {
    pub(super) const fn new(total_bytes: u32, length: u32) -> Self {
        Self {
            total_bytes,
            length,
            fragments: total_bytes.div_ceil(length),
        }
    }

    /// Where a fragment begins in the message.
    pub(super) const fn offset(&self, index: u32) -> usize {
        index as usize * self.length as usize
    }

    /// Bytes of this fragment.
    pub(super) const fn size_of(&self, index: u32) -> u32 {
        if index + 1 < self.fragments {
            self.length
        } else {
            self.total_bytes - (self.fragments - 1) * self.length
        }
    }

    /// The first fragment that does not lie below this offset, but at least the second.
    pub(super) fn credit_at(&self, bytes: u32) -> u32 {
        if bytes >= self.total_bytes {
            self.fragments
        } else {
            (bytes / self.length).max(1)
        }
    }
}

/// What a fragment tells of the length of the fragments of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// It is this.
    Known(u32),
    /// It may be one in the middle, or the shorter last one: the next fragment will tell.
    Unsure,
    /// No message of this size has such a fragment.
    Impossible,
}

/// Finds the length of the fragments of a message from one of them.
pub(super) fn infer_length(index: u32, size: usize, total_bytes: u32) -> Length {
    let Ok(size) = u32::try_from(size) else {
        return Length::Impossible;
    };
    if size == 0 || size > FRAGMENT_MAX_BYTES {
        return Length::Impossible;
    }
    let is_long_enough = size >= FRAGMENT_MIN_BYTES;
    if index == 0 {
        let is_fit = size == total_bytes || (size < total_bytes && is_long_enough);
        return if is_fit {
            Length::Known(size)
        } else {
            Length::Impossible
        };
    }
    let end = (u64::from(index) + 1) * u64::from(size);
    let is_middle = is_long_enough && end <= u64::from(total_bytes);
    let is_last = end < u64::from(total_bytes) && {
        let longer = (total_bytes - size) / index;
        (total_bytes - size).is_multiple_of(index)
            && (FRAGMENT_MIN_BYTES..=FRAGMENT_MAX_BYTES).contains(&longer)
    };
    match (is_middle, is_last) {
        (true, true) => Length::Unsure,
        (true, false) => Length::Known(size),
        (false, true) => Length::Known((total_bytes - size) / index),
        (false, false) => Length::Impossible,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_standing_survives_its_code() {
        let known: Vec<Standing> = (0..=u8::MAX).filter_map(Standing::from_code).collect();
        assert_eq!(known.len(), 5);
        for standing in known {
            assert_eq!(Standing::from_code(standing.code()), Some(standing));
        }
    }

    #[test]
    fn a_lone_fragment_that_could_be_the_last_leaves_the_length_open() {
        assert_eq!(infer_length(1, 1_432, 4_296), Length::Unsure);
        assert_eq!(infer_length(0, 1_432, 4_296), Length::Known(1_432));
        assert_eq!(infer_length(2, 1_432, 4_296), Length::Known(1_432));
        assert_eq!(infer_length(10, 7, 10_007), Length::Known(1_000));
        assert_eq!(infer_length(0, 7, 7), Length::Known(7));
    }

    #[test]
    fn fragments_of_no_message_are_impossible() {
        for (index, size, total_bytes) in [
            (0, 0, 100),
            (0, 63, 100),
            (0, 101, 100),
            (1, 63, 1_000),
            (1, 501, 1_000),
            (u32::MAX, 1_000, u32::MAX),
            (0, 65_508, 1 << 20),
            (0, 1 << 33, 1 << 20),
        ] {
            let length = infer_length(index, size, total_bytes);
            // A first fragment of 63 bytes may be the last one of two only if it is not the first.
            let is_last = (index, size, total_bytes) == (1, 63, 1_000);
            let expected = if is_last {
                Length::Known(937)
            } else {
                Length::Impossible
            };
            assert_eq!(length, expected, "{index} {size} {total_bytes}");
        }
    }

    proptest! {
        #[test]
        fn two_fragments_always_tell_the_length(
            length in 64_u32..2_000,
            total_bytes in 1_u32..100_000,
            picks in any::<[prop::sample::Index; 2]>(),
        ) {
            let cut = Cut::new(total_bytes, length);
            let [first, second] = picks.map(|pick| pick.index(cut.fragments as usize) as u32);
            prop_assert!(cut.offset(cut.fragments - 1) < total_bytes as usize);
            for index in [first, second] {
                let size = cut.size_of(index);
                prop_assert!((1..=length).contains(&size));
                match infer_length(index, size as usize, total_bytes) {
                    Length::Known(found) if cut.fragments > 1 => prop_assert_eq!(found, length),
                    Length::Known(_) => prop_assert_eq!(size, total_bytes),
                    Length::Unsure => prop_assert!(index > 0),
                    Length::Impossible => prop_assert!(false),
                }
            }
            if first != second {
                prop_assert_eq!(cut.size_of(first).max(cut.size_of(second)), length);
            }
        }
    }
}
