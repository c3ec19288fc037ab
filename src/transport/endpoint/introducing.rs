//! Brings users together who cannot simply send to each other: as a user, asks the servers for an
//! introduction and opens the way for those who ask for us; as a server, introduces.
//!
//! A server tells each of two users where it sees the other one, from the sessions it has with
//! both. Of what a user claims of their own addresses it passes on only those inside private
//! networks, so that nobody is made to send to strangers.

use std::net::{IpAddr, SocketAddr};

use super::arriving::Origin;
use super::{Endpoint, Us};
use crate::proto::ids::{NodeId, UserId};
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::frame::{ADDRESSES_MAX, Purpose};
use crate::transport::link::Introduced;
use crate::transport::session::PRESENT_FOR;
use crate::transport::way::Way;
use crate::transport::wire;

/// Servers that are asked at a time.
const SERVERS_ASKED: usize = 3;
/// Introductions that a user may wish in a second, and at once.
const WISHES_PER_S: u64 = 16;

impl Endpoint {
    /// A search for ways to a user begins, unless one is under way. Servers are asked when it is
    /// time to.
    pub(super) fn search(&mut self, now: Moment, party: Party) {
        let number = self.fresh_number();
        let reaching = self.links.get_mut(&party);
        if let Some(reaching) = reaching.and_then(|link| link.reaching.as_mut()) {
            reaching.begin(now, number);
        }
        self.ask(now, party);
    }

    fn ask(&mut self, now: Moment, party: Party) {
        let Party::User(user) = party else {
            return;
        };
        let reaching = self.links.get_mut(&party);
        let reaching = reaching.and_then(|link| link.reaching.as_mut());
        let Some(number) = reaching.and_then(|reaching| reaching.question(now)) else {
            return;
        };
        for server in self.servers_heard() {
            if let Some(link) = self.links.get_mut(&server) {
                let addresses = &self.config.local_addresses;
                link.push_introduction((Purpose::Wish, user, number), addresses, &mut self.counts);
            }
            self.attend(now, server);
        }
    }

    /// The servers with whom there is a session, those heard last first.
    fn servers_heard(&self) -> Vec<Party> {
        let servers = self.config.servers.iter();
        let links = servers.filter_map(|server| self.links.get(&Party::Server(server.node)));
        let mut heard: Vec<_> = links
            .filter_map(|link| Some((link.heard_at()?, link.party)))
            .collect();
        heard.sort_unstable_by(|one, other| other.cmp(one));
        let heard = heard.into_iter().take(SERVERS_ASKED);
        heard.map(|(_, party)| party).collect()
    }

    /// What a search waits for may be due.
    pub(super) fn on_reaching_deadline(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        let is_under_way = link.connecting.is_some() || link.awaits_early();
        let used_at = link.used_at;
        let Some(reaching) = link.reaching.as_mut() else {
            return;
        };
        if !is_under_way {
            reaching.end();
        }
        let do_relays_join = reaching.do_relays_join(now);
        if reaching.is_upgrade_due(now, used_at) && !is_under_way {
            self.connect_beside(now, party);
        }
        if do_relays_join {
            let mut ways = self.ways_to_try(now, party);
            ways.retain(|way| way.address().is_none());
            self.initiate(now, party, &ways);
        }
        self.ask(now, party);
    }

    /// A word of an introduction.
    pub(super) fn on_introduction(&mut self, now: Moment, from: Party, said: Introduced) {
        match (self.config.us, from, said.purpose) {
            (Us::Server(_), Party::User(asker), Purpose::Wish) => {
                self.introduce(now, asker, &said);
            }
            (Us::User(_), Party::Server(node), Purpose::Here | Purpose::Away) => {
                self.on_introduced(now, node, &said);
            }
            (Us::User(_), Party::Server(_), Purpose::Asked) => self.open_way(now, &said),
            _ => self.counts.drop_one("introduction out of place"),
        }
    }

    /// As a server: a user wants to reach another one.
    fn introduce(&mut self, now: Moment, asker: UserId, said: &Introduced) {
        let Some(link) = self.links.get_mut(&Party::User(asker)) else {
            return;
        };
        if !link.wish_meter.take(now, WISHES_PER_S, 1) {
            return self.counts.drop_one("introductions beyond their rate");
        }
        // Nobody is sent where somebody only claims to be.
        let asker_at = link.proven_address();
        let wanted = Party::User(said.user);
        let is_here = |link: &&super::Link| {
            let heard_at = link.heard_at();
            heard_at.is_some_and(|at| now.since(at) < PRESENT_FOR)
        };
        let there = self.links.get(&wanted).filter(is_here);
        let (purpose, wanted_at) = match there {
            Some(there) if asker != said.user => (Purpose::Here, there.proven_address()),
            _ => (Purpose::Away, None),
        };
        let words = (purpose, said.user, said.number);
        if let Some(link) = self.links.get_mut(&Party::User(asker)) {
            let addresses: Vec<SocketAddr> = wanted_at.into_iter().collect();
            link.push_introduction(words, &addresses, &mut self.counts);
        }
        self.attend(now, Party::User(asker));
        if purpose == Purpose::Away {
            return;
        }
        let own = said.addresses.iter().copied();
        let own = own.filter(|own| asker_at.is_some_and(|seen_at| may_be_told(*own, seen_at)));
        let addresses: Vec<SocketAddr> = asker_at.into_iter().chain(own).collect();
        if let Some(link) = self.links.get_mut(&wanted) {
            let words = (Purpose::Asked, asker, said.number);
            link.push_introduction(words, &addresses, &mut self.counts);
        }
        self.counts.introductions += 1;
        self.attend(now, wanted);
    }

    /// A server says whether the user whom we want to reach is there, and where.
    fn on_introduced(&mut self, now: Moment, node: NodeId, said: &Introduced) {
        let party = Party::User(said.user);
        let reaching = self.links.get_mut(&party);
        let Some(reaching) = reaching.and_then(|link| link.reaching.as_mut()) else {
            return self.counts.drop_one("introduction of nobody");
        };
        if said.purpose == Purpose::Away {
            return reaching.away(said.number, node);
        }
        let before = self.ways_to_try(now, party);
        let reaching = self.links.get_mut(&party);
        let reaching = reaching.and_then(|link| link.reaching.as_mut());
        let seen_at = said.addresses.first().copied();
        if reaching.is_some_and(|reaching| reaching.here(said.number, node, seen_at)) {
            self.try_new_ways(now, party, &before);
        }
    }

    /// A user wants to reach us: a datagram to where they may be opens the way for theirs.
    fn open_way(&mut self, now: Moment, said: &Introduced) {
        for to in said.addresses.iter().copied().take(ADDRESSES_MAX) {
            if !can_be_sent_to(to) || !self.hints.may_speak(now) {
                self.counts.drop_one("openers beyond their rate");
                continue;
            }
            let origin = Origin {
                way: Way::Direct(to),
                user: None,
            };
            self.push_raw(origin, wire::opener(said.number).to_vec());
        }
    }

    /// Somebody whom we want to reach has opened a way; where it comes from, they can be tried.
    pub(super) fn on_opener(
        &mut self,
        now: Moment,
        origin: Origin,
        datagram: &[u8],
    ) -> Option<Party> {
        let number = wire::parse_opener(datagram)?;
        let from = origin.way.address()?;
        if !self.hints.may_hear(now) {
            self.counts.drop_one("hints beyond their rate");
            return None;
        }
        let link = self.links.values_mut().find_map(|link| {
            let reaching = link.reaching.as_mut()?;
            reaching.shown(number, from).then_some(link.party)
        });
        let party = link?;
        let ways = self.ways_to_try(now, party);
        let before: Vec<Way> = ways
            .into_iter()
            .filter(|way| *way != Way::Direct(from))
            .collect();
        self.try_new_ways(now, party, &before);
        Some(party)
    }
}

/// Whether an address can be that of a host.
fn can_be_sent_to(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

/// Whether a server passes on that a user who is seen at one address claims to have another: only
/// inside private networks, and on the host itself only if the user is on ours.
fn may_be_told(claimed: SocketAddr, seen_at: SocketAddr) -> bool {
    let is_private = match claimed.ip().to_canonical() {
        ip if ip.is_loopback() => seen_at.ip().to_canonical().is_loopback(),
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    is_private && claimed != seen_at && can_be_sent_to(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_public_addresses_are_not_passed_on() {
        let told = |claimed: &str, seen_at: &str| {
            let parse = |text: &str| text.parse().expect("an address");
            may_be_told(parse(claimed), parse(seen_at))
        };
        assert!(told("192.168.1.7:4100", "203.0.113.5:40000"));
        assert!(told("[fd00::1]:4100", "203.0.113.5:40000"));
        assert!(told("[::ffff:10.0.0.1]:4100", "203.0.113.5:40000"));
        assert!(told("127.0.0.1:1", "127.0.0.1:2"));
        for claimed in [
            "198.51.100.9:53",
            "[2001:db8::1]:53",
            "127.0.0.1:1",
            "192.168.1.7:0",
            "0.0.0.0:4100",
            "255.255.255.255:4100",
            "224.0.0.1:4100",
            "203.0.113.5:40000",
        ] {
            assert!(!told(claimed, "203.0.113.5:40000"), "{claimed}");
        }
    }
}
