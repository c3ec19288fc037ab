//! Begins sessions, and takes the answers.
//!
//! Who has no session with a party that can be reached sends an initiation to every way that is
//! known, again and again with growing pauses, and gives up after a while.

use core::time::Duration;

use rand::Rng;

use super::Endpoint;
use super::arriving::Origin;
use crate::proto::ids::NodeId;
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::handshake::{Established, Initiator};
use crate::transport::recovery;
use crate::transport::recovery::path_mtu::{self, BASE_BYTES, PathMtu};
use crate::transport::session::Session;
use crate::transport::way::{RELAYED_BYTES, Way};
use crate::transport::wire;

/// Pause before an initiation is repeated the first time: what one is lost for costs no more than
/// two usual round trips, and on a long way two or three leave in vain.
const REPEAT_FIRST: Duration = Duration::from_millis(40);
/// Initiations after which a smaller datagram is tried: the larger one may be what does not arrive.
const LARGE_TRIES: u32 = 2;
/// The longest pause.
const REPEAT_MAX: Duration = Duration::from_secs(2);
/// An attempt ends after so long; the next packet begins another one.
const GIVE_UP: Duration = Duration::from_secs(10);
/// An attempt beside a relayed session ends after so long.
const GIVE_UP_BESIDE: Duration = Duration::from_secs(1);
/// A session that the other end does not know is made anew, but no more often than this.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// Parties that gave their sessions the same number and are looked at for one hint.
const REMOTES_TRIED: usize = 8;

/// An attempt to begin a session.
pub(in crate::transport) struct Connecting {
    pub(super) initiator: Initiator,
    pub(in crate::transport) session: u32,
    pub(super) began_at: Moment,
    /// When what is answered next left first.
    tried_at: Moment,
    pub(in crate::transport) again_at: Moment,
    pause: Duration,
    /// Initiations that left.
    tries: u32,
    /// Size of the smallest one on a direct way.
    pub(super) bytes: usize,
    /// Whether there is a relayed session, and only direct ways are tried.
    pub(super) is_beside: bool,
}

impl Endpoint {
    pub(super) fn fresh_number(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A number that no session here has.
    pub(super) fn fresh_session(&mut self) -> u32 {
        loop {
            let number = self.rng.next_u32();
            if number != 0 && !self.sessions.contains_key(&number) {
                return number;
            }
        }
    }

    /// Begins a session if there is none that can send, and a way to begin one.
    pub(super) fn connect_if_needed(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        let is_confirmed = link.current().is_some_and(|session| !session.closed);
        if is_confirmed || link.connecting.is_some() || self.begin_early(now, party) {
            return;
        }
        self.connect(now, party);
    }

    pub(super) fn connect(&mut self, now: Moment, party: Party) {
        self.begin(now, party, false);
    }

    /// Tries direct ways although there is a relayed session.
    pub(super) fn connect_beside(&mut self, now: Moment, party: Party) {
        self.begin(now, party, true);
    }

    fn begin(&mut self, now: Moment, party: Party, is_beside: bool) {
        if !self.can_begin(party) || (is_beside && self.key_of(party).is_none()) {
            return;
        }
        let session = self.fresh_session();
        let bytes = self.config.datagram_max_bytes.clamp(BASE_BYTES, 1_472);
        let key = self.key_of(party);
        let wall = self.config.calendar.at(now);
        let initiator = match self.desk.begin(wall, key, session, bytes) {
            Ok((initiator, _)) => initiator,
            Err(reason) => return self.counts.drop_one(reason.to_string()),
        };
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        link.connecting = Some(Connecting {
            initiator,
            session,
            began_at: now,
            tried_at: now,
            again_at: now.after(REPEAT_FIRST),
            pause: REPEAT_FIRST,
            tries: 1,
            bytes,
            is_beside,
        });
        self.sessions.insert(session, party);
        self.search(now, party);
        let ways = self.ways_to_try(now, party);
        self.initiate(now, party, &ways);
        self.attend(now, party);
    }

    /// Repeats an initiation, or gives up.
    pub(super) fn on_connecting_deadline(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        let Some(connecting) = link.connecting.as_mut().filter(|one| one.again_at <= now) else {
            return;
        };
        let is_beside = connecting.is_beside;
        let give_up = if is_beside { GIVE_UP_BESIDE } else { GIVE_UP };
        if now.since(connecting.began_at) >= give_up {
            let session = connecting.session;
            link.connecting = None;
            if !is_beside {
                link.forget_packets(&mut self.counts);
            }
            self.sessions.remove(&session);
            return;
        }
        if connecting.tries >= LARGE_TRIES {
            connecting.bytes = BASE_BYTES;
        }
        connecting.tries += 1;
        connecting.pause = (connecting.pause * 8 / 5).min(REPEAT_MAX);
        connecting.again_at = now.after(connecting.pause);
        let ways = self.ways_to_try(now, party);
        self.initiate(now, party, &ways);
    }

    /// A session from a finished handshake.
    pub(super) fn session(
        &mut self,
        now: Moment,
        mut made: Established,
        way: Way,
        received: usize,
    ) -> Session {
        made.resumption.datagram_bytes = received;
        let (recovery, mtu) = self.path(way, received);
        self.counts.sessions += 1;
        // Who answers a handshake knows no more than that somebody asked; the first sealed packet
        // proves the address.
        Session::new(now, made, way, recovery, mtu, None)
    }

    /// What a session on this way begins with, if a datagram of `received` bytes is known to pass.
    pub(super) fn path(&mut self, way: Way, received: usize) -> (recovery::Config, PathMtu) {
        let max_bytes = match way {
            Way::Direct(_) => self.config.datagram_max_bytes,
            Way::Relay(_) => RELAYED_BYTES,
        };
        // The handshake has carried a datagram of this size, at least one way; a way that does not
        // carry it back is found out soon.
        let start_bytes = received.clamp(BASE_BYTES.min(max_bytes), max_bytes);
        let is_v6 = way.address().is_some_and(|address| address.is_ipv6());
        let mtu = PathMtu::new(path_mtu::Config {
            start_bytes,
            max_bytes,
            ladder: if is_v6 {
                path_mtu::LADDER_V6
            } else {
                path_mtu::LADDER_V4
            },
        });
        let recovery = recovery::Config {
            congestion: self.config.congestion,
            flow_max_bytes: self.config.flow_max_bytes,
            datagram_bytes: mtu.current(),
            seed: self.rng.next_u64(),
            ..recovery::Config::lan()
        };
        (recovery, mtu)
    }

    pub(super) fn add(&mut self, now: Moment, party: Party, local: u32, session: Session) {
        self.sessions.insert(local, party);
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        for gone in link.add_session(now, session) {
            self.sessions.remove(&gone);
        }
    }

    /// Our attempt is answered.
    pub(super) fn on_answer(
        &mut self,
        now: Moment,
        origin: Origin,
        datagram: &[u8],
    ) -> Option<Party> {
        let party = self.party_of_attempt(datagram);
        let link = party.and_then(|party| self.links.get_mut(&party));
        let Some(connecting) = link.and_then(|link| link.connecting.as_mut()) else {
            self.counts.drop_one("answer to nothing");
            return None;
        };
        let party = party?;
        let (bytes, local) = (connecting.bytes, connecting.session);
        // If it was repeated, it is open which one was answered; too short a guess would make
        // packets leave in vain.
        let rtt = now.since(connecting.tried_at);
        let (mut made, finish) = match self
            .desk
            .on_answer(now, &mut connecting.initiator, datagram)
        {
            Ok(made) => made,
            Err(error) => {
                self.counts.drop_one(error.to_string());
                return None;
            }
        };
        if !self.is_expected(party, &made) {
            self.counts.drop_one("answered by somebody else");
            return None;
        }
        if let Some(finish) = finish {
            self.push_raw(origin, finish);
        }
        made.resumption.rtt = Some(rtt);
        self.desk
            .keep(now, made.resumption.clone(), origin.address());
        let session = self.session(now, made, origin.way, bytes);
        self.links.get_mut(&party)?.connecting = None;
        self.add(now, party, local, session);
        self.on_proven(now, party);
        // The other end must hear from us before it may send.
        let link = self.links.get_mut(&party)?;
        link.greet();
        Some(party)
    }

    pub(super) fn party_of_attempt(&self, datagram: &[u8]) -> Option<Party> {
        let session = datagram.get(2..6)?.try_into().ok()?;
        self.sessions.get(&u32::from_le_bytes(session)).copied()
    }

    /// Whether an answer comes from whom we asked. A server without a known key is believed the
    /// first time.
    fn is_expected(&mut self, party: Party, made: &Established) -> bool {
        if let Party::Server(node) = party
            && let Some(server) = self.config.servers.iter_mut().find(|one| one.node == node)
            && server.key.is_none()
        {
            server.key = Some(made.remote_static);
        }
        match party {
            Party::Server(_) => {
                self.party_of(made.remote_static, &made.remote_payload) == Some(party)
            }
            // The key was checked by the handshake.
            Party::User(user) => self
                .routes
                .get(&user)
                .is_some_and(|route| route.key == made.remote_static),
        }
    }

    /// Prove your address first, says the other end.
    pub(super) fn on_cookie(&mut self, now: Moment, datagram: &[u8]) -> Option<Party> {
        let party = self.party_of_attempt(datagram);
        let link = party.and_then(|party| self.links.get_mut(&party));
        let Some(connecting) = link.and_then(|link| link.connecting.as_mut()) else {
            self.counts.drop_one("cookie for nothing");
            return None;
        };
        let party = party?;
        match self
            .desk
            .on_cookie(now, &mut connecting.initiator, datagram)
        {
            Ok(()) => {
                // What left before was answered by this.
                connecting.tried_at = now;
                let ways = self.ways_to_try(now, party);
                self.initiate(now, party, &ways);
            }
            Err(error) => self.counts.drop_one(error.to_string()),
        }
        None
    }

    /// The other end does not know a session of ours: it may have been started anew. Anybody can
    /// say so; the session stays until there is another one.
    pub(super) fn on_unknown_session(
        &mut self,
        now: Moment,
        origin: Origin,
        datagram: &[u8],
    ) -> Option<Party> {
        let Some((session, number)) = wire::parse_unknown_session(datagram) else {
            self.counts.drop_one("malformed");
            return None;
        };
        if !self.hints.may_hear(now) {
            self.counts.drop_one("hints beyond their rate");
            return None;
        }
        if let Some(party) = self.on_unknown_ticket(now, session) {
            return Some(party);
        }
        let Some(party) = self.party_of_remote(session, origin.way, number) else {
            self.counts.drop_one("hint of nothing");
            return None;
        };
        self.renew(now, party);
        Some(party)
    }

    /// The party in whose session, which it numbered so, a packet with this number left that way.
    /// Others may have chosen the same number; a few of them are looked at.
    fn party_of_remote(&self, session: u32, way: Way, number: u64) -> Option<Party> {
        let first = Party::Server(NodeId(u8::MIN));
        let noted = self.remotes.range((session, first)..);
        let mut noted = noted.take(REMOTES_TRIED).map(|(_, party)| *party);
        noted.find(|party| {
            let link = self.links.get(party);
            link.and_then(|link| link.sessions.first())
                .is_some_and(|current| {
                    current.remote == session
                        && current.way == way
                        && number < current.recovery.next_number()
                })
        })
    }

    /// Makes a session anew although there is one, unless that was tried lately.
    pub(super) fn renew(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        let is_soon = link
            .renewed_at
            .is_some_and(|at| now.since(at) < RENEW_EVERY);
        if is_soon {
            return;
        }
        match &mut link.connecting {
            None => {
                link.renewed_at = Some(now);
                self.connect(now, party);
            }
            // What was tried beside the session is now to take its place.
            Some(connecting) if connecting.is_beside => {
                connecting.is_beside = false;
                connecting.began_at = now;
                connecting.again_at = now;
            }
            Some(_) => {}
        }
    }

    /// The other end speaks other versions.
    pub(super) fn on_refusal(&mut self, (lowest, highest): (u8, u8), session: u32) {
        let Some(party) = self.sessions.get(&session) else {
            return self.counts.drop_one("refusal of nothing");
        };
        tracing::debug!(
            ?party,
            lowest,
            highest,
            "the other end speaks other versions"
        );
        self.counts
            .drop_one("refused: the other end speaks other versions");
    }
}
