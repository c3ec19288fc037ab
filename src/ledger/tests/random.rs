//! Random orders, repeated and late, against a ledger kept by hand; and every snapshot on the way.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::ledger::check::model::{Model, Outcome};

/// What may happen. Small numbers, so that names meet.
#[derive(Clone, Debug)]
enum Step {
    Spend {
        view: u8,
        key: u8,
    },
    Lend {
        checkout: u8,
        looks: u32,
        days: u64,
    },
    Look {
        checkout: u8,
        view: u8,
    },
    CheckIn {
        checkout: u8,
        returns: bool,
    },
    /// A device is set back to what it was before its last look or check-in.
    RollBack {
        checkout: u8,
    },
    Change {
        ahead: u32,
        change: Change,
    },
    Rekey {
        ahead: u32,
    },
    Open {
        looks: u32,
    },
    Wait {
        milliseconds: u64,
    },
    /// An order of before comes again.
    Again {
        back: usize,
    },
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0..6_u32).prop_map(Change::Add),
        2 => (0..6_u32).prop_map(Change::Sub),
        1 => (0..9_u32).prop_map(Change::Set),
        1 => Just(Change::Refund),
        1 => Just(Change::Revoke),
        2 => prop::option::of(0..40_u64)
            .prop_map(|hours| Change::Until(hours.map(|hours| WallTime(T0 + hours * HOUR)))),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..20_u8, 0..40_u8).prop_map(|(view, key)| Step::Spend {
            view,
            key: if key == 0 { 99 } else { view },
        }),
        3 => (0..3_u8, 0..5_u32, 0..3_u64)
            .prop_map(|(checkout, looks, days)| Step::Lend { checkout, looks, days }),
        4 => (0..3_u8, any::<u8>()).prop_map(|(checkout, view)| Step::Look { checkout, view }),
        4 => (0..3_u8, prop::bool::weighted(0.3))
            .prop_map(|(checkout, returns)| Step::CheckIn { checkout, returns }),
        1 => (0..3_u8).prop_map(|checkout| Step::RollBack { checkout }),
        3 => (0..3_u32, any_change())
            .prop_map(|(ahead, change)| Step::Change { ahead, change }),
        1 => (0..3_u32).prop_map(|ahead| Step::Rekey { ahead }),
        1 => (0..12_u32).prop_map(|looks| Step::Open { looks }),
        4 => prop_oneof![0..3 * MINUTE, 0..HOUR, 0..DAY]
            .prop_map(|milliseconds| Step::Wait { milliseconds }),
        4 => (0..12_usize).prop_map(|back| Step::Again { back }),
    ]
}

/// The people of a run, and what they know.
struct Run {
    world: World,
    model: Model,
    devices: Vec<(Device, Device)>,
    orders: Vec<Signed>,
    /// When the last refused order of owner and borrower was signed.
    refused: [WallTime; 2],
    /// What was let out, by the order that counted it.
    released: BTreeMap<u64, Release>,
    is_revoked: bool,
}

impl Run {
    fn new() -> Self {
        let devices = (0..3).map(|one| (Device::new(one), Device::new(one)));
        Self {
            world: World::new(),
            model: Model::default(),
            devices: devices.collect(),
            orders: Vec::new(),
            refused: [WallTime(0); 2],
            released: BTreeMap::new(),
            is_revoked: false,
        }
    }

    fn step(&mut self, step: &Step) {
        let stands = self.world.ledger.account(account()).map(Account::standing);
        let (applied, round) = stands.map_or((0, 0), |now| (now.applied, now.round));
        let (who, command) = match *step {
            Step::Spend { view, key } => (BORROWER, spend_with(view, key)),
            Step::Lend {
                checkout,
                looks,
                days,
            } => (BORROWER, escrow(checkout, looks, T0 + days * DAY)),
            Step::Look { checkout, view } => {
                let (device, before) = &mut self.devices[usize::from(checkout)];
                *before = device.clone();
                return device.look(view);
            }
            Step::RollBack { checkout } => {
                let (device, before) = &mut self.devices[usize::from(checkout)];
                *device = before.clone();
                return;
            }
            Step::CheckIn { checkout, returns } => {
                let (device, before) = &mut self.devices[usize::from(checkout)];
                *before = device.clone();
                (BORROWER, device.check_in(returns))
            }
            Step::Change { ahead, change } => (OWNER, adjust(applied + ahead, change)),
            Step::Rekey { ahead } => (OWNER, rekey(round + ahead)),
            Step::Open { looks } => (OWNER, Command::Open(opening(looks.max(8), 5))),
            Step::Wait { milliseconds } => {
                let effects = self.world.pass(milliseconds);
                return self.watch(&effects);
            }
            Step::Again { back } => {
                let Some(place) = self.orders.len().checked_sub(back + 1) else {
                    return;
                };
                return self.order(self.orders[place].clone());
            }
        };
        let signed = sign(who, self.world.now + 1, command);
        self.orders.push(signed.clone());
        self.order(signed);
    }

    fn order(&mut self, signed: Signed) {
        let command = signed.command.clone();
        let is_owners = matches!(
            command,
            Command::Open(_) | Command::Adjust { .. } | Command::Rekey { .. }
        );
        let refused_at = self.refused[usize::from(is_owners)];
        let at = signed.at;
        let applied = self.world.signed(signed);
        self.watch(&applied.effects);
        let Some(book) = self.world.ledger.account(account()) else {
            // Forgotten, as the ledger does with what is over; the books by hand go on.
            assert!(self.is_over(), "{:?}", applied.reply);
            return;
        };
        let totals = book.standing();
        let totals = (totals.granted, totals.spent, totals.escrowed);
        let now = self.world.ledger.now();
        let heard = Outcome::of(applied.reply);
        match heard {
            // The model knows neither bounds nor when orders were signed.
            Err(Refusal::Bounds) if !command.is_within_bounds() => return,
            Err(Refusal::Time { .. }) => {
                let is_late = now.0.abs_diff(at.0) > HOUR;
                assert!(is_late || at <= refused_at, "{command:?} {at} {refused_at}");
                return;
            }
            _ => {}
        }
        let expected = self.model.step(now, &command);
        assert_eq!(
            heard,
            expected.map(Some),
            "the books have another answer to {command:?}"
        );
        if heard.is_err() {
            self.refused[usize::from(is_owners)] = refused_at.max(at);
        }
        assert_eq!(Some(totals), self.model.totals());
    }

    fn is_over(&self) -> bool {
        self.is_revoked || self.model.totals().is_none()
    }

    /// Whatever is let out belongs to a counted look, is the same each time, and ends for good.
    fn watch(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Release(release) => {
                    assert!(!self.is_revoked);
                    let first = self.released.entry(release.seq).or_insert(*release);
                    // Only the round of the shares may be another.
                    first.round = release.round;
                    assert_eq!(first, release);
                }
                Effect::Lend(_) => assert!(!self.is_revoked),
                Effect::Erase { .. } | Effect::Forked { .. } => {}
            }
        }
        let account = self.world.ledger.account(account());
        self.is_revoked |= account.is_some_and(|account| account.standing().revoked);
    }
}

fn agrees(steps: &[Step]) {
    let mut run = Run::new();
    run.step(&Step::Open { looks: 8 });
    for step in steps {
        run.step(step);
    }
    let numbers: BTreeSet<u32> = run.released.values().map(|one| one.ordinal).collect();
    assert_eq!(numbers.len(), run.released.len());
}

fn goes_on_when_restored(steps: &[Step]) {
    let mut run = Run::new();
    run.step(&Step::Open { looks: 8 });
    let mut entries = Vec::new();
    let mut snapshots = vec![Ledger::default().snapshot()];
    for step in steps {
        let before = run.world.seq;
        run.step(step);
        if run.world.seq > before {
            snapshots.push(run.world.ledger.snapshot());
        }
    }
    // The same entries again, one at a time, each on the ledger that the bytes before give.
    let mut again = Run::new();
    again.step(&Step::Open { looks: 8 });
    for step in steps {
        let bytes = again.world.ledger.snapshot();
        again.world.ledger = Ledger::restore(&bytes).expect("is whole");
        let before = again.world.seq;
        again.step(step);
        if again.world.seq > before {
            entries.push(again.world.ledger.snapshot());
        }
    }
    assert!(
        snapshots[1..] == entries[..],
        "a restored ledger goes on differently"
    );
}

/// The first property again, on the same random steps each time.
pub(super) fn beside_books() {
    draw_alike(80, agrees);
}

/// The second one, likewise.
pub(super) fn restored_anywhere() {
    draw_alike(40, goes_on_when_restored);
}

fn draw_alike(most: usize, property: fn(&[Step])) {
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(any_step(), 1..most);
    for _ in 0..1_024 {
        let drawn = steps.new_tree(&mut runner).expect("can be drawn");
        property(&drawn.current());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn the_ledger_agrees_with_books_kept_by_hand(
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        agrees(&steps);
    }

    #[test]
    fn a_ledger_restored_at_any_position_goes_on_like_the_one_it_was(
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        goes_on_when_restored(&steps);
    }
}
