//! What raft may be shown of what another server says.
//!
//! raft-rs trusts its peers: an index it does not have, an entry out of line or an answer to a
//! question it never asked end the process. So each message is held against the log first. What
//! cannot come from a sound server is dropped; what can only mean that *this* server has lost
//! something is told apart.

use raft::eraftpb::{EntryType, Message, MessageType};
use raft::{RawNode, StateRole};

use super::log::Log;
use super::wire::Group;
use crate::proto::ids::NodeId;

/// Terms and places beyond this come from nobody: it takes longer than anyone has.
const NUMBER_MAX: u64 = 1 << 62;

/// Questions of servers that a leader keeps while it asks whether it still leads.
const READS_MAX: usize = 1_024;

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Show it to raft.
    Fine,
    /// Drop it: no sound server says this.
    Wrong,
    /// A leader knows of entries that this server had on disk and has no more.
    Forgot,
}

/// Judges a message of a server of the group.
pub(super) fn judge(node: &RawNode<Log>, message: &Message) -> Verdict {
    let raft = &node.raft;
    let log = &raft.raft_log;
    if !numbers_are_sane(message) || !term_is_sane(message) {
        return Verdict::Wrong;
    }
    let kind = message.get_msg_type();
    if !message.get_entries().is_empty()
        && !matches!(
            kind,
            MessageType::MsgAppend | MessageType::MsgReadIndex | MessageType::MsgReadIndexResp
        )
    {
        return Verdict::Wrong;
    }
    let fine = match kind {
        MessageType::MsgAppend => is_in_line(message),
        MessageType::MsgHeartbeat => {
            if message.term >= raft.term && message.commit > log.last_index() {
                return Verdict::Forgot;
            }
            true
        }
        // Only a leader looks at it, and nobody has more than the leader of the same term.
        MessageType::MsgAppendResponse => {
            raft.state != StateRole::Leader
                || message.term != raft.term
                || message.index <= log.last_index()
        }
        MessageType::MsgSnapshot => is_snapshot(message, node.store().group()),
        MessageType::MsgReadIndex => {
            message.get_entries().len() == 1 && raft.pending_read_count() < READS_MAX
        }
        MessageType::MsgReadIndexResp => message.get_entries().len() == 1,
        // The question left after everything before it was on disk; so there is no answer before.
        MessageType::MsgRequestVoteResponse => {
            raft.state != StateRole::Candidate || log.persisted == log.last_index()
        }
        MessageType::MsgRequestVote
        | MessageType::MsgRequestPreVote
        | MessageType::MsgRequestPreVoteResponse
        | MessageType::MsgHeartbeatResponse
        | MessageType::MsgTimeoutNow => true,
        _ => false,
    };
    if fine { Verdict::Fine } else { Verdict::Wrong }
}

/// Whether it is about who leads next.
pub(super) fn makes_leaders(message: &Message) -> bool {
    matches!(
        message.get_msg_type(),
        MessageType::MsgRequestVote
            | MessageType::MsgRequestPreVote
            | MessageType::MsgRequestVoteResponse
            | MessageType::MsgRequestPreVoteResponse
            | MessageType::MsgTimeoutNow
    )
}

/// Whether a server can have come to this term, or a log to this place.
pub(super) const fn is_reached(number: u64) -> bool {
    number < NUMBER_MAX
}

fn numbers_are_sane(message: &Message) -> bool {
    [
        message.term,
        message.log_term,
        message.index,
        message.commit,
        message.commit_term,
        message.request_snapshot,
        message.reject_hint,
    ]
    .into_iter()
    .all(is_reached)
}

/// Raft takes a message without a term for one of its own.
fn term_is_sane(message: &Message) -> bool {
    (message.term == 0) == (message.get_msg_type() == MessageType::MsgReadIndex)
}

/// The entries follow one another from the place that the message names.
fn is_in_line(message: &Message) -> bool {
    if (message.index == 0) != (message.log_term == 0) {
        return false;
    }
    let (mut index, mut term) = (message.index, message.log_term);
    for entry in message.get_entries() {
        let follows = entry.index == index + 1 && entry.term >= term && entry.term > 0;
        if !follows || entry.get_entry_type() != EntryType::EntryNormal {
            return false;
        }
        (index, term) = (entry.index, entry.term);
    }
    term <= message.term && index < NUMBER_MAX
}

fn is_snapshot(message: &Message, group: &Group) -> bool {
    let about = message.get_snapshot().get_metadata();
    about.index > 0
        && about.index < NUMBER_MAX
        && about.term > 0
        && about.term <= message.term
        && Group::of(about.get_conf_state()) == *group
}

/// Whether a server belongs to the group.
pub(super) fn belongs(group: &Group, node: NodeId) -> bool {
    group.voters.contains(&super::wire::raft_id(node))
}
