//! A bounded memory: when it is full, the oldest entry makes place.

use std::collections::{BTreeMap, VecDeque};

/// At most `max` values by key.
#[derive(Debug)]
pub(super) struct Shelf<K, V> {
    values: BTreeMap<K, V>,
    order: VecDeque<K>,
    max: usize,
}

impl<K: Ord + Clone, V> Shelf<K, V> {
    /// An empty shelf for at most `max` values.
    pub(super) const fn new(max: usize) -> Self {
        Self {
            values: BTreeMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    /// Keeps a value; an older one under the key is replaced.
    pub(super) fn put(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.max {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_place_beyond_the_limit() {
        let mut shelf = Shelf::new(2);
        shelf.put(1, 'a');
        shelf.put(2, 'b');
        shelf.put(1, 'c');
        assert_eq!((shelf.get(&1), shelf.get(&2)), (Some(&'c'), Some(&'b')));
        shelf.put(3, 'd');
        assert_eq!((shelf.get(&1), shelf.get(&2)), (None, Some(&'b')));
        assert_eq!(shelf.get(&3), Some(&'d'));
    }
}
