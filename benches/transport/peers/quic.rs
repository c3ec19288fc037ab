//! QUIC by quinn, tuned: one AEAD pass by aws-lc, large windows and sockets, whole datagrams from
//! the start, chunks without a copy on the sender's side.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream,
    ServerConfig, TokioRuntime, TransportConfig,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Runtime;

use super::{certificate, streams};
use crate::clock;
use crate::peer::{
    BETWEEN, Client, Content, Fault, HEAD_BYTES, Job, Listening, Peer, UNDER_WAY, head, read_head,
};

const DATAGRAM_BYTES: u16 = 1_472;
/// Larger ones end the connection after a burst of losses.
const WINDOW_BYTES: u32 = 3_000_000;
const SOCKET_BYTES: usize = 4 << 20;
/// Chunks taken from a stream at once.
const CHUNKS: usize = 64;
/// What the last acknowledgement and the close take to go out.
const SETTLE: Duration = Duration::from_millis(3);
/// What a ticket for the next connection takes to come, at most.
const TICKET_WAIT: Duration = Duration::from_millis(60);

/// QUIC.
#[derive(Clone, Copy)]
pub(super) struct Quic {
    is_bbr: bool,
    is_early: bool,
}

impl Quic {
    /// With CUBIC, its default.
    pub(super) const CUBIC: Self = Self {
        is_bbr: false,
        is_early: false,
    };
    /// With its BBR.
    pub(super) const BBR: Self = Self {
        is_bbr: true,
        is_early: false,
    };
    /// With requests in the first flight.
    pub(super) const EARLY: Self = Self {
        is_bbr: false,
        is_early: true,
    };

    fn transport(self) -> Arc<TransportConfig> {
        let mut config = TransportConfig::default();
        config
            .stream_receive_window(WINDOW_BYTES.into())
            .receive_window(WINDOW_BYTES.into())
            .send_window(WINDOW_BYTES.into())
            .initial_mtu(DATAGRAM_BYTES)
            .min_mtu(DATAGRAM_BYTES)
            .mtu_discovery_config(None);
        if self.is_bbr {
            config.congestion_controller_factory(Arc::new(BbrConfig::default()));
        }
        Arc::new(config)
    }
}

/// An endpoint with large socket buffers. To be called inside a runtime.
fn endpoint(bind: SocketAddr, config: Option<ServerConfig>) -> Result<Endpoint, Fault> {
    let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.bind(&bind.into())?;
    let socket = UdpSocket::from(socket);
    let runtime = Arc::new(TokioRuntime);
    Ok(Endpoint::new(
        EndpointConfig::default(),
        config,
        socket,
        runtime,
    )?)
}

impl Peer for Quic {
    fn serve(&self, bind: SocketAddr) -> Result<Listening, Fault> {
        let (mut tls, credential) = certificate::server()?;
        if self.is_early {
            tls.max_early_data_size = u32::MAX;
        } else {
            tls.send_tls13_tickets = 0;
        }
        let crypto = QuicServerConfig::try_from(tls)?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(self.transport());
        let runtime = streams::runtime()?;
        let entered = runtime.enter();
        let endpoint = endpoint(bind, Some(config))?;
        drop(entered);
        let address = endpoint.local_addr()?;
        let content = Content::default();
        streams::spawn(runtime, async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(serve(incoming, content.clone()));
            }
        })?;
        Ok(Listening {
            address,
            credential,
        })
    }

    fn client(&self, server: &Listening) -> Result<Box<dyn Client>, Fault> {
        let mut tls = certificate::client(&server.credential)?;
        if self.is_early {
            tls.resumption = rustls::client::Resumption::default();
            tls.enable_early_data = true;
        }
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        config.transport_config(self.transport());
        let runtime = streams::runtime()?;
        let entered = runtime.enter();
        let bind = match server.address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let mut endpoint = endpoint(bind, None)?;
        endpoint.set_default_client_config(config);
        drop(entered);
        Ok(Box::new(QuicClient {
            runtime,
            endpoint,
            to: server.address,
            is_early: self.is_early,
            has_ticket: false,
            last: None,
            warm: None,
            content: Content::default(),
            buffer: Vec::new(),
        }))
    }
}

/// Answers what comes over one connection.
async fn serve(incoming: Incoming, content: Content) -> Result<(), Fault> {
    // A server speaks as soon as it can; for a full handshake this changes nothing.
    let connection = match incoming.accept()?.into_0rtt() {
        Ok((connection, _)) => connection,
        Err(connecting) => connecting.await?,
    };
    while let Ok((send, receive)) = connection.accept_bi().await {
        tokio::spawn(answer(send, receive, content.clone()));
    }
    Ok(())
}

async fn answer(
    mut send: SendStream,
    mut receive: RecvStream,
    content: Content,
) -> Result<(), Fault> {
    let mut head = [0; HEAD_BYTES];
    receive.read_exact(&mut head).await?;
    let (up, down) = read_head(&head)?;
    take(&mut receive, up, &mut Vec::new()).await?;
    send.write_chunk(content.take(down)).await?;
    Ok(send.finish()?)
}

/// Reads so many bytes into a buffer.
async fn take(stream: &mut RecvStream, bytes: usize, into: &mut Vec<u8>) -> Result<(), Fault> {
    let mut chunks: [Bytes; CHUNKS] = std::array::from_fn(|_| Bytes::new());
    into.clear();
    into.reserve(bytes);
    while into.len() < bytes {
        let count = stream
            .read_chunks(&mut chunks)
            .await?
            .ok_or("the stream ended early")?;
        for chunk in &mut chunks[..count] {
            into.extend_from_slice(chunk);
            *chunk = Bytes::new();
        }
    }
    Ok(())
}

struct QuicClient {
    runtime: Runtime,
    endpoint: Endpoint,
    to: SocketAddr,
    is_early: bool,
    has_ticket: bool,
    /// A cold one that is done, until it is closed.
    last: Option<Connection>,
    warm: Option<Connection>,
    content: Content,
    buffer: Vec<u8>,
}

async fn request(
    connection: &Connection,
    head: Bytes,
    up: Bytes,
) -> Result<(SendStream, RecvStream), Fault> {
    let (mut send, receive) = connection.open_bi().await?;
    send.write_all_chunks(&mut [head, up]).await?;
    send.finish()?;
    Ok((send, receive))
}

impl Client for QuicClient {
    fn transfer(&mut self, job: Job) -> Result<&[u8], Fault> {
        let up = self.content.take(job.up());
        let head = Bytes::copy_from_slice(&head(job));
        let has_ticket = self.has_ticket;
        self.runtime.block_on(async {
            let connection = match self.warm.take() {
                Some(connection) if !job.is_cold => connection,
                _ => {
                    let connecting = self.endpoint.connect(self.to, certificate::NAME)?;
                    match connecting.into_0rtt() {
                        Ok((connection, _)) => connection,
                        Err(connecting) if !has_ticket => connecting.await?,
                        Err(_) => return Err("no ticket for an early request".into()),
                    }
                }
            };
            let (_send, mut receive) = request(&connection, head, up).await?;
            take(&mut receive, job.down(), &mut self.buffer).await?;
            if job.is_cold {
                self.last = Some(connection);
            } else {
                self.warm = Some(connection);
            }
            Ok::<(), Fault>(())
        })?;
        Ok(&self.buffer)
    }

    fn urgent(&mut self, bulk: Job, small: Job, times: u32) -> Result<Vec<Duration>, Fault> {
        let up = self.content.take(small.up());
        let to = self.to;
        self.runtime.block_on(async {
            let connection = match self.warm.take() {
                Some(connection) => connection,
                None => self.endpoint.connect(to, certificate::NAME)?.await?,
            };
            let large = async {
                let head = Bytes::copy_from_slice(&head(bulk));
                let (_send, mut receive) = request(&connection, head, Bytes::new()).await?;
                take(&mut receive, bulk.down(), &mut self.buffer).await
            };
            let mut took = Vec::new();
            let smalls = async {
                let mut answer = Vec::new();
                wait(UNDER_WAY).await;
                for _ in 0..times {
                    wait(BETWEEN).await;
                    let start = clock::now();
                    let head = Bytes::copy_from_slice(&head(small));
                    let (_send, mut receive) = request(&connection, head, up.clone()).await?;
                    take(&mut receive, small.down(), &mut answer).await?;
                    took.push(clock::since(start));
                }
                Ok::<(), Fault>(())
            };
            tokio::try_join!(large, smalls)?;
            self.warm = Some(connection);
            Ok(took)
        })
    }

    fn settle(&mut self, _is_cold: bool) -> Result<(), Fault> {
        let last = self.last.take();
        if last.is_some() && self.is_early {
            self.runtime.block_on(wait(TICKET_WAIT));
            self.has_ticket = true;
        }
        if let Some(last) = last {
            last.close(0u32.into(), b"");
        }
        self.runtime.block_on(wait(SETTLE));
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: what comes takes its time"
)]
async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}
