//! Takes packets: what each of their frames is for.

use core::time::Duration;

use super::{Asked, Link, Shared};
use crate::proto::codec;
use crate::time::Moment;
use crate::transport::counts::Counts;
use crate::transport::frame::{self, Frame, Frames, StatusFrame, Words};
use crate::transport::handshake::EarlyHeader;
use crate::transport::message::{Fragment, STATUS_WORDS, Status};
use crate::transport::receiver::Taken;
use crate::transport::recovery::Ack;
use crate::transport::session::{NotOpened, Session};
use crate::transport::way::Way;
use crate::transport::wire::Header;

/// An older session may take the place of the one in which messages came when nothing came in it
/// for so long.
const GONE_ON: Duration = Duration::from_secs(2);

/// What the frames of one packet ask of its acknowledgement.
#[derive(Debug, Default)]
struct Took {
    eliciting: bool,
    pressing: bool,
    /// A part of it was not taken: it must come again.
    refused: bool,
    /// It ends a message.
    last: bool,
}

impl Link {
    /// Takes a sealed packet. `fresh`: a random number, in case the address changed.
    pub(in crate::transport) fn on_packet(
        &mut self,
        now: Moment,
        (header, way, fresh): (Header, Way, u64),
        datagram: &mut [u8],
        shared: &mut Shared<'_>,
        asked: &mut Asked,
    ) {
        let Some(place) = self
            .sessions
            .iter()
            .position(|session| session.local == header.session)
        else {
            // The number of an attempt of ours, which is no session yet.
            return shared.counts.drop_one("unknown session");
        };
        let session = &mut self.sessions[place];
        let bytes = datagram.len();
        let was_confirmed = session.confirmed;
        let opened = match session.open(now, header, datagram) {
            Ok(opened) => opened,
            Err(error) => return not_opened(now, session, error, shared.counts),
        };
        self.used_at = now;
        if session.has_resumption() {
            asked.resumption = session.take_resumption();
        }
        // What is reached directly is not left for a relay, whoever passes its packets on.
        let is_worse = was_confirmed && session.way.is_better_than(way);
        if !is_worse && session.came_by(way, opened.number, bytes, fresh) {
            self.refit(now, place);
        }
        if !was_confirmed {
            asked.needless = self.connecting.take().map(|attempt| attempt.session);
        }
        if place > 0 && !was_confirmed {
            // The other end has the newest keys: from now on they are used.
            self.sessions[..=place].rotate_right(1);
            self.begin(now);
            return self.on_frames(now, 0, (opened.number, opened.frames), shared, asked);
        }
        self.on_frames(now, place, (opened.number, opened.frames), shared, asked);
    }

    /// Takes another packet of a session that began with packets before the answer to them.
    pub(in crate::transport) fn on_early_packet(
        &mut self,
        now: Moment,
        (header, way, fresh): (&EarlyHeader, Way, u64),
        datagram: &mut [u8],
        shared: &mut Shared<'_>,
        asked: &mut Asked,
    ) {
        let began = |session: &Session| session.early_answer(&header.random).is_some();
        let Some(place) = self.sessions.iter().position(began) else {
            return shared.counts.drop_one("early packet of no session");
        };
        let session = &mut self.sessions[place];
        let bytes = datagram.len();
        match session.open_early(now, header, datagram) {
            Ok(opened) => {
                session.came_by(way, opened.number, bytes, fresh);
                self.used_at = now;
                self.on_frames(now, place, (opened.number, opened.frames), shared, asked);
            }
            Err(error) => not_opened(now, session, error, shared.counts),
        }
    }

    /// Takes the frames of a packet of the session at this place.
    pub(in crate::transport) fn on_frames(
        &mut self,
        now: Moment,
        place: usize,
        (number, bytes): (u64, &[u8]),
        shared: &mut Shared<'_>,
        asked: &mut Asked,
    ) {
        let mut frames = Frames(bytes);
        let mut took = Took::default();
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => self.on_frame(now, place, frame, &mut took, shared, asked),
                Ok(None) => break,
                Err(_) => {
                    // Authenticated, so a bug or a later version: what was understood counts.
                    shared.counts.drop_one("malformed frame");
                    break;
                }
            }
        }
        if !took.refused {
            let session = &mut self.sessions[place];
            session.taken(now, number, took.eliciting, took.pressing);
            if took.last {
                session.acks.relax();
            }
        }
    }

    fn on_frame(
        &mut self,
        now: Moment,
        place: usize,
        frame: Frame<'_>,
        took: &mut Took,
        shared: &mut Shared<'_>,
        asked: &mut Asked,
    ) {
        took.eliciting |= !matches!(
            frame,
            Frame::Ack { .. }
                | Frame::Packet { kept: false, .. }
                | Frame::Close
                | Frame::Relay { .. }
                | Frame::Introduction(_)
        );
        let session = &mut self.sessions[place];
        match frame {
            Frame::Ping => took.pressing = true,
            Frame::Ack {
                largest,
                delay_us,
                words,
            } => self.on_ack_frame(now, place, (largest, delay_us), words, shared.counts),
            Frame::Packet { bytes, .. } => match codec::decode_packet(bytes) {
                Ok(packet) => self.packets_in.push(packet),
                Err(error) => shared.counts.drop_one(error.to_string()),
            },
            Frame::Fragment {
                message,
                index,
                total,
                pressing,
                data,
            } => {
                took.pressing |= pressing;
                let fragment = Fragment {
                    message,
                    index,
                    total_bytes: total,
                    data,
                };
                match self.on_fragment(now, place, &fragment, shared) {
                    Taken::NotTaken => took.refused = true,
                    Taken::Last => took.last = true,
                    Taken::New | Taken::Duplicate | Taken::NoRoom | Taken::Refused => {}
                }
            }
            // Messages are numbered anew in each session.
            Frame::Status(status) if place == 0 => self.on_status(now, &status),
            Frame::Cancel(message) if self.receiving == Some(session.local) => {
                self.receiver.cancel(now, message, shared.budget);
            }
            Frame::Status(_) | Frame::Cancel(_) => {}
            Frame::Close => asked.closed = true,
            Frame::Challenge(number) => session.response = Some(number),
            Frame::Response(number) => session.answered(number),
            Frame::Observed(address) => asked.observed = Some(address),
            Frame::Introduction(said) => asked.introductions.push(said.into()),
            Frame::Relay { user, datagram } => asked.relayed.push((user, datagram.to_vec())),
        }
    }

    fn on_ack_frame(
        &mut self,
        now: Moment,
        place: usize,
        (largest, delay_us): (u64, u64),
        words: Words<'_>,
        counts: &mut Counts,
    ) {
        let mut copied = [0; frame::ACK_WORDS];
        let count = words.copy_to(&mut copied);
        let ack = Ack {
            largest,
            delay_us: u32::try_from(delay_us).unwrap_or(u32::MAX),
            words: &copied[..count],
            marks: None,
        };
        self.on_ack(now, place, &ack, counts);
    }

    /// Takes a fragment, if it came through the session that the other end sends messages in.
    fn on_fragment(
        &mut self,
        now: Moment,
        place: usize,
        fragment: &Fragment<'_>,
        shared: &mut Shared<'_>,
    ) -> Taken {
        let session = &self.sessions[place];
        if self.receiving != Some(session.local) {
            // What is late from a session that the other end went on from does not turn it back;
            // only where nothing comes any more, it may have gone back itself.
            let is_newer = session.made > self.received_in;
            if !is_newer && now.since(self.received_at) < GONE_ON {
                shared.counts.drop_one("fragment of an earlier session");
                return Taken::NotTaken;
            }
            self.received_in = session.made;
            self.receiving = Some(session.local);
            self.receiver.begin_session(now, shared.budget);
        }
        self.received_at = now;
        let taken = self
            .receiver
            .on_fragment(now, fragment, shared.budget, shared.pool);
        match taken {
            Taken::New | Taken::Last | Taken::Duplicate => {}
            Taken::NoRoom => shared.counts.drop_one("fragment without room"),
            Taken::Refused => shared.counts.drop_one("fragment of no message"),
            Taken::NotTaken => shared.counts.drop_one("fragment beyond its credit"),
        }
        taken
    }

    fn on_status(&mut self, now: Moment, status: &StatusFrame<'_>) {
        let mut copied = [0; STATUS_WORDS];
        let count = status.words.copy_to(&mut copied);
        let status = Status {
            message: status.message,
            standing: status.standing,
            first_missing: status.first_missing,
            credit: status.credit,
            words: copied[..count].to_vec(),
        };
        self.sender.on_status(now, &status);
    }
}

/// A packet of a session was not taken.
fn not_opened(now: Moment, session: &mut Session, error: NotOpened, counts: &mut Counts) {
    match error {
        NotOpened::Repeated => {
            session.acks.repeated(now);
            counts.drop_one("repeated");
        }
        NotOpened::Forged => counts.drop_one("forged"),
    }
}
