//! Reads from a Unix socket that say whether they have stopped short of the end.
//!
//! Such a read ends where descriptors or other credentials were sent, though there may
//! be more. The system says so in the flags of a message, which `recv` and `readv` do
//! not hand out. (It does not say so where urgent data has been, which somebody has taken
//! out by a system call of his own before the event that tells of it.)

use std::io::{self, IoSliceMut};

/// Reads into `parts`; returns how much, and whether it may have stopped before the end
/// of what there is.
///
/// # Errors
///
/// The system's.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(super) fn receive_parts(
    socket: &impl std::os::fd::AsFd,
    parts: &mut [IoSliceMut<'_>],
) -> io::Result<(usize, bool)> {
    use std::os::fd::AsRawFd;

    debug_assert!(parts.len() <= super::send::MOST, "the system takes no more");
    // SAFETY: zeros are a value of this structure of C, which is numbers and
    // pointers: one without address, parts, control data and flags.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // An `IoSliceMut` is an `iovec`, as its page says.
    message.msg_iov = parts.as_mut_ptr().cast();
    message.msg_iovlen = parts.len() as _;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed. The message names nothing but the parts,
    // which are borrowed too, for writing, and no more of them than there are.
    let received = unsafe { libc::recvmsg(fd, &raw mut message, 0) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // unix(7): whatever came with the bytes has had no room, and ends the read. Where the
    // reader has asked for credentials, each read has some.
    let has_stopped = message.msg_flags & libc::MSG_CTRUNC != 0;
    Ok((received, has_stopped))
}

/// Reads into `parts`. This system does not say where a read stops.
///
/// # Errors
///
/// The system's.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(super) fn receive_parts<S>(
    socket: &S,
    parts: &mut [IoSliceMut<'_>],
) -> io::Result<(usize, bool)>
where
    for<'a> &'a S: io::Read,
{
    let n = io::Read::read_vectored(&mut { socket }, parts)?;
    Ok((n, true))
}

/// Returns whether a socket is one of bytes, whose reads do not end with a message.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(super) fn is_stream(socket: &impl std::os::fd::AsFd) -> bool {
    use std::os::fd::AsRawFd;

    let mut kind: libc::c_int = 0;
    let mut size = size_of_val(&kind) as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    let value = (&raw mut kind).cast();
    // SAFETY: the descriptor is borrowed; the option is a number, of this size, and both
    // live until the call returns.
    let asked =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, value, &raw mut size) };
    asked == 0 && kind == libc::SOCK_STREAM
}

/// Returns whether a socket is one of bytes. Here no read says that nothing is left.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(super) fn is_stream<S>(_: &S) -> bool {
    true
}
