//! What other programs want to know of this one's grammar: completions for shells, manual pages.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use serde_json::json;

use super::args::Arguments;
use super::failure::{self, Ended};
use super::output::{self, Output};

/// Prints the completions of a shell.
///
/// # Errors
/// None; the form is that of all commands.
pub fn completions(shell: clap_complete::Shell) -> Ended {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "pentimento", &mut script);
    output::print(&String::from_utf8_lossy(&script));
    Ok(0)
}

/// Writes one manual page for each command into a folder.
///
/// # Errors
/// If the folder cannot be written.
pub fn man(output: Output, folder: &Path) -> Ended {
    fs::create_dir_all(folder).map_err(|error| failure::file(folder, &error))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|error| failure::file(folder, &error))?;
    let pages = fs::read_dir(folder)
        .map_err(|error| failure::file(folder, &error))?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "1"))
        .count();
    let shown = folder.display().to_string();
    output.line(
        format!("{pages} pages in {shown}; read one with `man -l {shown}/pentimento.1`"),
        json!({ "folder": shown, "pages": pages }),
    );
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_a_script() {
        let folder = tempfile::tempdir().expect("folder");
        let output = Output {
            json: true,
            quiet: true,
        };
        assert_eq!(man(output, folder.path()), Ok(0));
        for page in [
            "pentimento.1",
            "pentimento-share.1",
            "pentimento-lease-add.1",
        ] {
            let text = fs::read_to_string(folder.path().join(page)).expect(page);
            assert!(text.contains(".SH SYNOPSIS"), "{page}");
        }
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh] {
            let mut script = Vec::new();
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "pentimento", &mut script);
            assert!(
                String::from_utf8_lossy(&script).contains("lease"),
                "{shell}"
            );
        }
    }
}
