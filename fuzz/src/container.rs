//! The container in a picture: any bytes are told from ours, nothing changed opens, and whoever
//! holds the key and lies in what they seal gets an error or exactly what they sealed.

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit};
use pentimento::crypto::container::{
    self, ContainerError, Content, Head, Opener, PROBE_BYTES, Rights, Salt, Sealer, Secret,
};

use crate::Input;

const KEY: [u8; 32] = [7; 32];
const SALT: Salt = Salt([9; 32]);

/// One of four games, as the first byte says.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 4 {
        0 => any(&input),
        1 => forged(&mut input),
        2 => bent(&mut input),
        _ => pieces(&mut input),
    }
}

/// Any bytes, any keys.
fn any(input: &Input<'_>) {
    let keys = [[0; 32], KEY, [0xff; 32]];
    let found = container::probe(input.0, &keys).map(|head| head.key_index);
    assert_eq!(found, Err(ContainerError::NoKeyFits));
}

fn opened(container: &[u8], head: &Head, step: usize) -> Result<(Rights, Vec<u8>), ContainerError> {
    let mut opener = Opener::new(head);
    let mut original = Vec::new();
    for piece in container[PROBE_BYTES..].chunks(step.max(1)) {
        opener.push(piece, &mut original)?;
    }
    Ok((opener.finish()?, original))
}

/// Any head and any content, truly sealed by an implementation of its own.
fn forged(input: &mut Input<'_>) {
    let mut output = blake3::Hasher::new_derive_key("pentimento container, key")
        .update(&KEY)
        .update(&SALT.0)
        .finalize_xof();
    let mut keys = [[0; 32]; 3];
    for key in &mut keys {
        output.fill(key);
    }
    let seal = |key: &[u8; 32], nonce: [u8; 12], plain: &[u8]| {
        let sealed = ChaCha20Poly1305::new(key.into()).encrypt(&nonce.into(), plain);
        sealed.expect("short")
    };
    let flags = input.byte();
    let mut plain_head = [0; 32];
    plain_head[0] = if flags & 1 == 0 { 2 } else { input.byte() };
    plain_head[1] = if flags & 2 == 0 { 0 } else { input.byte() & 3 };
    plain_head[2..4].copy_from_slice(&(input.size() as u16).to_le_bytes());
    plain_head[4] = if flags & 4 == 0 { 0 } else { input.byte() };
    let data_bytes = u64::from(input.number());
    let original_bytes = if flags & 8 == 0 {
        data_bytes
    } else {
        input.long()
    };
    plain_head[8..16].copy_from_slice(&data_bytes.to_le_bytes());
    plain_head[16..24].copy_from_slice(&original_bytes.to_le_bytes());
    let step = input.size();
    let plain = input.0;
    let total = (PROBE_BYTES + plain.len() + 16) as u64;
    let said = total ^ u64::from(flags >> 4);
    plain_head[24..32].copy_from_slice(&said.to_le_bytes());
    let last = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let whole = [
        &SALT.0[..],
        &keys[0],
        &seal(&keys[1], [0; 12], &plain_head),
        &seal(&keys[2], last, plain),
    ]
    .concat();
    let Ok(head) = container::probe(&whole, &[KEY]) else {
        return;
    };
    let result = opened(&whole, &head, step);
    assert_eq!(
        result.is_ok(),
        container::open(&whole, &head).is_ok(),
        "pieces and the whole differ"
    );
    if let Ok((_, original)) = result {
        assert_eq!(original.len() as u64, original_bytes);
        let digest_at =
            usize::from(u16::from_le_bytes([plain_head[2], plain_head[3]])) + data_bytes as usize;
        let digest = blake3::hash(&original);
        assert_eq!(plain[digest_at..digest_at + 32], digest.as_bytes()[..]);
    }
}

fn rights(name: &[u8]) -> Rights {
    Rights::of_nobody(String::from_utf8_lossy(name).into_owned())
}

/// A true container with a change.
fn bent(input: &mut Input<'_>) {
    let (at, mask, cut) = (input.short(), input.byte(), input.short());
    let content = Content::pack(&rights(input.bytes(9)), input.bytes(300));
    let size = content.least_bytes();
    let mut whole = content.seal(size, &Secret::key(&KEY), &SALT);
    let length = whole.len() - usize::from(cut) % whole.len();
    let at = usize::from(at) % whole.len();
    whole[at] ^= mask;
    let is_changed = mask != 0 || length < whole.len();
    let result = container::probe(&whole[..length], &[KEY])
        .and_then(|head| opened(&whole[..length], &head, 100));
    assert_eq!(result.is_err(), is_changed);
}

/// Sealed and opened in pieces.
fn pieces(input: &mut Input<'_>) {
    let (step, other, room) = (input.size() + 1, input.size() + 1, input.short());
    let rights = rights(input.bytes(5));
    let original = input.0;
    let mut whole = Vec::new();
    let capacity = 400 + original.len() as u64 + u64::from(room);
    let secret = (&Secret::key(&KEY), &SALT);
    let mut sealer =
        Sealer::new(&rights, original.len() as u64, capacity, secret, &mut whole).expect("it fits");
    for piece in original.chunks(step) {
        sealer.push(piece, &mut whole).expect("as announced");
    }
    sealer.finish(&mut whole).expect("as announced");
    assert!(whole.len() as u64 <= capacity);
    let head = container::probe(&whole, &[KEY]).expect("ours");
    assert_eq!(head.total_bytes, whole.len());
    let (found, back) = opened(&whole, &head, other).expect("ours");
    assert_eq!((found, &back[..]), (rights, original));
}
