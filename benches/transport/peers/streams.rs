//! Jobs over a stream of bytes, the same for TCP and TLS.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

use crate::peer::{Content, Fault, HEAD_BYTES, Job, head, read_head};

/// A runtime of one thread: on few cores one thread at each end is the fastest way.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Runs a server's runtime in a thread of its own, for ever.
pub(super) fn spawn<F>(runtime: Runtime, serve: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let work = move || runtime.block_on(serve);
    std::thread::Builder::new()
        .name("server".into())
        .spawn(work)?;
    Ok(())
}

/// Answers the jobs of one connection until it ends.
pub(super) async fn answer<S>(mut stream: S, content: Content) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut taken = Vec::new();
    let mut head = [0; HEAD_BYTES];
    while stream.read_exact(&mut head).await.is_ok() {
        let (up, down) = read_head(&head)?;
        taken.resize(up, 0);
        stream.read_exact(&mut taken).await?;
        stream.write_all(&content.take(down)).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Sends a job's request and reads the answer into the buffer.
pub(super) async fn ask<S>(
    stream: &mut S,
    job: Job,
    up: &[u8],
    into: &mut Vec<u8>,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Vec::with_capacity(HEAD_BYTES + up.len());
    request.extend_from_slice(&head(job));
    request.extend_from_slice(up);
    stream.write_all(&request).await?;
    stream.flush().await?;
    into.resize(job.down(), 0);
    stream.read_exact(into).await?;
    Ok(())
}
