//! Writes of several parts to a socket.
//!
//! The standard library writes a single part so that a peer that is gone is an
//! error and no more; several it writes as to a file, where the system sends
//! `SIGPIPE` besides. That ends a process that has not said otherwise: one whose
//! `main` is in C, that is.

use std::io::{self, IoSlice};

/// As many parts as the system takes at once: of more, [`send_parts`] and
/// `writev` would write the front ones without a need to stop there.
pub(super) const MOST: usize = if cfg!(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
    target_vendor = "apple",
    windows,
)) {
    1024
} else {
    16
};

/// Writes `parts`, [`MOST`] at the most, to a socket; nobody gets a signal if its
/// peer is gone.
///
/// # Errors
///
/// The system's.
#[cfg(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "haiku",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "solaris",
))]
pub(super) fn send_parts(
    socket: &impl std::os::fd::AsFd,
    parts: &[IoSlice<'_>],
) -> io::Result<usize> {
    use std::os::fd::AsRawFd;

    debug_assert!(parts.len() <= MOST, "the system takes no more at once");
    // SAFETY: zeros are a value of this structure of C, which is numbers and
    // pointers: one without address, parts, control data and flags.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // An `IoSlice` is an `iovec`, as its page says.
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len() as _;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed. The message names nothing but the parts,
    // which are borrowed too, and which sending only reads.
    let sent = unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Writes `parts`, [`MOST`] at the most, to a socket. Where this is used there is
/// no such signal, or the standard library makes sockets that send none.
///
/// # Errors
///
/// The system's.
#[cfg(not(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "haiku",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "solaris",
)))]
pub(super) fn send_parts<S>(socket: &S, parts: &[IoSlice<'_>]) -> io::Result<usize>
where
    for<'a> &'a S: io::Write,
{
    io::Write::write_vectored(&mut { socket }, parts)
}
