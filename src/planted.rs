//! Bugs that can be planted on purpose, to show that the checks find them: a check that has never
//! failed has shown nothing.
//!
//! One is planted for a thread and for the length of a call (`with`), so tests that run beside
//! each other do not share it. At the place of the bug stands one question, [`is`]; in a release
//! its answer is a constant no, and the compiler drops what follows. Decides nothing else.
//!
//! The tests of this module plant each of them and run checks that are there anyway; they print the
//! table of `docs/evidence.md`.

#[cfg(test)]
pub(crate) mod tests;

/// Names each bug, with what it does, in the words of the table.
macro_rules! bugs {
    ($($(#[$part:meta])* $bug:ident: $what:literal;)*) => {
        /// A bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $(#[doc = $what] $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),*];

            /// What a program with this bug does.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$bug => $what,)*
                }
            }
        }
    };
}

bugs! {
    // The agreed log.
    FsyncSkipped: "goes on as if a write were on disk when it was only ordered";
    SentBeforePersisted: "votes and confirms entries before they are on disk";
    VoteNotWritten: "keeps term and vote in memory only";
    AckBeforeQuorum: "a leader takes entries as confirmed by all once it has sent them";
    StaleRead: "a leader answers questions without asking whether it still leads";
    ElectionWaitFixed: "every server waits equally long for its leader, each time";
    TruncatesAndVotes: "cuts a damaged log off and votes on";
    ServedBeforeCaughtUp: "serves at once after a start";
    ReleasedBeforeApply: "carries out what follows from an order when it is logged, not agreed";
    DigestsNotCompared: "does not hold its state against the others'";
    ForgetfulVotes: "votes at once with an empty disk, as if it had never promised anything";
    // The ledger.
    LookCountedTwice: "counts a look again when its order is repeated";
    EscrowNotCounted: "gives looks that are with devices to others, too";
    ChangeOutOfOrder: "takes an owner's change before the one that precedes it";
    RevokedKeepsShares: "keeps the shares of a revoked grant";
    ForkIgnored: "refuses the check-in of a copied device and leaves it at that";
    ReturnedTwice: "gives looks back once more when their check-in is repeated";
    OverdueComesBack: "takes looks back that count as used because they came too late";
    LooksForgotten: "a snapshot has no names of looks";
    RefusedCountsLater: "a late copy of a refused order counts when the reason is gone";
    TimeRunsBack: "the ledger's time follows each stamp, also backwards";
    SignatureNotChecked: "applies orders that nobody signed";
    // A server's shares.
    ReplayedReleases: "lets shares out again when it applies the log again after a start";
    ShareAckBeforeDisk: "confirms a share that is not on disk";
    ErasedInMemoryOnly: "erases shares from memory and leaves them on disk";
    // Letters.
    MailAckBeforeDisk: "confirms a letter that is not on disk";
    MailAckBeforeQuorum: "calls a letter kept when one server has it";
    MailAckDropsLater: "lets go of later letters with the one that was confirmed";
    MailComesBack: "forgets which letters were let go";
    ReplicaServesAtOnce: "takes its mailbox and its names for complete after a start";
    DepositedOnce: "takes a letter to the servers once, whether they got it or not";
    MailAckBeforeEffect: "has the servers drop a letter that is handed on, but not yet kept";
    LetterForgotten: "forgets which letters took effect";
    // Who is answered.
    PassNotChecked: "answers whoever asks, with a pass or without one";
    PassOfAnybody: "takes the pass of another asker";
    PassForEver: "takes passes that have run out";
    // Messages in fragments.
    ReservedByTotal: "sets aside as much memory for a message as its first fragment announces";
    GapsUnbounded: "takes fragments however far ahead of the others they are";
    ReplayOffByOne: "takes packet numbers again that have just left the window";
    HandedOnAgain: "forgets with the session which messages were handed on";
    HolesHandedOn: "hands a message on once its last fragment is here, unchecked";
    DeliveredWhenAcked: "calls a message delivered when all its fragments are confirmed";
    AckedBeforeKept: "confirms fragments for which there is no room, and says nothing of it";
    MemoryNotReturned: "goes on charging memory for messages that were handed on";
    // Looks without the servers.
    OpenedBeforeClaim: "opens a picture before the claim of the look is on disk";
    CountToldBeforeWritten: "tells a look as counted before that is on disk";
    // Looks that the servers count.
    SharesNotLookedAfter: "does not look after the shares of a grant to which looks are added";
    // Planned failures.
    TokenWithoutPermission: "fails on the first permission instead of all";
    PermitsWhileAsking: "permits others to fail while it asks for itself";
    PermitsBeforeCaughtUp: "permits others to fail although it is just back and has to catch up";
    PromiseWithoutMargin: "keeps a promise as long as the failure lasts, and clocks do not differ";
    TokenNotMadeAnew: "makes no token in place of one that was lost with its holder";
    HeardWhileFailing: "listens and answers during its planned failure";
    // Who takes a request.
    NeverTakesOver: "does not claim what a lost server owned";
    EveryoneWins: "claims at once whatever it is asked, and does not listen to other claims";
    ClaimWithoutEpoch: "takes over under the epoch of the owner that was lost";
    TakesOverFromTheLiving: "takes a request over whenever the client asks again";
    LoserGoesOn: "works on although another server's claim was better";
    EndForgotten: "forgets at once that a request is over";
}

#[cfg(any(test, feature = "planted-faults"))]
mod on {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Puts back what was planted before, however the call ends.
    struct Before(Option<Bug>);

    impl Drop for Before {
        fn drop(&mut self) {
            PLANTED.set(self.0);
        }
    }

    /// Whether this bug is planted in this thread.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// What is planted in this thread; for those who go on in another one.
    #[must_use]
    pub fn planted() -> Option<Bug> {
        PLANTED.get()
    }

    /// Runs `action` in this thread with a bug planted, or without any.
    pub fn with<T>(bug: Option<Bug>, action: impl FnOnce() -> T) -> T {
        let _before = Before(PLANTED.replace(bug));
        action()
    }
}

#[cfg(any(test, feature = "planted-faults"))]
pub use on::{is, planted, with};

/// No bug is planted in a program as it is released.
#[cfg(not(any(test, feature = "planted-faults")))]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}
