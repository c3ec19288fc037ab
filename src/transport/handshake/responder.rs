//! The end that answers. What costs least is asked first, and nothing is kept for a stranger until
//! its message opened.
//!
//! 1. length, version, pattern, the code with our public key, zeros where zeros must be;
//! 2. an initiation that was answered lately gets the same answer, so that a lost answer is
//!    repeated and costs no second session;
//! 3. in a crowd, a cookie: without one a cookie is all the sender gets, in a stampede only if it
//!    asks twice; with one its address has a rate; a rate for all together bounds the work;
//! 4. the noise message; then, that the initiation is later than the last one taken from its
//!    sender's key. An earlier one is a replay, or of a sender whose clock was set back: it must
//!    show a cookie, as in a crowd. Until the initiator's first packet opens, the sender is not
//!    proven: the initiation may be a replay all the same.
//!
//! With XX the sender's key comes with the third message; until then the handshake is half open,
//! in a small table, and as soon as half of that is in use a cookie is asked for.

use std::net::SocketAddr;

use rand_chacha::rand_core::Rng;

use super::layout::{
    self, Initiation, Mac, NOISE_MAX_BYTES, Opening, PAYLOAD_MAX_BYTES, Reply, equal,
};
use super::{Desk, Established, Reaction, Reason, cookie};
use crate::crypto::noise::{Handshake, KEY_BYTES, Pattern};
use crate::crypto::packet_keys::Suite;
use crate::time::Moment;
use crate::transport::wire::{self, Kind, VERSION};

/// A handshake of XX that waits for its third message.
pub(super) struct HalfOpen {
    state: Handshake,
    ephemeral: [u8; KEY_BYTES],
    remote_session: u32,
    suite: Suite,
}

/// What was noted of the initiation that was taken last.
pub(super) struct Taken {
    mac1: Mac,
    sender: [u8; KEY_BYTES],
    stamp_before: Option<u64>,
}

impl HalfOpen {
    /// About what one takes, with what Noise keeps on the heap.
    pub(super) const MEMORY_BYTES: usize = size_of::<Self>() + 4_096;
}

impl Desk {
    /// Reads an initiation, or a datagram of another version. `fresh_session` becomes our number
    /// for the session, if one begins.
    pub fn on_initiation(
        &mut self,
        now: Moment,
        from: SocketAddr,
        datagram: &[u8],
        fresh_session: u32,
    ) -> Reaction {
        self.initiation(now, from, datagram, fresh_session)
            .unwrap_or_else(Reaction::Dropped)
    }

    fn initiation(
        &mut self,
        now: Moment,
        from: SocketAddr,
        datagram: &[u8],
        fresh_session: u32,
    ) -> Result<Reaction, Reason> {
        match datagram {
            [VERSION, kind, ..] if *kind == Kind::Initiation as u8 => (),
            [VERSION, ..] => return Err(Reason::Malformed),
            _ => return self.refuse(now, datagram),
        }
        let initiation = Initiation::parse(datagram)?;
        if initiation.pattern == Pattern::Xx && self.config.half_open_max == 0 {
            return Err(Reason::PatternRefused);
        }
        let code = layout::mac(self.mac1_key(initiation.pattern), &[initiation.signed]);
        if !equal(&code, &initiation.mac1) {
            return Err(Reason::BadMac);
        }
        let mut shows_cookie = false;
        let crowd = self.meter.count(now);
        if let Some(answer) = self.answers.get(now, &initiation.mac1) {
            return Ok(Reaction::Answer {
                datagram: answer.clone(),
                established: None,
            });
        }
        self.half_open.age(now);
        let waiting = 2 * self.half_open.len() >= self.config.half_open_max;
        if crowd || (initiation.pattern == Pattern::Xx && waiting) {
            if !self.baker.check(now, from, &initiation, &mut self.rng) {
                let is_stampede = self.meter.is_beyond(self.config.stampede_initiations_per_s);
                if is_stampede && !self.seen.note(now, from, &initiation.mac1) {
                    return Err(Reason::UnderLoad);
                }
                return self.send_cookie(now, from, &initiation);
            }
            if !self.addresses.take(now, from) {
                return Err(Reason::Rate);
            }
            shows_cookie = true;
        }
        if !self.handshakes.take(now) {
            return Err(Reason::Rate);
        }
        self.answer(now, (from, shows_cookie), &initiation, fresh_session)
    }

    fn mac1_key(&self, pattern: Pattern) -> &[u8; 32] {
        match pattern {
            Pattern::Ik => &self.mac1_ik,
            Pattern::Xx => &self.mac1_xx,
        }
    }

    fn refuse(&mut self, now: Moment, datagram: &[u8]) -> Result<Reaction, Reason> {
        let refusal = wire::refusal(datagram).ok_or(Reason::TooShort)?;
        if !self.cookies.take(now) {
            return Err(Reason::UnknownVersion);
        }
        Ok(Reaction::Refusal(refusal.to_vec()))
    }

    fn send_cookie(
        &mut self,
        now: Moment,
        from: SocketAddr,
        initiation: &Initiation<'_>,
    ) -> Result<Reaction, Reason> {
        if !self.cookies.take(now) {
            return Err(Reason::UnderLoad);
        }
        let cookie = self.baker.cookie(now, from, &mut self.rng);
        let mut random = [0; 16];
        self.rng.fill_bytes(&mut random);
        let key = self.mac1_key(initiation.pattern);
        let sealed = cookie::seal(&cookie, key, &random, initiation).ok_or(Reason::UnderLoad)?;
        let reply = layout::write_cookie(initiation.session, &random, &sealed);
        Ok(Reaction::Cookie(reply))
    }

    /// The work with keys: reads the noise message and writes the answer.
    fn answer(
        &mut self,
        now: Moment,
        origin: (SocketAddr, bool),
        initiation: &Initiation<'_>,
        fresh_session: u32,
    ) -> Result<Reaction, Reason> {
        let pattern = initiation.pattern;
        let prologue = layout::prologue(pattern, initiation.session);
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let mut state = Handshake::respond(pattern, &self.key, &prologue, seed)?;
        let mut text = [0; NOISE_MAX_BYTES];
        let length = state.read(initiation.noise, &mut text)?;
        let opening = Opening::parse(pattern, &text[..length])?;
        if pattern == Pattern::Ik {
            let sender = state.remote_static().ok_or(Reason::Malformed)?;
            if let Some(cookie) =
                self.check_sender(now, origin, initiation, (&sender, opening.stamp))?
            {
                return Ok(cookie);
            }
        }
        let reply = Reply {
            suite: self.config.suites.choose(opening.suites),
            session: fresh_session,
            payload: &self.payload,
        };
        let mut noise = [0; NOISE_MAX_BYTES];
        let length = state.write(&reply.write(), &mut noise)?;
        let noise = &noise[..length];
        let ephemeral = initiation.ephemeral();
        let datagram = layout::write_answer(initiation.session, fresh_session, noise, ephemeral);
        self.answers.insert(now, initiation.mac1, datagram.clone());
        let suite = reply.suite;
        let mut established = None;
        match pattern {
            Pattern::Ik => {
                let sender = state.remote_static().ok_or(Reason::Malformed)?;
                self.taken = Some(Taken {
                    mac1: initiation.mac1,
                    sender,
                    stamp_before: self.stamps.get(now, &sender).copied(),
                });
                self.stamps.insert(now, sender, opening.stamp);
                let secret = state.finish()?;
                let sessions = (fresh_session, initiation.session);
                let remote = (sender, opening.payload.to_vec());
                let session = Established::new(now, &secret, sessions, suite, remote, false);
                established = Some(Box::new(session));
            }
            Pattern::Xx => {
                let mut ours = [0; KEY_BYTES];
                ours.copy_from_slice(&noise[..KEY_BYTES]);
                let half_open = HalfOpen {
                    state,
                    ephemeral: ours,
                    remote_session: initiation.session,
                    suite,
                };
                self.half_open.insert(now, fresh_session, half_open);
            }
        }
        Ok(Reaction::Answer {
            datagram,
            established,
        })
    }

    /// The session of the initiation that was answered last is not wanted. What was noted of it is
    /// taken back: when it comes again, no answer may tell of a session that there is not, and it
    /// is no replay.
    pub fn decline(&mut self, now: Moment) {
        let Some(taken) = self.taken.take() else {
            return;
        };
        self.answers.take(now, &taken.mac1);
        self.stamps.take(now, &taken.sender);
        if let Some(stamp) = taken.stamp_before {
            self.stamps.insert(now, taken.sender, stamp);
        }
    }

    /// Whether a sender may begin a session; the cookie to send, if it must show one first.
    fn check_sender(
        &mut self,
        now: Moment,
        (from, shows_cookie): (SocketAddr, bool),
        initiation: &Initiation<'_>,
        (sender, stamp): (&[u8; KEY_BYTES], u64),
    ) -> Result<Option<Reaction>, Reason> {
        if sender == self.key.public() {
            return Err(Reason::Ourselves);
        }
        let last = self.stamps.get(now, sender).copied();
        if last == Some(stamp) {
            return Err(Reason::Replayed);
        }
        if shows_cookie || last.is_none_or(|last| last < stamp) {
            return Ok(None);
        }
        if !self.baker.check(now, from, initiation, &mut self.rng) {
            return self.send_cookie(now, from, initiation).map(Some);
        }
        if !self.addresses.take(now, from) {
            return Err(Reason::Rate);
        }
        Ok(None)
    }

    /// Reads the third message of XX.
    ///
    /// # Errors
    /// If no handshake waits for it: it came before, or too late, or is forged.
    pub fn on_finish(&mut self, now: Moment, datagram: &[u8]) -> Result<Established, Reason> {
        let session = layout::session_of(datagram)?;
        let waiting = self.half_open.take(now, &session);
        let mut waiting = waiting.ok_or(Reason::UnknownHandshake)?;
        let mut text = [0; NOISE_MAX_BYTES];
        let read = layout::parse_finish(datagram, &waiting.ephemeral)
            .and_then(|noise| Ok(waiting.state.read(noise, &mut text)?));
        let length = match read {
            Ok(length) => length,
            Err(reason) => {
                self.half_open.insert(now, session, waiting);
                return Err(reason);
            }
        };
        let remote_static = waiting.state.remote_static().ok_or(Reason::Malformed)?;
        if remote_static == *self.key.public() {
            return Err(Reason::Ourselves);
        }
        if length > PAYLOAD_MAX_BYTES {
            return Err(Reason::Malformed);
        }
        let secret = waiting.state.finish()?;
        let sessions = (session, waiting.remote_session);
        let remote = (remote_static, text[..length].to_vec());
        Ok(Established::new(
            now,
            &secret,
            sessions,
            waiting.suite,
            remote,
            false,
        ))
    }
}
