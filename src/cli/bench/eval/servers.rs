//! The servers of a run: processes of this program on loopback, each held to its share of a core.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::share::{ShareMeans, Shares};
use super::usage::Usage;
use crate::chaos::children::Children;
use crate::cli::{cluster, failure};
use crate::node::config::{ServerAddress, TokenConfig};
use crate::proto::control::Failure;
use crate::proto::operator::ServerCommand;

/// See the module.
pub(super) struct Servers {
    list: Vec<ServerAddress>,
    // They end in this order: a group goes when nobody is in it any more.
    processes: Children,
    shares: Shares,
    usage: Usage,
}

impl Servers {
    /// Starts so many in a folder; nobody is held to a share yet. `covers` is where drawn covers
    /// lie, for all runs.
    ///
    /// # Errors
    /// If they do not come up, or cannot be held.
    pub(super) fn start(
        folder: &Path,
        covers: &Path,
        count: u8,
        means: ShareMeans,
    ) -> Result<Self, Failure> {
        let list = cluster::free_addresses(folder, count)?;
        cluster::write_files(folder, &list, TokenConfig::default())?;
        let mut servers = Self {
            list,
            processes: Children::default(),
            shares: Shares::new(means)?,
            usage: Usage::default(),
        };
        for number in 1..=count {
            let data = cluster::server_folder(folder, number);
            let mut command = Command::new(cluster::program()?);
            // Covers that are drawn ahead would come out of the share.
            command
                .args(["node", "--role", "server", "--config"])
                .arg(data.join("server.toml"))
                .args(["--set", "work.draw_ahead=false"])
                .args(["--set", &format!("covers={}", covers.display())]);
            let log = data.join("node.log");
            servers.processes.start(number, &mut command, &log)?;
        }
        cluster::wait_ready(folder, &(1..=count).collect::<Vec<u8>>())?;
        Ok(servers)
    }

    /// The list that clients have.
    pub(super) fn list(&self) -> &[ServerAddress] {
        &self.list
    }

    /// How they are held to their shares, in a few words.
    pub(super) const fn means(&self) -> &'static str {
        self.shares.word()
    }

    /// Holds each server to so many hundredths of a core from now on.
    ///
    /// # Errors
    /// If the operating system does not let us.
    pub(super) fn hold(&mut self, percents: &[u16]) -> Result<(), Failure> {
        for (server, &percent) in self.list.iter().zip(percents) {
            let pid = self.processes.pid(server.id);
            let gone = || failure::unreachable("a server has ended", "");
            self.shares.hold(pid.ok_or_else(gone)?, percent)?;
        }
        Ok(())
    }

    /// Processor time that each has used since its start.
    pub(super) fn processor(&mut self) -> Vec<Duration> {
        let pids = self.list.iter().map(|server| self.processes.pid(server.id));
        let pids: Vec<Option<u32>> = pids.collect();
        let used = pids.into_iter().flatten();
        used.map(|pid| self.usage.processor(pid)).collect()
    }

    /// What the largest took of memory at the most, in KiB.
    pub(super) fn most_kib(&mut self) -> u64 {
        self.processes.most_kib()
    }

    /// Has the servers of a folder fail on purpose, one after the other, from now on.
    ///
    /// # Errors
    /// If the first of them does not hear it.
    pub(super) fn fail_on_purpose(folder: &Path, announced: bool) -> Result<(), Failure> {
        let first = cluster::server_folder(folder, 1);
        let on = true;
        cluster::command(&first, ServerCommand::Token { on, announced }).map(|_| ())
    }
}
