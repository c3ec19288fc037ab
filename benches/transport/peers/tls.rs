//! TLS 1.3 by rustls over TCP.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{certificate, streams, tcp};
use crate::peer::{Client, Content, Fault, Job, Listening, Peer};

/// TLS over TCP.
pub(super) struct Tls {
    /// As the kernel names it.
    pub(super) congestion: &'static str,
}

impl Peer for Tls {
    fn serve(&self, bind: SocketAddr) -> Result<Listening, Fault> {
        let (config, credential) = certificate::server()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = streams::runtime()?;
        let entered = runtime.enter();
        let listener = tcp::listen(bind, self.congestion)?;
        drop(entered);
        let address = listener.local_addr()?;
        let content = Content::default();
        streams::spawn(runtime, async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, content) = (acceptor.clone(), content.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true)?;
                    streams::answer(acceptor.accept(stream).await?, content).await
                });
            }
        })?;
        Ok(Listening {
            address,
            credential,
        })
    }

    fn client(&self, server: &Listening) -> Result<Box<dyn Client>, Fault> {
        let config = certificate::client(&server.credential)?;
        Ok(Box::new(TlsClient {
            runtime: streams::runtime()?,
            connector: TlsConnector::from(Arc::new(config)),
            to: server.address,
            congestion: self.congestion,
            warm: None,
            content: Content::default(),
            buffer: Vec::new(),
        }))
    }
}

struct TlsClient {
    runtime: Runtime,
    connector: TlsConnector,
    to: SocketAddr,
    congestion: &'static str,
    warm: Option<TlsStream<TcpStream>>,
    content: Content,
    buffer: Vec<u8>,
}

impl Client for TlsClient {
    fn transfer(&mut self, job: Job) -> Result<&[u8], Fault> {
        let up = self.content.take(job.up());
        self.runtime.block_on(async {
            let mut stream = match self.warm.take() {
                Some(stream) if !job.is_cold => stream,
                _ => {
                    let stream = tcp::connect(self.to, self.congestion).await?;
                    let name = ServerName::try_from(certificate::NAME)?;
                    self.connector.connect(name, stream).await?
                }
            };
            streams::ask(&mut stream, job, &up, &mut self.buffer).await?;
            self.warm = (!job.is_cold).then_some(stream);
            Ok::<(), Fault>(())
        })?;
        Ok(&self.buffer)
    }
}
