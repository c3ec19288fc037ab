//! The switch of the simulation, as the whole cluster comes to agree on it.

use core::cmp::Reverse;

use crate::proto::packet::TokenPacket;
use crate::time::WallTime;

/// A command of an operator. Of two the newer counts; of two at the same time, off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) commanded_at: WallTime,
    pub(super) on: bool,
    pub(super) announced: bool,
}

impl Command {
    pub(super) fn is_newer_than(self, other: Self) -> bool {
        let rank = |command: Self| (command.commanded_at, Reverse(command.on), command.announced);
        rank(self) > rank(other)
    }

    pub(super) const fn packet(self) -> TokenPacket {
        TokenPacket::Switch {
            commanded_at: self.commanded_at,
            on: self.on,
            announced: self.announced,
        }
    }
}
