//! Mistakes that people make and files that break, by the program itself: each ends with the exit
//! code of its reason, a message, and a way out; none with a crash.

use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pentimento::stego::{DecodeLimits, decode, encode_jpeg, encode_png};
use pentimento::talk::home::{CONFIG_FILE, KEY_FILE};

use super::stage::{SERVERS, Stage, noise};

/// The smallest default cover.
const COVER: &[u8] = include_bytes!("../assets/covers/cover-0.png");
/// One byte more than the largest default cover carries.
const TOO_LARGE_BYTES: usize = 4_500_001;

/// Puts a file beside the homes; gives its path.
fn put(stage: &Stage, name: &str, bytes: &[u8]) -> String {
    let path = stage.folder().join(name);
    fs::write(&path, bytes).expect("the folder can be written");
    path_text(path)
}

fn path_text(path: PathBuf) -> String {
    path.into_os_string()
        .into_string()
        .expect("paths of tests are text")
}

/// Hides a file by the program; gives the path of the picture.
fn hidden(stage: &Stage, name: &str, bytes: &[u8]) -> String {
    let file = put(stage, name, bytes);
    let picture = format!("{file}.png");
    stage
        .run("alice", &["--json", "hide", &file, "-o", &picture])
        .result(0);
    picture
}

#[test]
fn files_that_cannot_be_hidden_are_refused() {
    let stage = Stage::with(&["alice"]);
    let hide = |file: &str| stage.run("alice", &["--json", "hide", file]);
    let folder = path_text(stage.home("alice"));
    hide(&folder).refused(2, "usage");
    hide(&format!("{folder}/no-such-file")).refused(3, "not_found");
    let large = put(&stage, "large.bin", &noise(1, TOO_LARGE_BYTES));
    hide(&large).refused(1, "too_large");
    let small_cover = put(&stage, "cover.png", COVER);
    let larger = put(&stage, "larger.bin", &noise(1, 200_000));
    stage
        .run(
            "alice",
            &["--json", "hide", &larger, "--cover", &small_cover],
        )
        .refused(1, "too_large");
}

#[test]
fn any_bytes_come_back_as_they_were() {
    let stage = Stage::with(&["alice"]);
    for (name, bytes) in [
        ("empty.bin", &b""[..]),
        ("one.bin", b"\0"),
        ("a b \u{fc}.txt", b"words"),
    ] {
        let picture = hidden(&stage, name, bytes);
        let back = path_text(stage.folder().join("back"));
        let told = stage
            .run("alice", &["--json", "-y", "reveal", &picture, "-o", &back])
            .result(0);
        assert_eq!(told["name"], name);
        assert_eq!(fs::read(&back).expect("it was written"), bytes, "{name}");
    }
    // Without -o it goes to its own name beside the picture, but never over a file.
    let picture = path_text(stage.folder().join("one.bin.png"));
    stage
        .run("alice", &["--json", "reveal", &picture])
        .refused(2, "usage");
}

#[test]
fn covers_that_are_no_pictures_are_refused() {
    let stage = Stage::with(&["alice"]);
    let file = put(&stage, "note.txt", b"words");
    let picture = decode(COVER, &DecodeLimits::default()).expect("our cover");
    let mut jpeg = encode_jpeg(&picture, 90).expect("encodes");
    jpeg[2..600].fill(0x55);
    for (name, bytes) in [
        ("cut.png", COVER[..COVER.len() / 2].to_vec()),
        ("damaged.jpg", jpeg),
        ("huge.png", huge_png(60_000, 60_000)),
        ("text.png", b"this is no picture".to_vec()),
        ("empty.png", Vec::new()),
    ] {
        let cover = put(&stage, name, &bytes);
        let ran = stage.run("alice", &["--json", "hide", &file, "--cover", &cover]);
        ran.refused(1, "bad_picture");
    }
    let told = stage.run("alice", &["--json", "hide", &file]);
    told.result(0);
}

/// A PNG of a few kilobytes that announces many pixels.
fn huge_png(width: u32, height: u32) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    rows.write_all(&vec![0; 1 << 20]).expect("into memory");
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", header),
        (b"IDAT", rows.finish().expect("into memory")),
        (b"IEND", Vec::new()),
    ] {
        let length = u32::try_from(data.len()).expect("a short chunk");
        png.extend_from_slice(&length.to_be_bytes());
        png.extend_from_slice(kind);
        png.extend_from_slice(&data);
        let mut check = flate2::Crc::new();
        check.update(kind);
        check.update(&data);
        png.extend_from_slice(&check.sum().to_be_bytes());
    }
    png
}

#[test]
fn pictures_that_do_not_open_tell_why() {
    let stage = Stage::with(&["alice", "bob"]);
    let reveal = |who: &str, picture: &str| {
        let back = path_text(stage.folder().join("never"));
        let ran = stage.run(who, &["--json", "reveal", picture, "-o", &back]);
        assert!(!stage.folder().join("never").exists(), "{}", ran.whole());
        ran
    };
    let plain = put(&stage, "plain.png", COVER);
    reveal("alice", &plain).refused(7, "nothing_for_you");

    let picture = hidden(&stage, "secret.bin", &noise(2, 4_800));
    reveal("bob", &picture).refused(7, "nothing_for_you");

    let bytes = fs::read(&picture).expect("it was written");
    let mut bent = decode(&bytes, &DecodeLimits::default()).expect("a picture");
    let converted = encode_jpeg(&bent, 95).expect("encodes");
    bent.samples_mut()[1_000] ^= 1;
    let bent = put(&stage, "bent.png", &encode_png(&bent).expect("encodes"));
    reveal("alice", &bent).refused(7, "integrity");

    let converted = put(&stage, "converted.jpg", &converted);
    reveal("alice", &converted).refused(1, "bad_picture");
    let cut = put(&stage, "cut.png", &bytes[..bytes.len() / 2]);
    reveal("alice", &cut).refused(1, "bad_picture");
    let text = put(&stage, "text.png", b"words");
    reveal("alice", &text).refused(1, "bad_picture");
}

#[test]
fn unknown_people_and_leases_are_not_found() {
    let stage = Stage::with(&["alice"]);
    let file = put(&stage, "note.txt", b"words");
    for arguments in [
        &["--json", "share", &file, "--to", "@nobody"][..],
        &["--json", "request", "@nobody/0"],
        &["--json", "ls", "@nobody"],
        &["--json", "view", "abcdef"],
        &["--json", "view", "@nobody/photo"],
        &["--json", "lease", "add", "abcdef", "1"],
        &["--json", "lease", "show", "abcdef"],
        &["--json", "requests", "approve", "abcdef"],
    ] {
        stage.run("alice", arguments).refused(3, "not_found");
    }
    stage
        .run("alice", &["--json", "request", "nobody"])
        .refused(2, "usage");
    assert_eq!(stage.run("alice", &["no-such-command"]).code(), 2);
}

#[test]
fn wrong_configurations_are_refused_before_anything_starts() {
    let stage = Stage::set();
    let servers = path_text(stage.cluster().join("cluster.toml"));
    let init = ["--json", "init", "alice", "--servers", &servers];
    stage
        .run("alice", &["--json", "status"])
        .refused(3, "not_found");
    stage
        .run("alice", &["--json", "peers"])
        .refused(8, "config");
    stage
        .run("alice", &["--json", "init", "a b", "--servers", &servers])
        .refused(2, "usage");
    stage.run("alice", &init).result(0);
    stage.run("alice", &init).refused(2, "usage");

    let key = stage.home("alice").join(KEY_FILE);
    let set_mode = |mode| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    set_mode(0o644);
    stage
        .run("alice", &["--json", "peers"])
        .refused(8, "config");
    set_mode(0o600);
    let secret = fs::read(&key).expect("it is ours");
    fs::write(&key, "no key").expect("it is ours");
    stage
        .run("alice", &["--json", "peers"])
        .refused(8, "config");
    fs::write(&key, secret).expect("it is ours");

    let config = stage.home("alice").join(CONFIG_FILE);
    let text = fs::read_to_string(&config).expect("init wrote it");
    for wrong in [
        format!("colour = 3\n{text}"),
        "name = \"alice\"".into(),
        "]".into(),
    ] {
        fs::write(&config, wrong).expect("it is ours");
        stage
            .run("alice", &["--json", "peers"])
            .refused(8, "config");
    }
    // In words for people: the key that is wrong, and what to do.
    fs::write(&config, format!("colour = 3\n{text}")).expect("it is ours");
    let complaint = stage.run("alice", &["peers"]).complaint();
    for part in ["error[config]", "client.toml:1:1: ", "colour", "help: "] {
        assert!(complaint.contains(part), "no {part:?} in {complaint}");
    }
}

#[test]
fn a_server_that_cannot_start_says_why() {
    // Another test may have got the port since it was found free.
    let (stage, taken) = super::stage::until("a port is free", || {
        let stage = Stage::set();
        let taken = UdpSocket::bind(stage.servers()[0].clients).ok()?;
        Some((stage, taken))
    });
    let config = stage.data(1).join("server.toml");
    let ran = stage.run_node("server", &config);
    assert_eq!(ran.code(), 8, "{}", ran.whole());
    let port = stage.servers()[0].clients.to_string();
    for part in ["error[config]", &port, "help: "] {
        assert!(
            ran.complaint().contains(part),
            "no {part:?}: {}",
            ran.whole()
        );
    }
    drop(taken);
    let missing = stage.run_node("server", &stage.folder().join("no-such-file.toml"));
    assert_eq!(missing.code(), 8, "{}", missing.whole());
    fs::write(&config, "id = 1\ncolour = 3\n").expect("it is ours");
    let unknown = stage.run_node("server", &config);
    assert_eq!(unknown.code(), 8, "{}", unknown.whole());
}

#[test]
fn two_nodes_never_share_a_folder() {
    let mut stage = Stage::set();
    stage.raise(SERVERS[0]);
    super::stage::until("the first server runs", || stage.status(SERVERS[0]));
    let ran = stage.run_node("server", &stage.data(SERVERS[0]).join("server.toml"));
    assert_eq!(ran.code(), 8, "{}", ran.whole());
    assert!(
        stage.status(SERVERS[0]).is_some(),
        "the first one is still there"
    );
}

#[test]
fn without_servers_a_wish_ends_unreachable() {
    let stage = Stage::set();
    stage.invite("alice");
    let file = put(&stage, "note.txt", b"words");
    stage
        .run("alice", &["--json", "hide", &file])
        .refused(6, "unreachable");
    assert!(
        !stage.folder().join("note.hidden.png").exists(),
        "nothing was made"
    );
}
