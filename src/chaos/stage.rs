//! What a run is played on: nodes that can be started and struck, a network that can be made bad,
//! people who can wish. Times are microseconds since the stage was set.

use super::orders::Judged;
use super::scenario::step::Host;
use crate::proto::control::{Command, Failure, News};
use crate::proto::operator::ServerCommand;
use crate::sim::network::Weather;

/// Something that happened on a stage.
#[derive(Debug)]
pub(super) struct Happened {
    /// When.
    pub(super) at_us: u64,
    /// To whom.
    pub(super) host: Host,
    /// What.
    pub(super) what: What,
}

/// What happened.
#[derive(Debug)]
pub(super) enum What {
    /// A person was told about a wish.
    Told(u64, News),
    /// The state of a server as its operator sees it changed.
    Server {
        /// How it is.
        state: ServerState,
        /// When it was asked the last time before, and was as it was then; none if it was not.
        before_us: Option<u64>,
    },
    /// A server began to make a picture.
    Worked,
}

/// A server as its operator sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerState {
    /// Whether it leads the others in the ledger.
    pub(super) leads: bool,
    /// Whether it counts looks: it has caught up with the ledger.
    pub(super) serves: bool,
    /// Whether it holds the failure token.
    pub(super) token_here: bool,
    /// Whether it is in a planned failure.
    pub(super) failing: bool,
    /// Jobs waiting and running.
    pub(super) jobs: u32,
    /// Times that it took another server for lost, since it began.
    pub(super) suspicions: u64,
}

/// What is done to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It begins, from its disk.
    Start,
    /// It ends without warning.
    Strike,
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
    /// It is so many times slower; 1 is as fast as others.
    Slow(u32),
    /// A server that is down loses what is on its disk, but for its key.
    Wipe,
    /// The disk of a server is full, or has room again.
    Fill(bool),
}

/// Where a run is played. All hosts are down at first.
pub(super) trait Stage {
    /// Time since the stage was set.
    fn now_us(&self) -> u64;

    /// Goes on until something happened, at most to `until_us`. Empty only when that has come.
    ///
    /// # Errors
    /// If the stage itself breaks down.
    fn advance(&mut self, until_us: u64) -> Result<Vec<Happened>, Failure>;

    /// Does something to a node.
    ///
    /// # Errors
    /// If the stage itself breaks down.
    fn deed(&mut self, host: Host, deed: Deed) -> Result<(), Failure>;

    /// A person wishes; the number comes back in what is told.
    ///
    /// # Errors
    /// If the stage itself breaks down.
    fn wish(&mut self, client: Host, number: u64, command: Command) -> Result<(), Failure>;

    /// An operator commands a server. One that is down hears nothing.
    fn operate(&mut self, server: Host, command: ServerCommand);

    /// Lets nothing pass from one host to another, or mends that.
    fn cut(&mut self, from: Host, to: Host, cut: bool);

    /// A member of etcd ends without warning, or begins again from its disk. Nothing where there is
    /// no etcd.
    ///
    /// # Errors
    /// If the stage itself breaks down.
    fn member(&mut self, _member: u8, _up: bool) -> Result<(), Failure> {
        Ok(())
    }

    /// The people without homes begin to order, if the scenario has some.
    ///
    /// # Errors
    /// If the stage itself breaks down.
    fn begin_orders(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// They end; what became of their orders is judged, for which the servers end. Nothing comes
    /// after it.
    ///
    /// # Errors
    /// If the stage itself breaks down.
    fn end_orders(&mut self) -> Result<Option<Judged>, Failure> {
        Ok(None)
    }

    /// Changes the network.
    fn weather(&mut self, weather: Weather);
}
