use proptest::prelude::*;

use super::keys::COMMITMENT_BYTES;
use super::sizes::TAG_BYTES;
use super::*;
use crate::proto::ids::UserId;

const KEY: [u8; 32] = [7; 32];
const SEALED_SEGMENT_BYTES: usize = SEGMENT_BYTES + TAG_BYTES;

fn rights() -> Rights {
    Rights {
        name: "beach.jpg".into(),
        owner: UserId([1; 32]),
        borrower: UserId([2; 32]),
        grant: None,
        views: 2,
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise
}

/// A container of the smallest size, without padding.
fn tight(original: &[u8]) -> Vec<u8> {
    let content = Content::pack(&rights(), original);
    let salt = Salt::from_seed(&[1; 32]);
    content.seal(content.least_bytes(), &Secret::key(&KEY), &salt)
}

fn opened(container: &[u8], key: &[u8; 32]) -> Result<(Rights, Bytes), ContainerError> {
    let head = probe(container, &[*key])?;
    let container = container
        .get(..head.total_bytes)
        .ok_or(ContainerError::Damaged)?;
    open(container, &head)
}

/// Opens in pieces of this size.
fn opened_in_pieces(
    container: &[u8],
    piece_bytes: usize,
) -> Result<(Rights, Vec<u8>), ContainerError> {
    let mut opener = Opener::new(&probe(container, &[KEY])?);
    let mut original = Vec::new();
    for piece in container[PROBE_BYTES..].chunks(piece_bytes) {
        opener.push(piece, &mut original)?;
    }
    Ok((opener.finish()?, original))
}

#[test]
fn the_right_key_among_others_opens_it() {
    let container = seal(&rights(), b"original", &KEY, &[1; 32]);
    let head = probe(&container, &[[0; 32], [1; 32], KEY]).expect("fits");
    assert_eq!((head.key_index, head.total_bytes), (2, container.len()));
    assert_eq!(head.original_bytes(), 8);
    let (found, original) = open(&container, &head).expect("opens");
    assert_eq!((found, original.as_ref()), (rights(), &b"original"[..]));
}

#[test]
fn without_the_key_it_is_not_even_recognised() {
    let container = seal(&rights(), b"original", &KEY, &[1; 32]);
    for (start, keys) in [
        (&container[..], &[[0; 32]][..]),
        (&[0; 10], &[KEY]),
        (&container, &[]),
    ] {
        let found = probe(start, keys).map(|head| head.key_index);
        assert_eq!(found, Err(ContainerError::NoKeyFits));
    }
}

#[test]
fn a_passphrase_opens_what_it_sealed_and_no_key_or_other_passphrase_does() {
    let salt = Salt::from_seed(&[1; 32]);
    let passphrase = |text: &str| Passphrase::new(text.as_bytes()).expect("within bounds");
    let secret = Secret::stretch(&passphrase("correct horse"), &salt);
    let content = Content::pack(&rights(), b"original");
    let container = content.seal(4_096, &secret, &salt);
    let found = Salt::at_start(&container).expect("long enough");
    let again = Secret::stretch(&passphrase("correct horse"), &found);
    let head = probe_secret(&container, &again).expect("fits");
    let (_, original) = open(&container, &head).expect("opens");
    assert_eq!(original.as_ref(), b"original");
    let other = Secret::stretch(&passphrase("correct horsf"), &found);
    for secret in [other, Secret::key(&KEY)] {
        let found = probe_secret(&container, &secret).map(|head| head.key_index);
        assert_eq!(found, Err(ContainerError::NoKeyFits));
    }
}

#[test]
fn sizes_tell_the_class_only() {
    let size = |bytes: usize| seal(&rights(), &noise(bytes), &KEY, &[1; 32]).len();
    for bytes in [0, 1, 3_000, 3_700] {
        assert_eq!(size(bytes), SMALLEST_CLASS_BYTES as usize);
    }
    assert_eq!(size(100_500), 102_400);
    assert_eq!(size(102_000), 102_400);
}

#[test]
fn text_is_compressed_and_noise_is_not() {
    let least = |original: &[u8]| Content::pack(&rights(), original).least_bytes();
    assert!(least(&vec![b'a'; 100_000]) < 2_000);
    let sealed = least(&noise(100_000));
    assert!((100_000..100_400).contains(&sealed), "{sealed}");
    let text = vec![b'a'; 300_000];
    let (_, original) = opened(&seal(&rights(), &text, &KEY, &[1; 32]), &KEY).expect("opens");
    assert_eq!(original, text);
}

#[test]
fn every_flipped_bit_is_noticed() {
    for container in [
        seal(&rights(), b"an original", &KEY, &[1; 32])[..].to_vec(),
        tight(&[b'a'; 400]),
    ] {
        let reached = container.len().min(600) * 8;
        let last = (container.len() - 40) * 8..container.len() * 8;
        for bit in (0..reached).chain(last) {
            let mut bent = container.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let result = opened(&bent, &KEY);
            let expected = if bit / 8 < SALT_BYTES + COMMITMENT_BYTES {
                ContainerError::NoKeyFits
            } else {
                ContainerError::Damaged
            };
            assert_eq!(result, Err(expected), "bit {bit}");
        }
    }
}

#[test]
fn every_truncation_is_noticed() {
    let container = tight(b"an original that is cut");
    for length in 0..container.len() {
        assert!(opened(&container[..length], &KEY).is_err(), "{length}");
        if length >= PROBE_BYTES {
            let result = opened_in_pieces(&container[..length], 50);
            assert_eq!(result, Err(ContainerError::Damaged), "{length}");
        }
    }
}

#[test]
fn segments_cannot_be_swapped_doubled_or_left_out() {
    let original = noise(3 * SEGMENT_BYTES + 100);
    let container = tight(&original);
    let (start, body) = container.split_at(PROBE_BYTES);
    let segments: Vec<&[u8]> = body.chunks(SEALED_SEGMENT_BYTES).collect();
    assert_eq!(segments.len(), 4);
    for order in [
        &[1, 0, 2, 3][..],
        &[0, 2, 1, 3],
        &[0, 0, 1, 2, 3],
        &[0, 1, 1, 3],
        &[1, 2, 3],
        &[0, 1, 3],
        &[0, 1, 2],
        &[3, 0, 1, 2],
    ] {
        let body: Vec<u8> = order.iter().flat_map(|at| segments[*at]).copied().collect();
        let bent = [start, &body].concat();
        let result = opened_in_pieces(&bent, 10_000);
        assert_eq!(result, Err(ContainerError::Damaged), "{order:?}");
    }
    let (_, whole) = opened_in_pieces(&container, 10_000).expect("opens");
    assert!(whole == original);
}

#[test]
fn segments_of_two_containers_do_not_mix() {
    let (one, other) = ([b'1'; 5_000], noise(5_000));
    let sealed = |original: &[u8], seed| seal(&rights(), original, &KEY, &[seed; 32]);
    let (one, other) = (sealed(&one, 1), sealed(&other, 2));
    for at in [SALT_BYTES, SALT_BYTES + COMMITMENT_BYTES, PROBE_BYTES] {
        let mixed = [&one[..at], &other[at..]].concat();
        assert!(opened(&mixed, &KEY).is_err(), "{at}");
    }
}

#[test]
fn after_an_error_nothing_more_is_given() {
    let mut container = tight(&noise(2 * SEGMENT_BYTES));
    container[PROBE_BYTES] ^= 1;
    let mut opener = Opener::new(&probe(&container, &[KEY]).expect("fits"));
    let mut out = Vec::new();
    let (first, rest) = container[PROBE_BYTES..].split_at(SEALED_SEGMENT_BYTES);
    for piece in [first, rest] {
        let pushed = opener.push(piece, &mut out);
        assert_eq!(pushed, Err(ContainerError::Damaged));
    }
    assert!(out.is_empty());
    assert_eq!(opener.finish(), Err(ContainerError::Damaged));
}

#[test]
fn a_newer_head_is_told_from_a_damaged_one() {
    let salt = Salt::from_seed(&[1; 32]);
    let keys = Secret::key(&KEY).keys(&salt);
    let container = tight(b"x");
    let forged = |change: &dyn Fn(&mut [u8])| {
        let mut head = [0; 32];
        let mut sealed = container[64..PROBE_BYTES].to_vec();
        let nonce = || aws_lc_rs::aead::Nonce::assume_unique_for_key([0; 12]);
        let aad = aws_lc_rs::aead::Aad::empty;
        let plain = head::cipher(&keys.head)
            .open_in_place(nonce(), aad(), &mut sealed)
            .expect("our own");
        head.copy_from_slice(plain);
        change(&mut head);
        let mut sealed = head.to_vec();
        head::cipher(&keys.head)
            .seal_in_place_append_tag(nonce(), aad(), &mut sealed)
            .expect("short");
        let start = [&container[..64], &sealed].concat();
        probe(&start, &[KEY]).map(|head| head.total_bytes)
    };
    assert_eq!(forged(&|_| {}), Ok(container.len()));
    assert_eq!(forged(&|head| head[0] = 3), Err(ContainerError::Version(3)));
    for (at, byte) in [
        (0, 1),
        (1, 2),
        (4, 1),
        (8, 200),
        (15, 0xff),
        (16, 9),
        (30, 1),
    ] {
        let found = forged(&|head| head[at] = byte);
        assert_eq!(found, Err(ContainerError::Damaged), "{at}");
    }
}

/// A ciphertext of ChaCha20-Poly1305 can be made to open under two keys; a container cannot, since
/// both would have to derive the commitment in it. Here what can be pasted together of two.
#[test]
fn no_container_opens_to_two_keys() {
    let other = [8; 32];
    let salt = Salt::from_seed(&[1; 32]);
    let (ours, theirs) = (
        Secret::key(&KEY).keys(&salt),
        Secret::key(&other).keys(&salt),
    );
    let one = tight(b"harmless");
    // A beginning of our commitment and the rest of theirs, before our head and segments.
    for split in 0..=COMMITMENT_BYTES {
        let mut commitment = ours.commitment;
        commitment[split..].copy_from_slice(&theirs.commitment[split..]);
        let pasted = [&salt.0[..], &commitment, &one[64..]].concat();
        let fits = |key| opened(&pasted, &key).is_ok();
        assert!(!(fits(KEY) && fits(other)), "{split}");
    }
}

#[test]
fn what_is_not_as_long_as_announced_is_not_sealed() {
    let (secret, salt) = (Secret::key(&KEY), Salt::from_seed(&[1; 32]));
    let mut out = Vec::new();
    let mut begin =
        |bytes, capacity| Sealer::new(&rights(), bytes, capacity, (&secret, &salt), &mut out);
    let mut long = begin(3, 5_000).expect("fits");
    let short = begin(3, 5_000).expect("fits");
    let least_bytes = Content::pack(&rights(), b"xxx").least_bytes();
    let refused = begin(3, least_bytes - 1).expect_err("too small");
    let capacity_bytes = least_bytes - 1;
    assert_eq!(
        refused,
        SealError::TooLarge {
            least_bytes,
            capacity_bytes
        }
    );
    assert!(begin(3, least_bytes).is_ok());
    assert_eq!(long.push(b"four", &mut out), Err(SealError::Length));
    assert_eq!(short.finish(&mut out), Err(SealError::Length));
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(original in prop::collection::vec(any::<u8>(), 0..5_000)) {
        let container = seal(&rights(), &original, &KEY, &[3; 32]);
        let (found, back) = opened(&container, &KEY).expect("opens");
        prop_assert_eq!((found, back.as_ref()), (rights(), &original[..]));
    }

    #[test]
    fn piece_by_piece_is_as_the_whole(
        bytes in 0_usize..200_000,
        more in 0_u64..10_000,
        pieces in prop::collection::vec(1_usize..70_000, 1..8),
        compressible in any::<bool>(),
    ) {
        let original = if compressible { vec![5; bytes] } else { noise(bytes) };
        let (secret, salt) = (Secret::key(&KEY), Salt::from_seed(&[3; 32]));
        let mut sealed = Vec::new();
        let mut sealer = Sealer::new(
            &rights(), bytes as u64, bytes as u64 + 400 + more, (&secret, &salt), &mut sealed,
        ).expect("fits");
        let mut rest = &original[..];
        for size in pieces.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*size));
            sealer.push(now, &mut sealed).expect("as announced");
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        sealer.finish(&mut sealed).expect("as announced");
        if !compressible {
            let content = Content::pack(&rights(), &original);
            prop_assert!(content.seal(sealed.len() as u64, &secret, &salt) == sealed);
        }
        let (_, whole) = opened(&sealed, &KEY).expect("opens");
        prop_assert!(whole == original);
        let packed = seal(&rights(), &original, &KEY, &[3; 32]);
        for container in [sealed, packed] {
            let (_, found) = opened_in_pieces(&container, pieces[0]).expect("opens");
            prop_assert!(found == original);
        }
    }

    #[test]
    fn any_bytes_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(probe(&bytes, &[KEY]).is_err());
    }

    #[test]
    fn any_change_of_the_body_ends_in_an_error(
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..50),
    ) {
        let mut container = tight(&[b'a'; 3_000]);
        let from = PROBE_BYTES + at.index(container.len() - PROBE_BYTES);
        let to = container.len().min(from + noise.len());
        let before = container.clone();
        container[from..to].copy_from_slice(&noise[..to - from]);
        if container != before {
            prop_assert_eq!(opened(&container, &KEY), Err(ContainerError::Damaged));
        }
    }
}
