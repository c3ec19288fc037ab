//! A user with a session sends whatever frames they like, in whatever order: the server survives,
//! what it holds is bounded, and another user is heard.

use std::cell::RefCell;

use pentimento::proto::ids::UserId;
use pentimento::transport::frame;
use pentimento::transport::message::{Standing, Status};

use crate::Input;
use crate::world::{World, hostile_address, stranger_address};

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Packets in one call at the most.
const PACKETS_MAX: usize = 4;

/// A sequence of packets, pauses and messages of the server's own.
pub fn run(data: &[u8]) {
    WORLD.with_borrow_mut(|slot| {
        let world = slot.get_or_insert_default();
        let mut input = Input(data);
        let mut closed = false;
        for _ in 0..PACKETS_MAX {
            if input.is_empty() {
                break;
            }
            match input.byte() % 16 {
                0 => world.wait(u64::from(input.short()) * 10),
                1 => {
                    let (number, size) = (input.byte(), input.size());
                    world.send_to_hostile(u64::from(number), size);
                }
                operation => {
                    let mut frames = Vec::new();
                    for _ in 0..operation % 4 + 1 {
                        closed |= write_frame(&mut input, &mut frames);
                    }
                    let jump = match input.byte() {
                        0xff => u64::from(input.word()),
                        small => u64::from(small / 64),
                    };
                    let from = match input.byte() {
                        0xff => stranger_address(9),
                        _ => hostile_address(),
                    };
                    let now = world.now();
                    let Some(mut packet) = world.hostile.seal(now, jump, &frames) else {
                        closed = true;
                        break;
                    };
                    let size = packet.len();
                    world.to_server(from, &mut packet, size);
                }
            }
        }
        if closed {
            world.wait(10_000);
            world.return_early();
        }
        if world.is_old() {
            assert!(world.passes(), "the good user is heard at the end");
            *slot = None;
        }
    });
}

/// Writes one frame; tells whether it ends the session.
fn write_frame(input: &mut Input<'_>, out: &mut Vec<u8>) -> bool {
    match input.byte() % 14 {
        0 => frame::write_ping(out),
        1 => {
            let words = [input.long(), input.long()];
            let count = usize::from(input.byte() % 3);
            let (largest, delay) = (u64::from(input.number()), u64::from(input.short()));
            frame::write_ack(out, largest, delay, &words[..count]);
        }
        2 => {
            let size = usize::from(input.byte());
            frame::write_packet(out, input.bytes(size), size % 2 == 0);
        }
        3 => {
            let (message, index) = (input.number(), input.number());
            let total = input.word() >> (input.byte() % 32);
            let size = usize::from(input.short() % 1_500);
            frame::write_fragment(out, message, index, total, size % 2 == 0);
            out.resize(out.len() + size, 7);
        }
        4 => {
            let standing = Standing::from_code(input.byte() % 5).unwrap_or(Standing::Going);
            let status = Status {
                message: input.number(),
                standing,
                first_missing: input.number(),
                credit: input.word() >> (input.byte() % 32),
                words: vec![input.long(); usize::from(input.byte() % 17)],
            };
            frame::write_status(out, &status);
        }
        5 => frame::write_cancel(out, input.number()),
        6 => {
            frame::write_close(out);
            return true;
        }
        7 => frame::write_challenge(out, input.long(), false),
        8 => frame::write_challenge(out, input.long(), true),
        9 => frame::write_observed(out, stranger_address(input.byte())),
        10 => {
            let size = usize::from(input.byte());
            frame::write_relay(out, UserId([input.byte(); 32]), input.bytes(size));
        }
        _ => {
            let size = usize::from(input.byte());
            out.extend_from_slice(input.bytes(size));
        }
    }
    false
}
