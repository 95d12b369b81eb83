use std::io;
use std::sync::PoisonError;
use std::task::{Context, Poll};

use super::{WaiterKey, Waiters, WakeList, context_gone};
use crate::shim::{AtomicUsize, Mutex, MutexGuard, Ordering};

/// What the system has said of one source of events, and who waits for more.
///
/// Readiness is edge-triggered and cached per direction: it stands until an
/// attempt shows that it is used up.
pub(crate) struct Registration {
    /// Becomes ready under the lock of those who wait for that, so that none who
    /// looked there has missed it. It ceases to be ready without.
    readiness: [AtomicUsize; 2],
    waiters: Mutex<[Waiters; 2]>,
}

/// What is known of one direction, at one moment.
#[derive(Clone, Copy)]
struct Seen(usize);

impl Seen {
    const READY: usize = 1;
    /// Sticky: a short transfer does not show that nothing is left. Data and
    /// the end, or urgent data, which cuts reads short, can share one event, and
    /// none follows.
    const UNCERTAIN: usize = 2;
    const CONTEXT_GONE: usize = 4;
    /// One event. They are counted: what an attempt shows that began before the
    /// last one is out of date.
    const EVENT: usize = 8;

    fn is(self, flags: usize) -> bool {
        self.0 & flags != 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// How far an attempt got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There may be more: try again without asking the system.
    More,
    /// Nothing is left until the next event.
    Drained,
}

/// A source that is not ready before an event says so.
impl Default for Registration {
    fn default() -> Self {
        Self::with([0; 2])
    }
}

impl Registration {
    /// A source that can surely be written to: no need to wait for the event
    /// that says so.
    pub(crate) fn writable() -> Self {
        Self::with([0, Seen::READY])
    }

    /// A source of which nothing is known: an attempt in a direction that it does
    /// not have fails, while the event that it would wait for never comes.
    pub(crate) fn untried() -> Self {
        Self::with([Seen::READY; 2])
    }

    fn with(readiness: [usize; 2]) -> Self {
        Self {
            readiness: readiness.map(AtomicUsize::new),
            waiters: Mutex::default(),
        }
    }

    /// Notes an event; the wakers of who waited for it go to `wake`.
    pub(super) fn notify(&self, event: &mio::event::Event, wake: &mut WakeList) {
        let failed = event.is_error();
        let (read_closed, write_closed) = (event.is_read_closed(), event.is_write_closed());
        let read = event.is_readable() || read_closed || failed;
        let write = event.is_writable() || write_closed || failed;
        let mut waiters = self.lock();
        if read {
            let uncertain = read_closed || event.is_priority() || failed;
            self.becomes_ready(Direction::Read, uncertain, &mut waiters, wake);
        }
        if write {
            let uncertain = write_closed || failed;
            self.becomes_ready(Direction::Write, uncertain, &mut waiters, wake);
        }
    }

    fn becomes_ready(
        &self,
        direction: Direction,
        uncertain: bool,
        waiters: &mut [Waiters; 2],
        wake: &mut WakeList,
    ) {
        let readiness = self.of(direction);
        // What was seen before cannot be cleared any more once this is counted.
        readiness.fetch_add(Seen::EVENT, Ordering::Relaxed);
        let uncertain = if uncertain { Seen::UNCERTAIN } else { 0 };
        readiness.fetch_or(Seen::READY | uncertain, Ordering::Release);
        waiters[direction as usize].take_all(wake);
    }

    /// Wakes all that wait, to look again.
    pub(crate) fn wake_all(&self) {
        // Declared first, to be dropped, and the wakers woken, after the lock.
        let mut wake = WakeList::default();
        for waiters in &mut *self.lock() {
            waiters.take_all(&mut wake);
        }
    }

    /// Fails everything from now on.
    pub(super) fn shut_down(&self, wake: &mut WakeList) {
        let mut waiters = self.lock();
        for (readiness, waiters) in self.readiness.iter().zip(&mut *waiters) {
            readiness.fetch_or(Seen::CONTEXT_GONE, Ordering::Relaxed);
            waiters.take_all(wake);
        }
    }

    /// Attempts I/O until it has a result; parks the operation while the
    /// source is not ready. `key` is the operation's, to be given to
    /// [`forget`](Self::forget) when it is dropped.
    pub(crate) fn poll_io<T>(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> io::Result<(T, Progress)>,
    ) -> Poll<io::Result<T>> {
        loop {
            let seen = self.seen(direction)?;
            if !seen.is(Seen::READY) {
                let mut waiters = self.lock();
                if self.seen(direction)?.is(Seen::READY) {
                    continue;
                }
                let previous = waiters[direction as usize].set(key, cx.waker());
                drop(waiters);
                drop(previous);
                return Poll::Pending;
            }
            match attempt() {
                Ok((value, progress)) => {
                    if progress == Progress::Drained {
                        self.clear(direction, seen, false);
                    }
                    return Poll::Ready(Ok(value));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.clear(direction, seen, true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Attempts I/O once, whatever is known of the source.
    pub(crate) fn try_io<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut() -> io::Result<(T, Progress)>,
    ) -> io::Result<T> {
        let seen = self.seen(direction)?;
        loop {
            match attempt() {
                Ok((value, progress)) => {
                    if progress == Progress::Drained {
                        self.clear(direction, seen, false);
                    }
                    return Ok(value);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        self.clear(direction, seen, true);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Parks an operation, whether the source is ready or not.
    ///
    /// # Errors
    ///
    /// If the context is gone.
    pub(crate) fn wait(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &Context<'_>,
    ) -> io::Result<()> {
        let mut waiters = self.lock();
        self.seen(direction)?;
        let previous = waiters[direction as usize].set(key, cx.waker());
        drop(waiters);
        drop(previous);
        Ok(())
    }

    /// Drops the waker of an operation that is going away.
    pub(crate) fn forget(&self, direction: Direction, key: WaiterKey) {
        let waker = self.lock()[direction as usize].remove(key);
        drop(waker);
    }

    /// Returns what is known of a direction.
    ///
    /// # Errors
    ///
    /// If the context is gone.
    fn seen(&self, direction: Direction) -> io::Result<Seen> {
        let seen = Seen(self.of(direction).load(Ordering::Acquire));
        if seen.is(Seen::CONTEXT_GONE) {
            return Err(context_gone());
        }
        Ok(seen)
    }

    /// Notes that nothing is left, unless an event has come since what was `seen`.
    /// An inference from a short transfer does not stand where that is uncertain;
    /// `certain` is the system's own word.
    fn clear(&self, direction: Direction, seen: Seen, certain: bool) {
        if certain || !seen.is(Seen::UNCERTAIN) {
            let next = seen.0 & !Seen::READY;
            // Fails after an event, or when another has been quicker.
            let _ = self.of(direction).compare_exchange(
                seen.0,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }

    fn of(&self, direction: Direction) -> &AtomicUsize {
        &self.readiness[direction as usize]
    }

    fn lock(&self) -> MutexGuard<'_, [Waiters; 2]> {
        // No foreign code runs under the lock but the clone of a waker.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
