//! How much work strangers may cause: the meter that tells a crowd, and token buckets.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::bounded::Recent;
use crate::time::Moment;

/// Parts of a token, so that a bucket fills by the microsecond.
const TOKEN: u64 = 1_000_000;

/// Addresses whose rate is watched at a time.
pub const ADDRESSES_MAX: usize = 4_096;
/// A bucket that nobody used for this long is full, so forgetting it changes nothing.
const BUCKET_LIFE: Duration = Duration::from_secs(4);

/// Lets so many things pass in a second; after a pause, a second's worth at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_s: u32,
    tokens: u64,
    filled: Moment,
}

impl Bucket {
    pub(super) fn new(per_s: u32, now: Moment) -> Self {
        Self {
            per_s,
            tokens: u64::from(per_s) * TOKEN,
            filled: now,
        }
    }

    pub(super) fn take(&mut self, now: Moment) -> bool {
        let full = u64::from(self.per_s) * TOKEN;
        let waited_us = u64::try_from(now.since(self.filled).as_micros()).unwrap_or(u64::MAX);
        let fresh = waited_us.saturating_mul(u64::from(self.per_s));
        self.tokens = self.tokens.saturating_add(fresh).min(full);
        self.filled = self.filled.max(now);
        let taken = self.tokens.checked_sub(TOKEN);
        self.tokens = taken.unwrap_or(self.tokens);
        taken.is_some()
    }
}

/// Tells when more than a number of initiations came within this second or the one before.
pub(super) struct Meter {
    busy_per_s: u32,
    second: u64,
    count: u32,
    before: u32,
}

impl Meter {
    pub(super) const fn new(busy_per_s: u32) -> Self {
        Self {
            busy_per_s,
            second: 0,
            count: 0,
            before: 0,
        }
    }

    /// Counts one more; whether that is a crowd.
    pub(super) fn count(&mut self, now: Moment) -> bool {
        let second = now.as_micros() / 1_000_000;
        if second != self.second {
            let next = self.second.checked_add(1) == Some(second);
            self.before = if next { self.count } else { 0 };
            self.count = 0;
            self.second = second;
        }
        self.count = self.count.saturating_add(1);
        self.is_beyond(self.busy_per_s)
    }

    /// Whether more came than that, within the second of the last one or the one before.
    pub(super) fn is_beyond(&self, per_s: u32) -> bool {
        self.count.max(self.before) > per_s
    }
}

/// Who is counted together: an IPv4 address, or the /64 network of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Neighbourhood(u8, u64);

impl Neighbourhood {
    /// A number that differs for different ones.
    pub(super) const fn mixed(self) -> u64 {
        self.1
            .wrapping_mul(0x2545_f491_4f6c_dd1d)
            .wrapping_add(self.0 as u64)
    }

    pub(super) fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self(4, u64::from(ip.to_bits())),
            IpAddr::V6(ip) => Self(6, (ip.to_bits() >> 64) as u64),
        }
    }
}

/// Token buckets by address. Only proven addresses are counted, so nobody can use up the tokens of
/// another.
pub(super) struct AddressRates {
    per_s: u32,
    buckets: Recent<Neighbourhood, Bucket>,
}

impl AddressRates {
    pub(super) fn new(per_s: u32) -> Self {
        Self {
            per_s,
            buckets: Recent::new(ADDRESSES_MAX, BUCKET_LIFE),
        }
    }

    pub(super) fn take(&mut self, now: Moment, from: SocketAddr) -> bool {
        let who = Neighbourhood::of(from);
        let known = self.buckets.take(now, &who);
        let mut bucket = known.unwrap_or_else(|| Bucket::new(self.per_s, now));
        let taken = bucket.take(now);
        self.buckets.insert(now, who, bucket);
        taken
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.buckets.len() * (size_of::<Bucket>() + size_of::<Neighbourhood>()) * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn a_bucket_lets_its_rate_pass() {
        let mut bucket = Bucket::new(20, at(0));
        let mut passed = |from, to| (from..to).filter(|&t| bucket.take(at(t))).count();
        assert_eq!(passed(0, 1_000), 20 + 19);
        assert_eq!(passed(1_000, 2_000), 20);
        assert_eq!(passed(60_000, 60_010), 10);
    }

    #[test]
    fn a_closed_bucket_lets_nothing_pass() {
        let mut bucket = Bucket::new(0, at(0));
        assert!(!bucket.take(at(u64::MAX / 1_000)));
    }

    #[test]
    fn a_crowd_is_told_until_a_second_is_quiet() {
        let mut meter = Meter::new(3);
        assert!((0..3).all(|_| !meter.count(at(500))));
        assert!(meter.count(at(500)));
        assert!(meter.count(at(1_500)), "the second before");
        assert!(!meter.count(at(2_500)));
        for _ in 0..5 {
            meter.count(at(3_000));
        }
        assert!(!meter.count(at(9_000)), "long ago");
    }

    #[test]
    fn a_network_of_ipv6_is_one_neighbour_and_mapped_ipv4_is_ipv4() {
        let of = |text: &str| Neighbourhood::of(text.parse().unwrap());
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:1]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:10.0.0.1]:1"), of("10.0.0.1:9"));
        assert_ne!(of("10.0.0.2:1"), of("10.0.0.1:1"));
    }

    #[test]
    fn addresses_are_limited_one_by_one_and_their_table_is_bounded() {
        let mut rates = AddressRates::new(20);
        let address = |n: u32| SocketAddr::from((n.to_be_bytes(), 1));
        for n in 0..20_000 {
            assert!(rates.take(at(0), address(n)));
            assert!(rates.buckets.len() <= ADDRESSES_MAX);
        }
        let mut rates = AddressRates::new(20);
        assert_eq!(
            (0..100).filter(|_| rates.take(at(0), address(1))).count(),
            20
        );
        assert!(rates.take(at(0), address(2)));
    }
}
