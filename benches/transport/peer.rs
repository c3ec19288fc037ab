//! What a transport has to do to be measured: one request with its answer, and nothing else.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Something went wrong; the text is for the person who reads the table.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// Which way the bytes of a job go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    /// Server to client.
    Down,
    /// Client to server, which says that it has them.
    Up,
    /// As many to the server as back.
    Each,
}

/// One transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Bytes in each direction used.
    pub(crate) bytes: usize,
    /// Where they go.
    pub(crate) direction: Direction,
    /// Over a new connection.
    pub(crate) is_cold: bool,
}

impl Job {
    /// Bytes to the server.
    pub(crate) fn up(self) -> usize {
        if self.direction == Direction::Down {
            0
        } else {
            self.bytes
        }
    }

    /// Bytes to the client: at least one, which says that the job is done.
    pub(crate) fn down(self) -> usize {
        if self.direction == Direction::Up {
            1
        } else {
            self.bytes
        }
    }
}

/// In a test of urgency, the large transfer is well on its way by then.
pub(crate) const UNDER_WAY: Duration = Duration::from_millis(400);
/// And so long is between two small ones.
pub(crate) const BETWEEN: Duration = Duration::from_millis(30);

/// Where a server is met, and what a client has to know of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Its certificate or key, as the peer needs it.
    pub(crate) credential: Vec<u8>,
}

/// A transport, measured beside others.
pub(crate) trait Peer {
    /// Serves at this address, for ever, in threads of its own.
    fn serve(&self, bind: SocketAddr) -> Result<Listening, Fault>;

    /// A client of such a server. Everything but a connection may be made ready.
    fn client(&self, server: &Listening) -> Result<Box<dyn Client>, Fault>;
}

/// The client's end of a peer.
pub(crate) trait Client {
    /// Does a job and gives the whole answer in one buffer, which is used again for the next.
    fn transfer(&mut self, job: Job) -> Result<&[u8], Fault>;

    /// Does small jobs one after the other while a large one is on its way down over the same
    /// connection, and says how long each of the small ones took.
    fn urgent(&mut self, bulk: Job, small: Job, times: u32) -> Result<Vec<Duration>, Fault> {
        let _ = (bulk, small, times);
        Err("carries one thing at a time".into())
    }

    /// Lets go out what a finished job left to be said, and makes everything ready for another cold
    /// one, if it was cold. Not part of any measured time.
    fn settle(&mut self, is_cold: bool) -> Result<(), Fault> {
        let _ = is_cold;
        Ok(())
    }
}

/// Bytes of a request before its body: how many come, how many are wanted.
pub(crate) const HEAD_BYTES: usize = 16;

/// The head of a job's request.
pub(crate) fn head(job: Job) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&(job.up() as u64).to_le_bytes());
    head[8..].copy_from_slice(&(job.down() as u64).to_le_bytes());
    head
}

/// What a head says: bytes that come, bytes that are wanted.
pub(crate) fn read_head(head: &[u8]) -> Result<(usize, usize), Fault> {
    let number = |range: std::ops::Range<usize>| -> Result<usize, Fault> {
        let bytes = head.get(range).ok_or("a head is too short")?;
        let number = usize::try_from(u64::from_le_bytes(bytes.try_into()?))?;
        if number > 1 << 30 {
            return Err("more than a gigabyte is no job".into());
        }
        Ok(number)
    };
    Ok((number(0..8)?, number(8..16)?))
}

/// What every message carries: bytes that repeat nowhere near. Made once for all connections of an
/// end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content(Arc<Mutex<Bytes>>);

impl Content {
    /// So many bytes of it.
    pub(crate) fn take(&self, bytes: usize) -> Bytes {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < bytes {
            let words = (0..bytes.div_ceil(8) as u64).map(word);
            *made = words.flat_map(u64::to_le_bytes).collect::<Vec<u8>>().into();
        }
        made.slice(..bytes)
    }
}

/// Whether these are the bytes that a message of this length carries.
pub(crate) fn is_content(bytes: &[u8]) -> bool {
    (0u64..)
        .zip(bytes.chunks(8))
        .all(|(index, chunk)| chunk == &word(index).to_le_bytes()[..chunk.len()])
}

fn word(index: u64) -> u64 {
    (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
