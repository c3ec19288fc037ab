//! One set of keys with one party: sealing, opening, replay, acknowledgement, and the way that
//! packets take. What the frames in the packets mean is the link's business.
//!
//! Invariants: a packet number is used once; nothing that was not authenticated changes anything;
//! while the other end has not proven its address, no more bytes go there than came from it.

use core::time::Duration;
use std::net::SocketAddr;

use super::acks::Acks;
use super::carried::Carried;
use super::endpoint::SessionSurvey;
use super::frame::{self, ACK_BYTES_MIN, ACK_WORDS, FRAGMENT_HEADER_BYTES};
use super::handshake::{EARLY_HEADER_BYTES, Early, EarlyHeader, Established, Resumption};
use super::recovery::path_mtu::PathMtu;
use super::recovery::{self, Kind, Outcome, Permit, Recovery};
use super::replay::ReplayWindow;
use super::way::Way;
use super::wire::{HEADER_BYTES, Header, NUMBERS, TAG_BYTES};
use crate::crypto::packet_keys::{OpeningKeys, PacketKeys};
use crate::time::{Moment, earliest};

mod address;

/// A session in which nothing was heard for so long is dropped.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(180);

/// Who was heard within this counts as being there.
pub(super) const PRESENT_FOR: Duration = Duration::from_secs(10);

/// Smallest packet that is worth writing.
pub(super) const PACKET_MIN: usize = 64;
/// Packets in flight without a fragment at the most. They obey no window; what would be said in a
/// further one waits, so that who never acknowledges costs no more than their records.
pub(super) const SMALL_MAX: u32 = 1_024;
/// A session is over if packets go on arriving in it, but no word of one that left so long ago.
const UNANSWERED_MAX: Duration = Duration::from_secs(30);

/// A round trip of an earlier session is not believed to be shorter than this.
const OLD_RTT_MIN: Duration = Duration::from_millis(10);

/// An authenticated packet.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    pub(super) number: u64,
    pub(super) frames: &'a [u8],
}

/// Why a packet of a session was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// It was here before, or is too old to tell.
    Repeated,
    /// Its tag is wrong.
    Forged,
}

/// The keys that packets are sealed with.
enum Keys {
    /// A session that goes on from an earlier one, until that is answered.
    Early(Box<Early>),
    /// Both ends have contributed.
    Full(Box<PacketKeys>),
}

/// What opens the packets that came before the answer to them.
struct EarlyIn {
    keys: OpeningKeys,
    random: [u8; 32],
    answer: Vec<u8>,
}

/// One set of keys with one party.
pub(super) struct Session {
    pub(super) local: u32,
    pub(super) remote: u32,
    keys: Keys,
    early: Option<Box<EarlyIn>>,
    /// What a later session can go on from, until the other end has proven that it has the keys.
    resumption: Option<Resumption>,
    replay: ReplayWindow,
    pub(super) recovery: Recovery<Carried>,
    /// Packets in flight that carry no fragment.
    small: u32,
    pub(super) mtu: PathMtu,
    pub(super) acks: Acks,
    pub(super) way: Way,
    /// Bytes that may still go to an address that is not proven; none if it is proven.
    allowance: Option<usize>,
    /// Sent until it is answered from a new address, and when it was sent.
    challenge: Option<(u64, Option<Moment>)>,
    /// To be sent.
    pub(super) response: Option<u64>,
    /// To be sent.
    pub(super) observed: Option<SocketAddr>,
    /// Whether the other end has shown that it has the keys.
    pub(super) confirmed: bool,
    /// When the handshake was answered, until the other end shows that it has the answer: that
    /// takes a round trip, or more if answers were lost.
    answered_at: Option<Moment>,
    /// Nothing may be sent any more: the other end said so, or the keys are worn out.
    pub(super) closed: bool,
    /// Its number among the sessions of its link, in the order in which they were made.
    pub(super) made: u64,
    pub(super) heard_at: Moment,
}

impl Session {
    /// A session from a finished handshake. `received_bytes`: what came before the address was
    /// proven; none if it is proven.
    pub(super) fn new(
        now: Moment,
        made: Established,
        way: Way,
        recovery: recovery::Config,
        mtu: PathMtu,
        received_bytes: Option<usize>,
    ) -> Self {
        let mut recovery = Recovery::new(recovery, now);
        if let Some(rtt) = made.resumption.rtt {
            let least = if made.is_initiator {
                Duration::ZERO
            } else {
                OLD_RTT_MIN
            };
            recovery.assume_rtt(now, rtt.max(least));
        }
        Self {
            remote: made.remote_session,
            confirmed: made.is_initiator,
            resumption: Some(made.resumption),
            allowance: received_bytes,
            ..Self::with(
                now,
                made.local_session,
                Keys::Full(Box::new(made.keys)),
                (way, recovery, mtu),
            )
        }
    }

    /// A session that goes on from an earlier one and may send at once.
    pub(super) fn early(
        now: Moment,
        early: Early,
        way: Way,
        recovery: recovery::Config,
        mtu: PathMtu,
    ) -> Self {
        let mut recovery = Recovery::new(recovery, now);
        if let Some(rtt) = early.rtt {
            // It was long ago.
            recovery.assume_rtt(now, rtt.max(OLD_RTT_MIN));
        }
        let local = early.local_session();
        let keys = Keys::Early(Box::new(early));
        Self {
            confirmed: true,
            ..Self::with(now, local, keys, (way, recovery, mtu))
        }
    }

    /// A session in which nothing has happened.
    fn with(
        now: Moment,
        local: u32,
        keys: Keys,
        (way, recovery, mtu): (Way, Recovery<Carried>, PathMtu),
    ) -> Self {
        Self {
            local,
            remote: 0,
            confirmed: false,
            keys,
            early: None,
            resumption: None,
            replay: ReplayWindow::default(),
            recovery,
            small: 0,
            mtu,
            acks: Acks::default(),
            way,
            allowance: None,
            challenge: None,
            response: None,
            observed: None,
            answered_at: None,
            closed: false,
            made: 0,
            heard_at: now,
        }
    }

    /// Whether the other end has not answered yet a session that goes on from an earlier one.
    pub(super) const fn awaits(&self) -> Option<&Early> {
        match &self.keys {
            Keys::Early(early) => Some(early),
            Keys::Full(_) => None,
        }
    }

    /// The other end has answered.
    pub(super) fn on_early_answer(&mut self, now: Moment, made: Established) {
        self.remote = made.remote_session;
        self.keys = Keys::Full(Box::new(made.keys));
        self.heard_at = now;
    }

    /// The session began with packets that came before the answer to them.
    pub(super) fn began_early(&mut self, keys: OpeningKeys, random: [u8; 32], answer: Vec<u8>) {
        self.confirmed = true;
        self.early = Some(Box::new(EarlyIn {
            keys,
            random,
            answer,
        }));
    }

    /// The answer to give again, if the session began with this random.
    pub(super) fn early_answer(&self, random: &[u8; 32]) -> Option<&[u8]> {
        let early = self
            .early
            .as_ref()
            .filter(|early| early.random == *random)?;
        Some(&early.answer)
    }

    /// Whether there is something for [`Session::take_resumption`] to give.
    pub(super) const fn has_resumption(&self) -> bool {
        self.resumption.is_some()
    }

    /// What a later session can go on from, once the other end has proven that it has the keys.
    pub(super) const fn take_resumption(&mut self) -> Option<Resumption> {
        self.resumption.take()
    }

    /// Opens another packet that came before the answer to them.
    pub(super) fn open_early<'a>(
        &mut self,
        now: Moment,
        header: &EarlyHeader,
        datagram: &'a mut [u8],
    ) -> Result<Opened<'a>, NotOpened> {
        let number = header.number;
        if !self.replay.check(number) {
            return Err(NotOpened::Repeated);
        }
        let early = self.early.as_mut().ok_or(NotOpened::Forged)?;
        let (head, sealed) = datagram
            .split_at_mut_checked(EARLY_HEADER_BYTES)
            .ok_or(NotOpened::Forged)?;
        let opened = early.keys.open_in_place(now, 0, number, head, sealed);
        let frames = opened.map_err(|_| NotOpened::Forged)?;
        self.heard_at = now;
        Ok(Opened { number, frames })
    }

    /// Opens a packet in place.
    pub(super) fn open<'a>(
        &mut self,
        now: Moment,
        header: Header,
        datagram: &'a mut [u8],
    ) -> Result<Opened<'a>, NotOpened> {
        let number = header.number;
        if !self.replay.check(number) {
            return Err(NotOpened::Repeated);
        }
        let Some((head, sealed)) = datagram.split_at_mut_checked(HEADER_BYTES) else {
            return Err(NotOpened::Forged);
        };
        let Keys::Full(keys) = &mut self.keys else {
            return Err(NotOpened::Forged);
        };
        let opened = keys.open_in_place(now, header.generation, number, head, sealed);
        let frames = opened.map_err(|_| NotOpened::Forged)?;
        self.heard_at = now;
        if !self.confirmed {
            self.confirmed = true;
            self.measure_handshake(now);
        }
        Ok(Opened { number, frames })
    }

    /// The answer to the handshake leaves.
    pub(super) const fn answers_handshake(&mut self, now: Moment) {
        self.answered_at = Some(now);
    }

    /// The first packet is here.
    fn measure_handshake(&mut self, now: Moment) {
        let Some(answered_at) = self.answered_at.take() else {
            return;
        };
        let rtt = now.since(answered_at);
        self.recovery.assume_rtt(now, rtt);
        if let Some(resumption) = &mut self.resumption {
            resumption.rtt = Some(rtt);
        }
    }

    /// When something is to be done although nothing arrives. Only the session that sends probes
    /// the path; what may not be sent to an unproven address waits for its packets.
    pub(super) fn deadline(&self, sends: bool) -> Option<Moment> {
        let idle = Some(self.heard_at.after(IDLE_MAX));
        let own = earliest(self.recovery.deadline(), idle);
        if !self.confirmed || self.closed || self.allowed(PACKET_MIN) < PACKET_MIN {
            return own;
        }
        let answers = earliest(self.acks.due_at(), self.challenge_at());
        let probes = sends && self.is_proven() && self.awaits().is_none();
        let mtu = self.mtu.deadline().filter(|_| probes);
        earliest(own, earliest(answers, mtu))
    }

    /// Whether there is something to send that waits for nothing.
    pub(super) fn owes(&self, now: Moment) -> bool {
        let owed = self.response.is_some() || self.observed.is_some();
        owed || self.acks.is_due(now) || self.challenge_due(now)
    }

    /// Whether packets can still be sealed.
    pub(super) fn can_seal(&self) -> bool {
        !self.closed && self.recovery.next_number() < NUMBERS
    }

    /// Notes that a packet was taken, so that it is acknowledged and never taken again.
    pub(super) fn taken(&mut self, now: Moment, number: u64, eliciting: bool, pressing: bool) {
        let gap = self
            .replay
            .largest()
            .map_or(number > 0, |largest| number > largest + 1);
        self.replay.insert(number);
        self.acks.heard(now, number, gap && eliciting);
        if eliciting {
            self.acks.arrived(now, number, pressing);
        }
    }

    /// Largest packet that may be sent now.
    pub(super) fn datagram_bytes(&self) -> usize {
        self.mtu.current()
    }

    /// Bytes of a fragment that fills a datagram.
    pub(super) fn fragment_bytes(&self) -> usize {
        self.datagram_bytes() - self.header_bytes() - TAG_BYTES - FRAGMENT_HEADER_BYTES
    }

    /// The other end has acknowledged packets up to this one.
    pub(super) fn keys_acknowledged(&mut self, largest: u64) {
        if let Keys::Full(keys) = &mut self.keys {
            keys.seal.on_acknowledged(largest);
        }
    }

    /// How much of a datagram of `bytes` the address may be sent.
    pub(super) fn allowed(&self, bytes: usize) -> usize {
        self.allowance.unwrap_or(bytes).min(bytes)
    }

    /// Whether packets that are acknowledged may leave.
    pub(super) fn permit(&mut self, now: Moment) -> Permit {
        self.recovery.permit(now)
    }

    /// Begins a packet at the end of `out`.
    pub(super) fn begin(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.resize(start + self.header_bytes(), 0);
        start
    }

    /// Bytes of a packet before its frames.
    pub(super) const fn header_bytes(&self) -> usize {
        match self.keys {
            Keys::Early(_) => EARLY_HEADER_BYTES,
            Keys::Full(_) => HEADER_BYTES,
        }
    }

    /// Writes an acknowledgement of at most `room` bytes.
    pub(super) fn write_ack(&mut self, now: Moment, out: &mut Vec<u8>, room: usize) {
        if room < ACK_BYTES_MIN + 8 {
            return;
        }
        let Some(largest) = self.replay.largest() else {
            return;
        };
        let mut words = [0; ACK_WORDS];
        let fits = (room - ACK_BYTES_MIN) / 8;
        let count = self.replay.words(&mut words).min(fits);
        let delay = self.acks.written(now);
        let delay_us = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        frame::write_ack(out, largest, delay_us, &words[..count]);
    }

    /// Seals the packet that began at `start` and ends with `tail`, which is not copied before.
    pub(super) fn seal(
        &mut self,
        now: Moment,
        out: &mut Vec<u8>,
        (start, tail): (usize, &[u8]),
        (kind, carried): (Kind, Carried),
    ) {
        let plain_end = out.len();
        let bytes = plain_end - start + tail.len() + TAG_BYTES;
        self.small += u32::from(kind != Kind::Silent && carried.piece.is_none());
        let number = self.recovery.on_sent(now, bytes, kind, carried);
        let header_bytes = self.header_bytes();
        out.resize(start + bytes, 0);
        let (plain, sealed_tail) = out[start..].split_at_mut(plain_end - start);
        let (head, plain) = plain.split_at_mut(header_bytes);
        match &mut self.keys {
            Keys::Early(early) => {
                head.copy_from_slice(&early.header(number));
                let keys = &early.keys;
                keys.seal_with_tail(number, head, plain, (tail, sealed_tail));
            }
            Keys::Full(keys) => {
                let Some(generation) = keys.advance(now, number) else {
                    // Worn out: nothing leaves, and the session ends.
                    self.closed = true;
                    out.truncate(start);
                    return;
                };
                let header = Header {
                    generation,
                    session: self.remote,
                    number,
                };
                head.copy_from_slice(&header.to_bytes());
                keys.seal_with_tail(number, head, plain, (tail, sealed_tail));
            }
        }
        if let Some(allowance) = &mut self.allowance {
            *allowance = allowance.saturating_sub(bytes);
        }
    }

    /// Whether packets may leave that are acknowledged and carry no fragment.
    pub(super) const fn has_room_for_small(&self) -> bool {
        self.small < SMALL_MAX
    }

    /// So many packets without a fragment are acknowledged or lost.
    pub(super) const fn on_small_settled(&mut self, count: u32) {
        self.small = self.small.saturating_sub(count);
    }

    /// Nothing is in flight in it any more. What was is handed out as lost.
    pub(super) fn abandon(&mut self, outcome: &mut impl FnMut(Outcome<Carried>)) {
        self.recovery.abandon(outcome);
        self.small = 0;
    }

    /// Whether the other end goes on speaking but never acknowledges.
    pub(super) fn is_unanswered(&mut self) -> bool {
        let oldest_at = self.recovery.oldest_sent_at();
        oldest_at.is_some_and(|at| self.heard_at.since(at) > UNANSWERED_MAX)
    }

    /// How it stands.
    pub(super) fn survey(&self) -> SessionSurvey {
        SessionSurvey {
            local: self.local,
            remote: self.remote,
            confirmed: self.confirmed,
            next_number: self.recovery.next_number(),
            largest_acked: self.recovery.largest_acked(),
            largest_heard: self.replay.largest(),
            in_flight_bytes: self.recovery.in_flight_bytes(),
            window_bytes: self.recovery.window_bytes(),
            datagram_bytes: self.datagram_bytes(),
        }
    }

    /// Whether nothing was heard for too long.
    pub(super) fn is_idle(&self, now: Moment) -> bool {
        now.since(self.heard_at) > IDLE_MAX
    }
}
