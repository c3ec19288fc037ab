//! What other programs of this kind have published, and what they were measured at.
//!
//! Three servers and one client each, an image of 4.8 kB and one of 1.9 MB; a response is from the
//! request to the whole picture. The figures of others are of their machines and their builds, or
//! of one machine with two cores that did other work besides, as each line says: they tell in which
//! hundreds of milliseconds a figure lies, and no more.

/// A program's figures, as far as they are known.
pub(super) struct Published {
    /// Which program.
    pub(super) program: &'static str,
    /// Whose word it is, on what machine, in which build.
    pub(super) source: &'static str,
    /// Mean response to 4.8 kB, in seconds.
    pub(super) small_s: &'static str,
    /// Of it the election.
    pub(super) election_s: &'static str,
    /// Mean response to 1.9 MB, in seconds.
    pub(super) large_s: &'static str,
    /// Requests answered while servers fail on purpose.
    pub(super) answered: &'static str,
}

const MEASURED: &str = "measured by us, release build, 2 busy cores";

/// In the order of the table.
pub(super) const PUBLISHED: [Published; 6] = [
    Published {
        program: "cloud_img_sharing_service (ef799bb)",
        source: "its report; machine not told, debug build by its pictures",
        small_s: "0.93",
        election_s: "0.52",
        large_s: "3.1",
        answered: "96.5 to 98.9 %",
    },
    Published {
        program: "the same",
        source: MEASURED,
        small_s: "0.57",
        election_s: "0.525",
        large_s: "0.86",
        answered: "waits for ever if its server dies",
    },
    Published {
        program: "P2P_Cloud_Env_for_Image_Sharing (0688bca)",
        source: "its report; machine and build not told",
        small_s: "18 to 21.7",
        election_s: "-",
        large_s: "-",
        answered: "-",
    },
    Published {
        program: "the same",
        source: MEASURED,
        small_s: "8.9",
        election_s: "1.0",
        large_s: "fails",
        answered: "9 of 10",
    },
    Published {
        program: "CloudP2P (855f55a)",
        source: MEASURED,
        small_s: "0.015 to 5.2",
        election_s: "none: one leader",
        large_s: "fails with its cover",
        answered: "done elsewhere after 6.8 s",
    },
    Published {
        program: "Distributed-Image-Sharing-Cloud (f6da519)",
        source: MEASURED,
        small_s: "1.06",
        election_s: "none: one leader",
        large_s: "refused",
        answered: "fails after 30 s if its server dies",
    },
];

/// Pictures of 4.8 kB a second of the first of them, by clients.
pub(super) const PUBLISHED_RATES: [(u16, f64); 3] = [(1, 1.67), (3, 4.6), (6, 7.9)];
