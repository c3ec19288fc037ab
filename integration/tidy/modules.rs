//! Which module a file is, and which files no module declares.

use std::collections::BTreeSet;

use super::source::{Finding, Scanned, Source};

/// Where a file stands in the crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The path of its module from the crate's root; empty for a root.
    pub(super) module: Vec<String>,
    /// The first part under `src`; `None` for `lib.rs`, the root of the library.
    pub(super) folder: Option<String>,
    /// Part of a binary, a crate of its own.
    pub(super) is_binary: bool,
    /// A file that holds tests only: `tests.rs`, or anything in a folder `tests`.
    pub(super) is_test: bool,
}

/// The place of a path such as `src/proto/packet.rs`.
pub(super) fn place_of(path: &str) -> Place {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let stem = inner.strip_suffix(".rs").unwrap_or(inner);
    let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
    let is_binary = module[0] == "bin" || stem == "main";
    let is_test = module.iter().any(|part| part == "tests");
    let folder = match stem {
        "lib" => None,
        "main" => Some("bin".to_owned()),
        _ => Some(module[0].clone()),
    };
    if matches!(
        module.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        module.pop();
    }
    if module.first().is_some_and(|first| first == "bin") {
        module.drain(..module.len().min(2));
    }
    Place {
        module,
        folder,
        is_binary,
        is_test,
    }
}

/// Files under `src` that no `mod` reaches from `lib.rs`, `main.rs` or a program in `bin`.
pub(super) fn dead_files(sources: &[Source]) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<&Source> = sources
        .iter()
        .filter(|source| is_root(&source.path))
        .collect();
    let mut findings = Vec::new();
    while let Some(source) = pending.pop() {
        if !reached.insert(source.path.as_str()) {
            continue;
        }
        let scanned = Scanned::new(&source.text);
        for candidates in declared(source, &scanned) {
            pending.extend(
                sources
                    .iter()
                    .filter(|other| candidates.contains(&other.path)),
            );
        }
        findings.extend(relocated(source, &scanned));
    }
    let dead = sources
        .iter()
        .filter(|source| !reached.contains(source.path.as_str()));
    findings.extend(dead.map(|source| Finding {
        path: source.path.clone(),
        line: 1,
        what: "no `mod` declares this file".to_owned(),
    }));
    findings
}

fn is_root(path: &str) -> bool {
    let in_bin = path.strip_prefix("src/bin/");
    let program = in_bin.is_some_and(|rest| !rest.contains('/') || rest.ends_with("/main.rs"));
    matches!(path, "src/lib.rs" | "src/main.rs") || program
}

/// For each `mod name;` of a file: the two paths where the module may be.
fn declared(source: &Source, scanned: &Scanned<'_>) -> Vec<[String; 2]> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let owns_folder = file == "mod.rs" || is_root(&source.path);
    let base = match file.strip_suffix(".rs") {
        Some(stem) if !owns_folder => format!("{folder}/{stem}"),
        _ => folder.to_owned(),
    };
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut inline: Vec<(usize, &str)> = Vec::new();
    for index in 0..scanned.tokens.len() {
        let is_mod = index > 0 && scanned.at(index - 1).is("mod");
        let name = scanned.at(index).text;
        match scanned.at(index + 1).text {
            ";" if is_mod => {
                let parts: Vec<_> = inline.iter().map(|(_, name)| *name).chain([name]).collect();
                let path = format!("{base}/{}", parts.join("/"));
                found.push([format!("{path}.rs"), format!("{path}/mod.rs")]);
            }
            "{" if is_mod => inline.push((depth + 1, name)),
            _ => {}
        }
        match name {
            "{" => depth += 1,
            "}" => {
                inline.retain(|(opened, _)| *opened != depth);
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    found
}

/// `#[path]` would let a module be anywhere, and this check see nothing.
fn relocated(source: &Source, scanned: &Scanned<'_>) -> Option<Finding> {
    let opens = |index: usize| scanned.at(index).is("[") && scanned.at(index + 1).is("path");
    let index =
        (0..scanned.tokens.len()).find(|&index| opens(index) && scanned.at(index + 2).is("="))?;
    Some(Finding {
        path: source.path.clone(),
        line: scanned.at(index).line,
        what: "`#[path]` hides where a module is".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str) -> String {
        place_of(path).module.join("::")
    }

    #[test]
    fn a_path_gives_its_module_and_folder() {
        assert_eq!(module("src/lib.rs"), "");
        assert_eq!(module("src/time.rs"), "time");
        assert_eq!(module("src/proto/mod.rs"), "proto");
        assert_eq!(
            module("src/actors/election/round.rs"),
            "actors::election::round"
        );
        assert_eq!(module("src/bin/client.rs"), "");
        assert_eq!(module("src/bin/client/args.rs"), "args");
        assert_eq!(place_of("src/lib.rs").folder, None);
        assert_eq!(place_of("src/time.rs").folder.as_deref(), Some("time"));
        assert_eq!(place_of("src/bin/client.rs").folder.as_deref(), Some("bin"));
        assert!(place_of("src/bin/client.rs").is_binary);
        assert!(place_of("src/proto/codec/tests.rs").is_test);
        assert!(place_of("src/sim/tests/loss.rs").is_test);
        assert!(!place_of("src/sim/world.rs").is_test);
    }

    fn tree(files: &[(&str, &str)]) -> Vec<Source> {
        let source = |(path, text): &(&str, &str)| Source {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        files.iter().map(source).collect()
    }

    fn dead(files: &[(&str, &str)]) -> Vec<String> {
        dead_files(&tree(files))
            .into_iter()
            .map(|finding| finding.path)
            .collect()
    }

    #[test]
    fn a_tree_that_is_declared_whole_passes() {
        assert_eq!(
            dead(&[
                ("src/lib.rs", "pub mod a; mod b { mod c; }"),
                ("src/a/mod.rs", "mod d;"),
                ("src/a/d.rs", "#[cfg(test)] mod tests;"),
                ("src/a/d/tests.rs", ""),
                ("src/b/c.rs", ""),
                ("src/bin/client.rs", "mod args;"),
                ("src/bin/node/main.rs", "mod flags;"),
                ("src/bin/node/flags.rs", ""),
            ]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn files_nobody_declares_are_found() {
        assert_eq!(
            dead(&[("src/lib.rs", "// mod a;"), ("src/a.rs", "")]),
            ["src/a.rs"]
        );
        let nested = [
            ("src/lib.rs", "mod a;"),
            ("src/a.rs", "mod b;"),
            ("src/b.rs", ""),
        ];
        assert_eq!(dead(&nested), ["src/b.rs"]);
        let unreached = [
            ("src/lib.rs", ""),
            ("src/a.rs", "mod b;"),
            ("src/a/b.rs", ""),
        ];
        assert_eq!(dead(&unreached), ["src/a.rs", "src/a/b.rs"]);
    }

    #[test]
    fn a_relocated_module_is_found() {
        let files = tree(&[("src/lib.rs", "\n#[path = \"elsewhere.rs\"] mod a;")]);
        assert_eq!(
            dead_files(&files)[0].to_string(),
            "src/lib.rs:2: `#[path]` hides where a module is"
        );
    }
}
