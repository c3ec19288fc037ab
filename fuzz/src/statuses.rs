//! Whatever a receiver says of messages reaches their sender: it writes only fragments that there
//! are, ends each message once, and never says delivered without having been told.

use core::time::Duration;
use std::collections::BTreeSet;

use bytes::Bytes;
use pentimento::proto::cargo::Cargo;
use pentimento::time::Moment;
use pentimento::transport::message::{Piece, Standing, Status};
use pentimento::transport::sender::{Config, FragmentSender, SenderEvent};

use crate::Input;

/// Bytes that are sent in one call at the most.
const BYTES_MAX: usize = 70_000;
static ONES: [u8; 1 << 16] = [1; 1 << 16];

/// A sequence of orders, statuses, outcomes and pauses.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let config = Config {
        transfers_max: 4,
        waiting_max: 8,
        ..Config::lan()
    };
    let mut sender = FragmentSender::new(config);
    let mut now = Moment::from_millis(1);
    sender.begin_session(now, 1_200);
    let mut under_way = BTreeSet::new();
    let mut flying: Vec<Piece> = Vec::new();
    let mut out = Vec::new();
    let mut written = 0;
    while !input.is_empty() && written < BYTES_MAX {
        match input.byte() % 10 {
            0 => {
                let cargo = Cargo::MailState(u64::from(input.byte() % 16));
                let body = Bytes::from_static(&ONES[..input.size()]);
                written += body.len();
                sender.send(now, cargo, body, None);
                under_way.insert(cargo);
            }
            1 | 2 => {
                for _ in 0..input.byte() {
                    let Some(piece) = sender.next(now) else {
                        break;
                    };
                    out.clear();
                    sender.write(piece, &mut out);
                    written += out.len();
                    assert_eq!(out.len(), sender.length(piece));
                    assert!(!out.is_empty(), "a piece that is there");
                    assert!(u64::from(piece.index) * 64 < u64::from(sender.total(piece.message)));
                    flying.push(piece);
                }
            }
            3 | 4 => {
                let standing = Standing::from_code(input.byte() % 8).unwrap_or(Standing::Going);
                let status = Status {
                    message: input.number(),
                    standing,
                    first_missing: input.number(),
                    credit: input.word() >> (input.byte() % 32),
                    words: vec![input.long(); usize::from(input.byte() % 17)],
                };
                sender.on_status(now, &status);
            }
            5 => {
                for _ in 0..input.byte() {
                    let Some(piece) = flying.pop() else {
                        break;
                    };
                    sender.on_acked(now, piece);
                }
            }
            6 => {
                for _ in 0..input.byte() {
                    let Some(piece) = flying.pop() else {
                        break;
                    };
                    sender.on_lost(piece);
                }
            }
            7 => {
                let cargo = Cargo::MailState(u64::from(input.byte() % 16));
                sender.cancel(cargo);
                under_way.remove(&cargo);
                while sender.poll_cancel().is_some() {}
            }
            8 => {
                let bytes = input.size().max(64);
                match input.byte() % 3 {
                    0 => {
                        flying.clear();
                        sender.begin_session(now, bytes);
                    }
                    1 => {
                        flying.clear();
                        sender.refit(now, bytes);
                    }
                    _ => flying.extend(sender.probe(now)),
                }
            }
            _ => {
                now = now.after(Duration::from_millis(u64::from(input.short())));
                if sender.deadline().is_some_and(|at| at <= now) {
                    sender.on_deadline(now);
                }
            }
        }
        while let Some(event) = sender.poll_event() {
            match event {
                SenderEvent::Progress {
                    done_bytes,
                    total_bytes,
                    ..
                } => {
                    assert!(done_bytes <= total_bytes);
                }
                SenderEvent::Delivered { cargo } | SenderEvent::Failed { cargo, .. } => {
                    assert!(under_way.contains(&cargo), "nothing ends that was not sent");
                }
            }
        }
    }
}
