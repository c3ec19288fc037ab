//! What happened in a run, as the report tells it. Times are microseconds from the start of the
//! scenario, which comes after everybody is up; what happened before counts as 0.

use std::collections::BTreeMap;

use serde::Serialize;

use super::orders::Judged;
use super::scenario::step::Host;
use crate::proto::control::Reason;

/// What a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A picture hidden for oneself.
    Hide,
    /// A picture shared.
    Share,
    /// A look.
    View,
    /// A change of a grant.
    Update,
}

impl Kind {
    /// Its word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Hide => "hide",
            Self::Share => "share",
            Self::View => "view",
            Self::Update => "update",
        }
    }

    /// Whether the cloud makes a picture for it.
    pub(super) const fn is_made(self) -> bool {
        matches!(self, Self::Hide | Self::Share)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "end", content = "reason")]
pub(super) enum End {
    /// As was wished.
    Done,
    /// With a no that is an answer: no looks left, revoked.
    Refused(Reason),
    /// With a reason that should not have been.
    Failed(Reason),
    /// The person's client was struck down meanwhile.
    Struck,
    /// Not at all.
    Open,
}

/// Where the time of a picture went, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Phases {
    /// Until a server's word.
    pub(super) election_us: u64,
    /// Until it had the body.
    pub(super) upload_us: u64,
    /// Until the first piece of the result.
    pub(super) hiding_us: u64,
    /// Until the last piece.
    pub(super) download_us: u64,
    /// Servers that took it, one after another.
    pub(super) owners: u32,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Request {
    /// Its number, from 1.
    pub(super) number: u64,
    /// What.
    pub(super) kind: Kind,
    /// Who.
    pub(super) client: Host,
    /// When it was due; what it then waits for its client counts too.
    pub(super) at_us: u64,
    /// When it ended.
    pub(super) ended_us: Option<u64>,
    /// How it ended.
    #[serde(flatten)]
    pub(super) end: End,
    /// Whether all servers were down, struck or failing, while it was open.
    pub(super) outage: bool,
    /// What they were told if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) told: Option<String>,
    /// Where its time went, if a picture was made.
    pub(super) phases: Option<Phases>,
    /// The server whose result counted.
    pub(super) server: Option<Host>,
}

impl Request {
    /// How long it took, in milliseconds, if it was fulfilled.
    pub(super) fn took_ms(&self) -> Option<f64> {
        let done = self.end == End::Done;
        let ended = self.ended_us.filter(|_| done)?;
        Some(ended.saturating_sub(self.at_us) as f64 / 1_000.0)
    }
}

/// What a host can be in for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Its process runs.
    Up,
    /// It stands still.
    Paused,
    /// It is slower than others.
    Slow,
    /// It is cut off from somebody.
    Cut,
    /// Its disk is full.
    Full,
    /// It is silent on purpose.
    Failing,
    /// It holds the failure token.
    Token,
}

/// A state of a host for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    /// The host.
    pub(super) host: Host,
    /// What it was in.
    pub(super) state: State,
    /// From when.
    pub(super) from_us: u64,
    /// Until when.
    pub(super) until_us: u64,
}

/// Something that was done to the cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Mark {
    /// When.
    pub(super) at_us: u64,
    /// What.
    pub(super) what: String,
}

/// Mail to somebody who was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Delivery {
    /// To whom.
    pub(super) to: Host,
    /// From when it could have come: sent, and the recipient is there.
    pub(super) from_us: u64,
    /// When it was seen there.
    pub(super) seen_us: Option<u64>,
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Violation {
    /// Name of the invariant.
    pub(super) invariant: &'static str,
    /// When, if at a moment.
    pub(super) at_us: Option<u64>,
    /// What was seen.
    pub(super) what: String,
}

/// A whole run.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Record {
    /// Names of the hosts, servers first.
    pub(super) hosts: Vec<String>,
    /// How many of them are servers.
    pub(super) servers: usize,
    /// How long the run took from the start of the scenario, settling included.
    pub(super) length_us: u64,
    /// When the scenario's own time was over and settling began.
    pub(super) calm_us: u64,
    /// All requests.
    pub(super) requests: Vec<Request>,
    /// Requests that were not made because the person was away.
    pub(super) away: u64,
    /// States of hosts.
    pub(super) spans: Vec<Span>,
    /// What was done.
    pub(super) marks: Vec<Mark>,
    /// Jobs on all servers together: when, how many.
    pub(super) jobs: Vec<(u64, u32)>,
    /// Mail to those who were away.
    pub(super) deliveries: Vec<Delivery>,
    /// Pictures that servers began to make, where that can be seen.
    pub(super) worked: Option<u64>,
    /// Planned failures.
    pub(super) failures: u64,
    /// Times that a server took another one for lost, before the calm.
    pub(super) suspicions: u64,
    /// When after the calm every client saw every other online.
    pub(super) converged_us: Option<u64>,
    /// What became of the orders to the ledger, if there were people who ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) orders: Option<Judged>,
    /// What was seen not to hold.
    pub(super) violations: Vec<Violation>,
    /// States that hosts are in now, and since when.
    #[serde(skip)]
    pub(super) open: BTreeMap<(Host, State), u64>,
}

/// Words by which marks of faults begin.
const FAULTS: [&str; 8] = [
    "crash ", "pause ", "slow ", "cut ", "loss ", "fill ", "wipe ", "fail ",
];

impl Record {
    /// How many faults of steps there were.
    pub(super) fn faults(&self) -> usize {
        let is_fault = |mark: &&Mark| {
            let begins = |word: &&str| mark.what.starts_with(*word);
            FAULTS.iter().any(begins) && !mark.what.ends_with(" x1")
        };
        self.marks.iter().filter(is_fault).count()
    }

    /// A host is in a state from now on, or no longer.
    pub(super) fn state(&mut self, at_us: u64, host: Host, state: State, on: bool) {
        match (on, self.open.remove(&(host, state))) {
            (true, None) => {
                self.open.insert((host, state), at_us);
            }
            (true, Some(from_us)) => {
                self.open.insert((host, state), from_us);
            }
            (false, Some(from_us)) => self.spans.push(Span {
                host,
                state,
                from_us,
                until_us: at_us,
            }),
            (false, None) => {}
        }
    }

    /// Whether a host is in a state now.
    pub(super) fn is(&self, host: Host, state: State) -> bool {
        self.open.contains_key(&(host, state))
    }

    /// Since when a server that ran does not run or stands still; none if it works.
    pub(super) fn out_since(&self, host: Host) -> Option<u64> {
        let paused = self.open.get(&(host, State::Paused));
        if paused.is_some() || self.is(host, State::Up) {
            return paused.copied();
        }
        let ran = |span: &&Span| (span.host, span.state) == (host, State::Up);
        self.spans.iter().rfind(ran).map(|span| span.until_us)
    }

    /// The run is over: states end.
    pub(super) fn close(&mut self, at_us: u64) {
        self.length_us = at_us;
        let open: Vec<(Host, State)> = self.open.keys().copied().collect();
        for (host, state) in open {
            self.state(at_us, host, state, false);
        }
        self.spans
            .sort_by_key(|span| (span.host, span.from_us, span.state));
    }

    /// Notes what was done.
    pub(super) fn mark(&mut self, at_us: u64, what: impl Into<String>) {
        self.marks.push(Mark {
            at_us,
            what: what.into(),
        });
    }

    /// Notes what does not hold.
    pub(super) fn violate(
        &mut self,
        invariant: &'static str,
        at_us: Option<u64>,
        what: impl Into<String>,
    ) {
        self.violations.push(Violation {
            invariant,
            at_us,
            what: what.into(),
        });
    }
}
