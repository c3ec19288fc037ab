//! What raft has ready: letters, entries for the disk, entries for the state.
//!
//! Raft goes on while the disk writes (its asynchronous interface): a leader's letters leave at
//! once, so that it writes at the same time as the others; everybody else's wait for the disk.
//! Only the answer to a heartbeat and a question do not wait: they promise nothing, and a leader
//! whose followers have slow disks would step down without the first.

use raft::Ready;
use raft::eraftpb::{Entry, EntryType, MessageType};

use super::log::Kept;
use super::rows::VoteRow;
use super::wire::{Envelope, LogEntry};
use super::writer::{Done, Held};
use super::{Consensus, Out, Output, Standing, StateMachine};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::Moment;

impl<S: StateMachine> Consensus<S> {
    /// Does everything that can be done now.
    pub(super) fn turn(&mut self, now: Moment, out: &mut Out<S>) {
        if self.entrance.is_some() {
            return;
        }
        loop {
            if self.is_mute() {
                return;
            }
            self.propose(now);
            self.ask_around(now);
            if self.node.has_ready() {
                let ready = self.node.ready();
                self.take(now, ready, out);
            } else if let Some(done) = self.writer.settled() {
                self.done(now, done, out);
            } else {
                break;
            }
        }
        self.answer_questions(out);
        self.order(now, out);
    }

    /// Gives the disk the next write, if there is one and it is free.
    fn order(&mut self, now: Moment, out: &mut Out<S>) {
        let hard = self.node.raft.hard_state();
        let vote = VoteRow {
            term: hard.term,
            vote: hard.vote,
            commit: hard.commit,
            end: self.node.store().end(),
        };
        if let Some((ticket, order)) = self.writer.order(now, &vote) {
            out.push(Output::Disk { ticket, order });
            if planted::is(Bug::FsyncSkipped) {
                self.written(now, out);
            }
        }
    }

    fn take(&mut self, now: Moment, mut ready: Ready, out: &mut Out<S>) {
        for message in ready.take_messages() {
            if let Some(letter) = Self::addressed(message) {
                self.post(now, letter, out);
            }
        }
        for read in ready.take_read_states() {
            self.reads.confirmed(&read.request_ctx, read.index);
        }
        if !ready.snapshot().is_empty() {
            self.install(&ready, out);
        }
        for entry in ready.take_entries() {
            let row = LogEntry::of(&entry);
            if planted::is(Bug::ReleasedBeforeApply) {
                self.carry_out_early(&entry, out);
            }
            let place = self.node.mut_store().put(entry);
            let place = place.expect("raft appends behind what it has");
            self.writer.entry(row, place);
        }
        if ready.must_sync() && !planted::is(Bug::VoteNotWritten) {
            self.writer.vote();
        }
        let mut letters: Vec<Held> = Vec::new();
        for message in ready.take_persisted_messages() {
            let promises = !matches!(
                message.get_msg_type(),
                MessageType::MsgHeartbeatResponse | MessageType::MsgReadIndex
            );
            match Self::addressed(message) {
                Some(letter) if promises && !planted::is(Bug::SentBeforePersisted) => {
                    letters.push(letter);
                }
                Some(letter) => self.post(now, letter, out),
                None => {}
            }
        }
        self.writer.close(ready.number(), letters);
        let decided = ready.take_committed_entries();
        self.node.advance_append_async(ready);
        for entry in decided {
            self.apply(entry, out);
        }
        self.grow_up();
        self.note_applied();
    }

    /// What was written is on disk: raft goes on, and letters leave.
    fn done(&mut self, now: Moment, done: Done, out: &mut Out<S>) {
        self.persisted(done.number);
        for letter in done.letters {
            self.post(now, letter, out);
        }
    }

    fn persisted(&mut self, number: u64) {
        if number > 0 {
            self.node.on_persist_ready(number);
            self.be_patient();
        }
        self.note_applied();
    }

    /// The disk has answered that the write under way is done.
    pub(super) fn written(&mut self, now: Moment, out: &mut Out<S>) {
        let Some(done) = self.writer.written() else {
            return;
        };
        if self.disk_fails.take().is_some() {
            self.tick_at = now;
        }
        self.done(now, done, out);
    }

    /// Tells raft how far the state is, as far as raft may hear it: a state that came from another
    /// server counts when it is on disk.
    fn note_applied(&mut self) {
        let log = &self.node.raft.raft_log;
        let applied = self.applied.min(log.persisted).min(log.committed);
        if applied > log.applied {
            self.node.advance_apply_to(applied);
        }
    }

    /// Takes the state of another server in the place of ours.
    fn install(&mut self, ready: &Ready, out: &mut Out<S>) {
        let kept = Kept::of(ready.snapshot()).expect("it was opened before raft saw it");
        let seq = kept.at.index;
        let incoming = self.incoming.take().filter(|&(index, _)| index == seq);
        let (_, state) = incoming.expect("it was opened before raft saw it");
        self.state = state;
        self.applied = seq;
        self.node.mut_store().replace(kept);
        self.writer.install(self.node.store());
        self.checkpoints.reached(seq, self.state.digest());
        out.push(Output::Restored { seq });
        self.make_up(out);
        self.compare(out);
    }

    /// Carries out what a state that came as a whole did not tell.
    pub(super) fn make_up(&mut self, out: &mut Out<S>) {
        let effects = self.state.made_up();
        if !effects.is_empty() {
            out.push(Output::Effects {
                seq: self.applied,
                effects,
                replayed: true,
            });
        }
    }

    fn apply(&mut self, entry: Entry, out: &mut Out<S>) {
        // Whoever is out of the group says no more.
        if self.quarantine.is_some() {
            return;
        }
        let seq = entry.index;
        self.applied = seq;
        self.counts.applied += 1;
        // A leader begins its term with an entry without data.
        if entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty() {
            match codec::decode::<Envelope>(&entry.data, MESSAGE_MAX_BYTES) {
                Ok(envelope) => self.apply_command(seq, &envelope, out),
                Err(_) => self.counts.strange_entries += 1,
            }
        }
        if seq.is_multiple_of(self.config.checkpoint_every) {
            self.checkpoint(seq, out);
        }
    }

    fn apply_command(&mut self, seq: u64, envelope: &Envelope, out: &mut Out<S>) {
        let command = envelope.command.as_ref();
        let bytes = command.map_or(&[][..], |command| &command.bytes);
        let (reply, effects) = self.state.apply(seq, envelope.stamp, bytes);
        if !effects.is_empty() {
            out.push(Output::Effects {
                seq,
                effects,
                replayed: !self.caught_up,
            });
        }
        let Some((client, nonce)) = command.map(|command| (command.client, command.nonce)) else {
            return;
        };
        // Nobody waits for it any more; who gets no answer, because not everything older is applied
        // here yet, says it again.
        if self.waiting.answered((client, nonce)) && self.standing() == Standing::Serving {
            out.push(Output::Answer {
                client,
                nonce,
                seq,
                reply,
            });
        }
    }

    /// Writes the state down, cuts the log behind it, and tells the others what it is.
    fn checkpoint(&mut self, seq: u64, out: &mut Out<S>) {
        self.checkpoints.reached(seq, self.state.digest());
        self.tell_checkpoint(out);
        self.compare(out);
        let state = self.state.snapshot();
        let at = self.node.store().place(seq);
        let at = at.expect("what is applied is in the log");
        let tail = self.config.log_tail;
        self.node.mut_store().keep(Kept { at, state }, tail);
        self.writer.checkpoint(self.node.store());
    }
}
