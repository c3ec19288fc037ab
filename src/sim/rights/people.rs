//! The people of a run: who gives grants, who looks, on which devices, and what they know.
//!
//! A person's deeds are drawn; what a person waits for is asked for again until it is answered, as
//! the lease manager does. What is in a [`Store`] or a [`Grant`] is on the person's disk.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha20Rng;

use super::judge::Holds;
use crate::actors::clerk::{self, Clerk};
use crate::actors::edges::{Desk, Ticket, TicketBook};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::shares::{Secret, Share, split};
use crate::proto::identity::PublicKey;
use crate::proto::ids::{AccountId, CheckoutId, DeviceId, GrantId, NodeId, UserId, ViewId};
use crate::proto::lease::Adjust;
use crate::proto::ledger::{Command, LoggedView, Opening, ViewLog};
use crate::sim::clock::Clock;
use crate::time::WallTime;

mod borrower;
mod owner;

/// A person.
pub(super) struct Person {
    /// Their keys.
    pub(super) identity: SecretIdentity,
    /// Their id.
    pub(super) id: UserId,
}

/// What a device waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Shares of a grant, of a round.
    Deposit(usize, u32),
    /// An account.
    Open(usize),
    /// A change.
    Change(usize),
    /// New shares.
    Rekey(usize, u32),
    /// A look.
    Look(usize, ViewId),
    /// Looks to use without the servers.
    Lend(usize, CheckoutId),
    /// Their return.
    CheckIn(usize, CheckoutId),
}

/// Looks that are with a device, or on their way to it.
#[derive(Clone, Debug)]
pub(super) struct Loan {
    pub(super) grant: usize,
    pub(super) checkout: CheckoutId,
    /// The order, said again until it is answered.
    pub(super) order: Command,
    /// How many, once it is answered.
    pub(super) looks: Option<u32>,
    /// Every look on this device.
    pub(super) views: Vec<LoggedView>,
    pub(super) log: ViewLog,
    /// Looks that were told.
    pub(super) told: u32,
    /// The check-in that is on its way.
    pub(super) check_in: Option<Command>,
}

/// What a borrower's device has on its disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    /// Looks that were ordered and not answered, and of which grant.
    pub(super) claims: BTreeMap<ViewId, usize>,
    pub(super) loans: Vec<Loan>,
}

/// A device: a clerk, and what it waits for.
pub(super) struct Device {
    /// Whose.
    pub(super) person: usize,
    /// None while it is off.
    pub(super) clerk: Option<Clerk>,
    pub(super) clock: Clock,
    pub(super) life: u32,
    pub(super) wake_at: u64,
    pub(super) errands: BTreeMap<Ticket, Errand>,
    pub(super) store: Store,
    /// Whether it is used. A copy is not, before there is one.
    pub(super) used: bool,
    tickets: TicketBook,
}

impl Device {
    pub(super) fn new(person: usize, used: bool) -> Self {
        Self {
            person,
            clerk: None,
            clock: Clock::default(),
            life: 0,
            wake_at: u64::MAX,
            errands: BTreeMap::new(),
            store: Store::default(),
            used,
            tickets: TicketBook::new(Desk::LeaseManager),
        }
    }
}

/// How far a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its shares are not with the servers.
    New,
    /// They are, and the account is not open.
    Deposited,
    /// The account is open.
    Open,
    /// The ledger does not take it.
    Dead,
}

/// A grant, as its owner has it.
#[derive(Debug)]
pub(super) struct Grant {
    /// The owner's device.
    pub(super) owner: usize,
    /// The person who may look.
    pub(super) borrower: usize,
    pub(super) opening: Opening,
    pub(super) account: AccountId,
    pub(super) secret: Secret,
    pub(super) shares: Vec<Share>,
    pub(super) stage: Stage,
    pub(super) changes: Vec<Adjust>,
    /// Changes that the ledger took.
    pub(super) taken: u32,
    /// The round of the shares.
    pub(super) round: u32,
    /// Whether shares are wanted, and the servers have those of the next round.
    pub(super) wanted: Option<bool>,
}

/// Everybody.
pub(super) struct Cast {
    pub(super) people: Vec<Person>,
    pub(super) devices: Vec<Device>,
    pub(super) grants: Vec<Grant>,
    /// The servers and what is sealed to them, in their order.
    pub(super) servers: Vec<(NodeId, PublicKey)>,
    /// Looks of checkouts in the order in which check-ins were answered.
    chains: BTreeMap<CheckoutId, Vec<ViewId>>,
    owners: usize,
}

/// Draws a name.
pub(super) fn name<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut name = [0; N];
    rng.fill_bytes(&mut name);
    name
}

impl Cast {
    /// Owners with a device each, borrowers with one and a place for a copy.
    pub(super) fn new(
        owners: usize,
        borrowers: usize,
        servers: Vec<(NodeId, PublicKey)>,
        rng: &mut ChaCha20Rng,
    ) -> Self {
        let mut person = || {
            let identity = SecretIdentity::from_secret(name(rng));
            let id = identity.user_id();
            Person { identity, id }
        };
        let people: Vec<Person> = (0..owners + borrowers).map(|_| person()).collect();
        let firsts = (0..people.len()).map(|person| Device::new(person, true));
        let copies = (owners..people.len()).map(|person| Device::new(person, false));
        Self {
            devices: firsts.chain(copies).collect(),
            people,
            grants: Vec::new(),
            servers,
            chains: BTreeMap::new(),
            owners,
        }
    }

    /// The device that a copy is made of; none if this is no place for a copy.
    pub(super) fn original(&self, device: usize) -> Option<usize> {
        (device >= self.people.len()).then(|| self.devices[device].person)
    }

    /// Whether two devices of a person are used.
    pub(super) fn is_copied(&self, person: usize) -> bool {
        let of = self
            .devices
            .iter()
            .filter(|device| device.used && device.person == person);
        of.count() > 1
    }

    /// The devices that packets for a user reach.
    pub(super) fn devices_of(&self, user: UserId) -> impl Iterator<Item = usize> {
        let reached = self.devices.iter().enumerate().filter(move |(_, device)| {
            device.clerk.is_some() && self.people[device.person].id == user
        });
        reached.map(|(place, _)| place)
    }

    /// A home is one device, copied or not.
    pub(super) fn device_id(&self, device: usize) -> DeviceId {
        let person = self.devices[device].person as u8;
        DeviceId([person; 16])
    }

    /// The next thing that a device does, if any, for its clerk.
    pub(super) fn deed(
        &mut self,
        device: usize,
        now: WallTime,
        grants_max: usize,
        rng: &mut ChaCha20Rng,
    ) -> Option<clerk::Input> {
        if self.devices[device].person < self.owners {
            self.give(device, now, grants_max, rng)
        } else {
            self.look(device, now, rng)
        }
    }

    /// Notes what a device waits for.
    fn ticket(&mut self, device: usize, errand: Errand) -> Ticket {
        let device = &mut self.devices[device];
        let ticket = device.tickets.draw();
        device.errands.insert(ticket, errand);
        ticket
    }

    fn order(&mut self, device: usize, errand: Errand, command: Command) -> clerk::Input {
        let ticket = self.ticket(device, errand);
        clerk::Input::Order { ticket, command }
    }

    fn waits_for(&self, device: usize, is_it: impl Fn(&Errand) -> bool) -> bool {
        self.devices[device].errands.values().any(is_it)
    }

    /// A new grant of a device's owner.
    pub(super) fn grant(
        &mut self,
        owner: usize,
        borrower: usize,
        now: WallTime,
        rng: &mut ChaCha20Rng,
    ) -> usize {
        let secret = Secret::new(name(rng));
        let servers = self.servers.len() as u8;
        let threshold = servers / 2 + 1;
        let shares = split(&secret, threshold, servers, name(rng)).unwrap_or_default();
        let looks = rng.random_range(1..8);
        let opening = Opening {
            grant: GrantId(name(rng)),
            granted_at: now,
            borrower: self.people[borrower].id,
            looks,
            not_before: None,
            until: None,
            offline_max: rng.random_range(0..=looks),
            threshold,
            share_hashes: shares.iter().map(Share::hash).collect(),
        };
        let account = opening.account(self.people[self.devices[owner].person].id);
        self.grants.push(Grant {
            owner,
            borrower,
            opening,
            account,
            secret,
            shares,
            stage: Stage::New,
            changes: Vec::new(),
            taken: 0,
            round: 0,
            wanted: None,
        });
        self.grants.len() - 1
    }

    /// A device that ends forgets what it waits for; what is on its disk stays.
    pub(super) fn ends(&mut self, device: usize) {
        let device = &mut self.devices[device];
        device.clerk = None;
        device.errands.clear();
        device.life += 1;
        device.wake_at = u64::MAX;
    }

    /// A clerk's answer. Gives what to call it.
    pub(super) fn told(
        &mut self,
        device: usize,
        output: clerk::Output,
        opened: impl FnMut(AccountId, ViewId, u32) -> Holds,
    ) -> Result<&'static str, String> {
        match output {
            clerk::Output::Send { .. } => Ok("sent"),
            clerk::Output::Deposited { ticket, servers } => {
                let errand = self.devices[device].errands.remove(&ticket);
                Ok(self.deposited(errand, servers))
            }
            clerk::Output::Answered { ticket, answer } => {
                let errand = self.devices[device].errands.remove(&ticket);
                let Some(answer) = answer else {
                    return Ok("told unanswered");
                };
                match errand {
                    Some(Errand::Lend(_, checkout)) => {
                        Ok(self.lent(device, checkout, answer.reply))
                    }
                    Some(Errand::CheckIn(_, checkout)) => {
                        self.checked_in(device, checkout, answer.reply)
                    }
                    Some(errand) => Ok(self.owner_told(errand, answer.reply)),
                    None => Ok("told again"),
                }
            }
            // Checkouts are ordered by hand here, so that nobody has to open their shares.
            clerk::Output::Lent { .. } => Ok("told again"),
            clerk::Output::Looked { ticket, looked } => {
                match self.devices[device].errands.remove(&ticket) {
                    Some(Errand::Look(grant, view)) => {
                        self.looked(device, (grant, view), looked, opened)
                    }
                    _ => Ok("told again"),
                }
            }
        }
    }
}
