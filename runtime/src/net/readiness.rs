use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::source::{Pollable, Source};
use crate::context::{Direction, Progress};

/// What can be waited for without doing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl<S: Pollable + AsFd> Source<S> {
    /// Waits until a system call would not block.
    ///
    /// What the reactor remembers may be out of date, as nobody has tried: the
    /// system is asked.
    pub(super) fn wait(&self, readiness: Readiness) -> impl Future<Output = io::Result<()>> {
        self.io(readiness.into(), move |source| {
            if is_ready(source.as_fd(), readiness)? {
                Ok(((), Progress::More))
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        })
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
