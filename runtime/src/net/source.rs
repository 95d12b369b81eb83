#[cfg(unix)]
mod pauses;

use std::fmt;
use std::io;
use std::num::NonZeroU32;
#[cfg(unix)]
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use mio::Token;
#[cfg(unix)]
use mio::unix::SourceFd;

use crate::alloc::{CacheLine, Shared};
use crate::cancel;
use crate::context::{
    AtSource, Direction, IoExecutor, Progress, Reactor, Registration, Seen, SharedRegistration,
    WaiterKey,
};
use crate::task::{budget, scope};

/// What the system reports events of.
pub(super) trait Pollable: mio::event::Source {
    /// Returns its descriptor, if the system is to tell of room for writes only once
    /// one has had to wait for that: its registration is
    /// [`unwatched`](Registration::unwatched) then.
    #[cfg(unix)]
    fn unwatched(&self) -> Option<RawFd> {
        None
    }

    /// Returns whether each read takes one message, however much room there is.
    #[cfg(unix)]
    fn has_messages(&self) -> bool {
        false
    }
}

/// Something that the system reports events of, and its place in the reactor of
/// its context.
pub(super) struct Source<S: Pollable> {
    executor: IoExecutor,
    reactor: Arc<Reactor>,
    registration: SharedRegistration,
    token: Token,
    /// Another odd number each time all operations have been cancelled: those of an
    /// earlier era are over.
    era: AtomicU32,
    // Taken out in `into_io`.
    io: Option<S>,
}

/// A source, as its handles and operations share it.
pub(super) type SharedSource<S> = Shared<Source<S>, CacheLine>;

impl<S: Pollable> Source<S> {
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
        #[cfg(unix)]
        let registration = match io.has_messages() {
            true => registration.of_messages(),
            false => registration,
        };
        let (token, registration) = reactor.register(&mut io, registration)?;
        Ok(Self {
            executor,
            reactor,
            registration,
            token,
            era: AtomicU32::new(1),
            io: Some(io),
        })
    }

    pub(super) fn executor(&self) -> IoExecutor {
        self.executor
    }

    /// Where an operation of this `era` waits that has `seen` that it has to.
    #[inline]
    pub(super) fn place(
        &self,
        direction: Direction,
        seen: Seen,
        era: Option<NonZeroU32>,
    ) -> AtSource {
        AtSource::new(&self.registration, direction, seen, &self.era, era)
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
        self.era.fetch_add(2, Ordering::Release);
        self.registration.cancel_all();
    }

    /// Has all operations that wait look again.
    #[cfg(not(unix))]
    pub(super) fn look_again(&self) {
        self.registration.look_again();
    }

    /// Forgets operations that wait, as [`poll_io`](Self::poll_io) knows them.
    pub(super) fn forget(&self, read: Option<WaiterKey>, write: Option<WaiterKey>) {
        for (direction, key) in [(Direction::Read, read), (Direction::Write, write)] {
            if let Some(key) = key {
                self.forget_one(direction, key);
            }
        }
    }

    pub(super) fn forget_one(&self, direction: Direction, key: WaiterKey) {
        self.registration.forget(direction, key);
    }

    /// Returns what there is to be seen where an attempt would do no more than look.
    #[inline(always)]
    pub(super) fn has_to_wait(
        &self,
        direction: Direction,
        era: &mut Option<NonZeroU32>,
    ) -> Option<Seen> {
        let seen = self.registration.see(direction);
        let waits = seen.has_room() && !seen.is_unwatched() && self.poll_era(era).is_ok();
        waits.then_some(seen)
    }

    /// Attempts I/O until it has a result, or a part of it, or has to wait for more than has
    /// been seen. It fails when all operations have been cancelled since `era`, where it began.
    #[inline]
    pub(super) fn attempt<T>(
        &self,
        direction: Direction,
        era: &mut Option<NonZeroU32>,
        mut attempt: impl FnMut() -> io::Result<(Option<T>, Progress)>,
    ) -> Result<io::Result<Option<T>>, Seen> {
        loop {
            let check = || self.poll_era(era);
            let attempted = self.registration.attempt(direction, check, &mut attempt);
            #[cfg(unix)]
            if attempted.as_ref().is_err_and(|seen| seen.is_unwatched()) {
                if let Some(fd) = self.get().unwatched() {
                    match self.watch_writes(fd) {
                        Ok(()) => continue,
                        Err(error) => return Ok(Err(error)),
                    }
                }
            }
            return attempted;
        }
    }

    /// Attempts I/O for one who is awaited, who is parked where it would block.
    #[inline]
    pub(super) fn poll<T>(
        &self,
        direction: Direction,
        era: &mut Option<NonZeroU32>,
        key: &mut Option<WaiterKey>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> io::Result<(Option<T>, Progress)>,
    ) -> Poll<io::Result<Option<T>>> {
        loop {
            if let Ok(result) = self.attempt(direction, era, &mut attempt) {
                // The event that made it ready has taken the waker already.
                *key = None;
                return Poll::Ready(result);
            }
            if self.registration.parks(direction, key, cx)? {
                // Who cancelled them all before it was among those that wait has not
                // woken it. A request to this one alone has.
                self.poll_era(era)?;
                return Poll::Pending;
            }
        }
    }

    /// As [`io`](Self::io), one poll of it by somebody who is in no era.
    pub(super) fn poll_io<T>(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<(T, Progress)>,
    ) -> Poll<io::Result<T>> {
        loop {
            let attempt = || attempt(self.get()).map(whole);
            match self.attempt(direction, &mut None, attempt) {
                Ok(result) => return Poll::Ready(result.map(of_whole)),
                Err(_) if self.registration.parks(direction, key, cx)? => return Poll::Pending,
                Err(_) => {}
            }
        }
    }

    /// Has the system tell of room for writes. It looks at once: room that there is
    /// already is told, too.
    #[cfg(unix)]
    #[cold]
    fn watch_writes(&self, fd: RawFd) -> io::Result<()> {
        // Whoever does the same just now, does no harm.
        self.reactor.watch_both(SourceFd(&fd), self.token)?;
        self.registration.watched();
        Ok(())
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
    pub(super) fn io<T, A>(&self, direction: Direction, attempt: A) -> Io<'_, S, A>
    where
        A: FnMut(&S) -> io::Result<(T, Progress)>,
    {
        Io {
            source: self,
            attempt,
            key: None,
            era: None,
            direction,
            waits: true,
        }
    }

    /// Fails if all operations have been cancelled since the one that began in
    /// `era`, or begins now.
    #[inline]
    fn poll_era(&self, era: &mut Option<NonZeroU32>) -> io::Result<()> {
        let now = NonZeroU32::MIN | self.era.load(Ordering::Acquire);
        if *era.get_or_insert(now) == now {
            Ok(())
        } else {
            Err(cancel::cancelled())
        }
    }
}

/// An attempt that succeeds is all there is to do.
#[inline]
pub(super) fn whole<T>((value, progress): (T, Progress)) -> (Option<T>, Progress) {
    (Some(value), progress)
}

/// The value of such an attempt.
#[inline]
pub(super) fn of_whole<T>(value: Option<T>) -> T {
    value.expect("it has no parts")
}

impl<S: Pollable> Drop for Source<S> {
    fn drop(&mut self) {
        if let Some(io) = &mut self.io {
            self.reactor.deregister(io, self.token);
        }
    }
}

impl<S: Pollable + fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// I/O under way: see [`Source::io`].
///
/// No `async` block: all reads and writes consist of this, and a block would
/// keep what it was made of next to what it became.
pub(super) struct Io<'a, S: Pollable, A> {
    source: &'a Source<S>,
    attempt: A,
    key: Option<WaiterKey>,
    era: Option<NonZeroU32>,
    direction: Direction,
    waits: bool,
}

impl<S: Pollable, A> Io<'_, S, A> {
    /// Does not wait, and so cannot be cancelled, if `condition` holds: there is
    /// nothing to transfer.
    pub(super) fn at_once_if(mut self, condition: bool) -> Self {
        self.waits = !condition;
        self
    }
}

impl<S, A, T> Future for Io<'_, S, A>
where
    S: Pollable,
    A: FnMut(&S) -> io::Result<(T, Progress)>,
{
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = self.get_mut();
        let source = this.source;
        if !this.waits {
            return Poll::Ready((this.attempt)(source.get()).map(|(value, _)| value));
        }
        if !scope::requested().is_empty() {
            return Poll::Ready(Err(cancel::cancelled()));
        }
        ready!(budget::proceed(cx));
        let polled = source.poll(this.direction, &mut this.era, &mut this.key, cx, || {
            (this.attempt)(source.get()).map(whole)
        });
        polled.map_ok(of_whole)
    }
}

// Nothing in it is pinned.
impl<S: Pollable, A> Unpin for Io<'_, S, A> {}

impl<S: Pollable, A> Drop for Io<'_, S, A> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.source.registration.forget(self.direction, key);
        }
    }
}
