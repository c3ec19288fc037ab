//! One node's place in the world: what it is, what it runs on, and how it is hindered.

use super::Event;
use crate::sim::clock::Clock;
use crate::sim::disk::Drive;
use crate::sim::node::{Happening, Role, Running};
use crate::sim::visits::Cheat;
use crate::time::Moment;

/// Datagrams and the like that wait for a node that stands still; further datagrams are lost, as
/// in a full buffer.
const HELD_MAX: usize = 16_384;

pub(super) struct Slot {
    pub(super) role: Role,
    pub(super) running: Option<Running>,
    pub(super) incarnation: u32,
    pub(super) woken_at: Option<u64>,
    pub(super) drive: Drive,
    /// Its clock since it was last started.
    pub(super) clock: Clock,
    /// How its clock is wrong from the next start on.
    pub(super) next_clock: Clock,
    pub(super) shut: bool,
    /// How many times slower than others it works; 1 for as fast.
    pub(super) slower: u32,
    /// How it cheats when it asks others.
    pub(super) cheat: Option<Cheat>,
    /// What waits for a node that stands still; none if it does not.
    pub(super) held: Option<Vec<Event>>,
}

impl Slot {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            running: None,
            incarnation: 0,
            woken_at: None,
            drive: Drive::default(),
            clock: Clock::default(),
            next_clock: Clock::default(),
            shut: false,
            slower: 1,
            cheat: None,
            held: None,
        }
    }

    /// Keeps an event for later if the node stands still; gives it back if it does not.
    pub(super) fn hold(&mut self, event: Event) -> Option<Event> {
        let Some(held) = &mut self.held else {
            return Some(event);
        };
        let may_go = matches!(
            event,
            Event::Node {
                what: Happening::Datagram { .. },
                ..
            }
        );
        if held.len() < HELD_MAX || !may_go {
            held.push(event);
        }
        None
    }

    /// What the node takes for the time since its start.
    pub(super) fn local(&self, now_us: u64) -> Moment {
        self.clock.local(now_us)
    }
}
