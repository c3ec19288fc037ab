//! Looks at everything that a person's program needs, and says what is wrong and what to do about
//! it. Changes nothing, starts no node, and prints no secret.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::args::Global;
use super::entry;
use super::failure::Ended;
use super::output::Output;
use super::paint;
use super::render::Said;
use crate::node::control::Link;
use crate::proto::control::{Command, Outcome};
use crate::talk::home::{self, Home, KEY_FILE};
use crate::talk::session::Session;
use crate::talk::unlock;

/// How long a running client may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The smallest terminal that the screens fit in, in columns and rows.
const TERMINAL_MIN: (u16, u16) = (60, 16);

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    state: State,
    told: String,
    help: String,
}

impl Finding {
    fn ok(what: &'static str, told: impl Into<String>) -> Self {
        Self::new(what, State::Ok, told, "")
    }

    fn warn(what: &'static str, told: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(what, State::Warn, told, help)
    }

    fn fail(what: &'static str, told: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(what, State::Fail, told, help)
    }

    fn new(
        what: &'static str,
        state: State,
        told: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            what,
            state,
            told: told.into(),
            help: help.into(),
        }
    }
}

/// Looks at everything; exit code 1 if something does not work.
///
/// # Errors
/// None: what is wrong is a finding.
pub fn run(output: Output, global: &Global) -> Ended {
    let home = entry::home(global);
    let mut findings = vec![Finding::ok("version", entry::version().text)];
    findings.extend(folder(&home.folder));
    findings.push(key(&home.folder));
    findings.push(config(&home));
    findings.extend(client(&home));
    findings.extend(variables());
    findings.extend(terminal());
    output.say(&tell(&findings));
    let failed = findings.iter().any(|one| one.state == State::Fail);
    Ok(u8::from(failed))
}

fn tell(findings: &[Finding]) -> Said {
    let lines = findings.iter().map(|one| {
        let pad = " ".repeat(4 - one.state.word().len());
        let word = paint::state(one.state.word());
        let line = format!("{word}{pad}  {}: {}", one.what, one.told);
        if one.help.is_empty() {
            line
        } else {
            format!("{line}\n      {} {}", paint::help("help:"), one.help)
        }
    });
    let json = findings.iter().map(|one| {
        json!({
            "check": one.what,
            "state": one.state.word(),
            "message": one.told,
            "hint": one.help,
        })
    });
    Said {
        text: lines.collect::<Vec<_>>().join("\n"),
        json: json.collect(),
    }
}

/// Whether the home is there and can be written.
fn folder(home: &Path) -> Vec<Finding> {
    if !home.is_dir() {
        let told = format!("there is no home in {}", home.display());
        return vec![Finding::fail(
            "home",
            told,
            "make one with `pentimento init NAME`",
        )];
    }
    // A file of our own, so that nothing of anybody else is touched.
    let probe = home.join(format!(".doctor-{}", std::process::id()));
    let written = fs::write(&probe, [0; 65_536]);
    let _ = fs::remove_file(&probe);
    vec![match written {
        Ok(()) => Finding::ok("home", format!("{} can be written", home.display())),
        Err(error) => Finding::fail(
            "home",
            format!("{}: {error}", home.display()),
            "make room on the disk, or change the rights of the folder",
        ),
    }]
}

fn key(home: &Path) -> Finding {
    let is_locked = unlock::is_locked(home) && matches!(unlock::given(), Ok(None));
    if is_locked && home::is_own(&home.join(KEY_FILE)).is_ok() {
        return Finding::ok("key", format!("{KEY_FILE} is yours alone, and locked"));
    }
    match home::read_key(home) {
        Ok(identity) => Finding::ok(
            "key",
            format!("{KEY_FILE} is yours alone, id {}", identity.user_id()),
        ),
        Err(failure) => Finding::fail("key", failure.message, failure.hint),
    }
}

fn config(home: &Home) -> Finding {
    match home::read_config(home) {
        Ok(config) => Finding::ok(
            "configuration",
            format!("@{}, {} servers", config.name, config.servers.len()),
        ),
        Err(failure) => Finding::fail("configuration", failure.message, failure.hint),
    }
}

/// The running client, and through it the servers.
fn client(home: &Home) -> Vec<Finding> {
    if Link::connect(&home.folder).is_err() {
        return vec![Finding::warn(
            "client",
            "none runs, so others cannot reach you and the servers are not asked",
            "keep one running with `pentimento run`",
        )];
    }
    let asked =
        Session::open(home, PATIENCE).and_then(|mut session| session.ask(Command::Status, |_| {}));
    let status = match asked {
        Ok(Outcome::Status(status)) => status,
        Ok(_) => {
            return vec![Finding::fail(
                "client",
                "it speaks another language",
                "restart it: program and client are of different versions",
            )];
        }
        Err(failure) => return vec![Finding::fail("client", failure.message, failure.hint)],
    };
    let mut findings = vec![Finding::ok("client", "it runs and answers")];
    let (here, all) = (status.servers_answering.len(), status.servers);
    let told = format!("{here} of {all} answer");
    findings.push(match here {
        0 => Finding::fail(
            "servers",
            told,
            "start them, or see `listen` in the configuration",
        ),
        here if here < all as usize => {
            Finding::warn("servers", told, "letters are kept while a majority answers")
        }
        _ => Finding::ok("servers", told),
    });
    if status.name_taken {
        findings.push(Finding::fail(
            "name",
            format!("the servers know another @{}", status.name),
            "make another home with `pentimento --profile NAME init OTHER-NAME`",
        ));
    }
    if status.letters_queued > 0 {
        findings.push(Finding::warn(
            "letters",
            format!("{} on their way", status.letters_queued),
            "they go by themselves; `pentimento sync` tries now",
        ));
    }
    findings
}

/// Variables that look like ours and are none.
fn variables() -> Vec<Finding> {
    let known = entry::variables();
    let unknown: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("PENTIMENTO_") && !known.contains(name))
        .collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    vec![Finding::warn(
        "environment",
        format!("nobody reads {}", unknown.join(", ")),
        "docs/cli.md lists all variables",
    )]
}

fn terminal() -> Vec<Finding> {
    if !std::io::stdout().is_terminal() {
        return vec![Finding::ok("terminal", "none: plain lines, no colours")];
    }
    let named = std::env::var("TERM").unwrap_or_default();
    let multiplexed = std::env::var_os("TMUX").is_some();
    let rich = std::env::var("COLORTERM").is_ok_and(|text| text == "truecolor" || text == "24bit");
    let (columns, rows) = crossterm::terminal::size().unwrap_or_default();
    let told = format!(
        "{columns} x {rows}, TERM {}{}, {} colours",
        if named.is_empty() { "unset" } else { &named },
        if multiplexed { ", inside tmux" } else { "" },
        if rich { "all" } else { "perhaps not all" },
    );
    vec![if columns < TERMINAL_MIN.0 || rows < TERMINAL_MIN.1 {
        let (columns, rows) = TERMINAL_MIN;
        Finding::warn(
            "terminal",
            told,
            format!("the screens need {columns} x {rows}"),
        )
    } else if named.is_empty() || named == "dumb" {
        Finding::warn("terminal", told, "set TERM to the name of your terminal")
    } else {
        Finding::ok("terminal", told)
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_or_warns_has_a_way_out_and_no_secret_is_told() {
        let empty = tempfile::tempdir().expect("folder");
        let missing = empty.path().join("none");
        let made = tempfile::tempdir().expect("folder");
        home::make_key(made.path()).expect("makes");
        let secret = fs::read_to_string(made.path().join(KEY_FILE)).expect("reads");
        for folder_of in [missing.as_path(), empty.path(), made.path()] {
            let home = Home::from(folder_of);
            let mut findings = folder(folder_of);
            findings.push(key(folder_of));
            findings.push(config(&home));
            findings.extend(client(&home));
            for one in &findings {
                let helped = !one.help.is_empty();
                assert_eq!(helped, one.state != State::Ok, "{one:?}");
            }
            let said = tell(&findings);
            assert!(!said.text.contains(secret.trim()), "{}", said.text);
            assert!(!said.json.to_string().contains(secret.trim()));
        }
        assert_eq!(key(made.path()).state, State::Ok);
        assert_eq!(key(empty.path()).state, State::Fail);
    }
}
