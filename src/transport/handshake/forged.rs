//! Initiations by nobody, for whoever finds out what a flood of them costs.

use super::layout::{self, DATAGRAM_MAX_BYTES, INITIATION_MIN_BYTES, Initiation};
use crate::crypto::noise::{KEY_BYTES, Pattern};

/// Bytes of the noise message of a user's initiation: two keys, two tags, what they say.
const NOISE_BYTES: usize = 2 * KEY_BYTES + 2 * 16 + 9 + 33;

/// An initiation that looks true until a key is tried. Whoever knows a responder's public key can
/// write such as fast as a network carries them. No two `number`s give the same; the datagram has
/// `datagram_bytes`, or the least that is allowed.
#[must_use]
pub fn forged_initiation(
    responder: &[u8; KEY_BYTES],
    number: u32,
    datagram_bytes: usize,
) -> Vec<u8> {
    let mut noise = [0x5a; NOISE_BYTES];
    noise[..4].copy_from_slice(&number.to_be_bytes());
    let size = datagram_bytes.clamp(INITIATION_MIN_BYTES, DATAGRAM_MAX_BYTES);
    let code_key = layout::mac1_key(Some(responder));
    Initiation::write((number, Pattern::Ik), &noise, &code_key, size)
}
