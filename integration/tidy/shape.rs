//! The size of things, and texts that have no place in the tree.

use super::modules::place_of;
use super::source::{Finding, Kind, Scanned, Source, matching};

fn finding(source: &Source, line: usize, what: String) -> Finding {
    Finding {
        path: source.path.clone(),
        line,
        what,
    }
}

/// Files with more than `limit` lines outside their tests. A file of tests is exempt.
pub(super) fn long_files(sources: &[Source], limit: usize) -> Vec<Finding> {
    let code = sources
        .iter()
        .filter(|source| !place_of(&source.path).is_test);
    code.filter_map(|source| {
        let lines = source.text.lines().count() - Scanned::new(&source.text).test_lines;
        (lines > limit).then(|| {
            finding(
                source,
                1,
                format!("{lines} lines without tests, limit {limit}"),
            )
        })
    })
    .collect()
}

/// Functions, of tests too, that take more than `limit` lines from `fn` to the closing brace.
pub(super) fn long_functions(sources: &[Source], limit: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (name, line, lines) in functions(&Scanned::new(&source.text)) {
            if lines > limit {
                let what = format!("function `{name}` takes {lines} lines, limit {limit}");
                findings.push(finding(source, line, what));
            }
        }
    }
    findings
}

/// Name, first line and count of lines of every function with a body, nested ones too.
fn functions<'a>(scanned: &Scanned<'a>) -> Vec<(&'a str, usize, usize)> {
    let mut found = Vec::new();
    for (index, token) in scanned.tokens.iter().enumerate() {
        // `fn(u8)` is a type; `fn $name` stands in a macro.
        let name = scanned.at(index + 1);
        if !token.is("fn") || name.is("(") {
            continue;
        }
        if let Some(open) = body(scanned, index + 1) {
            let close = matching(&scanned.tokens, open) - 1;
            found.push((
                name.text,
                token.line,
                scanned.at(close).line + 1 - token.line,
            ));
        }
    }
    found
}

/// The brace that opens the body of the function whose name is at `index`; `None` without a body.
fn body(scanned: &Scanned<'_>, index: usize) -> Option<usize> {
    let mut index = index;
    loop {
        match scanned.at(index).text {
            "{" => return Some(index),
            "(" | "[" => index = matching(&scanned.tokens, index),
            ";" | "}" => return None,
            _ if index >= scanned.tokens.len() => return None,
            _ => index += 1,
        }
    }
}

/// Lines wider than `limit` columns.
pub(super) fn wide_lines(sources: &[Source], limit: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > limit {
                findings.push(finding(
                    source,
                    index + 1,
                    format!("{columns} columns, limit {limit}"),
                ));
            }
        }
    }
    findings
}

/// Macros that mean "not finished", anywhere; `.unwrap()` outside tests; `#[allow]`, which outlives
/// its cause where `#[expect]` does not.
pub(super) fn banned_calls(sources: &[Source], macros: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let test_file = place_of(&source.path).is_test;
        let scanned = Scanned::new(&source.text);
        for (index, token) in scanned.tokens.iter().enumerate() {
            let next = |text: &str| scanned.at(index + 1).is(text);
            let before = |text: &str| index > 0 && scanned.at(index - 1).is(text);
            let test = test_file || scanned.in_test[index];
            let what = match token.text {
                name if token.kind == Kind::Word && macros.contains(&name) && next("!") => {
                    format!("`{name}!` is not finished work")
                }
                "unwrap" if !test && before(".") && next("(") => {
                    "`.unwrap()` outside tests: return an error, or `expect` with a reason"
                        .to_owned()
                }
                "allow" if before("[") && next("(") => {
                    "`#[allow]`: use `#[expect(lint, reason = \"...\")]`".to_owned()
                }
                _ => continue,
            };
            findings.push(finding(source, token.line, what));
        }
    }
    findings
}

/// Lines that contain one of `texts`, in code, comments and strings alike.
pub(super) fn banned_texts(sources: &[Source], texts: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            for (text, why) in texts.iter().filter(|(text, _)| line.contains(text)) {
                findings.push(finding(source, index + 1, format!("`{text}`: {why}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_file_is_measured_without_its_tests() {
        let long = "fn a() {}\n".repeat(6);
        let tested = format!(
            "{}#[cfg(test)]\nmod tests {{\n{long}}}\n",
            "fn a() {}\n".repeat(5)
        );
        assert_eq!(long_files(&[source("src/a.rs", &long)], 5).len(), 1);
        assert_eq!(long_files(&[source("src/a.rs", &long)], 6), []);
        assert_eq!(long_files(&[source("src/a.rs", &tested)], 5), []);
        assert_eq!(long_files(&[source("src/a.rs", &tested)], 4).len(), 1);
        assert_eq!(long_files(&[source("src/a/tests.rs", &long)], 5), []);
    }

    #[test]
    fn code_after_an_early_test_item_still_counts() {
        let text = format!("#[cfg(test)]\nuse x::y;\n{}", "fn a() {}\n".repeat(6));
        assert_eq!(long_files(&[source("src/a.rs", &text)], 5).len(), 1);
    }

    fn sizes(text: &str) -> Vec<(&str, usize, usize)> {
        functions(&Scanned::new(text))
    }

    #[test]
    fn functions_are_measured_brace_to_brace() {
        assert_eq!(sizes("fn a() {}"), [("a", 1, 1)]);
        assert_eq!(
            sizes("\nfn a()\nwhere\n    X: Y,\n{\n    b();\n}\n"),
            [("a", 2, 6)]
        );
        assert_eq!(sizes("fn a(x: [u8; 4]) -> [u8; 4] {\n x }"), [("a", 1, 2)]);
        assert_eq!(
            sizes("fn a() {\n let s = \"}\"; let c = '}'; // }\n /* } */\n}"),
            [("a", 1, 4)]
        );
        assert_eq!(
            sizes("fn a() {\n fn b() {\n }\n}"),
            [("a", 1, 4), ("b", 2, 2)]
        );
        assert_eq!(
            sizes("trait T { fn a(&self); fn b() {} } type F = fn(u8) -> u8;"),
            [("b", 1, 1)]
        );
        assert_eq!(
            sizes("fn a() { if x { y } else { z } }\nfn c() {\n}"),
            [("a", 1, 1), ("c", 2, 2)]
        );
        assert_eq!(sizes("fn unfinished("), []);
    }

    #[test]
    fn a_function_passes_at_the_limit_and_not_above() {
        let file = [source("src/a.rs", "fn a() {\n    b();\n}\n")];
        assert_eq!(long_functions(&file, 3), []);
        let found = long_functions(&file, 2);
        assert_eq!(
            found[0].to_string(),
            "src/a.rs:1: function `a` takes 3 lines, limit 2"
        );
    }

    #[test]
    fn width_is_counted_in_characters() {
        assert_eq!(wide_lines(&[source("src/a.rs", "ééééé\nabcde")], 5), []);
        assert_eq!(
            wide_lines(&[source("src/a.rs", "abcde\nabcdef")], 5)[0].line,
            2
        );
    }

    fn calls(path: &str, text: &str) -> usize {
        banned_calls(&[source(path, text)], &["todo"]).len()
    }

    #[test]
    fn unfinished_work_and_loose_ends_are_found() {
        assert_eq!(calls("src/a.rs", "fn a() { todo!() }"), 1);
        assert_eq!(calls("src/a.rs", "#[test] fn a() { todo!() }"), 1);
        assert_eq!(calls("src/a.rs", "fn a() { b()\n.unwrap() }"), 1);
        assert_eq!(
            calls(
                "src/a.rs",
                "#![allow(x)] #[allow(y, reason = \"z\")] fn a() {}"
            ),
            2
        );
    }

    #[test]
    fn what_only_looks_like_it_passes() {
        let text = "// todo!() .unwrap()\nfn todo() { \"todo!()\"; a.unwrap_or(1); b.allow(c); }";
        assert_eq!(calls("src/a.rs", text), 0);
        assert_eq!(
            calls(
                "src/a.rs",
                "#[cfg(test)] mod tests { fn a() { b.unwrap() } }"
            ),
            0
        );
        assert_eq!(calls("src/a/tests.rs", "fn a() { b.unwrap() }"), 0);
        assert_eq!(
            calls("src/a.rs", "#[expect(x, reason = \"y\")] fn a() {}"),
            0
        );
    }

    #[test]
    fn texts_are_found_in_comments_and_strings() {
        let file = [source(
            "src/a.rs",
            "// see NOWHERE/x\nlet s = \"NOWHERE/y\";\nlet t = 1;",
        )];
        let lines: Vec<_> = banned_texts(&file, &[("NOWHERE/", "why")])
            .iter()
            .map(|found| found.line)
            .collect();
        assert_eq!(lines, [1, 2]);
    }
}
