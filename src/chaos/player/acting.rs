//! Does what is due: steps of the scenario, requests of people, and what undoes a step.

use super::{Awaited, Later, Player, Purpose, SECOND, Waiting};
use crate::chaos::record::{Delivery, End, Kind, Request, State};
use crate::chaos::scenario::step::{Host, Step};
use crate::chaos::schedule::Order;
use crate::chaos::stage::Deed;
use crate::proto::control::{Carrier, Command, Failure};
use crate::proto::ids::GrantId;
use crate::proto::lease::{Change, Conditions};
use crate::proto::operator::ServerCommand;

/// Looks of a picture that a stream of shares grants.
const SHARED_VIEWS: u32 = 3;

fn micros(seconds: f64) -> u64 {
    (seconds * SECOND as f64) as u64
}

impl Player<'_> {
    pub(super) fn act(&mut self, at: u64, order: Order) -> Result<(), Failure> {
        match order {
            Order::Request {
                client,
                kind,
                image,
            } => self.request(at, client, kind, image),
            Order::Step(step) => self.step(at, step),
        }
    }

    pub(super) fn undo(&mut self, later: Later) -> Result<(), Failure> {
        match later {
            Later::Deed(host, deed) => self.deed(host, deed),
            Later::Mend(pairs) => {
                self.cut(&pairs, false);
                Ok(())
            }
            Later::Loss => {
                self.weather.loss = *self.scenario.cluster.loss.get_ref();
                self.stage.weather(self.weather);
                Ok(())
            }
            Later::Ask => self.ask_awaited(),
        }
    }

    fn step(&mut self, at: u64, step: Step) -> Result<(), Failure> {
        let back = |lasts: Option<f64>| lasts.map(|lasts| at + micros(lasts));
        match step {
            Step::Crash(host, lasts) => self.strike_for(host, back(lasts)),
            Step::CrashElected(lasts) => {
                self.armed.push_back(lasts);
                Ok(())
            }
            Step::Restart(hosts) => {
                for &host in &hosts {
                    self.deed(host, Deed::Strike)?;
                }
                hosts
                    .iter()
                    .try_for_each(|&host| self.deed(host, Deed::Start))
            }
            Step::Pause(host, lasts) => {
                self.plan(at + micros(lasts), Later::Deed(host, Deed::Resume));
                self.deed(host, Deed::Pause)
            }
            Step::Slow(host, times, lasts) => {
                self.plan(at + micros(lasts), Later::Deed(host, Deed::Slow(1)));
                self.deed(host, Deed::Slow(times))
            }
            Step::Fail {
                server,
                for_s,
                silent,
            } => {
                let now = self.now();
                self.record
                    .mark(now, format!("fail {}", self.record.hosts[server]));
                let hold_ms = (for_s * 1e3) as u32;
                let announced = !silent;
                self.operate(server, ServerCommand::FailNow { hold_ms, announced });
                Ok(())
            }
            Step::Cut(pairs, lasts) => {
                self.cut(&pairs, true);
                if let Some(at) = back(lasts) {
                    self.plan(at, Later::Mend(pairs));
                }
                Ok(())
            }
            Step::Mend => {
                let pairs: Vec<(Host, Host)> = self.cuts.iter().copied().collect();
                self.cut(&pairs, false);
                Ok(())
            }
            Step::Loss(share, lasts) => {
                if let Some(at) = back(lasts) {
                    self.plan(at, Later::Loss);
                }
                let now = self.now();
                self.record.mark(now, format!("loss {:.0}%", share * 100.0));
                self.weather.loss = share;
                self.stage.weather(self.weather);
                Ok(())
            }
            Step::Offline(client) => self.deed(client, Deed::Strike),
            Step::Online(client) => self.deed(client, Deed::Start),
            person => self.step_of_person(at, person),
        }
    }

    fn step_of_person(&mut self, at: u64, step: Step) -> Result<(), Failure> {
        let find = |player: &Self, image: &str, peer: &str, who: Host| {
            let mut grants = player.grants.iter();
            let found = grants.find(|granted| {
                let (owner, borrower) = (granted.owner, granted.borrower);
                let other = if who == owner { borrower } else { owner };
                (who == owner || who == borrower)
                    && granted.image == image
                    && player.record.hosts[other] == peer
            });
            found.map(|granted| granted.grant)
        };
        let (who, kind, command, adjust) = match step {
            Step::Adjust {
                owner,
                image,
                peer,
                change,
            } => {
                let grant = find(self, &image, &peer, owner);
                let lease = grant.map_or_else(|| format!("{peer}/{image}"), |grant| grant.hex());
                let command = Command::Adjust { lease, change };
                (
                    owner,
                    Kind::Update,
                    command,
                    grant.map(|grant| (grant, change)),
                )
            }
            Step::View {
                borrower,
                image,
                owner,
            } => {
                let grant = find(self, &image, &owner, borrower);
                let lease = grant.map_or_else(|| format!("{owner}/{image}"), |grant| grant.hex());
                (borrower, Kind::View, Command::View(lease), None)
            }
            _ => return Ok(()),
        };
        if !self.is_up(who) {
            return Ok(());
        }
        let request = self.begin(at, who, kind);
        if let Some((grant, change)) = adjust {
            self.note_adjust(request, grant, change);
        }
        if let Command::View(lease) = &command
            && let Some(granted) = self
                .grants
                .iter()
                .find(|granted| granted.grant.hex() == *lease)
        {
            self.looks.insert(request, granted.grant);
        }
        self.wish(who, Purpose::Request(request), command)
    }

    /// Enters a request in the record.
    fn begin(&mut self, at_us: u64, client: Host, kind: Kind) -> usize {
        self.record.requests.push(Request {
            number: self.record.requests.len() as u64 + 1,
            kind,
            client,
            at_us,
            ended_us: None,
            end: End::Open,
            outage: false,
            phases: None,
            server: None,
        });
        self.record.requests.len() - 1
    }

    fn request(
        &mut self,
        at: u64,
        client: Host,
        kind: Kind,
        image: Vec<u8>,
    ) -> Result<(), Failure> {
        // Who is away asks for nothing.
        if !self.is_up(client) {
            self.record.away += 1;
            return Ok(());
        }
        match kind {
            Kind::Hide => {
                let request = self.begin(at, client, kind);
                let command = Command::Hide {
                    name: format!("picture-{request}"),
                    original: image.into(),
                    carrier: Carrier::default(),
                };
                self.queue(client, request, command)
            }
            Kind::Share => {
                let people = self.clients();
                let next = people.start + (client + 1 - people.start) % people.len();
                let name = format!("shared-{}", self.record.requests.len());
                self.share(at, client, next, name, SHARED_VIEWS, image)
            }
            Kind::View => {
                let Some(grant) = self.pick(|granted| granted.borrower == client) else {
                    return Ok(());
                };
                let request = self.begin(at, client, kind);
                self.looks.insert(request, grant);
                self.wish(
                    client,
                    Purpose::Request(request),
                    Command::View(grant.hex()),
                )
            }
            Kind::Update => {
                let Some(grant) = self.pick(|granted| granted.owner == client) else {
                    return Ok(());
                };
                let request = self.begin(at, client, kind);
                let change = Change::Add(1);
                self.note_adjust(request, grant, change);
                let lease = grant.hex();
                let command = Command::Adjust { lease, change };
                self.wish(client, Purpose::Request(request), command)
            }
        }
    }

    /// One of the grants, each in its turn.
    fn pick(&mut self, fits: impl Fn(&super::Granted) -> bool) -> Option<GrantId> {
        let fitting: Vec<GrantId> = self
            .grants
            .iter()
            .filter(|granted| fits(granted))
            .map(|granted| granted.grant)
            .collect();
        self.turn += 1;
        (!fitting.is_empty()).then(|| fitting[self.turn % fitting.len()])
    }

    fn note_adjust(&mut self, request: usize, grant: GrantId, change: Change) {
        let borrower = self.grants.iter().find(|granted| granted.grant == grant);
        let away = borrower.is_some_and(|granted| !self.is_up(granted.borrower));
        self.adjusts.insert(request, (grant, away));
        // The borrower may know before the owner is told.
        if let Some(granted) = self
            .grants
            .iter_mut()
            .find(|granted| granted.grant == grant)
        {
            granted.most = match change {
                Change::Add(views) => granted.most + views,
                Change::Set(views) => granted.most.max(views),
                _ => granted.most,
            };
        }
    }

    pub(super) fn share(
        &mut self,
        at: u64,
        owner: Host,
        borrower: Host,
        name: String,
        views: u32,
        image: Vec<u8>,
    ) -> Result<(), Failure> {
        let request = self.begin(at, owner, Kind::Share);
        self.shares.insert(request, (name.clone(), borrower, views));
        let command = Command::Share {
            name,
            original: Some(image.into()),
            to: self.record.hosts[borrower].clone(),
            views,
            conditions: Conditions::default(),
            carrier: Carrier::default(),
            keep_metadata: false,
        };
        self.queue(owner, request, command)
    }

    fn queue(&mut self, client: Host, request: usize, command: Command) -> Result<(), Failure> {
        self.waiting
            .entry(client)
            .or_default()
            .push_back(Waiting { request, command });
        self.make_waiting(client)?;
        self.note_outages();
        Ok(())
    }

    /// Cuts or mends pairs of hosts.
    pub(super) fn cut(&mut self, pairs: &[(Host, Host)], cut: bool) {
        let now = self.now();
        let names = |pair: &(Host, Host)| {
            format!(
                "{}-{}",
                self.record.hosts[pair.0], self.record.hosts[pair.1]
            )
        };
        if !pairs.is_empty() {
            let list: Vec<String> = pairs.iter().map(names).collect();
            let what = if cut { "cut" } else { "mend" };
            self.record.mark(now, format!("{what} {}", list.join(" ")));
        }
        for &(one, other) in pairs {
            self.stage.cut(one, other, cut);
            for pair in [(one, other), (other, one)] {
                if cut {
                    self.cuts.insert(pair);
                } else {
                    self.cuts.remove(&pair);
                }
            }
        }
        for host in 0..self.record.hosts.len() {
            let is_cut = self.cuts.iter().any(|(one, _)| *one == host);
            self.record.state(now, host, State::Cut, is_cut);
        }
        self.note_outages();
    }

    pub(super) fn strike_for(&mut self, host: Host, back: Option<u64>) -> Result<(), Failure> {
        if let Some(at) = back {
            self.plan(at, Later::Deed(host, Deed::Start));
        }
        self.deed(host, Deed::Strike)
    }

    /// Does something to a host, if it makes sense now.
    pub(super) fn deed(&mut self, host: Host, deed: Deed) -> Result<(), Failure> {
        let is_up = self.is_up(host);
        let sensible = match deed {
            Deed::Start => !is_up,
            Deed::Strike | Deed::Pause => is_up,
            Deed::Resume => is_up && self.record.is(host, State::Paused),
            Deed::Slow(_) => true,
        };
        if !sensible {
            return Ok(());
        }
        self.stage.deed(host, deed)?;
        let now = self.now();
        let name = self.record.hosts[host].clone();
        match deed {
            Deed::Start => {
                self.record.state(now, host, State::Up, true);
                self.record.mark(now, format!("start {name}"));
                self.returned(host, now);
                self.make_waiting(host)?;
            }
            Deed::Strike => {
                for state in [State::Up, State::Paused, State::Failing, State::Token] {
                    self.record.state(now, host, state, false);
                }
                self.servers.remove(&host);
                self.record.mark(now, format!("crash {name}"));
                self.struck(host);
            }
            Deed::Pause | Deed::Resume => {
                let on = deed == Deed::Pause;
                self.record.state(now, host, State::Paused, on);
                let what = if on { "pause" } else { "resume" };
                self.record.mark(now, format!("{what} {name}"));
                self.make_waiting(host)?;
            }
            Deed::Slow(times) => {
                self.record.state(now, host, State::Slow, times > 1);
                self.record.mark(now, format!("slow {name} x{times}"));
            }
        }
        self.note_outages();
        Ok(())
    }

    /// The requests of a client that is struck down are gone with it.
    fn struck(&mut self, host: Host) {
        let open: Vec<((Host, u64), Purpose)> = self
            .wishes
            .range((host, 0)..=(host, u64::MAX))
            .map(|(key, purpose)| (*key, *purpose))
            .collect();
        for (key, purpose) in open {
            self.wishes.remove(&key);
            if let Purpose::Request(request) | Purpose::Shown(request) = purpose {
                self.end(request, End::Struck);
            }
        }
        self.sees_all.remove(&host);
    }

    /// Mail for somebody who is back could come from now on.
    fn returned(&mut self, host: Host, now: u64) {
        for awaited in self.awaited.get(&host).into_iter().flatten() {
            let delivery = &mut self.record.deliveries[awaited.delivery];
            if delivery.seen_us.is_none() {
                delivery.from_us = delivery.from_us.max(now);
            }
        }
        if self
            .awaited
            .get(&host)
            .is_some_and(|awaited| !awaited.is_empty())
        {
            self.plan(now, Later::Ask);
        }
    }

    /// A change was kept while its recipient is away: its arrival is awaited.
    pub(super) fn await_change(&mut self, to: Host, grant: GrantId, change: u32) {
        let from_us = self.now();
        self.record.deliveries.push(Delivery {
            to,
            from_us,
            seen_us: None,
        });
        let delivery = self.record.deliveries.len() - 1;
        self.awaited.entry(to).or_default().push(Awaited {
            delivery,
            grant,
            change,
        });
        if self.is_up(to) {
            self.plan(from_us, Later::Ask);
        }
    }

    fn ask_awaited(&mut self) -> Result<(), Failure> {
        let waiting: Vec<Host> = self
            .awaited
            .iter()
            .filter(|(host, awaited)| !awaited.is_empty() && self.is_up(**host))
            .map(|(host, _)| *host)
            .collect();
        for &host in &waiting {
            self.ask(host, Purpose::Leases, Command::Leases)?;
        }
        if !waiting.is_empty() {
            let soon = self.now() + super::ASK_EVERY_US / 5;
            self.plan(soon, Later::Ask);
        }
        Ok(())
    }
}
