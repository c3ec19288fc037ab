//! The person's and the operator's program: commands, their output, the demo.

pub mod args;
pub mod bench;
pub mod cluster;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod entry;
pub mod failure;
pub mod health;
pub mod interrupt;
pub mod keygen;
pub mod logs;
pub mod node;
pub mod operator;
pub mod output;
pub mod paint;
pub mod person;
pub mod progress;
pub mod render;
pub mod servers;
pub mod shell;
pub mod state;
pub mod tui;
pub mod up;
pub mod web;

use std::process::ExitCode;

use crate::chaos::command;
use args::{Arguments, Verb};
use output::Output;
use person::{Person, people, watch};

/// The whole program of a person.
#[must_use]
pub fn main() -> ExitCode {
    match entry::parse(std::env::args_os().collect()) {
        Ok(arguments) => run(arguments),
        Err(code) => code,
    }
}

/// Does what the command line says.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments {
        mut global,
        command,
    } = arguments;
    if let Err(failure) = entry::settle(&mut global) {
        return failure::report(&failure, global.json);
    }
    // A node has nothing else to say than its log.
    let node = u8::from(matches!(command, Verb::Node(_)));
    if !matches!(command, Verb::Tui { .. }) {
        logs::start(global.verbose.saturating_add(node));
    }
    if !entry::ends_by_signal(&command) {
        interrupt::watch();
    }
    let output = Output {
        json: global.json,
        quiet: global.quiet,
    };
    if let Some(always) = entry::opens_key(&command)
        && let Err(failure) = Person::new(&global).unlock(always)
    {
        return failure::report(&failure, global.json);
    }
    let ended = match command {
        Verb::Demo { keep } => demo::run(output, keep),
        Verb::Up(wishes) => up::up(output, &wishes),
        Verb::Purge(cluster) => up::purge(output, &global, &cluster),
        Verb::Status(cluster) => operator::status(output, &global, &cluster),
        Verb::Stop(cluster) => operator::stop(output, &cluster),
        Verb::Cluster(verb) => servers::run(output, &verb),
        Verb::Chaos(verb) => command::run(&verb, &mut |text| {
            output.line(text, serde_json::json!({ "told": text }));
        }),
        Verb::Health(arguments) => health::run(output, &arguments),
        Verb::Init { name, servers } => operator::init(output, &global, &name, servers.as_ref()),
        Verb::Tui { protocol, cluster } => tui::run(&global, &cluster, protocol),
        Verb::Run { web: false } => operator::run(output, &global),
        Verb::Run { web: true } => web::run_beside(output, &global),
        Verb::Web(arguments) => web::run(output, &global, &arguments),
        Verb::Key(verb) => Person::new(&global).key(verb),
        Verb::Id { qr } => people::show_id(output, &person::home_of(&global), qr),
        Verb::Watch { all } => watch::watch(output, &person::home_of(&global), all),
        Verb::Node(arguments) => node::run(output, &arguments, &entry::given(&global)),
        Verb::Config(verb) => config::run(output, &global, &verb),
        Verb::Doctor => doctor::run(output, &global),
        Verb::Bench(verb) => bench::run(output, &verb),
        Verb::Completions { shell } => shell::completions(shell),
        Verb::Man { folder } => shell::man(output, &folder),
        Verb::Version => {
            output.say(&entry::version());
            Ok(0)
        }
        person => Person::new(&global).run(person),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure::report(&failure, global.json),
    }
}
