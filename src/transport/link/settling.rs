//! Tells those whom packets carried what became of them.

use std::collections::VecDeque;

use super::{Link, PACKETS_MAX, TRIES_MAX};
use crate::time::Moment;
use crate::transport::carried::{Carried, Kept};
use crate::transport::counts::Counts;
use crate::transport::receiver::FragmentReceiver;
use crate::transport::recovery::path_mtu::PathMtu;
use crate::transport::recovery::{Ack, AckResult, Due, Outcome};
use crate::transport::sender::FragmentSender;

/// Tells those whom packets carried what became of them.
struct Settling<'a> {
    now: Moment,
    /// Whether the session is the one that sends messages.
    is_current: bool,
    /// Whether it is the one that messages are received in.
    is_receiving: bool,
    sender: &'a mut FragmentSender,
    receiver: &'a mut FragmentReceiver,
    packets: &'a mut VecDeque<Kept>,
    refit: bool,
    /// Packets without a fragment.
    small: u32,
}

impl Settling<'_> {
    fn settle(&mut self, mtu: &mut PathMtu, outcome: Outcome<Carried>) {
        let (Outcome::Acked(packet) | Outcome::Lost(packet)) = &outcome;
        self.small += u32::from(packet.carried.piece.is_none());
        match outcome {
            Outcome::Acked(packet) => {
                match packet.probed_bytes {
                    Some(bytes) => self.refit |= mtu.on_probe_acked(bytes),
                    None => mtu.on_packet_acked(packet.bytes),
                }
                if let Some(piece) = packet.carried.piece.filter(|_| self.is_current) {
                    self.sender.on_acked(self.now, piece);
                }
            }
            Outcome::Lost(packet) => {
                match packet.probed_bytes {
                    Some(bytes) => mtu.on_probe_lost(self.now, bytes),
                    None => self.refit |= mtu.on_packet_lost(self.now, packet.bytes),
                }
                let carried = packet.carried;
                if self.is_current {
                    if let Some(piece) = carried.piece {
                        self.sender.on_lost(piece);
                    }
                    if let Some(message) = carried.cancel {
                        self.sender.on_cancel_lost(message);
                    }
                }
                if let Some(message) = carried.status.filter(|_| self.is_receiving) {
                    self.receiver.status_lost(message);
                }
                requeue(self.packets, carried.kept);
            }
        }
    }
}

/// What a packet of a session that is over carried and another one still can.
pub(super) fn say_again(packets: &mut VecDeque<Kept>, outcome: Outcome<Carried>) {
    if let Outcome::Lost(packet) = outcome {
        requeue(packets, packet.carried.kept);
    }
}

fn requeue(packets: &mut VecDeque<Kept>, lost: Vec<Kept>) {
    for packet in lost.into_iter().rev() {
        if packet.tries < TRIES_MAX && packets.len() < PACKETS_MAX {
            packets.push_front(packet);
        }
    }
}

impl Link {
    /// What became of packets is told to whom they carried.
    pub(super) fn on_ack(&mut self, now: Moment, place: usize, ack: &Ack<'_>, counts: &mut Counts) {
        let mut settling = Settling {
            now,
            is_current: place == 0,
            is_receiving: self.receiving == Some(self.sessions[place].local),
            sender: &mut self.sender,
            receiver: &mut self.receiver,
            packets: &mut self.packets,
            refit: false,
            small: 0,
        };
        let session = &mut self.sessions[place];
        let mtu = &mut session.mtu;
        let result = session
            .recovery
            .on_ack(now, ack, &mut |outcome| settling.settle(mtu, outcome));
        session.on_small_settled(settling.small);
        match result {
            AckResult::News => {
                session.keys_acknowledged(ack.largest);
                self.probes = 0;
                self.paced_until = None;
            }
            AckResult::Old => {}
            AckResult::Stranger => counts.drop_one("acknowledgement of what was not sent"),
        }
        if settling.refit {
            self.refit(now, place);
        }
    }

    /// The largest datagram has changed.
    pub(super) fn refit(&mut self, now: Moment, place: usize) {
        let session = &mut self.sessions[place];
        let datagram_bytes = session.datagram_bytes();
        session.recovery.set_datagram_bytes(datagram_bytes);
        if place == 0 {
            self.sender.refit(now, session.fragment_bytes());
            self.pending = None;
        }
    }

    pub(super) fn on_recovery_deadline(&mut self, now: Moment, place: usize) {
        let session = &mut self.sessions[place];
        if session.recovery.deadline().is_none_or(|at| at > now) {
            return;
        }
        let mut settling = Settling {
            now,
            is_current: place == 0,
            is_receiving: self.receiving == Some(session.local),
            sender: &mut self.sender,
            receiver: &mut self.receiver,
            packets: &mut self.packets,
            refit: false,
            small: 0,
        };
        let mtu = &mut session.mtu;
        let due = session
            .recovery
            .on_deadline(now, &mut |outcome| settling.settle(mtu, outcome));
        let mut refit = settling.refit;
        session.on_small_settled(settling.small);
        if due == Due::Probe {
            refit |= session.mtu.on_silence(now, session.recovery.pto_count());
            if place == 0 {
                self.probes = 2;
            }
        }
        if refit {
            self.refit(now, place);
        }
    }
}
