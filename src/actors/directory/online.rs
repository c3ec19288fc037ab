//! Who is online and where, and the last errand of everybody, so that none counts twice.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::register::Number;
use crate::proto::ids::UserId;
use crate::time::{Moment, WallTime};

/// Users that were heard.
#[derive(Debug)]
pub(super) struct Online {
    seen: BTreeMap<UserId, Seen>,
    expiries: BTreeSet<(Moment, UserId)>,
    max: usize,
}

#[derive(Clone, Debug)]
struct Seen {
    /// Of the last errand of any kind.
    number: Number,
    /// Of the last errand that said where the user is, or that they leave.
    placed: Number,
    place: Option<Place>,
    last_seen: WallTime,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    address: SocketAddr,
    until: Moment,
}

/// What a server tells of a user's presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ToldPresence {
    user: UserId,
    number: Number,
    placed: Number,
    /// Where, and for how many milliseconds to come.
    place: Option<(SocketAddr, u32)>,
    last_seen: WallTime,
}

impl ToldPresence {
    /// The latest epoch in it.
    pub(super) fn epoch(&self) -> WallTime {
        self.number.max(self.placed).0
    }
}

impl Online {
    /// Nobody; at most `max` users are remembered.
    pub(super) const fn new(max: usize) -> Self {
        Self {
            seen: BTreeMap::new(),
            expiries: BTreeSet::new(),
            max,
        }
    }

    /// The last errand of a user.
    pub(super) fn number(&self, user: UserId) -> Option<Number> {
        Some(self.seen.get(&user)?.number)
    }

    /// Where a user is.
    pub(super) fn address(&self, user: UserId) -> Option<SocketAddr> {
        Some(self.seen.get(&user)?.place?.address)
    }

    /// When a user was last heard.
    pub(super) fn last_seen(&self, user: UserId) -> Option<WallTime> {
        Some(self.seen.get(&user)?.last_seen)
    }

    /// Users online.
    pub(super) fn count(&self) -> usize {
        self.expiries.len()
    }

    /// Notes an errand. Tells whether there was room: the offline user heard longest ago makes
    /// room, nobody online does.
    pub(super) fn heard(&mut self, user: UserId, number: Number, at: WallTime) -> bool {
        if !self.seen.contains_key(&user) && !self.make_room() {
            return false;
        }
        let seen = self.seen.entry(user).or_insert(Seen {
            number,
            placed: (WallTime(0), 0),
            place: None,
            last_seen: at,
        });
        seen.number = seen.number.max(number);
        seen.last_seen = seen.last_seen.max(at);
        true
    }

    fn make_room(&mut self) -> bool {
        if self.seen.len() < self.max {
            return true;
        }
        let offline = self.seen.iter().filter(|(_, seen)| seen.place.is_none());
        let oldest = offline.min_by_key(|(_, seen)| seen.last_seen);
        let Some(user) = oldest.map(|(&user, _)| user) else {
            return false;
        };
        self.seen.remove(&user);
        true
    }

    fn set_place(&mut self, user: UserId, place: Option<Place>) {
        let Some(seen) = self.seen.get_mut(&user) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut seen.place, place) {
            self.expiries.remove(&(old.until, user));
        }
        if let Some(new) = place {
            self.expiries.insert((new.until, user));
        }
    }

    /// A user said where they are, in the errand of this number.
    pub(super) fn arrive(
        &mut self,
        user: UserId,
        number: Number,
        address: SocketAddr,
        until: Moment,
    ) {
        self.set_place(user, Some(Place { address, until }));
        if let Some(seen) = self.seen.get_mut(&user) {
            seen.placed = number;
        }
    }

    /// A user said that they leave, in the errand of this number.
    pub(super) fn leave(&mut self, user: UserId, number: Number) {
        self.lose(user);
        if let Some(seen) = self.seen.get_mut(&user) {
            seen.placed = number;
        }
    }

    /// A user does not answer.
    pub(super) fn lose(&mut self, user: UserId) {
        self.set_place(user, None);
    }

    /// Takes those off the list who were silent too long.
    pub(super) fn expire(&mut self, now: Moment) {
        while let Some(&(until, user)) = self.expiries.first()
            && until <= now
        {
            self.lose(user);
        }
    }

    /// When the next one is silent too long.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.expiries.first().map(|&(until, _)| until)
    }

    /// Everything, for another server.
    pub(super) fn tell(&self, now: Moment) -> Vec<ToldPresence> {
        let told = |(&user, seen): (&UserId, &Seen)| ToldPresence {
            user,
            number: seen.number,
            placed: seen.placed,
            place: seen.place.map(|place| {
                let left_ms = place.until.since(now).as_millis();
                (place.address, u32::try_from(left_ms).unwrap_or(u32::MAX))
            }),
            last_seen: seen.last_seen,
        };
        self.seen.iter().map(told).collect()
    }

    /// Takes what another server tells, where it is newer. Gives the user back whose place is news.
    pub(super) fn merge(
        &mut self,
        now: Moment,
        today: WallTime,
        told: ToldPresence,
        ttl_max_ms: u32,
    ) -> Option<UserId> {
        if !self.heard(told.user, told.number, told.last_seen.min(today)) {
            return None;
        }
        let known = self.seen.get(&told.user)?.placed;
        if told.placed <= known {
            return None;
        }
        match told.place {
            Some((address, left_ms)) => {
                let left = Duration::from_millis(u64::from(left_ms.min(ttl_max_ms)));
                self.arrive(told.user, told.placed, address, now.after(left));
            }
            None => self.leave(told.user, told.placed),
        }
        Some(told.user)
    }
}
