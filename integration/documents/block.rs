//! The `console` blocks of a document: commands, and what is shown after each.

const FENCE: &str = "```";
const CONSOLE: &str = "```console";
const PROMPT: &str = "$ ";
const MARK: (&str, &str) = ("<!-- not run: ", " -->");

/// A `console` block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// A comment before it says why it is not run.
    pub(super) not_run: bool,
    /// Its commands, in order; at least one.
    pub(super) steps: Vec<Step>,
}

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Where it stands; the first line of the document is 1.
    pub(super) line: usize,
    /// Without prompt and comment.
    pub(super) command: String,
    /// The lines after it that are not empty.
    pub(super) shown: Vec<String>,
}

/// All `console` blocks of a document, or the line that is wrong and why.
pub(super) fn read(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim() == CONSOLE {
            let inside: Vec<_> = lines
                .by_ref()
                .take_while(|(_, line)| line.trim() != FENCE)
                .collect();
            let steps = steps(&inside)?;
            if steps.is_empty() {
                return Err(format!("{number}: a console block without a command"));
            }
            let not_run = is_marked(before);
            blocks.push(Block { not_run, steps });
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    Ok(blocks)
}

fn is_marked(before: &str) -> bool {
    let reason = before.trim().strip_prefix(MARK.0);
    let reason = reason.and_then(|rest| rest.strip_suffix(MARK.1));
    reason.is_some_and(|reason| !reason.trim().is_empty())
}

fn steps(inside: &[(usize, &str)]) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in inside {
        if let Some(command) = line.strip_prefix(PROMPT) {
            let command = command.split(" #").next().unwrap_or_default();
            steps.push(Step {
                line: *number,
                command: command.trim().to_owned(),
                shown: Vec::new(),
            });
        } else if !line.trim().is_empty() {
            let Some(step) = steps.last_mut() else {
                return Err(format!("{number}: shown before any command"));
            };
            step.shown.push((*line).to_owned());
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_lines_comments_and_what_is_shown() {
        let text = "a\n```console\n$ one x  # why\nsaid\n\n$ two\n```\n```sh\n$ no\n```\n";
        let blocks = read(text).expect("it is right");
        assert_eq!(blocks.len(), 1);
        assert!(!blocks[0].not_run);
        let step = |line, command: &str, shown: &[&str]| Step {
            line,
            command: command.into(),
            shown: shown.iter().map(|line| (*line).to_owned()).collect(),
        };
        let expected = [step(3, "one x", &["said"]), step(6, "two", &[])];
        assert_eq!(blocks[0].steps, expected);
    }

    #[test]
    fn only_a_mark_with_a_reason_right_before_the_block_keeps_it_from_running() {
        let block = "```console\n$ one\n```\n";
        for (before, not_run) in [
            ("<!-- not run: builds -->\n", true),
            ("<!-- not run: builds -->\n\n", true),
            ("<!-- not run:  -->\n", false),
            ("<!-- not run: builds -->\nMore.\n", false),
            ("<!-- not run -->\n", false),
        ] {
            let blocks = read(&format!("{before}{block}{block}")).expect("it is right");
            assert_eq!(blocks[0].not_run, not_run, "{before}");
            assert!(!blocks[1].not_run, "{before}");
        }
    }

    #[test]
    fn blocks_that_run_nothing_are_refused() {
        assert!(read("```console\n```\n").is_err());
        assert!(read("```console\nsaid\n$ one\n```\n").is_err());
    }
}
