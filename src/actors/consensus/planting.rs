//! What two of the bugs of [`crate::planted`] do; nobody calls it without them.

use raft::eraftpb::{Entry, Message, MessageType};

use super::wire::{self, Envelope};
use super::{Consensus, Out, Output, StateMachine};
use crate::proto::codec;
use crate::proto::limits::MESSAGE_MAX_BYTES;

impl<S: StateMachine> Consensus<S> {
    /// A leader takes everything in its log as confirmed by everybody.
    pub(super) fn believe_all_confirmed(&mut self) {
        for &peer in &self.config.peers {
            let mut message = Message::default();
            message.set_msg_type(MessageType::MsgAppendResponse);
            message.from = wire::raft_id(peer);
            message.to = wire::raft_id(self.config.me);
            message.term = self.node.raft.term;
            message.index = self.node.raft.raft_log.last_index();
            // Refused if it leads no more.
            let _ = self.node.step(message);
        }
    }

    /// What would follow from an entry if it were agreed now.
    pub(super) fn carry_out_early(&self, entry: &Entry, out: &mut Out<S>) {
        let Ok(envelope) = codec::decode::<Envelope>(&entry.data, MESSAGE_MAX_BYTES) else {
            return;
        };
        let Ok(mut state) = S::restore(&self.state.snapshot()) else {
            return;
        };
        let bytes = envelope
            .command
            .map_or_else(Default::default, |it| it.bytes);
        let (_, effects) = state.apply(entry.index, envelope.stamp, &bytes);
        if !effects.is_empty() {
            out.push(Output::Effects {
                seq: entry.index,
                effects,
                replayed: false,
            });
        }
    }
}
