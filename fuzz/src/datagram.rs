//! Any bytes, as one datagram or a batch, reach an endpoint that has sessions: it drops and counts
//! them, and says no more than came.

use std::cell::RefCell;

use crate::Input;
use crate::world::{World, hostile_address, stranger_address, user_address};

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// First byte: from where; second: stride in tens; third: how time passes.
pub fn run(data: &[u8]) {
    WORLD.with_borrow_mut(|slot| {
        let world = slot.get_or_insert_default();
        let mut input = Input(data);
        let from = match input.byte() % 4 {
            0 => user_address(),
            1 => hostile_address(),
            _ => stranger_address(5),
        };
        let stride = match input.byte() {
            0 => usize::MAX,
            tens => usize::from(tens) * 10,
        };
        let wait_us = u64::from(input.byte()) * 100;
        let mut bytes = input.0.to_vec();
        let count = bytes.len().div_ceil(stride).max(1) as u64;
        let size = bytes.len();
        world.wait(wait_us);
        // What time alone ends is not the datagram's doing.
        let before: u64 = world.server.counts().dropped.values().sum();
        let answered = world.to_server(from, &mut bytes, stride);
        if from == stranger_address(5) {
            assert!(answered <= size, "{answered} bytes for {size}");
            let after: u64 = world.server.counts().dropped.values().sum();
            assert!(after - before <= 2 * count);
        }
        if world.is_old() {
            assert!(world.passes(), "the good user is heard at the end");
            *slot = None;
        }
    });
}
