//! Names of the errors of a socket, for counts.

use std::io;

use rustix::io::Errno;

/// An error of sending.
pub(super) fn sent(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::MSGSIZE) => "send: larger than the path takes",
        Some(Errno::NOBUFS | Errno::NOMEM) => "send: no room in the device",
        Some(Errno::PERM | Errno::ACCESS) => "send: forbidden",
        Some(Errno::CONNREFUSED) => "send: nobody listens",
        Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::NETDOWN) => "send: no route",
        Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT) => "send: no such address",
        Some(Errno::INVAL) => "send: invalid",
        Some(Errno::IO) => "send: device failed",
        _ => "send: other error",
    }
}

/// An error of receiving.
pub(super) fn received(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => "receive: nobody listens",
        Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::NETDOWN) => "receive: no route",
        Some(Errno::MSGSIZE) => "receive: larger than the path takes",
        Some(Errno::NOBUFS | Errno::NOMEM) => "receive: no memory",
        _ => "receive: other error",
    }
}

/// Whether a device that cannot cut datagrams says so like this.
pub(super) fn is_of_segmentation(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::IO | Errno::INVAL | Errno::MSGSIZE)
    )
}

/// Whether it may be about an earlier datagram, so that this one was not even tried.
pub(super) fn is_of_another(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::CONNREFUSED | Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::ADDRNOTAVAIL)
    )
}
