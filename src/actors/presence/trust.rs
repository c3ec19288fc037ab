//! What the person says of peers: codes that were scanned, words that were compared, refusals.
//!
//! A mark holds at once, and is answered when it is on disk.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;

use super::super::edges::{DiskAnswer, Ticket};
use super::super::machine::Outbox;
use super::lookups::Lookups;
use super::registry::Registry;
use super::rows::Mark;
use super::voice::Voice;
use super::{Output, Presence, failures, refuse, report};
use crate::proto::control::{Failure, Outcome};
use crate::proto::ids::{UserId, WishId};
use crate::proto::packet::DirectoryEntry;
use crate::proto::pairing;
use crate::time::Moment;

/// Wishes of this kind that may be open.
const WISHES_MAX: usize = 16;

/// A code whose keys the servers are asked for.
#[derive(Debug)]
struct Code {
    wish: WishId,
    name: String,
    user: UserId,
}

/// A mark on its way to the disk.
#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    wish: WishId,
    name: String,
    user: UserId,
    mark: Mark,
    until: Moment,
}

/// Wishes about peers that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Trust {
    codes: BTreeMap<Ticket, Code>,
    pending: Vec<Pending>,
}

/// The other parts of the machine that are needed.
pub(super) struct Parts<'a> {
    pub(super) now: Moment,
    pub(super) voice: &'a Voice,
    pub(super) registry: &'a mut Registry,
    pub(super) lookups: &'a mut Lookups,
    pub(super) random: &'a mut ChaCha20Rng,
    pub(super) out: &'a mut Outbox<Output>,
}

impl Presence {
    /// Carries keys that we asked for ourselves to the codes that wait for them.
    pub(super) fn keys_told(&mut self, now: Moment, out: &mut Outbox<Output>) {
        for told in self.lookups.take_keys() {
            self.with_trust(now, out, |trust, parts| {
                trust.keys_told(told.ticket, told.entry.as_ref(), told.heard, parts);
            });
        }
    }

    pub(super) fn with_trust(
        &mut self,
        now: Moment,
        out: &mut Outbox<Output>,
        run: impl FnOnce(&mut Trust, &mut Parts<'_>),
    ) {
        let mut parts = Parts {
            now,
            voice: &self.voice,
            registry: &mut self.registry,
            lookups: &mut self.lookups,
            random: &mut self.random,
            out,
        };
        run(&mut self.trust, &mut parts);
    }

    pub(super) fn mark(
        &mut self,
        now: Moment,
        (wish, peer): (WishId, &str),
        mark: Mark,
        out: &mut Outbox<Output>,
    ) {
        self.has_blocked |= matches!(mark, Mark::Blocked(_));
        self.with_trust(now, out, |trust, parts| trust.mark(wish, peer, mark, parts));
    }
}

impl Trust {
    /// A person was given a code.
    pub(super) fn add(&mut self, wish: WishId, code: &str, parts: &mut Parts<'_>) {
        if let Err(failure) = self.try_add(wish, code, parts) {
            refuse(wish, failure, parts.out);
        }
    }

    fn try_add(&mut self, wish: WishId, code: &str, parts: &mut Parts<'_>) -> Result<(), Failure> {
        let (name, user) = pairing::parse(code).map_err(failures::bad_code)?;
        self.has_room()?;
        let me = parts.voice.config();
        if user == me.identity.user_id() {
            return Err(failures::own_code());
        }
        if name == me.name {
            return Err(failures::name_is_ours(&name));
        }
        match parts.registry.user(&name) {
            Some(known) if known == user => {
                self.set(wish, name, user, Mark::Verified(true), parts);
                return Ok(());
            }
            Some(_) => {
                parts.registry.contest(&name);
                parts.registry.save(parts.out);
                return Err(failures::name_is_anothers(&name));
            }
            None if parts.registry.has_room() => {}
            None => return Err(failures::full()),
        }
        let ticket = parts.registry.draw();
        let (voice, now) = (parts.voice, parts.now);
        parts
            .lookups
            .keys(voice, now, ticket, user, parts.random, parts.out)?;
        self.codes.insert(ticket, Code { wish, name, user });
        Ok(())
    }

    /// The servers told the keys of a code's user; none if they do not know them. The keys prove
    /// themselves: their hash is in the code.
    pub(super) fn keys_told(
        &mut self,
        ticket: Ticket,
        entry: Option<&DirectoryEntry>,
        heard: bool,
        parts: &mut Parts<'_>,
    ) {
        let Some(Code { wish, name, user }) = self.codes.remove(&ticket) else {
            return;
        };
        let paired = match entry.filter(|entry| entry.identity.user_id() == user) {
            Some(entry) => parts.registry.pair(&name, entry),
            None if heard => Err(failures::not_met_yet(&name)),
            None => Err(failures::keys_out_of_reach(&name)),
        };
        match paired {
            Ok(()) => self.set(wish, name, user, Mark::Verified(true), parts),
            Err(failure) => refuse(wish, failure, parts.out),
        }
    }

    /// A person marks a peer.
    pub(super) fn mark(&mut self, wish: WishId, peer: &str, mark: Mark, parts: &mut Parts<'_>) {
        let name = peer.strip_prefix('@').unwrap_or(peer);
        let known = parts.registry.user(name);
        let user = self
            .has_room()
            .and_then(|()| known.ok_or_else(|| failures::not_known(name)));
        match user {
            Ok(user) => self.set(wish, name.to_owned(), user, mark, parts),
            Err(failure) => refuse(wish, failure, parts.out),
        }
    }

    fn has_room(&self) -> Result<(), Failure> {
        if self.codes.len() + self.pending.len() < WISHES_MAX {
            Ok(())
        } else {
            Err(failures::too_many_questions())
        }
    }

    fn set(&mut self, wish: WishId, name: String, user: UserId, mark: Mark, parts: &mut Parts<'_>) {
        parts.registry.mark(user, mark);
        tell_blocked(parts.registry, mark, parts.out);
        let wait = Duration::from_millis(parts.voice.config().disk_ms);
        match parts.registry.save(parts.out) {
            Some(ticket) => self.pending.push(Pending {
                ticket,
                wish,
                name,
                user,
                mark,
                until: parts.now.after(wait),
            }),
            None => answer(wish, &name, parts.registry, parts.out),
        }
    }

    /// The disk answered; the registry knows already.
    pub(super) fn written(
        &mut self,
        ticket: Ticket,
        answered: &DiskAnswer,
        registry: &mut Registry,
        out: &mut Outbox<Output>,
    ) {
        for one in self.pending.extract_if(.., |one| one.ticket == ticket) {
            if *answered == DiskAnswer::Written {
                answer(one.wish, &one.name, registry, out);
            } else {
                registry.unmark(one.user, one.mark);
                tell_blocked(registry, one.mark, out);
                refuse(one.wish, failures::not_kept(), out);
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.pending.iter().map(|one| one.until).min()
    }

    pub(super) fn tick(&mut self, now: Moment, out: &mut Outbox<Output>) {
        for one in self.pending.extract_if(.., |one| one.until <= now) {
            refuse(one.wish, failures::disk_silent(), out);
        }
    }
}

fn answer(wish: WishId, name: &str, registry: &Registry, out: &mut Outbox<Output>) {
    match registry.peer(name) {
        Some(peer) => report(wish, Outcome::Peer(peer), out),
        None => refuse(wish, failures::not_known(name), out),
    }
}

fn tell_blocked(registry: &Registry, mark: Mark, out: &mut Outbox<Output>) {
    if matches!(mark, Mark::Blocked(_)) {
        out.push(Output::Blocked(registry.blocked()));
    }
}
