//! The contract of a concern: an input in, orders out, one deadline.
//!
//! A machine may not read a clock, use a socket, file, thread, lock, `async` or global, draw its
//! own seed, iterate a hash map, or panic on input. Any message may be lost, between hosts and
//! inside a node, so whoever waits for an answer has a deadline and every handler is safe to
//! repeat. The driver drains the outbox fully after each call.

pub use crate::time::earliest;

use crate::time::Moment;

/// One concern.
pub trait Machine {
    /// What can happen to it.
    type Input;
    /// What it orders.
    type Output;
    /// Its name in logs.
    const NAME: &'static str;

    /// Takes one input and orders what follows from it.
    fn handle(&mut self, now: Moment, input: Self::Input, out: &mut Outbox<Self::Output>);

    /// When [`Machine::on_deadline`] wants to be called next. The driver asks again after every
    /// call, so this is the minimum over all timers of the machine.
    fn deadline(&self) -> Option<Moment>;

    /// Called at or after the deadline. Must move the deadline forward or clear it.
    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Self::Output>);
}

/// Orders of one call, in order.
#[derive(Debug)]
pub struct Outbox<T> {
    orders: Vec<T>,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { orders: Vec::new() }
    }
}

impl<T> Outbox<T> {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an order.
    pub fn push(&mut self, order: T) {
        self.orders.push(order);
    }

    /// Takes all orders out, in order.
    pub fn drain(&mut self) -> std::vec::Drain<'_, T> {
        self.orders.drain(..)
    }

    /// Takes all orders, leaving none. For tests and drivers that need a list.
    #[must_use]
    pub fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.orders)
    }

    /// Whether there is no order.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_gives_back_orders_in_order_and_then_nothing() {
        let mut out = Outbox::new();
        out.push(1);
        out.push(2);
        assert_eq!(out.take(), vec![1, 2]);
        assert!(out.is_empty());
    }
}
