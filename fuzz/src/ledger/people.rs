//! Owner, borrower and their devices, what they order, and the books kept by hand beside the
//! ledger.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use pentimento::crypto::identity::SecretIdentity;
use pentimento::ledger::check::model::{Model, Outcome};
use pentimento::ledger::{Account, Effect, Ledger, Release};
use pentimento::proto::identity::Signature;
use pentimento::proto::ids::{AccountId, CheckoutId, DeviceId, Digest, GrantId, UserId, ViewId};
use pentimento::proto::lease::{Adjust, Change};
use pentimento::proto::ledger::{Command, Entry, Opening, Refusal, Reply, Signed};
use pentimento::time::WallTime;

use super::devices::Device;
use super::narrow;
use crate::Input;

const OWNER: usize = 0;
const BORROWER: usize = 1;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// When a run begins.
pub(super) const T0: u64 = 1_000 * DAY;
/// A run is over after so long: the books by hand forget no checkout.
const LAST_DAY: u64 = T0 + 25 * DAY;
/// Orders in one call at the most.
const STEPS_MAX: usize = 40;
const GRANTS: usize = 2;
const CHECKOUTS: usize = 3;

struct People {
    both: [SecretIdentity; 2],
    accounts: [AccountId; GRANTS],
}

static PEOPLE: LazyLock<People> = LazyLock::new(|| {
    let both = [1, 2].map(|one| SecretIdentity::from_secret([one; 32]));
    let [owner, borrower] = [OWNER, BORROWER].map(|who| both[who].user_id());
    let accounts = [0, 1].map(|grant| terms(grant, borrower, 1, 0).account(owner));
    People { both, accounts }
});

static EVENTFUL: LazyLock<Bytes> = LazyLock::new(make_eventful);

fn terms(grant: u8, borrower: UserId, looks: u32, offline_max: u32) -> Opening {
    Opening {
        grant: GrantId([grant; 16]),
        granted_at: WallTime(T0),
        borrower,
        looks,
        not_before: None,
        until: None,
        offline_max,
        threshold: 2,
        share_hashes: vec![Digest([1; 32]), Digest([2; 32]), Digest([3; 32])],
    }
}

fn account(grant: usize) -> AccountId {
    PEOPLE.accounts[grant]
}

/// An opening of a grant.
pub(super) fn opening(grant: u8, looks: u32, offline_max: u32) -> Command {
    let borrower = PEOPLE.both[BORROWER].user_id();
    Command::Open(terms(grant, borrower, looks, offline_max))
}

/// A look.
pub(super) fn spend(grant: usize, view: u8, key: u8) -> Command {
    spend_of(account(grant), view, key)
}

fn spend_of(account: AccountId, view: u8, key: u8) -> Command {
    Command::Spend {
        account,
        view: ViewId([view; 16]),
        reply_key: [key; 32],
        device: DeviceId([9; 16]),
    }
}

fn adjust_of(account: AccountId, grant: u8, owner_sequence: u32, change: Change) -> Command {
    Command::Adjust {
        account,
        adjust: Adjust {
            grant: GrantId([grant; 16]),
            owner_sequence,
            change,
            at: WallTime(T0),
        },
    }
}

fn lend_of(account: AccountId, checkout: u8, looks: u32, until: u64) -> Command {
    Command::Escrow {
        account,
        checkout: CheckoutId([checkout; 16]),
        device: DeviceId([checkout; 16]),
        reply_key: [checkout; 32],
        looks,
        until: WallTime(until),
    }
}

/// Orders of each kind about an account, unsigned.
pub(super) fn one_of_each(account: AccountId, at: WallTime) -> Vec<Signed> {
    let check_in = Command::CheckIn {
        account,
        checkout: CheckoutId([1; 16]),
        from: 0,
        views: Vec::new(),
        head: Digest([0; 32]),
        returns: true,
    };
    let rekey = Command::Rekey {
        account,
        round: 1,
        share_hashes: vec![Digest([1; 32]); 3],
    };
    let borrowers = [
        spend_of(account, 200, 1),
        lend_of(account, 9, 1, u64::MAX),
        check_in,
    ];
    let owners = [
        adjust_of(account, 0, 2, Change::Add(1_000_000)),
        adjust_of(account, 1, 2, Change::Refund),
        rekey,
    ];
    let borrowers = borrowers.map(|command| believed(BORROWER, at, command));
    let owners = owners.map(|command| believed(OWNER, at, command));
    borrowers.into_iter().chain(owners).collect()
}

/// An order without a signature, for a ledger that is told to believe it.
fn believed(who: usize, at: WallTime, command: Command) -> Signed {
    Signed {
        principal: *PEOPLE.both[who].public(),
        at,
        command,
        signature: Signature([[0; 32]; 2]),
    }
}

/// One grant: its books, its devices, and what was seen of it.
struct Grant {
    account: AccountId,
    model: Model,
    devices: Vec<(Device, Device)>,
    /// When the last refused order of owner and borrower was signed.
    refused: [WallTime; 2],
    released: BTreeMap<u64, Release>,
    is_revoked: bool,
}

/// A run.
pub(super) struct Run {
    ledger: Ledger,
    /// Whether orders are really signed, and verified.
    signs: bool,
    seq: u64,
    now: u64,
    grants: Vec<Grant>,
    orders: Vec<(usize, bool, Signed)>,
    /// Orders whose answer was held against the books.
    pub(super) answered: u64,
}

impl Run {
    pub(super) fn new(ledger: Ledger, signs: bool) -> Self {
        let grant = |number| {
            let account = account(number);
            let device = |one| (Device::new(account, one), Device::new(account, one));
            Grant {
                account,
                model: Model::default(),
                devices: (0..CHECKOUTS as u8).map(device).collect(),
                refused: [WallTime(0); 2],
                released: BTreeMap::new(),
                is_revoked: false,
            }
        };
        Self {
            ledger,
            signs,
            seq: 0,
            now: T0,
            grants: (0..GRANTS).map(grant).collect(),
            orders: Vec::new(),
            answered: 0,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let grant = usize::from(what >> 7);
        let stands = self.ledger.account(self.grants[grant].account);
        let stands = stands.map(Account::standing);
        let (applied, round) = stands.map_or((0, 0), |now| (now.applied, now.round));
        let account = self.grants[grant].account;
        let (is_owners, command) = match what & 15 {
            0..4 => {
                let view = input.byte();
                let key = if view & 0xe0 == 0xe0 { 99 } else { view & 31 };
                (false, spend_of(account, view & 31, key))
            }
            4 | 5 => {
                let (checkout, looks) = (input.byte() % CHECKOUTS as u8, input.byte());
                let until = T0 + u64::from(input.byte() % 12) * DAY;
                (
                    false,
                    lend_of(account, checkout, u32::from(looks % 6), until),
                )
            }
            6..9 => return self.device(grant, input),
            9 => {
                let (checkout, returns) = (usize::from(input.byte()) % CHECKOUTS, input.byte() % 3);
                let (device, before) = &mut self.grants[grant].devices[checkout];
                *before = device.clone();
                (false, device.check_in(returns == 0))
            }
            10 | 11 => {
                let ahead = u32::from(input.byte() % 8).min(3) % 3;
                let change = change(input);
                let of = if input.byte() == 0xff { 9 } else { grant as u8 };
                (true, adjust_of(account, of, applied + ahead, change))
            }
            12 => {
                let command = Command::Rekey {
                    account,
                    round: round + u32::from(input.byte() % 3),
                    share_hashes: vec![Digest([input.byte() & 3; 32]); 3],
                };
                (true, command)
            }
            13 => {
                let looks = u32::from(input.byte() % 12).max(8);
                (true, opening(grant as u8, looks, 5))
            }
            14 => return self.wait(input),
            _ => {
                let back = usize::from(input.byte() % 12);
                let place = self.orders.len().checked_sub(back + 1);
                if let Some((grant, is_owners, signed)) =
                    place.map(|place| self.orders[place].clone())
                {
                    self.signed(grant, is_owners, signed);
                }
                return;
            }
        };
        self.order(grant, is_owners, command);
    }

    fn device(&mut self, grant: usize, input: &mut Input<'_>) {
        let what = input.byte();
        let checkout = usize::from(what >> 4) % CHECKOUTS;
        let (device, before) = &mut self.grants[grant].devices[checkout];
        if what & 15 == 15 {
            // Set back to what it was before its last look or check-in.
            *device = before.clone();
        } else {
            *before = device.clone();
            device.look(what & 15);
        }
    }

    fn wait(&mut self, input: &mut Input<'_>) {
        let wait = match input.byte() % 4 {
            0 => u64::from(input.short()) * 3,
            1 => u64::from(input.byte()) * MINUTE,
            2 => u64::from(input.byte()) * HOUR / 4,
            _ => u64::from(input.byte()) * HOUR,
        };
        self.now = (self.now + wait).min(LAST_DAY);
        let stamp = WallTime(self.now);
        let signed = None;
        let effects = self.entry(&Entry { stamp, signed }).1;
        self.watch(&effects);
    }

    fn entry(&mut self, entry: &Entry) -> (Reply, Vec<Effect>) {
        self.seq += 1;
        let applied = if self.signs {
            self.ledger.apply(self.seq, entry)
        } else {
            self.ledger.apply_authentic(self.seq, entry)
        };
        (applied.reply, applied.effects)
    }

    pub(super) fn order(&mut self, grant: usize, is_owners: bool, command: Command) {
        let who = if is_owners { OWNER } else { BORROWER };
        let at = WallTime(self.now + 1);
        let signed = if self.signs {
            PEOPLE.both[who].command(at, command)
        } else {
            believed(who, at, command)
        };
        self.orders.push((grant, is_owners, signed.clone()));
        self.signed(grant, is_owners, signed);
    }

    fn signed(&mut self, grant: usize, is_owners: bool, signed: Signed) {
        self.now += 1;
        let stamp = WallTime(self.now);
        let (command, at) = (signed.command.clone(), signed.at);
        let signed = Some(signed);
        let (reply, effects) = self.entry(&Entry { stamp, signed });
        self.watch(&effects);
        let now = self.ledger.now();
        let of = &mut self.grants[grant];
        let refused = &mut of.refused[usize::from(is_owners)];
        let book = self.ledger.account(of.account).map(Account::standing);
        let heard = Outcome::of(reply);
        match heard {
            // The books know neither bounds nor when orders were signed.
            Err(Refusal::Bounds) if !command.is_within_bounds() => return,
            Err(Refusal::Time { .. }) => {
                let is_late = now.0.abs_diff(at.0) > HOUR;
                let is_old = matches!(command, Command::Open(_)) && now.0 >= T0 + DAY;
                assert!(
                    is_late || is_old || at <= *refused,
                    "{command:?} {at} {refused}"
                );
                return;
            }
            Err(Refusal::Full(_)) => {
                *refused = (*refused).max(at);
                return;
            }
            _ => {}
        }
        let Some(totals) = book else {
            // Forgotten, as the ledger does with what is over, or never opened.
            let never = of.model.totals().is_none();
            assert!(of.is_revoked || never, "{reply:?}");
            return;
        };
        let expected = of.model.step(now, &command);
        assert_eq!(heard, expected.map(Some), "the books differ on {command:?}");
        if heard.is_err() {
            *refused = (*refused).max(at);
        }
        let totals = (totals.granted, totals.spent, totals.escrowed);
        assert_eq!(Some(totals), of.model.totals());
        self.answered += 1;
    }

    /// Whatever is let out belongs to a counted look, is the same each time, and ends for good.
    fn watch(&mut self, effects: &[Effect]) {
        for grant in &mut self.grants {
            for effect in effects {
                match effect {
                    Effect::Release(release) if release.account == grant.account => {
                        assert!(!grant.is_revoked);
                        let first = grant.released.entry(release.seq).or_insert(*release);
                        // Only the round of the shares may be another.
                        first.round = release.round;
                        assert_eq!(first, release);
                    }
                    Effect::Lend(loan) if loan.account == grant.account => {
                        assert!(!grant.is_revoked);
                    }
                    _ => {}
                }
            }
            let account = self.ledger.account(grant.account);
            grant.is_revoked |= account.is_some_and(|account| account.standing().revoked);
        }
    }

    /// A ledger made of its snapshot is the same.
    fn restore(&mut self) {
        let bytes = self.ledger.snapshot();
        let again = Ledger::restore(&bytes).expect("a snapshot");
        assert_eq!(again.snapshot(), bytes);
        self.ledger = again;
    }
}

fn change(input: &mut Input<'_>) -> Change {
    let looks = match input.byte() {
        0xff => input.word() >> 11,
        small => u32::from(small % 9),
    };
    match input.byte() % 16 {
        0..5 => Change::Add(looks),
        5..9 => Change::Sub(looks),
        9 | 10 => Change::Set(looks),
        11 => Change::Refund,
        12 => Change::Revoke,
        13 => Change::Until(None),
        _ => Change::Until(Some(WallTime(T0 + u64::from(input.byte()) * HOUR))),
    }
}

/// A sequence of orders; of some, each is signed and verified, in others bounds are narrow.
pub(super) fn orders(first: u8, input: &mut Input<'_>) {
    let ledger = if first & 0x1f == 1 {
        narrow()
    } else {
        Ledger::default()
    };
    // A signature costs more than all the rest of a call.
    let signs = first == 0xff && input.byte() & 0xf0 == 0xf0;
    let mut run = Run::new(ledger, signs);
    let restored_every = usize::from(first & 7).max(1) * 5;
    run.order(0, true, opening(0, 8, 5));
    for step in 1..=if signs { STEPS_MAX / 8 } else { STEPS_MAX } {
        if input.is_empty() {
            break;
        }
        run.step(input);
        if step % restored_every == 0 {
            run.restore();
        }
    }
    run.restore();
    for grant in &run.grants {
        let mut ordinals: Vec<u32> = grant.released.values().map(|one| one.ordinal).collect();
        ordinals.sort_unstable();
        assert!(
            ordinals.windows(2).all(|two| two[0] != two[1]),
            "a number twice"
        );
    }
}

/// The snapshot of a ledger in which much has happened.
pub(super) fn eventful() -> Bytes {
    EVENTFUL.clone()
}

fn make_eventful() -> Bytes {
    let mut run = Run::new(Ledger::default(), false);
    for grant in 0..GRANTS {
        run.order(grant, true, opening(grant as u8, 10, 5));
        for view in 0..3 {
            run.order(grant, false, spend(grant, view, view));
        }
        let account = account(grant);
        for checkout in 0..2 {
            run.order(grant, false, lend_of(account, checkout, 2, T0 + 5 * DAY));
        }
        let (device, _) = &mut run.grants[grant].devices[0];
        device.look(7);
        let check_in = device.check_in(grant == 0);
        run.order(grant, false, check_in);
        run.order(
            grant,
            true,
            adjust_of(account, grant as u8, 1, Change::Add(3)),
        );
    }
    // Two copies of one device: evidence.
    let (device, _) = &mut run.grants[1].devices[0];
    *device = Device::new(device.account, 0);
    device.look(8);
    let fork = device.check_in(false);
    run.order(1, false, fork);
    run.ledger.snapshot()
}
