//! A folder among the temporary files, for the files of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::cli::failure;
use crate::proto::control::Failure;

/// Folders of other runs that may be in the way.
const FOLDERS_MAX: usize = 100;

/// It goes with this.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// A new one among the temporary files.
    ///
    /// # Errors
    /// If there can be none.
    pub(super) fn new() -> Result<Self, Failure> {
        let temporary = std::env::temp_dir();
        let name = |number| format!("pentimento-bench-{}-{number}", std::process::id());
        let free = (0_u32..).map(|number| temporary.join(name(number)));
        // The first that nobody has made.
        for folder in free.take(FOLDERS_MAX) {
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failure::file(&folder, &error)),
            }
        }
        let error = ErrorKind::AlreadyExists.into();
        Err(failure::file(&temporary, &error))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left are files in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
