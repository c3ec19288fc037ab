//! The end that begins a handshake. It keeps one state per handshake, which nothing forged changes.
//!
//! The same noise message is sent again until it is answered, never another one with the same
//! ephemeral key: two texts sealed with the same key and nonce would betray the key. After some
//! repeats the caller begins anew.

use rand_chacha::rand_core::Rng;

use super::cookie::{self, COOKIE_LIFE};
use super::layout::{
    self, DATAGRAM_MAX_BYTES, INITIATION_MIN_BYTES, Initiation, Mac, NOISE_MAX_BYTES, Opening,
    Reply,
};
use super::{Desk, Established, Reason};
use crate::crypto::noise::{Handshake, KEY_BYTES, Pattern};
use crate::time::{Moment, WallTime};

/// A handshake that we began and that is not answered yet.
pub struct Initiator {
    /// None once it was answered.
    state: Option<Handshake>,
    session: u32,
    pattern: Pattern,
    remote: Option<[u8; KEY_BYTES]>,
    mac1_key: [u8; 32],
    datagram: Vec<u8>,
    cookie: Option<(Mac, Moment)>,
}

impl Initiator {
    /// The initiation to send again, in a datagram of this size: the same message, with the cookie
    /// if one came lately.
    #[must_use]
    pub fn again(&self, now: Moment, datagram_bytes: usize) -> Vec<u8> {
        let mut datagram = layout::resize(&self.datagram, datagram_bytes);
        if let Some((cookie, at)) = &self.cookie
            && now.since(*at) < COOKIE_LIFE
        {
            layout::set_mac2(&mut datagram, cookie);
        }
        datagram
    }

    /// Our session.
    #[must_use]
    pub const fn local_session(&self) -> u32 {
        self.session
    }

    /// The key that we call, if we know it.
    #[must_use]
    pub const fn remote_static(&self) -> Option<&[u8; KEY_BYTES]> {
        self.remote.as_ref()
    }
}

impl Desk {
    /// Begins a handshake, with IK if the responder's key is known, else with XX. Returns its state
    /// and the initiation to send, of `datagram_bytes` or the least that is allowed. `wall` is the
    /// calendar: who is not later than the last time must show the responder a cookie.
    ///
    /// # Errors
    /// If the key is none.
    pub fn begin(
        &mut self,
        wall: WallTime,
        remote: Option<[u8; KEY_BYTES]>,
        local_session: u32,
        datagram_bytes: usize,
    ) -> Result<(Initiator, Vec<u8>), Reason> {
        let pattern = remote.map_or(Pattern::Xx, |_| Pattern::Ik);
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let prologue = layout::prologue(pattern, local_session);
        let mut state = Handshake::initiate(pattern, &self.key, remote.as_ref(), &prologue, seed)?;
        let opening = Opening {
            stamp: self.next_stamp(wall),
            suites: self.config.suites,
            payload: &self.payload,
        };
        let mut noise = [0; NOISE_MAX_BYTES];
        let length = state.write(&opening.write(pattern), &mut noise)?;
        let mac1_key = layout::mac1_key(remote.as_ref());
        let size = datagram_bytes.clamp(INITIATION_MIN_BYTES, DATAGRAM_MAX_BYTES);
        let noise = &noise[..length];
        let datagram = Initiation::write((local_session, pattern), noise, &mac1_key, size);
        let initiator = Initiator {
            state: Some(state),
            session: local_session,
            pattern,
            remote,
            mac1_key,
            datagram: datagram.clone(),
            cookie: None,
        };
        Ok((initiator, datagram))
    }

    /// Reads the answer to a handshake that we began. What does not open changes nothing. For XX
    /// there is a finish to send, until the first packet of the session opens.
    ///
    /// # Errors
    /// If it is not the answer, or the handshake was answered before.
    pub fn on_answer(
        &mut self,
        now: Moment,
        initiator: &mut Initiator,
        datagram: &[u8],
    ) -> Result<(Established, Option<Vec<u8>>), Reason> {
        let state = initiator.state.as_mut().ok_or(Reason::UnknownHandshake)?;
        let session = initiator.session;
        let initiation = Initiation::parse(&initiator.datagram)?;
        let (remote_session, noise) =
            layout::parse_answer(datagram, session, initiation.ephemeral())?;
        let mut text = [0; NOISE_MAX_BYTES];
        let length = state.read(noise, &mut text)?;
        // From here on it is the responder who speaks; the handshake ends, one way or the other.
        let mut state = initiator.state.take().ok_or(Reason::UnknownHandshake)?;
        let reply = Reply::parse(&text[..length])?;
        let remote_static = state.remote_static().ok_or(Reason::Malformed)?;
        if reply.session != remote_session {
            return Err(Reason::Malformed);
        }
        if remote_static == *self.key.public() {
            return Err(Reason::Ourselves);
        }
        let mut finish = None;
        if initiator.pattern == Pattern::Xx {
            let mut message = [0; NOISE_MAX_BYTES];
            let length = state.write(&self.payload, &mut message)?;
            let ephemeral = noise.get(..KEY_BYTES).ok_or(Reason::Malformed)?;
            let message = &message[..length];
            finish = Some(layout::write_finish(remote_session, message, ephemeral));
        }
        let secret = state.finish()?;
        let sessions = (session, remote_session);
        let remote = (remote_static, reply.payload.to_vec());
        let established = Established::new(now, &secret, sessions, reply.suite, remote, true);
        Ok((established, finish))
    }

    /// Reads a cookie; the caller then sends the initiation again, which shows it.
    ///
    /// # Errors
    /// If it is no cookie for this handshake.
    pub fn on_cookie(
        &mut self,
        now: Moment,
        initiator: &mut Initiator,
        datagram: &[u8],
    ) -> Result<(), Reason> {
        let (session, random, sealed) = layout::parse_cookie(datagram)?;
        if session != initiator.session || initiator.state.is_none() {
            return Err(Reason::UnknownHandshake);
        }
        let initiation = Initiation::parse(&initiator.datagram)?;
        let cookie = cookie::open(sealed, &initiator.mac1_key, &random, &initiation);
        initiator.cookie = Some((cookie.ok_or(Reason::DoesNotOpen)?, now));
        Ok(())
    }

    /// Microseconds of the calendar, but always more than the time before.
    fn next_stamp(&mut self, wall: WallTime) -> u64 {
        let stamp = wall.0.saturating_mul(1_000);
        self.stamp = stamp.max(self.stamp.saturating_add(1));
        self.stamp
    }
}
