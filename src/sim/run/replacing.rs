//! In the calm the disks of all servers are replaced, one after the other, as happens over the
//! years. What the disks held together is still there: no look is lost.

use super::{Run, SECOND, SERVERS};

/// A disk is away for so long.
const AWAY: u64 = SECOND;
/// When a server with a new disk serves again, owners have given it its shares within so long.
const SHARES: u64 = 15 * SECOND;

impl Run {
    /// Looks that were counted by no one yet, and looks that are added only afterwards, open
    /// although no disk of those that got the shares first is left.
    pub(super) fn replace_disks(&mut self) {
        let (Some(kept), Some(used)) =
            (self.share_anew("kept", true), self.share_anew("used", true))
        else {
            return;
        };
        self.look(used);
        for server in 0..SERVERS {
            self.tally.fault("disk replaced");
            self.crash(server);
            self.world.wipe(server);
            self.go_to(self.world.now() + AWAY);
            self.start(server);
            self.come_to_rest();
            self.go_to(self.world.now() + SHARES);
        }
        self.look(kept);
        self.add_a_look(used);
        self.look(used);
    }
}
