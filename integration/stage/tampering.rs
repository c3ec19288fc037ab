//! What a cheating borrower does: copies of a home, other clocks, a client that is ended anywhere.

use std::fs;
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};

use pentimento::node::control::Link;
use pentimento::talk::home;
use pentimento::talk::session::pause;

use super::{NODE, STEP, STEPS, Stage, free_port, until};

impl Stage {
    /// Starts a person's client whose clock is off by this much, as `faketime` writes it (`+1y`).
    pub(crate) fn enter_at(&mut self, name: &str, offset: &str) {
        let home = self.home(name);
        let mut node = Program::new(NODE);
        // Waits go by the other clock, and are not to be tampered with.
        node.env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .envs(other_clock(offset))
            .args(["--role", "client", "--config"])
            .arg(home.join(home::CONFIG_FILE));
        self.start(name, node, &home);
        until(&format!("the client of {name} listens"), || {
            Link::connect(&home).ok()
        });
    }

    /// Ends a person's client and keeps a copy of its home.
    pub(crate) fn copy_home(&mut self, name: &str, copy: &str) {
        self.strike(name);
        copy_folder(&self.home(name), &self.home(copy));
        self.enter(name);
        self.wait_online(name);
    }

    /// Ends a person's client and starts it with the home of a copy.
    pub(crate) fn put_home_back(&mut self, name: &str, copy: &str) {
        self.strike(name);
        let home = self.home(name);
        fs::remove_dir_all(&home).expect("it can be removed");
        copy_folder(&self.home(copy), &home);
        self.enter(name);
        self.wait_online(name);
    }

    /// Has the copy of a home listen elsewhere, so that both can run.
    pub(crate) fn move_client(&self, name: &str) {
        let file = self.home(name).join(home::CONFIG_FILE);
        let text = fs::read_to_string(&file).expect("a configuration");
        let mut config: toml::Table = toml::from_str(&text).expect("a configuration");
        let listen = free_port().to_string();
        config.insert("listen".to_owned(), listen.into());
        let text = toml::to_string(&config).expect("a configuration");
        fs::write(file, text).expect("the home can be written");
    }

    /// Whether a person's client has ended by itself, or does so within a moment.
    pub(crate) fn falls(&mut self, name: &str) -> bool {
        (0..STEPS / 20).any(|_| {
            let has_ended = self.fallen().iter().any(|fallen| fallen == name);
            if !has_ended {
                pause(STEP);
            }
            has_ended
        })
    }

    /// Has a person's client ended (SIGKILL) in its `place`th call of `calls`, counted in each of
    /// its threads from now on. None where strace cannot be had.
    pub(crate) fn end_in_call(&self, name: &str, calls: &str, place: u32) -> Option<Trap> {
        let process = self.process(name);
        let child = Program::new("strace")
            .args(["-f", "-qqq", "-o", "/dev/null", "-p", &process.to_string()])
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:signal=KILL:when={place}")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let trap = Trap(child);
        (0..STEPS)
            .any(|_| {
                let is_set = is_traced(process);
                if !is_set {
                    pause(STEP / 10);
                }
                is_set
            })
            .then_some(trap)
    }
}

/// Whether clients can be given other clocks here; says so if not.
pub(crate) fn has_other_clocks() -> bool {
    let is_there = Program::new("faketime").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: faketime is not installed");
    }
    is_there
}

/// What `faketime` sets for the programs that it runs. It stays beside them, and they would outlive
/// it; so we run them ourselves.
fn other_clock(offset: &str) -> Vec<(String, String)> {
    let mut faketime = Program::new("faketime");
    let told = faketime.args(["-f", offset, "env"]).output();
    let told = told.expect("faketime is there").stdout;
    let pairs = String::from_utf8_lossy(&told);
    let pairs = pairs.lines().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| ["LD_PRELOAD", "FAKETIME"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A client that is ended in a system call of its own.
pub(crate) struct Trap(Child);

impl Drop for Trap {
    fn drop(&mut self) {
        // Gone already, if it did its work.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether somebody traces every thread of a process, or has ended it already.
fn is_traced(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let has_ended = field("State:").is_none_or(|state| state.trim().starts_with('Z'));
        has_ended || field("TracerPid:").is_none_or(|tracer| tracer.trim() != "0")
    })
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("an entry");
        let (kind, target) = (
            entry.file_type().expect("a kind"),
            to.join(entry.file_name()),
        );
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}
