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

/// Servers count no errand whose epoch is so far ahead of their calendar, in milliseconds: two
/// hundred years. On the word of one server a client goes half as far, so there is room beyond.
pub const ERRAND_AHEAD_MS: u64 = 200 * 365 * 86_400_000;

/// Letters acknowledged in one errand.
pub const ERRAND_ACKS: usize = 16;

/// Servers in one cluster.
pub const SERVERS_MAX: usize = 16;

/// Largest entry of the ledger's log, encoded.
pub const LEDGER_ENTRY_MAX_BYTES: usize = 16 << 10;

/// A command to the ledger was signed at most so long before or after the ledger's time, in
/// milliseconds. Less than half of how long the ledger remembers looks, so that no captured command
/// counts again once the look is forgotten.
pub const COMMAND_FRESH_MS: u64 = 3_600_000;

/// A grant is opened within so many milliseconds of when it was granted: a day.
pub const OPEN_WITHIN_MS: u64 = 86_400_000;

/// A look that is asked for again under the same name and key within so many milliseconds of the
/// ledger's time gets its shares again.
pub const RELEASE_AGAIN_MS: u64 = 60_000;

/// Looks that may be moved to a device at a time, in one checkout.
pub const CHECKOUT_LOOKS_MAX: u32 = 256;

/// Looks moved to a device are good for at most so long, in milliseconds: seven days.
pub const CHECKOUT_MS: u64 = 7 * 86_400_000;

/// A checkout that has not come back so many milliseconds after its date counts as used.
pub const CHECKOUT_GRACE_MS: u64 = 86_400_000;

/// Looks told of in one check-in, which has to fit a packet as every order does.
pub const CHECK_IN_VIEWS: usize = 32;

/// Check-ins of one checkout that keep the rest of it.
pub const CHECK_INS_MAX: usize = 16;

/// How long a pass counts from when a server gives it, in milliseconds: five minutes. It is given
/// with every answer to where a user is, and that is asked before every question.
pub const PASS_MS: u64 = 300_000;

/// The clocks of two servers may differ by so much, in milliseconds, without a pass of the one
/// being refused by who goes by the clock of the other.
pub const PASS_SKEW_MS: u64 = 60_000;

/// While a peer hears no server itself, passes that ran out count for so much longer, in
/// milliseconds: who was introduced today can go on without the servers.
pub const PASS_ALONE_MS: u64 = 86_400_000;
