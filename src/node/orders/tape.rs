//! What one user ordered and was answered, as it went over the wire, for judges.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::ledger::check::Call;
use crate::proto::ledger::{Answer, Signed};
use crate::time::Moment;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tape {
    /// By the number that the clerk gave it: a repetition has the same, an order that is signed
    /// anew another.
    orders: BTreeMap<u64, Taped>,
}

#[derive(Debug)]
struct Taped {
    invoked: Moment,
    signed: Bytes,
    answered: Option<(Moment, Answer)>,
}

impl Tape {
    /// An order was sent, maybe again.
    pub(super) fn sent(&mut self, now: Moment, number: u64, signed: &Bytes) {
        self.orders.entry(number).or_insert_with(|| Taped {
            invoked: now,
            signed: signed.clone(),
            answered: None,
        });
    }

    /// An answer came, maybe again.
    pub(super) fn answered(&mut self, now: Moment, number: u64, answer: Answer) {
        if let Some(order) = self.orders.get_mut(&number) {
            order.answered.get_or_insert((now, answer));
        }
    }

    /// All of them.
    pub(super) fn calls(self) -> Vec<Call> {
        let call = |taped: Taped| {
            // They are our own, so they can be read.
            let signed = Signed::decode(&taped.signed).ok()?;
            Some(Call {
                invoked: taped.invoked,
                signed,
                answered: taped.answered,
            })
        };
        self.orders.into_values().filter_map(call).collect()
    }
}
