//! The frames of a packet: none is longer than what there is, and reading ends.

use pentimento::transport::frame::{ACK_WORDS, Frame, Frames};

/// Any bytes are a packet.
pub fn run(data: &[u8]) {
    let mut frames = Frames(data);
    let mut count = 0;
    let mut read = 0;
    while let Ok(Some(frame)) = frames.next_frame() {
        count += 1;
        read += match frame {
            Frame::Packet { bytes, .. } => bytes.len(),
            Frame::Fragment { data, .. } => data.len(),
            Frame::Relay { datagram, .. } => datagram.len(),
            Frame::Ack { words, .. } => {
                let mut copied = [0; ACK_WORDS];
                8 * words.copy_to(&mut copied)
            }
            Frame::Status(status) => {
                let mut copied = [0; ACK_WORDS];
                8 * status.words.copy_to(&mut copied)
            }
            _ => 0,
        };
    }
    assert!(count + read <= data.len());
}
