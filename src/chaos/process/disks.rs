//! Small disks for servers, so that one can be full: a memory file system each, mounted on the
//! server's folder.
//!
//! Mounting takes the rights of an administrator, so it is done only for runs in which a disk is
//! to be full.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};

use crate::proto::control::{Failure, Reason};
use crate::talk::failures;

/// Size of such a disk. A database that counts a few hundred orders a second for an hour fits.
const DISK_MIB: u32 = 96;
/// Takes the room that is left.
const FILLER: &str = "filler";
/// What is written at a time, until there is no more room for it.
const CHUNK_BYTES: usize = 64 << 10;

/// A small disk; it is taken away when this ends, with everything on it.
pub(super) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one on a folder, which is made.
    ///
    /// # Errors
    /// If this may not be done here.
    pub(super) fn mount(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| failures::file(folder, &error))?;
        let size = format!("size={DISK_MIB}m,mode=700");
        let mounted = call(
            Program::new("mount")
                .args(["-t", "tmpfs", "-o", &size, "pentimento-chaos"])
                .arg(folder),
        );
        mounted.map_err(|error| {
            Failure::new(
                Reason::Other,
                format!(
                    "no small disk can be mounted on {}: {error}",
                    folder.display()
                ),
                "run it as administrator, or leave out the steps `fill`",
            )
        })?;
        Ok(Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // One that is still in use goes when it is not.
        let _ = call(Program::new("umount").arg("--lazy").arg(&self.0));
    }
}

/// Takes all room on the disk of a folder, to the last byte.
///
/// # Errors
/// If the disk does something else than become full.
pub(super) fn fill(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(FILLER);
    let failed = |error: &io::Error| failures::file(&path, error);
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|error| failed(&error))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while !chunk.is_empty() {
        match file.write_all(&chunk) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                chunk.truncate(chunk.len() / 2);
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}

/// Makes room again.
///
/// # Errors
/// If the disk does not let go of it.
pub(super) fn make_room(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(FILLER);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failures::file(&path, &error)),
        _ => Ok(()),
    }
}

/// Removes what is in a folder but for these files.
///
/// # Errors
/// If something cannot be removed.
pub(super) fn wipe(folder: &Path, but: &[&str]) -> Result<(), Failure> {
    let failed = |error: &io::Error| failures::file(folder, error);
    for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        if but.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = match is_folder {
            true => fs::remove_dir_all(entry.path()),
            false => fs::remove_file(entry.path()),
        };
        removed.map_err(|error| failures::file(&entry.path(), &error))?;
    }
    Ok(())
}

fn call(program: &mut Program) -> io::Result<()> {
    let program = program.stdin(Stdio::null()).stdout(Stdio::null());
    let output = program.stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_is_full_and_has_room_again() {
        let folder = tempfile::tempdir().expect("makes");
        let disk = folder.path().join("disk");
        let Ok(mounted) = SmallDisk::mount(&disk) else {
            eprintln!("skipped: nothing can be mounted here");
            return;
        };
        fill(&disk).expect("fills");
        let error = fs::write(disk.join("more"), [1]).expect_err("full");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        make_room(&disk).expect("makes room");
        make_room(&disk).expect("as good");
        fs::write(disk.join("more"), [1]).expect("there is room");
        drop(mounted);
        assert!(!disk.join("more").exists());
    }

    #[test]
    fn a_wiped_folder_has_what_was_to_stay() {
        let folder = tempfile::tempdir().expect("makes");
        let path = folder.path();
        fs::create_dir(path.join("inner")).expect("makes");
        for name in ["key", "state", "inner/file"] {
            fs::write(path.join(name), name).expect("writes");
        }
        wipe(path, &["key"]).expect("wipes");
        let left: Vec<_> = fs::read_dir(path)
            .expect("reads")
            .map(|entry| entry.expect("reads").file_name())
            .collect();
        assert_eq!(left, ["key"]);
    }
}
