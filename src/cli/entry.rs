//! From the words of the command line to checked arguments: colours, mistakes in the asked form,
//! and which home is meant.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ColorChoice, CommandFactory, FromArgMatches};
use serde_json::json;

use super::args::{Arguments, Global, VARIABLE, Verb};
use super::node::Given;
use super::render::Said;
use super::{failure, output, paint};
use crate::node::config::layers::Layered;
use crate::node::config::{ClientConfig, ServerConfig};
use crate::proto::control::Failure;
use crate::talk::home::{self, Home};
use crate::talk::unlock;

/// Reads the command line. What is wrong with it is told here, as text or, if the words ask for
/// it, as JSON.
///
/// # Errors
/// The exit code of a program that has nothing more to do: 0 after help, else 2.
pub fn parse(words: Vec<OsString>) -> Result<Arguments, ExitCode> {
    let color = color(&words);
    show_colors(color);
    let command = Arguments::command().color(color);
    let json = words.iter().any(|word| word == "--json");
    let found = command.try_get_matches_from(words).and_then(|matches| {
        let mut arguments = Arguments::from_arg_matches(&matches)?;
        // A profile by flag wins over a home by variable.
        if matches.value_source("home") == Some(ValueSource::EnvVariable)
            && matches.value_source("profile") == Some(ValueSource::CommandLine)
        {
            arguments.global.home = None;
        }
        Ok(arguments)
    });
    found.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output::print_styled(&error.render().ansi().to_string());
            ExitCode::SUCCESS
        }
        _ => failure::report(&mistake(&error), json),
    })
}

/// What the words say of colours; only the words themselves decide how a mistake in them looks.
fn color(words: &[OsString]) -> ColorChoice {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let after = |at: usize| words.get(at + 1).copied();
    let said = words.iter().enumerate().find_map(|(at, word)| match *word {
        "--color" => after(at),
        word => word.strip_prefix("--color="),
    });
    let variable = std::env::var("PENTIMENTO_COLOR").ok();
    match said.or(variable.as_deref()) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

fn show_colors(color: ColorChoice) {
    match color {
        // NO_COLOR, CLICOLOR_FORCE and the terminal decide.
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// A mistake in the command line as a failure like all others.
fn mistake(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let text = text.trim_start_matches("error: ").trim_end();
    let (message, hint) = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            ("a command is missing".to_owned(), text.to_owned())
        }
        ErrorKind::InvalidUtf8 => (
            "an argument is not UTF-8".to_owned(),
            "names, numbers and ids are text; only names of files may be other bytes".to_owned(),
        ),
        _ => {
            let end = text.find("\n\nFor more information");
            let text = &text[..end.unwrap_or(text.len())];
            let (message, more) = text.split_once("\n\n").unwrap_or((text, ""));
            let more: Vec<&str> = more
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect();
            let more = more.join("; ");
            let hint = if more.is_empty() {
                "`pentimento --help` lists the commands, `pentimento COMMAND --help` its options"
                    .to_owned()
            } else {
                more
            };
            (message.to_owned(), hint)
        }
    };
    failure::usage(message, hint)
}

/// Decides which home is meant, once for the whole program.
///
/// # Errors
/// If the profile cannot be one.
pub fn settle(global: &mut Global) -> Result<(), Failure> {
    if global.home.is_some() {
        return Ok(());
    }
    let named = match &global.profile {
        Some(profile) => Some(home::profile_home(profile)?),
        // What is wrong with the file is told by whoever needs it.
        None => global
            .config
            .as_deref()
            .and_then(|path| home::named_home(path).ok().flatten()),
    };
    global.home = Some(named.unwrap_or_else(home::default_home));
    Ok(())
}

/// The home, with what the command line says beside it.
#[must_use]
pub fn home(global: &Global) -> Home {
    Home {
        folder: global.home.clone().unwrap_or_else(home::default_home),
        config: global.config.clone(),
        set: global.set.clone(),
    }
}

/// What the command line says to a single node.
#[must_use]
pub fn given(global: &Global) -> Given {
    Given {
        config: global.config.clone(),
        set: global.set.clone(),
    }
}

/// Whether the command hears Ctrl-C itself and ends in order.
#[must_use]
pub const fn ends_by_signal(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Demo { .. }
            | Verb::Up { .. }
            | Verb::Run { .. }
            | Verb::Web(_)
            | Verb::Node(_)
            | Verb::Watch { .. }
            | Verb::Chaos(_)
    )
}

/// Whether the command, beside those that begin a conversation, needs the key of the home, which
/// may be locked; and whether also while a client runs.
#[must_use]
pub const fn opens_key(verb: &Verb) -> Option<bool> {
    match verb {
        Verb::Run { .. } | Verb::Id { .. } => Some(true),
        Verb::Tui { .. } | Verb::Web(_) | Verb::Watch { .. } => Some(false),
        _ => None,
    }
}

/// The names of all variables of the environment that any of our programs reads.
#[must_use]
pub fn variables() -> BTreeSet<String> {
    fn of(command: &clap::Command, found: &mut BTreeSet<String>) {
        let own = command.get_arguments().filter_map(clap::Arg::get_env);
        found.extend(own.map(|name| name.to_string_lossy().into_owned()));
        for below in command.get_subcommands() {
            of(below, found);
        }
    }
    let mut found = BTreeSet::from(
        [
            "PENTIMENTO_LOG",
            VARIABLE,
            unlock::VARIABLE,
            unlock::FILE_VARIABLE,
        ]
        .map(str::to_owned),
    );
    of(&Arguments::command(), &mut found);
    found.extend(
        ClientConfig::KEYS
            .iter()
            .map(|key| key.variable(ClientConfig::PREFIX)),
    );
    found.extend(
        ServerConfig::KEYS
            .iter()
            .map(|key| key.variable(ServerConfig::PREFIX)),
    );
    found
}

/// What this program is.
#[must_use]
pub fn version() -> Said {
    let version = env!("CARGO_PKG_VERSION");
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let build = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    Said {
        text: format!("pentimento {version} ({build}, {system} {machine})"),
        json: json!({
            "name": "pentimento",
            "version": version,
            "build": build,
            "os": system,
            "arch": machine,
        }),
    }
}

/// A word in front of a line of standard error, and the line.
#[must_use]
pub fn complaint(failure: &Failure) -> String {
    let head = paint::error(&format!("error[{}]:", failure::word(failure.reason)));
    let help = paint::help("help:");
    format!("{head} {}\n{help} {}", failure.message, failure.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn parsed(line: &str) -> clap::error::Result<Arguments> {
        Arguments::command()
            .try_get_matches_from(words(line))
            .and_then(|matches| Arguments::from_arg_matches(&matches))
    }

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_and_after_the_command() {
        for line in [
            "pentimento --json -q --home h --timeout 3 lease ls",
            "pentimento lease --json -q --home h --timeout 3 ls",
            "pentimento lease ls --json -q --home h --timeout 3",
        ] {
            let global = parsed(line).expect(line).global;
            assert!(global.json && global.quiet, "{line}");
            assert_eq!((global.home, global.timeout), (Some("h".into()), 3));
        }
    }

    #[test]
    fn every_mistake_has_a_way_out() {
        for line in [
            "pentimento",
            "pentimento lease",
            "pentimento nonsense",
            "pentimento hide",
            "pentimento lease ls --nonsense",
            "pentimento --timeout x lease ls",
            "pentimento --color blue lease ls",
            "pentimento rules set @a --grant 1 --refuse",
        ] {
            let failure = mistake(&parsed(line).expect_err(line));
            assert!(!failure.message.is_empty() && !failure.hint.is_empty());
            assert!(!failure.message.contains("error:"), "{}", failure.message);
        }
    }

    #[test]
    fn the_home_is_the_named_one_then_the_profile_then_the_file_then_the_default() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "home = \"from-file\"\n").expect("writes");
        let file = file.to_str().expect("text");
        let settled = |line: &str| {
            let mut global = parsed(line).expect(line).global;
            settle(&mut global).map(|()| global.home.expect("settled"))
        };
        let both = format!("pentimento --config {file} --profile work --home h run");
        assert_eq!(settled(&both), Ok("h".into()));
        let profile = format!("pentimento --config {file} --profile work run");
        let at = settled(&profile).expect("a home");
        assert!(at.ends_with("pentimento/homes/work"), "{}", at.display());
        let config = format!("pentimento --config {file} run");
        assert_eq!(settled(&config), Ok("from-file".into()));
        assert!(settled("pentimento --profile ../x run").is_err());
    }
}
