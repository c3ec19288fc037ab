use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use actix_rt::Arbiter;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::face::Transmit;
use super::super::post::NotTaken;
use super::super::socket::bind;
use super::*;
use crate::proto::cargo::Cargo;
use crate::proto::ids::{NodeId, RequestId};
use crate::proto::packet::Packet;
use crate::transport::counts;

/// Sends each packet as one datagram to the only other node, in clear. A transport for tests.
#[derive(Debug, Default)]
struct Plain {
    other: Option<SocketAddr>,
    out: VecDeque<Vec<u8>>,
    arrived: VecDeque<Incoming>,
    counts: counts::Counts,
}

impl Core for Plain {
    fn order(&mut self, _: Moment, order: Order) {
        if let Order::Send { packets, .. } = order {
            for packet in packets {
                let Packet::Ping(nonce) = packet else {
                    unreachable!("only those are sent");
                };
                self.out.push_back(nonce.to_le_bytes().to_vec());
            }
        }
    }

    fn receive(&mut self, _: Moment, at: SocketAddr, bytes: &mut [u8], stride: usize) {
        self.other = Some(at);
        let nonces = bytes.chunks(stride).filter_map(|one| one.try_into().ok());
        self.arrived.push_back(Incoming {
            from: Party::Server(NodeId(1)),
            at,
            packets: nonces
                .map(|one| Packet::Ping(u64::from_le_bytes(one)))
                .collect(),
            moved: Vec::new(),
        });
    }

    fn transmit(&mut self, _: Moment, out: &mut Vec<u8>) -> Option<Transmit> {
        let to = self.other?;
        out.extend(self.out.drain(..).flatten());
        let datagram_bytes = 8;
        (!out.is_empty()).then_some(Transmit { to, datagram_bytes })
    }

    fn arrived(&mut self) -> Option<Incoming> {
        self.arrived.pop_front()
    }

    fn deadline(&self) -> Option<Moment> {
        None
    }

    fn on_deadline(&mut self, _: Moment) {}

    fn counts(&self) -> &counts::Counts {
        &self.counts
    }
}

/// A clock that goes on by a tenth of a millisecond whenever it is read.
fn ticking() -> Now {
    let reads = Cell::new(0);
    Box::new(move || {
        reads.set(reads.get() + 1);
        Moment::from_micros(100 * reads.get())
    })
}

/// As the node's own message.
#[derive(Message)]
#[rtype(result = "()")]
struct Ordered(Order);

impl Handler<Ordered> for TransportActor<Plain> {
    type Result = ();

    fn handle(&mut self, Ordered(order): Ordered, ctx: &mut Self::Context) {
        self.order(order, ctx);
    }
}

/// An actor on a thread of its own, and what it tells.
struct Node {
    actor: Addr<TransportActor<Plain>>,
    told: mpsc::Receiver<Vec<Incoming>>,
    at: SocketAddr,
    _thread: Arbiter,
}

impl Node {
    /// Reaches server 1 by its first face, users by its second. `room` is for shipments.
    fn start(other: Option<SocketAddr>, room: usize) -> Self {
        let face = |other, servers: &[NodeId], users| NewFace {
            socket: bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap(),
            core: Plain {
                other,
                ..Plain::default()
            },
            servers: servers.iter().copied().collect::<BTreeSet<_>>(),
            users,
        };
        let first = face(other, &[NodeId(1)], false);
        let at = first.socket.local_addr().unwrap();
        let faces = vec![first, face(None, &[], true)];
        let (tell, told) = mpsc::channel(room);
        let thread = Arbiter::new();
        let actor = TransportActor::start_in(&thread.handle(), move || Edge {
            faces,
            now: ticking(),
            sink: Box::new(move |shipment| {
                tell.try_send(shipment).map_err(|error| match error {
                    mpsc::error::TrySendError::Full(shipment) => NotTaken::Full(shipment),
                    mpsc::error::TrySendError::Closed(_) => NotTaken::Closed,
                })
            }),
        });
        Self {
            actor,
            told,
            at,
            _thread: thread,
        }
    }

    async fn send(&self, nonces: core::ops::Range<u64>) {
        let order = Order::Send {
            to: Party::Server(NodeId(1)),
            packets: nonces.map(Packet::Ping).collect(),
        };
        self.actor.send(Ordered(order)).await.unwrap();
    }

    /// What is told until there are so many packets.
    async fn hear(&mut self, count: usize) -> Vec<u64> {
        let mut nonces = Vec::new();
        while nonces.len() < count {
            let shipment = self.told.recv().await.unwrap();
            let packets = shipment.into_iter().flat_map(|one| one.packets);
            nonces.extend(packets.map(|packet| match packet {
                Packet::Ping(nonce) => nonce,
                _ => unreachable!("only those are sent"),
            }));
        }
        nonces
    }

    async fn counts(&self) -> Counts {
        self.actor.send(CountsWanted).await.unwrap()
    }
}

fn in_a_system(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

#[test]
fn two_actors_on_threads_of_their_own_talk_back_and_forth() {
    in_a_system(async {
        let mut server = Node::start(None, 64);
        let mut client = Node::start(Some(server.at), 64);
        for round in 0..50 {
            client.send(round * 10..round * 10 + 7).await;
            let heard = server.hear(7).await;
            assert_eq!(heard, (round * 10..round * 10 + 7).collect::<Vec<_>>());
            server.send(round..round + 1).await;
            assert_eq!(client.hear(1).await, [round]);
        }
        let counts = client.counts().await;
        assert_eq!((counts.sockets.sent, counts.sockets.received), (350, 50));
        assert!(counts.sockets.granted_receive_bytes > 0);
    });
}

#[test]
fn orders_that_came_together_leave_together() {
    in_a_system(async {
        let mut server = Node::start(None, 64);
        let client = Node::start(Some(server.at), 64);
        let order = |nonce| Order::Send {
            to: Party::Server(NodeId(1)),
            packets: vec![Packet::Ping(nonce)],
        };
        // More than a burst; the mailbox has room for all.
        let count = 3 * ORDER_BURST as u64;
        for nonce in 0..count {
            client.actor.try_send(Ordered(order(nonce))).unwrap();
        }
        let heard = server.hear(count as usize).await;
        assert_eq!(heard, (0..count).collect::<Vec<_>>());
    });
}

#[test]
fn what_concerns_have_no_room_for_comes_later() {
    in_a_system(async {
        let mut server = Node::start(None, 1);
        let client = Node::start(Some(server.at), 64);
        // Each of these makes several shipments.
        client.send(0..600).await;
        while server.counts().await.waits_for_concerns == 0 {
            tokio::task::yield_now().await;
        }
        let heard = server.hear(600).await;
        assert_eq!(heard, (0..600).collect::<Vec<_>>());
    });
}

#[test]
fn a_message_to_somebody_whom_no_face_reaches_fails() {
    in_a_system(async {
        let mut node = Node::start(None, 64);
        let to = Party::Server(NodeId(9));
        let request = RequestId {
            boot: 1,
            counter: 1,
        };
        let cargo = Cargo::Body(request, 0);
        let message = Order::SendMessage {
            to,
            cargo,
            body: Bytes::from_static(b"x"),
            digest: None,
        };
        node.actor.send(Ordered(message)).await.unwrap();
        let told = node.told.recv().await.unwrap().remove(0);
        assert_eq!(told.from, to);
        let reason = SendFailure::Silent;
        assert_eq!(told.moved, [Moved::Failed { cargo, reason }]);
        assert_eq!(node.counts().await.dropped[NO_WAY], 1);
    });
}

#[test]
fn a_shut_node_is_silent_on_all_faces_until_it_opens() {
    in_a_system(async {
        let mut server = Node::start(None, 64);
        let client = Node::start(Some(server.at), 64);
        client.send(1..2).await;
        assert_eq!(server.hear(1).await, [1]);
        server.actor.send(Ordered(Order::Gate(true))).await.unwrap();
        client.send(2..3).await;
        server.send(3..4).await;
        let kept_out =
            |counts: &Counts| counts.dropped.get("kept out by a planned failure").copied();
        while kept_out(&server.counts().await) != Some(2) {
            tokio::task::yield_now().await;
        }
        server
            .actor
            .send(Ordered(Order::Gate(false)))
            .await
            .unwrap();
        client.send(4..5).await;
        assert_eq!(server.hear(1).await, [4]);
        assert_eq!(client.counts().await.sockets.received, 0);
    });
}
