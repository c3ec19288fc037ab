//! What `--json` prints, against `schema/cli.json`: every command that answers in JSON is run on a
//! real cluster and each line of it is held against its entry; every command has an entry, or
//! stands here with the reason why it has none.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};

use clap::CommandFactory;
use pentimento::cli::args::Arguments;
use pentimento::cli::cluster;
use pentimento::proto::control::Reason;
use serde_json::{Value, json};

use self::alone::{alone, chaos};
use super::stage::{Ran, Stage, noise, until};

mod alone;

/// Commands without an entry, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("completions", "prints a script for a shell"),
    ("demo", "a story for people: its steps may change"),
    ("node", "says nothing but its log"),
    ("run", "says nothing of its own while it runs"),
    ("tui", "takes the terminal for itself"),
];
/// Entries that are no command.
const LINES: [&str; 3] = ["success", "failure", "notice"];

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/cli.json");
    let text = fs::read_to_string(path).expect("the schema is there");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("schema/cli.json: {error}"))
}

/// The entries for commands.
fn entries(schema: &Value) -> BTreeSet<String> {
    let all = schema["$defs"].as_object().expect("entries").keys();
    all.filter(|name| !LINES.contains(&name.as_str()) && !name.starts_with(char::is_uppercase))
        .cloned()
        .collect()
}

/// Why a value does not fit; nothing if it does.
fn misfits(schema: &Value, part: &Value, value: &Value) -> Vec<String> {
    let mut root = part.clone();
    root["$schema"] = schema["$schema"].clone();
    root["$defs"] = schema["$defs"].clone();
    let validator = jsonschema::validator_for(&root).expect("the schema is one");
    let wrong = validator.iter_errors(value);
    wrong
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn entry(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A line with the result of a command.
fn framed(name: &str) -> Value {
    json!({ "allOf": [entry("success"), { "properties": { "result": entry(name) } }] })
}

/// All commands that can be given, their words joined.
fn commands(command: &clap::Command, before: &str, found: &mut BTreeSet<String>) {
    for sub in command.get_subcommands() {
        let name = format!("{before}{}", sub.get_name());
        if !sub.has_subcommands() || !sub.is_subcommand_required_set() {
            found.insert(name.clone());
        }
        commands(sub, &format!("{name}-"), found);
    }
}

#[test]
fn every_command_has_an_entry_or_a_reason_for_none() {
    let mut found = BTreeSet::new();
    commands(&Arguments::command(), "", &mut found);
    let mut known = entries(&schema());
    for (name, reason) in WITHOUT {
        assert!(!reason.is_empty());
        assert!(known.insert((*name).to_owned()), "{name} has an entry");
    }
    let missing: Vec<_> = found.difference(&known).collect();
    let stale: Vec<_> = known.difference(&found).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "without an entry: {missing:?}; no command: {stale:?}"
    );
}

#[test]
fn the_schema_names_every_reason() {
    let words = &schema()["$defs"]["failure"]["properties"]["reason"]["enum"];
    let words: BTreeSet<&str> = words
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // What is no reason is answered with the list of all that are.
    let told = serde_json::from_value::<Reason>(json!("-")).expect_err("no reason");
    let told = told.to_string();
    let (_, list) = told.split_once("expected one of ").expect("a list");
    let all = list.split(", ").map(|word| word.trim_matches('`'));
    let all: BTreeSet<&str> = all.collect();
    assert_eq!(words, all);
}

#[test]
fn what_lacks_a_field_does_not_fit() {
    let schema = schema();
    let adjusted = json!({ "lease": "0".repeat(32), "left": 1, "posted": "direct" });
    let whole = json!({ "schema": 1, "ok": true, "result": adjusted, "later": "a field" });
    let part = framed("lease-add");
    assert_eq!(misfits(&schema, &part, &whole), Vec::<String>::new());
    for (name, other) in [
        ("lease", Value::Null),
        ("left", json!(-1)),
        ("posted", json!("Direct")),
    ] {
        let mut changed = whole.clone();
        changed["result"][name] = other;
        assert!(!misfits(&schema, &part, &changed).is_empty(), "{changed}");
        let fields = changed["result"].as_object_mut().expect("an object");
        fields.remove(name);
        assert!(!misfits(&schema, &part, &changed).is_empty(), "{changed}");
    }
    let failure = json!({
        "schema": 1, "ok": false, "reason": "weather", "message": "it rains", "hint": "",
    });
    assert!(!misfits(&schema, &entry("failure"), &failure).is_empty());
    assert!(!misfits(&schema, &schema, &failure).is_empty());
}

/// A cluster that was started by `up`; told to stop whatever happens.
struct Play {
    stage: Stage,
    cluster: String,
    schema: Value,
    seen: RefCell<BTreeSet<String>>,
}

/// A program that goes on; ended with this.
struct Begun(Child);

impl Drop for Begun {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        let _ = self.ran("nobody", "stop");
    }
}

impl Play {
    fn begin() -> Self {
        let stage = Stage::set();
        let folder = stage.folder().join("own");
        let cluster = folder.to_str().expect("paths of tests are text").to_owned();
        Self {
            stage,
            cluster,
            schema: schema(),
            seen: RefCell::new(BTreeSet::new()),
        }
    }

    /// Runs a command; those of an operator are told which cluster is meant.
    fn ran(&self, name: &str, line: &str) -> Ran {
        let mut words: Vec<&str> = line.split(' ').collect();
        let operator = ["up", "status", "stop", "purge", "cluster", "health"];
        if operator.contains(&words[0]) && !line.contains("--cluster") {
            words.extend(["--cluster", &self.cluster]);
        }
        words.insert(0, "--json");
        self.stage.run(name, &words)
    }

    /// The entry of a command line: of its first words as many as name one.
    fn entry_of(&self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let known = entries(&self.schema);
        let names = [3, 2, 1].map(|count| words[..count.min(words.len())].join("-"));
        let found = names.into_iter().find(|name| known.contains(name));
        found.unwrap_or_else(|| panic!("no entry for {line}"))
    }

    #[track_caller]
    fn assert_fits(&self, part: &Value, line: &Value, whole: &str) {
        let wrong = misfits(&self.schema, part, line);
        assert!(wrong.is_empty(), "{wrong:#?}\n{whole}");
    }

    /// Holds what a command printed against its entry; gives the last result.
    #[track_caller]
    fn judged(&self, line: &str, ran: &Ran) -> Value {
        let name = self.entry_of(line);
        let told = ran.lines();
        assert!(!told.is_empty(), "{}", ran.whole());
        for one in &told {
            self.assert_fits(&framed(&name), one, &ran.whole());
            self.assert_fits(&self.schema, one, &ran.whole());
        }
        self.seen.borrow_mut().insert(name);
        told[told.len() - 1]["result"].clone()
    }

    /// A command that is not refused.
    #[track_caller]
    fn does(&self, name: &str, line: &str) -> Value {
        self.judged(line, &self.ran(name, line))
    }

    /// A command that may be refused for a while.
    #[track_caller]
    fn does_at_last(&self, name: &str, line: &str) -> Value {
        let ran = until(line, || {
            let ran = self.ran(name, line);
            (ran.code() == 0).then_some(ran)
        });
        self.judged(line, &ran)
    }

    /// A command that is refused for this reason.
    #[track_caller]
    fn fails(&self, name: &str, reason: &str, line: &str) {
        let ran = self.ran(name, line);
        let told = ran.lines();
        let last = told.last().unwrap_or_else(|| panic!("{}", ran.whole()));
        assert_eq!(last["reason"], reason, "{}", ran.whole());
        self.assert_fits(&entry("failure"), last, &ran.whole());
        self.assert_fits(&self.schema, last, &ran.whole());
    }

    /// The first lines of a command that goes on until it is ended.
    #[track_caller]
    fn begins(&self, name: &str, command: &[&str], lines: usize) -> Vec<Value> {
        let path = self.stage.folder().join("begun.jsonl");
        let child = Program::new(env!("CARGO_BIN_EXE_pentimento"))
            .args(["--json", "--no-input", "--home"])
            .arg(self.stage.home(name))
            .args(command)
            .env_remove("PENTIMENTO_LOG")
            .stdin(Stdio::null())
            .stdout(File::create(&path).expect("the folder can be written"))
            .stderr(Stdio::null())
            .spawn();
        let _begun = Begun(child.expect("the program starts"));
        let text = until(&command.join(" "), || {
            let text = fs::read_to_string(&path).expect("text");
            (text.matches('\n').count() >= lines).then_some(text)
        });
        let told = text.lines().take(lines);
        told.map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    #[track_caller]
    fn until_told(&self, name: &str, line: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        until(line, || {
            let told = self.does(name, line);
            is_so(&told).then_some(told)
        })
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    let found = value[field].as_str();
    found.unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// Whether an object of a list has this value in this field.
fn any(list: &Value, field: &str, value: impl Into<Value>) -> bool {
    let value = value.into();
    let list = list.as_array().into_iter().flatten();
    list.into_iter().any(|one| one[field] == value)
}

#[test]
fn every_line_of_json_fits_the_schema() {
    let mut play = Play::begin();
    play.fails("nobody", "not_found", "status");
    play.does("nobody", "up --servers 3");
    let servers = format!("{}/cluster.toml", play.cluster);
    for name in ["alice", "bob"] {
        play.does(name, &format!("init {name} --servers {servers}"));
        play.stage.enter_by_run(name);
    }
    for name in ["alice", "bob"] {
        play.stage.wait_online(name);
    }
    alone(&play);
    keys(&play, &servers);
    files(&play);
    people(&play);
    questions(&play);
    let lease = grants(&play);
    looks(&play, &lease);
    notices(&play);
    chaos(&play);
    operator(&play);
    let seen = play.seen.borrow().clone();
    let unseen: Vec<_> = entries(&play.schema).difference(&seen).cloned().collect();
    assert!(unseen.is_empty(), "never run: {unseen:?}");
}

/// A key file without and with a passphrase.
fn keys(play: &Play, servers: &str) {
    play.does("carol", &format!("init carol --servers {servers}"));
    assert_eq!(play.does("carol", "key unprotect")["protected"], false);
    play.does("carol", &format!("key protect --passphrase-file {servers}"));
    play.fails("carol", "config", "id");
}

/// Files in pictures.
fn files(play: &Play) {
    for (name, size_bytes) in [("one.bin", 500), ("two.bin", 600), ("beach.bin", 20_000)] {
        let path = play.stage.folder().join(name);
        fs::write(path, noise(3, size_bytes)).expect("the folder can be written");
    }
    let hidden = play.does("alice", "hide one.bin two.bin");
    let picture = text(&hidden, "file");
    let known = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/covers/cover-0.png");
    let warned = play.does("alice", &format!("hide -y two.bin --cover {known}"));
    assert!(any(&warned["cover_warnings"], "warning", "known"));
    play.does("alice", &format!("inspect {picture}"));
    play.does("alice", &format!("reveal {picture} -o back.bin"));
    play.fails("alice", "usage", &format!("reveal {picture} -o back.bin"));
    play.does("bob", &format!("inspect {picture}"));
    play.fails("bob", "nothing_for_you", &format!("reveal {picture}"));
    play.does("alice", &format!("trace {picture}"));
    play.fails("alice", "bad_picture", "inspect one.bin");
    play.fails("alice", "not_found", "hide gone.bin");
    passphrases(play);
}

/// Files under a passphrase; whoever hides and reveals them needs no home.
fn passphrases(play: &Play) {
    for (name, text) in [
        ("secret", "of us two\n"),
        ("other", "of me\n"),
        ("none", "\n"),
    ] {
        fs::write(play.stage.folder().join(name), text).expect("the folder can be written");
    }
    let hide = "hide one.bin --passphrase-file secret -o under.png";
    let hidden = play.does("nobody", hide);
    assert_eq!(hidden["request"], Value::Null);
    play.fails("nobody", "usage", hide);
    play.does("nobody", &format!("{hide} -y"));
    let reveal = "reveal under.png -o under.bin --passphrase-file";
    play.fails("nobody", "nothing_for_you", &format!("{reveal} other"));
    play.fails("nobody", "usage", &format!("{reveal} none"));
    play.fails("nobody", "not_found", &format!("{reveal} gone"));
    play.fails("alice", "nothing_for_you", "reveal under.png -o under.bin");
    let nobody_to_ask = "reveal under.png -o under.bin --passphrase";
    play.fails("nobody", "usage", nobody_to_ask);
    let revealed = play.does("nobody", &format!("{reveal} secret"));
    assert_eq!(revealed["name"], "one.bin");
    play.fails("nobody", "usage", &format!("{reveal} secret"));
    let own = "hide one.bin --passphrase-file secret -o own.png --cover";
    play.fails("nobody", "bad_picture", &format!("{own} two.bin"));
    play.does("nobody", &format!("{own} under.png"));
    let read = |name: &str| fs::read(play.stage.folder().join(name)).expect("there");
    assert_eq!(read("under.bin"), read("one.bin"));
}

/// Who is there, and who they are to each other.
fn people(play: &Play) {
    let id = play.does("bob", "id");
    play.does("alice", &format!("peers add {}", text(&id, "code")));
    for verb in ["unverify", "verify", "block", "unblock"] {
        play.does("alice", &format!("peers {verb} @bob"));
    }
    play.fails("alice", "not_found", "peers verify @nobody");
    play.does("alice", "offer beach.bin --name beach");
    play.does("alice", "ls");
    play.does("alice", "peers ls");
    play.until_told("bob", "peers", |told| any(&told["peers"], "online", true));
    play.until_told("bob", "ls @alice", |told| {
        any(&told["items"], "name", "beach")
    });
}

/// Questions for looks, with every end.
fn questions(play: &Play) {
    let ask = || {
        let asked = play.does("bob", "request @alice/beach --views 3 --wait 0");
        let ask = text(&asked, "ask").to_owned();
        play.until_told("alice", "requests ls", |told| any(told, "ask", &*ask));
        ask
    };
    let first = ask();
    play.does("alice", &format!("requests approve {first} --views 2"));
    let second = ask();
    play.does("alice", &format!("requests deny {second}"));
    let third = ask();
    play.does("bob", &format!("requests withdraw {third}"));
    play.does("bob", "requests ls");
    play.does("alice", "rules set @bob --grant 5");
    play.does("bob", "request @alice/beach --views 1 --wait 30");
    play.does("alice", "rules set @bob --refuse");
    play.fails("bob", "denied", "request @alice/beach --wait 30");
    play.does("alice", "rules clear @bob");
    play.fails("alice", "not_found", "requests approve 00000000");
}

/// A grant, shared and changed. Gives its id.
fn grants(play: &Play) -> String {
    let shared = play.does(
        "alice",
        "share beach.bin --to @bob --views 2 --offline 2 --until 7d --show-for 30s",
    );
    let lease = text(&shared, "lease").to_owned();
    play.until_told("bob", "lease ls", |told| any(told, "lease", &*lease));
    for change in [
        "add L 3",
        "sub L 1",
        "set L 2",
        "until L 3d",
        "until L never",
    ] {
        play.does("alice", &format!("lease {}", change.replace('L', &lease)));
    }
    play.does("alice", &format!("lease show {lease}"));
    play.fails("alice", "not_found", "lease show ffffffff");
    play.fails("alice", "not_found", "share gone.bin --to @bob");
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/covers/cover-0.png");
    let marked = play.does("alice", &format!("share {photo} --to @bob --mark"));
    assert_eq!(marked["marked"], true);
    let traced = play.does("alice", &format!("trace {photo}"));
    assert_eq!((&traced["marks"], &traced["alike"]), (&json!(1), &json!(1)));
    play.fails("alice", "bad_picture", "share one.bin --to @bob --mark");
    lease
}

/// Looks, counted until none is left and given back.
fn looks(play: &Play, lease: &str) {
    let view = format!("view {lease}");
    play.does_at_last("bob", &format!("lease take {lease} --looks 2 --until 1d"));
    play.does("bob", &view);
    play.fails("bob", "not_found", "lease return ffffffff");
    play.does("bob", &format!("lease return {lease}"));
    play.does("bob", &view);
    play.fails("bob", "quota_spent", &view);
    play.does_at_last("alice", &format!("lease refund {lease}"));
    play.until_told("alice", "lease ls", |told| any(told, "used", 2));
    play.does("alice", &format!("lease revoke {lease}"));
    play.fails("bob", "revoked", &view);
    play.does("alice", "lease revoke --all @bob -y");
    play.does("bob", "lease ls");
    play.does("bob", &format!("ledger --lease {lease}"));
    let lines = play.ran("alice", "ledger --export jsonl").lines();
    assert!(!lines.is_empty());
    for line in lines {
        play.assert_fits(&entry("LedgerEntry"), &line, "ledger --export jsonl");
    }
}

/// What is told as it happens, and where the gallery is.
fn notices(play: &Play) {
    for (name, kind) in [("alice", "ask_arrived"), ("bob", "ask_answered")] {
        let told = play.begins(name, &["watch", "--all"], 6);
        assert_eq!(told.len(), 6);
        for line in &told {
            play.assert_fits(&entry("watch"), line, "watch");
            play.assert_fits(&play.schema, line, "watch");
        }
        let told = Value::Array(told);
        assert!(any(&told, "kind", kind), "no {kind} in {told}");
    }
    let told = play.begins("alice", &["web"], 1);
    play.assert_fits(&framed("web"), &told[0], "web");
    let both = ["watch", "web"].map(str::to_owned);
    play.seen.borrow_mut().extend(both);
}

/// The servers, at last failing, ended and deleted.
fn operator(play: &Play) {
    for line in [
        "cluster status",
        "cluster leader",
        "health",
        "health --live",
    ] {
        play.does("nobody", line);
    }
    play.fails("nobody", "not_found", "health --node 9");
    play.fails("nobody", "denied", "cluster token pass");
    play.does_at_last("nobody", "cluster fail 1 --seconds 1");
    play.does("nobody", "cluster token on");
    play.does_at_last("nobody", "cluster token pass");
    play.does("nobody", "cluster token off");
    play.fails("nobody", "usage", "purge");
    play.does("nobody", "cluster drain 3");
    play.does("nobody", "cluster status");
    play.does("nobody", "health");
    play.does("nobody", "stop");
    play.does("nobody", "status");
    ledger(play);
    play.does("nobody", "purge -y");
}

/// The ledger of servers that are stopped: to files, back, and one out of the way.
fn ledger(play: &Play) {
    let folder = |id| cluster::server_folder(Path::new(&play.cluster), id);
    let of = |verb: &str, id, files: &str| {
        let config = folder(id).join("server.toml");
        let line = format!("node state {verb} --config {} {files}", config.display());
        line.trim().to_owned()
    };
    play.does("nobody", &of("export", 1, "ledger-1.bin"));
    play.fails("nobody", "config", &of("import", 1, "ledger-1.bin"));
    play.does("nobody", &of("export", 2, "ledger-2.bin"));
    play.does("nobody", &of("import", 1, "ledger-1.bin ledger-2.bin"));
    play.fails("nobody", "config", &of("set-aside", 1, ""));
    let [from, to] = [1, 3].map(|id| folder(id).join("state.redb"));
    fs::copy(from, to).expect("it can be copied");
    play.does("nobody", &of("set-aside", 3, ""));
}
