//! A table of what was seen lately, of bounded size and age, without a queue beside it.
//!
//! Two maps: the young one takes what is new; when it is full, or half the life is over, it becomes
//! the old one, and what was old is forgotten. What is looked up stays where it is; what is changed
//! moves to the young map.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Moment;

/// At most `limit` entries; each lives at least half of `life` unless the table overflows, and at
/// most all of it unless it is changed.
pub(super) struct Recent<K, V> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
    half_limit: usize,
    half_life: Duration,
    turned: Moment,
}

impl<K: Ord + Clone, V> Recent<K, V> {
    pub(super) fn new(limit: usize, life: Duration) -> Self {
        Self {
            young: BTreeMap::new(),
            old: BTreeMap::new(),
            half_limit: (limit / 2).max(1),
            half_life: life / 2,
            turned: Moment::START,
        }
    }

    pub(super) fn get(&mut self, now: Moment, key: &K) -> Option<&V> {
        self.age(now);
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn insert(&mut self, now: Moment, key: K, value: V) {
        self.age(now);
        self.old.remove(&key);
        if self.young.len() >= self.half_limit && !self.young.contains_key(&key) {
            self.turn(now);
        }
        self.young.insert(key, value);
    }

    /// Takes an entry out, to be changed and inserted again.
    pub(super) fn take(&mut self, now: Moment, key: &K) -> Option<V> {
        self.age(now);
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.young.values().chain(self.old.values())
    }

    /// Forgets what is too old.
    pub(super) fn age(&mut self, now: Moment) {
        let age = now.since(self.turned);
        if age >= self.half_life {
            self.turn(now);
        }
        if age >= self.half_life * 2 {
            self.old.clear();
        }
    }

    fn turn(&mut self, now: Moment) {
        self.old = std::mem::take(&mut self.young);
        self.turned = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(10);

    #[test]
    fn an_entry_is_forgotten_after_its_life() {
        let mut table = Recent::new(8, LIFE);
        let at = Moment::from_millis;
        table.insert(at(0), 1, "one");
        assert_eq!(table.get(at(4_999), &1), Some(&"one"));
        assert_eq!(table.get(at(5_000), &1), Some(&"one"));
        assert_eq!(table.get(at(10_000), &1), None);
        table.insert(at(10_000), 2, "two");
        assert_eq!(table.get(at(20_000), &2), None, "both halves are over");
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_full_table_forgets_the_older_half() {
        let mut table = Recent::new(8, LIFE);
        for key in 0..1_000_u32 {
            table.insert(Moment::START, key, key);
            assert!(table.len() <= 8);
            for recent in key.saturating_sub(3)..=key {
                assert_eq!(table.get(Moment::START, &recent), Some(&recent));
            }
        }
        assert!(table.get(Moment::START, &900).is_none());
    }

    #[test]
    fn what_is_changed_stays() {
        let mut table = Recent::new(4, LIFE);
        for key in 0..100 {
            let count = table.take(Moment::START, &0).unwrap_or(0);
            table.insert(Moment::START, 0, count + 1);
            table.insert(Moment::START, key + 1, 0);
        }
        assert_eq!(table.get(Moment::START, &0), Some(&100));
    }
}
