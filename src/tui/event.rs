//! What happens to the screens, and what they order. Nothing here does anything.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use crate::proto::control::{Command, Failure, News};
use crate::proto::operator::ServerStatus;
use crate::time::WallTime;

/// Names a wish of the screens, from the order until its end.
pub type Tag = u64;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Pasted(String),
    /// The terminal has so many columns and rows.
    Resized(u16, u16),
    /// The terminal's window came to the front, or went behind others.
    Focused(bool),
    /// Time passes; about four times a second.
    Tick,
    /// News of a wish, or a notice for the tag of a watch.
    Told(Tag, News),
    /// The conversation with the client node is open again, or lost.
    Connected(bool),
    /// The servers of the local cluster, each with its status if it answers; empty if there is
    /// no local cluster.
    Cluster(Vec<(u8, Option<ServerStatus>)>),
    /// The picture of a look is on the screen.
    Painted,
    /// The picture of a look cannot be painted, and why.
    NotPainted(String),
    /// A file that was ordered, with its path: a picture or any other.
    FileRead(Tag, Result<(PathBuf, bytes::Bytes), Failure>),
    /// A file that was ordered was written, or not.
    FileWritten(Tag, Result<PathBuf, Failure>),
    /// The home that was ordered is made, or not; then the conversation opens.
    HomeMade(Result<(), Failure>),
}

/// Something the screens order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Make a wish at the client node.
    Wish(Tag, Command),
    /// Give up a wish that was made.
    Cancel(Tag),
    /// Decode these bytes and have them ready to paint; answered by `Painted` or `NotPainted`.
    Paint(bytes::Bytes),
    /// Forget the picture, and wipe what is left of it from the screen.
    Wipe,
    /// Read a file.
    Read(Tag, PathBuf),
    /// Write a file beside others, never over one.
    Write(Tag, PathBuf, bytes::Bytes),
    /// Make a key and a configuration for this name, from the list of servers of the local
    /// cluster, or of this file.
    MakeHome {
        /// The name, without a leading `@`.
        name: String,
        /// The list of servers, if not that of the local cluster.
        servers: Option<PathBuf>,
    },
    /// End the program.
    Quit,
}

/// An event with the time at which it happened.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// When.
    pub at: WallTime,
    /// What.
    pub event: Event,
}
