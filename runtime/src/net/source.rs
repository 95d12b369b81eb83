use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use mio::Token;

use crate::cancel;
use crate::context::{Direction, IoExecutor, Progress, Reactor, Registration};
use crate::task::{budget, scope};

/// Something that the system reports events of, and its place in the reactor of
/// its context.
pub(super) struct Source<S: mio::event::Source> {
    executor: IoExecutor,
    reactor: Arc<Reactor>,
    registration: Arc<Registration>,
    token: Token,
    /// How often all operations have been cancelled: those of an earlier era are
    /// over.
    era: AtomicU64,
    // Taken out in `into_io`.
    io: Option<S>,
}

impl<S: mio::event::Source> Source<S> {
    /// Registers `io` with the context of `executor`.
    ///
    /// # Errors
    ///
    /// If the context is gone, or the system refuses.
    pub(super) fn new(
        executor: IoExecutor,
        mut io: S,
        registration: Registration,
    ) -> io::Result<Self> {
        let reactor = executor.reactor()?;
        let (token, registration) = reactor.register(&mut io, registration)?;
        Ok(Self {
            executor,
            reactor,
            registration,
            token,
            era: AtomicU64::new(0),
            io: Some(io),
        })
    }

    pub(super) fn executor(&self) -> IoExecutor {
        self.executor
    }

    pub(super) fn get(&self) -> &S {
        self.io
            .as_ref()
            .expect("only a source without owner lacks its I/O object")
    }

    /// Takes the source back from the reactor.
    pub(super) fn into_io(mut self) -> S {
        let mut io = self.io.take().expect("taken once, by value");
        self.reactor.deregister(&mut io, self.token);
        io
    }

    /// Cancels all operations that are outstanding.
    pub(super) fn cancel(&self) {
        // Release: what the caller did before comes with it.
        self.era.fetch_add(1, Ordering::Release);
        self.registration.wake_all();
    }

    /// Forgets operations that wait, as [`poll_io`](Registration::poll_io) knows
    /// them.
    pub(super) fn forget(&self, read: Option<u64>, write: Option<u64>) {
        for (direction, key) in [(Direction::Read, read), (Direction::Write, write)] {
            if let Some(key) = key {
                self.registration.forget(direction, key);
            }
        }
    }

    /// As [`io`](Self::io), one poll of it.
    pub(super) fn poll_io<T>(
        &self,
        direction: Direction,
        key: &mut Option<u64>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<(T, Progress)>,
    ) -> Poll<io::Result<T>> {
        self.registration
            .poll_io(direction, key, cx, || attempt(self.get()))
    }

    /// Attempts I/O once.
    pub(super) fn try_io<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(&S) -> io::Result<(T, Progress)>,
    ) -> io::Result<T> {
        self.registration.try_io(direction, || attempt(self.get()))
    }

    /// Attempts I/O, and waits for readiness between attempts, until it has a
    /// result. The system call is made in this future's own poll; dropping it
    /// leaves nothing behind.
    pub(super) async fn io<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(&S) -> io::Result<(T, Progress)>,
    ) -> io::Result<T> {
        let mut waiting = Waiting {
            registration: &self.registration,
            direction,
            key: None,
        };
        let mut era = None;
        poll_fn(|cx| {
            let now = self.era.load(Ordering::Acquire);
            if !scope::requested().is_empty() || *era.get_or_insert(now) != now {
                return Poll::Ready(Err(cancel::cancelled()));
            }
            ready!(budget::proceed(cx));
            let key = &mut waiting.key;
            let result = self.poll_io(direction, key, cx, &mut attempt);
            if result.is_ready() {
                // The event that made it ready has taken the waker already.
                waiting.key = None;
            }
            result
        })
        .await
    }
}

impl<S: mio::event::Source> Drop for Source<S> {
    fn drop(&mut self) {
        if let Some(io) = &mut self.io {
            self.reactor.deregister(io, self.token);
        }
    }
}

impl<S: mio::event::Source + fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// An operation that may be waiting for readiness.
struct Waiting<'a> {
    registration: &'a Registration,
    direction: Direction,
    key: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.registration.forget(self.direction, key);
        }
    }
}
