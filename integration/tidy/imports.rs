//! Who names whom. Finds every path that leaves its own module and resolves it from the root of the
//! crate: `crate::a::b`, `self`, any chain of `super`, and each branch of a `use` group.
//!
//! It reads text. A name re-exported under another folder can fool it, which review must see; to
//! keep that rare, an import of the crate's root itself and an alias of a folder are breaches.

use super::modules::{Place, place_of};
use super::source::{Finding, Kind, Scanned, Source, Token};

/// A path that code names, resolved from the root of the crate; a glob ends in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) parts: Vec<String>,
    pub(super) line: usize,
    pub(super) in_test: bool,
    /// Followed by `as`: what comes after can hide where it comes from.
    pub(super) aliased: bool,
    /// The first part was `std` or `core`: the path is not ours.
    pub(super) foreign: bool,
}

/// Every path in `source` that starts at a root we know.
pub(super) fn named_paths(source: &Source) -> Vec<Named> {
    let scanned = Scanned::new(&source.text);
    let place = place_of(&source.path);
    let mut found = Vec::new();
    let mut inline = Inline::default();
    // A group is read whole: a root inside it is a part of a path, not the start of one.
    let mut read_to = 0;
    for index in 0..scanned.tokens.len() {
        inline.step(&scanned, index);
        if index >= read_to && starts_path(&scanned, index) {
            let module: Vec<String> = place
                .module
                .iter()
                .chain(&inline.names())
                .cloned()
                .collect();
            let mut raw = Vec::new();
            read_to = expand(&scanned, index, &mut Vec::new(), &mut raw);
            found.extend(raw.into_iter().filter_map(|(parts, last)| {
                let resolved = resolve(&place, &module, &parts)?;
                Some(Named {
                    parts: resolved,
                    line: scanned.at(index).line,
                    in_test: scanned.in_test[index],
                    aliased: scanned.at(last).is("as") && !scanned.at(last + 1).is("_"),
                    foreign: matches!(parts[0].as_str(), "std" | "core"),
                })
            }));
        }
    }
    found
}

/// The names of the `mod name { ... }` blocks around a token.
#[derive(Default)]
struct Inline {
    depth: usize,
    open: Vec<(usize, String)>,
}

impl Inline {
    fn step(&mut self, scanned: &Scanned<'_>, index: usize) {
        match scanned.at(index).text {
            "{" => {
                self.depth += 1;
                if index >= 2 && scanned.at(index - 2).is("mod") {
                    self.open
                        .push((self.depth, scanned.at(index - 1).text.to_owned()));
                }
            }
            "}" => {
                self.open.retain(|(depth, _)| *depth != self.depth);
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn names(&self) -> Vec<String> {
        self.open.iter().map(|(_, name)| name.clone()).collect()
    }
}

fn starts_path(scanned: &Scanned<'_>, index: usize) -> bool {
    let Token { kind, text, .. } = scanned.at(index);
    let root = matches!(
        text,
        "crate" | "super" | "self" | "pentimento" | "std" | "core"
    );
    let inside = index > 0 && scanned.at(index - 1).is("::");
    let follows = scanned.at(index + 1).is("::") || scanned.at(index + 1).is("as");
    kind == Kind::Word && root && !inside && follows && !is_cast(scanned, index)
}

/// `self as X` is a cast, not an alias, unless it stands in a `use`.
fn is_cast(scanned: &Scanned<'_>, index: usize) -> bool {
    let before = index.checked_sub(1).map(|before| scanned.at(before));
    scanned.at(index + 1).is("as") && !before.is_some_and(|token| token.is("use"))
}

/// Writes each branch of the path that starts at `index` to `out`, with the index after it; gives
/// the index after the whole.
fn expand(
    scanned: &Scanned<'_>,
    index: usize,
    prefix: &mut Vec<String>,
    out: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let token = scanned.at(index);
    if token.is("{") {
        let mut next = index + 1;
        while next < scanned.tokens.len() && !scanned.at(next).is("}") {
            let before = next;
            next = expand(scanned, next, prefix, out);
            while !matches!(scanned.at(next).text, "," | "}" | "") {
                next += 1;
            }
            next += usize::from(scanned.at(next).is(","));
            if next == before {
                break;
            }
        }
        return next + 1;
    }
    if token.kind != Kind::Word && !token.is("*") {
        out.push((prefix.clone(), index));
        return index;
    }
    prefix.push(token.text.to_owned());
    let more = scanned.at(index + 1).is("::");
    let end = if more {
        expand(scanned, index + 2, prefix, out)
    } else {
        out.push((prefix.clone(), index + 1));
        index + 1
    };
    prefix.pop();
    end
}

/// The path from the crate's root; `None` if it stays outside the library.
fn resolve(place: &Place, module: &[String], parts: &[String]) -> Option<Vec<String>> {
    let first = parts.first()?.as_str();
    if matches!(first, "std" | "core") {
        return Some(parts.to_vec());
    }
    if place.is_binary {
        return (first == "pentimento").then(|| parts[1..].to_vec());
    }
    let mut at = match first {
        "self" | "super" => module.to_vec(),
        _ => Vec::new(),
    };
    let mut rest = parts.iter();
    if first != "super" {
        rest.next();
    }
    for part in rest {
        match part.as_str() {
            "super" => drop(at.pop()),
            "self" => {}
            _ => at.push(part.clone()),
        }
    }
    Some(at)
}

/// What a folder may name.
pub(super) type Table = [(&'static str, &'static [&'static str])];

/// The breaches of `table` in non-test code.
pub(super) fn wrong_direction(sources: &[Source], table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let place = place_of(&source.path);
        let Some(folder) = place.folder.as_deref().filter(|_| !place.is_test) else {
            continue;
        };
        let mut report = |line, what| {
            findings.push(Finding {
                path: source.path.clone(),
                line,
                what,
            });
        };
        let Some((_, allowed)) = table.iter().find(|(name, _)| *name == folder) else {
            report(
                1,
                format!("`{folder}` is not in the import table: add its row"),
            );
            continue;
        };
        for named in named_paths(source)
            .iter()
            .filter(|named| !named.in_test && !named.foreign)
        {
            let target = named.parts.first().map_or("", String::as_str);
            if matches!(target, "" | "*") {
                report(
                    named.line,
                    "names the crate's root: name the folder it needs".to_owned(),
                );
            } else if named.aliased && named.parts.len() == 1 {
                report(
                    named.line,
                    format!("an alias hides `{target}`: name it as it is"),
                );
            } else if target != folder && !allowed.contains(&"*") && !allowed.contains(&target) {
                report(named.line, format!("`{folder}` may not name `{target}`"));
            }
        }
    }
    findings
}

/// Concerns that name another concern: under `actors`, only what is `shared` and a concern's own
/// parts.
pub(super) fn sideways(sources: &[Source], shared: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let place = place_of(&source.path);
        if place.is_test || place.module.first().is_none_or(|first| first != "actors") {
            continue;
        }
        let Some(own) = place.module.get(1) else {
            continue;
        };
        for named in named_paths(source)
            .iter()
            .filter(|named| !named.in_test && !named.foreign)
        {
            if named.parts.first().is_none_or(|first| first != "actors") {
                continue;
            }
            let concern = named.parts.get(1).map_or("*", String::as_str);
            let is_shared = |part: &&str| {
                let parts: Vec<&str> = part.split("::").collect();
                named.parts[1..].len() >= parts.len() && named.parts[1..][..parts.len()] == parts
            };
            if concern != own && !shared.iter().any(is_shared) {
                findings.push(Finding {
                    path: source.path.clone(),
                    line: named.line,
                    what: format!("concern `{own}` may not name `actors::{concern}`"),
                });
            }
        }
    }
    findings
}

/// Frameworks, and what a pure folder leaves to its driver.
pub(super) struct Purity {
    pub(super) folders: &'static [&'static str],
    /// Crates, refused in tests too.
    pub(super) crates: &'static [&'static str],
    /// Words and modules of `std`, refused outside tests.
    pub(super) words: &'static [&'static str],
    pub(super) std_modules: &'static [&'static str],
    /// Files that may name one of the modules all the same.
    pub(super) excused: &'static [(&'static str, &'static str)],
}

/// Pure folders that name a framework, a clock, a seed, a thread or a file.
pub(super) fn impure(sources: &[Source], rule: &Purity) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let place = place_of(&source.path);
        let Some(folder) = place
            .folder
            .as_deref()
            .filter(|name| rule.folders.contains(name))
        else {
            continue;
        };
        let mut report = |line, what: &str| {
            let what = format!("`{what}` in `{folder}`, which is pure");
            findings.push(Finding {
                path: source.path.clone(),
                line,
                what,
            });
        };
        let scanned = Scanned::new(&source.text);
        for (token, in_test) in scanned.tokens.iter().zip(&scanned.in_test) {
            let test = *in_test || place.is_test;
            let word =
                rule.crates.contains(&token.text) || (!test && rule.words.contains(&token.text));
            if word && token.kind == Kind::Word {
                report(token.line, token.text);
            }
        }
        for named in named_paths(source).iter().filter(|named| named.foreign) {
            let module = named.parts.get(1).map_or("", String::as_str);
            let excused = rule.excused.contains(&(source.path.as_str(), module));
            let refused = rule.std_modules.contains(&module) && !excused;
            if !named.in_test && !place.is_test && refused {
                report(named.line, &format!("std::{module}"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &Table = &[
        ("bin", &["*"]),
        ("net", &["proto"]),
        ("proto", &[]),
        ("actors", &["proto"]),
    ];

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn paths(path: &str, text: &str) -> Vec<String> {
        named_paths(&source(path, text))
            .iter()
            .map(|named| named.parts.join("::"))
            .collect()
    }

    #[test]
    fn paths_are_resolved_from_the_root() {
        let here = "src/actors/election/round.rs";
        assert_eq!(paths(here, "use crate::proto::ids;"), ["proto::ids"]);
        assert_eq!(
            paths(here, "fn f() { crate :: proto\n:: x(); }"),
            ["proto::x"]
        );
        assert_eq!(
            paths(here, "use crate::{proto::{a, b as c}, time, net::*};"),
            ["proto::a", "proto::b", "time", "net::*"]
        );
        assert_eq!(
            paths(here, "use super::Claim;"),
            ["actors::election::Claim"]
        );
        assert_eq!(paths(here, "use super::super::ledger;"), ["actors::ledger"]);
        assert_eq!(
            paths(here, "use self::inner::X;"),
            ["actors::election::round::inner::X"]
        );
        assert_eq!(
            paths(here, "mod m { use super::super::super::ledger; }"),
            ["actors::ledger"]
        );
        assert_eq!(
            paths(here, "mod m { a } use super::super::super::net;"),
            ["net"]
        );
        assert_eq!(paths(here, "use super::{super::{super::net}};"), ["net"]);
        assert_eq!(paths("src/actors/mod.rs", "use super::net;"), ["net"]);
        assert_eq!(paths("src/time.rs", "use super::*;"), ["*"]);
        assert_eq!(
            paths(
                here,
                "// crate::net\nlet s = \"crate::net\"; pub(crate) fn f() {}"
            )
            .len(),
            0
        );
        assert_eq!(
            paths(here, "let x = self as u8; let y = self.len();").len(),
            0
        );
        assert_eq!(
            paths("src/bin/client.rs", "use pentimento::net::X; use crate::y;"),
            ["net::X"]
        );
    }

    fn breaches(path: &str, text: &str) -> Vec<String> {
        wrong_direction(&[source(path, text)], TABLE)
            .into_iter()
            .map(|f| f.what)
            .collect()
    }

    #[test]
    fn allowed_imports_pass() {
        for (path, text) in [
            (
                "src/net/peers.rs",
                "use crate::proto::X; use crate::net::Y; use super::Z;",
            ),
            (
                "src/net/peers.rs",
                "#[cfg(test)] mod tests { use crate::actors::X; use super::*; }",
            ),
            ("src/net/peers/tests.rs", "use crate::actors::X;"),
            ("src/net/peers.rs", "use std::collections::BTreeMap as Map;"),
            ("src/bin/client.rs", "use pentimento::actors::X;"),
            ("src/lib.rs", "pub mod net; pub mod actors;"),
            ("src/proto/packet.rs", "//! For crate::net.\nfn f() {}"),
        ] {
            assert_eq!(breaches(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn wrong_imports_are_found() {
        for (path, text) in [
            ("src/proto/packet.rs", "use crate::net::X;"),
            ("src/proto/packet.rs", "fn f() { let x = crate::net::X; }"),
            ("src/proto/packet.rs", "use super::super::net;"),
            (
                "src/proto/packet.rs",
                "use crate::{\n    proto::a,\n    net::{b, c},\n};",
            ),
            ("src/proto/packet.rs", "use crate::*;"),
            ("src/proto/packet.rs", "use crate as root;"),
            ("src/proto/packet.rs", "use crate::proto as p;"),
            (
                "src/proto/packet.rs",
                "macro_rules! m { () => { $crate::net::X } }",
            ),
            ("src/proto/packet.rs", "use pentimento::net::X;"),
            (
                "src/proto/packet.rs",
                "#[cfg(not(test))] use crate::net::X;",
            ),
            ("src/net/peers.rs", "use crate::actors::election::X;"),
            ("src/gallery/page.rs", "fn f() {}"),
        ] {
            assert!(!breaches(path, text).is_empty(), "{path}: {text}");
        }
    }

    #[test]
    fn a_breach_names_its_place() {
        let found = wrong_direction(&[source("src/proto/a.rs", "\n\nuse crate::net::X;")], TABLE);
        assert_eq!(
            found[0].to_string(),
            "src/proto/a.rs:3: `proto` may not name `net`"
        );
    }

    const SHARED: [&str; 3] = ["machine", "edges", "membership::Member"];

    #[test]
    fn concerns_do_not_name_each_other() {
        for text in [
            "use crate::actors::ledger::X;",
            "use crate::actors::membership::Input;",
            "use super::membership;",
            "use super::ledger;",
            "use super::{machine::Machine, ledger::X};",
            "use crate::{actors::{ledger}};",
            "use crate::actors as a;",
            "use super::*;",
        ] {
            assert_eq!(
                sideways(&[source("src/actors/election.rs", text)], &SHARED).len(),
                1,
                "{text}"
            );
        }
        for (path, text) in [
            (
                "src/actors/election.rs",
                "use crate::actors::machine::{Machine, Outbox};",
            ),
            ("src/actors/election.rs", "use super::machine::Machine;"),
            ("src/actors/election.rs", "use crate::actors::edges::Work;"),
            (
                "src/actors/election/round.rs",
                "use super::Claim; use super::super::machine::X;",
            ),
            (
                "src/actors/election.rs",
                "#[cfg(test)] mod tests { use super::*; }",
            ),
            (
                "src/actors/election/tests.rs",
                "use crate::actors::ledger::X;",
            ),
            ("src/actors/mod.rs", "pub use self::machine::Machine;"),
            (
                "src/node/server.rs",
                "use crate::actors::{election, ledger};",
            ),
        ] {
            assert_eq!(
                sideways(&[source(path, text)], &SHARED),
                [],
                "{path}: {text}"
            );
        }
    }

    const PURE: Purity = Purity {
        folders: &["actors"],
        crates: &["actix"],
        words: &["Instant"],
        std_modules: &["fs"],
        excused: &[("src/actors/b.rs", "fs")],
    };

    #[test]
    fn pure_folders_are_kept_pure() {
        for text in [
            "use actix::Actor;",
            "#[cfg(test)] mod tests { use actix::Actor; }",
            "fn f() { let now = std::time::Instant::now(); }",
            "use std::{fmt, fs};",
            "fn f() { std::fs::read(p); }",
        ] {
            assert_eq!(
                impure(&[source("src/actors/a.rs", text)], &PURE).len(),
                1,
                "{text}"
            );
        }
        for (path, text) in [
            (
                "src/actors/a.rs",
                "// actix\nlet x = \"actix\"; use std::fmt;",
            ),
            (
                "src/actors/a.rs",
                "#[cfg(test)] mod tests { fn f() { std::fs::read(p); } }",
            ),
            ("src/node/a.rs", "use actix::Actor;"),
            ("src/actors/b.rs", "use std::fs;"),
        ] {
            assert_eq!(impure(&[source(path, text)], &PURE), [], "{path}: {text}");
        }
    }
}
