//! Every bound that both ends of a wire must agree on, in one place.

/// Largest small packet, encoded. Sealed, and passed on by a relay, it fits every path; a larger
/// one would wait for a datagram that never has room for it.
pub const PACKET_MAX_BYTES: usize = 1_100;

/// Largest message (manifest and body) that may be sent in fragments.
pub const MESSAGE_MAX_BYTES: usize = 64 << 20;

/// Bodies up to this size are sent to all servers at once, which cache them, so that a failure
/// needs no second upload.
pub const SMALL_BODY_BYTES: usize = 64 << 10;

/// Largest letter between users, sealed.
pub const LETTER_MAX_BYTES: usize = 64 << 10;

/// Letters kept for one user who is away, and their bytes together.
pub const MAILBOX_LETTERS: usize = 1_000;
/// See [`MAILBOX_LETTERS`].
pub const MAILBOX_BYTES: usize = 1 << 20;

/// Longest user or image name, in bytes of UTF-8.
pub const NAME_MAX_BYTES: usize = 64;

/// Longest remark that goes with a question, in bytes of UTF-8.
pub const REMARK_MAX_BYTES: usize = 200;

/// Most views that one grant may hold.
pub const VIEWS_MAX: u32 = 1_000_000;

/// How long a look may last that closes by itself, in milliseconds.
pub const SHOW_MS: core::ops::RangeInclusive<u32> = 1_000..=3_600_000;

/// Images in one gallery answer.
pub const GALLERY_MAX_ITEMS: usize = 40;

/// Largest preview in a gallery answer.
pub const PREVIEW_MAX_BYTES: usize = 1_200;

/// Directory entries in one answer datagram.
pub const LOOKUP_PAGE_ENTRIES: usize = 6;

/// Letters acknowledged in one errand.
pub const ERRAND_ACKS: usize = 16;

/// Servers in one cluster.
pub const SERVERS_MAX: usize = 16;
