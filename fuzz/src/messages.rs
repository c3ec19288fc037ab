//! Everything else that is decoded from others or from the disk: the first byte tells what.

use pentimento::proto::cargo::{HideJob, Manifest};
use pentimento::proto::control::{Report, Wish};
use pentimento::proto::identity::PublicIdentity;
use pentimento::proto::lease::{Adjust, Conditions, LogEntry, Terms};
use pentimento::proto::ledger::{Answer, Command, Entry, Opening, Question, Signed};
use pentimento::proto::letter::{Grant, Letter, Note};
use pentimento::proto::limits::MESSAGE_MAX_BYTES;
use pentimento::proto::notice::Noticed;
use pentimento::proto::operator::{ServerCommand, ServerReply};
use pentimento::proto::packet::{Errand, LookupAnswer};
use pentimento::proto::{codec, pairing};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What decodes and is encoded again decodes to what encodes to the same bytes.
fn round<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let Ok(value) = codec::decode::<T>(data, MESSAGE_MAX_BYTES) else {
        return;
    };
    let again = codec::encode(&value);
    let value: T = codec::decode(&again, MESSAGE_MAX_BYTES).expect("what was encoded decodes");
    assert_eq!(codec::encode(&value), again);
}

/// One kind after the other.
pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 26 {
        0 => round::<Manifest>(data),
        1 => round::<HideJob>(data),
        2 => round::<Letter>(data),
        3 => round::<Note>(data),
        4 => round::<Grant>(data),
        5 => round::<Adjust>(data),
        6 => round::<Conditions>(data),
        7 => round::<LogEntry>(data),
        8 => round::<Terms>(data),
        9 => round::<Wish>(data),
        10 => round::<Report>(data),
        11 => round::<Noticed>(data),
        12 => round::<ServerCommand>(data),
        13 => round::<ServerReply>(data),
        14 => round::<Vec<Letter>>(data),
        15 => round::<Errand>(data),
        16 => round::<LookupAnswer>(data),
        17 => round::<PublicIdentity>(data),
        18 => {
            if let Ok(text) = str::from_utf8(data)
                && let Ok((name, user)) = pairing::parse(text)
            {
                assert_eq!(
                    pairing::parse(&pairing::code(&name, &user)),
                    Ok((name, user))
                );
            }
        }
        20 => round::<Signed>(data),
        21 => round::<Entry>(data),
        22 => round::<Question>(data),
        23 => round::<Answer>(data),
        24 => round::<Command>(data),
        25 => round::<Opening>(data),
        _ => {
            if let Ok(text) = str::from_utf8(data) {
                let _ = pentimento::proto::identity::key_bytes(text);
            }
        }
    }
}
