//! Totals of many seeds in a file, so that a run of hours goes on where it was interrupted.
//!
//! All seeds of a file are of one build of the program and of one kind, one after the other.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::report::commit;
use crate::proto::control::{Failure, Reason};
use crate::sim::tally::Tally;

/// What the seeds so far came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Totals {
    /// Digest of the program.
    program: String,
    /// The commit of the tree that it was built in when the file was begun, if it is known.
    commit: Option<String>,
    /// Which runs.
    kind: String,
    /// The first seed.
    from: u64,
    /// The next one.
    pub(super) next: u64,
    /// Seeds in which something did not hold.
    pub(super) broken: u64,
    /// How to replay the first of them.
    #[serde(default)]
    pub(super) replays: Vec<String>,
    /// Seconds of a core.
    pub(super) cpu_s: f64,
    /// All together.
    pub(super) tally: Tally,
}

impl Totals {
    /// Of no seed yet.
    pub(super) fn new(kind: &str, from: u64) -> Self {
        Self {
            program: String::new(),
            commit: None,
            kind: kind.to_owned(),
            from,
            next: from,
            broken: 0,
            replays: Vec::new(),
            cpu_s: 0.0,
            tally: Tally::default(),
        }
    }

    /// Goes on with what a file has; of no seed yet if there is none.
    ///
    /// # Errors
    /// If the file cannot be read, is none of these, or is of other runs or of another build.
    pub(super) fn of_file(path: &Path, kind: &str, from: u64) -> Result<Self, Failure> {
        let program = program().map_err(|error| unusable(path, error.to_string()))?;
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self {
                    program,
                    commit: commit(),
                    ..Self::new(kind, from)
                });
            }
            Err(error) => return Err(unusable(path, error.to_string())),
        };
        let found: Self =
            serde_json::from_slice(&text).map_err(|error| unusable(path, error.to_string()))?;
        if (found.kind.as_str(), found.from) != (kind, from) {
            let what = format!("it is of `{}` from seed {}", found.kind, found.from);
            return Err(unusable(path, what));
        }
        if found.program != program {
            let at = found.commit.as_deref().unwrap_or("an unknown commit");
            return Err(unusable(path, format!("it is of another build, at {at}")));
        }
        Ok(found)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If that cannot be done.
    pub(super) fn keep(&self, path: &Path) -> Result<(), Failure> {
        self.write(path)
            .map_err(|error| unusable(path, error.to_string()))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("partial");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(beside, path)
    }
}

fn program() -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(std::env::current_exe()?)?)?;
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

fn unusable(path: &Path, what: String) -> Failure {
    Failure::new(
        Reason::Config,
        format!("{}: {what}", path.display()),
        "give --record a file of this very run, or one that is not there yet",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_it_was_and_only_the_same_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("totals.json");
        let mut totals = Totals::of_file(&path, "rights", 7).expect("none yet");
        assert_eq!((totals.next, totals.tally.runs), (7, 0));
        totals.next = 263;
        totals.cpu_s = 0.5;
        totals
            .replays
            .push("pentimento-chaos rights --from 9 --seeds 1".into());
        totals.tally.fault("crash");
        totals.keep(&path).expect("written");
        assert_eq!(Totals::of_file(&path, "rights", 7), Ok(totals.clone()));
        for (kind, from) in [("seeds", 7), ("rights", 8)] {
            let failure = Totals::of_file(&path, kind, from).expect_err("of other runs");
            assert!(
                failure.message.contains("`rights` from seed 7"),
                "{failure:?}"
            );
        }
        totals.program = "another".into();
        totals.keep(&path).expect("written");
        let failure = Totals::of_file(&path, "rights", 7).expect_err("of another build");
        assert!(failure.message.contains("another build"), "{failure:?}");
        fs::write(&path, "{").expect("written");
        assert!(Totals::of_file(&path, "rights", 7).is_err());
    }
}
