//! A folder in which the commands of a document are run, as if by somebody at a shell.
//!
//! Dropping it ends every process that was started in it, also the servers.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pentimento::node::control::Link;

use super::block::Step;
use super::pattern;
use crate::stage::until;

const PROGRAMS: [(&str, &str); 3] = [
    ("pentimento", env!("CARGO_BIN_EXE_pentimento")),
    ("pentimento-node", env!("CARGO_BIN_EXE_pentimento-node")),
    ("pentimento-chaos", env!("CARGO_BIN_EXE_pentimento-chaos")),
];

/// Folders of the tree that documents name.
const FOLDERS: [&str; 2] = ["assets", "config"];

/// Commands of a person that stay until they are ended.
const STAYING: [&str; 4] = ["run", "web", "tui", "watch"];
const HOME_DEFAULT: &str = ".local/share/pentimento";
const CLUSTER: &str = ".local/state/pentimento/cluster";
const SERVERS_MAX: u8 = 16;

/// The home of a command that stays, seen from the sandbox; none if the command ends by itself.
pub(super) fn home_if_it_stays(command: &str) -> Option<PathBuf> {
    let mut home = HOME_DEFAULT;
    let mut words = command.split_whitespace();
    if words.next() != Some("pentimento") {
        return None;
    }
    let mut verb = None;
    while let Some(word) = words.next() {
        match word {
            "--home" => home = words.next()?,
            _ if !word.starts_with('-') && verb.is_none() => verb = Some(word),
            _ => {}
        }
    }
    STAYING.contains(&verb?).then(|| home.into())
}

/// What a command has said, and its exit code if it has ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    output: String,
    complaint: String,
}

impl Ran {
    /// Whether it says what is shown, if anything is: the whole output, and any of the rest.
    pub(super) fn says(&self, shown: &[String]) -> bool {
        let complained = |line: &str| self.complaint.lines().any(|said| pattern::same(line, said));
        let lines = shown.iter().map(String::as_str);
        let printed: Vec<&str> = lines.filter(|line| !complained(line)).collect();
        shown.is_empty() || pattern::matches(&printed, &self.output)
    }
}

/// A process and all that it started in the foreground.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let group = format!("-{}", self.0.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = self.0.wait();
        }
    }
}

/// The folder, and what runs in it.
pub(super) struct Sandbox {
    staying: Vec<Running>,
    started: u32,
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(super) fn new(root: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in FOLDERS {
            symlink(root.join(name), folder.path().join(name)).expect("a link");
        }
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).expect("a folder");
        for (name, program) in PROGRAMS {
            symlink(program, programs.join(name)).expect("a link");
        }
        Self {
            staying: Vec::new(),
            started: 0,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PENTIMENTO_") {
                command.env_remove(name);
            }
        }
        command
            .args(["-c", line])
            .env(
                "PATH",
                format!("{}:{path}", self.path("programs").display()),
            )
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.path(".local/share"))
            .env("XDG_STATE_HOME", self.path(".local/state"))
            .env_remove("CLICOLOR_FORCE")
            .current_dir(self.folder.path())
            .process_group(0)
            .stdin(Stdio::null());
        command
    }

    /// Starts a line. Gives where it prints and where it complains.
    fn start(&mut self, line: &str) -> (Running, PathBuf, PathBuf) {
        self.started += 1;
        let output = self.path(&format!("printed-{}", self.started));
        let complaint = self.path(&format!("complained-{}", self.started));
        let child = self
            .command(line)
            .stdout(File::create(&output).expect("a file"))
            .stderr(File::create(&complaint).expect("a file"))
            .spawn();
        (Running(child.expect("a shell")), output, complaint)
    }

    /// Runs a line to its end.
    pub(super) fn run(&mut self, place: &str, line: &str) -> Ran {
        let (mut running, output, complaint) = self.start(line);
        let ended = until(&format!("the end of {place}"), || {
            running.0.try_wait().expect("its state is known")
        });
        Ran {
            code: ended.code(),
            output: read(&output),
            complaint: read(&complaint),
        }
    }

    /// Starts a command that stays; waits until its client answers and it has printed its lines.
    pub(super) fn begin(&mut self, place: &str, step: &Step, home: &Path) {
        let home = self.folder.path().join(home);
        let (mut running, output, complaint) = self.start(&step.command);
        let mut stays = || {
            let ended = running.0.try_wait().expect("its state is known");
            assert!(ended.is_none(), "{place} ended: {}", read(&complaint));
        };
        until(&format!("the client of {place}"), || {
            stays();
            Link::connect(&home).ok()
        });
        until(&format!("{:#?} of {place}", step.shown), || {
            stays();
            let said = Ran {
                code: None,
                output: read(&output),
                complaint: read(&complaint),
            };
            said.says(&step.shown).then_some(())
        });
        self.staying.push(running);
    }

    /// Ends everything and asserts that no process is left.
    pub(super) fn end(self) {
        let folder = self.folder.path().to_owned();
        drop(self);
        until("the end of all processes", || {
            processes_in(&folder).is_empty().then_some(())
        });
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.staying.clear();
        let cluster = self.path(CLUSTER);
        if !cluster.exists() {
            return;
        }
        let _ = self.command("pentimento stop").output();
        for id in 1..=SERVERS_MAX {
            let pid = read(&cluster.join(format!("n{id}/pid")));
            let program = fs::read_link(format!("/proc/{}/exe", pid.trim()));
            if program.is_ok_and(|program| program == Path::new(PROGRAMS[0].1)) {
                let _ = Command::new("kill").args(["-KILL", pid.trim()]).status();
            }
        }
    }
}

/// A file as text; nothing if it is not there.
fn read(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Processes that stand in a folder or are told it, by number.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("paths of tests are text");
    let entries = fs::read_dir("/proc").expect("processes are listed");
    let pids = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    pids.filter(|name| name.parse::<u32>().is_ok())
        .filter(|pid| {
            let process = Path::new("/proc").join(pid);
            let place = fs::read_link(process.join("cwd")).unwrap_or_default();
            place.to_string_lossy().starts_with(folder)
                || read(&process.join("cmdline")).contains(folder)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_of_a_person_stay_and_each_in_its_home() {
        let home = |command: &str| home_if_it_stays(command);
        assert_eq!(home("pentimento run"), Some(HOME_DEFAULT.into()));
        assert_eq!(home("pentimento --home b web"), Some("b".into()));
        assert_eq!(home("pentimento watch --home b"), Some("b".into()));
        assert_eq!(home("pentimento share run"), None);
        assert_eq!(home("pentimento-chaos run config/x.toml"), None);
    }

    #[test]
    fn all_output_must_be_shown_and_complaints_may_be() {
        let ran = Ran {
            code: Some(0),
            output: "one\ntwo\n".into(),
            complaint: "note\n".into(),
        };
        let says = |shown: &[&str]| {
            let shown: Vec<String> = shown.iter().map(|line| (*line).to_owned()).collect();
            ran.says(&shown)
        };
        assert!(says(&[]));
        assert!(says(&["one", "two"]));
        assert!(says(&["note", "one", "two"]));
        assert!(!says(&["one"]));
        assert!(!says(&["note"]));
        assert!(!says(&["one", "two", "three"]));
    }

    #[test]
    fn what_stays_is_seen_and_ended() {
        let mut sandbox = Sandbox::new(Path::new(env!("CARGO_MANIFEST_DIR")));
        let (running, ..) = sandbox.start("sleep 1000 & wait");
        let folder = sandbox.folder.path().to_owned();
        until("it is seen", || {
            (processes_in(&folder).len() >= 2).then_some(())
        });
        sandbox.staying.push(running);
        sandbox.end();
    }
}
