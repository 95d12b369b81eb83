use std::io;
use std::task::{Context, Poll, Waker};

use allocator_api2::boxed::Box;

use super::{WaiterKey, Waiters, WakeList, context_gone};
use crate::alloc::{CacheLine, Recycling, Shared};
use crate::shim::{AtomicU32, Mutex, MutexGuard, Ordering};

/// What the system has said of one source of events, and who waits for more.
///
/// Readiness is edge-triggered and cached per direction: it stands until an
/// attempt shows that it is used up.
///
/// With the count of its handles it is one cache line.
pub(crate) struct Registration {
    /// Becomes ready under the lock of those who wait for that, so that none who
    /// looked there has missed it. It ceases to be ready without.
    readiness: [AtomicU32; 2],
    waiting: Mutex<Waiting>,
}

/// Who waits, in either direction.
#[derive(Default)]
struct Waiting {
    read: Waiters,
    /// Once anybody has: most writes need not wait.
    write: Option<Box<Waiters, Recycling>>,
}

impl Waiting {
    /// Parks an operation; returns its previous waker, to be dropped outside the
    /// lock.
    ///
    /// # Errors
    ///
    /// If no memory can be had.
    fn set(
        &mut self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        waker: &Waker,
    ) -> io::Result<Option<Waker>> {
        let waiters = match (direction, &mut self.write) {
            (Direction::Read, _) => &mut self.read,
            (Direction::Write, Some(write)) => write,
            (Direction::Write, none) => {
                let write = Box::try_new_in(Waiters::default(), Recycling);
                none.insert(write.map_err(|_| io::ErrorKind::OutOfMemory)?)
            }
        };
        Ok(waiters.set(key, waker))
    }

    fn remove(&mut self, direction: Direction, key: WaiterKey) -> Option<Waker> {
        self.of(direction)?.remove(key)
    }

    fn take_all(&mut self, direction: Direction, wake: &mut WakeList) {
        if let Some(waiters) = self.of(direction) {
            waiters.take_all(wake);
        }
    }

    fn of(&mut self, direction: Direction) -> Option<&mut Waiters> {
        match direction {
            Direction::Read => Some(&mut self.read),
            Direction::Write => self.write.as_deref_mut(),
        }
    }
}

/// What is known of one direction, at one moment.
#[derive(Clone, Copy)]
struct Seen(u32);

impl Seen {
    const READY: u32 = 1;
    /// Sticky: a short transfer does not show that nothing is left. Data and
    /// the end, or urgent data, which cuts reads short, can share one event, and
    /// none follows.
    const UNCERTAIN: u32 = 2;
    const CONTEXT_GONE: u32 = 4;
    /// Somebody has begun to wait since the last event. Changes under the lock.
    const AWAITED: u32 = 8;
    /// The system has not been asked to tell when it is possible to write. Some
    /// sockets would say so after each message that the other end takes.
    const UNWATCHED: u32 = 16;
    /// One event. They are counted: what an attempt shows that began before the
    /// last one is out of date.
    const EVENT: u32 = 32;

    #[inline]
    fn is(self, flags: u32) -> bool {
        self.0 & flags != 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    const BOTH: [Self; 2] = [Self::Read, Self::Write];
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

/// A registration that a source shares with its reactor.
pub(crate) type SharedRegistration = Shared<Registration, CacheLine>;

impl Registration {
    /// A source that can surely be written to: no need to wait for the event
    /// that says so.
    pub(crate) fn writable() -> Self {
        Self::with([0, Seen::READY])
    }

    /// The same, where the system is asked to tell of room only once a write has had
    /// to wait for some: see [`is_unwatched`](Self::is_unwatched).
    pub(crate) fn unwatched() -> Self {
        // Elsewhere mio itself registers anew, or nothing but the source can ask later.
        let asks_later = cfg!(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "linux",
            target_os = "netbsd",
            target_os = "openbsd",
            target_vendor = "apple",
        ));
        let unwatched = if asks_later { Seen::UNWATCHED } else { 0 };
        Self::with([0, Seen::READY | unwatched])
    }

    /// A source of which nothing is known: an attempt in a direction that it does
    /// not have fails, while the event that it would wait for never comes.
    pub(crate) fn untried() -> Self {
        Self::with([Seen::READY; 2])
    }

    fn with(readiness: [u32; 2]) -> Self {
        Self {
            readiness: readiness.map(AtomicU32::new),
            waiting: Mutex::default(),
        }
    }

    /// Notes an event; the wakers of who waited for it go to `wake`.
    pub(super) fn notify(&self, event: &mio::event::Event, wake: &mut WakeList) {
        let failed = event.is_error();
        let (read_closed, write_closed) = (event.is_read_closed(), event.is_write_closed());
        let read = event.is_readable() || read_closed || failed;
        let write = event.is_writable() || write_closed || failed;
        let mut waiting = self.lock();
        if read {
            let uncertain = read_closed || event.is_priority() || failed;
            self.becomes_ready(Direction::Read, uncertain, &mut waiting, wake);
        }
        if write {
            let uncertain = write_closed || failed;
            self.becomes_ready(Direction::Write, uncertain, &mut waiting, wake);
        }
    }

    fn becomes_ready(
        &self,
        direction: Direction,
        uncertain: bool,
        waiting: &mut Waiting,
        wake: &mut WakeList,
    ) {
        let uncertain = if uncertain { Seen::UNCERTAIN } else { 0 };
        // What was seen before cannot be cleared any more once this is counted.
        let next = |seen: u32| {
            let seen = seen & !Seen::AWAITED;
            Some(seen.wrapping_add(Seen::EVENT) | Seen::READY | uncertain)
        };
        let readiness = self.of(direction);
        let (Ok(before) | Err(before)) =
            readiness.fetch_update(Ordering::Release, Ordering::Relaxed, next);
        if Seen(before).is(Seen::AWAITED) {
            waiting.take_all(direction, wake);
        }
    }

    /// Parks an operation; returns its previous waker, to be dropped outside the
    /// lock.
    ///
    /// # Errors
    ///
    /// As of [`Waiting::set`].
    fn park(
        &self,
        waiting: &mut Waiting,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &Context<'_>,
    ) -> io::Result<Option<Waker>> {
        self.of(direction)
            .fetch_or(Seen::AWAITED, Ordering::Relaxed);
        waiting.set(direction, key, cx.waker())
    }

    /// Wakes all that wait, to look again.
    pub(crate) fn wake_all(&self) {
        // Declared first, to be dropped, and the wakers woken, after the lock.
        let mut wake = WakeList::default();
        let mut waiting = self.lock();
        for direction in Direction::BOTH {
            waiting.take_all(direction, &mut wake);
        }
    }

    /// Fails everything from now on.
    pub(super) fn shut_down(&self, wake: &mut WakeList) {
        let mut waiting = self.lock();
        for direction in Direction::BOTH {
            self.of(direction)
                .fetch_or(Seen::CONTEXT_GONE, Ordering::Relaxed);
            waiting.take_all(direction, wake);
        }
    }

    /// Attempts I/O until it has a result; parks the operation while the
    /// source is not ready. `key` is the operation's, to be given to
    /// [`forget`](Self::forget) when it is dropped.
    #[inline]
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
                if self.parks(direction, key, cx)? {
                    return Poll::Pending;
                }
                continue;
            }
            match attempt() {
                Ok((value, progress)) => {
                    if progress == Progress::Drained {
                        self.clear(direction, seen, false);
                    }
                    return Poll::Ready(Ok(value));
                }
                Err(error) => {
                    if let Some(error) = self.failed(direction, seen, error) {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }

    /// Parks an operation; returns whether it has, and the source has not become
    /// ready before.
    fn parks(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &Context<'_>,
    ) -> io::Result<bool> {
        let mut waiting = self.lock();
        if self.seen(direction)?.is(Seen::READY) {
            return Ok(false);
        }
        let previous = self.park(&mut waiting, direction, key, cx)?;
        drop(waiting);
        drop(previous);
        Ok(true)
    }

    /// Takes note of an attempt that has failed; returns the error, or that another
    /// attempt is due.
    fn failed(&self, direction: Direction, seen: Seen, error: io::Error) -> Option<io::Error> {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.clear(direction, seen, true);
                None
            }
            io::ErrorKind::Interrupted => None,
            _ => Some(error),
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
    /// If the context is gone, or no memory can be had.
    pub(crate) fn wait(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &Context<'_>,
    ) -> io::Result<()> {
        let mut waiting = self.lock();
        self.seen(direction)?;
        let previous = self.park(&mut waiting, direction, key, cx)?;
        drop(waiting);
        drop(previous);
        Ok(())
    }

    /// Makes a short read show nothing: of messages, there may be more.
    #[cfg(unix)]
    pub(crate) fn of_messages(self) -> Self {
        self.of(Direction::Read)
            .fetch_or(Seen::UNCERTAIN, Ordering::Relaxed);
        self
    }

    /// Returns whether nobody will tell that there is room, so that whoever waits for
    /// it has to ask the system to. It looks at once: room that there is already is
    /// told, too.
    pub(crate) fn is_unwatched(&self) -> bool {
        Seen(self.of(Direction::Write).load(Ordering::Acquire)).is(Seen::UNWATCHED)
    }

    /// Notes that the system has been asked.
    #[cfg(unix)]
    pub(crate) fn watched(&self) {
        self.of(Direction::Write)
            .fetch_and(!Seen::UNWATCHED, Ordering::Release);
    }

    /// Drops the waker of an operation that is going away.
    pub(crate) fn forget(&self, direction: Direction, key: WaiterKey) {
        let waker = self.lock().remove(direction, key);
        drop(waker);
    }

    /// Returns what is known of a direction.
    ///
    /// # Errors
    ///
    /// If the context is gone.
    #[inline]
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
    #[inline]
    fn clear(&self, direction: Direction, seen: Seen, certain: bool) {
        if certain || !seen.is(Seen::UNCERTAIN) {
            let next = seen.0 & !Seen::READY;
            // Fails after an event, or when another has been quicker, or waits.
            let _ = self.of(direction).compare_exchange(
                seen.0,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }

    #[inline]
    fn of(&self, direction: Direction) -> &AtomicU32 {
        &self.readiness[direction as usize]
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No foreign code runs under the lock but the clone of a waker.
        self.waiting.lock()
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;

// Where a lock is a number.
#[cfg(all(
    test,
    target_pointer_width = "64",
    target_os = "linux",
    not(async_op_loom)
))]
mod tests {
    use super::*;

    #[test]
    fn a_registration_and_its_count_are_one_cache_line() {
        assert_eq!(size_of::<usize>() + size_of::<Registration>(), 64);
    }
}
