//! The digest over everything that happens to nodes.
//!
//! Bytes go in as they are: to write datagrams and pictures out in words takes longer than all that
//! a node does with them. What is rare and short goes in as it is printed.

use crate::actors::edges::{DiskAnswer, WorkDone};
use crate::proto::codec;
use crate::sim::node::Happening;

/// Adds something that happened.
pub(super) fn note(trace: &mut blake3::Hasher, what: &Happening) {
    match what {
        Happening::Datagram { from, to, datagram } => {
            trace.update(&[1]);
            let ports = [from.port(), to.port()].map(u16::to_le_bytes);
            trace.update(&ports.concat());
            trace.update(datagram);
        }
        Happening::Disk(ticket, DiskAnswer::Read(bytes)) => {
            trace.update(&[2]);
            trace.update(&ticket.number.to_le_bytes());
            trace.update(bytes);
        }
        Happening::Work(ticket, done) => {
            trace.update(&[3]);
            trace.update(&ticket.number.to_le_bytes());
            note_work(trace, done);
        }
        Happening::Wish(wish) => {
            trace.update(&[4]);
            trace.update(&codec::encode(wish));
        }
        Happening::Disk(..)
        | Happening::Operator(_)
        | Happening::Speed(_)
        | Happening::Deadline => {
            trace.update(format!("{what:?}").as_bytes());
        }
    }
}

fn note_work(trace: &mut blake3::Hasher, done: &WorkDone) {
    match done {
        WorkDone::Embedded { picture: bytes, .. }
        | WorkDone::Reduced(Some(bytes))
        | WorkDone::Sealed { body: bytes, .. }
        | WorkDone::Opened {
            original: bytes, ..
        }
        | WorkDone::Cleaned {
            original: bytes, ..
        }
        | WorkDone::Previewed(bytes)
        | WorkDone::Emptied(bytes) => trace.update(bytes),
        WorkDone::Reduced(None) | WorkDone::Inspected(_) | WorkDone::Failed(_) => {
            trace.update(format!("{done:?}").as_bytes())
        }
    };
}
