//! A photograph is shared without what it tells beside its pixels, and until a date: then it opens
//! no more, until the owner moves the date.

use std::fs;

use bytes::Bytes;
use pentimento::stego::{self, Picture};
use serde_json::Value;

use super::stage::{Stage, until};

/// A JPEG with what a telephone adds: place, serial number, and words after the picture.
fn photograph() -> Bytes {
    let rgb = (0..64 * 48 * 3_u32).map(|at| (at * 7 % 251) as u8);
    let picture = Picture::new(64, 48, rgb.collect()).expect("the size fits");
    let jpeg = stego::encode_jpeg(&picture, 90).expect("it can be encoded");
    // Exif: a directory with two others, one with a serial number, one with a latitude.
    let exif = [
        &b"Exif\0\0MM\0\x2a\0\0\0\x08"[..],
        b"\0\x02\x87\x69\0\x04\0\0\0\x01\0\0\0\x26\x88\x25\0\x04\0\0\0\x01\0\0\0\x38\0\0\0\0",
        b"\0\x01\xa4\x31\0\x02\0\0\0\x08\0\0\0\x4a\0\0\0\0",
        b"\0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0",
        b"SN-4711\0",
    ]
    .concat();
    let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..], b"tail"]
        .concat()
        .into()
}

#[test]
fn a_photograph_is_shared_without_its_place_until_a_date() {
    let stage = Stage::with(&["alice", "bob"]);
    let original = photograph();
    fs::write(stage.folder().join("beach.jpg"), &original).expect("the folder can be written");
    let alice = |arguments: &[&str]| stage.run("alice", arguments);
    let bob = |arguments: &[&str]| stage.run("bob", arguments);
    let state = |name: &str| -> Option<Value> {
        let leases = stage.run(name, &["--json", "lease", "ls"]).result(0);
        leases.as_array()?.first().cloned()
    };

    let mut share = vec![
        "--json",
        "share",
        "beach.jpg",
        "--to",
        "@bob",
        "--views",
        "5",
    ];
    share.extend(["--until", "3s", "--show-for", "30s"]);
    let shared = alice(&share).json();
    let told = [
        "place (GPS)",
        "camera serial number",
        "data after the picture",
    ];
    assert_eq!(shared["result"]["removed"], serde_json::json!(told));
    let expired = until("the date passes", || {
        state("bob").filter(|lease| lease["state"] == "expired")
    });
    assert_eq!(expired["ended"]["reason"], "expired");
    assert_eq!(
        (&expired["left"], &expired["show_ms"]),
        (&0.into(), &30_000.into())
    );
    let view = ["--json", "view", "@alice/beach.jpg"];
    bob(&view).refused(4, "expired");

    alice(&["--json", "lease", "until", "@bob/beach.jpg", "never"]);
    until("the picture is there again", || {
        state("bob").filter(|lease| lease["state"] == "live" && lease["delivered"] == true)
    });
    let seen = bob(&view).result(0);
    assert_eq!((&seen["ordinal"], &seen["left"]), (&1.into(), &4.into()));
    let clean = stego::clean(&original).bytes;
    assert_eq!(seen["blake3"], blake3::hash(&clean).to_hex().as_str());
    alice(&["--json", "lease", "refund", "@bob/beach.jpg"]);
    alice(&["--json", "lease", "revoke", "--all", "@bob"]);
    until("bob's looks are gone", || {
        state("bob").filter(|lease| lease["state"] == "revoked")
    });
    bob(&view).refused(4, "revoked");
    until("both tell the same story", || {
        let ledger = |name: &str| stage.run(name, &["--json", "ledger"]).result(0);
        let (given, received) = (ledger("alice"), ledger("bob"));
        let events = given.as_array()?.iter().map(|entry| entry["event"].clone());
        let ends = events.filter(|event| event == "expired").count();
        (given == received && ends == 1).then_some(())
    });
}
