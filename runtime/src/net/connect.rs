//! Connecting: an operation on a socket that it makes itself.

use std::io;

use super::operation::{self, Perform};
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::context::{Direction, IoExecutor, Progress, Registration};
use crate::executor::OfContext;
use crate::initiation::Initiation;
use crate::meta::Meta;
use crate::signature::Signature;

/// What can be connected.
pub(super) trait Connect: Pollable + Send + Sync {
    /// Returns whether it is connected, now that it is writable: that means over.
    ///
    /// # Errors
    ///
    /// Why it is not, if it never will be.
    fn is_connected(&self) -> io::Result<bool>;

    /// That of a socket that is not known to be writable.
    fn registration() -> Registration;
}

impl Connect for mio::net::TcpStream {
    fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        match self.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(error),
            // Another event will come; not so on Windows, where it has been, and was reset.
            Err(_) if cfg!(unix) => Ok(false),
            Err(_) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn registration() -> Registration {
        Registration::default()
    }
}

#[cfg(unix)]
impl Connect for mio::net::UnixStream {
    fn is_connected(&self) -> io::Result<bool> {
        match self.take_error()? {
            Some(error) => Err(error),
            None => Ok(true),
        }
    }

    fn registration() -> Registration {
        Registration::unwatched()
    }
}

/// Makes the operation that connects a socket, which `begin` makes and `handle` wraps.
#[track_caller]
pub(super) fn connect<C, S, B, H, T, E>(
    meta: &'static Meta,
    executor: E,
    begin: B,
    handle: H,
) -> impl Initiation<C> + use<C, S, B, H, T, E>
where
    C: Signature<Output = io::Result<T>>,
    S: Connect,
    B: FnOnce() -> io::Result<S> + Send,
    H: FnOnce(SharedSource<S>) -> T + Send,
    E: OfContext,
{
    let connecting = Connecting {
        executor: executor.io(),
        begin: Some(begin),
        handle,
    };
    operation::opening(meta, executor, Direction::Write, connecting)
}

/// Makes the future that connects a socket, for those who await several.
pub(super) fn connecting<S, B, H, T>(
    executor: IoExecutor,
    begin: B,
    handle: H,
) -> impl Future<Output = io::Result<T>> + Send + Unpin
where
    S: Connect,
    B: FnOnce() -> io::Result<S> + Send,
    H: FnOnce(SharedSource<S>) -> T + Send,
{
    let connecting = Connecting {
        executor,
        begin: Some(begin),
        handle,
    };
    operation::awaited_opening(Direction::Write, connecting)
}

struct Connecting<B, H> {
    executor: IoExecutor,
    begin: Option<B>,
    handle: H,
}

impl<S, B, H, T> Perform<S> for Connecting<B, H>
where
    S: Connect,
    B: FnOnce() -> io::Result<S> + Send,
    H: FnOnce(SharedSource<S>) -> T + Send,
{
    type Value = SharedSource<S>;
    type Output = io::Result<T>;

    fn open(&mut self) -> io::Result<SharedSource<S>> {
        let begin = self.begin.take().expect("a socket is made once");
        Shared::try_new(Source::new(self.executor, begin()?, S::registration())?)
    }

    fn perform(
        &mut self,
        source: &SharedSource<S>,
    ) -> io::Result<(Option<SharedSource<S>>, Progress)> {
        match source.get().is_connected()? {
            true => Ok((Some(source.clone()), Progress::More)),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn finish(self, result: io::Result<SharedSource<S>>) -> io::Result<T> {
        result.map(self.handle)
    }
}
