//! No look opens after the end date, by the clock of who looks: at every look some date was in
//! force, or none was set, that the owner had chosen by then. And nothing expires without a date.
//!
//! Where the servers count the looks, a date may come between the count and the picture: a look
//! that was wished before it opens. `rights` holds each count itself against the date.
//!
//! Changes and the servers' ends are stamped by other clocks. Where clocks are wrong by so much at
//! the most, two of them differ by twice that, and dates are that uncertain.

use super::{At, Check};
use crate::proto::control::{News, Outcome, Report};
use crate::proto::lease::{Change, LogEvent};
use crate::sim::plan::{BOB, SHARED};
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;
use crate::time::WallTime;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct NoLookAfterTheEnd {
    /// Looks at that picture, by the clock of who looked: when it was wished, when it opened.
    opened: Vec<(WallTime, WallTime)>,
    /// How far two clocks may differ, in milliseconds.
    slack_ms: u64,
}

impl NoLookAfterTheEnd {
    /// Clocks are off by so much at the most.
    pub(super) fn new(skew_ms: u64) -> Self {
        // And a clock that drifts for minutes.
        let drift_ms = 100;
        let slack_ms = if skew_ms == 0 {
            drift_ms
        } else {
            2 * skew_ms + drift_ms
        };
        Self {
            opened: Vec::new(),
            slack_ms,
        }
    }
}

impl Check for NoLookAfterTheEnd {
    fn name(&self) -> &'static str {
        "no look after the end date"
    }

    fn see(&mut self, at: At, seen: &Seen, wishes: &Wishes) -> Result<(), String> {
        let Seen::Told(Report {
            wish,
            news: News::Done(outcome),
        }) = seen
        else {
            return Ok(());
        };
        if let Outcome::Opened { name, .. } = &**outcome
            && name == SHARED
        {
            let wished = wishes.get(at.node, *wish);
            let waited_us = wished.map_or(0, |wished| at.us - wished.at_us);
            let wished_at = WallTime(at.wall.0.saturating_sub(waited_us / 1_000));
            self.opened.push((wished_at, at.wall));
        }
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        let none = Vec::new();
        // Only that one has dates.
        let mut leases = done.leases.get(&BOB).into_iter().flatten();
        let lease = leases.find(|lease| lease.name == SHARED);
        let Some(lease) = lease else {
            return Ok(());
        };
        // Dates with the moments from which they may have been in force.
        let mut dates = vec![(lease.granted_at, lease.conditions.until)];
        let mut expiries = Vec::new();
        let log = done.logs.get(&BOB).unwrap_or(&none);
        for (_, entry) in log.iter().filter(|(grant, _)| *grant == lease.grant) {
            match entry.event {
                LogEvent::Adjusted {
                    change: Change::Until(until),
                    ..
                } => dates.push((entry.at, until)),
                LogEvent::Expired => expiries.push(entry.at),
                _ => {}
            }
        }
        // Stamps are whole milliseconds, so one that is equal may have been a moment earlier.
        let early = |at: WallTime| WallTime(at.0.saturating_sub(self.slack_ms));
        let late = |at: WallTime| WallTime(at.0.saturating_add(self.slack_ms));
        let may_open = |(wished, at): (WallTime, WallTime)| {
            let counted = if lease.conditions.strict { wished } else { at };
            let mut set = dates.iter().filter(|(since, _)| *since <= late(at));
            set.any(|(_, until)| until.is_none_or(|until| until >= early(counted)))
        };
        if let Some((_, at)) = self.opened.iter().find(|times| !may_open(**times)) {
            return Err(format!("a look opened at {at}, the dates were {dates:?}"));
        }
        let is_due = |at: WallTime| {
            let mut ends = dates.iter().filter_map(|(_, until)| *until);
            ends.any(|until| until <= late(at))
        };
        match expiries.iter().find(|at| !is_due(**at)) {
            Some(at) => Err(format!("expired at {at}, the dates were {dates:?}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::proto::ids::{GrantId, ViewId};
    use crate::proto::lease::{Conditions, LogEntry, Terms};
    use crate::proto::outcome::Lease;
    use crate::sim::wishes::WishKind;
    use crate::sim::world::wall_time;

    const GRANT: GrantId = GrantId([1; 16]);
    const SECOND: u64 = 1_000_000;

    /// What the check says of a look and of log entries, when the grant ends after ten seconds.
    fn judge(look_us: u64, log: &[(u64, LogEvent)]) -> Result<(), String> {
        judge_by(0, (look_us, look_us), false, log)
    }

    /// The same of a look that was wished earlier, where clocks are wrong by so much.
    fn judge_by(
        skew_ms: u64,
        (wished_us, look_us): (u64, u64),
        strict: bool,
        log: &[(u64, LogEvent)],
    ) -> Result<(), String> {
        let mut check = NoLookAfterTheEnd::new(skew_ms);
        let mut wishes = Wishes::default();
        let wish = wishes.add(wished_us, BOB, WishKind::View(GRANT), 0);
        let outcome = Box::new(Outcome::Opened {
            view: ViewId([2; 16]),
            grant: GRANT,
            name: SHARED.into(),
            original: Bytes::new(),
            left_after: 1,
            show_ms: None,
        });
        let news = News::Done(outcome);
        let seen = Seen::Told(Report { wish, news });
        let at = At {
            us: look_us,
            wall: wall_time(look_us),
            node: BOB,
        };
        check.see(at, &seen, &wishes)?;
        let until = Some(wall_time(10 * SECOND));
        let lease = Lease {
            grant: GRANT,
            name: SHARED.into(),
            ours: false,
            peer: "alice".into(),
            terms: Terms::new(2, until),
            conditions: Conditions {
                until,
                strict,
                ..Conditions::default()
            },
            granted_at: wall_time(0),
            ended: None,
            picture_bytes: 1,
            delivered: true,
            file: None,
            taken: None,
        };
        let entry = |(at, event): &(u64, LogEvent)| {
            let (at, event) = (wall_time(*at), *event);
            (GRANT, LogEntry { at, event })
        };
        let mut done = Done::default();
        done.leases.insert(BOB, vec![lease]);
        done.logs.insert(BOB, log.iter().map(entry).collect());
        check.finish(&done)
    }

    fn moved(at: u64, until: Option<u64>) -> (u64, LogEvent) {
        let change = Change::Until(until.map(wall_time));
        let owner_sequence = 1;
        let event = LogEvent::Adjusted {
            owner_sequence,
            change,
        };
        (at, event)
    }

    #[test]
    fn a_look_after_every_date_is_found_and_one_before_is_fine() {
        assert!(judge(9 * SECOND, &[]).is_ok());
        assert!(judge(11 * SECOND, &[]).is_err());
        assert!(judge(11 * SECOND, &[moved(8 * SECOND, Some(20 * SECOND))]).is_ok());
        assert!(judge(11 * SECOND, &[moved(8 * SECOND, None)]).is_ok());
        assert!(judge(11 * SECOND, &[moved(12 * SECOND, None)]).is_err());
    }

    #[test]
    fn clocks_that_are_wrong_make_dates_uncertain_by_twice_as_much() {
        let look = |second| judge_by(2_000, (second * SECOND, second * SECOND), false, &[]);
        assert!(look(13).is_ok());
        assert!(look(15).is_err());
    }

    #[test]
    fn a_look_that_the_servers_counted_before_the_date_opens_after_it() {
        let look = |wished, strict| judge_by(0, (wished * SECOND, 11 * SECOND), strict, &[]);
        assert!(look(9, true).is_ok());
        assert!(look(9, false).is_err());
        assert!(look(11, true).is_err());
    }

    #[test]
    fn an_end_before_its_date_is_found() {
        let expired = |at| [(at, LogEvent::Expired)];
        assert!(judge(SECOND, &expired(10 * SECOND)).is_ok());
        assert!(judge(SECOND, &expired(9 * SECOND)).is_err());
    }
}
