//! `docs/format.md`, read by others: `integration/reader/reader.py`, which knows that page and not
//! our source, opens what the program makes. Skipped, with a line that says so, where Python or
//! one of its packages is missing; the interpreter is `python3`, or what `PYTHON` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Output};

use bytes::Bytes;
use pentimento::actors::edges::{Rights, SealJob, Work, WorkDone};
use pentimento::node::cover_shelf::CoverShelf;
use pentimento::node::crew::Alone;
use pentimento::node::workshop::{self, Bench};
use pentimento::proto::cargo::Mode;
use pentimento::proto::codec;
use pentimento::proto::control::Carrier;
use pentimento::proto::ids::UserId;
use pentimento::stego;

use super::stage::noise;

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/reader/reader.py");
const KEY: [u8; 32] = [0x5a; 32];

fn python() -> Option<Program> {
    let python = || Program::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()));
    let needs = "import argon2.low_level, blake3, cryptography, PIL.Image";
    let found = python().args(["-c", needs]).output();
    if found.is_ok_and(|found| found.status.success()) {
        return Some(python());
    }
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: Python with argon2-cffi, blake3, cryptography and Pillow is missing");
    }
    None
}

/// A folder with files in it, and the foreign reader.
struct Table(tempfile::TempDir);

impl Table {
    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, bytes).expect("the folder can be written");
        path
    }

    /// What the foreign reader says of a picture, and what it got out.
    fn reads(&self, picture: &Path, secret: &[&str]) -> (String, Option<Vec<u8>>) {
        let out = self.at("read");
        let _ = fs::remove_file(&out);
        let mut python = python().expect("it was there a moment ago");
        let ran = python
            .arg(READER)
            .arg(picture)
            .arg(&out)
            .args(secret)
            .output();
        let Output {
            status,
            stdout,
            stderr,
        } = ran.expect("it runs");
        assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        let said = String::from_utf8(stdout).expect("text").trim().to_owned();
        let read = status.success().then(|| fs::read(out).expect("written"));
        (said, read)
    }
}

fn own_cover(width: u32, height: u32) -> Bytes {
    let cover = stego::covers::render(5, width, height, true);
    stego::encode_png(&cover).expect("encodes").into()
}

/// What one thread makes of a job.
fn done(work: Work, covers: &CoverShelf) -> WorkDone {
    let bench = Bench {
        covers,
        crew: &Alone,
        scratch: &mut stego::Scratch::default(),
    };
    workshop::perform(work, bench)
}

fn hidden_under_key(
    original: &[u8],
    mode: Mode,
    cover: Option<Bytes>,
    shelf: &CoverShelf,
) -> Bytes {
    let rights = Rights {
        name: "Möwe.jpg".into(),
        owner: UserId([1; 32]),
        borrower: UserId([2; 32]),
        grant: None,
        views: 3,
    };
    let job = SealJob {
        rights,
        original: Bytes::copy_from_slice(original),
        key: KEY,
        seed: [4; 32],
        carrier: Carrier { mode, cover },
    };
    let WorkDone::Sealed { body, .. } = done(Work::Seal(job), shelf) else {
        panic!("not sealed")
    };
    let job = codec::decode(&body, body.len()).expect("a job");
    match done(Work::Embed(job), shelf) {
        WorkDone::Embedded { picture, .. } => picture,
        other => panic!("not hidden: {other:?}"),
    }
}

#[test]
fn a_foreign_reader_opens_pictures_under_a_key() {
    if python().is_none() {
        return;
    }
    let table = Table(tempfile::tempdir().expect("a folder"));
    let shelf = CoverShelf::new(table.at("covers"));
    let key = "5a".repeat(32);
    let text = "compressible ".repeat(20_000);
    let own = |width, height| Some(own_cover(width, height));
    for (original, mode, cover) in [
        (Vec::new(), Mode::Fast, None),
        (noise(1, 3_000).to_vec(), Mode::Fast, own(151, 67)),
        (noise(2, 200_000).to_vec(), Mode::Fast, None),
        (text.into_bytes(), Mode::Fast, None),
        (noise(4, 3_000).to_vec(), Mode::Ternary, own(151, 67)),
        (noise(5, 20_000).to_vec(), Mode::Compact, None),
        (noise(6, 3_000).to_vec(), Mode::Compact, own(151, 67)),
        (noise(7, 60).to_vec(), Mode::Covert, own(151, 97)),
        (noise(8, 2_300).to_vec(), Mode::Covert, own(320, 260)),
    ] {
        let hidden = hidden_under_key(&original, mode, cover, &shelf);
        let picture = table.put("p.png", &hidden);
        let (name, read) = table.reads(&picture, &["--key", &key]);
        assert_eq!(name, "Möwe.jpg");
        assert!(read == Some(original), "not what went in");
        let (word, read) = table.reads(&picture, &["--key", &"5b".repeat(32)]);
        assert_eq!((&*word, read), ("nothing", None));
    }
    let picture = table.put("p.png", &own_cover(80, 60));
    let (word, _) = table.reads(&picture, &["--key", &key]);
    assert_eq!(word, "nothing");
}

#[test]
fn a_foreign_reader_opens_pictures_under_a_passphrase() {
    if python().is_none() {
        return;
    }
    let table = Table(tempfile::tempdir().expect("a folder"));
    let original = noise(3, 70_000);
    table.put("file.bin", &original);
    table.put("secret", "zwölf Boxkämpfer\n".as_bytes());
    table.put("other", b"something else\n");
    let ran = Program::new(env!("CARGO_BIN_EXE_pentimento"))
        .args([
            "--home",
            "nowhere",
            "hide",
            "file.bin",
            "--passphrase-file",
            "secret",
        ])
        .current_dir(table.0.path())
        .output()
        .expect("it runs");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let picture = table.at("file.hidden.png");
    let secret = |name: &str| table.at(name).to_str().expect("text").to_owned();
    let (name, read) = table.reads(&picture, &["--passphrase-file", &secret("secret")]);
    assert_eq!(name, "file.bin");
    assert!(read.as_deref() == Some(&original[..]), "not what went in");
    let (word, _) = table.reads(&picture, &["--passphrase-file", &secret("other")]);
    assert_eq!(word, "nothing");
    let decoded = stego::decode_carrier(
        &fs::read(&picture).expect("there"),
        &stego::DecodeLimits::default(),
    );
    let Ok(stego::Carrier::Shallow(mut bent)) = decoded else {
        panic!("{decoded:?}")
    };
    bent.samples_mut()[8 * 50_000] ^= 1;
    let bent = table.put("bent.png", &stego::encode_png(&bent).expect("encodes"));
    let (word, _) = table.reads(&bent, &["--passphrase-file", &secret("secret")]);
    assert_eq!(word, "damaged");
}
