//! Who is answered: whoever shows a pass of a server, for themselves and for us, that still counts.
//!
//! The letter is signed by its writer and came from them over a session that they proved their keys
//! in; the pass names them. So a pass that somebody else got hold of is worth nothing.
//!
//! Time is the servers': each answer to a sign of presence has the clock of its server, so that our
//! own may be wrong. If no server has been heard for a while we are alone with our clock, and a
//! pass that has run out counts on for a day.

use core::time::Duration;
use std::collections::BTreeMap;

use super::Config;
use crate::crypto::passes;
use crate::planted::{self, Bug};
use crate::proto::ids::{NodeId, UserId};
use crate::proto::limits::{PASS_ALONE_MS, PASS_MS, PASS_SKEW_MS};
use crate::proto::pass::{Pass, PassFault};
use crate::time::{Moment, WallTime};

/// A server that was silent for so long does not answer, in milliseconds: five signs of presence.
const SILENT_MS: u64 = 10_000;

/// The clocks of the servers as far as we know them.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission {
    clocks: BTreeMap<NodeId, (Moment, WallTime)>,
}

impl Admission {
    /// A server told its time.
    pub(super) fn heard(&mut self, config: &Config, now: Moment, server: NodeId, at: WallTime) {
        if config.servers.contains(&server) {
            self.clocks.insert(server, (now, at));
        }
    }

    /// The time by the clock of this server, or of the one that was heard last; none if none was
    /// heard lately.
    fn time(&self, now: Moment, server: NodeId) -> Option<WallTime> {
        let is_recent = |heard: Moment| now.since(heard) < Duration::from_millis(SILENT_MS);
        let own = self.clocks.get(&server);
        let own = own.filter(|(heard, _)| is_recent(*heard));
        let any = || self.clocks.values().max_by_key(|(heard, _)| *heard);
        let (heard, at) = own.or_else(any).filter(|(heard, _)| is_recent(*heard))?;
        let since_ms = u64::try_from(now.since(*heard).as_millis()).unwrap_or(u64::MAX);
        Some(WallTime(at.0.saturating_add(since_ms)))
    }

    /// Whether who wrote to us is to be answered.
    pub(super) fn judge(
        &self,
        config: &Config,
        now: Moment,
        writer: UserId,
        pass: Option<&Pass>,
    ) -> Result<(), PassFault> {
        if planted::is(Bug::PassNotChecked) {
            return Ok(());
        }
        let pass = pass.ok_or(PassFault::Missing)?;
        let is_ours = pass.peer == config.identity.user_id();
        if !is_ours || (pass.asker != writer && !planted::is(Bug::PassOfAnybody)) {
            return Err(PassFault::OtherPair);
        }
        let key = config.keys.get(&pass.server);
        let key = key.ok_or(PassFault::UnknownServer)?;
        if !passes::verify(key, pass) {
            return Err(PassFault::Forged);
        }
        let time = self.time(now, pass.server);
        let grace_ms = match time {
            Some(_) => PASS_SKEW_MS,
            None => PASS_ALONE_MS,
        };
        let at = time.unwrap_or_else(|| config.calendar.at(now));
        if pass.until.0 > at.0.saturating_add(PASS_MS + PASS_SKEW_MS) {
            return Err(PassFault::Ahead);
        }
        if at.0 > pass.until.0.saturating_add(grace_ms) && !planted::is(Bug::PassForEver) {
            return Err(PassFault::Expired);
        }
        Ok(())
    }
}
