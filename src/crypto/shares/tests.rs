use proptest::prelude::*;

use super::*;

const SECRET: [u8; 32] = [0xc3; 32];

fn hashes(shares: &[Share]) -> Vec<Digest> {
    shares.iter().map(Share::hash).collect()
}

fn keep(index: u8) -> Purpose {
    Purpose::Keep {
        account: AccountId([1; 16]),
        round: 0,
        index,
    }
}

#[test]
fn fewer_shares_than_needed_or_one_twice_make_nothing() {
    let shares = split(&SECRET, 2, 3, [9; 32]).expect("can be split");
    let hashes = hashes(&shares);
    let twice = [shares[1].clone(), shares[1].clone()];
    for few in [&shares[..0], &shares[..1], &twice] {
        let error = combine(few, 2, &hashes).expect_err("too few");
        assert_eq!((error.right, error.needed), (few.len().min(1), 2));
    }
}

#[test]
fn one_wrong_share_is_left_out_and_two_of_three_are_too_many() {
    let shares = split(&SECRET, 2, 3, [9; 32]).expect("can be split");
    let hashes = hashes(&shares);
    let mut bent = shares.clone();
    bent[0].value[7] ^= 1;
    assert_eq!(*combine(&bent, 2, &hashes).expect("two fit"), SECRET);
    bent[2].index = 2;
    let error = CombineError {
        right: 1,
        wrong: 2,
        needed: 2,
    };
    assert_eq!(combine(&bent, 2, &hashes), Err(error));
}

#[test]
fn a_share_of_no_server_fits_nothing() {
    let shares = split(&SECRET, 1, 1, [9; 32]).expect("can be split");
    let hashes = hashes(&shares);
    for index in [0, 2, 255] {
        let mut strange = shares[0].clone();
        strange.index = index;
        assert!(!strange.fits(&hashes));
    }
}

#[test]
fn sharing_is_bounded() {
    let most = SERVERS_MAX as u8;
    for (threshold, count) in [(0, 3), (4, 3), (1, 0), (2, most + 1)] {
        assert!(split(&SECRET, threshold, count, [0; 32]).is_err());
    }
    let shares = split(&SECRET, most, most, [0; 32]).expect("can be split");
    let made = combine(&shares, most, &hashes(&shares)).expect("all");
    assert_eq!(*made, SECRET);
}

#[test]
fn one_share_takes_every_value_whatever_the_secret() {
    // Over all seeds a share of a threshold of two is uniform; here each byte value is seen.
    for secret in [[0; 32], [0xff; 32]] {
        let mut seen = [false; 256];
        for seed in 0..=255 {
            let shares = split(&secret, 2, 3, [seed; 32]).expect("can be split");
            for byte in shares[2].value.iter() {
                seen[usize::from(*byte)] = true;
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}

#[test]
fn a_sealed_share_opens_for_its_reader_and_its_purpose_only() {
    let shares = split(&SECRET, 2, 3, [9; 32]).expect("can be split");
    let server = StaticSecret::from_bytes([1; 32]);
    let other = StaticSecret::from_bytes([2; 32]);
    let sealed = shares[1]
        .seal(&server.public(), &keep(2), [3; 32])
        .expect("seals");
    assert_eq!(sealed.len(), SEALED_SHARE_BYTES);
    assert_eq!(
        Share::open(&server, &keep(2), &sealed),
        Ok(shares[1].clone())
    );
    let closed = Err(SealedShareError::Sealed);
    assert_eq!(Share::open(&other, &keep(2), &sealed), closed);
    let look = |ordinal| Purpose::Look {
        account: AccountId([1; 16]),
        round: 0,
        index: 2,
        view: ViewId([4; 16]),
        ordinal,
        remaining: 2,
        seq: 17,
    };
    for purpose in [keep(1), look(1)] {
        assert_eq!(Share::open(&server, &purpose, &sealed), closed);
    }
    let resealed = shares[1]
        .seal(&other.public(), &look(1), [4; 32])
        .expect("seals");
    assert!(Share::open(&other, &look(1), &resealed).is_ok());
    assert_eq!(Share::open(&other, &look(2), &resealed), closed);
    // A share under the purpose of another is refused even by who sealed it so.
    let misplaced = shares[0]
        .seal(&server.public(), &keep(2), [5; 32])
        .expect("seals");
    assert_eq!(Share::open(&server, &keep(2), &misplaced), closed);
}

#[test]
fn a_changed_or_cut_share_does_not_open() {
    let shares = split(&SECRET, 1, 1, [9; 32]).expect("can be split");
    let server = StaticSecret::from_bytes([1; 32]);
    let sealed = shares[0]
        .seal(&server.public(), &keep(1), [3; 32])
        .expect("seals");
    for place in 0..sealed.len() {
        let mut bent = sealed.to_vec();
        bent[place] ^= 0x10;
        assert!(Share::open(&server, &keep(1), &bent).is_err(), "{place}");
        assert!(Share::open(&server, &keep(1), &sealed[..place]).is_err());
    }
}

#[test]
fn both_parts_make_the_content_key_and_neither_alone_does() {
    let key = [1; 32];
    for servers in [[2; 32], [3; 32]] {
        let borrower = other_part(&key, &servers);
        assert!(borrower != key && borrower != servers);
        assert_eq!(other_part(&borrower, &servers), key);
    }
    assert_ne!(other_part(&key, &[2; 32]), other_part(&key, &[3; 32]));
}

proptest! {
    #[test]
    fn any_threshold_of_shares_in_any_order_makes_the_secret(
        secret: [u8; 32],
        seed: [u8; 32],
        (count, threshold) in (1..=SERVERS_MAX as u8)
            .prop_flat_map(|count| (Just(count), 1..=count)),
        picks in prop::collection::vec(any::<prop::sample::Index>(), SERVERS_MAX),
    ) {
        let mut shares = split(&secret, threshold, count, seed).expect("can be split");
        let hashes = hashes(&shares);
        let chosen: Vec<Share> = picks[..usize::from(threshold)]
            .iter()
            .map(|pick| shares.remove(pick.index(shares.len())))
            .collect();
        prop_assert_eq!(*combine(&chosen, threshold, &hashes).expect("enough"), secret);
        prop_assert!(combine(&chosen[1..], threshold, &hashes).is_err());
    }

    #[test]
    fn bytes_that_are_no_sealed_share_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let reader = StaticSecret::from_bytes([1; 32]);
        prop_assert!(Share::open(&reader, &keep(1), &bytes).is_err());
    }
}
