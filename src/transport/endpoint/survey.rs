//! What an endpoint holds at a moment, for whoever checks that it keeps its promises.
//!
//! Reads, never changes. Costs a walk over all links: nothing that is done for each datagram of a
//! real node.

use super::Endpoint;
use crate::proto::packet::Party;
use crate::transport::session::Session;

/// What an endpoint holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Bytes of unfinished messages that are charged to the budget.
    pub budget_used_bytes: usize,
    /// The budget.
    pub budget_max_bytes: usize,
    /// Bytes that the receivers of all links say they are charged.
    pub receivers_used_bytes: usize,
    /// Bytes that lie unused in the pool or are lent by it.
    pub pool_bytes: usize,
    /// Datagrams of handshakes that wait for the socket.
    pub raw: usize,
    /// Links that stand in line to send.
    pub in_line: usize,
    /// Timers of links.
    pub timers: usize,
    /// Session numbers that are known, those of attempts included.
    pub session_numbers: usize,
    /// Session numbers that the links hold, those of attempts included.
    pub link_numbers: usize,
    /// The links, in order of their parties.
    pub links: Vec<LinkSurvey>,
}

/// What a link holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSurvey {
    /// With whom.
    pub party: Party,
    /// Small packets and relayed datagrams that wait.
    pub waiting: usize,
    /// Bytes that its receiver says it is charged.
    pub receiver_used_bytes: usize,
    /// Its sessions; the first one sends.
    pub sessions: Vec<SessionSurvey>,
    /// The session, by our number, whose messages arrive.
    pub receives_in: Option<u32>,
    /// Messages that leave, in the first session.
    pub sending: Vec<Sending>,
    /// Messages that arrive, in that session.
    pub receiving: Vec<Receiving>,
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSurvey {
    /// Our number of it.
    pub local: u32,
    /// The other end's.
    pub remote: u32,
    /// Whether the other end has shown that it has the keys.
    pub confirmed: bool,
    /// The number of the next packet.
    pub next_number: u64,
    /// The largest number acknowledged by the other end.
    pub largest_acked: Option<u64>,
    /// The largest number that arrived.
    pub largest_heard: Option<u64>,
    /// Bytes in flight.
    pub in_flight_bytes: u64,
    /// Bytes that may be in flight.
    pub window_bytes: u64,
    /// Bytes of the largest datagram.
    pub datagram_bytes: usize,
}

/// A message that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Its number.
    pub message: u32,
    /// Every fragment before this one is acknowledged.
    pub first_unacked: u32,
    /// The first fragment that was never sent.
    pub cursor: u32,
    /// The first fragment that may not be sent.
    pub credit: u32,
}

/// A message that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiving {
    /// Its number.
    pub message: u32,
    /// Every fragment before this one is here.
    pub first_missing: u32,
    /// The first fragment that is not taken.
    pub credit: u32,
}

impl Endpoint {
    /// What it holds now.
    #[must_use]
    pub fn survey(&self) -> Survey {
        let mut survey = Survey {
            budget_used_bytes: self.budget.used_bytes(),
            budget_max_bytes: self.budget.max_bytes(),
            pool_bytes: self.pool.idle_bytes() + self.pool.lent_bytes(),
            raw: self.raw.len(),
            in_line: self.line.len(),
            timers: self.timers.len(),
            session_numbers: self.sessions.len(),
            ..Survey::default()
        };
        for link in self.links.values() {
            survey.link_numbers += link.numbers().count();
            survey.receivers_used_bytes += link.receiver.used_bytes();
            survey.links.push(LinkSurvey {
                party: link.party,
                waiting: link.waiting(),
                receiver_used_bytes: link.receiver.used_bytes(),
                sessions: link.sessions.iter().map(Session::survey).collect(),
                receives_in: link.receiving(),
                sending: link.sender.survey().collect(),
                receiving: link.receiver.survey().collect(),
            });
        }
        survey
    }
}
