//! One of the people: what they order next.
//!
//! A grant to themselves is deposited and opened; then looks and changes, several at a time, some
//! beyond what was granted; then it is revoked, one look more is tried, and the next grant begins.
//! What was not answered is ordered again under its name until it is.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{Told as Tale, Waited};
use crate::node::line::{Caller, Line};
use crate::node::orders::{Orders, Told};
use crate::proto::lease::Change;
use crate::proto::ledger::Reply;
use crate::time::Moment;

/// Orders of one person at a time.
const WIDTH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Deposit,
    Open,
    Spend,
    Look,
    Change,
    Revoke,
    /// A look after the end.
    Late,
}

impl Wish {
    const fn word(self) -> &'static str {
        match self {
            Self::Deposit => "a deposit",
            Self::Open => "an opening",
            Self::Spend => "a count",
            Self::Look => "a look",
            Self::Change => "a change",
            Self::Revoke => "a revocation",
            Self::Late => "a count after the end",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A grant is made.
    Beginning,
    /// So many orders are still to be made.
    Using(u32),
    /// It ends.
    Ending,
}

/// See the module.
pub(super) struct User {
    orders: Orders,
    rng: ChaCha20Rng,
    every: Duration,
    due: Moment,
    phase: Phase,
    /// What is under way, and when it was due.
    open: BTreeMap<u64, (Wish, Moment)>,
    tale: Tale,
}

impl Caller for User {
    type Told = Told;

    fn line(&self) -> &Line {
        self.orders.line()
    }

    fn deadline(&self) -> Option<Moment> {
        self.orders.deadline()
    }

    fn turn(&mut self) -> Vec<Told> {
        self.orders.turn()
    }
}

impl User {
    /// Somebody who orders every so often.
    pub(super) fn new(mut orders: Orders, every: Duration, seed: [u8; 32], now: Moment) -> Self {
        orders.record();
        let mut rng = ChaCha20Rng::from_seed(seed);
        let due = now.after(every.mul_f64(rng.random_range(0.0..1.0)));
        Self {
            orders,
            rng,
            every,
            due,
            phase: Phase::Ending,
            open: BTreeMap::new(),
            tale: Tale::default(),
        }
    }

    /// When the next order is due.
    pub(super) const fn due(&self) -> Moment {
        self.due
    }

    /// Whether everything is answered.
    pub(super) fn is_at_rest(&self) -> bool {
        self.open.is_empty()
    }

    /// Orders what is due.
    pub(super) fn act(&mut self, now: Moment) {
        while self.due <= now {
            let due = self.due;
            self.due = due.after(self.every);
            match self.phase {
                Phase::Ending if self.open.is_empty() => self.begin(due),
                Phase::Using(0) if self.open.is_empty() => {
                    self.phase = Phase::Ending;
                    let number = self.orders.adjust(Change::Revoke);
                    self.open.insert(number, (Wish::Revoke, due));
                }
                Phase::Using(left) if left > 0 && self.open.len() < WIDTH => {
                    self.phase = Phase::Using(left - 1);
                    self.use_it(due);
                }
                // Who waits for answers does not order, and makes up for it never.
                _ => {}
            }
        }
    }

    fn begin(&mut self, due: Moment) {
        self.phase = Phase::Beginning;
        let looks = self.rng.random_range(3..30);
        self.orders.renew(looks);
        let number = self.orders.deposit();
        self.open.insert(number, (Wish::Deposit, due));
    }

    fn use_it(&mut self, due: Moment) {
        let is_changing = self.open.values().any(|(wish, _)| *wish == Wish::Change);
        let (wish, number) = match self.rng.random_range(0..10) {
            0 | 1 if !is_changing => {
                let count = self.rng.random_range(1..4);
                let change = match self.rng.random_range(0..3) {
                    0 => Change::Sub(count),
                    1 => Change::Set(count * 8),
                    _ => Change::Add(count),
                };
                (Wish::Change, self.orders.adjust(change))
            }
            0..=5 => (Wish::Spend, self.orders.spend()),
            _ => (Wish::Look, self.orders.look()),
        };
        self.open.insert(number, (wish, due));
    }

    /// Takes in what became of an order.
    pub(super) fn hear(&mut self, now: Moment, told: Told) {
        let (Told::Kept(number, _)
        | Told::Answered(number, _)
        | Told::Looked(number, _)
        | Told::Wrong(number)) = told;
        let Some((wish, due)) = self.open.remove(&number) else {
            return;
        };
        if let Some(number) = self.orders.again(number) {
            self.open.insert(number, (wish, due));
            return;
        }
        if wish != Wish::Deposit {
            self.tale.answered.push(now);
            self.tale.waits.push(Waited {
                what: wish.word(),
                due,
                us: now.since(due).as_micros() as u64,
            });
        }
        match (wish, told) {
            (_, Told::Wrong(_)) => self.wrong("shares made another secret"),
            (_, Told::Looked(_, joined)) => self.tale.joined += u64::from(joined),
            (Wish::Deposit, _) => {
                let number = self.orders.open();
                self.open.insert(number, (Wish::Open, now));
            }
            (Wish::Open, Told::Answered(_, answer)) => {
                let is_open = answer.is_some_and(|of| matches!(of.reply, Reply::Opened(_)));
                if !is_open {
                    self.wrong(&format!("a new grant was not opened: {answer:?}"));
                }
                self.phase = Phase::Using(self.rng.random_range(10..50));
            }
            (Wish::Revoke, _) => {
                let number = self.orders.spend();
                self.open.insert(number, (Wish::Late, now));
            }
            (Wish::Late, Told::Answered(_, Some(answer)))
                if matches!(answer.reply, Reply::Spent { .. }) =>
            {
                self.wrong("a look was counted after the end");
            }
            _ => {}
        }
    }

    fn wrong(&mut self, what: &str) {
        self.tale.wrong.push(what.to_owned());
    }

    /// Adds what happened to what happened to others.
    pub(super) fn tell(mut self, all: &mut Tale) {
        all.calls.append(&mut self.orders.calls());
        all.waits.append(&mut self.tale.waits);
        all.answered.append(&mut self.tale.answered);
        all.joined += self.tale.joined;
        all.open += self.open.len() as u64;
        all.wrong.append(&mut self.tale.wrong);
    }
}
