//! The messages that are arriving, by their numbers.
//!
//! A few dozen at the most, and the next fragment mostly belongs to the message of the last one:
//! a sorted list with a mark is faster than a tree.

use super::assembly::Assembly;

/// The messages that are arriving.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// In ascending order.
    numbers: Vec<u32>,
    /// In the same order.
    assemblies: Vec<Assembly>,
    /// Where the last one was found.
    mark: usize,
}

impl Open {
    pub(super) const fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Where a message is.
    pub(super) fn find(&mut self, number: u32) -> Option<usize> {
        if self.numbers.get(self.mark) != Some(&number) {
            self.mark = self.numbers.binary_search(&number).ok()?;
        }
        Some(self.mark)
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Assembly {
        &mut self.assemblies[place]
    }

    /// Adds a message that is not here yet. Returns where it is.
    pub(super) fn insert(&mut self, number: u32, assembly: Assembly) -> usize {
        let place = self.numbers.partition_point(|other| *other < number);
        self.numbers.insert(place, number);
        self.assemblies.insert(place, assembly);
        self.mark = place;
        place
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, number: u32) -> Option<Assembly> {
        let place = self.numbers.binary_search(&number).ok()?;
        self.numbers.remove(place);
        Some(self.assemblies.remove(place))
    }

    /// Takes all out.
    pub(super) fn drain(&mut self) -> std::vec::Drain<'_, Assembly> {
        self.numbers.clear();
        self.assemblies.drain(..)
    }

    /// The newest message, if it is newer than this one.
    pub(super) fn newest_after(&self, number: u32) -> Option<u32> {
        self.numbers.last().copied().filter(|last| *last > number)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Assembly)> {
        self.numbers.iter().copied().zip(&self.assemblies)
    }

    /// All of them, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Assembly)> {
        self.numbers.iter().copied().zip(&mut self.assemblies)
    }
}
