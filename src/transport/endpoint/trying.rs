//! Sends initiations on the ways that are worth a trial.

use super::Endpoint;
use super::arriving::Origin;
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::way::{RELAYED_BYTES, Way};

impl Endpoint {
    /// Sends an initiation on each of these ways.
    pub(super) fn initiate(&mut self, now: Moment, party: Party, ways: &[Way]) {
        let user = match party {
            Party::User(user) => Some(user),
            Party::Server(_) => None,
        };
        for &way in ways {
            let connecting = self.links.get_mut(&party);
            let Some(connecting) = connecting.and_then(|link| link.connecting.as_mut()) else {
                return;
            };
            let bytes = match way {
                Way::Direct(_) => connecting.bytes,
                Way::Relay(_) => RELAYED_BYTES,
            };
            let datagram = connecting.initiator.again(now, bytes);
            self.push_raw(Origin { way, user }, datagram);
        }
    }

    /// The ways on which a session with a party may be begun now.
    pub(super) fn ways_to_try(&self, now: Moment, party: Party) -> Vec<Way> {
        let known = self.ways_of(party);
        let Some(link) = self.links.get(&party) else {
            return known;
        };
        let connecting = link.connecting.as_ref();
        let is_beside = connecting.is_some_and(|connecting| connecting.is_beside);
        match &link.reaching {
            Some(reaching) => reaching.ways(now, &known, is_beside),
            None => known,
        }
    }

    /// An attempt goes on with the ways that were not there `before`.
    pub(super) fn try_new_ways(&mut self, now: Moment, party: Party, before: &[Way]) {
        let ways = self.ways_to_try(now, party);
        let is_new = |way: &Way| !before.contains(way);
        let new: Vec<Way> = ways.into_iter().filter(is_new).collect();
        self.initiate(now, party, &new);
    }
}
