//! One grant as it would be booked by hand: the reference that the ledger is held against.
//!
//! Knows no signatures, no positions, no bounds of memory, and forgets only names of looks.

use std::collections::BTreeMap;

use crate::proto::codec;
use crate::proto::ids::{CheckoutId, Digest, GrantId, ViewId};
use crate::proto::lease::Change;
use crate::proto::ledger::{Command, Refusal, Reply, ViewLog};
use crate::time::WallTime;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// A grant, or the place for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model(Option<Book>);

/// What an order came to, without what positions and moments add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// An opening or a change: looks granted, used, with devices; whether it is revoked.
    Stands(u32, u32, u32, bool),
    /// A look: its number, and what is left.
    Spent(u32, u32),
    /// A checkout: its looks, and what is left beside it.
    Escrowed(u32, u32),
    /// A check-in: looks told, given back, whether closed, and what is left.
    CheckedIn(u32, u32, bool, u32),
    /// New shares of this round.
    Rekeyed(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Book {
    opening: Digest,
    grant: GrantId,
    not_before: Option<WallTime>,
    until: Option<WallTime>,
    offline_max: u32,
    granted: u32,
    spent: u32,
    changes: u32,
    revoked: bool,
    round: u32,
    hashes: Vec<Digest>,
    erased: bool,
    changed_at: WallTime,
    names: BTreeMap<ViewId, Name>,
    lent: BTreeMap<CheckoutId, Lent>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    key: [u8; 32],
    ordinal: u32,
    left: u32,
    at: WallTime,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lent {
    order: Digest,
    looks: u32,
    left: u32,
    until: WallTime,
    told: u32,
    head: Digest,
    check_ins: BTreeMap<u32, Digest>,
    returned: u32,
    is_out: bool,
    is_closed: bool,
}

impl Outcome {
    /// What the ledger's answer says of it.
    ///
    /// # Errors
    /// If the answer is a refusal.
    pub const fn of(reply: Reply) -> Result<Option<Self>, Refusal> {
        Ok(Some(match reply {
            Reply::Opened(now) | Reply::Adjusted(now) => {
                Self::Stands(now.granted, now.spent, now.escrowed, now.revoked)
            }
            Reply::Spent {
                ordinal, remaining, ..
            } => Self::Spent(ordinal, remaining),
            Reply::Escrowed {
                looks, remaining, ..
            } => Self::Escrowed(looks, remaining),
            Reply::CheckedIn {
                length,
                returned,
                closed,
                remaining,
            } => Self::CheckedIn(length, returned, closed, remaining),
            Reply::Rekeyed { round } => Self::Rekeyed(round),
            Reply::Time(_) | Reply::Stands(_) => return Ok(None),
            Reply::Refused(refusal) => return Err(refusal),
        }))
    }
}

impl Model {
    /// Looks granted, used, and with devices.
    #[must_use]
    pub fn totals(&self) -> Option<(u32, u32, u32)> {
        let book = self.0.as_ref()?;
        Some((book.granted, book.spent, book.out()))
    }

    /// Books an order of who may give it.
    ///
    /// # Errors
    /// Why the ledger would refuse it.
    pub fn step(&mut self, now: WallTime, command: &Command) -> Result<Outcome, Refusal> {
        let Some(book) = &mut self.0 else {
            return self.open(now, command);
        };
        book.pass(now);
        match command {
            Command::Open(_) if Digest::of(&codec::encode(command)) == book.opening => {
                Ok(book.stands())
            }
            Command::Open(_) => Err(Refusal::Conflict),
            Command::Spend {
                view, reply_key, ..
            } => book.spend(now, *view, *reply_key),
            Command::Escrow {
                checkout,
                looks,
                until,
                ..
            } => book.lend(now, command, *checkout, *looks, *until),
            Command::CheckIn { .. } => book.check_in(now, command),
            Command::Adjust { adjust, .. } => {
                if adjust.grant != book.grant {
                    return Err(Refusal::Conflict);
                }
                if adjust.owner_sequence > book.changes + 1 {
                    return Err(Refusal::Gap);
                }
                if adjust.owner_sequence == book.changes + 1 {
                    book.adjust(now, adjust.change);
                }
                Ok(book.stands())
            }
            Command::Rekey {
                round,
                share_hashes,
                ..
            } => book.rekey(now, *round, share_hashes),
        }
    }

    fn open(&mut self, now: WallTime, command: &Command) -> Result<Outcome, Refusal> {
        let Command::Open(opening) = command else {
            return Err(Refusal::Unknown);
        };
        let book = Book {
            opening: Digest::of(&codec::encode(command)),
            grant: opening.grant,
            not_before: opening.not_before,
            until: opening.until,
            offline_max: opening.offline_max,
            granted: opening.looks,
            spent: 0,
            changes: 0,
            revoked: false,
            round: 0,
            hashes: opening.share_hashes.clone(),
            erased: false,
            changed_at: now,
            names: BTreeMap::new(),
            lent: BTreeMap::new(),
        };
        let stands = book.stands();
        self.0 = Some(book);
        Ok(stands)
    }
}

impl Book {
    /// Lets time pass.
    fn pass(&mut self, now: WallTime) {
        self.names.retain(|_, name| name.at.0 + DAY > now.0);
        for lent in self.lent.values_mut() {
            if lent.is_out && lent.until.0 + DAY <= now.0 {
                self.spent += lent.looks - lent.told;
                lent.is_out = false;
            }
        }
        let used_up = self.left() == 0 && self.out() == 0;
        self.erased |= self.is_late(now) || used_up && self.changed_at.0 + MINUTE <= now.0;
    }

    fn spend(&mut self, now: WallTime, view: ViewId, key: [u8; 32]) -> Result<Outcome, Refusal> {
        if let Some(name) = self.names.get(&view) {
            let spent = Outcome::Spent(name.ordinal, name.left);
            // The key is remembered as long as shares are let out again.
            let is_same = name.key == key || name.at.0 + MINUTE <= now.0;
            return is_same.then_some(spent).ok_or(Refusal::Conflict);
        }
        self.gives(now)?;
        if self.left() == 0 {
            return Err(Refusal::Exhausted);
        }
        self.spent += 1;
        self.changed_at = now;
        let (ordinal, left) = (self.spent, self.left());
        let name = Name {
            key,
            ordinal,
            left,
            at: now,
        };
        self.names.insert(view, name);
        Ok(Outcome::Spent(ordinal, left))
    }

    fn lend(
        &mut self,
        now: WallTime,
        command: &Command,
        id: CheckoutId,
        looks: u32,
        until: WallTime,
    ) -> Result<Outcome, Refusal> {
        let Command::Escrow {
            account, device, ..
        } = command
        else {
            return Err(Refusal::Malformed);
        };
        let order = Digest::of(&codec::encode(command));
        if let Some(lent) = self.lent.get(&id) {
            let escrowed = Outcome::Escrowed(lent.looks, lent.left);
            return (lent.order == order)
                .then_some(escrowed)
                .ok_or(Refusal::Conflict);
        }
        self.gives(now)?;
        let week = WallTime(now.0 + 7 * DAY);
        let until = until.min(week).min(self.until.unwrap_or(week));
        if until <= now {
            return Err(Refusal::Bounds);
        }
        if looks > self.left() {
            return Err(Refusal::Exhausted);
        }
        if looks + self.out() > self.offline_max {
            return Err(Refusal::Offline);
        }
        let lent = Lent {
            order,
            looks,
            left: self.left() - looks,
            until,
            told: 0,
            head: ViewLog::new(*account, id, *device).head,
            check_ins: BTreeMap::new(),
            returned: 0,
            is_out: true,
            is_closed: false,
        };
        let escrowed = Outcome::Escrowed(looks, lent.left);
        self.lent.insert(id, lent);
        self.changed_at = now;
        Ok(escrowed)
    }

    fn check_in(&mut self, now: WallTime, command: &Command) -> Result<Outcome, Refusal> {
        let Command::CheckIn {
            checkout,
            from,
            views,
            head,
            returns,
            ..
        } = command
        else {
            return Err(Refusal::Malformed);
        };
        let order = Digest::of(&codec::encode(command));
        let Some(lent) = self.lent.get_mut(checkout) else {
            return Err(Refusal::Unknown);
        };
        let is_known = lent.check_ins.get(from) == Some(&order);
        if !is_known {
            if *from > lent.told {
                return Err(Refusal::Gap);
            }
            if *from == lent.told && lent.is_closed && views.is_empty() {
                let is_used = lent.check_ins.contains_key(from);
                return self.refuse_check_in(*checkout, is_used);
            }
            let mut log = ViewLog {
                length: lent.told,
                head: lent.head,
            };
            views.iter().for_each(|look| log = log.with(*look));
            let room = if lent.is_closed {
                lent.told
            } else {
                lent.looks
            };
            let goes_on = *from == lent.told && !lent.check_ins.contains_key(from);
            if !goes_on || log.length > room || log.head != *head {
                return self.refuse_check_in(*checkout, true);
            }
            lent.check_ins.insert(*from, order);
            if lent.is_out {
                self.spent += log.length - lent.told;
            }
            (lent.told, lent.head) = (log.length, log.head);
            if *returns {
                lent.returned = if lent.is_out {
                    lent.looks - lent.told
                } else {
                    0
                };
                (lent.is_out, lent.is_closed) = (false, true);
            }
        }
        self.changed_at = now;
        let (told, returned, closed) = (lent.told, lent.returned, lent.is_closed);
        Ok(Outcome::CheckedIn(told, returned, closed, self.left()))
    }

    fn refuse_check_in(&mut self, id: CheckoutId, is_fork: bool) -> Result<Outcome, Refusal> {
        if !is_fork {
            return Err(Refusal::Closed);
        }
        self.revoked = true;
        self.erased = true;
        if let Some(lent) = self.lent.get_mut(&id)
            && lent.is_out
        {
            self.spent += lent.looks - lent.told;
            lent.is_out = false;
        }
        Err(Refusal::Fork)
    }

    fn adjust(&mut self, now: WallTime, change: Change) {
        let kept = self.spent + self.out();
        self.changes += 1;
        self.changed_at = now;
        match change {
            Change::Set(looks) => self.granted = looks.max(kept),
            Change::Add(looks) => self.granted += looks,
            Change::Sub(looks) => self.granted = self.granted.saturating_sub(looks).max(kept),
            Change::Refund => self.granted += 1,
            Change::Revoke => self.revoked = true,
            Change::Until(until) => self.until = until,
        }
        self.erased |= self.is_late(now);
    }

    fn rekey(&mut self, now: WallTime, round: u32, hashes: &[Digest]) -> Result<Outcome, Refusal> {
        if round == self.round && hashes == self.hashes {
            return Ok(Outcome::Rekeyed(round));
        }
        if self.revoked {
            return Err(Refusal::Revoked);
        }
        if self.is_late(now) {
            return Err(Refusal::Expired);
        }
        if round != self.round + 1 || hashes.len() != self.hashes.len() {
            return Err(Refusal::Conflict);
        }
        (self.round, self.hashes, self.erased) = (round, hashes.to_vec(), false);
        self.changed_at = now;
        Ok(Outcome::Rekeyed(round))
    }

    fn gives(&self, now: WallTime) -> Result<(), Refusal> {
        match self.not_before {
            _ if self.revoked => Err(Refusal::Revoked),
            _ if self.is_late(now) => Err(Refusal::Expired),
            Some(not_before) if now < not_before => Err(Refusal::Early { not_before }),
            _ if self.erased => Err(Refusal::Keyless),
            _ => Ok(()),
        }
    }

    fn is_late(&self, now: WallTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn out(&self) -> u32 {
        let out = self.lent.values().filter(|lent| lent.is_out);
        out.map(|lent| lent.looks - lent.told).sum()
    }

    fn left(&self) -> u32 {
        if self.revoked {
            0
        } else {
            self.granted - self.spent - self.out()
        }
    }

    fn stands(&self) -> Outcome {
        Outcome::Stands(self.granted, self.spent, self.out(), self.revoked)
    }
}
