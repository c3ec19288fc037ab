//! What is agreed on: a machine that makes the same of the same commands on every server.

use core::fmt;

use bytes::Bytes;

use crate::proto::ids::Digest;
use crate::time::WallTime;

/// A deterministic state. Everything below depends on the state and the arguments only: no clock,
/// no chance, no order of a hash map. Two servers that were given the same commands under the same
/// numbers are equal, in what they answer, in their snapshots and in their digests.
pub trait StateMachine: Sized {
    /// What a client is told of its command or question.
    type Reply: Clone + fmt::Debug;
    /// What every server does once a command is agreed.
    type Effect: Clone + fmt::Debug;
    /// Why bytes are no snapshot.
    type Damaged: fmt::Display;

    /// Whether a command is worth a place in the log: a cheap look by the leader, on what it has
    /// applied so far. `clock` is its own. What it remembers of this look changes no answer.
    ///
    /// # Errors
    /// What the client is told instead.
    fn admit(&mut self, clock: WallTime, command: &[u8]) -> Result<(), Self::Reply>;

    /// Carries out an agreed command. Total: a command that makes no sense has a reply too, and
    /// one that comes again is answered as before. `seq` is its place in the log, larger than that
    /// of every command before it; `stamp` is a leader's clock, which may run backwards. An
    /// empty command tells the time only, see [`StateMachine::due`].
    fn apply(
        &mut self,
        seq: u64,
        stamp: WallTime,
        command: &[u8],
    ) -> (Self::Reply, Vec<Self::Effect>);

    /// When the state changes by time alone next. A leader whose clock has passed it lets the log
    /// tell the time.
    fn due(&self) -> Option<WallTime>;

    /// What servers do that a state which came as a whole does not tell. Asked for when a server
    /// has such a state, and told once. Nothing, unless the machine says otherwise.
    fn made_up(&mut self) -> Vec<Self::Effect> {
        Vec::new()
    }

    /// Answers a question about the state.
    fn query(&self, question: &[u8]) -> Self::Reply;

    /// The state as bytes. Beyond [`Config::snapshot_max_bytes`](super::Config) no server that is
    /// far behind can be helped.
    fn snapshot(&self) -> Bytes;

    /// The state of a snapshot.
    ///
    /// # Errors
    /// If the bytes are no snapshot. They may come from a damaged disk.
    fn restore(snapshot: &[u8]) -> Result<Self, Self::Damaged>;

    /// Tells two states apart.
    fn digest(&self) -> Digest;
}
