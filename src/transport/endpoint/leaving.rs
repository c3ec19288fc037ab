//! Whose turn it is to send.

use std::net::SocketAddr;

use super::Endpoint;
use crate::proto::ids::UserId;
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::way::Way;

/// Packets that leave together at the most.
const BATCH_PACKETS: usize = 64;
/// Bytes that leave together at the most: what one datagram with segmentation may hold.
const BATCH_BYTES: usize = 65_507;

/// Datagrams for one address, written to the end of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where they go.
    pub to: SocketAddr,
    /// Bytes of each datagram; the last one may be shorter.
    pub datagram_bytes: usize,
}

impl Endpoint {
    /// Writes the next datagrams to `out`, which is empty. None if nothing may leave now.
    pub fn transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Transmit> {
        out.clear();
        while let Some((origin, datagram)) = self.raw.pop_front() {
            if let Some(to) = self.direct(now, origin.way, origin.user, &datagram) {
                out.extend_from_slice(&datagram);
                return Some(self.written(to, out.len(), out.len()));
            }
        }
        while let Some(party) = self.line.pop_front() {
            let Some(link) = self.links.get_mut(&party) else {
                continue;
            };
            link.in_line = false;
            if self.shut {
                continue;
            }
            let batch = link.write_batch(now, out, (BATCH_PACKETS, BATCH_BYTES));
            let Some(batch) = batch else {
                self.set_timer(now, party);
                continue;
            };
            self.attend(now, party);
            match batch.way {
                Way::Direct(to) => return Some(self.written(to, out.len(), batch.packet_bytes)),
                Way::Relay(_) => {
                    let Party::User(user) = party else {
                        continue;
                    };
                    let datagrams = std::mem::take(out);
                    for datagram in datagrams.chunks(batch.packet_bytes) {
                        self.direct(now, batch.way, Some(user), datagram);
                    }
                }
            }
        }
        None
    }

    const fn written(&mut self, to: SocketAddr, bytes: usize, datagram_bytes: usize) -> Transmit {
        self.counts.sent_bytes += bytes as u64;
        Transmit { to, datagram_bytes }
    }

    /// The address of a direct way. What goes by a relay is queued for the server that passes it
    /// on.
    fn direct(
        &mut self,
        now: Moment,
        way: Way,
        user: Option<UserId>,
        datagram: &[u8],
    ) -> Option<SocketAddr> {
        match (way, user) {
            (Way::Direct(to), _) => Some(to),
            (Way::Relay(node), Some(user)) => {
                let server = Party::Server(node);
                if let Some(link) = self.links.get_mut(&server) {
                    link.push_relayed(user, datagram.to_vec(), &mut self.counts);
                    self.attend(now, server);
                }
                None
            }
            (Way::Relay(_), _) => None,
        }
    }
}
