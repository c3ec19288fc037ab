//! Many files in one go: each is done in turn, and one that fails does not stop the others.

use std::fs;
use std::path::{Path, PathBuf};

use super::Person;
use crate::cli::failure::{self, Ended};
use crate::proto::control::Failure;

/// Paths in one list.
const LIST_MAX: usize = 100_000;

impl Person {
    /// Hides every file, one after the other. The exit code is that of the worst end.
    pub(super) fn hide_all(
        &self,
        files: &[PathBuf],
        list: Option<&Path>,
        output: Option<PathBuf>,
        mut hide: impl FnMut(&Path, Option<PathBuf>) -> Ended,
    ) -> Ended {
        let listed = list.map(paths).transpose()?;
        let files = listed.as_deref().unwrap_or(files);
        if let [file] = files {
            return hide(file, output);
        }
        if output.is_some() {
            return Err(failure::usage(
                format!("-o names one picture, and there are {} files", files.len()),
                "leave it out; each picture goes beside its file",
            ));
        }
        let mut worst = 0;
        for file in files {
            let code = match hide(file, None) {
                Ok(code) => code,
                Err(failed) => {
                    let named = named(file, failed);
                    let code = named.reason.exit_code();
                    let _ = failure::report(&named, self.output.json);
                    code
                }
            };
            worst = worst.max(code);
        }
        Ok(worst)
    }
}

/// The failure of one of many files says which one it is.
fn named(file: &Path, failure: Failure) -> Failure {
    let file = file.display().to_string();
    if failure.message.contains(&file) {
        return failure;
    }
    Failure {
        message: format!("{file}: {}", failure.message),
        ..failure
    }
}

/// The paths of a list. Relative ones begin at the folder of the list.
fn paths(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let text = fs::read_to_string(list).map_err(|error| failure::file(list, &error))?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let found: Vec<PathBuf> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| folder.join(line))
        .collect();
    let refuse = |message| {
        let hint = "one path a line; lines that begin with # are remarks";
        Err(failure::usage(message, hint))
    };
    match found.len() {
        0 => refuse(format!("{} names no file", list.display())),
        1..=LIST_MAX => Ok(found),
        _ => refuse(format!(
            "{} names more than {LIST_MAX} files",
            list.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_path_a_line_and_remarks() {
        let folder = tempfile::tempdir().expect("folder");
        let list = folder.path().join("list.txt");
        fs::write(&list, "# mine\n a b.png \r\n\n/etc/c.jpg\n").expect("writes");
        let expected = [folder.path().join("a b.png"), "/etc/c.jpg".into()];
        assert_eq!(paths(&list), Ok(expected.to_vec()));
        fs::write(&list, "# nothing\n").expect("writes");
        assert!(paths(&list).is_err());
    }
}
