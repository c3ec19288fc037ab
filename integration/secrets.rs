//! What servers and listeners could have learned: their memory, their disks and the traffic are
//! searched for what was in the image, for its name and for what was written beside it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};

use bytes::Bytes;
use pentimento::proto::control::{Carrier, Command, Outcome};
use pentimento::proto::lease::Conditions;
use pentimento::proto::letter::ImageRef;

use super::stage::{SERVERS, Stage, noise, until};

/// In every kilobyte of the image, in its name and in the note; nowhere else in the world.
const MARKS: [&[u8]; 3] = [
    b"mark-of-the-image-6f1c2a",
    b"mark-of-the-name-93be47",
    b"mark-of-the-note-5d80e1",
];
const IMAGE_BYTES: usize = 60_000;

/// Which marks are in these bytes.
fn found(bytes: &[u8]) -> Vec<&'static str> {
    let is_in = |mark: &&[u8]| holds(bytes, mark);
    let marks = MARKS.iter().copied().filter(is_in);
    marks
        .filter_map(|mark| std::str::from_utf8(mark).ok())
        .collect()
}

fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// A file full of marks.
fn image() -> Bytes {
    let mut bytes = noise(8, IMAGE_BYTES).to_vec();
    for place in (0..IMAGE_BYTES - 1_024).step_by(1_024) {
        bytes[place..place + MARKS[0].len()].copy_from_slice(MARKS[0]);
    }
    bytes.into()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("the folder can be read")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.is_file() {
            all.push(path);
        }
    }
    all
}

/// Everything that a process can write to, as it is in its memory now.
fn memory(process: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("it runs");
    let memory = fs::File::open(format!("/proc/{process}/mem")).expect("it may be read");
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((from, to)) = range.split_once('-') else {
            continue;
        };
        let parsed = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16));
        if let (Ok(from), Ok(to)) = parsed
            && rights.starts_with("rw")
        {
            let mut part = vec![0; usize::try_from(to - from).expect("it fits")];
            // What is mapped and was never touched cannot be read.
            if memory.read_exact_at(&mut part, from).is_ok() {
                all.append(&mut part);
            }
        }
    }
    all
}

/// What crosses the loopback, if it may be listened to.
struct Listener {
    child: Child,
    file: PathBuf,
}

impl Listener {
    fn start(folder: &Path) -> Option<Self> {
        let file = folder.join("traffic.pcap");
        let child = Program::new("tcpdump")
            .args(["-i", "lo", "-U", "-s", "0", "-w"])
            .arg(&file)
            .arg("udp")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut listener = Self { child, file };
        let is_ready = (0..100).any(|_| {
            let size = fs::metadata(&listener.file).map_or(0, |of| of.len());
            if size == 0 {
                pentimento::talk::session::pause(std::time::Duration::from_millis(50));
            }
            size > 0
        });
        let has_ended = listener.child.try_wait().ok().flatten().is_some();
        (is_ready && !has_ended).then_some(listener)
    }

    fn heard(mut self) -> Vec<u8> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        fs::read(&self.file).expect("a record")
    }
}

/// Alice offers the image, and bob asks for it with a note.
fn ask_for(stage: &Stage, name: &str, original: &Bytes, note: String) {
    let offer = Command::Offer {
        name: name.to_owned(),
        original: original.clone(),
        keep_metadata: true,
    };
    stage.ask("alice", offer).expect("offered");
    let ask = Command::Ask {
        peer: "alice".into(),
        image: ImageRef::Name(name.to_owned()),
        views: 1,
        remark: note,
        wait_ms: 0,
    };
    stage.ask("bob", ask).expect("asked");
}

#[test]
fn servers_and_listeners_learn_nothing_of_an_image() {
    let stage = Stage::with(&["alice", "bob"]);
    let listener = Listener::start(stage.folder());
    let original = image();
    let name = String::from_utf8_lossy(MARKS[1]).into_owned();
    let note = String::from_utf8_lossy(MARKS[2]).into_owned();
    ask_for(&stage, &name, &original, note);
    let share = Command::Share {
        name,
        original: Some(original.clone()),
        to: "bob".into(),
        views: 2,
        conditions: Conditions::STRICT,
        carrier: Carrier::default(),
        keep_metadata: true,
    };
    let shared = stage.ask("alice", share);
    let Ok(Outcome::Shared { grant, .. }) = shared else {
        panic!("not shared: {shared:?}");
    };
    until("the picture reaches bob", || {
        stage.only_lease("bob").filter(|lease| lease.delivered)
    });
    let looked = stage.ask("bob", Command::View(grant.hex()));
    assert!(
        matches!(looked, Ok(Outcome::Opened { .. })),
        "{looked:.200?}"
    );

    for id in SERVERS {
        let server = format!("n{id}");
        let remembered = memory(stage.process(&server));
        assert!(remembered.len() > 1 << 20, "not much of a memory");
        assert_eq!(found(&remembered), Vec::<&str>::new(), "memory of {server}");
        for file in files(&stage.data(id)) {
            let bytes = fs::read(&file).expect("it can be read");
            assert_eq!(found(&bytes), Vec::<&str>::new(), "{}", file.display());
        }
    }
    match listener.map(Listener::heard) {
        Some(heard) => {
            assert!(heard.len() > IMAGE_BYTES, "nothing was heard");
            assert_eq!(found(&heard), Vec::<&str>::new(), "traffic");
        }
        None => eprintln!("skipped: the loopback cannot be listened to (tcpdump)"),
    }
    // The search finds what is there: the owner knows it all.
    let owner = memory(stage.process("alice"));
    assert!(
        found(&owner).contains(&"mark-of-the-name-93be47"),
        "the search is blind"
    );
    let kept = files(&stage.home("alice"));
    let mut kept = kept.iter().filter_map(|file| fs::read(file).ok());
    assert!(kept.any(|bytes| found(&bytes).contains(&"mark-of-the-image-6f1c2a")));
}
