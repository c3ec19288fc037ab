//! Fills the keys of servers into configuration files, in place. Nothing else of a file changes:
//! comments, order and spaces stay as their writer left them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::proto::identity::PublicKey;

/// Why a key is not filled in. Nothing of the file is changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FillError {
    /// The file is no TOML.
    #[error("{0}")]
    NoToml(String),
    /// The file lists servers in a way that cannot be edited, or a server without a number.
    #[error("each server needs [[server]] with `id`")]
    NoList,
    /// Another key is there already.
    #[error("server {id} has the key {there} already, not {wanted}")]
    Other {
        /// The server.
        id: u8,
        /// What the file says.
        there: String,
        /// What was to be filled in.
        wanted: PublicKey,
    },
}

/// The server that a file configures: its number and its folder, as far as the file says.
///
/// # Errors
/// If it is no TOML.
pub fn own(text: &str) -> Result<(Option<u8>, Option<PathBuf>), FillError> {
    let table = parse(text)?;
    let id = table.get("id").and_then(number);
    let data = table.get("data").and_then(|data| data.get_ref().as_str());
    Ok((id, data.map(PathBuf::from)))
}

/// The file with these keys filled in, where the servers are listed. A server that is not among
/// them, or is not listed, is left alone.
///
/// # Errors
/// If the list cannot be read, or has another key for one of them.
pub fn fill(text: &str, keys: &BTreeMap<u8, PublicKey>) -> Result<String, FillError> {
    let mut edits = edits(text, keys)?;
    // From the end, so that what is before stays where it is.
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut filled = text.to_owned();
    for (span, value) in edits {
        filled.replace_range(span, &value);
    }
    // A list may be written in more ways than are known here; then nothing is changed.
    match self::edits(&filled, keys) {
        Ok(left) if left.is_empty() => Ok(filled),
        _ => Err(FillError::NoList),
    }
}

/// The keys that are not there yet, each with what it takes the place of.
fn edits(
    text: &str,
    keys: &BTreeMap<u8, PublicKey>,
) -> Result<Vec<(Range<usize>, String)>, FillError> {
    let table = parse(text)?;
    let mut edits = Vec::new();
    let listed = match table.get("server").map(Spanned::get_ref) {
        Some(DeValue::Array(listed)) => listed.iter(),
        Some(_) => return Err(FillError::NoList),
        None => return Ok(edits),
    };
    for server in listed {
        let DeValue::Table(server) = server.get_ref() else {
            return Err(FillError::NoList);
        };
        let id = server.get("id").and_then(number);
        let id = id.ok_or(FillError::NoList)?;
        let Some(&wanted) = keys.get(&id) else {
            continue;
        };
        match server.get("key").map(|key| (key, key.get_ref().as_str())) {
            Some((key, Some(""))) => edits.push((key.span(), quoted(wanted))),
            Some((_, Some(text))) if text.parse() == Ok(wanted) => {}
            Some((_, Some(text))) => {
                let there = text.to_owned();
                return Err(FillError::Other { id, there, wanted });
            }
            Some((_, None)) => return Err(FillError::NoList),
            None => edits.push(addition(text, server, wanted)),
        }
    }
    Ok(edits)
}

fn parse(text: &str) -> Result<DeTable<'_>, FillError> {
    match DeTable::parse(text) {
        Ok(table) => Ok(table.into_inner()),
        Err(error) => Err(FillError::NoToml(error.message().to_owned())),
    }
}

fn number(value: &Spanned<DeValue<'_>>) -> Option<u8> {
    value.get_ref().as_integer()?.as_str().parse().ok()
}

fn quoted(key: PublicKey) -> String {
    format!("\"{key}\"")
}

/// A key behind the last value of a server that has none, on a line of its own unless the server
/// is written in one line.
fn addition(text: &str, server: &DeTable<'_>, key: PublicKey) -> (Range<usize>, String) {
    let ends = server.values().map(|value| value.span().end);
    let end = ends.max().unwrap_or_default();
    let line = text[..end].rfind('\n').map_or(0, |at| at + 1);
    let indent: String = text[line..].chars().take_while(|c| *c == ' ').collect();
    let added = if text[line..end].contains('{') {
        format!(", key = {}", quoted(key))
    } else {
        format!("\n{indent}key = {}", quoted(key))
    };
    (end..end, added)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# Ours.
id = 1
data = \"d\"   # here

[[server]]
id = 1
key = \"\"  # keygen
peers = \"a\"

[[server]]
  id = 2
  peers = \"b\"  # no key
";

    fn keys() -> BTreeMap<u8, PublicKey> {
        BTreeMap::from([(1, PublicKey([1; 32])), (2, PublicKey([2; 32]))])
    }

    #[test]
    fn keys_are_filled_in_and_nothing_else_changes() {
        let filled = fill(FILE, &keys()).expect("fills");
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let expected = FILE
            .replace("key = \"\"", &format!("key = \"{one}\""))
            .replace("\"b\"", &format!("\"b\"\n  key = \"{two}\""));
        assert_eq!(filled, expected);
        assert_eq!(
            fill(&filled, &keys()).as_ref(),
            Ok(&filled),
            "once is enough"
        );
        let one_only = BTreeMap::from([(1, PublicKey([1; 32]))]);
        assert!(!fill(FILE, &one_only).expect("fills").contains(&two));
    }

    #[test]
    fn servers_in_one_line_are_filled_in_as_well() {
        let text = "server = [{ id = 1, peers = \"a\" }, { id = 2, key = \"\" }]\n";
        let filled = fill(text, &keys()).expect("fills");
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let expected = text
            .replace("\"a\"", &format!("\"a\", key = \"{one}\""))
            .replace("\"\" ", &format!("\"{two}\" "));
        assert_eq!(filled, expected);
    }

    #[test]
    fn another_key_is_never_replaced() {
        let other = "0a".repeat(32);
        let text = FILE.replace("key = \"\"", &format!("key = \"{other}\""));
        let wanted = PublicKey([1; 32]);
        let there = other;
        let error = FillError::Other {
            id: 1,
            there,
            wanted,
        };
        assert_eq!(fill(&text, &keys()), Err(error));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_refused() {
        assert_eq!(fill("server = 3\n", &keys()), Err(FillError::NoList));
        assert_eq!(fill("server = [3]\n", &keys()), Err(FillError::NoList));
        assert_eq!(fill("[[server]]\n", &keys()), Err(FillError::NoList));
        assert!(matches!(fill("id = ", &keys()), Err(FillError::NoToml(_))));
        assert_eq!(fill("id = 1\n", &keys()), Ok("id = 1\n".to_owned()));
    }

    #[test]
    fn what_cannot_be_filled_in_stays_as_it_is() {
        for text in [
            "[[server]]\nid = 1\n[server.key]\nx = 1\n",
            "[[server]]\nid = 1\n[server.more]\nx = 1\n",
            "[[server]]\nid = 1\npeers = \"{\"\n",
            "[[server]]\nid = 1\nkey = 3\n",
        ] {
            assert_eq!(fill(text, &keys()), Err(FillError::NoList), "{text}");
        }
    }

    #[test]
    fn a_file_tells_its_own_server() {
        assert_eq!(own(FILE), Ok((Some(1), Some("d".into()))));
        assert_eq!(own("name = \"a\"\n"), Ok((None, None)));
    }
}
