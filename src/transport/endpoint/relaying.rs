//! Passes datagrams on between users who cannot reach each other.
//!
//! A server sees two users and sealed bytes. Each sender has a rate; what is beyond it is dropped.

use super::Endpoint;
use crate::proto::ids::UserId;
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::way::RELAYED_BYTES;

/// A bucket of bytes that fills with time.
#[derive(Clone, Copy, Debug)]
pub(in crate::transport) struct Meter {
    left_bytes: u64,
    filled_at: Moment,
}

impl Meter {
    /// A full one.
    pub(in crate::transport) const fn new(now: Moment, rate_bytes_per_s: u64) -> Self {
        Self {
            left_bytes: rate_bytes_per_s,
            filled_at: now,
        }
    }

    /// Takes so much out, if it is there. A second's worth fits.
    pub(in crate::transport) fn take(
        &mut self,
        now: Moment,
        rate_bytes_per_s: u64,
        bytes: usize,
    ) -> bool {
        let passed_us = u64::try_from(now.since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        let filled = passed_us.saturating_mul(rate_bytes_per_s) / 1_000_000;
        if filled > 0 {
            self.left_bytes = self.left_bytes.saturating_add(filled).min(rate_bytes_per_s);
            self.filled_at = now;
        }
        let is_there = self.left_bytes >= bytes as u64;
        if is_there {
            self.left_bytes -= bytes as u64;
        }
        is_there
    }
}

impl Endpoint {
    /// As a server: a datagram of a user for another one.
    pub(super) fn pass_on(&mut self, now: Moment, from: UserId, to: UserId, datagram: Vec<u8>) {
        let rate = self.config.relay_bytes_per_s;
        let Some(sender) = self.links.get_mut(&Party::User(from)) else {
            return;
        };
        if datagram.len() > RELAYED_BYTES {
            return self.counts.drop_one("relay: too large");
        }
        if !sender.relay_meter.take(now, rate, datagram.len()) {
            return self.counts.drop_one("relay: beyond the sender's rate");
        }
        let receiver = Party::User(to);
        match self.links.get_mut(&receiver) {
            Some(link) if !link.sessions.is_empty() => {
                self.counts.relayed_bytes += datagram.len() as u64;
                #[cfg(test)]
                self.passed_on.push(datagram.clone());
                link.push_relayed(from, datagram, &mut self.counts);
                self.attend(now, receiver);
            }
            _ => self.counts.drop_one("relay: the receiver is not here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_gives_its_rate_and_no_more() {
        let mut meter = Meter::new(Moment::START, 1_000);
        assert!(meter.take(Moment::START, 1_000, 1_000));
        assert!(!meter.take(Moment::START, 1_000, 1));
        assert!(meter.take(Moment::from_millis(500), 1_000, 500));
        assert!(!meter.take(Moment::from_millis(500), 1_000, 1));
        assert!(meter.take(Moment::from_millis(60_000), 1_000, 1_000));
        assert!(!meter.take(Moment::from_millis(60_000), 1_000, 1));
    }
}
