//! The two ends of the model, by number, and what is on its way between them.
//!
//! The ends cannot be copied, since their memory is counted. So each is known by how it came to be
//! what it is, and made again for what happens next.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::MESSAGES;
use crate::models::Numbered;
use crate::proto::cargo::Cargo;
use crate::time::Moment;
use crate::transport::budget::Budget;
use crate::transport::message::{Fragment, Piece, Status};
use crate::transport::pool::{self, Pool};
use crate::transport::receiver::{self, FragmentReceiver, ReceiverEvent, Taken};
use crate::transport::sender::{self, FragmentSender, SenderEvent};

/// Bytes of the bodies: with their manifests three fragments and two.
const BODY_BYTES: [usize; MESSAGES] = [120, 60];

/// Bytes of a fragment, by session.
pub(super) const LENGTHS: [usize; 3] = [64, 80, 64];

/// What happens to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Out {
    /// A session begins.
    Begin(u8),
    /// A packet may leave.
    Next,
    /// A packet was acknowledged.
    Acked(Piece),
    /// A packet counts as lost.
    Lost(Piece),
    /// A status arrived.
    Heard(u32),
    /// A timer rings.
    Wait,
}

/// What happens to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum In {
    /// A session begins.
    Begin,
    /// A fragment arrived.
    Take(Piece, u32),
    /// A timer rings.
    Wait,
}

/// What an event makes of the sender.
pub(super) struct Sent {
    pub(super) sender: u32,
    /// What leaves, and the number of its data.
    pub(super) piece: Option<(Piece, u32)>,
    /// Messages that ended, and whether they are said to be delivered.
    pub(super) ended: Vec<(usize, bool)>,
}

/// What an event makes of the receiver.
pub(super) struct Came {
    pub(super) receiver: u32,
    /// Whether the packet may be acknowledged.
    pub(super) is_taken: bool,
    /// Whether there was no room.
    pub(super) is_turned_away: bool,
    /// Numbers of statuses to be said.
    pub(super) says: Vec<u32>,
    /// Messages handed on, and whether they are what was sent.
    pub(super) received: Vec<(usize, bool)>,
}

/// A piece of a message, with the size of the whole.
struct Data {
    total_bytes: u32,
    bytes: Vec<u8>,
}

/// The receiver with what it shares with others.
struct Receiver {
    machine: FragmentReceiver,
    budget: Budget,
    pool: Pool,
}

/// How an end came to be what it is.
type Path<E> = Vec<(u32, E)>;

pub(super) struct Kit {
    messages: usize,
    budget_bytes: usize,
    senders: Numbered<String, (Path<Out>, Option<u32>)>,
    receivers: Numbered<String, (Path<In>, Option<u32>, usize)>,
    data: Numbered<(u32, Vec<u8>), Data>,
    statuses: Numbered<String, Status>,
    sent: BTreeMap<(u32, u32, Out), Arc<Sent>>,
    came: BTreeMap<(u32, u32, In), Arc<Came>>,
}

fn body(message: usize) -> Bytes {
    (0..BODY_BYTES[message])
        .map(|n| (n * 7 + message) as u8 | 1)
        .collect()
}

const fn cargo(message: usize) -> Cargo {
    Cargo::MailState(message as u64)
}

fn message_of(cargo: Cargo) -> usize {
    let mut all = 0..MESSAGES;
    let found = all.find(|message| self::cargo(*message) == cargo);
    found.expect("no other is sent")
}

fn moment(time_ms: u32) -> Moment {
    Moment::from_millis(time_ms.into())
}

fn ms(at: Moment) -> u32 {
    u32::try_from(at.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX)
}

impl Kit {
    /// With so many messages to send; unfinished ones may have so much memory.
    pub(super) const fn new(messages: usize, budget_bytes: usize) -> Self {
        Self {
            messages,
            budget_bytes,
            senders: Numbered::new(),
            receivers: Numbered::new(),
            data: Numbered::new(),
            statuses: Numbered::new(),
            sent: BTreeMap::new(),
            came: BTreeMap::new(),
        }
    }

    /// The sender with all messages, in its first session.
    pub(super) fn first_sender(&mut self) -> u32 {
        let path = Vec::new();
        let sender = self.rebuilt_sender(&path);
        self.number_sender(path, &sender)
    }

    /// A receiver that has just begun.
    pub(super) fn first_receiver(&mut self) -> u32 {
        let path = Vec::new();
        let receiver = self.rebuilt_receiver(&path);
        self.number_receiver(path, &receiver)
    }

    fn number_sender(&mut self, path: Path<Out>, sender: &FragmentSender) -> u32 {
        let due_ms = sender.deadline().map(ms);
        self.senders.number(format!("{sender:?}"), (path, due_ms))
    }

    fn number_receiver(&mut self, path: Path<In>, receiver: &Receiver) -> u32 {
        let Receiver {
            machine,
            budget,
            pool,
        } = receiver;
        let held_bytes = budget.used_bytes() + pool.lent_bytes();
        let key = format!("{machine:?} {held_bytes}");
        let due_ms = machine.deadline().map(ms);
        self.receivers.number(key, (path, due_ms, held_bytes))
    }

    /// When the sender's timer rings.
    pub(super) fn sender_due_ms(&self, sender: u32) -> Option<u32> {
        self.senders.get(sender).1
    }

    /// When the receiver's timer rings.
    pub(super) fn receiver_due_ms(&self, receiver: u32) -> Option<u32> {
        self.receivers.get(receiver).1
    }

    /// Memory that is charged or lent at the receiver.
    pub(super) fn held_bytes(&self, receiver: u32) -> usize {
        self.receivers.get(receiver).2
    }

    pub(super) fn send(&mut self, sender: u32, time_ms: u32, event: Out) -> Arc<Sent> {
        if let Some(known) = self.sent.get(&(sender, time_ms, event)) {
            return Arc::clone(known);
        }
        let mut path = self.senders.get(sender).0.clone();
        let mut machine = self.rebuilt_sender(&path);
        let piece = give_sender(&mut machine, time_ms, event, &self.statuses);
        let piece = piece.map(|piece| {
            let mut bytes = Vec::new();
            machine.write(piece, &mut bytes);
            let total_bytes = machine.total(piece.message);
            let data = Data {
                total_bytes,
                bytes: bytes.clone(),
            };
            (piece, self.data.number((total_bytes, bytes), data))
        });
        let mut ended = Vec::new();
        while let Some(event) = machine.poll_event().or_else(|| machine.poll_progress()) {
            match event {
                SenderEvent::Delivered { cargo } => ended.push((message_of(cargo), true)),
                SenderEvent::Failed { cargo, .. } => ended.push((message_of(cargo), false)),
                SenderEvent::Progress { .. } => {}
            }
        }
        path.push((time_ms, event));
        let result = Arc::new(Sent {
            sender: self.number_sender(path, &machine),
            piece,
            ended,
        });
        let known = Arc::clone(&result);
        self.sent.insert((sender, time_ms, event), known);
        result
    }

    pub(super) fn receive(&mut self, receiver: u32, time_ms: u32, event: In) -> Arc<Came> {
        if let Some(known) = self.came.get(&(receiver, time_ms, event)) {
            return Arc::clone(known);
        }
        let mut path = self.receivers.get(receiver).0.clone();
        let mut whole = self.rebuilt_receiver(&path);
        let (taken, says, events) = self.give_receiver(&mut whole, time_ms, event);
        let received = events.into_iter().filter_map(|event| match event {
            ReceiverEvent::Received { cargo, body } => {
                let message = message_of(cargo);
                Some((message, body == self::body(message)))
            }
            ReceiverEvent::Started { .. } | ReceiverEvent::Progress { .. } => None,
        });
        let received = received.collect();
        let says = says.into_iter().map(|status| {
            let key = format!("{status:?}");
            self.statuses.number(key, status)
        });
        let says = says.collect();
        path.push((time_ms, event));
        let result = Arc::new(Came {
            receiver: self.number_receiver(path, &whole),
            is_taken: taken.is_some_and(|taken| taken != Taken::NotTaken),
            is_turned_away: taken == Some(Taken::NoRoom),
            says,
            received,
        });
        let known = Arc::clone(&result);
        self.came.insert((receiver, time_ms, event), known);
        result
    }

    fn rebuilt_sender(&self, path: &Path<Out>) -> FragmentSender {
        let mut sender = FragmentSender::new(sender::Config::lan());
        sender.begin_session(moment(0), LENGTHS[0]);
        for message in 0..self.messages {
            sender.send(moment(0), cargo(message), body(message), None);
        }
        for &(time_ms, event) in path {
            give_sender(&mut sender, time_ms, event, &self.statuses);
            while sender.poll_event().is_some() || sender.poll_progress().is_some() {}
        }
        sender
    }

    fn rebuilt_receiver(&self, path: &Path<In>) -> Receiver {
        let mut receiver = Receiver {
            machine: FragmentReceiver::new(receiver::Config::lan()),
            budget: Budget::new(self.budget_bytes),
            pool: Pool::new(pool::Config::lan()),
        };
        for &(time_ms, event) in path {
            self.give_receiver(&mut receiver, time_ms, event);
        }
        receiver
    }

    fn give_receiver(
        &self,
        receiver: &mut Receiver,
        time_ms: u32,
        event: In,
    ) -> (Option<Taken>, Vec<Status>, Vec<ReceiverEvent>) {
        let Receiver {
            machine,
            budget,
            pool,
        } = receiver;
        let now = moment(time_ms);
        let mut taken = None;
        match event {
            In::Begin => machine.begin_session(now, budget),
            In::Take(Piece { message, index }, data) => {
                let Data { total_bytes, bytes } = self.data.get(data);
                let fragment = Fragment {
                    message,
                    index,
                    total_bytes: *total_bytes,
                    data: bytes,
                };
                taken = Some(machine.on_fragment(now, &fragment, budget, pool));
            }
            In::Wait => machine.on_deadline(now, budget),
        }
        let mut says = Vec::new();
        while let Some(status) = machine.poll_status() {
            says.push(status);
        }
        let mut events = Vec::new();
        while let Some(event) = machine.poll_event().or_else(|| machine.poll_progress()) {
            events.push(event);
        }
        (taken, says, events)
    }
}

fn give_sender(
    sender: &mut FragmentSender,
    time_ms: u32,
    event: Out,
    statuses: &Numbered<String, Status>,
) -> Option<Piece> {
    let now = moment(time_ms);
    match event {
        Out::Begin(session) => sender.begin_session(now, LENGTHS[usize::from(session)]),
        Out::Next => return sender.next(now),
        Out::Acked(piece) => sender.on_acked(now, piece),
        Out::Lost(piece) => sender.on_lost(piece),
        Out::Heard(status) => sender.on_status(now, statuses.get(status)),
        Out::Wait => sender.on_deadline(now),
    }
    None
}
