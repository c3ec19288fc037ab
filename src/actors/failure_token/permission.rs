//! Both ends of a permission: the question of who wants to fail, and the promise of who lets them.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::rand_core::Rng;

use super::ring::Token;
use super::{Activity, Config, FailureToken, Farewell, HOLD_LIMIT_MS, Output};
use crate::actors::machine::Outbox;
use crate::planted::{self, Bug};
use crate::proto::ids::NodeId;
use crate::proto::packet::TokenPacket;
use crate::time::Moment;

/// Times that a question is sent, and pieces into which the wait for its answers is cut.
const SENDINGS: u64 = 4;

/// Pause between two sendings of the same packet.
pub(super) fn repeat_every(config: &Config) -> Duration {
    Duration::from_millis((config.permission_wait_ms / SENDINGS).max(1))
}

/// Why a server wants to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It has the token.
    Turn,
    /// An operator wishes it.
    Operator,
}

/// May I fail? Lives until every peer has permitted it, one has not, or the time is over.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) nonce: u64,
    /// Turn of the token that is here; 0 for none.
    pub(super) turn: u64,
    /// When the question was first sent; the hold counts from here.
    pub(super) sent_at: Moment,
    pub(super) hold_ms: u32,
    pub(super) announced: bool,
    pub(super) purpose: Purpose,
    pub(super) granted: BTreeSet<NodeId>,
    pub(super) repeat_at: Moment,
}

impl Question {
    /// When the failure ends.
    pub(super) fn back_at(&self) -> Moment {
        self.sent_at.after(hold(self.hold_ms))
    }

    /// Until when a failure may start with these permissions.
    pub(super) fn start_until(&self, config: &Config) -> Moment {
        self.sent_at
            .after(Duration::from_millis(config.permission_wait_ms))
            .min(self.back_at())
    }

    /// The packet that asks.
    pub(super) const fn packet(&self) -> TokenPacket {
        TokenPacket::MayI {
            nonce: self.nonce,
            turn: self.turn,
            hold_ms: self.hold_ms,
        }
    }
}

/// How long a promise for a failure of `hold_ms` is kept, from the arrival of the question.
pub(super) fn promised(config: &Config, hold_ms: u32) -> Duration {
    let margin_ms = if planted::is(Bug::PromiseWithoutMargin) {
        0
    } else {
        config.margin_ms
    };
    let spare_ms = config.permission_wait_ms.saturating_add(margin_ms);
    hold(hold_ms).saturating_add(Duration::from_millis(spare_ms))
}

const fn hold(hold_ms: u32) -> Duration {
    Duration::from_millis(hold_ms as u64)
}

#[derive(Clone, Copy, Debug)]
struct Promise {
    to: NodeId,
    nonce: u64,
    until: Moment,
}

/// The promise this server is bound by, at most one, and which questions are over.
#[derive(Clone, Debug, Default)]
pub(super) struct Promises {
    current: Option<Promise>,
    /// The last question of each peer that is over, so that a late copy of it binds nobody.
    ended: BTreeMap<NodeId, u64>,
}

impl Promises {
    /// Whether this server has promised not to fail.
    pub(super) fn is_bound(&self, now: Moment) -> bool {
        self.current.is_some_and(|promise| now < promise.until)
    }

    /// Promises for `keep`, or says no. A repeated question gets the same answer and does not
    /// lengthen the promise, which counts from the first arrival.
    pub(super) fn grant(&mut self, now: Moment, to: NodeId, nonce: u64, keep: Duration) -> bool {
        if let Some(promise) = self.current {
            if now < promise.until {
                return promise.to == to && promise.nonce == nonce;
            }
            self.end(promise.to, promise.nonce);
        }
        if self.ended.get(&to) == Some(&nonce) {
            return false;
        }
        self.current = Some(Promise {
            to,
            nonce,
            until: now.after(keep),
        });
        true
    }

    /// The asker is back from this question, or will never act on it.
    pub(super) fn end(&mut self, from: NodeId, nonce: u64) {
        self.ended.insert(from, nonce);
        self.current = self
            .current
            .filter(|promise| (promise.to, promise.nonce) != (from, nonce));
    }
}

impl FailureToken {
    pub(super) fn asked(
        &mut self,
        now: Moment,
        from: NodeId,
        nonce: u64,
        hold_ms: u32,
        out: &mut Outbox<Output>,
    ) {
        let calm = matches!(self.activity, Activity::Calm) || planted::is(Bug::PermitsWhileAsking);
        let serves = self.serving || planted::is(Bug::PermitsBeforeCaughtUp);
        let free = calm && serves && hold_ms <= HOLD_LIMIT_MS;
        let keep = promised(&self.config, hold_ms);
        let answer = if free && self.promises.grant(now, from, nonce, keep) {
            TokenPacket::YouMay { nonce }
        } else {
            TokenPacket::YouMayNot { nonce }
        };
        self.send(from, answer, out);
    }

    pub(super) fn permitted(
        &mut self,
        now: Moment,
        from: NodeId,
        nonce: u64,
        out: &mut Outbox<Output>,
    ) {
        let Activity::Asking(question) = &mut self.activity else {
            return;
        };
        if question.nonce != nonce || now >= question.start_until(&self.config) {
            return;
        }
        question.granted.insert(from);
        let is_all = question.granted.len() >= self.config.peers.len();
        if !is_all && !planted::is(Bug::TokenWithoutPermission) {
            return;
        }
        let (announced, until) = (question.announced, question.back_at());
        self.activity = Activity::Failing { nonce, until };
        out.push(Output::Fail { announced });
    }

    /// Why this server may not even ask, if so.
    pub(super) fn obstacle(&self, now: Moment) -> Option<&'static str> {
        match self.activity {
            Activity::Failing { .. } => Some("this server is in a failure already"),
            Activity::Asking(_) => Some("this server is asking for permission already"),
            Activity::Calm if self.retired => Some("this server is about to end"),
            Activity::Calm if self.config.peers.is_empty() => {
                Some("there is no other server to carry on")
            }
            Activity::Calm if self.alive.len() < self.config.peers.len() => {
                Some("not every other server is alive")
            }
            Activity::Calm if self.promises.is_bound(now) => {
                Some("another server was permitted to fail")
            }
            Activity::Calm => None,
        }
    }

    pub(super) fn ask(
        &mut self,
        now: Moment,
        purpose: Purpose,
        hold_ms: u32,
        announced: bool,
        out: &mut Outbox<Output>,
    ) {
        let question = Question {
            nonce: self.rng.next_u64(),
            turn: match self.token {
                Token::Here { turn, .. } => turn,
                Token::Away | Token::Passing { .. } => 0,
            },
            sent_at: now,
            hold_ms,
            announced,
            purpose,
            granted: BTreeSet::new(),
            repeat_at: now.after(repeat_every(&self.config)),
        };
        self.send_all(question.packet(), out);
        self.activity = Activity::Asking(question);
    }

    /// Ends a question that led to nothing.
    pub(super) fn give_up(&mut self, now: Moment, why: &'static str, out: &mut Outbox<Output>) {
        let Some(question) = self.question() else {
            return;
        };
        let (nonce, purpose) = (question.nonce, question.purpose);
        self.activity = Activity::Calm;
        self.say_back(now, nonce, out);
        match purpose {
            Purpose::Operator => out.push(Output::NotNow(why)),
            Purpose::Turn => self.turn_is_over(now, out),
        }
    }

    pub(super) fn say_back(&mut self, now: Moment, nonce: u64, out: &mut Outbox<Output>) {
        if let Some(earlier) = self.farewell.take() {
            self.send_all(
                TokenPacket::Back {
                    nonce: earlier.nonce,
                },
                out,
            );
        }
        self.send_all(TokenPacket::Back { nonce }, out);
        self.farewell = Some(Farewell {
            nonce,
            at: now.after(repeat_every(&self.config)),
        });
    }

    pub(super) fn question_due(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let every = repeat_every(&self.config);
        let Activity::Asking(question) = &mut self.activity else {
            return;
        };
        if now >= question.start_until(&self.config) {
            self.give_up(now, "not every other server answered in time", out);
        } else if now >= question.repeat_at {
            question.repeat_at = now.after(every);
            let packet = question.packet();
            let silent = |peer: &&NodeId| !question.granted.contains(peer);
            for &to in self.config.peers.iter().filter(silent) {
                out.push(Output::Send { to, packet });
            }
        }
    }

    pub(super) fn draw_hold_ms(&mut self) -> u32 {
        let width = u64::from(self.config.hold_max_ms - self.config.hold_min_ms) + 1;
        let extra = u32::try_from(self.rng.next_u64() % width).unwrap_or(0);
        self.config.hold_min_ms + extra
    }

    pub(super) const fn question(&self) -> Option<&Question> {
        match &self.activity {
            Activity::Asking(question) => Some(question),
            Activity::Calm | Activity::Failing { .. } => None,
        }
    }
}
