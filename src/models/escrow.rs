//! M4, looks without the servers: the real ledger and two devices with logs of looks, one of which
//! may be set back to an earlier copy of itself.
//!
//! One grant of three looks, all of which may be with devices: one device wants two, the other one.
//! Beside them the servers count looks as well. Every order may be repeated, every answer may be
//! lost; the devices write a look down before they show it, and a check-in before they send it.
//! Time passes in one step to after every date and its grace.
//!
//! Bounds: one copy, one look by the servers, each device's check-ins as its looks allow, one step
//! of time, so many orders.

use std::collections::BTreeMap;
use std::sync::Mutex;

use stateright::{Model, Property};

use super::{Bench, Numbered, explore};
use crate::crypto::identity::SecretIdentity;
use crate::ledger::Ledger;
use crate::planted::Bug;
use crate::planted::tests::Hunt;
use crate::proto::identity::{PublicIdentity, Signature};
use crate::proto::ids::{AccountId, CheckoutId, DeviceId, Digest, GrantId, UserId, ViewId};
use crate::proto::ledger::{
    Command, Entry, LoggedView, Opening, Refusal, Reply, Signed, Standing, ViewLog,
};
use crate::time::WallTime;

const GRANTED: u32 = 3;
const WANTED: [u32; 2] = [2, 1];
const T0: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 86_400_000;
const ORDERS_MAX: u8 = 5;
const NAME: &str = "model of looks without the servers";

pub(super) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::EscrowNotCounted, NAME, escrow_holds),
    Hunt::new(Bug::ForkIgnored, NAME, escrow_holds),
    Hunt::new(Bug::ReturnedTwice, NAME, escrow_holds),
    Hunt::new(Bug::OverdueComesBack, NAME, escrow_holds),
];

/// What a device has on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Device {
    /// Whether the servers let their shares out to it.
    lent: bool,
    /// Numbers of the looks it has given.
    log: Vec<u8>,
    /// So many were told and answered.
    told: u8,
    /// A check-in that is not answered: from which look on, up to which, and whether it gives back.
    check_in: Option<(u8, u8, bool)>,
    closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// Number of the ledger.
    ledger: u32,
    /// Orders so far.
    orders: u8,
    late: bool,
    devices: [Device; 2],
    /// A copy of the first device, and whether it was put back.
    copy: Option<Device>,
    put_back: bool,
    /// Looks shown by devices so far, which names the next one.
    shown: u8,
    /// Looks counted by the servers.
    counted: u8,
    /// Logs that reached the ledger, by device.
    reached: [Vec<Vec<u8>>; 2],
    spent: u32,
    /// The most that was ever used.
    peak: u32,
    escrowed: u32,
    revoked: bool,
    has_evidence: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A device orders its looks; the answer arrives or does not.
    Borrow { device: usize, hears: bool },
    /// A device writes a look down and shows it.
    Look(usize),
    /// A device writes a check-in down.
    Write { device: usize, returns: bool },
    /// It sends it.
    CheckIn { device: usize, hears: bool },
    /// The servers count a look.
    Spend,
    /// The store of the first device is copied.
    Copy,
    /// The copy is put in its place.
    PutBack,
    /// All dates pass.
    Wait,
}

type Row = (u32, Standing, bool, bool);

struct Kit {
    account: AccountId,
    ledgers: Numbered<Digest, Ledger>,
    applied: BTreeMap<(u32, String), (u32, Reply)>,
}

fn user(who: u8) -> (PublicIdentity, UserId) {
    let identity = SecretIdentity::from_secret([who; 32]);
    (*identity.public(), identity.user_id())
}

fn opening() -> Opening {
    Opening {
        grant: GrantId([7; 16]),
        granted_at: WallTime(T0),
        borrower: user(2).1,
        looks: GRANTED,
        not_before: None,
        until: None,
        offline_max: GRANTED,
        threshold: 2,
        share_hashes: vec![Digest([1; 32]), Digest([2; 32]), Digest([3; 32])],
    }
}

fn checkout(device: usize) -> (CheckoutId, DeviceId) {
    let name = [device as u8 + 1; 16];
    (CheckoutId(name), DeviceId(name))
}

fn view(look: u8) -> LoggedView {
    LoggedView {
        view: ViewId([look + 1; 16]),
        at: WallTime(T0 + u64::from(look)),
    }
}

impl Kit {
    fn new() -> (Self, u32) {
        let account = opening().account(user(1).1);
        let mut kit = Self {
            account,
            ledgers: Numbered::new(),
            applied: BTreeMap::new(),
        };
        let blank = Ledger::default();
        let number = kit.ledgers.number(blank.digest(), blank);
        let (opened, reply) = kit.apply(number, false, 1, &Command::Open(opening()));
        assert!(matches!(reply, Reply::Opened(_)), "{reply:?}");
        (kit, opened)
    }

    /// Applies an order, signed when it is given.
    fn apply(&mut self, ledger: u32, late: bool, who: u8, command: &Command) -> (u32, Reply) {
        let key = (ledger, format!("{late} {command:?}"));
        if let Some(&known) = self.applied.get(&key) {
            return known;
        }
        let mut state = self.ledgers.get(ledger).clone();
        let seq = state.applied() + 1;
        let stamp = WallTime(T0 + seq + u64::from(late) * 20 * DAY_MS);
        let entry = Entry {
            stamp,
            signed: Some(Signed {
                principal: user(who).0,
                at: stamp,
                command: command.clone(),
                signature: Signature([[0; 32]; 2]),
            }),
        };
        let reply = state.apply_authentic(seq, &entry).reply;
        let result = (self.ledgers.number(state.digest(), state), reply);
        self.applied.insert(key, result);
        result
    }

    fn tick(&mut self, ledger: u32) -> u32 {
        let mut state = self.ledgers.get(ledger).clone();
        let seq = state.applied() + 1;
        let entry = Entry {
            stamp: WallTime(T0 + seq + 20 * DAY_MS),
            signed: None,
        };
        state.apply_authentic(seq, &entry);
        self.ledgers.number(state.digest(), state)
    }

    fn row(&self, ledger: u32) -> Row {
        let account = self.ledgers.get(ledger).account(self.account);
        let account = account.expect("is kept");
        let standing = account.standing();
        let sound = standing.spent.checked_add(standing.escrowed);
        let sound = sound.is_some_and(|used| used <= standing.granted);
        (ledger, standing, account.evidence().is_some(), sound)
    }
}

struct Escrow {
    bench: Bench,
    kit: Mutex<Kit>,
    opened: u32,
}

impl Escrow {
    /// Puts an order before the ledger.
    fn order(&self, state: &mut State, command: &Command) -> Reply {
        let mut kit = self.kit.lock().expect("nobody panics");
        let (ledger, reply) = kit.apply(state.ledger, state.late, 2, command);
        state.orders += 1;
        self.stand(&kit, state, ledger);
        reply
    }

    fn stand(&self, kit: &Kit, state: &mut State, ledger: u32) {
        let (ledger, standing, has_evidence, _) = kit.row(ledger);
        state.ledger = ledger;
        (state.spent, state.escrowed) = (standing.spent, standing.escrowed);
        state.peak = state.peak.max(standing.spent);
        state.revoked = standing.revoked;
        state.has_evidence = has_evidence;
    }

    fn account(&self) -> AccountId {
        self.kit.lock().expect("nobody panics").account
    }

    fn borrow(&self, state: &mut State, device: usize, hears: bool) {
        let (checkout, name) = checkout(device);
        let command = Command::Escrow {
            account: self.account(),
            checkout,
            device: name,
            reply_key: [device as u8 + 1; 32],
            looks: WANTED[device],
            until: WallTime(T0 + DAY_MS),
        };
        let reply = self.order(state, &command);
        if hears && matches!(reply, Reply::Escrowed { released: true, .. }) {
            state.devices[device].lent = true;
        }
    }

    fn check_in(&self, state: &mut State, device: usize, hears: bool) {
        let Some((from, to, returns)) = state.devices[device].check_in else {
            return;
        };
        let log = state.devices[device].log[..usize::from(to)].to_vec();
        let (id, name) = checkout(device);
        let account = self.account();
        let looks: Vec<LoggedView> = log.iter().map(|look| view(*look)).collect();
        let whole = looks.iter();
        let whole = whole.fold(ViewLog::new(account, id, name), |log, look| log.with(*look));
        let command = Command::CheckIn {
            account,
            checkout: id,
            from: u32::from(from),
            views: looks[usize::from(from)..].to_vec(),
            head: whole.head,
            returns,
        };
        let reply = self.order(state, &command);
        if !matches!(
            reply,
            Reply::Refused(Refusal::Gap | Refusal::Unknown | Refusal::Closed)
        ) {
            state.reached[device].push(log);
        }
        if hears && matches!(reply, Reply::CheckedIn { .. }) {
            let device = &mut state.devices[device];
            (device.told, device.check_in) = (to, None);
            device.closed |= returns;
        }
    }

    fn spend(&self, state: &mut State) {
        let command = Command::Spend {
            account: self.account(),
            view: ViewId([0xee; 16]),
            reply_key: [0xee; 32],
            device: DeviceId([0xee; 16]),
        };
        if matches!(self.order(state, &command), Reply::Spent { .. }) {
            state.counted = 1;
        }
    }

    fn device_steps(state: &State, index: usize, steps: &mut Vec<Step>) {
        let device = &state.devices[index];
        let may_order = state.orders < ORDERS_MAX;
        if !device.lent && may_order {
            steps.extend([true, false].map(|hears| Step::Borrow {
                device: index,
                hears,
            }));
        }
        let gives_back = device.check_in.is_some_and(|(.., returns)| returns);
        let is_free = device.lent && !device.closed && !gives_back;
        if is_free && device.log.len() < WANTED[index] as usize && !state.late {
            steps.push(Step::Look(index));
        }
        if is_free && device.check_in.is_none() {
            if device.log.len() > usize::from(device.told) {
                steps.push(Step::Write {
                    device: index,
                    returns: false,
                });
            }
            steps.push(Step::Write {
                device: index,
                returns: true,
            });
        }
        if device.check_in.is_some() && may_order {
            steps.extend([true, false].map(|hears| Step::CheckIn {
                device: index,
                hears,
            }));
        }
    }
}

impl Model for Escrow {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            ledger: self.opened,
            orders: 0,
            late: false,
            devices: [Device::default(), Device::default()],
            copy: None,
            put_back: false,
            shown: 0,
            counted: 0,
            reached: [Vec::new(), Vec::new()],
            spent: 0,
            peak: 0,
            escrowed: 0,
            revoked: false,
            has_evidence: false,
        };
        let kit = self.kit.lock().expect("nobody panics");
        self.stand(&kit, &mut state, self.opened);
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for index in 0..state.devices.len() {
            Self::device_steps(state, index, steps);
        }
        if state.counted == 0 && state.orders < ORDERS_MAX {
            steps.push(Step::Spend);
        }
        if state.copy.is_none() && state.devices[0].lent {
            steps.push(Step::Copy);
        }
        if state.copy.is_some() && !state.put_back {
            steps.push(Step::PutBack);
        }
        if !state.late {
            steps.push(Step::Wait);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.bench.run(|| match step {
            Step::Borrow { device, hears } => self.borrow(&mut state, device, hears),
            Step::Look(device) => {
                let look = state.shown;
                state.devices[device].log.push(look);
                state.shown += 1;
            }
            Step::Write { device, returns } => {
                let device = &mut state.devices[device];
                let to = device.log.len() as u8;
                device.check_in = Some((device.told, to, returns));
            }
            Step::CheckIn { device, hears } => self.check_in(&mut state, device, hears),
            Step::Spend => self.spend(&mut state),
            Step::Copy => state.copy = Some(state.devices[0].clone()),
            Step::PutBack => {
                state.put_back = true;
                state.devices[0] = state.copy.clone().unwrap_or_default();
            }
            Step::Wait => {
                state.late = true;
                let mut kit = self.kit.lock().expect("nobody panics");
                let ledger = kit.tick(state.ledger);
                self.stand(&kit, &mut state, ledger);
            }
        });
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "looks used and with devices are within the grant",
                |model: &Self, state: &State| {
                    model.kit.lock().expect("nobody panics").row(state.ledger).3
                },
            ),
            Property::always(
                "no more looks than granted, but by a copy",
                |_, state: &State| {
                    state.put_back || u32::from(state.shown + state.counted) <= GRANTED
                },
            ),
            Property::always("a look that is used stays used", |_, state: &State| {
                state.spent == state.peak
            }),
            Property::always("looks shown are never free", never_free),
            Property::always(
                "two histories of a device are found out",
                |_, state: &State| {
                    state.has_evidence || state.reached.iter().all(|logs| are_one(logs))
                },
            ),
            Property::always("nobody is accused who did not copy", |_, state: &State| {
                state.put_back || !state.has_evidence
            }),
            Property::always("who is found out has no look left", |_, state: &State| {
                !state.has_evidence || state.revoked
            }),
            Property::sometimes("a copy is found out", |_, state: &State| state.has_evidence),
            Property::sometimes("all looks are shown", |_, state: &State| {
                !state.put_back && u32::from(state.shown + state.counted) == GRANTED
            }),
            Property::sometimes("looks come back", |_, state: &State| {
                state.devices[0].closed && state.spent == 0
            }),
        ]
    }
}

/// What the honest have seen is used or with a device, at every moment.
fn never_free(_: &Escrow, state: &State) -> bool {
    state.put_back || u32::from(state.shown + state.counted) <= state.spent + state.escrowed
}

/// Whether of any two logs one goes on from the other.
fn are_one(logs: &[Vec<u8>]) -> bool {
    logs.iter().all(|one| {
        logs.iter()
            .all(|other| one.starts_with(other) || other.starts_with(one))
    })
}

#[test]
fn escrow_holds() {
    let bench = Bench::new();
    let (kit, opened) = bench.run(Kit::new);
    let model = Escrow {
        bench: bench.clone(),
        kit: Mutex::new(kit),
        opened,
    };
    explore(NAME, &bench, model);
}
