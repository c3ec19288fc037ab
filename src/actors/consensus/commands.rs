//! Commands and questions of clients, on their way into the log and to the leader.

use core::time::Duration;

use bytes::Bytes;

use super::reads::Question;
use super::waiting::Taken;
use super::wire::{self, Command, Envelope, Letter};
use super::{Consensus, Out, Output, StateMachine};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::UserId;
use crate::time::Moment;

impl<S: StateMachine> Consensus<S> {
    pub(super) fn submit(
        &mut self,
        now: Moment,
        client: UserId,
        nonce: u64,
        command: Bytes,
        out: &mut Out<S>,
    ) {
        if self.is_mute() {
            return;
        }
        if command.len() > self.config.command_max_bytes {
            self.counts.turned_away += 1;
            return;
        }
        let leading = self.is_leader().then_some(self.node.raft.term);
        if self.waiting.knows(now, (client, nonce), leading) {
            return;
        }
        // Others may be behind, so they have no say in this.
        let clock = self.config.calendar.at(now);
        if leading.is_some()
            && let Err(reply) = self.state.admit(clock, &command)
        {
            out.push(Output::Refused {
                client,
                nonce,
                reply,
            });
            return;
        }
        let key = (client, nonce);
        if self.waiting.add(now, key, command, &self.config) == Taken::Full {
            self.counts.turned_away += 1;
        }
    }

    pub(super) fn ask(&mut self, client: UserId, nonce: u64, question: Bytes) {
        if self.is_mute() {
            return;
        }
        let too_large = question.len() > self.config.command_max_bytes;
        if too_large || self.reads.len() >= self.config.reads_max {
            self.counts.turned_away += 1;
            return;
        }
        self.reads.add(Question::Query {
            client,
            nonce,
            question,
        });
    }

    /// A leader puts what waits into the log, as far as there is room.
    pub(super) fn propose(&mut self, now: Moment) {
        while self.is_leader() {
            let Some(command) = self.waiting.first() else {
                return;
            };
            let key = (command.client, command.nonce);
            let envelope = Envelope {
                stamp: self.config.calendar.at(now),
                command: Some(command),
            };
            let bytes = codec::encode(&envelope);
            if self.node.propose(Vec::new(), bytes).is_err() {
                if let Some(command) = envelope.command {
                    self.waiting.put_back(now, command);
                }
                return;
            }
            self.waiting.put(key, self.node.raft.term);
            if planted::is(Bug::AckBeforeQuorum) {
                self.believe_all_confirmed();
            }
        }
    }

    /// A leader lets the log tell the time, if the state waits for it.
    pub(super) fn tell_time(&mut self, now: Moment) {
        let stamp = self.config.calendar.at(now);
        if self.is_leader() && self.state.due().is_some_and(|due| due <= stamp) {
            let command = None;
            let bytes = codec::encode(&Envelope { stamp, command });
            // Refused for want of room: the next second will do.
            let _ = self.node.propose(Vec::new(), bytes);
        }
    }

    /// Another server passes on what its leader seems not to have heard.
    pub(super) fn pass_on(&mut self, now: Moment, out: &mut Out<S>) {
        let leader = wire::node_id(self.node.raft.leader_id);
        let Some(leader) = leader.filter(|&leader| leader != self.config.me) else {
            return;
        };
        while let Some(command) = self.waiting.due(now) {
            let message = Letter::Pass(command).encode();
            out.push(Output::Send {
                to: leader,
                message,
            });
        }
    }

    /// Another server passed on a command of one of its clients.
    pub(super) fn passed(&mut self, now: Moment, command: Command, out: &mut Out<S>) {
        if self.is_leader() {
            self.submit(now, command.client, command.nonce, command.bytes, out);
        }
    }

    /// Asks how far the log is agreed, if anybody wants to know and somebody leads.
    pub(super) fn ask_around(&mut self, now: Moment) {
        if self.node.raft.leader_id == raft::INVALID_ID || self.writer.is_installing() {
            return;
        }
        let wait = Duration::from_millis(self.config.read_wait_ms);
        if let Some(context) = self.reads.begin(now, wait) {
            if planted::is(Bug::StaleRead) && self.is_leader() {
                self.reads.confirmed(&context, self.applied);
                return;
            }
            self.node.read_index(context);
            self.be_patient();
        }
    }

    /// Answers what the state as it is now answers.
    pub(super) fn answer_questions(&mut self, out: &mut Out<S>) {
        for question in self.reads.answerable(self.applied) {
            match question {
                Question::CatchUp => {
                    self.caught_up = true;
                    self.make_up(out);
                }
                Question::Query {
                    client,
                    nonce,
                    question,
                } => out.push(Output::Told {
                    client,
                    nonce,
                    seq: self.applied,
                    reply: self.state.query(&question),
                }),
            }
        }
    }
}
