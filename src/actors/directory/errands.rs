//! Errands: which count, and what they do to names and presence.

use core::time::Duration;
use std::net::SocketAddr;

use rand_chacha::rand_core::Rng;

use super::register::{Claim, Number, is_valid};
use super::{Directory, Effect, Output};
use crate::actors::machine::Outbox;
use crate::crypto::identity::verify_errand;
use crate::proto::ids::UserId;
use crate::proto::limits::ERRAND_AHEAD_MS;
use crate::proto::packet::{Errand, ErrandKind, NameAnswer, Packet};
use crate::time::{Moment, WallTime};

impl Directory {
    /// The last errand of a user that counted. The number that claimed the user's name is on disk,
    /// so that an errand before it cannot take the name back after a restart.
    fn last_number(&self, user: UserId) -> Option<Number> {
        let claimed = self.register.claim(user).map(|claim| claim.number);
        self.online.number(user).max(claimed)
    }

    /// No errand of a later epoch counts, here or as another server tells of it: whoever counted
    /// one from the end of time would never count another.
    pub(super) fn latest_epoch(&self, now: Moment) -> WallTime {
        let today = self.config.calendar.at(now);
        WallTime(today.0.saturating_add(ERRAND_AHEAD_MS))
    }

    /// Takes an errand whose signature is not checked yet. One that somebody else carries is
    /// dropped: it would name the carrier's address for the user's.
    pub(super) fn errand(
        &mut self,
        now: Moment,
        (client, at): (UserId, SocketAddr),
        errand: Errand,
        out: &mut Outbox<Output>,
    ) {
        let user = errand.user.user_id();
        if user != client || errand.epoch > self.latest_epoch(now) {
            return;
        }
        let number = (errand.epoch, errand.sequence);
        if let Some(last) = self.last_number(user).filter(|last| number <= *last) {
            return self.outdated(user, number, last, out);
        }
        let today = self.config.calendar.at(now);
        if !verify_errand(&errand) || !self.online.heard(user, number, today) {
            return;
        }
        match &errand.kind {
            ErrandKind::Here { name, ttl_ms } => {
                let ttl_ms = u64::from((*ttl_ms).min(self.config.ttl_max_ms));
                let until = now.after(Duration::from_millis(ttl_ms));
                self.online.arrive(user, number, at, until);
                self.probes.cancel(user);
                out.push(Output::Present(user));
                if self.catch_up.is_done() {
                    self.claim(now, &errand, name, out);
                }
            }
            ErrandKind::Leave => {
                self.online.leave(user, number);
                self.probes.cancel(user);
            }
            ErrandKind::FetchMail => out.push(Output::FetchMail(user)),
            ErrandKind::AckMail(letters) => out.push(Output::AckMail {
                user,
                letters: letters.clone(),
            }),
            ErrandKind::Missing(missing) => {
                if self.online.address(*missing).is_some() {
                    let nonce = self.rng.next_u64();
                    self.probes.start(now, *missing, nonce);
                }
            }
        }
    }

    /// Answers an errand from before the last one that counted: what its user has to go beyond, for
    /// their clock was ahead in another run, or is behind now. While they are here, a number of the
    /// same run is only a repetition.
    fn outdated(&self, user: UserId, number: Number, last: Number, out: &mut Outbox<Output>) {
        let is_here = self.online.address(user).is_some();
        let epoch = last.0;
        if number.0 < epoch || !is_here {
            let packet = Packet::Outdated { epoch, is_here };
            out.push(Output::Send { to: user, packet });
        }
    }

    /// Answers a claim, or has it written first. A full directory says `Taken`: the name is not
    /// to be had.
    fn claim(&mut self, now: Moment, errand: &Errand, name: &str, out: &mut Outbox<Output>) {
        let user = errand.user.user_id();
        let answer = if !is_valid(name) {
            Some(NameAnswer::Invalid)
        } else if self
            .register
            .claim(user)
            .is_some_and(|own| own.name == name)
        {
            Some(self.verdict(user, name))
        } else if self.register.holder(name).is_some() || !self.has_room(user) {
            Some(NameAnswer::Taken)
        } else {
            None
        };
        if let Some(name) = answer {
            return out.push(self.here_answer(now, user, errand.sequence, name));
        }
        let under_way = self.journal.waiting().any(|effect| match effect {
            Effect::Bind { claim, .. } => claim.name == name || claim.identity == errand.user,
            Effect::Merge { .. } => false,
        });
        if !under_way {
            // Whatever fails from here on, the client's next sign of presence tries again.
            let _ = self.journal.add(Effect::Bind {
                claim: Claim {
                    name: name.to_owned(),
                    identity: errand.user,
                    registered_at: self.config.calendar.at(now),
                    number: (errand.epoch, errand.sequence),
                },
                sequence: errand.sequence,
            });
        }
    }

    /// Whether a name that a user claims is theirs.
    pub(super) fn verdict(&self, user: UserId, name: &str) -> NameAnswer {
        if self.register.holder(name) == Some(user) {
            NameAnswer::Yours
        } else {
            NameAnswer::Taken
        }
    }

    fn has_room(&self, user: UserId) -> bool {
        let waiting = self.journal.waiting();
        let binds = waiting.filter(|effect| matches!(effect, Effect::Bind { .. }));
        self.register.claim(user).is_some()
            || self.register.count() + binds.count() < self.config.names_max
    }
}
