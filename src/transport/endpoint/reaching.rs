//! Which ways to a user are worth a trial, and when.
//!
//! A user may be behind a firewall or an address translation. Whoever wants to reach them asks the
//! servers for an introduction: a server tells where it sees them, and tells them where it sees us,
//! so that they send a small datagram there which opens their side. If no direct way is found soon,
//! a server that has a session with them passes sealed datagrams on. While that lasts, the direct
//! ways are tried again from time to time.
//!
//! Pure: sends nothing and knows no keys. Invariants: a direct way is tried before a relay, unless
//! none worked the last time; a relay is one that said in this very search that the user is there;
//! addresses are hints and bounded in number.

use core::time::Duration;
use std::net::SocketAddr;

use crate::proto::ids::NodeId;
use crate::time::{Moment, earliest};
use crate::transport::way::Way;

/// Direct ways have so long before a relay is tried beside them: some round trips on one continent.
const RELAY_AFTER: Duration = Duration::from_millis(300);
/// Pause before the servers are asked again the first time; it doubles.
const ASK_FIRST: Duration = Duration::from_millis(250);
/// The longest pause.
const ASK_MAX: Duration = Duration::from_secs(2);
/// While datagrams are relayed and the link is in use, direct ways are tried so often.
const UPGRADE_EVERY: Duration = Duration::from_secs(5);
/// Addresses found in a search at the most.
const CANDIDATES_MAX: usize = 8;
/// Relays tried at a time.
const RELAYS_MAX: usize = 2;

/// The search for a way to one user.
#[derive(Debug, Default)]
pub(in crate::transport) struct Reaching {
    /// When the search under way began.
    began_at: Option<Moment>,
    /// Its number: who repeats it was told of it by a server that we asked.
    number: u64,
    /// When relays join, until they have.
    relays_at: Option<Moment>,
    ask_at: Moment,
    ask_pause: Duration,
    /// Where the user was seen in this search, by servers or by us.
    candidates: Vec<SocketAddr>,
    /// Servers that said in this search that the user is there, in order.
    relays: Vec<NodeId>,
    /// The way that is used.
    way: Option<Way>,
    /// Whether the last way was a relay.
    was_relayed: bool,
    upgrade_at: Option<Moment>,
}

impl Reaching {
    /// A search begins, unless one is under way.
    pub(super) fn begin(&mut self, now: Moment, number: u64) {
        if self.began_at.is_none() {
            self.began_at = Some(now);
            self.number = number;
            self.relays_at = Some(now.after(RELAY_AFTER));
            self.ask_at = now;
            self.ask_pause = ASK_FIRST;
            self.candidates.clear();
            self.relays.clear();
        }
    }

    /// The search is over, with a session or without.
    pub(super) const fn end(&mut self) {
        self.began_at = None;
        self.relays_at = None;
    }

    /// The number to ask the servers with now, if it is time to.
    pub(super) fn question(&mut self, now: Moment) -> Option<u64> {
        if self.began_at.is_none() || now < self.ask_at {
            return None;
        }
        self.ask_at = now.after(self.ask_pause);
        self.ask_pause = (self.ask_pause * 2).min(ASK_MAX);
        Some(self.number)
    }

    /// A server that we asked says that the user is there. Whether that is news.
    pub(super) fn here(&mut self, number: u64, relay: NodeId, seen_at: Option<SocketAddr>) -> bool {
        if self.began_at.is_none() || number != self.number {
            return false;
        }
        let is_new = !self.relays.contains(&relay);
        if is_new {
            self.relays.push(relay);
        }
        seen_at.is_some_and(|address| self.add(address)) || is_new
    }

    /// A server that we asked says that the user is not there.
    pub(super) fn away(&mut self, number: u64, relay: NodeId) {
        if number == self.number {
            self.relays.retain(|other| *other != relay);
        }
    }

    /// Whether a datagram with this number belongs to the search, and comes from where the user
    /// was not known to be.
    pub(super) fn shown(&mut self, number: u64, address: SocketAddr) -> bool {
        self.began_at.is_some() && number == self.number && self.add(address)
    }

    fn add(&mut self, address: SocketAddr) -> bool {
        let is_new = self.candidates.len() < CANDIDATES_MAX && !self.candidates.contains(&address);
        if is_new {
            self.candidates.push(address);
        }
        is_new
    }

    /// The ways to try now, beside the direct ones that are `known` without a search. `is_beside`:
    /// there is a relayed session already.
    pub(super) fn ways(&self, now: Moment, known: &[Way], is_beside: bool) -> Vec<Way> {
        let mut ways = known.to_vec();
        let found = self.candidates.iter().map(|address| Way::Direct(*address));
        ways.extend(found.filter(|way| !known.contains(way)));
        let is_late = self.relays_at.is_none_or(|at| at <= now);
        if !is_beside && (is_late || self.was_relayed || ways.is_empty()) {
            let relays = self.relays.iter().take(RELAYS_MAX);
            ways.extend(relays.map(|node| Way::Relay(*node)));
        }
        ways
    }

    /// Whether relays join the ways to try just now.
    pub(super) fn do_relays_join(&mut self, now: Moment) -> bool {
        let join = self.relays_at.is_some_and(|at| at <= now);
        if join {
            self.relays_at = None;
        }
        join
    }

    /// The way of the session that sends, if there is one. Whether it is another than before.
    pub(in crate::transport) fn uses(&mut self, now: Moment, way: Option<Way>) -> bool {
        if self.way == way {
            return false;
        }
        self.way = way;
        let is_relayed = matches!(way, Some(Way::Relay(_)));
        if way.is_some() {
            self.was_relayed = is_relayed;
        }
        self.upgrade_at = is_relayed.then(|| now.after(UPGRADE_EVERY));
        true
    }

    /// Whether the last session was relayed.
    pub(super) const fn was_relayed(&self) -> bool {
        self.was_relayed
    }

    /// Whether direct ways are to be tried now although there is a relayed session, which was used
    /// last at this moment.
    pub(super) fn is_upgrade_due(&mut self, now: Moment, used_at: Moment) -> bool {
        if self.upgrade_at.is_none_or(|at| now < at) {
            return false;
        }
        self.upgrade_at = Some(now.after(UPGRADE_EVERY));
        now.since(used_at) < UPGRADE_EVERY
    }

    /// When something is to be done.
    pub(in crate::transport) fn deadline(&self) -> Option<Moment> {
        let ask_at = self.began_at.map(|_| self.ask_at);
        earliest(earliest(ask_at, self.relays_at), self.upgrade_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Way = Way::Direct(at(1));
    const RELAY: Way = Way::Relay(NodeId(1));

    const fn at(port: u16) -> SocketAddr {
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
    }

    const fn ms(millis: u64) -> Moment {
        Moment::from_millis(1_000 + millis)
    }

    fn search() -> Reaching {
        let mut search = Reaching::default();
        search.begin(ms(0), 7);
        search
    }

    #[test]
    fn direct_ways_come_first_and_a_relay_joins_them() {
        let mut search = search();
        assert_eq!(search.question(ms(0)), Some(7));
        assert!(search.here(7, NodeId(1), Some(at(2))));
        assert!(!search.here(7, NodeId(1), Some(at(2))), "no news");
        let direct = vec![ONE, Way::Direct(at(2))];
        assert_eq!(search.ways(ms(299), &[ONE], false), direct);
        let all = [direct.clone(), vec![RELAY]].concat();
        assert_eq!(search.ways(ms(300), &[ONE], false), all);
        assert_eq!(search.ways(ms(300), &[ONE], true), direct);
        assert!(!search.do_relays_join(ms(299)) && search.do_relays_join(ms(300)));
        assert!(!search.do_relays_join(ms(301)), "once");
        assert_eq!(search.ways(ms(301), &[ONE], false), all);
    }

    #[test]
    fn without_a_direct_way_a_relay_is_tried_at_once() {
        let mut search = search();
        assert!(search.ways(ms(0), &[], false).is_empty());
        assert!(search.here(7, NodeId(1), None));
        assert_eq!(search.ways(ms(0), &[], false), [RELAY]);
    }

    #[test]
    fn after_a_relayed_session_the_relay_is_tried_at_once() {
        let mut search = Reaching::default();
        assert!(search.uses(ms(0), Some(RELAY)));
        assert!(search.uses(ms(1), None));
        search.begin(ms(2), 7);
        search.here(7, NodeId(1), None);
        assert_eq!(search.ways(ms(2), &[ONE], false), [ONE, RELAY]);
        assert!(search.uses(ms(3), Some(ONE)));
        assert_eq!(search.ways(ms(4), &[ONE], false), [ONE]);
    }

    #[test]
    fn words_about_another_search_change_nothing() {
        let mut search = search();
        assert!(!search.here(8, NodeId(1), Some(at(2))));
        assert!(!search.shown(8, at(2)));
        assert!(search.here(7, NodeId(1), None));
        search.away(8, NodeId(1));
        assert_eq!(search.ways(ms(400), &[], false), [RELAY]);
        search.away(7, NodeId(1));
        assert!(search.ways(ms(400), &[], false).is_empty());
        search.end();
        assert!(!search.here(7, NodeId(1), None) && !search.shown(7, at(3)));
        search.begin(ms(500), 9);
        assert!(search.ways(ms(900), &[], false).is_empty(), "forgotten");
    }

    #[test]
    fn addresses_are_bounded() {
        let mut search = search();
        for port in 0..CANDIDATES_MAX as u16 {
            assert!(search.shown(7, at(port)));
        }
        assert!(!search.shown(7, at(99)));
        assert_eq!(search.ways(ms(0), &[], false).len(), CANDIDATES_MAX);
        for node in 0..16 {
            search.here(7, NodeId(node), None);
        }
        let ways = search.ways(ms(400), &[], false);
        assert_eq!(ways.len(), CANDIDATES_MAX + RELAYS_MAX);
    }

    #[test]
    fn servers_are_asked_again_with_growing_pauses() {
        let mut search = search();
        search.begin(ms(1), 8);
        assert_eq!(search.question(ms(0)), Some(7), "one search at a time");
        assert_eq!(search.deadline(), Some(ms(250)));
        assert_eq!(search.question(ms(249)), None);
        assert_eq!(search.question(ms(250)), Some(7));
        assert_eq!(search.deadline(), Some(ms(300)), "relays join");
        assert!(search.do_relays_join(ms(300)));
        assert_eq!(search.deadline(), Some(ms(750)));
        search.end();
        assert_eq!((search.question(ms(999)), search.deadline()), (None, None));
    }

    #[test]
    fn a_relayed_session_in_use_makes_direct_ways_tried_again() {
        let mut search = Reaching::default();
        assert!(search.uses(ms(0), Some(RELAY)) && !search.uses(ms(1), Some(RELAY)));
        assert_eq!(search.deadline(), Some(ms(5_000)));
        assert!(!search.is_upgrade_due(ms(4_999), ms(4_998)));
        assert!(search.is_upgrade_due(ms(5_000), ms(4_000)));
        assert!(!search.is_upgrade_due(ms(10_000), ms(4_000)), "not in use");
        assert!(search.is_upgrade_due(ms(15_000), ms(14_000)));
        search.uses(ms(15_001), Some(ONE));
        assert_eq!(search.deadline(), None);
    }
}
