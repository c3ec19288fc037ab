//! Files that the runtime waits for, in one direction only: news of the other one would wake the
//! thread for nothing, after each datagram that leaves.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets the runtime wait for a file. Must be called inside the runtime.
///
/// # Errors
/// If the operating system refuses.
#[expect(
    deprecated,
    reason = "its successor is unsafe for types that replace their file; files and sockets cannot"
)]
pub(super) fn watch<T: AsRawFd>(file: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(file, interest)
}
