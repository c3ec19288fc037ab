use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::rc::Rc;

use super::super::socket::bind;
use super::*;
use crate::proto::packet::Packet;

/// Sends what it is told to, tells what it receives.
#[derive(Debug, Default)]
struct Plain {
    out: VecDeque<(SocketAddr, Vec<u8>)>,
    arrived: VecDeque<Incoming>,
    shut: Vec<bool>,
    deadline: Option<Moment>,
    rung: usize,
    counts: counts::Counts,
}

const PARTY: Party = Party::Server(NodeId(7));

impl Core for Plain {
    fn order(&mut self, _: Moment, order: Order) {
        match order {
            Order::Gate(shut) => self.shut.push(shut),
            _ => unreachable!("only those are ordered"),
        }
    }

    fn receive(&mut self, _: Moment, at: SocketAddr, bytes: &mut [u8], stride: usize) {
        let packets = bytes
            .chunks(stride)
            .map(|one| Packet::Ping(one.len() as u64));
        self.arrived.push_back(Incoming {
            from: PARTY,
            at,
            packets: packets.collect(),
            moved: Vec::new(),
        });
    }

    fn transmit(&mut self, _: Moment, out: &mut Vec<u8>) -> Option<Transmit> {
        assert!(out.is_empty());
        let (to, bytes) = self.out.pop_front()?;
        out.extend_from_slice(&bytes);
        let datagram_bytes = 1_000;
        Some(Transmit { to, datagram_bytes })
    }

    fn arrived(&mut self) -> Option<Incoming> {
        self.arrived.pop_front()
    }

    fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    fn on_deadline(&mut self, _: Moment) {
        self.rung += 1;
        self.deadline = None;
    }

    fn counts(&self) -> &counts::Counts {
        &self.counts
    }
}

const NOW: Moment = Moment::START;

fn face() -> Face<Plain> {
    let socket = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    Face::open(NewFace {
        socket,
        core: Plain::default(),
        servers: BTreeSet::from([NodeId(1)]),
        users: false,
    })
    .unwrap()
}

type Told = Rc<RefCell<Vec<Incoming>>>;

fn sink() -> (Sink, Told) {
    let told = Told::default();
    let to = told.clone();
    let sink = move |shipment: Vec<Incoming>| {
        to.borrow_mut().extend(shipment);
        Ok(())
    };
    (Box::new(sink), told)
}

async fn wake(face: &mut Face<Plain>) -> Wake {
    poll_fn(|cx| face.poll_wake(NOW, cx)).await.unwrap()
}

fn turn(face: &mut Face<Plain>, wake: Wake, sink: &mut Sink) -> bool {
    turn_at(face, NOW, wake, sink)
}

fn turn_at(face: &mut Face<Plain>, now: Moment, wake: Wake, sink: &mut Sink) -> bool {
    let taken = face.take_in(now, wake, &mut Buffers::default(), sink);
    face.give_out(now, sink) || taken.has_more
}

#[tokio::test]
async fn what_one_face_writes_another_one_tells_in_one_shipment() {
    let (mut one, mut other) = (face(), face());
    let (mut sink, told) = sink();
    let to = other.local_address();
    one.core
        .out
        .extend([(to, vec![1; 2_500]), (to, vec![2; 500])]);
    assert!(!turn(&mut one, Wake::default(), &mut sink));
    while told
        .borrow()
        .iter()
        .map(|one| one.packets.len())
        .sum::<usize>()
        < 4
    {
        let wake = wake(&mut other).await;
        assert!(wake.readable);
        turn(&mut other, wake, &mut sink);
    }
    let sizes: Vec<Packet> = told
        .borrow()
        .iter()
        .flat_map(|one| one.packets.clone())
        .collect();
    assert_eq!(sizes, [1_000, 1_000, 500, 500].map(Packet::Ping));
    assert!(
        told.borrow()
            .iter()
            .all(|told| told.at == one.local_address())
    );
    let mut counts = Counts::default();
    one.add_counts(&mut counts);
    assert_eq!(counts.sockets.sent, 4);
}

#[tokio::test]
async fn goodbyes_leave_before_the_gate_shuts_and_nothing_while_it_is() {
    let (mut one, mut other) = (face(), face());
    let (mut sink, told) = sink();
    let to = other.local_address();
    one.core.out.push_back((to, vec![1; 10]));
    one.order(NOW, Order::Gate(true));
    assert!(one.core.out.is_empty(), "the goodbye left");
    one.core.out.push_back((to, vec![2; 20]));
    other.core.out.push_back((one.local_address(), vec![3; 30]));
    turn(&mut one, Wake::default(), &mut sink);
    turn(&mut other, Wake::default(), &mut sink);
    let woken = wake(&mut one).await;
    turn(&mut one, woken, &mut sink);
    assert!(told.borrow().is_empty(), "nothing comes in");
    one.order(NOW, Order::Gate(false));
    one.core.out.push_back((to, vec![4; 40]));
    turn(&mut one, Wake::default(), &mut sink);
    while told.borrow().len() < 2 {
        let wake = wake(&mut other).await;
        turn(&mut other, wake, &mut sink);
    }
    let packets: Vec<Packet> = told
        .borrow()
        .iter()
        .flat_map(|one| one.packets.clone())
        .collect();
    assert_eq!(packets, [Packet::Ping(10), Packet::Ping(40)]);
    assert_eq!(one.core.shut, [true, false]);
    let mut counts = Counts::default();
    one.add_counts(&mut counts);
    assert_eq!(counts.dropped["kept out by a planned failure"], 2);
}

#[tokio::test]
async fn a_turn_writes_a_bounded_burst_and_says_that_there_is_more() {
    let (mut one, other) = (face(), face());
    let (mut sink, _) = sink();
    for _ in 0..WRITE_BURST + 1 {
        one.core.out.push_back((other.local_address(), vec![1; 10]));
    }
    assert!(turn(&mut one, Wake::default(), &mut sink));
    assert_eq!(one.core.out.len(), 1);
    assert!(!turn(&mut one, Wake::default(), &mut sink));
}

#[tokio::test]
async fn a_blocked_socket_is_not_asked_for_more_and_its_transport_does_not_spin() {
    let (mut one, other) = (face(), face());
    let (mut sink, _) = sink();
    one.core.out.push_back((other.local_address(), vec![1; 10]));
    one.is_blocked = true;
    one.core.deadline = Some(NOW);
    assert_eq!(one.deadline(NOW), Some(NOW.after(BLOCKED_REST)));
    assert!(!turn(&mut one, Wake::default(), &mut sink));
    assert_eq!((one.core.out.len(), one.core.rung), (1, 1));
    let woken = wake(&mut one).await;
    assert!(woken.writable);
    turn(&mut one, woken, &mut sink);
    assert!(one.core.out.is_empty());
}

#[tokio::test]
async fn deadlines_wake_it() {
    let mut one = face();
    let (mut sink, _) = sink();
    one.core.deadline = Some(Moment::from_micros(200));
    let woken = wake(&mut one).await;
    assert!(woken.rung);
    // Too early: it waits again.
    turn(&mut one, woken, &mut sink);
    assert_eq!(one.core.rung, 0);
    let later = Moment::from_micros(200);
    turn_at(&mut one, later, woken, &mut sink);
    assert_eq!(one.core.rung, 1);
}

#[tokio::test]
async fn while_the_concerns_have_no_room_nothing_more_is_read() {
    let (mut one, mut other) = (face(), face());
    let mut full: Sink = Box::new(|shipment| Err(super::super::post::NotTaken::Full(shipment)));
    while !one.post.is_full() {
        other
            .core
            .out
            .push_back((one.local_address(), vec![1; 64_000]));
        turn(&mut other, Wake::default(), &mut full);
        let woken = wake(&mut one).await;
        turn(&mut one, woken, &mut full);
    }
    other
        .core
        .out
        .push_back((one.local_address(), vec![1; 64_000]));
    turn(&mut other, Wake::default(), &mut full);
    let woken = wake(&mut one).await;
    assert_eq!(
        woken,
        Wake {
            rung: true,
            ..Wake::default()
        }
    );
    let (mut sink, told) = sink();
    let later = one.post.deadline().unwrap();
    turn_at(&mut one, later, woken, &mut sink);
    assert!(!told.borrow().is_empty());
    assert!(wake(&mut one).await.readable);
}

#[tokio::test]
async fn parties_are_reached_as_configured() {
    let face = face();
    assert!(face.reaches(Party::Server(NodeId(1))));
    assert!(!face.reaches(Party::Server(NodeId(2))));
    assert!(!face.reaches_users());
}
