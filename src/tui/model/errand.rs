//! What a wish or a file was ordered for, so that its news find their place.

use std::path::PathBuf;

use crate::proto::ids::GrantId;

/// What an order is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Watch,
    Status,
    Peers,
    Leases,
    Requests,
    Gallery(Option<String>),
    /// A small change; the text says what was done.
    Act(String),
    /// What happened to a grant.
    Log,
    /// A look is being opened.
    Open(GrantId),
    /// A look that the person gave up before it opened.
    OpenGivenUp,
    /// A painted look is being counted.
    Count,
    /// A look that was not painted is being given back.
    GiveBack,
    /// A file is read for this purpose.
    Read(Purpose),
    /// The shown transfer: the cloud hides a picture, or a picture is shared.
    Transfer,
    /// The result of the shown transfer is written.
    Write,
    /// A sample is being offered.
    Sample,
}

/// What a file is read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be hidden for ourselves.
    Hide,
    /// A list of files to hide, one a line.
    HideList,
    /// To be offered.
    Offer,
    /// To be shared with a peer for so many looks.
    Share { to: String, views: u32 },
}

/// Files that wait to be hidden, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct HideQueue {
    /// Those that wait.
    pub(crate) waiting: Vec<PathBuf>,
    /// How many there were.
    pub(crate) total: usize,
    /// How many are written.
    pub(crate) written: usize,
}
