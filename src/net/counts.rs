//! What passed the net edge and what did not: the transport's counts and the sockets', of all
//! faces together.

use super::fault_gate::FaultGate;
use super::socket::SocketCounts;
use crate::transport::counts::{self, Dropped};

/// What passed and what did not, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams and packets dropped, and errors of sockets, by reason.
    pub dropped: Dropped,
    /// Bytes of datagrams that came in and were not kept out.
    pub received_bytes: u64,
    /// Bytes of datagrams that were to leave.
    pub sent_bytes: u64,
    /// Sessions that were made.
    pub sessions: u64,
    /// Bytes passed on from one user to another.
    pub relayed_bytes: u64,
    /// Users brought together.
    pub introductions: u64,
    /// Times that the concerns had no room for what arrived. It waited.
    pub waits_for_concerns: u64,
    /// What the sockets saw.
    pub sockets: SocketCounts,
}

impl Counts {
    /// Adds those of one face.
    pub fn add(&mut self, core: &counts::Counts, socket: &SocketCounts, gate: FaultGate) {
        let kept_out = (gate.kept_out() > 0).then(|| (KEPT_OUT.to_owned(), gate.kept_out()));
        let errors = socket
            .errors
            .iter()
            .map(|(kind, count)| ((*kind).to_owned(), *count));
        let dropped = core
            .dropped
            .iter()
            .map(|(reason, count)| (reason.clone(), *count));
        for (reason, count) in dropped.chain(errors).chain(kept_out) {
            *self.dropped.entry(reason).or_default() += count;
        }
        self.received_bytes += core.received_bytes;
        self.sent_bytes += core.sent_bytes;
        self.sessions += core.sessions;
        self.relayed_bytes += core.relayed_bytes;
        self.introductions += core.introductions;
        self.sockets.add(socket);
    }
}

/// Why nothing passes while a planned failure lasts.
const KEPT_OUT: &str = "kept out by a planned failure";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_are_added_up_and_reasons_of_all_kinds_stand_together() {
        let mut core = counts::Counts::default();
        core.drop_many("stranger", 2);
        core.received_bytes = 10;
        let mut socket = SocketCounts {
            received: 3,
            granted_receive_bytes: 500,
            ..SocketCounts::default()
        };
        socket.errors.insert("send: no route", 4);
        let mut gate = FaultGate::default();
        gate.set(true);
        gate.pass(5);
        let mut counts = Counts::default();
        counts.add(&core, &socket, gate);
        socket.granted_receive_bytes = 400;
        counts.add(&core, &socket, FaultGate::default());
        assert_eq!(counts.dropped["stranger"], 4);
        assert_eq!(counts.dropped["send: no route"], 8);
        assert_eq!(counts.dropped[KEPT_OUT], 5);
        assert_eq!(counts.received_bytes, 20);
        assert_eq!(counts.sockets.received, 6);
        assert_eq!(counts.sockets.granted_receive_bytes, 400);
    }
}
