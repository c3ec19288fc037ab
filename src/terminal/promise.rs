//! What a grant prevents and what nothing does, in the same words wherever a person reads it.

/// Nothing helps against these, whoever counts.
pub const NOT_PREVENTED: &str = "not prevented: a camera, a changed program, a majority of the \
                                 servers that conspire with the borrower";

/// What is prevented: by who counts the looks, and how many may be used without the servers.
#[must_use]
pub const fn prevented(by_servers: bool, offline: u32) -> &'static str {
    match (by_servers, offline) {
        (false, _) => {
            "looks are counted by the borrower's program: an older copy of its files has more of \
             them"
        }
        (true, 0) => "looks are counted by the servers: no copy of files gives one more",
        (true, _) => {
            "looks are counted by the servers; those taken offline can be repeated from a copy of \
             the files until their date, and two copies that report end the grant"
        }
    }
}
