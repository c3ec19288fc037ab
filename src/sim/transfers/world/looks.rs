//! What is heard and seen of the endpoints is held against what must hold.

use super::super::checks::{self, Broken};
use super::super::story::Standing;
use super::{Host, TROUBLE_US, World};
use crate::proto::cargo::Cargo;
use crate::proto::ids::LetterId;
use crate::proto::packet::{Packet, Party};
use crate::sim::link::Loss;
use crate::transport::contract::{Incoming, Moved};

/// So many packets lost in a row, for nearly as long as a message waits for news, explain that it
/// fails.
const UNLUCKY_MIN: u32 = 20;
const UNLUCKY_US: u64 = 9_000_000;

impl World {
    /// Looks at everything that a host holds.
    pub(super) fn look(&mut self, place: usize) {
        let survey = self.hosts[place].endpoint.survey();
        self.tally.looks += 1;
        let broken = checks::memory_is_within_caps(&survey)
            .or_else(|| checks::tables_agree(&survey))
            .or_else(|| checks::credit_is_respected(&survey))
            .or_else(|| self.hosts[place].past.nothing_runs_backwards(&survey));
        self.breaks(broken);
        for link in &survey.links {
            let Some(there) = self.place_of(link.party) else {
                continue;
            };
            let other = self.hosts[there].endpoint.survey();
            let here = self.hosts[place].party;
            if let Some(back) = other.links.iter().find(|back| back.party == here) {
                let broken =
                    checks::ends_agree(link, back).or_else(|| checks::ends_agree(back, link));
                self.breaks(broken);
            }
        }
    }

    /// Looks at how much was sent, before the calm.
    pub(super) fn look_at_bytes(&mut self) {
        let dropped: u64 = self.links.iter().map(|link| link.counts().dropped).sum();
        let config = &self.plan.link;
        let is_clean = !self.plan.is_eventful
            && self.plan.loss == 0.0
            && config.duplication == 0.0
            && config.reordering == 0.0
            && dropped == 0
            && self.tally.too_long == 0;
        let mut least: u64 = 0;
        for tale in &self.story.tales {
            if tale.standing != Standing::Delivered {
                return;
            }
            let bytes = tale.planned.size_bytes as u64;
            least += bytes + (bytes / 1_130 + 1) * 42 + 200;
        }
        let ties = (self.hosts.len() * (self.hosts.len() - 1)) as u64;
        let spare = ties * 6_000 + self.tally.packets_heard * 200;
        self.tally.ratio(self.tally.bytes, least + spare, is_clean);
        if is_clean && self.plan.datagram_max_bytes <= 1_472 {
            self.breaks(checks::bytes_are_few(self.tally.bytes, least + spare, 1.3));
        }
    }

    /// How long all that is under way may take from now on.
    pub(super) fn patience_us(&self) -> u64 {
        let bytes: usize = self
            .story
            .tales
            .iter()
            .map(|tale| tale.planned.size_bytes)
            .sum();
        let config = &self.plan.link;
        let trip_us = 2 * (config.delay_us + config.jitter_us) + 200_000;
        let packets = bytes as u64 / 1_100 + 100;
        let line_us = config
            .rate
            .map_or(0, |rate| bytes as u64 * 8_000_000 / rate);
        60_000_000 + 20 * line_us + packets * trip_us / 4
    }

    /// Whether something explains that nothing gets through from one to the other.
    pub(super) fn has_cause(&self, from: usize, to: usize) -> bool {
        let has_way = self.plan.can_begin(from, to);
        let is_late = |host: &Host| {
            host.trouble_us
                .is_some_and(|at_us| self.now_us < at_us + TROUBLE_US)
        };
        let ends = [&self.hosts[from], &self.hosts[to]];
        let is_troubled = ends
            .into_iter()
            .any(|host| host.pauses > 0 || host.is_shut || is_late(host))
            || ends[1].moves > 0
            || self.cut.contains(&(from, to))
            || self.cut.contains(&(to, from));
        let runs = matches!(self.plan.link.loss, Loss::Bursts { .. });
        // Few packets leave while none is answered: a run of losses can outlast patience.
        let count = self.hosts.len();
        let is_unlucky = [(from, to), (to, from)].into_iter().any(|(from, to)| {
            let (lost, arrived_us) = self.runs[from * count + to];
            lost >= UNLUCKY_MIN && self.now_us >= arrived_us + UNLUCKY_US
        });
        let loses_much = self.plan.loss > if runs { 0.04 } else { 0.2 };
        !has_way || (!self.is_calm && (is_troubled || is_unlucky || loses_much))
    }

    /// What an endpoint tells its node.
    pub(super) fn hear(&mut self, place: usize, incoming: Incoming) {
        let Some(other) = self.place_of(incoming.from) else {
            return self.breaks(Some("a party that does not exist".to_owned()));
        };
        for packet in incoming.packets {
            self.tally.packets_heard += 1;
            let from_to = [other as u8, place as u8];
            let is_right = matches!(packet, Packet::LetterKept(LetterId(id)) if id[..2] == from_to);
            if !is_right {
                self.breaks(Some("a small packet went astray".to_owned()));
            }
        }
        for moved in incoming.moved {
            let broken = self.moved(place, other, &moved);
            self.breaks(broken);
        }
    }

    pub(super) fn moved(&mut self, place: usize, other: usize, moved: &Moved) -> Broken {
        match moved {
            Moved::Started { .. } | Moved::Receiving { .. } | Moved::Way(_) => None,
            Moved::Received { cargo, body } => {
                let who = (other, place, self.hosts[place].life);
                self.story
                    .on_received(self.now_us, number(cargo), who, body)
            }
            Moved::Sending {
                cargo,
                done_bytes,
                total_bytes,
            } => self
                .story
                .on_progress(number(cargo), *done_bytes, *total_bytes),
            Moved::Delivered { cargo } => self.story.on_delivered(number(cargo)),
            Moved::Failed { cargo, reason } => {
                let number = number(cargo);
                let has_cause = self.has_cause(place, other);
                let broken = self.story.on_failed(number, *reason, has_cause);
                let broken = broken.map(|text| {
                    let [here, there] =
                        [place, other].map(|host| self.hosts[host].endpoint.survey().links);
                    format!(
                        "{text}\n{} us, {place} to {other}: {here:?}\nthere: {there:?}",
                        self.now_us
                    )
                });
                self.ask_again(number);
                broken
            }
        }
    }

    pub(super) fn place_of(&self, party: Party) -> Option<usize> {
        self.hosts.iter().position(|host| host.party == party)
    }
}

fn number(cargo: &Cargo) -> usize {
    match cargo {
        Cargo::MailState(number) => *number as usize,
        _ => usize::MAX,
    }
}
