//! Whether a command printed what a document shows, but for figures.

/// Units of figures: a time of one run is `980 ms`, of the next `1.1 s`.
const UNITS: [&str; 10] = ["ns", "µs", "ms", "s", "min", "B", "kB", "MB", "GB", "%"];
/// Shorter words of these letters are more likely words than figures.
const HEX_LETTERS_MIN: usize = 6;
const FIGURE: char = '#';

/// Whether `said` is what is shown. A shown line `...` or one in parentheses stands for any number
/// of lines. Empty lines do not count.
pub(super) fn matches(shown: &[&str], said: &str) -> bool {
    let said: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines_match(shown, &said)
}

fn lines_match(shown: &[&str], said: &[&str]) -> bool {
    let Some((first, rest)) = shown.split_first() else {
        return said.is_empty();
    };
    if stands_for_any(first) {
        return (0..=said.len()).any(|skipped| lines_match(rest, &said[skipped..]));
    }
    said.split_first()
        .is_some_and(|(line, after)| same(first, line) && lines_match(rest, after))
}

fn stands_for_any(line: &str) -> bool {
    let line = line.trim();
    line == "..." || (line.starts_with('(') && line.ends_with(')'))
}

/// Whether two lines differ in nothing but figures, ids, times, sizes, ports, paths from
/// the root and spaces.
pub(super) fn same(shown: &str, said: &str) -> bool {
    shape(shown) == shape(said)
}

/// The words of a line, with a sign for each figure and without units.
fn shape(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_end_matches([',', ';', '.', ']']);
        let after_figure = words.last().is_some_and(|last| last.ends_with(FIGURE));
        if after_figure && UNITS.contains(&bare) {
            if let Some(last) = words.last_mut() {
                last.push_str(&word[bare.len()..]);
            }
        } else {
            words.push(shape_of_word(word));
        }
    }
    words
}

fn shape_of_word(word: &str) -> String {
    if word.starts_with('/') || word.starts_with("~/") {
        return "~".to_owned();
    }
    let mut shape = String::new();
    let mut run = String::new();
    // What is left out of an id is part of the id.
    for c in word.replace("...", "").chars().chain(['\0']) {
        if c.is_alphanumeric() {
            run.push(c);
            continue;
        }
        shape.push_str(if is_figure(&run) { "#" } else { &run });
        run.clear();
        shape.push(c);
    }
    shape.pop();
    for joined in ["#.#", "#:#"] {
        while shape.contains(joined) {
            shape = shape.replace(joined, "#");
        }
    }
    shape
}

fn is_figure(run: &str) -> bool {
    let hex = run.chars().all(|c| c.is_ascii_hexdigit());
    run.contains(|c: char| c.is_ascii_digit()) || (hex && run.len() >= HEX_LETTERS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_ids_times_and_addresses_may_differ() {
        for (shown, said) in [
            ("@alice is 31efce75", "@alice is deadbeef"),
            ("total 124.3 ms on n3", "total 1.2 s on n1"),
            (
                "hiding 95.7 ms, download 2 ms;",
                "hiding 1.1 s, download 22.7 ms;",
            ),
            ("home: ~/.local/x", "home: /a/b/.local/x"),
            ("n1  up   127.0.0.1:37386", "n1 up 127.0.0.1:1"),
            (
                "gallery: http://127.0.0.1:46353/s/5bd0.../",
                "gallery: http://127.0.0.1:1/s/58f8b56579b237/",
            ),
        ] {
            assert!(same(shown, said), "{:?} {:?}", shape(shown), shape(said));
        }
    }

    #[test]
    fn words_may_not_differ() {
        for (shown, said) in [
            ("2 looks, delivered", "2 looks, kept"),
            ("n1 up", "n1 failing"),
            ("@alice is 31efce75", "@bob is 31efce75"),
            ("look 1 counted, 1 left", "look 1 counted"),
            ("total 3 ms", "total"),
            ("planned failures are on", "planned failures are off"),
            ("cover-0.png", "cover-0.jpg"),
            ("home: ~/x", "home: x"),
        ] {
            assert!(!same(shown, said), "{shown}");
        }
    }

    #[test]
    fn lines_follow_one_another_and_gaps_are_shown() {
        let said = "one 1\n\ntwo 2\nthree 3\n";
        assert!(matches(&["one 7", "two 7", "three 7"], said));
        assert!(matches(&["one 7", "..."], said));
        assert!(matches(&["(the first)", "three 7"], said));
        assert!(matches(&["one 7", "two 7", "...", "three 7"], said));
        assert!(!matches(&["one 7", "three 7"], said));
        assert!(!matches(&["one 7", "two 7"], said));
        assert!(!matches(&["two 7", "..."], said));
        assert!(!matches(&["...", "four 7"], said));
    }
}
