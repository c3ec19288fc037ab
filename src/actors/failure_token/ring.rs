//! The token on its way round the ring: taken, used, offered to the next, made anew.

use core::time::Duration;

use super::permission::{Purpose, repeat_every};
use super::{Activity, Config, FailureToken, Output};
use crate::actors::machine::Outbox;
use crate::planted::{self, Bug};
use crate::proto::ids::NodeId;
use crate::proto::packet::TokenPacket;
use crate::time::Moment;

/// Times the token is offered to a server before it goes to the one after.
const PASS_TRIES: u8 = 3;

/// Turns beyond are malformed. Leaves room so that counting never overflows.
const TURN_MAX: u64 = 1 << 62;

/// Where the token is, as far as this server has a part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Away,
    Here {
        turn: u64,
        /// When to ask, or to try again to pass it on.
        act_at: Moment,
        /// This server has had its turn: pass it on.
        used: bool,
    },
    /// Offered, not yet taken.
    Passing {
        turn: u64,
        to: NodeId,
        tries: u8,
        next_at: Moment,
    },
}

/// Wait for a token that others may have, before the first one is made.
pub(super) fn start_wait(config: &Config) -> Duration {
    Duration::from_millis(config.pause_ms.saturating_add(config.permission_wait_ms))
}

impl FailureToken {
    /// A token is offered. A turn that was seen before is answered as taken, so that the one who
    /// offers it stops, and vanishes.
    pub(super) fn passed(
        &mut self,
        now: Moment,
        from: NodeId,
        turn: u64,
        out: &mut Outbox<Output>,
    ) {
        if turn > TURN_MAX {
            return;
        }
        if !self.command.on {
            self.send(from, self.command.packet(), out);
        } else if turn <= self.known_turn {
            self.send(from, TokenPacket::PassKept { turn }, out);
        } else {
            self.take_token(now, turn, out);
        }
    }

    /// Holds the token from now on and tells everybody, so that nobody makes a second one.
    pub(super) fn take_token(&mut self, now: Moment, turn: u64, out: &mut Outbox<Output>) {
        self.known_turn = turn;
        self.token = Token::Here {
            turn,
            act_at: self.after_pause(now),
            used: false,
        };
        self.send_all(TokenPacket::PassKept { turn }, out);
    }

    /// Somebody has a token of this turn; 0 is none.
    pub(super) fn token_seen(&mut self, now: Moment, holder: NodeId, turn: u64) {
        if turn == 0 || turn < self.known_turn || turn > TURN_MAX {
            return;
        }
        let newer = turn > self.known_turn;
        self.known_turn = turn;
        self.regenerate_at = now.after(self.regenerate_after());
        let ours = match self.token {
            Token::Away => return,
            Token::Here { turn, .. } | Token::Passing { turn, .. } => turn,
        };
        if newer || (turn == ours && holder < self.config.me) {
            self.token = Token::Away;
        }
    }

    /// Offers the token to the next live server. Keeps it until there is one, and until this server
    /// can carry on for another.
    pub(super) fn turn_is_over(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let Token::Here { turn, .. } = self.token else {
            return;
        };
        let may_go = self.serving || self.retired;
        if let Some(next) = self.next_alive(self.config.me).filter(|_| may_go) {
            self.known_turn = self.known_turn.max(turn + 1);
            self.offer(now, turn + 1, next, 1, out);
        } else {
            self.token = Token::Here {
                turn,
                act_at: self.after_pause(now),
                used: true,
            };
        }
    }

    pub(super) fn offer(
        &mut self,
        now: Moment,
        turn: u64,
        to: NodeId,
        tries: u8,
        out: &mut Outbox<Output>,
    ) {
        self.token = Token::Passing {
            turn,
            to,
            tries,
            next_at: now.after(repeat_every(&self.config)),
        };
        self.send(to, TokenPacket::Pass { turn }, out);
    }

    /// The live server after `before` in the ring; none if that is this one.
    pub(super) fn next_alive(&self, before: NodeId) -> Option<NodeId> {
        let place = self.ring.iter().position(|&node| node == before)?;
        let after = self.ring[place + 1..].iter().chain(&self.ring[..place]);
        after
            .copied()
            .take_while(|&node| node != self.config.me)
            .find(|node| self.alive.contains(node))
    }

    pub(super) fn token_due(&mut self, now: Moment, out: &mut Outbox<Output>) {
        match self.token {
            Token::Here { act_at, used, .. }
                if now >= act_at && matches!(self.activity, Activity::Calm) =>
            {
                if used || self.obstacle(now).is_some() {
                    self.turn_is_over(now, out);
                } else {
                    let hold_ms = self.draw_hold_ms();
                    self.ask(now, Purpose::Turn, hold_ms, self.command.announced, out);
                }
            }
            Token::Passing {
                turn,
                to,
                tries,
                next_at,
            } if now >= next_at => {
                if tries < PASS_TRIES {
                    self.offer(now, turn, to, tries + 1, out);
                } else if let Some(next) = self.next_alive(to) {
                    self.offer(now, turn, next, 1, out);
                } else {
                    self.token = Token::Here {
                        turn,
                        act_at: self.after_pause(now),
                        used: true,
                    };
                }
            }
            Token::Away if self.command.on && now >= self.regenerate_at => {
                self.regenerate_at = now.after(self.regenerate_after());
                let lowest = self.alive.first().is_none_or(|&peer| self.config.me < peer);
                let lost = self.known_turn > 0 && planted::is(Bug::TokenNotMadeAnew);
                if lowest && !lost && !self.alive.is_empty() && self.known_turn < TURN_MAX {
                    self.take_token(now, self.known_turn + 1, out);
                }
            }
            _ => {}
        }
    }

    pub(super) fn after_pause(&self, now: Moment) -> Moment {
        now.after(Duration::from_millis(self.config.pause_ms.max(1)))
    }

    pub(super) fn regenerate_after(&self) -> Duration {
        Duration::from_millis(self.config.regenerate_after_ms.max(1))
    }
}
