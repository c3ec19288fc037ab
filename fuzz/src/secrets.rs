//! Shares of a secret, letters, passes and locked keys: what is made up opens nothing, what is
//! right opens whatever lies beside it.

use pentimento::crypto::container::Passphrase;
use pentimento::crypto::identity::{SecretIdentity, verify_errand};
use pentimento::crypto::locked_key::{self, UnlockError};
use pentimento::crypto::shares::{self, Purpose, SEALED_SHARE_BYTES, Share};
use pentimento::crypto::static_key::StaticSecret;
use pentimento::crypto::{letters, passes};
use pentimento::proto::codec;
use pentimento::proto::identity::{PublicKey, Signature};
use pentimento::proto::ids::{AccountId, Digest, LetterId, NodeId, UserId, ViewId};
use pentimento::proto::letter::Letter;
use pentimento::proto::limits::LETTER_MAX_BYTES;
use pentimento::proto::packet::Errand;
use pentimento::proto::pass::Pass;
use pentimento::time::WallTime;

use crate::Input;

const SECRET: [u8; 32] = [42; 32];

/// The first byte tells which.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 8 {
        0 | 1 => joined(&mut input),
        2 => opened(&mut input),
        3 => letter(&mut input),
        4 => pass(&mut input),
        _ => locked(&mut input),
    }
}

/// Right shares, wrong ones and the same ones again, with any threshold and any list of hashes.
fn joined(input: &mut Input<'_>) {
    let (count, threshold) = (input.byte() % 18, input.byte() % 18);
    let made = shares::split(&SECRET, threshold, count, [1; 32]);
    assert_eq!(
        made.is_ok(),
        (1..=count).contains(&threshold) && count <= 16
    );
    let Ok(right) = made else {
        return;
    };
    let other = shares::split(&[9; 32], threshold, count, [2; 32]).expect("as before");
    let mut hashes: Vec<Digest> = right.iter().map(Share::hash).collect();
    if input.byte() == 0xff {
        hashes.truncate(usize::from(input.byte()) % 18);
    }
    let mut given = Vec::new();
    let mut fitting = [false; 18];
    while !input.is_empty() && given.len() < 40 {
        let one = input.byte();
        let place = usize::from(one & 15);
        let from = if one & 0x80 == 0 { &right } else { &other };
        if let Some(share) = from.get(place) {
            fitting[place] |= one & 0x80 == 0 && place < hashes.len();
            given.push(share.clone());
        }
    }
    let is_enough = fitting.iter().filter(|fits| **fits).count() >= usize::from(threshold);
    match shares::combine(&given, threshold, &hashes) {
        Ok(secret) => assert!(is_enough && *secret == SECRET),
        Err(error) => assert!(!is_enough, "{error:?}"),
    }
    // A threshold from elsewhere is no reason to fall over.
    let _ = shares::combine(&given, input.byte(), &hashes);
}

/// A share on its way, changed or made up.
fn opened(input: &mut Input<'_>) {
    let reader = StaticSecret::from_bytes([5; 32]);
    let purpose = Purpose::Look {
        account: AccountId([1; 16]),
        round: 0,
        index: 1,
        view: ViewId([2; 16]),
        ordinal: 1,
        remaining: 1,
        seq: 1,
    };
    let made_up = input.bytes(SEALED_SHARE_BYTES + 1).to_vec();
    assert!(Share::open(&reader, &purpose, &made_up).is_err());
    let share = &shares::split(&SECRET, 1, 1, [1; 32]).expect("one share")[0];
    let key = PublicKey(input.bytes(32).try_into().unwrap_or([0; 32]));
    let _ = share.seal(&key, &purpose, [3; 32]);
}

/// A letter that its writer truly signed, around bytes of any kind.
fn letter(input: &mut Input<'_>) {
    let writer = SecretIdentity::from_secret([1; 32]);
    let reader = SecretIdentity::from_secret([2; 32]);
    let to = if input.byte() == 0xff {
        writer.user_id()
    } else {
        reader.user_id()
    };
    let mut letter = Letter {
        id: LetterId([input.byte(); 16]),
        from: *writer.public(),
        to,
        posted_at: WallTime(input.long()),
        sealed: bytes::Bytes::copy_from_slice(input.0),
        signature: Signature([[0; 32]; 2]),
    };
    let signed = codec::encode(&(letter.id, letter.from, to, letter.posted_at, &letter.sealed));
    letter.signature = writer.sign("pentimento 1 letter", &signed);
    assert!(letter.sealed.len() <= LETTER_MAX_BYTES);
    assert!(
        letters::open(&reader, &letter).is_err(),
        "nobody sealed that"
    );
    letter.sealed = bytes::Bytes::new();
    assert!(input.is_empty() || !letters::is_authentic(&letter));
}

/// Passes and errands with any key and any signature.
fn pass(input: &mut Input<'_>) {
    let pass = Pass {
        asker: UserId([input.byte(); 32]),
        peer: UserId([input.byte(); 32]),
        until: WallTime(input.long()),
        server: NodeId(input.byte()),
        signature: Signature([
            input.bytes(32).try_into().unwrap_or([0; 32]),
            input.bytes(32).try_into().unwrap_or([1; 32]),
        ]),
    };
    let server = StaticSecret::from_bytes([6; 32]);
    assert!(
        !passes::verify(&server.public(), &pass),
        "nobody signed that"
    );
    let key = PublicKey(input.bytes(32).try_into().unwrap_or([0; 32]));
    let _ = passes::verify(&key, &pass);
    if let Ok(errand) = codec::decode::<Errand>(input.0, 2_000) {
        let _ = verify_errand(&errand);
    }
}

/// A key file, as it is or with its checksum put right where that costs no stretching worth
/// speaking of.
fn locked(input: &mut Input<'_>) {
    let passphrase = Passphrase::new(b"a passphrase").expect("long enough");
    let is_right = input.byte() & 1 == 0;
    let cost = [input.byte() % 24, input.byte() % 3, input.byte() % 3];
    let line = format!(
        "pentimento locked key 1 argon2id {} {} {}",
        cost[0], cost[1], cost[2]
    );
    if !is_right {
        let text = String::from_utf8_lossy(input.0);
        let _ = (
            locked_key::is_locked(&text),
            locked_key::unlock(&text, &passphrase),
        );
        let text = format!("{line}{text}");
        let _ = locked_key::unlock(&text, &passphrase);
        return;
    }
    let mut body = input.bytes(80).to_vec();
    body.resize(80, 0);
    let mut checksum = [0; 8];
    blake3::Hasher::new_derive_key("pentimento 1 locked key, checksum")
        .update(line.as_bytes())
        .update(&body)
        .finalize_xof()
        .fill(&mut checksum);
    body.extend(checksum);
    let digits: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    let opened = locked_key::unlock(&format!("{line}\n{digits}\n"), &passphrase);
    let error = opened.expect_err("nobody locked that");
    // Argon2 knows no such cost, or it was stretched and opens nothing.
    let is_possible = cost[1] > 0 && cost[2] > 0 && cost[0] >= 8 * cost[2];
    assert_eq!(error == UnlockError::WrongPassphrase, is_possible, "{line}");
}
