//! The screens as a person sees them: two people in two terminals of a terminal multiplexer walk
//! from the first run to a change that reaches somebody who was away.

use std::process::{Command, Output};

use super::stage::{SERVERS, Stage, until};

const PERSON: &str = env!("CARGO_BIN_EXE_pentimento");

/// A multiplexer of its own, with one terminal of 80 x 24 for each person.
struct Terminals {
    socket: String,
}

impl Terminals {
    /// None, and a line that says so, where the multiplexer is not installed.
    fn open(stage: &Stage) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("skipped: no tmux on this machine, so no screen was walked through");
            return None;
        }
        let socket = stage.folder().join("tmux");
        Some(Self {
            socket: socket.display().to_string(),
        })
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-S", &self.socket, "-f", "/dev/null"])
            .args(arguments)
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .output()
            .expect("the multiplexer runs")
    }

    /// Opens the screens of a person.
    fn enter(&self, stage: &Stage, name: &str) {
        let (home, cluster) = (stage.home(name), stage.cluster());
        let command = format!(
            "exec '{PERSON}' --home '{}' tui --cluster '{}' 2>'{}'",
            home.display(),
            cluster.display(),
            stage.folder().join(format!("{name}.tui")).display(),
        );
        let size = ["-x", "80", "-y", "24"];
        let opened = self.tmux(
            &[
                &["new-session", "-d", "-s", name],
                &size[..],
                &[command.as_str()],
            ]
            .concat(),
        );
        assert!(opened.status.success(), "{opened:?}");
    }

    fn screen(&self, name: &str) -> String {
        let captured = self.tmux(&["capture-pane", "-p", "-t", name]);
        String::from_utf8_lossy(&captured.stdout).into_owned()
    }

    /// Types keys, named as the multiplexer names them.
    fn press(&self, name: &str, keys: &[&str]) {
        let pressed = self.tmux(&[&["send-keys", "-t", name], keys].concat());
        assert!(pressed.status.success(), "{pressed:?}");
    }

    /// Waits until all these texts are on a person's screen at once.
    #[track_caller]
    fn sees(&self, name: &str, texts: &[&str]) {
        let mut last = String::new();
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(&format!("{name} sees {texts:?}"), || {
                last = self.screen(name);
                texts.iter().all(|text| last.contains(text)).then_some(())
            });
        }));
        assert!(seen.is_ok(), "{name} does not see {texts:?} but\n{last}");
    }

    /// Waits until a person's screens are closed.
    fn gone(&self, name: &str) {
        until(&format!("the screens of {name} close"), || {
            let has = self.tmux(&["has-session", "-t", name]);
            (!has.status.success()).then_some(())
        });
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn two_people_walk_through_the_screens() {
    let mut stage = Stage::set();
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    let Some(terminals) = Terminals::open(&stage) else {
        return;
    };
    first_run(&stage, &terminals);
    stage.invite("bob");
    stage.enter_by_run("bob");
    stage.wait_online("bob");
    terminals.enter(&stage, "bob");
    question_and_answer(&terminals);
    look_until_spent(&terminals);
    change_while_away(&mut stage, &terminals);
    terminals.press("alice", &["C-c"]);
    terminals.gone("alice");
}

/// A name makes a key; the words and the code of it are shown; samples fill the gallery.
fn first_run(stage: &Stage, terminals: &Terminals) {
    terminals.enter(stage, "alice");
    terminals.sees("alice", &["first run", "Choose a name"]);
    terminals.press("alice", &["alice", "Enter"]);
    terminals.sees("alice", &["@alice", "your words", "your code", "█▀"]);
    terminals.press("alice", &["Enter"]);
    terminals.sees("alice", &["Offer two sample pictures? y/n"]);
    terminals.press("alice", &["y"]);
    terminals.sees("alice", &["[2 Gallery]", "sample-1.png", "○ offered"]);
}

/// Bob asks in the gallery, alice answers among the requests.
fn question_and_answer(terminals: &Terminals) {
    terminals.sees("bob", &["[1 Peers]", "@alice", "? unverified"]);
    terminals.press("bob", &["Enter"]);
    terminals.sees("bob", &["Gallery @alice", "sample-1.png", "○ ask"]);
    terminals.press("bob", &["r"]);
    terminals.sees("bob", &["looks at sample-1.png to ask @alice for: 1"]);
    terminals.press("bob", &["Enter"]);
    terminals.sees("bob", &["◌ asked"]);
    // It waits in the tray until she turns to it.
    terminals.sees("alice", &["[2 Gallery]", "new", "m menu"]);
    terminals.press("alice", &["m"]);
    terminals.sees("alice", &["5  view requests"]);
    terminals.press("alice", &["5"]);
    terminals.sees("alice", &["1 for you", "← @bob", "sample-1.png"]);
    terminals.press("alice", &["a"]);
    terminals.sees("alice", &["looks to grant: 1"]);
    terminals.press("alice", &["Enter"]);
    terminals.sees("alice", &["granted 1 look"]);
}

/// One look is confirmed, shown, counted, and the last.
fn look_until_spent(terminals: &Terminals) {
    terminals.press("bob", &["3"]);
    terminals.sees("bob", &["[3 View]", "sample-1.png", "1 of 1", "live"]);
    terminals.press("bob", &["Enter"]);
    terminals.sees("bob", &["spend 1"]);
    terminals.press("bob", &["n"]);
    terminals.sees("bob", &["1 of 1", "live"]);
    terminals.press("bob", &["Enter"]);
    terminals.sees("bob", &["spend 1"]);
    terminals.press("bob", &["y"]);
    terminals.sees("bob", &["look 1 counted", "▀"]);
    terminals.press("bob", &["Escape"]);
    terminals.sees("bob", &["[3 View]", "spent"]);
    assert!(!terminals.screen("bob").contains("▀▀▀"), "it stays");
    terminals.press("alice", &["4"]);
    terminals.sees("alice", &["[4 Shared]", "@bob", "1/1", "spent"]);
}

/// Alice adds a look while nothing of bob's runs; he finds it when he returns.
fn change_while_away(stage: &mut Stage, terminals: &Terminals) {
    terminals.press("bob", &["C-c"]);
    terminals.gone("bob");
    stage.strike("bob");
    terminals.press("alice", &["+"]);
    terminals.sees("alice", &["1/2"]);
    stage.enter_by_run("bob");
    stage.wait_online("bob");
    terminals.enter(stage, "bob");
    terminals.press("bob", &["3"]);
    terminals.sees("bob", &["[3 View]", "1 of 2", "live"]);
}

#[test]
fn screens_without_a_terminal_name_the_way_out() {
    let stage = Stage::set();
    stage.invite("alice");
    stage.run("alice", &["--json", "tui"]).refused(2, "usage");
}

#[test]
fn a_terminal_that_is_too_small_is_told_so() {
    let stage = Stage::set();
    let Some(terminals) = Terminals::open(&stage) else {
        return;
    };
    terminals.enter(&stage, "alice");
    terminals.sees("alice", &["Choose a name"]);
    terminals.tmux(&["resize-window", "-t", "alice", "-x", "50", "-y", "12"]);
    terminals.sees("alice", &["60"]);
    terminals.tmux(&["resize-window", "-t", "alice", "-x", "100", "-y", "30"]);
    terminals.sees("alice", &["Choose a name"]);
    terminals.press("alice", &["C-c"]);
    terminals.gone("alice");
}
