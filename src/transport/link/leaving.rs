//! Writes packets: what goes into the next one, and how many leave together.

use super::{Link, TRIES_MAX};
use crate::time::Moment;
use crate::transport::carried::{Carried, Kept};
use crate::transport::frame;
use crate::transport::message::Piece;
use crate::transport::receiver::FragmentReceiver;
use crate::transport::recovery::path_mtu::BASE_BYTES;
use crate::transport::recovery::{Kind, Permit};
use crate::transport::session::{PACKET_MIN, Session};
use crate::transport::way::Way;
use crate::transport::wire::TAG_BYTES;

/// Smallest room that is worth a small packet.
const ROOM_MIN: usize = 64;

/// Packets for one way, all but the last of the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) way: Way,
    pub(crate) packet_bytes: usize,
}

/// What stands in a packet that is being written.
#[derive(Default)]
struct Writing {
    carried: Carried,
    eliciting: bool,
    has_piece: bool,
}

impl Link {
    /// Writes what may leave now to the end of `out`, at most `count_max` packets and `bytes_max`
    /// bytes. None if there is nothing.
    pub(crate) fn write_batch(
        &mut self,
        now: Moment,
        out: &mut Vec<u8>,
        (count_max, bytes_max): (usize, usize),
    ) -> Option<Batch> {
        if let Some(batch) = self.write_older(now, out) {
            return Some(batch);
        }
        let base = out.len();
        let mut packet_bytes = None;
        for count in 1..=count_max {
            let session = self.current()?;
            if !session.can_seal() {
                break;
            }
            let datagram_bytes = session.datagram_bytes();
            let limit = packet_bytes.unwrap_or(datagram_bytes);
            if out.len() - base + limit > bytes_max {
                break;
            }
            // What is small goes last, where a shorter packet costs no batch of its own.
            let is_last = count == count_max || out.len() - base + 2 * limit > bytes_max;
            let Some((written_bytes, is_full)) = self.write_packet(now, out, limit, is_last) else {
                break;
            };
            let first = *packet_bytes.get_or_insert(written_bytes);
            if written_bytes < first || !is_full {
                break;
            }
        }
        if packet_bytes.is_none() {
            packet_bytes = self.write_mtu_probe(now, out);
        }
        let packet_bytes = packet_bytes?;
        let way = self.current()?.way;
        Some(Batch { way, packet_bytes })
    }

    /// Older sessions only acknowledge and answer challenges.
    fn write_older(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Batch> {
        let (receiving, speaks) = (self.receiving, self.receiver.is_status_due(now));
        let older = self.sessions.iter_mut().skip(1);
        let session = older
            .filter(|session| session.can_seal() && session.allowed(PACKET_MIN) == PACKET_MIN)
            .filter(|session| session.confirmed)
            .find(|session| {
                let speaks = speaks && receiving == Some(session.local);
                session.owes(now) || (speaks && session.has_room_for_small())
            })?;
        let start = session.begin(out);
        let limit = BASE_BYTES.min(session.datagram_bytes());
        let end = start + session.allowed(limit) - TAG_BYTES;
        let mut writing = Writing::default();
        write_answers(session, now, out, end, &mut writing);
        if receiving == Some(session.local) && session.has_room_for_small() {
            write_status(&mut self.receiver, out, end, &mut writing);
        }
        let kind = writing.kind();
        session.seal(now, out, (start, &[]), (kind, writing.carried));
        let packet_bytes = out.len() - start;
        (packet_bytes > 0).then_some(Batch {
            way: session.way,
            packet_bytes,
        })
    }

    /// Writes one packet of at most `limit` bytes. Gives its size and whether it holds a fragment
    /// and nothing beside it, so that another of the same size may follow; none if there is
    /// nothing to write.
    fn write_packet(
        &mut self,
        now: Moment,
        out: &mut Vec<u8>,
        limit: usize,
        is_last: bool,
    ) -> Option<(usize, bool)> {
        let room = self
            .sessions
            .first()?
            .allowed(limit)
            .saturating_sub(PACKET_MIN);
        let is_for_fragment =
            !is_last && self.owes_only_acks() && self.holds_full_fragment(now, room);
        let session = self.sessions.first_mut()?;
        let limit = session.allowed(limit);
        if limit < PACKET_MIN {
            return None;
        }
        let start = session.begin(out);
        let head_end = out.len();
        let end = start + limit - TAG_BYTES;
        let mut writing = Writing::default();
        if !is_for_fragment {
            // What leaves anyway takes along what could still wait.
            let rides = !self.packets.is_empty()
                || !self.quiet.is_empty()
                || self.pending.is_some()
                || self.sender.has_something();
            if (rides && session.acks.has_news()) || session.owes(now) {
                write_answers(session, now, out, end, &mut writing);
            }
            let speaks = rides || self.receiver.is_status_due(now);
            self.write_small(out, end, speaks, &mut writing);
        }
        let is_alone = out.len() == head_end;
        self.write_fragment(now, out, end, &mut writing);
        let session = self.sessions.first_mut()?;
        let is_empty = out.len() == head_end;
        if is_empty && self.probes > 0 {
            frame::write_ping(out);
            writing.eliciting = true;
        } else if is_empty {
            out.truncate(start);
            return None;
        }
        if writing.eliciting {
            self.probes = self.probes.saturating_sub(1);
        }
        let is_full = writing.has_piece && is_alone;
        let piece = writing.carried.piece;
        let tail = piece.and_then(|piece| self.sender.body_of(piece));
        let kind = writing.kind();
        let tail = tail.unwrap_or_default();
        session.seal(now, out, (start, tail), (kind, writing.carried));
        (out.len() > start).then_some((out.len() - start, is_full))
    }

    /// Small packets, statuses if it `speaks`, cancellations and datagrams to be passed on, as many
    /// as fit.
    fn write_small(&mut self, out: &mut Vec<u8>, end: usize, speaks: bool, writing: &mut Writing) {
        if end.saturating_sub(out.len()) < ROOM_MIN {
            return;
        }
        let current = self.sessions.first();
        let may_elicit = current.is_some_and(Session::has_room_for_small);
        while let Some(packet) = self.packets.front().filter(|_| may_elicit) {
            if out.len() + frame::PACKET_HEADER_BYTES + packet.bytes.len() > end {
                break;
            }
            frame::write_packet(out, &packet.bytes, true);
            writing.eliciting = true;
            if let Some(Kept { bytes, tries }) = self.packets.pop_front()
                && tries + 1 < TRIES_MAX
            {
                let tries = tries + 1;
                writing.carried.kept.push(Kept { bytes, tries });
            }
        }
        while let Some(packet) = self.quiet.front() {
            if out.len() + frame::PACKET_HEADER_BYTES + packet.len() > end {
                break;
            }
            frame::write_packet(out, packet, false);
            self.quiet.pop_front();
        }
        let local = self.sessions.first().map(|session| session.local);
        if may_elicit && speaks && (self.receiving.is_none() || self.receiving == local) {
            write_status(&mut self.receiver, out, end, writing);
        }
        if may_elicit
            && end - out.len() >= ROOM_MIN
            && let Some(message) = self.sender.poll_cancel()
        {
            frame::write_cancel(out, message);
            writing.carried.cancel = Some(message);
            writing.eliciting = true;
        }
        while let Some(words) = self.introductions.front() {
            if out.len() + words.len() > end {
                break;
            }
            out.extend_from_slice(words);
            self.introductions.pop_front();
        }
        while let Some((user, datagram)) = self.relayed.front() {
            if out.len() + frame::RELAY_HEADER_BYTES + datagram.len() > end {
                break;
            }
            frame::write_relay(out, *user, datagram);
            self.relayed.pop_front();
        }
    }

    /// One fragment, if loss, window and pace permit and it fits. What lies in the body of its
    /// message is left to be sealed from there.
    fn write_fragment(
        &mut self,
        now: Moment,
        out: &mut Vec<u8>,
        end: usize,
        writing: &mut Writing,
    ) {
        if self.pending.is_none() && !self.sender.has_something() && self.probes == 0 {
            if let Some(session) = self.sessions.first_mut() {
                session.recovery.app_limited(now);
            }
            return;
        }
        let Some(pressing) = self.permits(now) else {
            return;
        };
        let Some(piece) = self.choose(now) else {
            if let Some(session) = self.sessions.first_mut() {
                session.recovery.app_limited(now);
            }
            return;
        };
        let bytes = frame::FRAGMENT_HEADER_BYTES + self.sender.length(piece);
        if out.len() + bytes > end {
            self.pending = Some(piece);
            return;
        }
        let total = self.sender.total(piece.message);
        frame::write_fragment(out, piece.message, piece.index, total, pressing);
        if self.sender.body_of(piece).is_none() {
            self.sender.write(piece, out);
        }
        writing.carried.piece = Some(piece);
        writing.eliciting = true;
        writing.has_piece = true;
    }

    /// Whether what the session owes can wait for the end of the batch: a challenge cannot, without
    /// it little may leave at all.
    fn owes_only_acks(&self) -> bool {
        self.sessions.first().is_some_and(|session| {
            session.is_proven() && session.response.is_none() && session.observed.is_none()
        })
    }

    /// Whether a fragment leaves now that fills a packet, so that nothing fits beside it. One that
    /// was chosen before waits for its permit like any other: what is owed does not wait with it.
    fn holds_full_fragment(&mut self, now: Moment, room: usize) -> bool {
        let is_short = self.packets.is_empty() && self.quiet.is_empty();
        let is_own = self.relayed.is_empty() && self.introductions.is_empty();
        if !is_short || !is_own || self.probes > 0 {
            return false;
        }
        let has_one = self.pending.is_some() || self.sender.has_something();
        if !has_one || self.permits(now).is_none() {
            return false;
        }
        if self.pending.is_none() {
            self.pending = self.choose(now);
        }
        self.pending
            .is_some_and(|piece| self.sender.length(piece) + ROOM_MIN > room)
    }

    fn choose(&mut self, now: Moment) -> Option<Piece> {
        if let Some(piece) = self.pending.take() {
            return Some(piece);
        }
        if let Some(piece) = self.sender.next(now) {
            return Some(piece);
        }
        if self.probes > 0 {
            return self.sender.probe(now);
        }
        None
    }

    /// Whether a fragment may leave now; and if so, whether it is the last one that may.
    fn permits(&mut self, now: Moment) -> Option<bool> {
        if self.probes > 0 {
            return Some(true);
        }
        let session = self.sessions.first_mut()?;
        match session.permit(now) {
            Permit::Now { bytes } => Some(bytes < 2 * session.datagram_bytes()),
            Permit::At(at) => {
                self.paced_until = Some(at);
                None
            }
            Permit::Blocked => None,
        }
    }

    fn write_mtu_probe(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<usize> {
        let session = self.sessions.first_mut()?;
        if !session.confirmed || !session.is_proven() || session.awaits().is_some() {
            return None;
        }
        let probe_bytes = session.mtu.probe(now)?;
        let start = session.begin(out);
        frame::write_ping(out);
        out.resize(start + probe_bytes - TAG_BYTES, 0);
        let kind = Kind::Probe(probe_bytes);
        session.seal(now, out, (start, &[]), (kind, Carried::default()));
        Some(probe_bytes)
    }
}

impl Writing {
    const fn kind(&self) -> Kind {
        if self.eliciting {
            Kind::Eliciting
        } else {
            Kind::Silent
        }
    }
}

/// How one message stands, if there is anything to say and room for it.
fn write_status(
    receiver: &mut FragmentReceiver,
    out: &mut Vec<u8>,
    end: usize,
    writing: &mut Writing,
) {
    if end.saturating_sub(out.len()) >= frame::STATUS_BYTES_MAX
        && let Some(status) = receiver.poll_status()
    {
        frame::write_status(out, &status);
        writing.carried.status = Some(status.message);
        writing.eliciting = true;
    }
}

/// What a session owes by itself: acknowledgements, challenges, answers to them; as much of it as
/// fits before `end`. There is room for a challenge and its answer in any case.
fn write_answers(
    session: &mut Session,
    now: Moment,
    out: &mut Vec<u8>,
    end: usize,
    writing: &mut Writing,
) {
    if session.acks.has_news() {
        let room = end.saturating_sub(out.len() + 2 * frame::CHALLENGE_BYTES);
        session.write_ack(now, out, room);
    }
    if let Some(number) = session.response.take() {
        frame::write_challenge(out, number, true);
    }
    if let Some(number) = session.take_challenge(now) {
        frame::write_challenge(out, number, false);
        writing.eliciting = true;
    }
    if end.saturating_sub(out.len()) >= frame::OBSERVED_BYTES_MAX
        && let Some(address) = session.observed.take()
    {
        frame::write_observed(out, address);
        writing.eliciting = true;
    }
}
