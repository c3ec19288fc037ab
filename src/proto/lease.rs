//! The algebra of a lease: what looks are left after any run of changes.
//!
//! Owner and borrower each keep a [`Terms`] and apply the same changes to it in the owner's
//! order. Applying a change twice, or changes out of order, leaves the terms as if each had been
//! applied once and in order.

use serde::{Deserialize, Serialize};

use super::ids::{GrantId, ViewId};
use crate::time::WallTime;

/// What becomes of the borrower's file when no look is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AtZero {
    /// The outer picture stays, with nothing inside.
    #[default]
    KeepCover,
    /// The file is deleted.
    DeleteFile,
}

/// What the owner sets for a grant beside its looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conditions {
    /// What becomes of the file at zero.
    pub at_zero: AtZero,
    /// No look is given from this moment on, by the borrower's clock; none for no such date.
    pub until: Option<WallTime>,
    /// A look closes by itself after so many milliseconds; none for no such limit.
    pub show_ms: Option<u32>,
    /// Whether the servers count the looks, before the picture opens; otherwise the borrower's
    /// program does.
    pub strict: bool,
    /// Of a strict grant: looks that may be with the borrower's device at a time, for use without
    /// the servers; 0 for none.
    pub offline: u32,
}

impl Conditions {
    /// The servers count the looks; nothing else is set.
    pub const STRICT: Self = Self {
        at_zero: AtZero::KeepCover,
        until: None,
        show_ms: None,
        strict: true,
        offline: 0,
    };
}

/// Why a grant gives no looks any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// All looks are used.
    Spent,
    /// Its date has passed.
    Expired,
    /// The owner took it back.
    Revoked,
    /// Two copies of the borrower's client told the servers different things.
    Copied,
}

/// The end of a grant, kept when the picture is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// When, by the clock of the side where it happened.
    pub at: WallTime,
}

/// A change of a grant by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Adjust {
    /// The grant.
    pub grant: GrantId,
    /// Counts the owner's changes of this grant, from 1, without gaps.
    pub owner_sequence: u32,
    /// The change.
    pub change: Change,
    /// When the owner made it, by the owner's clock.
    pub at: WallTime,
}

/// What a change does to the number of granted looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Change {
    /// So many looks in all.
    Set(u32),
    /// So many more.
    Add(u32),
    /// So many fewer, but not below those already used.
    Sub(u32),
    /// No look any more, whatever comes later except a new grant.
    Revoke,
    /// One look more, for one that was cut short.
    Refund,
    /// Another end date, or none.
    Until(Option<WallTime>),
}

/// The state of a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Looks granted in all. Never below `used`.
    pub granted: u32,
    /// Looks used.
    pub used: u32,
    /// Whether the owner revoked it.
    pub revoked: bool,
    /// No look is given from this moment on; none for no such date.
    pub until: Option<WallTime>,
    /// Sequence of the last change applied; 0 for none.
    pub applied: u32,
    /// Changes that came before their predecessors, in order; at most [`HELD_MAX`].
    pub held: Vec<Adjust>,
}

/// Changes that wait for their predecessors.
pub const HELD_MAX: usize = 64;

/// What became of a change that was given to [`Terms::adjust`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It took effect now; together with held ones, so many changes did.
    Now(u32),
    /// It had taken effect before.
    Before,
    /// It waits for its predecessors.
    Held,
    /// It cannot wait: too many do already.
    Refused,
}

impl Terms {
    /// Fresh terms with `views` looks, none used, up to a date or without one.
    #[must_use]
    pub fn new(views: u32, until: Option<WallTime>) -> Self {
        Self {
            granted: views,
            until,
            ..Self::default()
        }
    }

    /// Whether the end date has passed.
    #[must_use]
    pub fn is_expired(&self, now: WallTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Looks left now: none after the end date.
    #[must_use]
    pub fn left_at(&self, now: WallTime) -> u32 {
        if self.is_expired(now) { 0 } else { self.left() }
    }

    /// Looks left, whatever the date.
    #[must_use]
    pub const fn left(&self) -> u32 {
        if self.revoked {
            0
        } else {
            self.granted.saturating_sub(self.used)
        }
    }

    /// Applies a change in the owner's order, whatever the order of arrival.
    pub fn adjust(&mut self, adjust: Adjust) -> Applied {
        if adjust.owner_sequence <= self.applied {
            return Applied::Before;
        }
        if adjust.owner_sequence > self.applied + 1 {
            return self.hold(adjust);
        }
        self.apply(adjust);
        let mut count = 1;
        while self
            .held
            .first()
            .is_some_and(|next| Some(next.owner_sequence) == self.applied.checked_add(1))
        {
            let next = self.held.remove(0);
            self.apply(next);
            count += 1;
        }
        Applied::Now(count)
    }

    /// Counts one look. Returns its ordinal from 1, or none if no look is left.
    pub fn spend(&mut self) -> Option<u32> {
        if self.left() == 0 {
            return None;
        }
        self.used += 1;
        Some(self.used)
    }

    fn hold(&mut self, adjust: Adjust) -> Applied {
        match self
            .held
            .binary_search_by_key(&adjust.owner_sequence, |held| held.owner_sequence)
        {
            Ok(_) => Applied::Held,
            Err(_) if self.held.len() >= HELD_MAX => Applied::Refused,
            Err(place) => {
                self.held.insert(place, adjust);
                Applied::Held
            }
        }
    }

    fn apply(&mut self, adjust: Adjust) {
        self.applied = adjust.owner_sequence;
        let granted = match adjust.change {
            Change::Set(views) => views,
            Change::Add(views) => self.granted.saturating_add(views),
            Change::Refund => self.granted.saturating_add(1),
            Change::Until(until) => {
                self.until = until;
                self.granted
            }
            Change::Sub(views) => self.granted.saturating_sub(views),
            Change::Revoke => {
                self.revoked = true;
                self.granted
            }
        };
        self.granted = granted.max(self.used);
    }
}

/// Something that happened to a grant, as the log of either side tells it. Each entry is made
/// once, by the side where it happened, and carried to the other; so the two logs agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, by the clock of the side where it happened.
    pub at: WallTime,
    /// What.
    pub event: LogEvent,
}

/// What can happen to a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogEvent {
    /// The owner granted looks.
    Granted {
        /// So many.
        views: u32,
    },
    /// The picture is on the borrower's disk.
    Received,
    /// The borrower looked.
    Viewed {
        /// The look.
        view: ViewId,
        /// Its number, from 1.
        ordinal: u32,
    },
    /// The owner changed the grant, and the borrower applied the change.
    Adjusted {
        /// Its sequence.
        owner_sequence: u32,
        /// The change.
        change: Change,
    },
    /// No look is left; the picture was replaced by its cover or deleted.
    Spent,
    /// The end date came first: no look is given any more.
    Expired,
    /// Looks went to the borrower's device, for use without the servers.
    Taken {
        /// So many.
        looks: u32,
        /// Good until then.
        until: WallTime,
    },
    /// The device has told of its looks, and gave the rest back.
    Returned {
        /// So many.
        looks: u32,
    },
    /// Two copies of the borrower's client told the servers different things: no look is given any
    /// more.
    Copied,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn adjust(owner_sequence: u32, change: Change) -> Adjust {
        Adjust {
            grant: GrantId([7; 16]),
            owner_sequence,
            change,
            at: WallTime(0),
        }
    }

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (0..20_u32).prop_map(Change::Set),
            (0..20_u32).prop_map(Change::Add),
            (0..20_u32).prop_map(Change::Sub),
            Just(Change::Revoke),
            Just(Change::Refund),
            prop::option::of(0..9_u64).prop_map(|at| Change::Until(at.map(WallTime))),
        ]
    }

    #[test]
    fn looks_run_out_at_the_grant() {
        let mut terms = Terms::new(2, None);
        assert_eq!(terms.spend(), Some(1));
        assert_eq!(terms.spend(), Some(2));
        assert_eq!(terms.spend(), None);
        assert_eq!(terms.left(), 0);
    }

    #[test]
    fn a_change_below_the_used_looks_stops_at_them() {
        let mut terms = Terms::new(5, None);
        terms.spend();
        terms.spend();
        assert_eq!(terms.adjust(adjust(1, Change::Sub(9))), Applied::Now(1));
        assert_eq!((terms.granted, terms.left()), (2, 0));
        assert_eq!(terms.adjust(adjust(2, Change::Add(1))), Applied::Now(1));
        assert_eq!(terms.left(), 1);
    }

    #[test]
    fn at_most_the_limit_waits_for_predecessors() {
        let mut terms = Terms::new(1, None);
        for sequence in 2..2 + HELD_MAX as u32 {
            assert_eq!(
                terms.adjust(adjust(sequence, Change::Add(1))),
                Applied::Held
            );
        }
        assert_eq!(
            terms.adjust(adjust(1_000, Change::Add(1))),
            Applied::Refused
        );
        assert_eq!(
            terms.adjust(adjust(1, Change::Add(1))),
            Applied::Now(HELD_MAX as u32 + 1)
        );
        assert_eq!(terms.granted, 1 + HELD_MAX as u32 + 1);
    }

    /// Such numbers come from a damaged disk only.
    #[test]
    fn no_change_follows_the_last_number() {
        let mut terms = Terms {
            applied: u32::MAX - 1,
            held: vec![adjust(u32::MAX, Change::Refund)],
            ..Terms::new(1, None)
        };
        let last = adjust(u32::MAX, Change::Refund);
        assert_eq!(terms.adjust(last), Applied::Now(1));
        assert_eq!(terms.adjust(last), Applied::Before);
    }

    proptest! {
        #[test]
        fn any_order_with_repeats_ends_like_the_order_of_the_owner(
            changes in prop::collection::vec(any_change(), 1..20),
            shuffle in prop::collection::vec(0..1_000_usize, 0..60),
        ) {
            let adjusts: Vec<Adjust> = changes
                .iter()
                .zip(1_u32..)
                .map(|(change, sequence)| adjust(sequence, *change))
                .collect();
            let mut plain = Terms::new(3, None);
            for change in &adjusts {
                plain.adjust(*change);
            }
            let mut shuffled = Terms::new(3, None);
            for pick in shuffle {
                shuffled.adjust(adjusts[pick % adjusts.len()]);
            }
            for change in adjusts.iter().rev() {
                shuffled.adjust(*change);
            }
            prop_assert_eq!(plain, shuffled);
        }

        #[test]
        fn used_never_exceeds_granted(
            steps in prop::collection::vec(prop::option::of(any_change()), 0..60),
        ) {
            let mut terms = Terms::new(4, None);
            let mut sequence = 0;
            for step in steps {
                match step {
                    None => { terms.spend(); }
                    Some(change) => {
                        sequence += 1;
                        terms.adjust(adjust(sequence, change));
                    }
                }
                prop_assert!(terms.used <= terms.granted);
            }
        }
    }
}
