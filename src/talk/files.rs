//! Files that a person names, read and written with limits and clear failures.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::failures;
use crate::proto::control::{Failure, Reason};
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::terminal::text::size;

/// The last part of a path.
///
/// # Errors
/// If there is none, or it is not text.
pub fn file_name(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        failures::usage(
            format!("{} has no usable file name", path.display()),
            "rename the file",
        )
    })
}

/// A path as text; bytes that are none are replaced.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The same path with another ending.
#[must_use]
pub fn beside(file: &Path, ending: &str) -> PathBuf {
    file.with_extension(ending)
}

/// Reads a file within the limit for messages, without trusting what the folder says of its size.
///
/// # Errors
/// If it is missing, a folder, unreadable or too large.
pub fn read(path: &Path) -> Result<Bytes, Failure> {
    use std::io::Read;
    let file = fs::File::open(path).map_err(|error| failures::file(path, &error))?;
    let meta = file
        .metadata()
        .map_err(|error| failures::file(path, &error))?;
    if meta.is_dir() {
        return Err(failures::usage(
            format!("{} is a folder", path.display()),
            "name a file",
        ));
    }
    let mut bytes = Vec::new();
    file.take(MESSAGE_MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failures::file(path, &error))?;
    if bytes.len() > MESSAGE_MAX_BYTES {
        return Err(Failure::new(
            Reason::TooLarge,
            format!(
                "{} is larger than {}",
                path.display(),
                size(MESSAGE_MAX_BYTES as u64)
            ),
            "hide a smaller file",
        ));
    }
    Ok(bytes.into())
}

/// Writes a file, replacing an older one.
///
/// # Errors
/// If the place cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| failures::file(path, &error))
}
