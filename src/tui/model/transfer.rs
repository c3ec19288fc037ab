//! A file on its way: to the cloud to be hidden, and on to a peer.

use std::path::PathBuf;

use super::errand::HideQueue;
use crate::proto::control::{Failure, Progress};
use crate::time::WallTime;
use crate::tui::event::Tag;

/// Bytes of a file in one datagram.
pub(crate) const CHUNK_BYTES: u32 = 1_120;

/// A transfer.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    /// The wish that it belongs to; none before the file is read.
    pub(crate) tag: Tag,
    /// What is done, in words.
    pub(crate) title: String,
    /// The file.
    pub(crate) source: PathBuf,
    /// Where it stands, in words.
    pub(crate) phase: &'static str,
    /// Bytes of this phase that are through, and all of them; none if nothing is counted now.
    pub(crate) bytes: Option<(u32, u32)>,
    /// When this phase began, and with how many bytes through.
    phase_began: (WallTime, u32),
    /// Servers that took the request after others were lost.
    pub(crate) epoch: u32,
    /// The server at work.
    pub(crate) server: Option<String>,
    /// Why it ended; the transfer stays on the screen until a key is pressed.
    pub(crate) failure: Option<Failure>,
    /// Whether it runs without being shown.
    pub(crate) behind: bool,
    /// Further files of a list.
    pub(crate) queue: HideQueue,
}

impl Transfer {
    pub(crate) fn new(tag: Tag, title: String, source: PathBuf, now: WallTime) -> Self {
        Self {
            tag,
            title,
            source,
            phase: "reading the file",
            bytes: None,
            phase_began: (now, 0),
            epoch: 0,
            server: None,
            failure: None,
            behind: false,
            queue: HideQueue::default(),
        }
    }

    pub(crate) fn begin(&mut self, phase: &'static str, bytes: Option<(u32, u32)>, now: WallTime) {
        if self.phase != phase {
            self.phase = phase;
            self.phase_began = (now, bytes.map_or(0, |(done, _)| done));
        }
        self.bytes = bytes;
    }

    pub(crate) fn progress(&mut self, progress: Progress, now: WallTime) {
        match progress {
            Progress::Asked(_) => self.begin("asking the servers", None, now),
            Progress::Elected { node, epoch } => {
                self.server = Some(node.to_string());
                self.epoch = epoch;
                self.begin("a server took it", None, now);
            }
            Progress::Uploading {
                done_bytes,
                total_bytes,
            } => self.begin("sending", Some((done_bytes, total_bytes)), now),
            Progress::Hiding => self.begin("hiding it in a picture", None, now),
            Progress::Downloading {
                done_bytes,
                total_bytes,
            } => self.begin("fetching the picture", Some((done_bytes, total_bytes)), now),
            Progress::Delivering {
                done_bytes,
                total_bytes,
            } => self.begin(
                "handing it to the peer",
                Some((done_bytes, total_bytes)),
                now,
            ),
        }
    }

    /// Bytes in a second, since this phase began.
    pub(crate) fn rate(&self, now: WallTime) -> Option<u64> {
        let (done, _) = self.bytes?;
        let (since, from) = self.phase_began;
        let spent_ms = now.0.saturating_sub(since.0);
        let moved = u64::from(done.saturating_sub(from));
        (spent_ms > 0 && moved > 0).then(|| moved * 1_000 / spent_ms)
    }

    /// Parts that are through, and all of them.
    pub(crate) fn chunks(&self) -> Option<(u32, u32)> {
        let (done, total) = self.bytes?;
        Some((done.div_ceil(CHUNK_BYTES), total.div_ceil(CHUNK_BYTES)))
    }

    /// It ended without success; shown until a key is pressed.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.behind = false;
    }

    /// Whether it still runs.
    pub(crate) const fn runs(&self) -> bool {
        self.failure.is_none()
    }
}
