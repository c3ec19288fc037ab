//! When nothing goes wrong any more: everything comes to rest soon, whatever is wished for anew is
//! fulfilled, and all that was told to be kept is there.

use bytes::Bytes;

use super::{ALICE, BOB, CALM, News, Outcome, Run, SECOND, SERVERS, Seen, WishKind};
use crate::actors::membership::Member;
use crate::proto::control::{Carrier, Command};
use crate::proto::ids::{Digest, GrantId};
use crate::proto::lease::{Change, Conditions};
use crate::sim::disk::Manner;
use crate::sim::network::Weather;
use crate::sim::plan::noise;

/// After faults everything comes to rest within so long.
const REST: u64 = 10 * SECOND;
/// A fresh wish is fulfilled within so long.
const PATIENCE: u64 = 15 * SECOND;
/// Letters and reports about the past are through after so long, at the end of the longest pauses
/// between two attempts.
const LETTERS: u64 = 85 * SECOND;
/// Name of the check.
const FRESH: &str = "fresh wishes are fulfilled";

impl Run {
    /// The end of a run.
    pub(super) fn calm(&mut self) {
        self.world.weather = Weather::FAIR;
        self.world.manner = Manner::GOOD;
        self.mend();
        self.end_quarantine();
        self.come_to_rest();
        self.watch(vec![(ALICE, Seen::Calm)]);
        self.wish_anew();
        self.replace_disks();
        self.open_all();
        let end = (CALM + LETTERS).max(self.world.now());
        self.go_to(end);
        for who in [ALICE, BOB] {
            for command in [Command::Leases, Command::Ledger(None), Command::Requests] {
                self.wish(who, WishKind::Probe, command);
            }
        }
        self.go_to(end + 5 * SECOND);
        self.come_to_rest();
    }

    /// Servers whose disk was damaged are brought back by hand, when the others serve.
    fn end_quarantine(&mut self) {
        for server in 0..SERVERS {
            if !self.world.is_quarantined(server) {
                continue;
            }
            self.go_to(self.world.now() + REST);
            self.bring_back(server);
        }
    }

    pub(super) fn come_to_rest(&mut self) {
        let end = self.world.now() + REST;
        loop {
            for who in [ALICE, BOB] {
                self.wish(who, WishKind::Probe, Command::Peers);
            }
            self.go_to(self.world.now() + SECOND / 2);
            match self.is_at_rest() {
                Ok(()) => return,
                Err(what) if self.world.now() >= end => {
                    return self.violated("all come to rest in 10 s", what);
                }
                Err(_) => {}
            }
        }
    }

    /// All servers serve, know the same and see each other, and people see each other.
    fn is_at_rest(&self) -> Result<(), String> {
        let ledgers = self.world.ledgers();
        let is_same = ledgers.windows(2).all(|pair| pair[0] == pair[1]);
        if ledgers.len() < SERVERS || !is_same || ledgers.iter().any(Option::is_none) {
            return Err(format!("ledgers {ledgers:?}"));
        }
        let first = self.views.get(&0).and_then(|view| view.first());
        for server in 0..SERVERS {
            let view = self.views.get(&server).map_or(&[][..], Vec::as_slice);
            let is_good = |member: &Member| {
                let same = first.is_some_and(|first| {
                    first.report.mail_digest == member.report.mail_digest
                        && first.report.names_digest == member.report.names_digest
                });
                member.alive && member.report.caught_up && same
            };
            if view.len() < SERVERS || !view.iter().all(is_good) {
                return Err(format!("server {} sees {view:?}", server + 1));
            }
        }
        match [ALICE, BOB]
            .iter()
            .find(|who| self.sees.get(who) != Some(&true))
        {
            Some(who) => Err(format!("node {who} does not see the other one online")),
            None => Ok(()),
        }
    }

    /// A picture is hidden, one is shared whose looks the program counts and one whose looks the
    /// servers count, each is looked at, changed, and looked at again.
    fn wish_anew(&mut self) {
        let hide = Command::Hide {
            name: "fresh".into(),
            original: noise(&mut self.rng, 1..9_000),
            carrier: Carrier::default(),
        };
        self.must(BOB, WishKind::Hide, hide);
        for strict in [false, true] {
            let Some(grant) = self.share_anew(&format!("fresh-{strict}"), strict) else {
                return;
            };
            self.look(grant);
            self.add_a_look(grant);
            self.look(grant);
        }
    }

    /// Alice shares a picture with Bob for one look.
    pub(super) fn share_anew(&mut self, name: &str, strict: bool) -> Option<GrantId> {
        let share = Command::Share {
            name: name.into(),
            original: Some(noise(&mut self.rng, 1..9_000)),
            to: "bob".into(),
            views: 1,
            conditions: Conditions {
                strict,
                ..Conditions::default()
            },
            carrier: Carrier::default(),
            keep_metadata: false,
        };
        match self.must(ALICE, WishKind::Share, share)? {
            Outcome::Shared { grant, .. } => Some(grant),
            _ => None,
        }
    }

    /// Alice adds a look, and Bob is told.
    pub(super) fn add_a_look(&mut self, grant: GrantId) {
        let change = Change::Add(1);
        let lease = grant.hex();
        let adjust = Command::Adjust { lease, change };
        self.must(ALICE, WishKind::Adjust(grant, change), adjust);
        self.go_to(self.world.now() + 2 * SECOND);
    }

    /// Bob looks, and tells that he has seen it.
    pub(super) fn look(&mut self, grant: GrantId) {
        let view = Command::View(grant.hex());
        let opened = self.must(BOB, WishKind::View(grant), view);
        if let Some(Outcome::Opened { view, .. }) = opened {
            self.looks.retain(|(_, other)| *other != view);
            self.must(BOB, WishKind::Shown(view), Command::Shown(view));
        }
    }

    /// Pictures that were told to be hidden open, and are what went in.
    fn open_all(&mut self) {
        for (who, picture, original) in std::mem::take(&mut self.hidden) {
            let opened = self.must(who, WishKind::Reveal, Command::Reveal(picture));
            let opened = match opened {
                Some(Outcome::Revealed { original, .. }) => original,
                _ => Bytes::new(),
            };
            if Digest::of(&opened) != original {
                self.violated(
                    "hidden pictures open",
                    format!("one of node {who} does not"),
                );
            }
        }
    }

    /// Wishes once; it has to be fulfilled.
    pub(super) fn must(&mut self, who: usize, kind: WishKind, command: Command) -> Option<Outcome> {
        let name = format!("{kind:?}");
        self.awaited = None;
        let id = self.wishes.next();
        self.awaited = Some((who, id, None));
        if self.wish(who, kind, command).is_none() {
            self.violated(FRESH, format!("node {who} is down"));
            return None;
        }
        let end = self.world.now() + PATIENCE;
        loop {
            match self.awaited.take() {
                Some((_, _, Some(News::Done(outcome)))) => return Some(*outcome),
                Some((_, _, Some(other))) => {
                    self.violated(FRESH, format!("{name} of node {who}: {other:?}"));
                    return None;
                }
                waiting if self.world.now() < end => self.awaited = waiting,
                _ => {
                    self.violated(FRESH, format!("{name} of node {who}: no word"));
                    return None;
                }
            }
            self.go_to(self.world.now() + SECOND / 50);
        }
    }
}
