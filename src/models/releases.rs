//! M3, the ledger and the shares that it lets out: two servers with the real ledger
//! (`consensus::Agreed`, with signatures) and the real custody, each with a disk.
//!
//! One grant of two looks. Three looks are ordered from two devices, the owner adds one look and
//! revokes, time passes; every order may come twice and at any time. The agreement itself is a list
//! that grows: what it promises is shown elsewhere. A server may end at any time, with the write
//! under way on disk or not, and comes back with the newest snapshot or with none.
//!
//! Bounds: five entries behind the opening, each order at most twice, one crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use stateright::{Model, Property};

use self::properties::{
    counted_only, erased, in_order, numbered, opened, same_answers, within_grant, words,
};
use self::vault::{Vault, config, reply, user};
use super::{Bench, Numbered, explore};
use crate::actors::consensus::{Agreed, StateMachine};
use crate::actors::custody::{Custody, Input};
use crate::crypto::shares::{Share, split};
use crate::ledger::Effect;
use crate::planted::Bug;
use crate::planted::tests::Hunt;
use crate::proto::ids::{AccountId, DeviceId, Digest, GrantId, ViewId};
use crate::proto::lease::{Adjust, Change};
use crate::proto::ledger::{Command, Opening, Reply, Signed, Standing};
use crate::time::WallTime;

mod properties;
mod vault;

const SERVERS: usize = 2;
const GRANTED: u32 = 2;
const LOOKS: u8 = 3;
const ENTRIES_MAX: usize = 5;
const T0: u64 = 1_700_000_000_000;
/// Longer than shares are let out again.
const TICK_MS: u64 = 120_000;

const NAME: &str = "model of releases";

pub(super) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::LookCountedTwice, NAME, releases_hold),
    Hunt::new(Bug::ChangeOutOfOrder, NAME, releases_hold),
    Hunt::new(Bug::RevokedKeepsShares, NAME, releases_hold),
    Hunt::new(Bug::LooksForgotten, NAME, releases_hold),
    Hunt::new(Bug::RefusedCountsLater, NAME, releases_hold),
    Hunt::new(Bug::ReplayedReleases, NAME, releases_hold),
    Hunt::new(Bug::ErasedInMemoryOnly, NAME, releases_hold),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Entry {
    /// The first two are of one device, the third is of another.
    Look(u8),
    /// The owner's first change: one look more.
    Add,
    /// The owner's second change.
    Revoke,
    /// Two minutes have passed.
    Tick,
}

const ENTRIES: [Entry; 6] = [
    Entry::Look(0),
    Entry::Look(1),
    Entry::Look(2),
    Entry::Add,
    Entry::Revoke,
    Entry::Tick,
];

impl Entry {
    const fn copies_max(self) -> usize {
        match self {
            Self::Tick => 1,
            _ => 2,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// An entry is agreed on.
    Agree(Entry),
    /// A server applies the next entry.
    Apply(usize),
    /// The disk of a server carries out the oldest write.
    Write(usize),
    /// A server ends and starts again.
    Crash {
        server: usize,
        /// Whether the oldest write was carried out.
        written: bool,
        /// Whether it has a snapshot of what it had applied; else it begins with the opening.
        snapshot: bool,
    },
}

/// A share that left a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Sent {
    server: usize,
    look: u8,
    ordinal: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    /// Number of its ledger.
    ledger: u32,
    /// Number of its custody and disk.
    vault: u32,
    applied: usize,
    /// It has applied the revocation, in this life or another.
    revoked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    log: Vec<Entry>,
    /// What the ledger of a server that never fails says to each entry.
    words: Vec<u32>,
    /// Its ledger.
    truth: u32,
    servers: [Server; SERVERS],
    sent: BTreeSet<Sent>,
    crashes: u8,
    /// What went wrong on the way here.
    wrong: Option<&'static str>,
}

/// What a ledger makes of an entry.
struct Word {
    reply: Reply,
    effects: Vec<Effect>,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Effects { word: u32, replayed: bool },
    Written,
    Crash { written: bool },
}

/// Everything that was met so far, by number.
struct Kit {
    account: AccountId,
    orders: BTreeMap<Entry, Vec<u8>>,
    ledgers: Numbered<(Digest, bool), Agreed>,
    words: Numbered<String, Word>,
    applied: BTreeMap<(u32, u64, Entry), (u32, u32)>,
    vaults: Numbered<String, Vault>,
    stepped: BTreeMap<(u32, Event), (u32, Vec<Sent>)>,
}

fn opening() -> Opening {
    let shares = split(&[5; 32], 2, 2, [6; 32]).expect("a sharing");
    Opening {
        grant: GrantId([7; 16]),
        granted_at: WallTime(T0),
        borrower: user(2).user_id(),
        looks: GRANTED,
        not_before: None,
        until: None,
        offline_max: 0,
        threshold: 2,
        share_hashes: shares.iter().map(Share::hash).collect(),
    }
}

fn order(account: AccountId, entry: Entry) -> Option<Signed> {
    let change = |owner_sequence, change| {
        let adjust = Adjust {
            grant: GrantId([7; 16]),
            owner_sequence,
            change,
            at: WallTime(T0),
        };
        let at = WallTime(T0 + 10 + u64::from(owner_sequence));
        user(1).command(at, Command::Adjust { account, adjust })
    };
    match entry {
        Entry::Look(look) => {
            let spend = Command::Spend {
                account,
                view: ViewId([look; 16]),
                reply_key: reply(look).public().0,
                device: DeviceId([look / 2; 16]),
            };
            Some(user(2).command(WallTime(T0 + 20 + u64::from(look)), spend))
        }
        Entry::Add => Some(change(1, Change::Add(1))),
        Entry::Revoke => Some(change(2, Change::Revoke)),
        Entry::Tick => None,
    }
}

impl Kit {
    fn new() -> (Self, State) {
        let owner = user(1);
        let account = opening().account(owner.user_id());
        let bytes = |entry| order(account, entry).map_or_else(Vec::new, |signed| signed.encode());
        let mut kit = Self {
            account,
            orders: ENTRIES.map(|entry| (entry, bytes(entry))).into(),
            ledgers: Numbered::new(),
            words: Numbered::new(),
            applied: BTreeMap::new(),
            vaults: Numbered::new(),
            stepped: BTreeMap::new(),
        };
        let mut ledger = Agreed::default();
        let open = owner.command(WallTime(T0), Command::Open(opening()));
        let (reply, _) = StateMachine::apply(&mut ledger, 1, WallTime(T0), &open.encode());
        assert!(matches!(reply, Reply::Opened(_)), "{reply:?}");
        let ledger = kit.ledger(ledger, false);
        let server = |index: usize, kit: &mut Self| {
            let vault = Vault::new(index, account);
            Server {
                ledger,
                vault: kit.vaults.number(vault.key(index), vault),
                applied: 0,
                revoked: false,
            }
        };
        let state = State {
            log: Vec::new(),
            words: Vec::new(),
            truth: ledger,
            servers: [server(0, &mut kit), server(1, &mut kit)],
            sent: BTreeSet::new(),
            crashes: 0,
            wrong: None,
        };
        (kit, state)
    }

    /// A ledger that was just restored owes erasures, which its digest does not tell.
    fn ledger(&mut self, ledger: Agreed, is_restored: bool) -> u32 {
        let key = (StateMachine::digest(&ledger), is_restored);
        self.ledgers.number(key, ledger)
    }

    fn apply(&mut self, ledger: u32, place: usize, entry: Entry) -> (u32, u32) {
        let seq = place as u64 + 2;
        if let Some(&known) = self.applied.get(&(ledger, seq, entry)) {
            return known;
        }
        let mut state = self.ledgers.get(ledger).clone();
        let late = u64::from(entry == Entry::Tick) * TICK_MS;
        let stamp = WallTime(T0 + 100 + seq + late);
        let (reply, effects) = StateMachine::apply(&mut state, seq, stamp, &self.orders[&entry]);
        let standing = state.ledger().account(self.account).expect("is kept");
        let word = Word {
            reply,
            effects,
            standing: standing.standing(),
        };
        let key = format!("{reply:?} {:?} {:?}", word.effects, word.standing);
        let result = (self.ledger(state, false), self.words.number(key, word));
        self.applied.insert((ledger, seq, entry), result);
        result
    }

    /// What a server does when it has caught up.
    fn caught_up(&mut self, ledger: u32) -> (u32, u32) {
        let mut state = self.ledgers.get(ledger).clone();
        let effects = StateMachine::made_up(&mut state);
        let standing = state.ledger().account(self.account).expect("is kept");
        let word = Word {
            reply: Reply::Time(state.ledger().now()),
            effects,
            standing: standing.standing(),
        };
        let key = format!("caught up {:?} {:?}", word.effects, word.standing);
        (self.ledger(state, false), self.words.number(key, word))
    }

    fn restored(&mut self, ledger: u32) -> u32 {
        let bytes = self.ledgers.get(ledger).snapshot();
        let restored = Agreed::restore(&bytes).expect("a snapshot");
        self.ledger(restored, true)
    }

    fn step(&mut self, server: usize, vault: u32, event: Event) -> (u32, Vec<Sent>) {
        if let Some(known) = self.stepped.get(&(vault, event)) {
            return known.clone();
        }
        let mut next = self.vaults.get(vault).copy();
        let sent = match event {
            Event::Effects { word, replayed } => {
                let effects = self.words.get(word).effects.clone();
                next.give(server, Input::Effects { effects, replayed })
            }
            Event::Written => next.written(server),
            Event::Crash { written } => {
                if written {
                    next.carry_out();
                }
                next.under_way.clear();
                let rows = next.rows.clone().into_iter().collect();
                next.custody = Custody::new(config(server), [9; 32], rows);
                Vec::new()
            }
        };
        let result = (self.vaults.number(next.key(server), next), sent);
        self.stepped.insert((vault, event), result.clone());
        result
    }
}

struct Releases {
    bench: Bench,
    kit: Mutex<Kit>,
    first: State,
}

impl Releases {
    fn new(bench: Bench) -> Self {
        let (kit, first) = bench.run(Kit::new);
        Self {
            bench,
            kit: Mutex::new(kit),
            first,
        }
    }

    /// A server applies its next entry.
    fn apply(kit: &mut Kit, state: &mut State, index: usize, replayed: bool) {
        let server = &mut state.servers[index];
        let place = server.applied;
        let (ledger, word) = kit.apply(server.ledger, place, state.log[place]);
        let event = Event::Effects { word, replayed };
        let (vault, sent) = kit.step(index, server.vault, event);
        if server.revoked && !sent.is_empty() {
            state.wrong = Some("a share leaves after the revocation was applied");
        }
        (server.ledger, server.vault) = (ledger, vault);
        server.applied += 1;
        let word = kit.words.get(word);
        server.revoked |= word.standing.revoked;
        if word.reply != kit.words.get(state.words[place]).reply {
            state.wrong = Some("a server answers what others do not");
        }
        state.sent.extend(sent);
    }

    fn crash(kit: &mut Kit, state: &mut State, index: usize, written: bool, snapshot: bool) {
        let server = &mut state.servers[index];
        (server.vault, _) = kit.step(index, server.vault, Event::Crash { written });
        if snapshot {
            server.ledger = kit.restored(server.ledger);
        } else {
            // The number of the ledger after the opening.
            (server.ledger, server.applied) = (0, 0);
        }
        while state.servers[index].applied < state.log.len() {
            Self::apply(kit, state, index, true);
        }
        let server = &mut state.servers[index];
        let (ledger, word) = kit.caught_up(server.ledger);
        let replayed = true;
        let event = Event::Effects { word, replayed };
        (server.ledger, (server.vault, _)) = (ledger, kit.step(index, server.vault, event));
        state.crashes += 1;
    }
}

impl Model for Releases {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.first.clone()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.log.len() < ENTRIES_MAX {
            let copies = |entry| state.log.iter().filter(|there| **there == entry).count();
            let open = ENTRIES
                .iter()
                .filter(|&&entry| copies(entry) < entry.copies_max());
            steps.extend(open.map(|entry| Step::Agree(*entry)));
        }
        let kit = self.kit.lock().expect("nobody panics");
        for (index, server) in state.servers.iter().enumerate() {
            if server.applied < state.log.len() {
                steps.push(Step::Apply(index));
            }
            let writes = !kit.vaults.get(server.vault).under_way.is_empty();
            if writes {
                steps.push(Step::Write(index));
            }
            if state.crashes == 0 {
                for (written, snapshot) in [(false, false), (false, true), (true, false)] {
                    if writes || !written {
                        steps.push(Step::Crash {
                            server: index,
                            written,
                            snapshot,
                        });
                    }
                }
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        let mut kit = self.kit.lock().expect("nobody panics");
        self.bench.run(|| match step {
            Step::Agree(entry) => {
                let (truth, word) = kit.apply(state.truth, state.log.len(), entry);
                state.truth = truth;
                state.words.push(word);
                state.log.push(entry);
            }
            Step::Apply(server) => Self::apply(&mut kit, &mut state, server, false),
            Step::Write(server) => {
                let vault = &mut state.servers[server].vault;
                (*vault, _) = kit.step(server, *vault, Event::Written);
            }
            Step::Crash {
                server,
                written,
                snapshot,
            } => Self::crash(&mut kit, &mut state, server, written, snapshot),
        });
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "servers answer alike and let nothing out late",
                |_, state: &State| state.wrong.is_none(),
            ),
            Property::always("looks used are within the grant, and numbered", numbered),
            Property::always(
                "an order is answered as it was the first time",
                same_answers,
            ),
            Property::always("the owner's changes count in their order", in_order),
            Property::always("a share leaves for a counted look only", counted_only),
            Property::always("no more looks open than are granted", within_grant),
            Property::always("after a revocation no share stays on a disk", erased),
            Property::sometimes("three looks open", |_, state: &State| {
                opened(state).len() == 3
            }),
            Property::sometimes("a share is let out after a crash", |_, state: &State| {
                state.crashes > 0 && !state.sent.is_empty()
            }),
            Property::sometimes(
                "an order is refused and comes again",
                |model, state: &State| {
                    let words = words(model, state);
                    let refused = |look| {
                        let of = |(entry, reply): &&(Entry, Reply)| {
                            *entry == Entry::Look(look) && matches!(reply, Reply::Refused(_))
                        };
                        words.iter().filter(of).count() > 1
                    };
                    (0..LOOKS).any(refused)
                },
            ),
        ]
    }
}

#[test]
fn releases_hold() {
    let bench = Bench::new();
    explore(NAME, &bench, Releases::new(bench.clone()));
}
