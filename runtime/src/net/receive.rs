//! Reads from a Unix socket that say whether they have stopped short of the end.
//!
//! Such a read ends where descriptors or other credentials were sent, though there may
//! be more. The system says so in the flags of a message, which `recv` and `readv` do
//! not hand out. (It does not say so where urgent data has been, which somebody has taken
//! out by a system call of his own before the event that tells of it.)

use std::io::{self, IoSliceMut};
#[cfg(any(target_os = "android", target_os = "linux"))]
use std::os::fd::BorrowedFd;
use std::os::fd::{AsFd, AsRawFd};

use crate::buffer::Spare;

/// Reads into `parts`; returns how much, and whether it may have stopped before the end
/// of what there is.
///
/// # Errors
///
/// The system's.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(super) fn receive_parts(
    socket: &impl AsFd,
    parts: &mut [IoSliceMut<'_>],
) -> io::Result<(usize, bool)> {
    debug_assert!(parts.len() <= super::send::MOST, "the system takes no more");
    // An `IoSliceMut` is an `iovec`, as its page says.
    // SAFETY: the parts are borrowed for writing, and there are so many.
    unsafe { receive_message(socket.as_fd(), parts.as_mut_ptr().cast(), parts.len()) }
}

/// Receives a message, or what there is, into `count` parts.
///
/// # Safety
///
/// - `parts` points to so many, whose memory may be written to.
#[cfg(any(target_os = "android", target_os = "linux"))]
unsafe fn receive_message(
    socket: BorrowedFd<'_>,
    parts: *mut libc::iovec,
    count: usize,
) -> io::Result<(usize, bool)> {
    // SAFETY: zeros are a value of this structure of C, which is numbers and
    // pointers: one without address, parts, control data and flags.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts;
    message.msg_iovlen = count as _;
    // SAFETY: the descriptor is borrowed. The message names nothing but the parts, which
    // may be written to, by the caller's promise.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // unix(7): whatever came with the bytes has had no room, and ends the read. Where the
    // reader has asked for credentials, each read has some.
    let has_stopped = message.msg_flags & libc::MSG_CTRUNC != 0;
    Ok((received, has_stopped))
}

/// As [`receive_parts`], into memory that need not be initialised; returns how much there was
/// room for, too.
///
/// # Errors
///
/// The system's.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(super) fn receive_spare_part(
    socket: &impl AsFd,
    spare: &mut Spare<'_>,
) -> io::Result<(usize, usize, bool)> {
    let (address, len) = spare.room();
    let mut part = libc::iovec {
        iov_base: address.cast(),
        iov_len: len,
    };
    // SAFETY: the one part is memory that is borrowed for writing.
    let (n, has_stopped) = unsafe { receive_message(socket.as_fd(), &raw mut part, 1) }?;
    // SAFETY: the system has written so many bytes there.
    unsafe { spare.advance(n) };
    Ok((n, len, has_stopped))
}

/// As [`receive_parts`], into memory that need not be initialised; returns how much there was
/// room for, too. This system does not say where a read stops.
///
/// # Errors
///
/// The system's.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(super) fn receive_spare_part(
    socket: &impl AsFd,
    spare: &mut Spare<'_>,
) -> io::Result<(usize, usize, bool)> {
    let (n, len) = receive_spare(socket, spare)?;
    Ok((n, len, true))
}

/// Receives into memory that need not be initialised; returns how much that was, and how much
/// there was room for.
///
/// # Errors
///
/// The system's.
pub(super) fn receive_spare(
    socket: &impl AsFd,
    spare: &mut Spare<'_>,
) -> io::Result<(usize, usize)> {
    let (address, len) = spare.room();
    // SAFETY: the descriptor is borrowed, and so is the memory, for writing.
    let received = unsafe { libc::recv(socket.as_fd().as_raw_fd(), address.cast(), len, 0) };
    let n = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the system has written so many bytes there.
    unsafe { spare.advance(n) };
    Ok((n, len))
}

/// Copies what there is to be received, and leaves it there.
///
/// # Errors
///
/// The system's.
pub(super) fn peek(socket: &impl AsFd, part: &mut [u8]) -> io::Result<usize> {
    let (fd, len) = (socket.as_fd().as_raw_fd(), part.len());
    // SAFETY: the descriptor is borrowed, and so is the memory, for writing.
    let seen = unsafe { libc::recv(fd, part.as_mut_ptr().cast(), len, libc::MSG_PEEK) };
    usize::try_from(seen).map_err(|_| io::Error::last_os_error())
}

/// Reads into memory that need not be initialised, of a descriptor of whatever kind.
///
/// # Errors
///
/// The system's.
pub(super) fn read_spare(file: &impl AsFd, spare: &mut Spare<'_>) -> io::Result<usize> {
    let (address, len) = spare.room();
    // SAFETY: the descriptor is borrowed, and so is the memory, for writing.
    let read = unsafe { libc::read(file.as_fd().as_raw_fd(), address.cast(), len) };
    let n = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the system has written so many bytes there.
    unsafe { spare.advance(n) };
    Ok(n)
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
pub(super) fn is_stream(socket: &impl AsFd) -> bool {
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
