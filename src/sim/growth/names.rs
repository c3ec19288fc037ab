//! How one server's directory grows with its users: the real machine with a disk that answers at
//! once.

use core::time::Duration;

use crate::actors::directory::{Config, Directory, Input, Output};
use crate::actors::edges::DiskAnswer;
use crate::actors::machine::{Machine, Outbox};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::static_key::StaticSecret;
use crate::proto::codec;
use crate::proto::ids::NodeId;
use crate::proto::packet::{Errand, ErrandKind, NameAnswer, Packet};
use crate::time::{Calendar, Moment, WallTime};

/// When everything happens, by the calendar.
const TODAY: WallTime = WallTime(1_795_000_000_000);
/// Another server.
const OTHER: NodeId = NodeId(2);
/// Claimed by everybody.
const TTL_MS: u32 = 30_000;
/// Longer than a directory waits before it tells the same server everything again.
const BETWEEN_STATES: Duration = Duration::from_secs(2);

/// A directory that people register in.
pub struct Names {
    directory: Directory,
    now: Moment,
}

/// A user who says that they are here, under a name of their own: errand and address.
#[must_use]
pub fn newcomer(number: u32) -> Errand {
    let seed = blake3::derive_key(
        "pentimento 1 user of a grown directory",
        &number.to_le_bytes(),
    );
    let kind = ErrandKind::Here {
        name: format!("user-{number}"),
        ttl_ms: TTL_MS,
    };
    SecretIdentity::from_secret(seed).errand(TODAY, 1, kind)
}

impl Names {
    /// An empty one with room for so many.
    #[must_use]
    pub fn with_room(users: usize) -> Self {
        let calendar = Calendar { started_at: TODAY };
        let peers = vec![OTHER, NodeId(3)];
        let secret = StaticSecret::from_bytes([7; 32]);
        let config = Config {
            names_max: users,
            ..Config::lan(NodeId(1), peers, calendar, secret)
        };
        let mut names = Self {
            directory: Directory::new(config, [1; 32], Vec::new()),
            now: Moment::from_millis(1),
        };
        names.carry_out(|directory, now, out| directory.on_deadline(now, out));
        // What a server tells that knows nobody: no names, nobody online.
        let state = codec::encode(&(Vec::<u8>::new(), Vec::<u8>::new())).into();
        names.carry_out(|directory, now, out| {
            let input = Input::StateArrived { from: OTHER, state };
            directory.handle(now, input, out);
        });
        names
    }

    /// Takes an errand. Whether its user was told that the name is theirs.
    pub fn join(&mut self, errand: Errand) -> bool {
        let client = errand.user.user_id();
        let at = ([127, 0, 0, 1], 40_000).into();
        let said = self.carry_out(|directory, now, out| {
            let input = Input::ErrandArrived { client, at, errand };
            directory.handle(now, input, out);
        });
        said.iter().any(|output| {
            matches!(
                output,
                Output::Send {
                    packet: Packet::HereAnswer(answer),
                    ..
                } if answer.name == NameAnswer::Yours
            )
        })
    }

    /// Bytes that another server is sent when it has to catch up. It asks a while after it asked
    /// last.
    ///
    /// # Panics
    /// If it is sent nothing.
    pub fn state_bytes(&mut self) -> usize {
        self.now = self.now.after(BETWEEN_STATES);
        let said = self.carry_out(|directory, now, out| {
            directory.handle(now, Input::StateAsked(OTHER), out);
        });
        let told = said.iter().find_map(|output| match output {
            Output::SendState { state, .. } => Some(state.len()),
            _ => None,
        });
        told.expect("who asks so seldom is told")
    }

    /// Lets the machine act; its disk answers until it orders nothing more.
    fn carry_out(
        &mut self,
        act: impl FnOnce(&mut Directory, Moment, &mut Outbox<Output>),
    ) -> Vec<Output> {
        let mut out = Outbox::new();
        act(&mut self.directory, self.now, &mut out);
        let mut said = Vec::new();
        loop {
            let orders = out.take();
            if orders.is_empty() {
                return said;
            }
            for output in orders {
                if let Output::Disk { ticket, .. } = output {
                    let answer = DiskAnswer::Written;
                    let input = Input::Disk { ticket, answer };
                    self.directory.handle(self.now, input, &mut out);
                } else {
                    said.push(output);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_their_name_until_there_is_no_room() {
        let mut names = Names::with_room(20);
        let joined = (0..25)
            .filter(|number| names.join(newcomer(*number)))
            .count();
        assert_eq!(joined, 20);
        assert!(!names.join(newcomer(3)), "an errand counts once");
        assert!(names.state_bytes() > 20 * 64);
    }

    #[test]
    fn the_state_grows_with_the_names_however_often_it_is_asked_for() {
        let mut names = Names::with_room(100);
        let mut bytes_with = |number| {
            names.join(newcomer(number));
            names.state_bytes()
        };
        let sizes = [0, 1, 2].map(&mut bytes_with);
        assert!(sizes.is_sorted_by(|a, b| a + 64 < *b), "{sizes:?}");
    }
}
