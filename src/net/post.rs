//! What arrived, on its way to the concerns.
//!
//! Goes in shipments of bounded size, so that no mailbox behind them overflows at once. What the
//! concerns have no room for waits and is tried again; nothing of it is dropped here. Whoever
//! fills it asks first whether it is full, and then stops reading.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Moment;
use crate::transport::contract::Incoming;

/// Packets and events in one shipment at the most.
pub const SHIPMENT_PIECES: usize = 128;
/// Packets and events that wait before no more is read from the socket.
const WAITING_PIECES: usize = 4_096;
/// After the concerns had no room they are asked again so much later.
const AGAIN: Duration = Duration::from_millis(1);

/// Why a shipment was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// There is no room; here it is back.
    Full(Vec<Incoming>),
    /// Nobody is there any more.
    Closed,
}

/// Takes shipments to the concerns.
pub type Sink = Box<dyn FnMut(Vec<Incoming>) -> Result<(), NotTaken>>;

/// What waits for the concerns.
#[derive(Debug, Default)]
pub struct Post {
    waiting: VecDeque<Incoming>,
    waiting_pieces: usize,
    again_at: Option<Moment>,
    refusals: u64,
}

fn pieces(incoming: &Incoming) -> usize {
    incoming.packets.len() + incoming.moved.len()
}

impl Post {
    /// Adds what arrived.
    pub fn push(&mut self, incoming: Incoming) {
        self.waiting_pieces += pieces(&incoming);
        self.waiting.push_back(incoming);
    }

    /// Whether so much waits that no more should come.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.waiting_pieces >= WAITING_PIECES
    }

    /// When [`Post::ship`] should be called even if nothing is added.
    #[must_use]
    pub const fn deadline(&self) -> Option<Moment> {
        self.again_at
    }

    /// Times that there was no room.
    #[must_use]
    pub const fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.waiting_pieces = 0;
        self.again_at = None;
    }

    /// Ships what waits, as far as there is room.
    pub fn ship(&mut self, now: Moment, sink: &mut Sink) {
        if self.again_at.is_some_and(|at| at > now) {
            return;
        }
        self.again_at = None;
        while !self.waiting.is_empty() {
            let shipment = self.shipment();
            match sink(shipment) {
                Ok(()) => {}
                Err(NotTaken::Full(shipment)) => {
                    for incoming in shipment.into_iter().rev() {
                        self.waiting_pieces += pieces(&incoming);
                        self.waiting.push_front(incoming);
                    }
                    self.refusals += 1;
                    self.again_at = Some(now.after(AGAIN));
                    return;
                }
                Err(NotTaken::Closed) => self.clear(),
            }
        }
    }

    /// Takes the next shipment out. What one party sent is cut if it is too much.
    fn shipment(&mut self) -> Vec<Incoming> {
        let mut shipment = Vec::with_capacity(self.waiting.len().min(SHIPMENT_PIECES));
        let mut room = SHIPMENT_PIECES;
        while room > 0
            && let Some(mut incoming) = self.waiting.pop_front()
        {
            let size = pieces(&incoming);
            if size > room {
                let rest = cut(&mut incoming, room);
                self.waiting.push_front(rest);
            }
            let taken = size.min(room);
            self.waiting_pieces -= taken;
            room -= taken;
            shipment.push(incoming);
        }
        shipment
    }
}

/// Leaves `first` pieces and gives the rest.
fn cut(incoming: &mut Incoming, first: usize) -> Incoming {
    let packets = incoming.packets.len().min(first);
    Incoming {
        from: incoming.from,
        at: incoming.at,
        packets: incoming.packets.split_off(packets),
        moved: incoming.moved.split_off(first - packets),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;
    use crate::proto::ids::NodeId;
    use crate::proto::packet::{Packet, Party};

    fn incoming(nonces: core::ops::Range<u64>) -> Incoming {
        Incoming {
            from: Party::Server(NodeId(1)),
            at: ([127, 0, 0, 1], 1).into(),
            packets: nonces.map(Packet::Ping).collect(),
            moved: Vec::new(),
        }
    }

    fn nonces(shipments: &[Vec<Incoming>]) -> Vec<u64> {
        let packets = shipments.iter().flatten().flat_map(|one| &one.packets);
        packets
            .map(|packet| match packet {
                Packet::Ping(nonce) => *nonce,
                _ => unreachable!("only those were sent"),
            })
            .collect()
    }

    /// A sink with room or without, and what it took.
    fn sink(has_room: &Rc<Cell<bool>>) -> (Sink, Rc<RefCell<Vec<Vec<Incoming>>>>) {
        let taken = Rc::new(RefCell::new(Vec::new()));
        let (room, to) = (has_room.clone(), taken.clone());
        let sink = move |shipment| {
            if !room.get() {
                return Err(NotTaken::Full(shipment));
            }
            to.borrow_mut().push(shipment);
            Ok(())
        };
        (Box::new(sink), taken)
    }

    #[test]
    fn shipments_are_bounded_and_keep_the_order() {
        let (mut sink, taken) = sink(&Rc::new(Cell::new(true)));
        let mut post = Post::default();
        post.push(incoming(0..100));
        post.push(incoming(100..500));
        post.ship(Moment::START, &mut sink);
        let taken = taken.borrow();
        let sizes: Vec<usize> = taken
            .iter()
            .map(|shipment| shipment.iter().map(pieces).sum())
            .collect();
        assert_eq!(sizes, [128, 128, 128, 116]);
        assert_eq!(nonces(&taken), (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn without_room_nothing_is_lost_and_it_is_tried_again() {
        let has_room = Rc::new(Cell::new(false));
        let (mut sink, taken) = sink(&has_room);
        let mut post = Post::default();
        post.push(incoming(0..200));
        post.ship(Moment::START, &mut sink);
        assert!(taken.borrow().is_empty());
        let again = post.deadline().unwrap();
        assert!(again > Moment::START);
        has_room.set(true);
        post.push(incoming(200..201));
        post.ship(Moment::START, &mut sink);
        assert!(taken.borrow().is_empty(), "not before the time");
        post.ship(again, &mut sink);
        assert_eq!(nonces(&taken.borrow()), (0..201).collect::<Vec<_>>());
        assert_eq!((post.deadline(), post.refusals()), (None, 1));
    }

    #[test]
    fn it_is_full_at_its_limit_and_not_before() {
        let limit = WAITING_PIECES as u64;
        let mut post = Post::default();
        post.push(incoming(0..limit - 1));
        assert!(!post.is_full());
        post.push(incoming(0..1));
        assert!(post.is_full());
        let (mut sink, _) = sink(&Rc::new(Cell::new(true)));
        post.ship(Moment::START, &mut sink);
        assert!(!post.is_full());
        assert_eq!(post.waiting_pieces, 0);
    }

    #[test]
    fn when_nobody_is_there_any_more_it_is_forgotten() {
        let mut post = Post::default();
        post.push(incoming(0..1_000));
        let mut sink: Sink = Box::new(|_| Err(NotTaken::Closed));
        post.ship(Moment::START, &mut sink);
        assert_eq!((post.waiting_pieces, post.deadline()), (0, None));
    }
}
