//! One party we talk with: what is on its way there and back, through whichever session.
//!
//! Sessions come and go; messages under way and packets that wait outlive them. The newest session
//! that the other end is known to have is the one that sends; an older one is still read for a
//! while. Decides what goes into the next packet: what was promised (acknowledgements), what is
//! short (packets, statuses), then fragments as far as loss, window and pace permit.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;

use super::budget::Budget;
use super::carried::Kept;

use super::counts::Counts;
use super::endpoint::{Connecting, Meter, Reaching};
use super::frame::{self, Introduction, Purpose};
use super::handshake::Resumption;
use super::message::Piece;
use super::pool::Pool;
use super::receiver::FragmentReceiver;
use super::sender::FragmentSender;
use super::session::{IDLE_MAX, Session};
use super::way::Way;
use crate::proto::codec;
use crate::proto::ids::UserId;
use crate::proto::packet::{Packet, Party};
use crate::time::{Moment, earliest};

mod arriving;
mod leaving;
mod settling;
mod telling;

/// Small packets that wait for a session or for a turn; the oldest give way.
const PACKETS_MAX: usize = 256;
/// How often a small packet is sent at the most.
const TRIES_MAX: u8 = 4;
/// Sessions with one party at a time.
const SESSIONS_MAX: usize = 3;
/// Probes in a row without an answer that make a session doubtful, if nothing at all was heard
/// for so long: where round trips are short, three probes are only a moment.
const SILENT_PROBES: u32 = 3;
const SILENT_MIN: Duration = Duration::from_millis(150);
/// The address of a party that was never heard.
const NOWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
/// Relayed datagrams that wait for a turn; the oldest give way.
const RELAYED_MAX: usize = 256;
/// Words of introductions that wait for a turn; the oldest give way.
const INTRODUCTIONS_MAX: usize = 64;

/// What all links of an endpoint share.
pub(super) struct Shared<'a> {
    pub(super) budget: &'a mut Budget,
    pub(super) pool: &'a Pool,
    pub(super) counts: &'a mut Counts,
}

/// A word of an introduction.
pub(super) struct Introduced {
    pub(super) purpose: Purpose,
    pub(super) user: UserId,
    pub(super) number: u64,
    pub(super) addresses: Vec<SocketAddr>,
}

impl From<Introduction<'_>> for Introduced {
    fn from(said: Introduction<'_>) -> Self {
        Self {
            purpose: said.purpose,
            user: said.user,
            number: said.number,
            addresses: said.addresses.collect(),
        }
    }
}

/// What a packet asks of the endpoint, beyond the link.
#[derive(Default)]
pub(super) struct Asked {
    /// Datagrams to pass on to, or that come from, other users.
    pub(super) relayed: Vec<(UserId, Vec<u8>)>,
    /// Words of introductions.
    pub(super) introductions: Vec<Introduced>,
    /// Our address as the other end sees it.
    pub(super) observed: Option<SocketAddr>,
    /// The other end has ended the session.
    pub(super) closed: bool,
    /// The session of an attempt that another session made needless.
    pub(super) needless: Option<u32>,
    /// What a later session can go on from, now that the other end has proven who it is.
    pub(super) resumption: Option<Resumption>,
}

impl Asked {
    /// Whether nothing was asked, as by most packets.
    pub(super) const fn is_nothing(&self) -> bool {
        self.relayed.is_empty()
            && self.introductions.is_empty()
            && self.observed.is_none()
            && !self.closed
            && self.resumption.is_none()
            && self.needless.is_none()
    }
}

/// One party.
pub(super) struct Link {
    pub(super) party: Party,
    /// Newest first. The first one sends.
    pub(super) sessions: Vec<Session>,
    packets: VecDeque<Kept>,
    quiet: VecDeque<Vec<u8>>,
    relayed: VecDeque<(UserId, Vec<u8>)>,
    /// Frames of introductions.
    introductions: VecDeque<Vec<u8>>,
    pub(super) sender: FragmentSender,
    pub(super) receiver: FragmentReceiver,
    /// The session whose fragments are taken: the last one that the other end went on to. It may
    /// be another one than that which sends, when both ends began at once.
    receiving: Option<u32>,
    /// When that session was made, as counted here, and when a fragment came in it.
    received_in: u64,
    received_at: Moment,
    /// Sessions made so far.
    made: u64,
    /// Chosen for a packet, but did not fit the last batch.
    pending: Option<Piece>,
    /// Packets to send beyond the window, so that something is answered.
    probes: u8,
    /// When the pace allows the next packet.
    paced_until: Option<Moment>,
    packets_in: Vec<Packet>,
    /// From when on progress is told again.
    progress_from: Moment,
    /// An attempt to begin a session.
    pub(super) connecting: Option<Connecting>,
    /// When a session that goes on from an earlier one should have been answered.
    pub(super) early_until: Option<Moment>,
    /// When a session was made anew because the other end did not know it.
    pub(super) renewed_at: Option<Moment>,
    /// What it may have passed on to others.
    pub(super) relay_meter: Meter,
    /// How often it may have wished to be introduced.
    pub(super) wish_meter: Meter,
    /// The search for a way; none where the party is reached at its address or not at all.
    pub(super) reaching: Option<Box<Reaching>>,
    pub(super) used_at: Moment,
    /// Until when the other end may take to show its keys; none if it has.
    pub(super) unproven_until: Option<Moment>,
    /// Notes of the endpoint: when its timer rings, and whether it stands in line.
    pub(super) timer: Option<Moment>,
    pub(super) in_line: bool,
    /// The other end's number of the session that sends, as the endpoint has noted it.
    pub(super) noted_remote: Option<u32>,
}

impl Link {
    pub(super) fn new(
        now: Moment,
        party: Party,
        sender: FragmentSender,
        receiver: FragmentReceiver,
    ) -> Self {
        Self {
            party,
            sessions: Vec::new(),
            packets: VecDeque::new(),
            quiet: VecDeque::new(),
            relayed: VecDeque::new(),
            introductions: VecDeque::new(),
            sender,
            receiver,
            receiving: None,
            received_in: 0,
            received_at: now,
            made: 0,
            pending: None,
            probes: 0,
            paced_until: None,
            packets_in: Vec::new(),
            progress_from: now,
            connecting: None,
            early_until: None,
            renewed_at: None,
            relay_meter: Meter::new(now, 0),
            wish_meter: Meter::new(now, 1),
            reaching: None,
            used_at: now,
            unproven_until: None,
            timer: None,
            in_line: false,
            noted_remote: None,
        }
    }

    /// Queues a small packet.
    pub(super) fn push_packet(&mut self, packet: &Packet, counts: &mut Counts) {
        let bytes = match codec::encode_packet(packet) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, "packet not sent");
                return counts.drop_one("too large to send");
            }
        };
        // What is said again and again by itself need not be repeated.
        if matches!(packet, Packet::Load(_) | Packet::Ping(_) | Packet::Pong(_)) {
            self.quiet.push_back(bytes);
            if self.quiet.len() > PACKETS_MAX {
                self.quiet.pop_front();
                counts.drop_one("waiting packets gave way");
            }
        } else {
            self.packets.push_back(Kept { bytes, tries: 0 });
            if self.packets.len() > PACKETS_MAX {
                self.packets.pop_front();
                counts.drop_one("waiting packets gave way");
            }
        }
    }

    /// Queues a datagram to be passed on.
    pub(super) fn push_relayed(&mut self, user: UserId, datagram: Vec<u8>, counts: &mut Counts) {
        self.relayed.push_back((user, datagram));
        if self.relayed.len() > RELAYED_MAX {
            self.relayed.pop_front();
            counts.drop_one("relayed datagrams gave way");
        }
    }

    /// Queues a word of an introduction.
    pub(super) fn push_introduction(
        &mut self,
        (purpose, user, number): (Purpose, UserId, u64),
        addresses: &[SocketAddr],
        counts: &mut Counts,
    ) {
        let mut bytes = Vec::new();
        frame::write_introduction(&mut bytes, purpose, (user, number), addresses);
        self.introductions.push_back(bytes);
        if self.introductions.len() > INTRODUCTIONS_MAX {
            self.introductions.pop_front();
            counts.drop_one("introductions gave way");
        }
    }

    /// The node falls silent on purpose: what is under way is forgotten, sessions too, since the
    /// other end goes on counting messages in them. Gives the numbers of the sessions.
    pub(super) fn halt(
        &mut self,
        (sender, receiver): (FragmentSender, FragmentReceiver),
        budget: &mut Budget,
    ) -> Vec<u32> {
        let gone = self.numbers().collect();
        self.packets.clear();
        self.quiet.clear();
        self.relayed.clear();
        self.introductions.clear();
        self.packets_in.clear();
        self.receiver.clear(budget);
        self.sender = sender;
        self.receiver = receiver;
        self.sessions.clear();
        self.connecting = None;
        self.early_until = None;
        self.receiving = None;
        self.pending = None;
        self.probes = 0;
        self.paced_until = None;
        gone
    }

    /// Small packets that found no session in time are not said any more.
    pub(super) fn forget_packets(&mut self, counts: &mut Counts) {
        counts.drop_many(
            "no session in time",
            (self.packets.len() + self.quiet.len()) as u64,
        );
        self.packets.clear();
        self.quiet.clear();
    }

    /// Whether the session that sends was not answered yet.
    pub(super) fn awaits_early(&self) -> bool {
        self.sessions
            .first()
            .is_some_and(|session| session.awaits().is_some())
    }

    /// The answer to the early packets with this random.
    pub(super) fn early_answer(&self, random: &[u8; 32]) -> Option<Vec<u8>> {
        let answers = self.sessions.iter();
        let mut answers = answers.filter_map(|session| session.early_answer(random));
        answers.next().map(<[u8]>::to_vec)
    }

    /// The other end must hear from us, whether or not there is anything to say: twice, for a
    /// handshake goes no further until it does.
    pub(super) const fn greet(&mut self) {
        self.probes = 2;
    }

    /// The numbers of all sessions, the one that is being begun included.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        let own = self.sessions.iter().map(|session| session.local);
        own.chain(self.connecting.iter().map(|connecting| connecting.session))
    }

    /// Whether there is nothing left of it: no session, nothing that waits, nothing begun.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.sessions.is_empty()
            && self.connecting.is_none()
            && !self.has_something()
            && self.receiver.is_empty()
            && now.since(self.used_at) > IDLE_MAX
    }

    /// Whether anything waits for a session.
    pub(super) fn has_something(&self) -> bool {
        !self.packets.is_empty() || !self.quiet.is_empty() || self.sender.has_something()
    }

    /// Small packets and relayed datagrams that wait.
    pub(super) fn waiting(&self) -> usize {
        self.packets.len() + self.quiet.len() + self.relayed.len()
    }

    /// The session whose messages arrive.
    pub(super) const fn receiving(&self) -> Option<u32> {
        self.receiving
    }

    /// Whether what is sent in the session stays without any answer: the other end may have
    /// forgotten it or be at another address, so a new one is worth a trial on all ways.
    pub(super) fn is_silent(&self, now: Moment) -> bool {
        let current = self.sessions.first();
        current.is_some_and(|session| {
            let probes = session.recovery.pto_count();
            probes >= SILENT_PROBES && now.since(session.heard_at) >= SILENT_MIN
        })
    }

    /// Where packets come from, as far as is known.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.sessions
            .first()
            .and_then(|session| session.way.address())
    }

    /// How the session that sends reaches the other end, if that has answered.
    fn way(&self) -> Option<Way> {
        let current = self.sessions.first()?;
        (current.confirmed && current.awaits().is_none()).then_some(current.way)
    }

    /// When the other end was heard in the session that sends, if there is one.
    pub(super) fn heard_at(&self) -> Option<Moment> {
        let current = self.sessions.first().filter(|current| current.confirmed)?;
        Some(current.heard_at)
    }

    /// Where the other end has proven to be.
    pub(super) fn proven_address(&self) -> Option<SocketAddr> {
        let current = self.sessions.first();
        let proven = current.filter(|current| current.confirmed && current.is_proven());
        proven.and_then(|current| current.way.address())
    }

    /// The session that sends, if there is one.
    pub(super) fn current(&mut self) -> Option<&mut Session> {
        self.sessions
            .first_mut()
            .filter(|session| session.confirmed)
    }

    /// A session was made. It sends as soon as the other end is known to have it. Gives the
    /// sessions that had to make room.
    pub(super) fn add_session(&mut self, now: Moment, mut session: Session) -> Vec<u32> {
        self.made += 1;
        session.made = self.made;
        let is_first = self.sessions.is_empty() || session.confirmed;
        if is_first {
            self.sessions.insert(0, session);
            self.begin(now);
        } else {
            self.sessions.push(session);
        }
        let mut gone = Vec::new();
        while self.sessions.len() > SESSIONS_MAX {
            gone.push(self.sessions.remove(SESSIONS_MAX - 1).local);
        }
        gone
    }

    /// The first session is a new one: whatever was in flight in older ones is said again.
    fn begin(&mut self, now: Moment) {
        self.pending = None;
        self.probes = 0;
        self.paced_until = None;
        for session in &mut self.sessions[1..] {
            let packets = &mut self.packets;
            session.abandon(&mut |outcome| settling::say_again(packets, outcome));
        }
        let fragment_bytes = self.sessions[0].fragment_bytes();
        self.sender.begin_session(now, fragment_bytes);
    }

    /// Ends a session. What was in flight in it is said again in another one.
    pub(super) fn end_session(&mut self, now: Moment, local: u32, budget: &mut Budget) {
        let Some(place) = self
            .sessions
            .iter()
            .position(|session| session.local == local)
        else {
            return;
        };
        let mut session = self.sessions.remove(place);
        let packets = &mut self.packets;
        session.abandon(&mut |outcome| settling::say_again(packets, outcome));
        if self.receiving == Some(local) {
            self.receiving = None;
            self.receiver.begin_session(now, budget);
        }
        if place == 0 && !self.sessions.is_empty() {
            self.begin(now);
        }
    }

    /// When something is to be done although nothing arrives.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let sessions = self.sessions.iter().enumerate();
        let sessions = sessions.map(|(place, session)| session.deadline(place == 0));
        let messages = earliest(self.sender.deadline(), self.receiver.deadline());
        let connecting = self.connecting.as_ref();
        let again = earliest(connecting.map(|one| one.again_at), self.early_until);
        let again = earliest(again, self.unproven_until);
        let own = earliest(earliest(messages, self.paced_until), again);
        let reaching = self.reaching.as_ref();
        let own = earliest(own, reaching.and_then(|reaching| reaching.deadline()));
        sessions.fold(own, earliest)
    }

    /// The deadline came. Gives the sessions that ended.
    pub(super) fn on_deadline(&mut self, now: Moment, shared: &mut Shared<'_>) -> Vec<u32> {
        if self.paced_until.is_some_and(|until| until <= now) {
            self.paced_until = None;
        }
        self.sender.on_deadline(now);
        self.receiver.on_deadline(now, shared.budget);
        for place in 0..self.sessions.len() {
            self.on_recovery_deadline(now, place);
        }
        let over = self.sessions.iter_mut();
        let over = over.filter_map(|session| {
            let is_unanswered = session.is_unanswered();
            if is_unanswered {
                shared.counts.drop_one("session that never acknowledged");
            }
            (is_unanswered || session.is_idle(now)).then_some(session.local)
        });
        let gone: Vec<u32> = over.collect();
        for local in &gone {
            self.end_session(now, *local, shared.budget);
        }
        gone
    }
}
