use super::*;

fn key(byte: u8) -> StaticKey {
    StaticKey::from_secret(&[byte; 32]).unwrap()
}

fn pair(pattern: Pattern) -> (Handshake, Handshake) {
    let (alice, bob) = (key(1), key(2));
    let remote = Some(bob.public());
    (
        Handshake::initiate(pattern, &alice, remote, b"p", [3; 32]).unwrap(),
        Handshake::respond(pattern, &bob, b"p", [4; 32]).unwrap(),
    )
}

fn pass(from: &mut Handshake, to: &mut Handshake, payload: &[u8]) -> Vec<u8> {
    let (mut message, mut read) = ([0; 512], [0; 512]);
    let length = from.write(payload, &mut message).unwrap();
    let length = to.read(&message[..length], &mut read).unwrap();
    read[..length].to_vec()
}

#[test]
fn both_ends_of_ik_have_the_same_secret() {
    let (mut a, mut b) = pair(Pattern::Ik);
    assert_eq!(pass(&mut a, &mut b, b"hello"), b"hello");
    assert_eq!(b.remote_static(), Some(*key(1).public()));
    assert_eq!(pass(&mut b, &mut a, b"hi"), b"hi");
    let (a, b) = (a.finish().unwrap(), b.finish().unwrap());
    assert_eq!(*a, *b);
    assert_ne!(*a, [0; 32]);
}

#[test]
fn both_ends_of_xx_learn_the_other_key() {
    let (mut a, mut b) = pair(Pattern::Xx);
    pass(&mut a, &mut b, b"");
    pass(&mut b, &mut a, b"");
    assert_eq!(a.remote_static(), Some(*key(2).public()));
    pass(&mut a, &mut b, b"");
    assert_eq!(b.remote_static(), Some(*key(1).public()));
    assert_eq!(*a.finish().unwrap(), *b.finish().unwrap());
}

#[test]
fn a_handshake_under_way_has_no_secret() {
    let (mut a, mut b) = pair(Pattern::Ik);
    pass(&mut a, &mut b, b"");
    assert_eq!(a.finish().unwrap_err(), NoiseError::State);
}

#[test]
fn the_seed_decides_the_message() {
    let write = |seed| {
        let mut out = [0; 256];
        let remote = key(2);
        let mut a =
            Handshake::initiate(Pattern::Ik, &key(1), Some(remote.public()), b"", seed).unwrap();
        let length = a.write(b"x", &mut out).unwrap();
        out[..length].to_vec()
    };
    assert_eq!(write([7; 32]), write([7; 32]));
    assert_ne!(write([7; 32])[..32], write([8; 32])[..32]);
}

#[test]
fn a_forged_message_leaves_the_handshake_as_it_was() {
    for pattern in [Pattern::Ik, Pattern::Xx] {
        let (mut a, mut b) = pair(pattern);
        pass(&mut a, &mut b, b"");
        let (mut answer, mut read) = ([0; 512], [0; 512]);
        let length = b.write(b"right", &mut answer).unwrap();
        for at in 0..length {
            let mut bent = answer;
            bent[at] ^= 1;
            let error = a.read(&bent[..length], &mut read).unwrap_err();
            assert_eq!(error, NoiseError::Message, "byte {at}");
            assert!(a.read(&answer[..at], &mut read).is_err());
        }
        assert_eq!(a.read(&answer[..length], &mut read), Ok(5));
    }
}

#[test]
fn a_third_message_with_a_bent_payload_leaves_the_handshake_as_it_was() {
    let (mut a, mut b) = pair(Pattern::Xx);
    pass(&mut a, &mut b, b"first");
    pass(&mut b, &mut a, b"second");
    let (mut third, mut read) = ([0; 512], [0; 512]);
    let length = a.write(b"third", &mut third).unwrap();
    for at in 0..length {
        let mut bent = third;
        bent[at] ^= 1;
        assert!(b.read(&bent[..length], &mut read).is_err());
    }
    assert_eq!(b.read(&third[..length], &mut read), Ok(5));
    assert_eq!(*a.finish().unwrap(), *b.finish().unwrap());
}

#[test]
fn a_point_of_low_order_is_refused() {
    let (_, mut b) = pair(Pattern::Ik);
    let mut read = [0; 512];
    assert!(b.read(&[0; 200], &mut read).is_err());
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    core::array::from_fn(byte)
}

/// A vector of the cacophony collection, which many implementations of Noise share.
#[test]
fn the_handshake_is_noise_ik() {
    let secrets = [
        "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
        "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    ];
    let ephemerals = [
        "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
        "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    ];
    let payloads: [&[u8]; 2] = [b"Ludwig von Mises", b"Murray Rothbard"];
    let messages = [
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79447\
         18da798efbcd91528520204f904b9bd6c7413dccdc214d951e15253e39987f181\
         46e8cd0873654207148333479d4d16c289f0294b29960a72f48e0b7bba2e89083\
         169825e59642148d492020664ccf7",
        "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088435\
         361e70b2ed446e6c9ec387d1d6b3b840f194e373979d241b203c4acafccf5",
    ];
    let hash = "0b0f68fb0c27e03ce9b97565995ed4838cc0581b762ef72b062f6a546419fad7";
    let keys = secrets.map(|secret| StaticKey::from_secret(&bytes(secret)).unwrap());
    let states = [true, false].map(|is_initiator| {
        let end = usize::from(!is_initiator);
        let origin = Origin {
            pattern: Pattern::Ik,
            key: keys[end].clone(),
            remote: is_initiator.then(|| *keys[1].public()),
            prologue: b"John Galt".to_vec(),
            seed: Zeroizing::new([0; 32]),
            is_initiator,
        };
        let ephemeral = bytes::<32>(ephemerals[end]);
        let builder = origin.builder().unwrap();
        let builder = builder.fixed_ephemeral_key_for_testing_only(&ephemeral);
        if is_initiator {
            builder.build_initiator().unwrap()
        } else {
            builder.build_responder().unwrap()
        }
    });
    let [mut a, mut b] = states;
    let (mut message, mut read) = ([0; 256], [0; 256]);
    let mut length = a.write_message(payloads[0], &mut message).unwrap();
    assert_eq!(message[..length], bytes::<112>(messages[0]));
    length = b.read_message(&message[..length], &mut read).unwrap();
    assert_eq!(&read[..length], payloads[0]);
    length = b.write_message(payloads[1], &mut message).unwrap();
    assert_eq!(message[..length], bytes::<63>(messages[1]));
    a.read_message(&message[..length], &mut read).unwrap();
    assert_eq!(a.get_handshake_hash(), bytes::<32>(hash));
    assert_eq!(b.get_handshake_hash(), bytes::<32>(hash));
}

/// RFC 7748, 6.1.
#[test]
fn public_keys_are_those_of_x25519() {
    let secret = [
        0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66,
        0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9,
        0x2c, 0x2a,
    ];
    let public = [
        0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7,
        0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b,
        0x4e, 0x6a,
    ];
    assert_eq!(*StaticKey::from_secret(&secret).unwrap().public(), public);
}
