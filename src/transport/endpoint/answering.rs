//! Answers those who begin a session.
//!
//! Decides who is let in and whose attempt goes first when two begin with each other at once: the
//! one with the larger key yields. Never begins a session.

use core::time::Duration;
use std::net::SocketAddr;

use super::arriving::Origin;
use super::{Endpoint, Us};
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::handshake::{Established, Reaction};
use crate::transport::way::Way;

/// An attempt of ours is older than that before one of theirs is preferred to it.
const YIELD_AFTER: Duration = Duration::from_secs(1);

impl Endpoint {
    /// Somebody begins a session with us.
    pub(super) fn on_initiation(
        &mut self,
        now: Moment,
        origin: Origin,
        datagram: &[u8],
    ) -> Option<Party> {
        let session = self.fresh_session();
        match self
            .desk
            .on_initiation(now, origin.address(), datagram, session)
        {
            Reaction::Answer {
                datagram: answer,
                established,
            } => {
                let received = datagram.len();
                let party = match established {
                    Some(made) => {
                        let party = self.admit(now, origin, *made, (received, true));
                        if party.is_none() {
                            self.desk.decline(now);
                        }
                        let party = party?;
                        // Twice, for nothing goes on without it; both together are far shorter
                        // than what they answer.
                        if 2 * answer.len() <= received {
                            self.push_raw(origin, answer.clone());
                        }
                        Some(party)
                    }
                    // Answered before, or not begun before the third message.
                    None => None,
                };
                self.push_raw(origin, answer);
                party
            }
            Reaction::Cookie(reply) | Reaction::Refusal(reply) => {
                self.push_raw(origin, reply);
                None
            }
            Reaction::Dropped(reason) => {
                self.counts.drop_one(reason.to_string());
                None
            }
        }
    }

    /// The third message of a handshake.
    pub(super) fn on_finish(
        &mut self,
        now: Moment,
        origin: Origin,
        datagram: &[u8],
    ) -> Option<Party> {
        match self.desk.on_finish(now, datagram) {
            Ok(established) => self.admit(now, origin, established, (datagram.len(), false)),
            Err(reason) => {
                self.counts.drop_one(reason.to_string());
                None
            }
        }
    }

    /// A session that the other end began. `received`: size of its datagram; `is_answered`: whether
    /// its first packet will tell the round trip, since the answer leaves now.
    fn admit(
        &mut self,
        now: Moment,
        origin: Origin,
        made: Established,
        (received, is_answered): (usize, bool),
    ) -> Option<Party> {
        let Some(party) = self.party_of(made.remote_static, &made.remote_payload) else {
            self.counts.drop_one("not one of ours");
            return None;
        };
        if self.prefers_own(now, party, (origin.way, &made.remote_static)) {
            self.counts.drop_one("begun by both ends");
            return None;
        }
        self.make_unproven_link(now, party);
        let local = made.local_session;
        let mut session = self.session(now, made, origin.way, received);
        session.observed = self.seen_by_us(party, origin);
        if is_answered {
            session.answers_handshake(now);
        }
        self.add(now, party, local, session);
        Some(party)
    }

    /// The address to tell a user who talks with us as a server.
    pub(super) fn seen_by_us(&self, party: Party, origin: Origin) -> Option<SocketAddr> {
        match (self.config.us, party) {
            (Us::Server(_), Party::User(_)) => origin.way.address(),
            _ => None,
        }
    }

    /// Whether an attempt of ours goes before one of theirs.
    fn prefers_own(&self, now: Moment, party: Party, (way, theirs): (Way, &[u8; 32])) -> bool {
        let connecting = self
            .links
            .get(&party)
            .and_then(|link| link.connecting.as_ref());
        connecting.is_some_and(|own| {
            // What is tried beside a relay is no reason to refuse another relay.
            let is_other = own.is_beside && way.address().is_none();
            let is_young = now.since(own.began_at) < YIELD_AFTER;
            !is_other && is_young && self.desk.public() < theirs
        })
    }
}
