//! A message as one run of bytes: length, manifest, body.

use bytes::Bytes;

use crate::proto::cargo::{Cargo, Manifest};
use crate::proto::codec;
use crate::proto::ids::{Digest, TransferId};
use crate::proto::limits::{FRAGMENT_BYTES, MESSAGE_MAX_BYTES};
use crate::proto::packet::{Fragment, Packet};

/// A message that can be cut into fragments without copying its body.
#[derive(Debug)]
pub(super) struct Message {
    id: TransferId,
    /// Length and manifest.
    head: Bytes,
    body: Bytes,
    total_bytes: u32,
}

impl Message {
    /// None if it is too large to be sent.
    pub(super) fn new(cargo: Cargo, body: Bytes) -> Option<Self> {
        let manifest = Manifest {
            cargo,
            size_bytes: u32::try_from(body.len()).ok()?,
            digest: Digest::of(&body),
        };
        let encoded = codec::encode(&manifest);
        let mut head = Vec::with_capacity(2 + encoded.len());
        head.extend_from_slice(&u16::try_from(encoded.len()).ok()?.to_le_bytes());
        head.extend_from_slice(&encoded);
        let total = head.len() + body.len();
        let total_bytes = u32::try_from(total).ok()?;
        (total <= MESSAGE_MAX_BYTES).then(|| Self {
            id: manifest.transfer_id(&encoded),
            head: Bytes::from(head),
            body,
            total_bytes,
        })
    }

    pub(super) const fn id(&self) -> TransferId {
        self.id
    }

    /// At least one: no message is without a manifest.
    pub(super) const fn fragments(&self) -> u32 {
        self.total_bytes.div_ceil(FRAGMENT_BYTES as u32)
    }

    /// Bytes of the body in `count` fragments, the last one among them or not; and in all.
    pub(super) fn progress(&self, count: u32, has_last: bool) -> (u32, u32) {
        let mut done_bytes = count * FRAGMENT_BYTES as u32;
        if has_last {
            done_bytes -= self.fragments() * FRAGMENT_BYTES as u32 - self.total_bytes;
        }
        let done_bytes = done_bytes.saturating_sub(self.head.len() as u32);
        (done_bytes, self.body.len() as u32)
    }

    /// The datagram of this number that carries this fragment: a view of the body, except where
    /// length and manifest are.
    pub(super) fn fragment(&self, index: u32, packet: u32) -> Packet {
        let start = index as usize * FRAGMENT_BYTES;
        let end = (start + FRAGMENT_BYTES).min(self.total_bytes as usize);
        let head = self.head.len();
        let data = if start >= head {
            self.body.slice(start - head..end - head)
        } else {
            let mut bytes = Vec::with_capacity(end - start);
            bytes.extend_from_slice(&self.head[start..end.min(head)]);
            bytes.extend_from_slice(&self.body[..end.saturating_sub(head)]);
            Bytes::from(bytes)
        };
        Packet::Fragment(Fragment {
            transfer: self.id,
            packet,
            index,
            total_bytes: self.total_bytes,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_in_the_body_share_its_memory() {
        let body = Bytes::from(vec![7; 3 * FRAGMENT_BYTES]);
        let message = Message::new(Cargo::MailState(1), body.clone()).expect("small enough");
        let head = message.head.len();
        for index in 1..message.fragments() {
            let Packet::Fragment(fragment) = message.fragment(index, 0) else {
                panic!("a fragment");
            };
            let offset = index as usize * FRAGMENT_BYTES - head;
            assert_eq!(fragment.data.as_ptr(), body[offset..].as_ptr());
        }
    }

    #[test]
    fn the_largest_message_is_sent_and_one_byte_more_is_not() {
        let probe = Message::new(Cargo::MailState(1), Bytes::from(vec![0; 1 << 20]));
        let head = probe.expect("small enough").head.len();
        let body = Bytes::from(vec![0; MESSAGE_MAX_BYTES + 1 - head]);
        let largest = body.slice(1..);
        assert!(Message::new(Cargo::MailState(1), largest).is_some());
        assert!(Message::new(Cargo::MailState(1), body).is_none());
    }
}
