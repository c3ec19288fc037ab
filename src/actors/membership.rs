//! Who is alive and how busy: gossips this server's load and judges the silence of the others.
//!
//! Decides suspicion only. Never decides who works. A server is alive until nothing was heard of
//! it for the suspicion time, or until it says goodbye. A server that was late itself distrusts
//! itself first: what it did not listen to is no silence, and for a while after it, or after most
//! of the others were late at once or one that counted as lost was there all the time, silence has
//! to last longer (`health`), up to four times. A server of which nothing
//! was heard yet is not alive. A view is ordered with every own report at the latest, so whoever
//! missed one gets the next soon. While halted nothing is ordered at all.

use std::collections::BTreeMap;
use std::time::Duration;

use self::health::Health;
use super::machine::{Machine, Outbox, earliest};
use crate::proto::ids::NodeId;
use crate::proto::packet::{LoadReport, Packet};
use crate::time::{Moment, WallTime};

mod health;

/// A server that was silent for so many suspicion times may come back with an older incarnation:
/// its clock was set back. Before that, an older report is a late datagram.
const FENCE_SUSPICIONS: u32 = 10;
/// A server that counted as lost and is heard again within so many suspicion times, as if nothing
/// had happened, was lost by mistake.
const HASTY_SUSPICIONS: u32 = 4;

/// Timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Wall time of this start.
    pub incarnation: WallTime,
    /// Milliseconds between two reports. 50 to 1,000.
    pub gossip_every_ms: u64,
    /// Silence after which a server counts as lost, in milliseconds; at least three times the
    /// above. Up to four times as long while this server itself is late.
    pub suspect_after_ms: u64,
}

impl Config {
    /// For servers on one local network.
    #[must_use]
    pub const fn lan(me: NodeId, peers: Vec<NodeId>, incarnation: WallTime) -> Self {
        Self {
            me,
            peers,
            incarnation,
            // A stale load sends work to the wrong server; ten datagrams a second do not hurt.
            gossip_every_ms: 100,
            // Four reports in a row are not lost by chance, and a client hardly notices the wait.
            suspect_after_ms: 400,
        }
    }

    /// Never zero, so that a deadline always moves forward.
    fn gossip_every(&self) -> Duration {
        Duration::from_millis(self.gossip_every_ms.max(1))
    }

    const fn suspect_after(&self) -> Duration {
        Duration::from_millis(self.suspect_after_ms)
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A report arrived.
    Heard {
        /// From whom.
        from: NodeId,
        /// The report.
        report: LoadReport,
    },
    /// A server said goodbye.
    ByeHeard(NodeId),
    /// Jobs on this server changed.
    Jobs {
        /// Waiting.
        queued: u32,
        /// Running.
        running: u32,
    },
    /// What this host can do now, in thousandths of a free core.
    Speed(u32),
    /// The mailbox changed or caught up.
    Mail {
        /// Digest over its content.
        digest: u64,
        /// Whether it has caught up.
        caught_up: bool,
    },
    /// The names changed or caught up.
    Names {
        /// Digest over them.
        digest: u64,
        /// Whether they have caught up.
        caught_up: bool,
    },
    /// This node is about to end: the others shall not count on it.
    Retired,
    /// This node falls silent on purpose; it stops sending and forgets what it heard.
    Halted {
        /// Whether to say goodbye first.
        announced: bool,
    },
    /// It is back.
    Resumed,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a packet to a server.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        packet: Packet,
    },
    /// A server was silent for so long that it counts as lost.
    Suspected(NodeId),
    /// The view changed: every configured server, this one included, in order of their numbers.
    View(Vec<Member>),
    /// The last word is sent: shut the node off.
    Silent,
}

/// A server as this one sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Which.
    pub node: NodeId,
    /// Whether it is believed alive. Always true for this server itself.
    pub alive: bool,
    /// Its last report; the default one if none was ever heard.
    pub report: LoadReport,
}

/// What is shown of a server that never reported.
const NEVER_HEARD: LoadReport = LoadReport {
    incarnation: WallTime(0),
    sequence: 0,
    queued: 0,
    running: 0,
    speed_milli: 1,
    caught_up: false,
    draining: false,
    mail_digest: 0,
    names_digest: 0,
};

/// Taken for this host until it is measured: one free core.
const UNMEASURED_SPEED_MILLI: u32 = 1_000;

/// Another server, as far as it was heard.
#[derive(Clone, Copy, Debug)]
struct Peer {
    report: LoadReport,
    heard_at: Moment,
    /// None once it counts as lost.
    alive_until: Option<Moment>,
}

impl Peer {
    const UNKNOWN: Self = Self {
        report: NEVER_HEARD,
        heard_at: Moment::START,
        alive_until: None,
    };

    fn outdates(&self, report: &LoadReport) -> bool {
        (report.incarnation, report.sequence) <= (self.report.incarnation, self.report.sequence)
    }
}

/// The machine.
#[derive(Debug)]
pub struct Membership {
    config: Config,
    /// What this server says of itself. Its sequence survives a halt, so that the others do not
    /// take the reports after it for old ones.
    own: LoadReport,
    mail_caught_up: bool,
    names_caught_up: bool,
    peers: BTreeMap<NodeId, Peer>,
    /// None while halted.
    next_gossip: Option<Moment>,
    health: Health,
}

impl Membership {
    /// A server that has just started and has heard nobody.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let own = LoadReport {
            incarnation: config.incarnation,
            speed_milli: UNMEASURED_SPEED_MILLI,
            ..NEVER_HEARD
        };
        let peers = strangers(&config);
        Self {
            config,
            own,
            mail_caught_up: false,
            names_caught_up: false,
            peers,
            next_gossip: Some(Moment::START),
            health: Health::default(),
        }
    }

    const fn halted(&self) -> bool {
        self.next_gossip.is_none()
    }

    fn view(&self) -> Output {
        let mut members: Vec<Member> = self
            .peers
            .iter()
            .map(|(&node, peer)| Member {
                node,
                alive: peer.alive_until.is_some(),
                report: peer.report,
            })
            .collect();
        members.push(Member {
            node: self.config.me,
            alive: true,
            report: self.own,
        });
        members.sort_by_key(|member| member.node);
        Output::View(members)
    }

    fn tell_all(&self, packet: &Packet, out: &mut Outbox<Output>) {
        for &to in self.peers.keys() {
            out.push(Output::Send {
                to,
                packet: packet.clone(),
            });
        }
    }

    fn gossip(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.own.sequence = self.own.sequence.saturating_add(1);
        self.next_gossip = Some(now.after(self.config.gossip_every()));
        self.tell_all(&Packet::Load(self.own), out);
        out.push(self.view());
    }

    fn heard(&mut self, now: Moment, from: NodeId, report: LoadReport, out: &mut Outbox<Output>) {
        let suspect_after = self.config.suspect_after();
        if self.halted() {
            return;
        }
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        let fenced = now.since(peer.heard_at) < suspect_after.saturating_mul(FENCE_SUSPICIONS);
        if peer.outdates(&report) && (fenced || peer.alive_until.is_some()) {
            return;
        }
        let is_same = peer.report.incarnation == report.incarnation;
        let was_hasty = now.since(peer.heard_at) < suspect_after.saturating_mul(HASTY_SUSPICIONS);
        if peer.alive_until.is_none() && is_same && was_hasty {
            self.health.strain(now);
        }
        *peer = Peer {
            report: LoadReport {
                speed_milli: report.speed_milli.max(1),
                ..report
            },
            heard_at: now,
            alive_until: Some(now.after(self.health.stretched(suspect_after))),
        };
        out.push(self.view());
    }

    fn bye_heard(&mut self, from: NodeId, out: &mut Outbox<Output>) {
        if self.halted() {
            return;
        }
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        if peer.alive_until.take().is_some() {
            out.push(self.view());
        }
    }

    /// Changes what this server says of itself, and shows it if it did change.
    fn amend(&mut self, out: &mut Outbox<Output>, change: impl FnOnce(&mut Self)) {
        let before = self.own;
        change(self);
        self.own.caught_up = self.mail_caught_up && self.names_caught_up;
        if self.own != before && !self.halted() {
            out.push(self.view());
        }
    }

    fn halt(&mut self, announced: bool, out: &mut Outbox<Output>) {
        if self.halted() {
            return;
        }
        if announced {
            self.tell_all(&Packet::Bye, out);
        }
        // No view is ordered: who is silent must not conclude that everybody else is gone.
        self.next_gossip = None;
        self.peers = strangers(&self.config);
    }

    /// While this server did not listen, the others could not be heard: that time is added to
    /// what each of them is allowed, as far as nothing was heard of it since.
    fn excuse(&mut self, now: Moment, late: Duration) {
        for peer in self.peers.values_mut() {
            let deaf = late.min(now.since(peer.heard_at));
            peer.alive_until = peer.alive_until.map(|until| until.after(deaf));
        }
    }

    /// If most of the others, and not only one, are late at once, it is rather this server that
    /// does not hear them. That is one sign for one silence: if they are gone, that shows in twice
    /// the time.
    fn doubt(&mut self, now: Moment) {
        let overdue = self.config.gossip_every().saturating_mul(5) / 2;
        let is_late =
            |peer: &&Peer| peer.alive_until.is_some() && now.since(peer.heard_at) > overdue;
        let late = self.peers.values().filter(is_late).count();
        let last_heard = self.peers.values().map(|peer| peer.heard_at).max();
        let is_known = last_heard.is_some_and(|at| self.health.is_strained_since(at));
        if late < 2 || 2 * late <= self.peers.len() || is_known {
            return;
        }
        self.health.strain(now);
        let allowed = self.health.stretched(self.config.suspect_after());
        for peer in self.peers.values_mut() {
            let at_least = peer.heard_at.after(allowed);
            peer.alive_until = peer.alive_until.map(|until| until.max(at_least));
        }
    }

    /// Whether anybody was lost.
    fn drop_the_silent(&mut self, now: Moment, out: &mut Outbox<Output>) -> bool {
        let mut lost = false;
        for (&node, peer) in &mut self.peers {
            if peer.alive_until.is_some_and(|until| until <= now) {
                peer.alive_until = None;
                out.push(Output::Suspected(node));
                lost = true;
            }
        }
        lost
    }
}

fn strangers(config: &Config) -> BTreeMap<NodeId, Peer> {
    let others = config.peers.iter().filter(|&&node| node != config.me);
    others.map(|&node| (node, Peer::UNKNOWN)).collect()
}

impl Machine for Membership {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "membership";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::Heard { from, report } => self.heard(now, from, report, out),
            Input::ByeHeard(from) => self.bye_heard(from, out),
            Input::Jobs { queued, running } => self.amend(out, |this| {
                this.own.queued = queued;
                this.own.running = running;
            }),
            Input::Speed(milli) => self.amend(out, |this| this.own.speed_milli = milli.max(1)),
            Input::Mail { digest, caught_up } => self.amend(out, |this| {
                this.own.mail_digest = digest;
                this.mail_caught_up = caught_up;
            }),
            Input::Names { digest, caught_up } => self.amend(out, |this| {
                this.own.names_digest = digest;
                this.names_caught_up = caught_up;
            }),
            Input::Retired => {
                self.own.draining = true;
                if !self.halted() {
                    self.gossip(now, out);
                }
            }
            Input::Halted { announced } => {
                self.halt(announced, out);
                out.push(Output::Silent);
            }
            Input::Resumed if self.halted() => self.gossip(now, out),
            Input::Resumed => {}
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let next_gossip = self.next_gossip?;
        let first_lost = self.peers.values().filter_map(|peer| peer.alive_until);
        earliest(Some(next_gossip), first_lost.min())
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let Some(due) = self.deadline().filter(|&due| due <= now) else {
            return;
        };
        let late = now.since(due);
        if late > self.config.gossip_every() {
            self.excuse(now, late);
        }
        // Before the first report, this server was not late but not there.
        if self.own.sequence > 0 && late > self.config.gossip_every() / 2 {
            self.health.strain(now);
        } else {
            self.health.ease(now);
        }
        self.doubt(now);
        let lost = self.drop_the_silent(now, out);
        if self.next_gossip.is_some_and(|at| at <= now) {
            self.gossip(now, out);
        } else if lost {
            out.push(self.view());
        }
    }
}

#[cfg(test)]
mod tests;
