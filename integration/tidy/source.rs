//! Reads the tree and turns Rust text into tokens, so that no rule is fooled by a comment, a string
//! or a line break.
//!
//! It is a scanner, not a parser: it knows comments (nested), strings (plain, byte, raw),
//! characters, lifetimes, words and `::`; every other character is a token by itself. It never
//! fails: text that is not Rust gives odd tokens, and the compiler says the rest.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One file of the tree.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Path from the root of the tree, with `/` between its parts.
    pub(super) path: String,
    pub(super) text: String,
}

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) path: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The root of the tree: where `Cargo.toml` is.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files under `folder` (from the root) whose names end as `wanted` says, in order of path.
pub(super) fn read_tree(folder: &str, wanted: fn(&str) -> bool) -> Vec<Source> {
    let mut found: Vec<Source> = paths(folder, wanted)
        .iter()
        .map(|path| Source {
            path: relative(path),
            text: read(path),
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Their paths from the root, as one finding each that has a character in it that a shell or a
/// person stumbles over.
pub(super) fn odd_paths() -> Vec<Finding> {
    paths("", |_| true)
        .iter()
        .map(|path| relative(path))
        .filter(|path| !is_plain(path))
        .map(|path| Finding {
            path,
            line: 1,
            what: "a path of letters, digits and ._-/@ is enough".to_owned(),
        })
        .collect()
}

fn is_plain(path: &str) -> bool {
    path.chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-/@".contains(c))
}

fn paths(folder: &str, wanted: fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(folder)];
    while let Some(next) = pending.pop() {
        let entries = fs::read_dir(&next).expect("the tree can be read");
        for entry in entries {
            let path = entry.expect("the tree can be read").path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            if path.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci";
                let is_foreign = name.starts_with("target") || name == "node_modules";
                let is_output = next == root() && ["out", "run"].contains(&name.as_str());
                if !hidden && !is_foreign && !is_output {
                    pending.push(path);
                }
            } else if wanted(&name) && !name.ends_with('~') {
                found.push(path);
            }
        }
    }
    found
}

fn relative(path: &Path) -> String {
    let inner = path.strip_prefix(root()).unwrap_or(path);
    let parts: Vec<_> = inner
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("the tree can be read")).into_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word or a number.
    Word,
    /// `::` or a single other character.
    Mark,
    /// A string or a character, without its contents.
    Literal,
    Lifetime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// Empty for a literal: its contents are nobody's business here.
    pub(super) text: &'a str,
    /// Where it starts, from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// A file as tokens, each marked as test code or not.
#[derive(Debug)]
pub(super) struct Scanned<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// For each token: does it belong to an item under `#[cfg(test)]` or `#[test]`?
    pub(super) in_test: Vec<bool>,
    /// Lines of the file that belong to such items.
    pub(super) test_lines: usize,
}

impl<'a> Scanned<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let tokens = tokens(text);
        let (in_test, test_lines) = mark_tests(&tokens);
        Self {
            tokens,
            in_test,
            test_lines,
        }
    }

    /// The token at `index`, or an empty mark past the end.
    pub(super) fn at(&self, index: usize) -> Token<'a> {
        at(&self.tokens, index)
    }
}

fn at<'a>(tokens: &[Token<'a>], index: usize) -> Token<'a> {
    let end = Token {
        kind: Kind::Mark,
        text: "",
        line: 0,
    };
    tokens.get(index).copied().unwrap_or(end)
}

/// The tokens of a Rust text, comments left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (size, kind) = token_at(rest, first);
        let (taken, after) = rest.split_at(size);
        match kind {
            None => {}
            Some(Kind::Literal) => found.push(Token {
                kind: Kind::Literal,
                text: "",
                line,
            }),
            Some(kind) => found.push(Token {
                kind,
                text: taken,
                line,
            }),
        }
        line += taken.matches('\n').count();
        rest = after;
    }
    found
}

/// The size in bytes of what `rest` starts with, and its kind; `None` for a comment or a space.
fn token_at(rest: &str, first: char) -> (usize, Option<Kind>) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (block_comment_size(rest), None);
    }
    if let Some(size) = string_size(rest) {
        return (size, Some(Kind::Literal));
    }
    if first == '\'' || rest.starts_with("b'") {
        return quote_size(rest);
    }
    if first == '_' || first.is_alphanumeric() {
        let start = if rest.starts_with("r#") { 2 } else { 0 };
        let word = rest[start..].find(|c: char| c != '_' && !c.is_alphanumeric());
        return (
            word.map_or(rest.len(), |size| start + size),
            Some(Kind::Word),
        );
    }
    if rest.starts_with("::") {
        return (2, Some(Kind::Mark));
    }
    (
        first.len_utf8(),
        (!first.is_whitespace()).then_some(Kind::Mark),
    )
}

/// Block comments nest.
fn block_comment_size(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut index) = (0_usize, 0);
    while index < bytes.len() {
        if bytes[index..].starts_with(b"/*") {
            depth += 1;
            index += 2;
        } else if bytes[index..].starts_with(b"*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    rest.len()
}

/// The size of a string literal with its prefix, or `None` if `rest` does not start with one.
fn string_size(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !matches!(c, 'r' | 'b' | 'c'))?;
    if prefix > 2 {
        return None;
    }
    let raw = rest[..prefix].contains('r');
    let hashes = rest[prefix..].find(|c| c != '#')?;
    if !rest[prefix + hashes..].starts_with('"') || (!raw && hashes > 0) {
        return None;
    }
    let start = prefix + hashes + 1;
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |at| start + at + end.len()),
        );
    }
    Some(start + escaped_size(&rest[start..], '"'))
}

/// How far to the closing `quote`, inclusive, past whatever a backslash protects.
fn escaped_size(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return index + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// A character (`'x'`, `'\''`, `b'x'`) or a lifetime (`'x`).
fn quote_size(rest: &str) -> (usize, Option<Kind>) {
    let start = if rest.starts_with('b') { 2 } else { 1 };
    let inner = &rest[start..];
    let mut chars = inner.chars();
    let first = chars.next();
    if first == Some('\\') || chars.next() == Some('\'') {
        return (start + escaped_size(inner, '\''), Some(Kind::Literal));
    }
    let name = inner
        .find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(inner.len());
    (start + name, Some(Kind::Lifetime))
}

/// Marks the items under `#[cfg(test)]`, `#[cfg(all(test, ...))]` and `#[test]`, and counts their
/// lines.
fn mark_tests(tokens: &[Token<'_>]) -> (Vec<bool>, usize) {
    let mut marks = vec![false; tokens.len()];
    let mut lines = 0;
    let mut index = 0;
    while index < tokens.len() {
        let Some((start, is_test)) = attribute(tokens, index) else {
            index += 1;
            continue;
        };
        let end = if is_test {
            item_end(tokens, start)
        } else {
            start
        };
        if is_test {
            marks[index..end].fill(true);
            lines += tokens[end - 1].line + 1 - tokens[index].line;
        }
        index = end;
    }
    (marks, lines)
}

/// If an attribute starts at `index`: the index after it, and whether it makes its item test code.
fn attribute(tokens: &[Token<'_>], index: usize) -> Option<(usize, bool)> {
    if !at(tokens, index).is("#") || !at(tokens, index + 1).is("[") {
        return None;
    }
    let end = matching(tokens, index + 1);
    let inner: String = tokens[index + 2..end - 1]
        .iter()
        .map(|token| token.text)
        .collect();
    let is_test = inner == "test" || inner == "cfg(test)" || inner.starts_with("cfg(all(test,");
    Some((end, is_test))
}

/// The index after the bracket that closes the one at `open`.
pub(super) fn matching(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, token) in tokens[open..].iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return open + offset + 1;
        }
    }
    tokens.len()
}

/// The index after the item, field or statement that starts at `index`, its further attributes
/// included.
fn item_end(tokens: &[Token<'_>], index: usize) -> usize {
    const ENDS_AT_BRACE: [&str; 9] = [
        "fn",
        "mod",
        "impl",
        "struct",
        "enum",
        "union",
        "trait",
        "macro_rules",
        "extern",
    ];
    let mut index = index;
    while let Some((next, _)) = attribute(tokens, index) {
        index = next;
    }
    let mut keyword = None;
    while index < tokens.len() {
        let token = tokens[index];
        if keyword.is_none() && !matches!(token.text, "pub" | "(" | "crate" | "super" | ")") {
            keyword = Some(token.text);
        }
        if ENDS_AT_BRACE.contains(&token.text) {
            keyword = Some(token.text);
        }
        let braced = keyword.is_some_and(|word| ENDS_AT_BRACE.contains(&word));
        match token.text {
            ";" => return index + 1,
            "," if !braced && keyword != Some("use") => return index + 1,
            "}" => return index,
            "{" if braced => return matching(tokens, index),
            "(" | "[" | "{" => index = matching(tokens, index),
            _ => index += 1,
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text)
            .iter()
            .filter(|t| t.kind == Kind::Word)
            .map(|t| t.text)
            .collect()
    }

    #[test]
    fn a_plain_path_is_letters_digits_and_few_marks() {
        assert!(is_plain("assets/web/style-1.2_b@2x.css"));
        for odd in ["\"/tmp\"/a.png", "a b.rs", "b\u{f6}se.md", "a:b", "a\\b"] {
            assert!(!is_plain(odd), "{odd}");
        }
    }

    #[test]
    fn comments_and_strings_hide_their_contents() {
        let sample = r####"
            // hidden { one
            /* hidden /* two */ still hidden */
            let a = "hidden \" { three"; let b = b"hidden";
            let c = r#"hidden " { four"#; let d = br##"hidden "# five"##; let e = c"hidden";
            let r#type = 1;
        "####;
        let expected = [
            "let", "a", "let", "b", "let", "c", "let", "d", "let", "e", "let", "r#type", "1",
        ];
        assert_eq!(words(sample), expected);
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        let sample = r"fn f<'a>(x: &'a str) { let q = ['{', '\'', '\u{7d}', b'}', 'é']; end }";
        let found = tokens(sample);
        let literals = found.iter().filter(|t| t.kind == Kind::Literal).count();
        let lifetimes = found.iter().filter(|t| t.kind == Kind::Lifetime).count();
        assert_eq!((literals, lifetimes), (5, 2));
        assert_eq!(found.iter().filter(|t| t.is("{") || t.is("}")).count(), 2);
        assert!(words(sample).contains(&"end"));
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let found = tokens("/* a\n b */ one\n\"x\ny\" two\n// c\nthree");
        let lines: Vec<_> = found
            .iter()
            .filter(|t| t.kind == Kind::Word)
            .map(|t| t.line)
            .collect();
        assert_eq!(lines, [2, 4, 6]);
    }

    #[test]
    fn unfinished_text_ends_without_panic() {
        for sample in [
            "\"open",
            "r#\"open",
            "/* open",
            "'",
            "b'",
            "fn f() { (",
            "#[cfg(test",
            "'\\",
        ] {
            let scanned = Scanned::new(sample);
            assert_eq!(scanned.tokens.len(), scanned.in_test.len());
        }
    }

    fn outside_tests(text: &str) -> Vec<&str> {
        let scanned = Scanned::new(text);
        let pairs = scanned.tokens.iter().zip(&scanned.in_test);
        pairs
            .filter(|(t, test)| t.kind == Kind::Word && !**test)
            .map(|(t, _)| t.text)
            .collect()
    }

    #[test]
    fn test_items_are_marked_and_nothing_else() {
        assert_eq!(
            outside_tests("fn a() {} #[cfg(test)] mod tests { fn b() {} } fn c() {}"),
            ["fn", "a", "fn", "c"]
        );
        assert_eq!(
            outside_tests("#[cfg(test)] mod tests; fn c() {}"),
            ["fn", "c"]
        );
        assert_eq!(
            outside_tests("#[cfg(test)] use x::{a, b}; fn c() {}"),
            ["fn", "c"]
        );
        assert_eq!(
            outside_tests("#[cfg(test)] pub(crate) const N: [u8; 2] = [1, 2]; one"),
            ["one"]
        );
        assert_eq!(
            outside_tests("#[test] #[ignore] fn a() { b(); } one"),
            ["one"]
        );
        assert_eq!(
            outside_tests("struct S { #[cfg(test)] a: u8, b: u8 }"),
            ["struct", "S", "b", "u8"]
        );
        assert_eq!(
            outside_tests("#[cfg(test)] fn a<A, B>(x: [u8; 2]) {} one"),
            ["one"]
        );
        assert_eq!(
            outside_tests("#[cfg(not(test))] fn a() {}"),
            ["cfg", "not", "test", "fn", "a"]
        );
        assert_eq!(
            outside_tests("#[cfg(all(test, unix))] impl A { fn b() {} } one"),
            ["one"]
        );
    }

    #[test]
    fn test_lines_are_counted_with_their_attribute() {
        assert_eq!(
            Scanned::new("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    x\n}\n").test_lines,
            4
        );
        assert_eq!(Scanned::new("fn a() {}\n").test_lines, 0);
    }

    #[test]
    fn the_tree_is_found() {
        let sources = read_tree("src", |name| name.ends_with(".rs"));
        assert!(sources.iter().any(|source| source.path == "src/lib.rs"));
        assert!(
            sources
                .iter()
                .any(|source| source.path == "src/bin/client.rs")
        );
    }
}
