//! Sessions that go on from an earlier one: their first packets leave before anything is answered.
//!
//! The initiator sends early packets at once. If they are not answered soon, or the other end says
//! that it does not know the ticket, a handshake is begun beside; whichever is done first is used.

use core::time::Duration;

use super::Endpoint;
use super::arriving::Origin;
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::handshake::{EarlyAccepted, EarlyHeader, Reason};
use crate::transport::link::{Asked, Shared};
use crate::transport::recovery::path_mtu::BASE_BYTES;
use crate::transport::session::Session;
use crate::transport::wire::{self, Header, Kind};

/// An early packet that is not answered within this makes a handshake begin beside.
const EARLY_WAIT: Duration = Duration::from_millis(250);
/// Sessions whose early packets are known.
const EARLY_MAX: usize = 1_024;

impl Endpoint {
    /// Begins a session with a ticket, if there is one for this party.
    pub(super) fn begin_early(&mut self, now: Moment, party: Party) -> bool {
        let ways = self.ways_of(party);
        let (&[way], Some(key)) = (ways.as_slice(), self.key_of(party)) else {
            return false;
        };
        let reaching = self.links.get(&party);
        let reaching = reaching.and_then(|link| link.reaching.as_ref());
        if reaching.is_some_and(|reaching| reaching.was_relayed()) {
            return false;
        }
        let local = self.fresh_session();
        let Some(early) = self.desk.early(now, &key, local) else {
            return false;
        };
        let (recovery, mtu) = self.path(way, BASE_BYTES);
        let session = Session::early(now, early, way, recovery, mtu);
        self.add(now, party, local, session);
        if let Some(link) = self.links.get_mut(&party) {
            link.early_until = Some(now.after(EARLY_WAIT));
        }
        self.search(now, party);
        true
    }

    /// Early packets were not answered in time.
    pub(super) fn on_early_deadline(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        if link.early_until.is_none_or(|until| until > now) {
            return;
        }
        link.early_until = None;
        if link.awaits_early() && link.connecting.is_none() {
            self.connect(now, party);
        }
    }

    /// The other end does not know the ticket with which we began this session.
    pub(super) fn on_unknown_ticket(&mut self, now: Moment, local: u32) -> Option<Party> {
        let party = *self.sessions.get(&local)?;
        let link = self.links.get_mut(&party)?;
        if !link.awaits_early() || link.connecting.is_some() {
            return None;
        }
        link.early_until = None;
        self.connect(now, party);
        Some(party)
    }

    pub(super) fn on_early(
        &mut self,
        now: Moment,
        origin: Origin,
        kind: Kind,
        datagram: &mut [u8],
    ) -> Option<Party> {
        if kind == Kind::EarlyAnswer {
            return self.on_early_answer(now, origin, datagram);
        }
        let header = match EarlyHeader::parse(datagram) {
            Ok(header) => header,
            Err(reason) => {
                self.counts.drop_one(reason.to_string());
                return None;
            }
        };
        match self.early.get(&header.random).copied() {
            Some(party) => self.on_later_early(now, origin, party, &header, datagram),
            None => self.on_first_early(now, origin, &header, datagram),
        }
    }

    /// The first early packet of a session.
    fn on_first_early(
        &mut self,
        now: Moment,
        origin: Origin,
        header: &EarlyHeader,
        datagram: &mut [u8],
    ) -> Option<Party> {
        let fresh = self.fresh_session();
        let bytes = datagram.len();
        let accepted = match self.desk.on_early(now, origin.address(), datagram, fresh) {
            Ok(accepted) => accepted,
            Err(reason) => {
                self.counts.drop_one(reason.to_string());
                if reason == Reason::UnknownTicket && self.hints.may_speak(now) {
                    let hint = Header {
                        generation: 0,
                        session: header.session,
                        number: header.number,
                    };
                    self.push_raw(origin, wire::unknown_session(hint).to_vec());
                }
                return None;
            }
        };
        let EarlyAccepted {
            keys,
            opened,
            address_proven,
            answer,
            established: made,
            ..
        } = accepted;
        let Some(party) = self.party_of(made.remote_static, &made.remote_payload) else {
            self.counts.drop_one("not one of ours");
            return None;
        };
        self.make_link(now, party);
        // Where it was before, the path carries what it carried.
        let passes = made.resumption.datagram_bytes;
        let (recovery, mtu) = self.path(origin.way, if address_proven { passes } else { 0 });
        let allowance = (!address_proven).then_some(bytes);
        let local = made.local_session;
        let mut session = Session::new(now, made, origin.way, recovery, mtu, allowance);
        session.began_early(keys, header.random, answer.clone());
        session.observed = self.seen_by_us(party, origin);
        self.counts.sessions += 1;
        self.add(now, party, local, session);
        self.on_proven(now, party);
        self.remember_early(header.random, party);
        self.push_raw(origin, answer);
        let mut asked = Asked::default();
        let link = self.links.get_mut(&party)?;
        let mut shared = Shared {
            budget: &mut self.budget,
            pool: &self.pool,
            counts: &mut self.counts,
        };
        link.on_frames(
            now,
            0,
            (header.number, &datagram[opened]),
            &mut shared,
            &mut asked,
        );
        self.on_asked(now, party, local, origin, asked);
        Some(party)
    }

    fn on_later_early(
        &mut self,
        now: Moment,
        origin: Origin,
        party: Party,
        header: &EarlyHeader,
        datagram: &mut [u8],
    ) -> Option<Party> {
        let fresh = self.fresh_number();
        let link = self.links.get_mut(&party);
        let found = link.and_then(|link| Some((link.early_answer(&header.random)?, link)));
        let Some((answer, link)) = found else {
            self.counts.drop_one("early packet of no session");
            return None;
        };
        let mut shared = Shared {
            budget: &mut self.budget,
            pool: &self.pool,
            counts: &mut self.counts,
        };
        let mut asked = Asked::default();
        link.on_early_packet(
            now,
            (header, origin.way, fresh),
            datagram,
            &mut shared,
            &mut asked,
        );
        self.push_raw(origin, answer);
        self.on_asked(now, party, 0, origin, asked);
        Some(party)
    }

    fn on_early_answer(&mut self, now: Moment, origin: Origin, datagram: &[u8]) -> Option<Party> {
        let party = self.party_of_attempt(datagram);
        let link = party.and_then(|party| self.links.get_mut(&party));
        let waiting = link.and_then(|link| {
            let mut sessions = link.sessions.iter();
            let place = sessions.position(|session| session.awaits().is_some())?;
            Some((link, place))
        });
        let Some((link, place)) = waiting else {
            self.counts.drop_one("answer to nothing");
            return None;
        };
        let session = &mut link.sessions[place];
        let early = session.awaits()?;
        let made = match self.desk.on_early_answer(now, early, datagram) {
            Ok(made) => made,
            Err(reason) => {
                self.counts.drop_one(reason.to_string());
                return None;
            }
        };
        let address = origin.address();
        self.desk.keep(now, made.resumption.clone(), address);
        session.on_early_answer(now, made);
        let fragment_bytes = session.fragment_bytes();
        link.sender.set_fragment_bytes(fragment_bytes);
        link.early_until = None;
        if let Some(connecting) = link.connecting.take() {
            self.sessions.remove(&connecting.session);
        }
        self.counts.sessions += 1;
        party
    }

    /// Early packets of one session know each other by what its initiator drew. The oldest sessions
    /// are forgotten: packets of theirs that are still under way are lost.
    fn remember_early(&mut self, random: [u8; 32], party: Party) {
        self.early.insert(random, party);
        self.early_order.push_back(random);
        while self.early_order.len() > EARLY_MAX {
            if let Some(oldest) = self.early_order.pop_front() {
                self.early.remove(&oldest);
            }
        }
    }
}
