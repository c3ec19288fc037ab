//! A UDP socket that reads and writes in batches, with what the kernel offers for that:
//! segmentation on the way out, coalescing on the way in.
//!
//! Decides how a batch is cut for the kernel and what an error of a socket means: none of them
//! ends the socket, all are counted by kind. Never looks into a datagram. A socket of IPv6 on the
//! wildcard address serves IPv4 as well; its users see plain IPv4 addresses. Answers of a socket
//! on a wildcard address leave from the address at which the other end reached it.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use quinn_udp::{EcnCodepoint, RecvMeta, UdpSocketState};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::watch::watch;
use crate::time::Moment;

mod kinds;
mod sending;

#[cfg(test)]
mod tests;

pub use sending::{Batch, Progress};

/// Receive and send buffers asked of the kernel, which may grant less.
const BUFFER_BYTES: usize = 4 << 20;
/// Buffers that are filled by one system call at the most.
const RECEIVE_BUFFERS: usize = 8;
/// One buffer holds whatever the kernel coalesces; a smaller one would cut it.
const RECEIVE_BUFFER_BYTES: usize = 65_535;
/// After a device refused segmentation it is tried again so much later: ways change.
const SEGMENTATION_OFF: Duration = Duration::from_secs(60);
/// Addresses for which is known at which of ours they reached us, at the most.
const LOCALS_MAX: usize = 4_096;
/// After so many errors in a row, a socket is left alone until the kernel tells news of it.
const ERRORS_IN_A_ROW: u32 = 16;

/// What a socket saw since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketCounts {
    /// Errors, by direction and kind.
    pub errors: BTreeMap<&'static str, u64>,
    /// Datagrams read.
    pub received: u64,
    /// Those of them that the kernel handed over joined with others.
    pub coalesced: u64,
    /// Those of them that a router marked as having met congestion.
    pub congestion_marks: u64,
    /// Datagrams handed to the kernel.
    pub sent: u64,
    /// Those of them that the kernel or the device cut from larger pieces.
    pub segmented: u64,
    /// Times that a batch had to wait for room in the kernel.
    pub waits: u64,
    /// Times that a device refused segmentation.
    pub segmentation_refused: u64,
    /// What the kernel granted for receiving, as it charges it.
    pub granted_receive_bytes: u64,
    /// What the kernel granted for sending, as it charges it.
    pub granted_send_bytes: u64,
}

impl SocketCounts {
    fn add_error(&mut self, kind: &'static str) {
        *self.errors.entry(kind).or_default() += 1;
    }

    fn saw(&mut self, meta: &RecvMeta) {
        let datagrams = (meta.len.div_ceil(meta.stride.max(1)) as u64).max(1);
        self.received += datagrams;
        if datagrams > 1 {
            self.coalesced += datagrams;
        }
        if meta.ecn == Some(EcnCodepoint::Ce) {
            self.congestion_marks += datagrams;
        }
    }

    fn handed_over(&mut self, bytes: usize, segment_size: Option<usize>) {
        let datagrams = segment_size.map_or(1, |size| bytes.div_ceil(size.max(1)) as u64);
        self.sent += datagrams;
        if datagrams > 1 {
            self.segmented += datagrams;
        }
    }

    /// Adds those of another socket. Of what was granted, the least is told.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.received += other.received;
        self.coalesced += other.coalesced;
        self.congestion_marks += other.congestion_marks;
        self.sent += other.sent;
        self.segmented += other.segmented;
        self.waits += other.waits;
        self.segmentation_refused += other.segmentation_refused;
        let least = |a: u64, b: u64| if a == 0 { b } else { a.min(b) };
        self.granted_receive_bytes = least(self.granted_receive_bytes, other.granted_receive_bytes);
        self.granted_send_bytes = least(self.granted_send_bytes, other.granted_send_bytes);
    }
}

/// Room for what is read by one system call. Sockets of one thread can share it.
#[derive(Debug)]
pub struct Buffers {
    bytes: Vec<u8>,
    meta: [RecvMeta; RECEIVE_BUFFERS],
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            bytes: vec![0; RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES],
            meta: [RecvMeta::default(); RECEIVE_BUFFERS],
        }
    }
}

/// Whether there may be more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The kernel has nothing more.
    Drained,
    /// There may be more.
    More,
}

/// A socket.
#[derive(Debug)]
pub struct Socket {
    socket: AsyncFd<UdpSocket>,
    /// The same socket once more, and while there is no room in the kernel, waiting for it.
    twin: Option<UdpSocket>,
    writable: Option<AsyncFd<UdpSocket>>,
    state: UdpSocketState,
    local: SocketAddr,
    /// Which of our addresses another one reached. Only kept on wildcard addresses.
    locals: BTreeMap<SocketAddr, IpAddr>,
    /// Datagrams that the kernel takes joined, one if it cannot cut them.
    segments_max: usize,
    segmentation_off_until: Option<Moment>,
    errors_in_a_row: u32,
    counts: SocketCounts,
}

/// Binds a socket with large buffers. It blocks nobody.
///
/// # Errors
/// If the address is in use or not ours.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // The kernel cuts what it does not like; a smaller buffer only costs repeats.
    let asked = socket.set_recv_buffer_size(BUFFER_BYTES);
    let asked = asked.and(socket.set_send_buffer_size(BUFFER_BYTES));
    let granted_bytes = socket.recv_buffer_size().unwrap_or(0);
    tracing::info!(%address, asked_bytes = BUFFER_BYTES, granted_bytes, ok = asked.is_ok(),
        "socket buffers, as the kernel charges them");
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Bytes that others may have under way to this socket, so that its buffer holds them: six tenths
/// of what fits if the datagrams are of the usual size.
#[must_use]
pub fn flow_bytes(socket: &UdpSocket) -> u64 {
    // Of datagrams of 1,472 bytes, five eighths of what the kernel charges is their own.
    granted_receive_bytes(socket) as u64 * 3 / 8
}

/// What the kernel granted a socket for receiving, in bytes as it charges them: on Linux twice
/// what was asked. Of datagrams of 1,472 bytes it holds about five eighths.
#[must_use]
pub fn granted_receive_bytes(socket: &UdpSocket) -> usize {
    socket2::SockRef::from(socket)
        .recv_buffer_size()
        .unwrap_or(0)
}

impl Socket {
    /// A socket that was bound by [`bind`]. Must be called inside the runtime.
    ///
    /// # Errors
    /// If the operating system refuses what every socket can do.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        let granted = |bytes: io::Result<usize>| bytes.map_or(0, |bytes| bytes as u64);
        let counts = SocketCounts {
            granted_receive_bytes: granted(state.recv_buffer_size((&socket).into())),
            granted_send_bytes: granted(state.send_buffer_size((&socket).into())),
            ..SocketCounts::default()
        };
        let local = socket.local_addr()?;
        let (segments_max, coalesced_max) = (state.max_gso_segments(), state.gro_segments());
        tracing::debug!(%local, segments_max, coalesced_max, "socket is open");
        Ok(Self {
            twin: Some(socket.try_clone()?),
            writable: None,
            socket: watch(socket, Interest::READABLE)?,
            state,
            local,
            locals: BTreeMap::new(),
            segments_max,
            segmentation_off_until: None,
            errors_in_a_row: 0,
            counts,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// What it saw.
    #[must_use]
    pub const fn counts(&self) -> &SocketCounts {
        &self.counts
    }

    /// What the kernel granted for receiving, in bytes as it charges them.
    #[must_use]
    pub const fn granted_receive_bytes(&self) -> u64 {
        self.counts.granted_receive_bytes
    }

    /// Ready when there is something to read.
    ///
    /// # Errors
    /// If the runtime ends.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // That it is read to its end is told by `receive`.
        let _ = ready!(self.socket.poll_read_ready(cx))?;
        Poll::Ready(Ok(()))
    }

    /// Ready when the kernel has room again.
    ///
    /// # Errors
    /// If the runtime ends or the operating system refuses.
    pub fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(twin) = self.twin.take() {
            self.writable = Some(watch(twin, Interest::WRITABLE)?);
        }
        if let Some(writable) = &self.writable {
            let _ = ready!(writable.poll_write_ready(cx))?;
        }
        self.twin = self.writable.take().map(AsyncFd::into_inner);
        Poll::Ready(Ok(()))
    }

    /// Reads once and gives `take` what came: from where, the bytes of one or more datagrams, and
    /// the length of each but the last.
    pub fn receive(
        &mut self,
        buffers: &mut Buffers,
        mut take: impl FnMut(SocketAddr, &mut [u8], usize),
    ) -> Reading {
        let mut count = 0;
        let (socket, state) = (&self.socket, &self.state);
        let meta = &mut buffers.meta;
        let mut chunks = buffers.bytes.chunks_mut(RECEIVE_BUFFER_BYTES);
        let mut slices: [IoSliceMut<'_>; RECEIVE_BUFFERS] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let read = socket.try_io(Interest::READABLE, |socket| {
            count = state.recv(socket.into(), &mut slices, meta)?;
            // A call that fills not all buffers found the queue empty. Saying so here saves the
            // call that would only find out; whatever comes later is told by the kernel anew.
            if count < RECEIVE_BUFFERS {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        for (bytes, meta) in slices.iter_mut().zip(&buffers.meta[..count]) {
            let length = meta.len.min(RECEIVE_BUFFER_BYTES);
            let from = canonical(meta.addr);
            self.counts.saw(meta);
            if self.local.ip().is_unspecified() {
                remember(&mut self.locals, from, meta.dst_ip);
            }
            take(from, &mut bytes[..length], meta.stride.max(1));
        }
        match read {
            Ok(()) => {
                self.errors_in_a_row = 0;
                Reading::More
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.errors_in_a_row = 0;
                Reading::Drained
            }
            Err(error) => self.not_received(&error),
        }
    }

    /// An ICMP answer to an earlier send shows up here; the socket is fine.
    fn not_received(&mut self, error: &io::Error) -> Reading {
        self.counts.add_error(kinds::received(error));
        self.errors_in_a_row += 1;
        if self.errors_in_a_row < ERRORS_IN_A_ROW {
            return Reading::More;
        }
        self.errors_in_a_row = 0;
        let rest = |_: &_| Err::<(), _>(io::ErrorKind::WouldBlock.into());
        // It gives back what we say.
        let _ = self.socket.try_io(Interest::READABLE, rest);
        Reading::Drained
    }

    /// Hands a batch, or what is left of it, to the kernel.
    pub fn send(&mut self, now: Moment, batch: &mut Batch) -> Progress {
        if self
            .segmentation_off_until
            .is_some_and(|until| until <= now)
        {
            self.segmentation_off_until = None;
        }
        let Some(to) = self.reachable(batch.to()) else {
            self.counts.add_error("send: no such address");
            batch.clear();
            return Progress::Done;
        };
        let segments_max = match self.segmentation_off_until {
            Some(_) => 1,
            None => self.segments_max,
        };
        let (socket, state) = (self.socket.get_ref(), &self.state);
        let (locals, counts) = (&mut self.locals, &mut self.counts);
        let key = batch.to();
        let progress = batch.send(segments_max, |contents, segment_size| {
            let transmit = quinn_udp::Transmit {
                destination: to,
                ecn: None,
                contents,
                segment_size,
                src_ip: locals.get(&key).copied(),
            };
            let sent = state.try_send(socket.into(), &transmit);
            match &sent {
                Ok(()) => counts.handed_over(contents.len(), segment_size),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => counts.waits += 1,
                Err(error) => {
                    counts.add_error(kinds::sent(error));
                    // Perhaps our own address is not ours any more.
                    locals.remove(&key);
                }
            }
            sent
        });
        if batch.is_blamed_on_segmentation() && self.segmentation_off_until.is_none() {
            tracing::info!(local = %self.local, "segmentation is refused, off for a while");
            self.counts.segmentation_refused += 1;
            self.segmentation_off_until = Some(now.after(SEGMENTATION_OFF));
        }
        progress
    }

    /// The address as the kernel wants it; none for one that no datagram can go to from here.
    fn reachable(&self, to: SocketAddr) -> Option<SocketAddr> {
        if to.port() == 0 || to.ip().is_unspecified() {
            return None;
        }
        match (self.local, to) {
            (SocketAddr::V4(_), SocketAddr::V6(_)) => None,
            (SocketAddr::V6(_), SocketAddr::V4(to)) => {
                Some((to.ip().to_ipv6_mapped(), to.port()).into())
            }
            _ => Some(to),
        }
    }
}

/// An address of IPv4 that a socket of IPv6 tells, as what it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, address.port()).into(),
        IpAddr::V6(_) => address,
    }
}

fn remember(locals: &mut BTreeMap<SocketAddr, IpAddr>, from: SocketAddr, local: Option<IpAddr>) {
    let Some(local) = local else {
        return;
    };
    if locals.len() >= LOCALS_MAX && !locals.contains_key(&from) {
        locals.pop_first();
    }
    locals.insert(from, local);
}
