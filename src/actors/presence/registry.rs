//! The peers we know, by name; the first key met under a name stays.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;

use super::super::edges::{
    Contact, Desk, DiskAnswer, DiskOrder, Record, Row, Table, Ticket, TicketBook,
};
use super::super::machine::Outbox;
use super::rows::{Mark, Marks, Saved, is_name};
use super::{Output, failures};
use crate::proto::codec;
use crate::proto::control::{Failure, Peer};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::UserId;
use crate::proto::packet::DirectoryEntry;
use crate::proto::pass::Pass;
use crate::proto::route::{Reached, Route};
use crate::time::WallTime;

/// A later sight alone is written down only after so long, in milliseconds: it is no loss if a
/// crash forgets it.
const SIGHT_GRAIN_MS: u64 = 60_000;

/// A later pass alone is written down only if it ends so much later, in milliseconds: it is wanted
/// when there is no server, and counts for a day then.
const PASS_GRAIN_MS: u64 = 600_000;

/// Writes whose answers are awaited; the answer to an older one counts as lost.
const WRITES_MAX: usize = 64;

#[derive(Debug)]
struct Known {
    saved: Saved,
    user: UserId,
    /// Whether a server said so last.
    online: bool,
    /// What the disk has confirmed.
    durable: Option<Saved>,
}

impl Known {
    /// Whether the disk lacks something that should survive a crash.
    fn is_worth_writing(&self) -> bool {
        self.durable.as_ref().is_none_or(|durable| {
            durable.conflict != self.saved.conflict
                || durable.marks != self.saved.marks
                || durable.address != self.saved.address
                || is_staler(durable.pass, self.saved.pass)
                || durable.last_seen.0.saturating_add(SIGHT_GRAIN_MS) <= self.saved.last_seen.0
        })
    }

    fn sighted(&mut self, at: WallTime) {
        self.saved.last_seen = self.saved.last_seen.max(at);
    }

    fn peer(&self, online: bool, reached: Option<Reached>) -> Peer {
        Peer {
            name: self.saved.contact.name.clone(),
            user: self.user,
            online,
            last_seen: self.saved.last_seen,
            conflict: self.saved.conflict,
            known: true,
            verified: self.saved.marks.verified,
            blocked: self.saved.marks.blocked,
            reached,
        }
    }
}

/// The peers we know.
#[derive(Debug)]
pub(super) struct Registry {
    me: UserId,
    contacts_max: usize,
    by_name: BTreeMap<String, Known>,
    /// Names that were sighted since the last [`Registry::save`].
    touched: Vec<String>,
    tickets: TicketBook,
    /// Writes on their way to the disk.
    writes: VecDeque<(Ticket, Vec<Saved>)>,
    /// How users are reached, those who are.
    reached: BTreeMap<UserId, Reached>,
}

impl Registry {
    pub(super) fn from_rows(me: UserId, contacts_max: usize, rows: Vec<Row>) -> Self {
        let mut by_name = BTreeMap::new();
        for (key, value) in rows {
            let Some(saved) = Saved::read(&value) else {
                continue;
            };
            let user = saved.contact.identity.user_id();
            let name = saved.contact.name.clone();
            let fits = by_name.len() < contacts_max && key == name.as_bytes();
            if fits && is_name(&name) && user != me {
                let known = Known {
                    user,
                    online: false,
                    durable: Some(saved.clone()),
                    saved,
                };
                by_name.insert(name, known);
            }
        }
        Self {
            me,
            contacts_max,
            by_name,
            touched: Vec::new(),
            tickets: TicketBook::new(Desk::Presence),
            writes: VecDeque::new(),
            reached: BTreeMap::new(),
        }
    }

    pub(super) fn is_me(&self, identity: &PublicIdentity) -> bool {
        identity.user_id() == self.me
    }

    /// A server told who holds a name. The contact, or why it must not be used.
    pub(super) fn told(&mut self, entry: &DirectoryEntry) -> Result<Contact, Failure> {
        let contact = Contact {
            name: entry.name.clone(),
            identity: entry.identity,
        };
        if self.is_me(&entry.identity) || !is_name(&entry.name) {
            return Ok(contact);
        }
        self.pin(&contact, entry.last_seen)?;
        if let Some(known) = self.by_name.get_mut(&entry.name) {
            known.online = entry.address.is_some();
            // The last address is kept for times in which no server answers.
            known.saved.address = entry.address.or(known.saved.address);
        }
        Ok(contact)
    }

    /// A user wrote to us and told their name. Names that a known user gives themselves later are
    /// not remembered: whoever makes names up would fill the registry.
    pub(super) fn met(&mut self, contact: &Contact, at: WallTime) {
        let user = contact.identity.user_id();
        if user == self.me {
            return;
        }
        if let Some((name, known)) = self.by_name.iter_mut().find(|(_, k)| k.user == user) {
            known.sighted(at);
            self.touched.push(name.clone());
        } else {
            // A conflict is marked; there is nobody to tell it to now.
            let _ = self.pin(contact, at);
        }
    }

    /// Remembers who has a name, or marks a conflict if somebody else had it first.
    fn pin(&mut self, contact: &Contact, at: WallTime) -> Result<(), Failure> {
        let user = contact.identity.user_id();
        let name = &contact.name;
        if let Some(known) = self.by_name.get_mut(name) {
            self.touched.push(name.clone());
            if known.user != user {
                known.saved.conflict = true;
                return Err(failures::key_changed(name));
            }
            known.sighted(at);
        } else if self.by_name.len() < self.contacts_max {
            self.touched.push(name.clone());
            let saved = Saved {
                contact: contact.clone(),
                address: None,
                last_seen: at,
                conflict: false,
                marks: Marks::default(),
                pass: None,
            };
            let known = Known {
                saved,
                user,
                online: false,
                durable: None,
            };
            self.by_name.insert(name.clone(), known);
        }
        Ok(())
    }

    /// How a user is reached now. Of more users than can be known the way is not remembered.
    pub(super) fn reached(&mut self, user: UserId, reached: Option<Reached>) {
        match reached {
            None => {
                self.reached.remove(&user);
            }
            Some(way) if self.reached.len() < self.contacts_max => {
                self.reached.insert(user, way);
            }
            Some(way) => {
                self.reached.entry(user).and_modify(|known| *known = way);
            }
        }
    }

    /// A server gave us a pass; it is written down beside the peer, if they are known.
    pub(super) fn passed(&mut self, pass: Option<Pass>) {
        for (name, known) in &mut self.by_name {
            if pass.is_some_and(|pass| known.user == pass.peer) {
                known.saved.pass = pass;
                self.touched.push(name.clone());
            }
        }
    }

    /// The passes that were written down.
    pub(super) fn passes(&self) -> impl Iterator<Item = Pass> {
        self.by_name.values().filter_map(|known| known.saved.pass)
    }

    /// The user did not answer us.
    pub(super) fn missing(&mut self, user: UserId) {
        for known in self.by_name.values_mut().filter(|k| k.user == user) {
            known.online = false;
        }
    }

    pub(super) fn contact(&self, name: &str) -> Option<Contact> {
        self.by_name.get(name).map(|k| k.saved.contact.clone())
    }

    /// How the user was reached when a server last knew.
    pub(super) fn last_route(&self, user: UserId) -> Option<Route> {
        let mut known = self.by_name.values().filter(|known| known.user == user);
        known.find_map(|known| {
            let address = known.saved.address?;
            Some(route(&known.saved.contact.identity, address))
        })
    }

    /// All peers by name. After a whole list of the servers, `listed`, nobody else is online.
    pub(super) fn peers(&self, listed: Option<&BTreeMap<String, DirectoryEntry>>) -> Vec<Peer> {
        let mut peers: BTreeMap<String, Peer> = BTreeMap::new();
        for (name, known) in &self.by_name {
            let online = listed.map_or(known.online, |listed| {
                listed.get(name).is_some_and(|entry| {
                    entry.identity == known.saved.contact.identity && entry.address.is_some()
                })
            });
            let reached = self.reached.get(&known.user).copied();
            peers.insert(name.clone(), known.peer(online, reached));
        }
        // Those for whom there was no room are still shown.
        for (name, entry) in listed.into_iter().flatten() {
            if !self.is_me(&entry.identity) {
                peers.entry(name.clone()).or_insert_with(|| Peer {
                    name: name.clone(),
                    user: entry.identity.user_id(),
                    online: entry.address.is_some(),
                    last_seen: entry.last_seen,
                    conflict: false,
                    known: false,
                    verified: false,
                    blocked: false,
                    reached: self.reached.get(&entry.identity.user_id()).copied(),
                });
            }
        }
        peers.into_values().collect()
    }

    // ---- what the person says of peers ----

    /// The user of a name.
    pub(super) fn user(&self, name: &str) -> Option<UserId> {
        self.by_name.get(name).map(|known| known.user)
    }

    /// A peer as they stand.
    pub(super) fn peer(&self, name: &str) -> Option<Peer> {
        let known = self.by_name.get(name)?;
        let reached = self.reached.get(&known.user).copied();
        Some(known.peer(known.online, reached))
    }

    pub(super) fn has_room(&self) -> bool {
        self.by_name.len() < self.contacts_max
    }

    /// Somebody has shown that the name is somebody else's as well.
    pub(super) fn contest(&mut self, name: &str) {
        if let Some(known) = self.by_name.get_mut(name) {
            known.saved.conflict = true;
            self.touched.push(name.to_owned());
        }
    }

    /// Remembers a user under a name that the person was given, and where they are.
    pub(super) fn pair(&mut self, name: &str, entry: &DirectoryEntry) -> Result<(), Failure> {
        let contact = Contact {
            name: name.to_owned(),
            identity: entry.identity,
        };
        self.pin(&contact, entry.last_seen)?;
        let known = self.by_name.get_mut(name).ok_or_else(failures::full)?;
        known.online = entry.address.is_some();
        known.saved.address = entry.address.or(known.saved.address);
        Ok(())
    }

    /// Marks a user, under every name that we know them by.
    pub(super) fn mark(&mut self, user: UserId, mark: Mark) {
        for (name, known) in self.by_name.iter_mut().filter(|(_, k)| k.user == user) {
            known.saved.marks.set(mark);
            self.touched.push(name.clone());
        }
    }

    /// Takes a mark back that the disk did not take: it is again what the disk has.
    pub(super) fn unmark(&mut self, user: UserId, mark: Mark) {
        for known in self.by_name.values_mut().filter(|k| k.user == user) {
            let kept = known.durable.as_ref().map(|d| d.marks).unwrap_or_default();
            known.saved.marks.set(match mark {
                Mark::Verified(_) => Mark::Verified(kept.verified),
                Mark::Blocked(_) => Mark::Blocked(kept.blocked),
            });
        }
    }

    /// Whom the person refuses.
    pub(super) fn blocked(&self) -> BTreeSet<UserId> {
        let known = self.by_name.values();
        let blocked = known.filter(|known| known.saved.marks.blocked);
        blocked.map(|known| known.user).collect()
    }

    /// The contact, unless the person refuses this user.
    pub(super) fn admit(&self, contact: Contact) -> Result<Contact, Failure> {
        let user = contact.identity.user_id();
        let mut known = self.by_name.values();
        if known.any(|known| known.user == user && known.saved.marks.blocked) {
            Err(failures::blocked(&contact.name))
        } else {
            Ok(contact)
        }
    }

    // ---- the disk ----

    /// Whether a write on its way says something else of a peer.
    fn is_overtaken(&self, saved: &Saved) -> bool {
        let rows = self.writes.iter().flat_map(|(_, rows)| rows);
        let mut same = rows.filter(|row| row.contact.name == saved.contact.name);
        same.any(|row| row.marks != saved.marks)
    }

    /// Writes down whoever was touched and is not on disk as they are now. The order's number;
    /// none if the disk has it all.
    pub(super) fn save(&mut self, out: &mut Outbox<Output>) -> Option<Ticket> {
        self.touched.sort_unstable();
        self.touched.dedup();
        let worth: Vec<Saved> = std::mem::take(&mut self.touched)
            .iter()
            .filter_map(|name| self.by_name.get(name))
            .filter(|known| known.is_worth_writing() || self.is_overtaken(&known.saved))
            .map(|known| known.saved.clone())
            .collect();
        if worth.is_empty() {
            return None;
        }
        let records = worth
            .iter()
            .map(|saved| Record {
                table: Table::Contacts,
                key: saved.contact.name.clone().into_bytes(),
                value: Some(Bytes::from(codec::encode(saved))),
            })
            .collect();
        let ticket = self.tickets.draw();
        if self.writes.len() >= WRITES_MAX {
            self.writes.pop_front();
        }
        self.writes.push_back((ticket, worth));
        out.push(Output::Disk {
            ticket,
            order: DiskOrder::Write(records),
        });
        Some(ticket)
    }

    /// A number for an order of another kind.
    pub(super) const fn draw(&mut self) -> Ticket {
        self.tickets.draw()
    }

    /// The disk answered. What it did not take is written again on the next sight.
    pub(super) fn written(&mut self, ticket: Ticket, answer: &DiskAnswer) {
        let Some(place) = self.writes.iter().position(|(t, _)| *t == ticket) else {
            return;
        };
        let Some((_, rows)) = self.writes.remove(place) else {
            return;
        };
        if *answer != DiskAnswer::Written {
            return;
        }
        for saved in rows {
            if let Some(known) = self.by_name.get_mut(&saved.contact.name) {
                if known.saved.marks != saved.marks {
                    self.touched.push(saved.contact.name.clone());
                }
                known.durable = Some(saved);
            }
        }
    }
}

/// Whether a pass on disk is worth replacing.
fn is_staler(on_disk: Option<Pass>, pass: Option<Pass>) -> bool {
    let end = |pass: Option<Pass>| pass.map_or(0, |pass| pass.until.0);
    end(on_disk).saturating_add(PASS_GRAIN_MS) <= end(pass)
}

/// The way to the user of these keys.
pub(super) fn route(identity: &PublicIdentity, address: SocketAddr) -> Route {
    Route {
        user: identity.user_id(),
        key: identity.seal,
        addresses: vec![address],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_remembered_for_no_more_users_than_can_be_known() {
        let mut registry = Registry::from_rows(UserId([0; 32]), 2, Vec::new());
        let way = |node| Some(Reached::Relayed(crate::proto::ids::NodeId(node)));
        for user in 1..=3 {
            registry.reached(UserId([user; 32]), way(user));
        }
        assert_eq!(registry.reached.len(), 2);
        registry.reached(UserId([1; 32]), Some(Reached::Direct));
        registry.reached(UserId([2; 32]), None);
        let left: Vec<_> = registry.reached.into_iter().collect();
        assert_eq!(left, [(UserId([1; 32]), Reached::Direct)]);
    }
}
