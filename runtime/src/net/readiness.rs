use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::operation::Perform;
use super::source::{Pollable, SharedSource};
use crate::context::{Direction, Progress};

/// What can be waited for without doing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// Reading, or accepting, would not block.
    Read,
    /// Writing would not block.
    Write,
}

impl From<Readiness> for Direction {
    fn from(readiness: Readiness) -> Self {
        match readiness {
            Readiness::Read => Self::Read,
            Readiness::Write => Self::Write,
        }
    }
}

/// Waits until a system call would not block.
///
/// What the reactor remembers may be out of date, as nobody has tried: the system is
/// asked.
pub(super) struct WaitFor(pub(super) Readiness);

impl<S: Pollable + AsFd> Perform<S> for WaitFor {
    type Value = ();
    type Output = io::Result<()>;

    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<()>, Progress)> {
        match is_ready(source.get().as_fd(), self.0)? {
            true => Ok((Some(()), Progress::More)),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn finish(self, result: io::Result<()>) -> io::Result<()> {
        result
    }
}

/// Asks the system, without waiting.
fn is_ready(fd: BorrowedFd<'_>, readiness: Readiness) -> io::Result<bool> {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: match readiness {
            Readiness::Read => libc::POLLIN,
            Readiness::Write => libc::POLLOUT,
        },
        revents: 0,
    };
    // SAFETY: one entry, which lives until the call returns; so does the
    // descriptor, which is borrowed.
    match unsafe { libc::poll(&raw mut poll, 1, 0) } {
        -1 => Err(io::Error::last_os_error()),
        // An end or an error is ready, too.
        count => Ok(count == 1),
    }
}
