//! What other servers say, and what is said to them.

use core::time::Duration;

use raft::eraftpb::{Message, MessageType};
use raft::{ProgressState, SnapshotStatus};

use super::entrance::{Entrance, Way};
use super::guard::{self, Verdict};
use super::log::Kept;
use super::wire::{self, Letter, RaftMessage};
use super::writer::Held;
use super::{Consensus, Out, Output, StateMachine, Why};
use crate::planted::{self, Bug};
use crate::proto::ids::NodeId;
use crate::time::Moment;

impl<S: StateMachine> Consensus<S> {
    pub(super) fn heard(&mut self, now: Moment, from: NodeId, bytes: &[u8], out: &mut Out<S>) {
        if self.is_mute() {
            return;
        }
        let group = self.node.store().group();
        if from == self.config.me || !guard::belongs(group, from) {
            self.counts.bad_messages += 1;
            return;
        }
        match Letter::decode(bytes) {
            Ok(Letter::Raft(message)) => {
                let message = message.into_raft(from, self.config.me);
                self.step(message, out);
            }
            Ok(Letter::Pass(command)) => self.passed(now, command, out),
            Ok(Letter::Hello { boot, new_ones }) => self.greeted(from, boot, &new_ones, out),
            Ok(Letter::Welcome { boot, term, is_in }) if guard::is_reached(term) => {
                if let Some(entrance) = &mut self.entrance {
                    entrance.welcomed(from, boot, term, is_in);
                }
                self.come_in();
            }
            Ok(Letter::Checkpoint { seq, digest }) => {
                self.checkpoints.heard(from, seq, digest);
                self.compare(out);
            }
            Ok(Letter::Welcome { .. }) | Err(_) => self.counts.bad_messages += 1,
        }
    }

    fn step(&mut self, message: Message, out: &mut Out<S>) {
        // Raft may not be asked for anything while its log is replaced; whoever speaks repeats it.
        if self.writer.is_installing() || self.entrance.is_some() {
            return;
        }
        let is_novice = self.node.store().floor().is_some();
        if is_novice && guard::makes_leaders(&message) {
            return;
        }
        match guard::judge(&self.node, &message) {
            Verdict::Fine => {}
            Verdict::Wrong => {
                self.counts.bad_messages += 1;
                return;
            }
            Verdict::Forgot => {
                self.quarantine(Why::Forgot, out);
                return;
            }
        }
        if message.get_msg_type() == MessageType::MsgSnapshot && !self.unpack(&message) {
            self.counts.bad_messages += 1;
            return;
        }
        // An error means that raft had no use for it.
        let _ = self.node.step(message);
        self.be_patient();
    }

    /// Another server has an empty disk. It gets our term, which no vote of ours is above.
    fn greeted(&mut self, from: NodeId, boot: u64, new_ones: &[NodeId], out: &mut Out<S>) {
        if let Some(entrance) = &mut self.entrance {
            entrance.greeted(from, self.config.me, new_ones);
        }
        let letter = Letter::Welcome {
            boot,
            term: self.node.raft.term,
            is_in: self.entrance.is_none(),
        };
        let message = letter.encode();
        out.push(Output::Send { to: from, message });
        self.come_in();
    }

    /// Takes part from here on, if everybody has answered.
    fn come_in(&mut self) {
        let Some(way) = self.entrance.as_ref().and_then(Entrance::way) else {
            return;
        };
        self.entrance = None;
        if let Way::Novice { floor } = way
            && !planted::is(Bug::ForgetfulVotes)
        {
            self.node.mut_store().set_floor(Some(floor));
            self.node.raft.become_follower(floor, raft::INVALID_ID);
            self.be_patient();
        }
        self.writer.base(self.node.store());
    }

    /// A novice that has applied an entry of a term that it had no part in votes again.
    pub(super) fn grow_up(&mut self) {
        let log = self.node.store();
        let reached = log.place(self.applied).map_or(0, |place| place.term);
        if log.floor().is_some_and(|floor| reached >= floor) {
            self.node.mut_store().set_floor(None);
            self.writer.base(self.node.store());
        }
    }

    /// Says that this server has an empty disk, until it is in.
    pub(super) fn say_hello(&self, out: &mut Out<S>) {
        let Some(entrance) = &self.entrance else {
            return;
        };
        let message = entrance.hello().encode();
        for &to in &self.config.peers {
            out.push(Output::Send {
                to,
                message: message.clone(),
            });
        }
    }

    /// Opens a state before raft hears of it: one that cannot be opened must not replace ours.
    fn unpack(&mut self, message: &Message) -> bool {
        let Some(kept) = Kept::of(message.get_snapshot()) else {
            return false;
        };
        match S::restore(&kept.state) {
            Ok(state) => {
                self.incoming = Some((kept.at.index, state));
                true
            }
            Err(_) => false,
        }
    }

    /// Sends what raft says, or drops it if nothing may be said.
    pub(super) fn post(&mut self, now: Moment, (to, message): Held, out: &mut Out<S>) {
        if self.is_mute() {
            return;
        }
        if let Some(parcel) = &message.snapshot {
            self.sent_states.insert(wire::raft_id(to), now);
            if parcel.data.len() > self.config.snapshot_max_bytes {
                self.counts.too_large_states += 1;
                return;
            }
        }
        let message = Letter::Raft(message).encode();
        out.push(Output::Send { to, message });
    }

    /// A message of raft with its receiver, if it leaves the host.
    pub(super) fn addressed(message: Message) -> Option<Held> {
        let to = wire::node_id(message.to)?;
        Some((to, RaftMessage::of(message)?))
    }

    /// A state that was sent and not confirmed in time is taken for lost. Raft waits for ever.
    pub(super) fn look_after_states(&mut self, now: Moment) {
        let wait = Duration::from_millis(self.config.snapshot_wait_ms);
        let mut over = Vec::new();
        for (&to, &since) in &self.sent_states {
            let progress = self.node.raft.prs().get(to);
            if progress.is_none_or(|progress| progress.state != ProgressState::Snapshot) {
                over.push((to, false));
            } else if now.since(since) >= wait {
                over.push((to, true));
            }
        }
        for (to, is_lost) in over {
            self.sent_states.remove(&to);
            if is_lost {
                self.node.report_snapshot(to, SnapshotStatus::Failure);
            }
        }
    }

    /// Tells the others our newest checkpoint, once in a while: letters get lost.
    pub(super) fn tell_checkpoint(&self, out: &mut Out<S>) {
        let Some((seq, digest)) = self.checkpoints.newest() else {
            return;
        };
        let message = Letter::Checkpoint { seq, digest }.encode();
        for &to in &self.config.peers {
            out.push(Output::Send {
                to,
                message: message.clone(),
            });
        }
    }

    /// Looks whether a majority made something else of the same commands.
    pub(super) fn compare(&mut self, out: &mut Out<S>) {
        if let Some(seq) = self.checkpoints.outvoted()
            && !planted::is(Bug::DigestsNotCompared)
        {
            self.quarantine(Why::Differs(seq), out);
        }
    }

    /// Makes the server that has most of the log the next leader, if this one leads.
    pub(super) fn hand_over(&mut self) {
        if self.is_mute() || !self.is_leader() {
            return;
        }
        let me = wire::raft_id(self.config.me);
        let heir = self
            .node
            .raft
            .prs()
            .iter()
            .filter(|&(&id, progress)| id != me && progress.recent_active)
            .map(|(&id, progress)| (progress.matched, id))
            .max();
        if let Some((_, heir)) = heir {
            self.node.transfer_leader(heir);
        }
    }
}
