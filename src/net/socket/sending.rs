//! A batch of datagrams on its way to the kernel: how it is cut, what happens at an error.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use super::kinds;

/// Bytes handed over at once at the most: what one datagram of IPv4 holds.
const JOINED_BYTES_MAX: usize = 65_507;

/// How far a batch came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing of it is left.
    Done,
    /// The kernel has no room; the rest waits.
    Blocked,
}

/// What happened to joined datagrams of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joined {
    /// Nothing bad.
    Fine,
    /// They were refused; the rest goes singly, so far without any error.
    Refused,
    /// They were refused, and singly there was an error, too.
    RefusedToo,
}

/// Datagrams for one address, one behind the other. Its buffer is used again and again.
#[derive(Debug)]
pub struct Batch {
    to: SocketAddr,
    datagram_bytes: usize,
    bytes: Vec<u8>,
    done_bytes: usize,
    joined: Joined,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            to: (Ipv4Addr::UNSPECIFIED, 0).into(),
            datagram_bytes: 1,
            bytes: Vec::new(),
            done_bytes: 0,
            joined: Joined::Fine,
        }
    }
}

impl Batch {
    /// Where it goes.
    #[must_use]
    pub const fn to(&self) -> SocketAddr {
        self.to
    }

    /// The buffer, emptied, to be filled for the next [`Batch::address`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.clear();
        &mut self.bytes
    }

    /// Says where the bytes in the buffer go, and how long each datagram but the last is.
    pub const fn address(&mut self, to: SocketAddr, datagram_bytes: usize) {
        self.to = to;
        self.datagram_bytes = if datagram_bytes == 0 {
            1
        } else {
            datagram_bytes
        };
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done_bytes >= self.bytes.len()
    }

    /// Datagrams that are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        (self.bytes.len() - self.done_bytes).div_ceil(self.datagram_bytes)
    }

    /// Forgets what is left.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.done_bytes = 0;
        self.joined = Joined::Fine;
    }

    /// Whether a device refused datagrams joined and took every one of them singly.
    #[must_use]
    pub fn is_blamed_on_segmentation(&self) -> bool {
        self.is_done() && self.joined == Joined::Refused
    }

    /// Hands over what is left by `send`, whose second argument is the length of each datagram if
    /// there are several.
    pub(super) fn send(
        &mut self,
        segments_max: usize,
        mut send: impl FnMut(&[u8], Option<usize>) -> io::Result<()>,
    ) -> Progress {
        let mut is_again = false;
        while !self.is_done() {
            let chunk = self.chunk(segments_max);
            let segment_size = (chunk > self.datagram_bytes).then_some(self.datagram_bytes);
            let contents = &self.bytes[self.done_bytes..self.done_bytes + chunk];
            match send(contents, segment_size) {
                Ok(()) => self.done_bytes += chunk,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::Blocked;
                }
                Err(error) if segment_size.is_some() && kinds::is_of_segmentation(&error) => {
                    self.joined = Joined::Refused;
                }
                Err(error) if kinds::is_of_another(&error) && !is_again => {
                    is_again = true;
                    continue;
                }
                Err(_) => {
                    if self.joined == Joined::Refused {
                        self.joined = Joined::RefusedToo;
                    }
                    self.done_bytes += chunk;
                }
            }
            is_again = false;
        }
        Progress::Done
    }

    /// Bytes that are handed over next.
    fn chunk(&self, segments_max: usize) -> usize {
        let fit = (JOINED_BYTES_MAX / self.datagram_bytes).max(1);
        let segments = match self.joined {
            Joined::Fine => segments_max.clamp(1, fit),
            Joined::Refused | Joined::RefusedToo => 1,
        };
        (segments * self.datagram_bytes).min(self.bytes.len() - self.done_bytes)
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    const KB: usize = 1_000;

    fn batch(bytes: usize, datagram_bytes: usize) -> Batch {
        let mut batch = Batch::default();
        batch.buffer().resize(bytes, 7);
        batch.address(([127, 0, 0, 1], 9).into(), datagram_bytes);
        batch
    }

    /// Sends through a kernel that answers by a script, then takes everything. Gives what it took.
    fn through(batch: &mut Batch, answers: &[Option<Errno>]) -> (Progress, Vec<usize>) {
        let mut answers = answers.iter();
        let mut taken = Vec::new();
        let progress = batch.send(64, |contents, _| match answers.next() {
            Some(Some(error)) => Err((*error).into()),
            _ => {
                taken.push(contents.len());
                Ok(())
            }
        });
        (progress, taken)
    }

    #[test]
    fn what_is_joined_fits_one_datagram() {
        let (progress, taken) = through(&mut batch(100 * KB, 16 * KB), &[]);
        assert_eq!(progress, Progress::Done);
        assert_eq!(taken, [64 * KB, 36 * KB]);
        let (_, taken) = through(&mut batch(70 * KB, KB), &[]);
        assert_eq!(taken, [64 * KB, 6 * KB]);
        let (_, taken) = through(&mut batch(65_600, 65_600), &[]);
        assert_eq!(taken, [65_600], "one datagram cannot be cut");
    }

    #[test]
    fn what_a_device_does_not_cut_is_sent_singly_and_segmentation_blamed() {
        for error in [Errno::IO, Errno::INVAL] {
            let mut batch = batch(3_500, KB);
            let (progress, taken) = through(&mut batch, &[Some(error)]);
            assert_eq!(progress, Progress::Done);
            assert_eq!(taken, [KB, KB, KB, 500]);
            assert!(batch.is_blamed_on_segmentation());
        }
    }

    #[test]
    fn segmentation_is_not_blamed_for_what_fails_singly_too() {
        let mut batch = batch(2 * KB, KB);
        let answers = [Some(Errno::INVAL), Some(Errno::INVAL), None];
        let (progress, taken) = through(&mut batch, &answers);
        assert_eq!(progress, Progress::Done);
        assert_eq!(taken, [KB]);
        assert!(!batch.is_blamed_on_segmentation());
    }

    #[test]
    fn one_datagram_that_is_refused_does_not_hold_up_the_next() {
        let mut batch = batch(130 * KB, 60 * KB);
        let (progress, taken) = through(&mut batch, &[Some(Errno::MSGSIZE)]);
        assert_eq!(progress, Progress::Done);
        assert_eq!(taken, [60 * KB, 10 * KB]);
        assert!(!batch.is_blamed_on_segmentation());
    }

    #[test]
    fn an_error_of_an_earlier_datagram_costs_nothing() {
        let mut batch = batch(2 * KB, KB);
        let (_, taken) = through(&mut batch, &[Some(Errno::CONNREFUSED)]);
        assert_eq!(taken, [2 * KB]);
    }

    #[test]
    fn one_that_stays_ends_the_batch_and_nothing_more() {
        let mut batch = batch(2 * KB, KB);
        let answers = [Some(Errno::NETUNREACH), Some(Errno::NETUNREACH)];
        let (progress, taken) = through(&mut batch, &answers);
        assert_eq!(progress, Progress::Done);
        assert!(taken.is_empty());
    }

    #[test]
    fn the_rest_of_a_blocked_batch_goes_on_where_it_stopped() {
        let mut batch = batch(70 * KB, KB);
        let (progress, taken) = through(&mut batch, &[None, Some(Errno::AGAIN)]);
        assert_eq!((progress, taken), (Progress::Blocked, vec![64 * KB]));
        assert_eq!(batch.left(), 6);
        let (progress, taken) = through(&mut batch, &[]);
        assert_eq!((progress, taken), (Progress::Done, vec![6 * KB]));
    }
}
