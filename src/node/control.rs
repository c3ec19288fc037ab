//! The control socket of a node: a Unix socket in its own folder, for programs of the same user.
//!
//! Frames are a length (u32, little endian) and an encoded value. A client's socket carries wishes
//! in and reports out, many at a time; a server's carries one command and one reply at a time.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use actix::Addr;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::board::{Board, Commanded};
use super::desk::{Caller, HungUp, PersonDesk, Wished};
use crate::proto::codec;
use crate::proto::control::Report;
use crate::proto::limits::MESSAGE_MAX_BYTES;

/// Name of the socket below a node's folder.
pub const SOCKET: &str = "control.sock";
/// Reports that wait for a program that does not read. A watch with more is dropped; of a wish,
/// steps are left out and the end waits.
const REPORTS_MAX: usize = 1_024;

/// Opens the socket in a folder, for this user only. A socket that nobody listens to any more is
/// taken over; the database of the folder has made sure that we are alone.
///
/// # Errors
/// If the folder cannot be written, or the path is too long for a socket.
pub fn listen(folder: &Path) -> io::Result<UnixListener> {
    let path = socket_path(folder);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Where the socket of a folder is.
#[must_use]
pub fn socket_path(folder: &Path) -> PathBuf {
    folder.join(SOCKET)
}

async fn read<T: DeserializeOwned>(from: &mut OwnedReadHalf) -> io::Result<T> {
    let length = from.read_u32_le().await? as usize;
    if length > MESSAGE_MAX_BYTES {
        return Err(io::Error::other("frame too long"));
    }
    let mut frame = Vec::new();
    from.take(length as u64).read_to_end(&mut frame).await?;
    codec::decode(&frame, MESSAGE_MAX_BYTES).map_err(io::Error::other)
}

async fn write<T: Serialize>(to: &mut OwnedWriteHalf, value: &T) -> io::Result<()> {
    let frame = codec::encode(value);
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_u32_le(length).await?;
    to.write_all(&frame).await?;
    to.flush().await
}

/// Serves a server's control socket for ever.
pub async fn serve_operator(listener: UnixListener, board: Addr<Board>) {
    while let Ok((stream, _)) = listener.accept().await {
        actix_rt::spawn(operate(stream, board.clone()));
    }
}

async fn operate(stream: UnixStream, board: Addr<Board>) {
    let (mut from, mut to) = stream.into_split();
    while let Ok(command) = read(&mut from).await {
        let Ok(reply) = board.send(Commanded(command)).await else {
            return;
        };
        if write(&mut to, &reply).await.is_err() {
            return;
        }
    }
}

/// Serves a client's control socket for ever.
pub async fn serve_person(listener: UnixListener, desk: Addr<PersonDesk>) {
    let mut callers = 0;
    while let Ok((stream, _)) = listener.accept().await {
        callers += 1;
        let (from, to) = stream.into_split();
        let (told, reports) = mpsc::channel(REPORTS_MAX);
        actix_rt::spawn(tell(to, reports));
        actix_rt::spawn(listen_to(from, Caller(callers), told, desk.clone()));
    }
}

async fn tell(mut to: OwnedWriteHalf, mut reports: mpsc::Receiver<Report>) {
    while let Some(report) = reports.recv().await {
        if write(&mut to, &report).await.is_err() {
            return;
        }
    }
}

async fn listen_to(
    mut from: OwnedReadHalf,
    caller: Caller,
    told: mpsc::Sender<Report>,
    desk: Addr<PersonDesk>,
) {
    while let Ok(wish) = read(&mut from).await {
        let told = told.clone();
        if desk.send(Wished { caller, wish, told }).await.is_err() {
            return;
        }
    }
    // Nobody hears of a desk that has closed.
    let _ = desk.send(HungUp(caller)).await;
}

/// The other end of a control socket, for programs: blocking, one value at a time.
#[derive(Debug)]
pub struct Link {
    stream: std::os::unix::net::UnixStream,
}

impl Link {
    /// Connects to the node of a folder.
    ///
    /// # Errors
    /// If no node listens there.
    pub fn connect(folder: &Path) -> io::Result<Self> {
        let stream = std::os::unix::net::UnixStream::connect(socket_path(folder))?;
        Ok(Self { stream })
    }

    /// A second handle on the same conversation, so that one thread can read while another writes.
    ///
    /// # Errors
    /// If the operating system has no more handles.
    pub fn try_clone(&self) -> io::Result<Self> {
        let stream = self.stream.try_clone()?;
        Ok(Self { stream })
    }

    /// Ends the conversation for all handles; whoever reads is told.
    pub fn close(&self) {
        // It may have ended from the other side already.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Bounds every later wait for the node.
    ///
    /// # Errors
    /// If the operating system refuses; a zero duration is refused.
    pub fn set_timeout(&self, timeout: Option<std::time::Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    /// Sends a value.
    ///
    /// # Errors
    /// If the node is gone or the value too large.
    pub fn send<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let frame = codec::encode(value);
        if frame.len() > MESSAGE_MAX_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "larger than a message may be",
            ));
        }
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        io::Write::write_all(&mut self.stream, &length.to_le_bytes())?;
        io::Write::write_all(&mut self.stream, &frame)
    }

    /// Waits for a value.
    ///
    /// # Errors
    /// If the node is gone, silent for longer than the time-out, or sends nonsense.
    pub fn receive<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let mut length = [0; 4];
        io::Read::read_exact(&mut self.stream, &mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MESSAGE_MAX_BYTES {
            return Err(io::Error::other("frame too long"));
        }
        let mut frame = vec![0; length];
        io::Read::read_exact(&mut self.stream, &mut frame)?;
        codec::decode(&frame, MESSAGE_MAX_BYTES).map_err(io::Error::other)
    }
}
