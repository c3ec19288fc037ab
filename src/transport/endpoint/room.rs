//! Which parties have a place here, and who gives way when there is no room.
//!
//! A link is proven when its other end has shown its keys, or when it is we who call. Links that
//! are not proven live for a short time in few places of their own: who begins sessions and does
//! not go on with them pushes out only those who do the same. Memory for unfinished messages is
//! one budget; before it is used up, those who hold most give way. Who goes is chosen among a few,
//! so that a full table costs no more than an empty one.

use core::time::Duration;

use super::{Endpoint, Us};
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::link::Link;

/// Links that are not proven, at the most; fewer where few links are allowed.
const UNPROVEN_MAX: usize = 1_024;
/// How long a link stays that nobody proves.
const UNPROVEN_LIFE: Duration = Duration::from_secs(10);
/// Links among which the one is chosen that gives way.
const CANDIDATES: usize = 32;

impl Endpoint {
    /// A link with a party that we call, or that has shown its keys.
    pub(super) fn make_link(&mut self, now: Moment, party: Party) {
        if !self.links.contains_key(&party) {
            self.insert_link(now, party);
            self.make_room(now, party);
        }
    }

    /// A link with a party that has not shown its keys: what it sent may be a repetition of what
    /// was sent long ago.
    pub(super) fn make_unproven_link(&mut self, now: Moment, party: Party) {
        if self.links.contains_key(&party) {
            return;
        }
        while self.unproven.len() >= self.unproven_max()
            && let Some(&(_, oldest)) = self.unproven.first()
        {
            self.drop_link(oldest);
            self.counts
                .drop_one("links gave way before they were proven");
        }
        let until = now.after(UNPROVEN_LIFE);
        self.unproven.insert((until, party));
        self.insert_link(now, party).unproven_until = Some(until);
    }

    fn insert_link(&mut self, now: Moment, party: Party) -> &mut Link {
        let (sender, receiver) = self.fresh_messages();
        let mut link = Link::new(now, party, sender, receiver);
        if matches!((self.config.us, party), (Us::User(_), Party::User(_))) {
            link.reaching = Some(Box::default());
        }
        self.links.entry(party).or_insert(link)
    }

    /// The other end has shown its keys.
    pub(super) fn on_proven(&mut self, now: Moment, party: Party) {
        let link = self.links.get_mut(&party);
        if let Some(until) = link.and_then(|link| link.unproven_until.take()) {
            self.unproven.remove(&(until, party));
            self.make_room(now, party);
        }
    }

    /// Nobody went on with the session in time.
    pub(super) fn on_unproven_deadline(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get(&party) else {
            return;
        };
        if link.unproven_until.is_none_or(|until| until > now) {
            return;
        }
        if link.connecting.is_some() || link.has_something() {
            // It is we who call, too.
            return self.on_proven(now, party);
        }
        self.drop_link(party);
        self.counts.drop_one("session that nobody went on with");
    }

    fn unproven_max(&self) -> usize {
        UNPROVEN_MAX.min(self.config.links_max / 4).max(1)
    }

    /// Lets proven links give way until there are no more than allowed, this one not. Who waits for
    /// the end of a message to one of them is told.
    fn make_room(&mut self, now: Moment, stays: Party) {
        let max = self.config.links_max.saturating_sub(self.unproven_max());
        while self.links.len() - self.unproven.len() > max.max(1)
            && let Some(party) = self.find_idle(stays)
        {
            let link = self.links.get_mut(&party);
            let news = link.and_then(|link| {
                // To its messages it is as if nobody had answered for long.
                let give_up = Duration::from_millis(self.config.give_up_ms);
                link.sender.on_deadline(now.after(give_up));
                link.news(now)
            });
            self.arrived.extend(news);
            self.drop_link(party);
            self.counts.drop_one("links gave way");
        }
    }

    /// Of the next few links in the order of parties, the one that was used longest ago; one with
    /// something to send only if there is no other.
    fn find_idle(&mut self, stays: Party) -> Option<Party> {
        let from = self.searched.map_or(stays, |searched| searched);
        let (before, after) = (self.links.range(..from), self.links.range(from..));
        let others = after.chain(before);
        let others =
            others.filter(|(party, link)| **party != stays && link.unproven_until.is_none());
        let mut last = None;
        let candidates = others
            .take(CANDIDATES)
            .inspect(|(party, _)| last = Some(**party));
        let idlest = candidates.min_by_key(|(_, link)| (link.has_something(), link.used_at));
        let idlest = idlest.map(|(party, _)| *party);
        self.searched = last;
        idlest
    }

    /// Before the budget for unfinished messages is used up, the links that hold most give up
    /// their newest messages; only if that is not enough, their oldest one too. So a link that
    /// holds little is not kept out by others that hold all they can.
    pub(super) fn relieve(&mut self, now: Moment) {
        if !self.budget.is_crowded() {
            return;
        }
        let holding = self.links.values();
        let holding = holding.map(|link| (link.receiver.used_bytes(), link.party));
        let mut holding: Vec<(usize, Party)> = holding.filter(|(held, _)| *held > 0).collect();
        holding.sort_unstable();
        let share = share(self.budget.relieved_bytes(), &holding);
        for oldest_too in [false, true] {
            for &(held, party) in holding.iter().rev() {
                if held <= share || !self.budget.is_strained() {
                    break;
                }
                self.shed(now, party, share, oldest_too);
            }
        }
    }

    /// Lets a link give up messages until it holds no more than a share.
    fn shed(&mut self, now: Moment, party: Party, share: usize, oldest_too: bool) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        while link.receiver.used_bytes() > share
            && self.budget.is_strained()
            && link.receiver.give_way(now, oldest_too, &mut self.budget)
        {
            self.counts.drop_one("messages gave way");
        }
        self.attend(now, party);
    }

    pub(super) fn drop_link(&mut self, party: Party) {
        let Some(mut link) = self.links.remove(&party) else {
            return;
        };
        link.receiver.clear(&mut self.budget);
        if let Some(timer) = link.timer {
            self.timers.remove(&(timer, party));
        }
        for local in link.numbers() {
            self.sessions.remove(&local);
        }
        if let Some(remote) = link.noted_remote {
            self.remotes.remove(&(remote, party));
        }
        if let Some(until) = link.unproven_until {
            self.unproven.remove(&(until, party));
        }
        if link.in_line {
            self.line.retain(|other| *other != party);
        }
    }
}

/// How much each may hold so that all together hold no more than `bytes`; what those leave who
/// hold less is for the others. `holding` is in ascending order.
fn share(bytes: usize, holding: &[(usize, Party)]) -> usize {
    let mut left = bytes;
    for (place, (held, _)) in holding.iter().enumerate() {
        let share = left / (holding.len() - place);
        if *held > share {
            return share;
        }
        left -= held;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::NodeId;

    fn holding<const N: usize>(held: [usize; N]) -> [(usize, Party); N] {
        held.map(|held| (held, Party::Server(NodeId(1))))
    }

    #[test]
    fn what_some_leave_is_shared_by_the_others() {
        assert_eq!(share(90, &holding([30, 40, 50])), 30);
        assert_eq!(share(90, &holding([10, 40, 50])), 40);
        assert_eq!(share(90, &holding([10, 10, 500])), 70);
        assert_eq!(share(90, &holding([100])), 90);
    }

    #[test]
    fn where_all_fits_nobody_gives_way() {
        assert_eq!(share(90, &holding([10, 40, 40])), usize::MAX);
        assert_eq!(share(90, &[]), usize::MAX);
    }
}
