//! TCP as tokio gives it, with a congestion control of the kernel.

use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use super::streams;
use crate::peer::{Client, Content, Fault, Job, Listening, Peer};

const BACKLOG: i32 = 128;

/// TCP.
pub(super) struct Tcp {
    /// As the kernel names it.
    pub(super) congestion: &'static str,
}

/// Listens, with a congestion control that the accepted connections take over.
pub(super) fn listen(bind: SocketAddr, congestion: &str) -> Result<TcpListener, Fault> {
    let socket = Socket::new(Domain::for_address(bind), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_congestion(congestion.as_bytes())?;
    socket.bind(&bind.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into())?)
}

/// Connects.
pub(super) async fn connect(to: SocketAddr, congestion: &str) -> Result<TcpStream, Fault> {
    let socket = if to.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    SockRef::from(&socket).set_tcp_congestion(congestion.as_bytes())?;
    socket.set_nodelay(true)?;
    Ok(socket.connect(to).await?)
}

impl Peer for Tcp {
    fn serve(&self, bind: SocketAddr) -> Result<Listening, Fault> {
        let runtime = streams::runtime()?;
        let entered = runtime.enter();
        let listener = listen(bind, self.congestion)?;
        drop(entered);
        let address = listener.local_addr()?;
        let content = Content::default();
        streams::spawn(runtime, async move {
            while let Ok((stream, _)) = listener.accept().await {
                if stream.set_nodelay(true).is_ok() {
                    tokio::spawn(streams::answer(stream, content.clone()));
                }
            }
        })?;
        Ok(Listening {
            address,
            credential: Vec::new(),
        })
    }

    fn client(&self, server: &Listening) -> Result<Box<dyn Client>, Fault> {
        Ok(Box::new(TcpClient {
            runtime: streams::runtime()?,
            to: server.address,
            congestion: self.congestion,
            warm: None,
            content: Content::default(),
            buffer: Vec::new(),
        }))
    }
}

struct TcpClient {
    runtime: Runtime,
    to: SocketAddr,
    congestion: &'static str,
    warm: Option<TcpStream>,
    content: Content,
    buffer: Vec<u8>,
}

impl Client for TcpClient {
    fn transfer(&mut self, job: Job) -> Result<&[u8], Fault> {
        let up = self.content.take(job.up());
        self.runtime.block_on(async {
            let mut stream = match self.warm.take() {
                Some(stream) if !job.is_cold => stream,
                _ => connect(self.to, self.congestion).await?,
            };
            streams::ask(&mut stream, job, &up, &mut self.buffer).await?;
            self.warm = (!job.is_cold).then_some(stream);
            Ok::<(), Fault>(())
        })?;
        Ok(&self.buffer)
    }
}
