//! Ours, through its actors as in a node: the transport on a thread of its own, and who orders and
//! hears on another one. Nothing of a node but that is here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::{Addr, Handler, Message};
use actix_rt::{Arbiter, System, SystemRunner};
use bytes::Bytes;
use pentimento::crypto::static_key::StaticSecret;
use pentimento::net::face::NewFace;
use pentimento::net::post::{NotTaken, Sink};
use pentimento::net::socket;
use pentimento::net::transport_actor::{Edge, TransportActor};
use pentimento::proto::cargo::Cargo;
use pentimento::proto::ids::{Digest, NodeId, RequestId};
use pentimento::proto::packet::Party;
use pentimento::time::{Calendar, Moment};
use pentimento::transport::contract::{Incoming, Moved, Order};
use pentimento::transport::endpoint::{Config, Endpoint, Server, Us};
use pentimento::transport::pool::{self, Pool};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

use crate::clock;
use crate::peer::{
    BETWEEN, Client, Content, Fault, HEAD_BYTES, Job, Listening, Peer, UNDER_WAY, head, read_head,
};

/// Shipments that wait for who hears them.
const SHIPMENTS_MAX: usize = 1_024;
const NODE: NodeId = NodeId(1);
/// After so long without a word a session is over, and the next one begins with a ticket.
const FORGET: Duration = Duration::from_secs(400);
/// What the last acknowledgement takes to go out.
const SETTLE: Duration = Duration::from_millis(3);
/// What a ticket takes to come after a session has begun, and the last acknowledgement to arrive.
const TICKET_WAIT: Duration = Duration::from_millis(60);

/// Ours.
#[derive(Clone, Copy)]
pub(super) struct Ours {
    /// A cold request leaves in the first flight.
    pub(super) is_early: bool,
}

/// Carries an order to the transport.
#[derive(Message)]
#[rtype(result = "()")]
struct Do(Order);

impl Handler<Do> for TransportActor<Endpoint> {
    type Result = ();

    fn handle(&mut self, Do(order): Do, ctx: &mut Self::Context) {
        self.order(order, ctx);
    }
}

/// A transport on a thread of its own; ends with its handle.
struct Net {
    actor: Addr<TransportActor<Endpoint>>,
    arrivals: Receiver<Vec<Incoming>>,
    thread: Arbiter,
}

impl Net {
    /// Starts one. To be called inside a system.
    fn start(
        bind: SocketAddr,
        config: Config,
        pool: Pool,
        time: Time,
    ) -> Result<(Self, SocketAddr), Fault> {
        let (tell, arrivals) = channel(SHIPMENTS_MAX);
        let socket = socket::bind(bind)?;
        let address = socket.local_addr()?;
        let seed = fresh()?;
        let thread = Arbiter::new();
        let actor = TransportActor::start_in(&thread.handle(), move || Edge {
            faces: vec![NewFace {
                servers: config
                    .servers
                    .iter()
                    .map(|server| server.node)
                    .collect::<BTreeSet<_>>(),
                socket,
                core: Endpoint::new(config, seed).with_pool(pool),
                users: true,
            }],
            now: Box::new(move || time.now()),
            sink: sink(tell),
        });
        Ok((
            Self {
                actor,
                arrivals,
                thread,
            },
            address,
        ))
    }

    fn order(&self, order: Order) -> Result<(), Fault> {
        Ok(self
            .actor
            .try_send(Do(order))
            .map_err(|error| error.to_string())?)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.thread.stop();
    }
}

/// The clock of one end. It goes on over all its transports: whoever begins anew must not be taken
/// for a replay of before.
#[derive(Clone)]
struct Time {
    start: Instant,
    /// Seconds that it is ahead.
    later: Arc<AtomicU64>,
}

impl Time {
    fn start() -> Self {
        Self {
            start: clock::now(),
            later: Arc::default(),
        }
    }

    fn now(&self) -> Moment {
        let later = Duration::from_secs(self.later.load(Ordering::Relaxed));
        Moment::START.after(clock::since(self.start) + later)
    }
}

fn sink(tell: Sender<Vec<Incoming>>) -> Sink {
    Box::new(move |shipment| {
        tell.try_send(shipment).map_err(|error| match error {
            TrySendError::Full(shipment) => NotTaken::Full(shipment),
            TrySendError::Closed(_) => NotTaken::Closed,
        })
    })
}

/// Bytes that nobody else has.
fn fresh() -> Result<[u8; 32], Fault> {
    use rand::TryRng;

    let mut bytes = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

impl Peer for Ours {
    fn serve(&self, bind: SocketAddr) -> Result<Listening, Fault> {
        let secret = StaticSecret::from_bytes(fresh()?);
        let credential = secret.public().0.to_vec();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            let system = System::new();
            let config = Config::new(Us::Server(NODE), *secret.bytes(), Calendar::default());
            let pool = Pool::new(pool::Config::lan());
            let started = async { Net::start(bind, config, pool, Time::start()) };
            let started = system.block_on(started);
            match started {
                Ok((net, address)) => {
                    // Who started us waits for this very word.
                    let _ = tell.send(Ok(address));
                    // Whoever asks sees that it fails: no answer comes.
                    let _ = system.block_on(answer(net));
                }
                Err(fault) => drop(tell.send(Err(fault))),
            }
        };
        std::thread::Builder::new()
            .name("server".into())
            .spawn(work)?;
        Ok(Listening {
            address: told.recv()??,
            credential,
        })
    }

    fn client(&self, server: &Listening) -> Result<Box<dyn Client>, Fault> {
        let key = <[u8; 32]>::try_from(server.credential.as_slice())?;
        let mut client = OursClient {
            system: System::new(),
            server: Server {
                node: NODE,
                key: Some(key),
                address: server.address,
            },
            us: fresh()?,
            secret: fresh()?,
            time: Time::start(),
            pool: Pool::new(pool::Config::lan()),
            is_early: self.is_early,
            net: None,
            requests: 0,
            content: Content::default(),
            answer: Bytes::new(),
            heard: VecDeque::new(),
        };
        client.renew()?;
        Ok(Box::new(client))
    }
}

/// Answers every request, for ever.
async fn answer(mut net: Net) -> Result<(), Fault> {
    let content = Content::default();
    // As in a node, where whoever makes a picture knows its digest.
    let mut digests = BTreeMap::new();
    while let Some(shipment) = net.arrivals.recv().await {
        for incoming in shipment {
            for moved in incoming.moved {
                let Moved::Received {
                    cargo: Cargo::Body(request, _),
                    body,
                } = moved
                else {
                    continue;
                };
                let (_, down) = read_head(&body)?;
                let body = content.take(down);
                let digest = *digests.entry(down).or_insert_with(|| Digest::of(&body));
                net.order(Order::SendMessage {
                    to: incoming.from,
                    cargo: Cargo::Result {
                        request,
                        epoch: 0,
                        node: NODE,
                        hiding_us: 0,
                    },
                    digest: Some(digest),
                    body,
                })?;
            }
        }
    }
    Ok(())
}

struct OursClient {
    system: SystemRunner,
    server: Server,
    us: [u8; 32],
    secret: [u8; 32],
    time: Time,
    /// Outlives connections, as in a node.
    pool: Pool,
    is_early: bool,
    net: Option<Net>,
    requests: u32,
    content: Content,
    answer: Bytes,
    /// What has arrived and was not looked at.
    heard: VecDeque<Moved>,
}

impl OursClient {
    /// A transport that has no session yet.
    fn renew(&mut self) -> Result<(), Fault> {
        self.net = None;
        self.heard.clear();
        let config = Config {
            servers: vec![self.server.clone()],
            ..Config::new(Us::User(self.us), self.secret, Calendar::default())
        };
        let bind = match self.server.address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let (pool, time) = (self.pool.clone(), self.time.clone());
        let (net, _) = self
            .system
            .block_on(async { Net::start(bind, config, pool, time) })?;
        self.net = Some(net);
        Ok(())
    }

    fn request(&mut self, job: Job) -> Result<RequestId, Fault> {
        self.requests += 1;
        let request = RequestId {
            boot: 1,
            counter: self.requests,
        };
        let mut body = Vec::with_capacity(HEAD_BYTES + job.up());
        body.extend_from_slice(&head(job));
        body.extend_from_slice(&self.content.take(job.up()));
        self.net()?.order(Order::SendMessage {
            to: Party::Server(NODE),
            cargo: Cargo::Body(request, 0),
            body: body.into(),
            digest: None,
        })?;
        Ok(request)
    }

    fn net(&mut self) -> Result<&mut Net, Fault> {
        Ok(self.net.as_mut().ok_or("no transport")?)
    }

    /// Hears until one of these is answered.
    fn hear(&mut self, open: &BTreeMap<RequestId, Instant>) -> Result<(RequestId, Bytes), Fault> {
        let net = self.net.as_mut().ok_or("no transport")?;
        loop {
            // One shipment may bring several answers.
            while let Some(moved) = self.heard.pop_front() {
                match moved {
                    Moved::Received {
                        cargo: Cargo::Result { request, .. },
                        body,
                    } if open.contains_key(&request) => return Ok((request, body)),
                    Moved::Failed { reason, .. } => return Err(format!("{reason:?}").into()),
                    _ => {}
                }
            }
            let shipment = self.system.block_on(net.arrivals.recv());
            let shipment = shipment.ok_or("the transport has ended")?;
            self.heard
                .extend(shipment.into_iter().flat_map(|incoming| incoming.moved));
        }
    }

    /// Lets time pass; what arrives meanwhile is taken, as by concerns with nothing else to do.
    fn wait(&mut self, time: Duration) -> Result<(), Fault> {
        let start = clock::now();
        loop {
            let left = time.saturating_sub(clock::since(start));
            let net = self.net.as_mut().ok_or("no transport")?;
            let arrivals = net.arrivals.recv();
            let heard = self
                .system
                .block_on(async { tokio::time::timeout(left, arrivals).await });
            let Ok(shipment) = heard else { return Ok(()) };
            let shipment = shipment.ok_or("the transport has ended")?;
            self.heard
                .extend(shipment.into_iter().flat_map(|incoming| incoming.moved));
        }
    }
}

impl Client for OursClient {
    fn transfer(&mut self, job: Job) -> Result<&[u8], Fault> {
        let request = self.request(job)?;
        let open = BTreeMap::from([(request, clock::now())]);
        (_, self.answer) = self.hear(&open)?;
        Ok(&self.answer)
    }

    fn urgent(&mut self, bulk: Job, small: Job, times: u32) -> Result<Vec<Duration>, Fault> {
        let large = self.request(bulk)?;
        let mut open = BTreeMap::from([(large, clock::now())]);
        self.wait(UNDER_WAY)?;
        let mut took = Vec::new();
        for _ in 0..times {
            self.wait(BETWEEN)?;
            let start = clock::now();
            let request = self.request(small)?;
            open.insert(request, start);
            loop {
                let (answered, _) = self.hear(&open)?;
                open.remove(&answered);
                if answered == request {
                    break;
                }
            }
            took.push(clock::since(start));
        }
        while !open.is_empty() {
            let (answered, _) = self.hear(&open)?;
            open.remove(&answered);
        }
        Ok(took)
    }

    fn settle(&mut self, is_cold: bool) -> Result<(), Fault> {
        self.answer = Bytes::new();
        self.heard.clear();
        if !is_cold {
            self.wait(SETTLE)?;
        } else if self.is_early {
            self.wait(TICKET_WAIT)?;
            // Much later, the session is over and the ticket is still good.
            self.time
                .later
                .fetch_add(FORGET.as_secs(), Ordering::Relaxed);
            let nothing = RequestId {
                boot: 0,
                counter: 0,
            };
            let to = Party::Server(NODE);
            self.net()?.order(Order::Cancel {
                to,
                cargo: Cargo::Body(nothing, 0),
            })?;
            self.wait(SETTLE)?;
        } else {
            // The last acknowledgement must be there, or the answer comes again beside the next.
            self.wait(TICKET_WAIT)?;
            self.renew()?;
            self.wait(SETTLE)?;
        }
        Ok(())
    }
}
