//! The servers of a run: processes of this program in a folder of their own, killed and started.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use crate::chaos::children::Children;
use crate::chaos::members::Members;
use crate::cli::bench::folder::Folder;
use crate::cli::{cluster, failure};
use crate::node::config::{ServerAddress, TokenConfig};
use crate::proto::control::Failure;
use crate::proto::operator::LedgerStatus;
use crate::talk::session::pause;

/// Servers.
const SERVERS: u8 = 3;
/// How often servers are asked who leads, and how long in between.
const ASKED: u32 = 400;
const STEP: Duration = Duration::from_millis(25);

/// Who decides the order of looks, and is killed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leader {
    /// The server that leads.
    Server(u8),
    /// The member of etcd that leads.
    Member(u8),
}

/// See the module.
pub(super) struct Stage {
    servers: Vec<ServerAddress>,
    // They end in this order: no server sees its etcd end, and nobody writes to a folder that goes.
    processes: Children,
    etcd: Option<Members>,
    folder: Folder,
}

impl Stage {
    /// Starts the servers, and an etcd for their ledger if that is wanted.
    ///
    /// # Errors
    /// If they do not come up.
    pub(super) fn set(in_etcd: bool) -> Result<Self, Failure> {
        let folder = Folder::new()?;
        let servers = cluster::free_addresses(&folder.0, SERVERS)?;
        cluster::write_files(&folder.0, &servers, TokenConfig::default())?;
        let etcd = in_etcd.then(|| Members::start(&folder.0)).transpose()?;
        let mut stage = Self {
            folder,
            servers,
            processes: Children::default(),
            etcd,
        };
        for server in 1..=SERVERS {
            stage.raise(Leader::Server(server))?;
        }
        cluster::wait_ready(&stage.folder.0, &(1..=SERVERS).collect::<Vec<u8>>())?;
        Ok(stage)
    }

    pub(super) fn servers(&self) -> &[ServerAddress] {
        &self.servers
    }

    /// Starts a server or a member that does not run.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub(super) fn raise(&mut self, who: Leader) -> Result<(), Failure> {
        let server = match (who, &mut self.etcd) {
            (Leader::Server(server), _) => server,
            (Leader::Member(member), Some(etcd)) => return etcd.raise(member),
            (Leader::Member(_), None) => return Ok(()),
        };
        let data = cluster::server_folder(&self.folder.0, server);
        let mut command = Command::new(cluster::program()?);
        command
            .args(["node", "--role", "server", "--config"])
            .arg(data.join("server.toml"));
        if let Some(etcd) = &self.etcd {
            let endpoints = format!("ledger.endpoints={:?}", etcd.urls());
            command.args(["--set", "ledger.store=etcd", "--set", &endpoints]);
        }
        self.processes
            .start(server, &mut command, &data.join("node.log"))
    }

    /// Ends a server or a member without a word.
    ///
    /// # Errors
    /// If the operating system does not let us.
    pub(super) fn kill(&mut self, who: Leader) -> Result<(), Failure> {
        match (who, &mut self.etcd) {
            (Leader::Server(server), _) => self.processes.kill(server),
            (Leader::Member(member), Some(etcd)) => etcd.kill(member),
            (Leader::Member(_), None) => Ok(()),
        }
    }

    /// Who leads.
    ///
    /// # Errors
    /// If nobody does for ten seconds.
    pub(super) fn leader(&self) -> Result<Leader, Failure> {
        match &self.etcd {
            Some(etcd) => etcd.leader().map(Leader::Member),
            None => self.leading_server().map(Leader::Server),
        }
    }

    /// The server that leads, or that wrote to etcd last, as most servers tell.
    ///
    /// # Errors
    /// If nobody does for ten seconds.
    pub(super) fn leading_server(&self) -> Result<u8, Failure> {
        for _ in 0..ASKED {
            let mut votes: BTreeMap<u8, usize> = BTreeMap::new();
            for server in self.processes.running() {
                let leader = self.ledger(server).and_then(|ledger| ledger.leader);
                if let Some(leader) = leader {
                    *votes.entry(leader.0).or_default() += 1;
                }
            }
            let most = votes.into_iter().find(|(leader, votes)| {
                let runs = self.processes.running().any(|server| server == *leader);
                runs && *votes > usize::from(SERVERS / 2)
            });
            if let Some((leader, _)) = most {
                return Ok(leader);
            }
            pause(STEP);
        }
        Err(failure::unreachable("no server leads", ""))
    }

    /// Whether everybody who was started takes part.
    pub(super) fn is_whole(&self) -> bool {
        let serves = |server| self.ledger(server).is_some_and(|ledger| ledger.serves());
        let etcd = self.etcd.as_ref();
        self.processes.running().all(serves) && etcd.is_none_or(Members::answer)
    }

    /// How a server takes part in the ledger; none if it does not answer.
    pub(super) fn ledger(&self, server: u8) -> Option<LedgerStatus> {
        let data = cluster::server_folder(&self.folder.0, server);
        Some(cluster::status(&data).ok()?.ledger)
    }

    /// What the largest server took at the most, and the largest member of etcd, in KiB.
    pub(super) fn most_kib(&mut self) -> (u64, Option<u64>) {
        let etcd = self.etcd.as_mut().map(Members::most_kib);
        (self.processes.most_kib(), etcd)
    }
}
