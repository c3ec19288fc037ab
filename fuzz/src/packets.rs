//! Small packets: what decodes encodes to the same again, and no length reserves memory.

use pentimento::proto::codec;

/// Any bytes are a packet of the present version.
pub fn run(data: &[u8]) {
    let mut frame = vec![codec::VERSION];
    frame.extend_from_slice(data);
    if let Ok(packet) = codec::decode_packet(&frame)
        && let Ok(again) = codec::encode_packet(&packet)
    {
        assert_eq!(codec::decode_packet(&again), Ok(packet));
    }
    let _ = codec::decode_packet(data);
}
