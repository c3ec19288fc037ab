//! People without homes at real servers, and the witness of what they are told.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::chaos::orders::{self, Crowd, Judged, LogBook, Observer, Told, Witness};
use crate::chaos::scenario::Orders;
use crate::chaos::scenario::step::Host;
use crate::node::config::{LedgerConfig, ServerAddress};
use crate::proto::ids::NodeId;

/// See the module.
pub(super) struct People {
    addresses: Vec<SocketAddr>,
    rate_per_s: f64,
    seed: u64,
    servers: Vec<ServerAddress>,
    crowd: Option<Crowd>,
    witness: Witness,
}

impl People {
    /// People at these addresses, who do nothing yet. `copies` is a folder for the witness.
    ///
    /// # Errors
    /// If there is no folder or no thread to be had.
    pub(super) fn new(
        wanted: &Orders,
        addresses: Vec<SocketAddr>,
        servers: Vec<ServerAddress>,
        ledger: &LedgerConfig,
        (copies, seed): (&Path, u64),
    ) -> io::Result<Self> {
        let nodes: Vec<NodeId> = servers.iter().map(ServerAddress::node).collect();
        let witness = match ledger.etcd() {
            None => Witness::Disks(LogBook::begin(copies.to_owned(), nodes)?),
            Some(etcd) => Witness::Etcd(Observer::begin(nodes, ledger.asked(), etcd, seed)?),
        };
        Ok(Self {
            addresses,
            rate_per_s: *wanted.rate_per_s.get_ref(),
            seed,
            servers,
            crowd: None,
            witness,
        })
    }

    /// They begin to order.
    ///
    /// # Errors
    /// If there is no socket or no thread to be had.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let (rate, seed) = (self.rate_per_s, self.seed);
        self.crowd = Some(Crowd::start(&self.addresses, &self.servers, rate, seed)?);
        Ok(())
    }

    /// A server has ended; this is its folder.
    ///
    /// # Errors
    /// If its disk cannot be copied.
    pub(super) fn ended(&mut self, server: Host, folder: &Path) -> io::Result<()> {
        match &mut self.witness {
            Witness::Disks(book) => book.copy(self.servers[server].node(), folder),
            Witness::Etcd(_) => Ok(()),
        }
    }

    /// They end. None if they never began.
    ///
    /// # Errors
    /// If sockets could not be waited for.
    pub(super) fn end(&mut self) -> io::Result<Option<Told>> {
        self.crowd.take().map(Crowd::end).transpose()
    }

    /// What they were told is judged; all servers have ended.
    ///
    /// # Errors
    /// If the witness could not see anything.
    pub(super) fn judge(self, told: Told) -> io::Result<Judged> {
        orders::judge(told, self.witness)
    }
}
