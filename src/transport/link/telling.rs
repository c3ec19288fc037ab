//! Tells what arrived and what became of messages and of the way.

use core::time::Duration;

use super::{Link, NOWHERE};
use crate::time::Moment;
use crate::transport::contract::{Incoming, Moved, SendFailure};
use crate::transport::receiver::ReceiverEvent;
use crate::transport::sender::SenderEvent;

/// How often it is told how far messages are: often enough for eyes, and for whoever waits for a
/// sign of life.
const PROGRESS_EVERY: Duration = Duration::from_millis(20);

impl Link {
    /// What arrived and what happened since the last time, if anything did. That messages go on is
    /// told from time to time only.
    pub(in crate::transport) fn news(&mut self, now: Moment) -> Option<Incoming> {
        let mut moved = Vec::new();
        let way = self.way();
        if let Some(reaching) = &mut self.reaching
            && reaching.uses(now, way)
        {
            moved.push(Moved::Way(way));
        }
        let has_no_way = self.reaching.is_some() && self.sessions.is_empty();
        while let Some(event) = self.sender.poll_event() {
            moved.push(match sent(event) {
                Moved::Failed {
                    cargo,
                    reason: SendFailure::Silent,
                } if has_no_way => Moved::Failed {
                    cargo,
                    reason: SendFailure::NoWay,
                },
                other => other,
            });
        }
        while let Some(event) = self.receiver.poll_event() {
            moved.push(received(event));
        }
        if self.progress_from <= now {
            let facts = moved.len();
            while let Some(event) = self.sender.poll_progress() {
                moved.push(sent(event));
            }
            while let Some(event) = self.receiver.poll_progress() {
                moved.push(received(event));
            }
            if moved.len() > facts {
                self.progress_from = now.after(PROGRESS_EVERY);
            }
        }
        if moved.is_empty() && self.packets_in.is_empty() {
            return None;
        }
        Some(Incoming {
            from: self.party,
            at: self.address().unwrap_or(NOWHERE),
            packets: std::mem::take(&mut self.packets_in),
            moved,
        })
    }
}

fn sent(event: SenderEvent) -> Moved {
    match event {
        SenderEvent::Progress {
            cargo,
            done_bytes,
            total_bytes,
        } => Moved::Sending {
            cargo,
            done_bytes,
            total_bytes,
        },
        SenderEvent::Delivered { cargo } => Moved::Delivered { cargo },
        SenderEvent::Failed { cargo, reason } => Moved::Failed { cargo, reason },
    }
}

fn received(event: ReceiverEvent) -> Moved {
    match event {
        ReceiverEvent::Started { cargo, size_bytes } => Moved::Started { cargo, size_bytes },
        ReceiverEvent::Progress {
            cargo,
            done_bytes,
            total_bytes,
        } => Moved::Receiving {
            cargo,
            done_bytes,
            total_bytes,
        },
        ReceiverEvent::Received { cargo, body } => Moved::Received { cargo, body },
    }
}
