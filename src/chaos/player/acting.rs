//! Does what is due: steps of the scenario, requests of people, and what undoes a step.

use super::{ARRIVING_US, Awaited, Granted, Later, Player, Purpose, Waiting, micros};
use crate::chaos::record::{Delivery, End, Kind, Request};
use crate::chaos::scenario::CountedBy;
use crate::chaos::scenario::step::{Host, Step};
use crate::chaos::schedule::Order;
use crate::chaos::stage::Deed;
use crate::proto::control::{Carrier, Command, Failure};
use crate::proto::ids::GrantId;
use crate::proto::lease::{Change, Conditions};
use crate::proto::operator::ServerCommand;

/// Looks of a picture that a stream of shares grants.
const SHARED_VIEWS: u32 = 3;

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
            Later::Member(member) => self.member(member, true),
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
        if let Some(host) = self.to_be_spared(&step) {
            let (now, name) = (self.now(), &self.record.hosts[host]);
            let what = format!("a step is left out: {name} does not count looks yet");
            self.record.mark(now, what);
            return Ok(());
        }
        let back = |lasts: Option<f64>| lasts.map(|lasts| at + micros(lasts));
        match step {
            Step::Crash(host, lasts) => self.strike_for(host, back(lasts)),
            Step::CrashElected(lasts) => {
                self.armed.push_back(lasts);
                Ok(())
            }
            Step::CrashLeader(lasts) => {
                self.wanted_leaders.push_back(lasts);
                self.strike_leader()
            }
            Step::CrashMember(member, lasts) => {
                self.plan(at + micros(lasts), Later::Member(member));
                self.member(member, false)
            }
            Step::Wipe(server, lasts) => {
                self.strike_for(server, back(Some(lasts)))?;
                self.deed(server, Deed::Wipe)
            }
            Step::Fill(server, lasts) => {
                let room_at = at + micros(lasts);
                self.plan(room_at, Later::Deed(server, Deed::Fill(false)));
                self.deed(server, Deed::Fill(true))
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
            Step::Offline(client) => self.deed(client, Deed::Strike),
            Step::Online(client) => self.deed(client, Deed::Start),
            other => self.step_of_network(at, other),
        }
    }

    fn step_of_network(&mut self, at: u64, step: Step) -> Result<(), Failure> {
        let back = |lasts: Option<f64>| lasts.map(|lasts| at + micros(lasts));
        match step {
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
            told: None,
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
                let arrived = |granted: &Granted| {
                    let is_first = granted.since_us == 0;
                    granted.borrower == client && (is_first || granted.since_us + ARRIVING_US <= at)
                };
                let Some(grant) = self.pick(arrived) else {
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
    fn pick(&mut self, fits: impl Fn(&Granted) -> bool) -> Option<GrantId> {
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
        let now = self.now();
        // The borrower may know before the owner is told.
        if let Some(granted) = self
            .grants
            .iter_mut()
            .find(|granted| granted.grant == grant)
        {
            // After the last look the picture has to come anew.
            if granted.ordinals.len() as u32 >= granted.most {
                granted.since_us = now;
            }
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
            conditions: match self.scenario.cluster.counted_by {
                CountedBy::Program => Conditions::default(),
                CountedBy::Servers => Conditions::STRICT,
            },
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

    /// Mail for somebody who is back could come from now on.
    pub(super) fn returned(&mut self, host: Host, now: u64) {
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
