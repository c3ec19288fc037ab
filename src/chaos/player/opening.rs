//! Before the scenario begins: everybody starts, sees everybody, and has what was granted.

use super::{ASK_EVERY_US, Player, Purpose, SECOND};
use crate::chaos::record::{End, Kind, State};
use crate::chaos::stage::Deed;
use crate::proto::control::{Command, Failure, Reason};

/// How long everybody may take to see everybody.
const MEETING_US: u64 = 40 * SECOND;
/// How long the first pictures may take to arrive.
const GRANTING_US: u64 = 60 * SECOND;
/// Size of a picture that is granted before the start.
const GRANTED_BYTES: usize = 4_000;

impl Player<'_> {
    pub(super) fn open(&mut self) -> Result<(), Failure> {
        for host in 0..self.record.hosts.len() {
            self.stage.deed(host, Deed::Start)?;
            self.record.state(0, host, State::Up, true);
        }
        let met = self.poll(MEETING_US, |player| {
            player.ask_for_peers()?;
            Ok(player.all_see_all())
        })?;
        if !met {
            return Err(did_not("the people do not see each other online"));
        }
        self.grant_first()?;
        // What was made before the start is no part of what is measured.
        self.record.requests.clear();
        self.record.worked = None;
        self.wishes.clear();
        self.sees_all.clear();
        Ok(())
    }

    /// Asks again and again until it holds or time is up; whether it held.
    pub(super) fn poll(
        &mut self,
        most_us: u64,
        mut holds: impl FnMut(&mut Self) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let zero = self.zero_us.unwrap_or(0);
        let end = self.stage.now_us() - zero + most_us;
        loop {
            if holds(self)? {
                return Ok(true);
            }
            let now = self.stage.now_us() - zero;
            if now >= end {
                return Ok(false);
            }
            self.go(now + ASK_EVERY_US)?;
        }
    }

    pub(super) fn ask_for_peers(&mut self) -> Result<(), Failure> {
        for client in self.clients() {
            if self.sees_all.get(&client) != Some(&true) {
                self.ask(client, Purpose::Peers, Command::Peers)?;
            }
        }
        Ok(())
    }

    /// Whether each client that is up has seen all that are up.
    pub(super) fn all_see_all(&self) -> bool {
        self.clients()
            .filter(|client| self.is_up(*client))
            .all(|client| self.sees_all.get(&client) == Some(&true))
    }

    fn grant_first(&mut self) -> Result<(), Failure> {
        let find = |player: &Self, name: &str| {
            let found = player
                .clients()
                .find(|host| player.record.hosts[*host] == name);
            found.ok_or_else(|| did_not("a grant names nobody"))
        };
        for (number, grant) in self.scenario.grants.iter().enumerate() {
            let owner = find(self, grant.from.get_ref())?;
            let borrower = find(self, grant.to.get_ref())?;
            let image = vec![number as u8; GRANTED_BYTES];
            let name = grant.image.get_ref().clone();
            self.share(0, owner, borrower, name, *grant.views.get_ref(), image)?;
        }
        let made = self.poll(GRANTING_US, |player| {
            let open = |end: End| end == End::Open;
            Ok(!player
                .record
                .requests
                .iter()
                .any(|request| open(request.end)))
        })?;
        let failed = self
            .record
            .requests
            .iter()
            .find(|request| request.end != End::Done);
        if !made || failed.is_some() {
            return Err(did_not(&format!("a first grant was not made: {failed:?}")));
        }
        let arrived = self.poll(GRANTING_US, |player| {
            for client in player.clients() {
                player.ask(client, Purpose::Leases, Command::Leases)?;
            }
            Ok(player.grants.iter().all(|granted| {
                player.leases.get(&granted.borrower).is_some_and(|leases| {
                    leases
                        .iter()
                        .any(|lease| lease.grant == granted.grant && lease.delivered)
                })
            }))
        })?;
        if !arrived {
            return Err(did_not("a first picture does not arrive"));
        }
        debug_assert!(self.record.requests.iter().all(|r| r.kind == Kind::Share));
        Ok(())
    }
}

fn did_not(what: &str) -> Failure {
    Failure::new(
        Reason::Unreachable,
        format!("the scenario cannot begin: {what}"),
        "a gentler [cluster] or fewer people may help; in mode process, fewer other programs",
    )
}
