use proptest::prelude::*;

use super::*;

const SECRET: [u8; 32] = [9; 32];
const HEADER: [u8; 11] = [0x80; 11];

fn ends(suite: Suite) -> (PacketKeys, PacketKeys) {
    let now = Moment::START;
    (
        PacketKeys::new(suite, &SECRET, true, now),
        PacketKeys::new(suite, &SECRET, false, now),
    )
}

fn sealed(keys: &PacketKeys, number: u64, plaintext: &[u8]) -> Vec<u8> {
    let mut packet = plaintext.to_vec();
    let tag = keys.seal_in_place(number, &HEADER, &mut packet);
    packet.extend_from_slice(&tag);
    packet
}

fn opens(keys: &mut PacketKeys, at: Moment, generation: u8, number: u64, packet: &[u8]) -> bool {
    let mut packet = packet.to_vec();
    keys.open_in_place(at, generation, number, &HEADER, &mut packet)
        .is_ok_and(|plaintext| plaintext == b"data")
}

fn seconds(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1_000)
}

#[test]
fn what_one_end_seals_the_other_opens() {
    for suite in [Suite::Aes128Gcm, Suite::ChaCha20Poly1305] {
        let (a, mut b) = ends(suite);
        let packet = sealed(&a, 5, b"data");
        assert!(opens(&mut b, seconds(0), 0, 5, &packet));
        assert!(!opens(&mut b, seconds(0), 0, 6, &packet), "another number");
        assert!(
            !opens(&mut b, seconds(0), 1, 5, &packet),
            "another generation"
        );
        for at in 0..packet.len() {
            let mut bent = packet.clone();
            bent[at] ^= 0x10;
            assert!(!opens(&mut b, seconds(0), 0, 5, &bent));
            assert!(!opens(&mut b, seconds(0), 0, 5, &packet[..at]));
        }
        let mut packet = packet;
        let opened = b.open_in_place(seconds(0), 0, 5, &HEADER[1..], &mut packet);
        assert_eq!(opened, Err(Forged), "another header");
    }
}

#[test]
fn directions_and_suites_have_keys_of_their_own() {
    let (mut a, b) = ends(Suite::Aes128Gcm);
    let (c, _) = ends(Suite::ChaCha20Poly1305);
    let packet = sealed(&a, 1, b"data");
    assert!(!opens(&mut a, seconds(0), 0, 1, &packet), "reflected");
    let all = [packet, sealed(&b, 1, b"data"), sealed(&c, 1, b"data")];
    assert_ne!(all[0], all[1]);
    assert_ne!(all[0], all[2]);
}

#[test]
fn a_suite_is_the_fastest_that_both_ends_are_quick_at() {
    assert_eq!(Suites::ALL.choose(Suites::ALL), Suite::Aes128Gcm);
    assert_eq!(Suites::ALL.choose(Suites::CHACHA), Suite::ChaCha20Poly1305);
    assert_eq!(Suites::CHACHA.choose(Suites::ALL), Suite::ChaCha20Poly1305);
    assert_eq!(Suites::from_byte(0), Suites::CHACHA);
    assert_eq!(Suites::from_byte(0xff), Suites::ALL);
    for suite in [Suite::Aes128Gcm, Suite::ChaCha20Poly1305] {
        assert_eq!(Suite::from_byte(suite as u8), Some(suite));
    }
    assert_eq!(Suite::from_byte(3), None);
}

#[test]
fn a_generation_ends_by_time_once_it_was_acknowledged() {
    let (mut a, _) = ends(Suite::Aes128Gcm);
    assert_eq!(a.advance(seconds(0), 10), Some(0));
    assert_eq!(a.advance(seconds(130), 11), Some(0), "nothing acknowledged");
    a.on_acknowledged(9);
    assert_eq!(a.advance(seconds(131), 12), Some(0), "an earlier packet");
    a.on_acknowledged(10);
    assert_eq!(a.advance(seconds(132), 13), Some(1));
    a.on_acknowledged(12);
    assert_eq!(
        a.advance(seconds(260), 14),
        Some(1),
        "not of this generation"
    );
    a.on_acknowledged(13);
    assert_eq!(a.advance(seconds(251), 15), Some(1), "119 s");
    assert_eq!(a.advance(seconds(252), 16), Some(2), "120 s");
}

#[test]
fn a_generation_ends_by_packets_and_a_key_wears_out() {
    let (mut a, _) = ends(Suite::Aes128Gcm);
    for number in 0..KEY_PACKETS_MAX {
        assert_eq!(a.advance(seconds(0), number), Some(0));
    }
    assert_eq!(a.advance(seconds(0), KEY_PACKETS_MAX), None);
    a.on_acknowledged(0);
    assert_eq!(a.advance(seconds(0), KEY_PACKETS_MAX), Some(1));
    for number in 1..GENERATION_PACKETS {
        assert_eq!(a.advance(seconds(0), KEY_PACKETS_MAX + number), Some(1));
    }
    a.on_acknowledged(KEY_PACKETS_MAX);
    assert_eq!(
        a.advance(seconds(0), KEY_PACKETS_MAX + GENERATION_PACKETS),
        Some(2)
    );
}

/// Moves the sender on by one generation.
fn renew(keys: &mut PacketKeys, number: u64) -> u8 {
    keys.seal.acknowledged = true;
    keys.seal.packets = GENERATION_PACKETS;
    keys.advance(seconds(0), number).unwrap()
}

#[test]
fn the_receiver_follows_the_generations() {
    let (mut a, mut b) = ends(Suite::Aes128Gcm);
    assert_eq!(a.advance(seconds(0), 0), Some(0));
    for number in 0..20 {
        let packet = sealed(&a, number, b"data");
        let generation = (number % 4) as u8;
        assert!(opens(&mut b, seconds(0), generation, number, &packet));
        assert_eq!(renew(&mut a, number + 1), (generation + 1) % 4);
    }
}

#[test]
fn what_was_overtaken_by_a_new_generation_opens_for_30_s() {
    let (mut a, mut b) = ends(Suite::ChaCha20Poly1305);
    let late: Vec<_> = (0..4).map(|number| sealed(&a, number, b"data")).collect();
    renew(&mut a, 4);
    let first_new = sealed(&a, 4, b"data");
    assert!(opens(&mut b, seconds(0), 0, 0, &late[0]));
    assert!(opens(&mut b, seconds(5), 1, 4, &first_new));
    assert!(opens(&mut b, seconds(6), 0, 1, &late[1]));
    assert!(opens(&mut b, seconds(34), 0, 2, &late[2]));
    assert!(!opens(&mut b, seconds(35), 0, 3, &late[3]));
    assert!(b.open.previous.is_none(), "wiped");
}

#[test]
fn a_forged_generation_moves_nothing() {
    let (a, mut b) = ends(Suite::Aes128Gcm);
    for generation in 0..=255 {
        assert!(!opens(&mut b, seconds(0), generation, 1, &[7; 40]));
    }
    assert!(opens(&mut b, seconds(0), 0, 1, &sealed(&a, 1, b"data")));
    assert_eq!(b.open.name, 0);
}

#[test]
fn a_generation_two_ahead_does_not_open() {
    let (mut a, mut b) = ends(Suite::Aes128Gcm);
    renew(&mut a, 0);
    assert_eq!(renew(&mut a, 1), 2);
    let packet = sealed(&a, 1, b"data");
    for generation in 0..4 {
        assert!(!opens(&mut b, seconds(0), generation, 1, &packet));
    }
}

#[test]
fn nonces_of_different_numbers_differ() {
    let (a, _) = ends(Suite::Aes128Gcm);
    let zeros = [0; 64];
    let packets: std::collections::BTreeSet<_> =
        (0..64).map(|bit| sealed(&a, 1 << bit, &zeros)).collect();
    assert_eq!(packets.len(), 64);
}

proptest! {
    #[test]
    fn random_bytes_never_open_nor_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        generation: u8,
        number: u64,
        header in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let (_, mut b) = ends(Suite::Aes128Gcm);
        let mut bytes = bytes;
        let opened = b.open_in_place(seconds(0), generation, number, &header, &mut bytes);
        prop_assert_eq!(opened, Err(Forged));
    }
}
