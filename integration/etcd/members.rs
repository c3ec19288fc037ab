//! The etcd of the tests: that of chaos runs, in a folder of its own, and without it no test.

use pentimento::chaos::members;

use crate::stage::until;

/// Three members, struck down and raised again.
pub(crate) struct Members {
    members: members::Members,
    // It goes when they have ended.
    _folder: tempfile::TempDir,
}

impl Members {
    /// Three members that answer; none where there is no etcd.
    pub(crate) fn start() -> Option<Self> {
        if members::version().is_none() {
            eprintln!("skipped: no program `etcd` (Debian package etcd-server)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self {
            members: members::Members::start(folder.path()).expect("three members that answer"),
            _folder: folder,
        })
    }

    /// Starts a member with what is on its disk.
    pub(crate) fn raise(&mut self, member: u8) {
        self.members.raise(member).expect("etcd starts");
    }

    /// Ends a member at once (SIGKILL).
    pub(crate) fn strike(&mut self, member: u8) {
        self.members.kill(member).expect("it runs");
    }

    /// Where clients reach them.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.members.urls()
    }

    /// The same, as a configuration has them.
    pub(crate) fn endpoints(&self) -> String {
        format!("{:?}", self.urls())
    }

    /// Waits until each that runs answers what needs a majority.
    #[track_caller]
    pub(crate) fn wait_ready(&self) {
        until("the members of etcd answer", || {
            self.members.answer().then_some(())
        });
    }
}
