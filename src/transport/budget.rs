//! What all links of an endpoint together may hold of unfinished messages.
//!
//! Only counts. What is charged here is what was allocated for fragments that arrived, never what
//! somebody announced; finished messages belong to whoever received them and are not charged.

/// A shared limit, in bytes.
#[derive(Debug)]
pub struct Budget {
    max_bytes: usize,
    used_bytes: usize,
}

impl Budget {
    /// A budget of which nothing is used.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            used_bytes: 0,
        }
    }

    /// Two messages of the largest size, or some sixty ordinary pictures.
    #[must_use]
    pub const fn lan() -> Self {
        Self::new(128 << 20)
    }

    /// What may be used at the most.
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// What is used.
    #[must_use]
    pub const fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Whether more than half is used, so that slow transfers are not tolerated.
    #[must_use]
    pub const fn is_tight(&self) -> bool {
        self.used_bytes > self.max_bytes / 2
    }

    /// Whether so much is used that others have to give way before it is used up. What is left is
    /// room for the largest message to grow in one step.
    pub(super) const fn is_crowded(&self) -> bool {
        self.used_bytes > self.max_bytes / 4 * 3
    }

    /// Down to where they give way, so that it is not soon crowded again.
    pub(super) const fn relieved_bytes(&self) -> usize {
        self.max_bytes / 8 * 5
    }

    /// Whether more than that is used.
    pub(super) const fn is_strained(&self) -> bool {
        self.used_bytes > self.relieved_bytes()
    }

    /// Whether so much more may be used.
    pub(super) const fn has_room(&self, bytes: usize) -> bool {
        self.used_bytes.saturating_add(bytes) <= self.max_bytes
    }

    /// What used `before` uses `after` now.
    pub(super) const fn change(&mut self, before: usize, after: usize) {
        self.used_bytes = self.used_bytes.saturating_sub(before).saturating_add(after);
    }
}
