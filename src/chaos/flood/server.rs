//! The server that is flooded: the net edge of a node with a transport, and nobody behind it.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};

use actix::Actor;
use tokio::sync::oneshot;

use crate::crypto::static_key::StaticSecret;
use crate::net::counts::Counts;
use crate::net::face::NewFace;
use crate::net::socket;
use crate::net::transport_actor::{CountsWanted, Edge, TransportActor};
use crate::node::clock::Clock;
use crate::proto::ids::NodeId;
use crate::transport::endpoint::{Config, Endpoint, Server, Us};

/// Its number.
const NODE: NodeId = NodeId(1);
const SECRET: [u8; 32] = [0x51; 32];
const SEED: [u8; 32] = [0x52; 32];

/// A server under way.
pub(super) struct Victim {
    /// How clients know it.
    pub(super) server: Server,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Counts>,
}

impl Victim {
    /// Starts it on a thread of its own.
    pub(super) fn start(clock: Clock) -> io::Result<Self> {
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let server = Server {
            node: NODE,
            key: Some(StaticSecret::from_bytes(SECRET).public().0),
            address: socket.local_addr()?,
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = sync_channel(1);
        let work = move || {
            actix_rt::System::new().block_on(async {
                let config = Config::new(Us::Server(NODE), SECRET, clock.calendar());
                let actor = TransportActor::new(Edge {
                    faces: vec![NewFace {
                        socket,
                        core: Endpoint::new(config, SEED),
                        servers: BTreeSet::new(),
                        users: true,
                    }],
                    now: Box::new(move || clock.now()),
                    // Who came is seen at the other end.
                    sink: Box::new(|_| Ok(())),
                });
                let actor = actor.map(Actor::start);
                // Who started us waits for this very word.
                let _ = tell.send(actor.as_ref().map(|_| ()).map_err(io::Error::kind));
                // It is dropped if nobody waits any more.
                let _ = stopped.await;
                match actor {
                    Ok(actor) => actor.send(CountsWanted).await.unwrap_or_default(),
                    Err(_) => Counts::default(),
                }
            })
        };
        let thread = Builder::new().name("flooded".into()).spawn(work)?;
        told.recv().map_err(io::Error::other)??;
        Ok(Self {
            server,
            stop,
            thread,
        })
    }

    /// Ends it; gives what it counted.
    pub(super) fn end(self) -> Counts {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}
