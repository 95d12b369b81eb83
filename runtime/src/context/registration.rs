use std::io;
use std::task::Context;

use super::known::{Known, Seen};
use super::waiters::Waiters;
use super::{Brought, WaiterKey};
use crate::alloc::{CacheLine, Shared};
use crate::cancel::error::context_gone;
use crate::shim::{Mutex, MutexGuard};
use crate::task::initiating::OperationId;
use crate::task::parked::{Ended, Parked, Parking};

/// What the system has said of one source of events, and who waits for more.
///
/// Known is edge-triggered and cached per direction: it stands until an
/// attempt shows that it is used up.
///
/// With the count of its handles it is one cache line.
pub(crate) struct Registration {
    known: [Known; 2],
    /// Those who wait under the lock have said so in the word before: an event finds
    /// that there, and comes for them.
    waiting: Mutex<Waiters>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    pub(super) const BOTH: [Self; 2] = [Self::Read, Self::Write];
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
        Self::with(Known::new(false, false), Known::new(false, false))
    }
}

/// A registration that a source shares with its reactor.
pub(crate) type SharedRegistration = Shared<Registration, CacheLine>;

impl Registration {
    /// A source that can surely be written to: no need to wait for the event
    /// that says so.
    #[cfg(unix)]
    pub(crate) fn writable() -> Self {
        Self::with(Known::new(false, false), Known::new(true, false))
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
        Self::with(Known::new(false, false), Known::new(true, asks_later))
    }

    /// A source of which nothing is known: an attempt in a direction that it does
    /// not have fails, while the event that it would wait for never comes.
    #[cfg(unix)]
    pub(crate) fn untried() -> Self {
        Self::with(Known::new(true, false), Known::new(true, false))
    }

    fn with(read: Known, write: Known) -> Self {
        Self {
            known: [read, write],
            waiting: Mutex::default(),
        }
    }

    /// Notes an event, the one with this `number`; who waited for it goes to `brought`.
    #[inline(always)]
    pub(super) fn notify(&self, event: &mio::event::Event, number: usize, brought: &mut Brought) {
        let (read_closed, write_closed) = (event.is_read_closed(), event.is_write_closed());
        if read_closed || write_closed || event.is_priority() || event.is_error() {
            return self.notify_of_more(event, number, brought);
        }
        if event.is_readable() {
            self.becomes_ready(Direction::Read, number, false, brought);
        }
        if event.is_writable() {
            self.becomes_ready(Direction::Write, number, false, brought);
        }
    }

    /// Notes an event that tells of more than that there is data, or room.
    #[cold]
    fn notify_of_more(&self, event: &mio::event::Event, number: usize, brought: &mut Brought) {
        let failed = event.is_error();
        let (read_closed, write_closed) = (event.is_read_closed(), event.is_write_closed());
        if event.is_readable() || read_closed || failed {
            let is_uncertain = read_closed || event.is_priority() || failed;
            self.becomes_ready(Direction::Read, number, is_uncertain, brought);
        }
        if event.is_writable() || write_closed || failed {
            let is_uncertain = write_closed || failed;
            self.becomes_ready(Direction::Write, number, is_uncertain, brought);
        }
    }

    #[inline]
    fn becomes_ready(
        &self,
        direction: Direction,
        number: usize,
        is_uncertain: bool,
        brought: &mut Brought,
    ) {
        let (leaf, is_awaited) = self.of(direction).event(number, is_uncertain);
        if let Some(leaf) = leaf {
            brought.leaves.push(leaf);
        }
        if is_awaited {
            self.take_all(direction, brought);
        }
    }

    #[inline(never)]
    fn take_all(&self, direction: Direction, brought: &mut Brought) {
        let Brought { wake, leaves } = brought;
        self.lock().take_all(direction, wake, leaves);
    }

    /// Has all who wait look again, as an event would that the system does not tell of.
    #[cfg(any(not(unix), all(test, async_op_loom)))]
    pub(crate) fn look_again(&self) {
        let mut brought = Brought::default();
        for direction in Direction::BOTH {
            let (leaf, is_awaited) = self.of(direction).ready();
            if let Some(leaf) = leaf {
                brought.leaves.push(leaf);
            }
            if is_awaited {
                self.take_all(direction, &mut brought);
            }
        }
        while let Some(leaf) = brought.leaves.pop() {
            leaf.post();
        }
    }

    /// Cancels the leaves that wait, and wakes all others, to look again.
    pub(crate) fn cancel_all(&self) {
        let mut brought = Brought::default();
        self.take_everybody(Known::disturb, &mut brought);
        brought.end(Ended::Cancelled);
    }

    /// Fails everything from now on; who waits goes to `brought`.
    pub(super) fn shut_down(&self, brought: &mut Brought) {
        self.take_everybody(Known::end, brought);
    }

    fn take_everybody(&self, take: impl Fn(&Known) -> Option<Parked>, brought: &mut Brought) {
        for direction in Direction::BOTH {
            // First, so that those who come later find it so.
            if let Some(leaf) = take(self.of(direction)) {
                brought.leaves.push(leaf);
            }
            self.take_all(direction, brought);
        }
    }

    /// Attempts I/O until it has a result, or has to wait for more than has been seen. What
    /// succeeds without a value is a part of it: more is due, when others have been asked.
    ///
    /// `check` comes after the look at what is known: what it finds to be so, whoever
    /// parks the operation then finds changed if it is no longer so.
    #[inline]
    pub(crate) fn attempt<T>(
        &self,
        direction: Direction,
        mut check: impl FnMut() -> io::Result<()>,
        mut attempt: impl FnMut() -> io::Result<(Option<T>, Progress)>,
    ) -> Result<io::Result<Option<T>>, Seen> {
        loop {
            let seen = self.see(direction);
            if let Err(error) = check() {
                return Ok(Err(error));
            }
            if !seen.is_ready() {
                if seen.is_gone() {
                    return Ok(Err(context_gone()));
                }
                return Err(seen);
            }
            match attempt() {
                Ok((value, progress)) => {
                    if progress == Progress::Drained {
                        self.of(direction).clear(seen, false);
                    }
                    return Ok(Ok(value));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.of(direction).clear(seen, true),
                    io::ErrorKind::Interrupted => {}
                    _ => return Ok(Err(error)),
                },
            }
        }
    }

    /// Attempts I/O once, whatever is known of the source.
    pub(crate) fn try_io<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut() -> io::Result<(T, Progress)>,
    ) -> io::Result<T> {
        let seen = self.see(direction);
        if seen.is_gone() {
            return Err(context_gone());
        }
        loop {
            match attempt() {
                Ok((value, progress)) => {
                    if progress == Progress::Drained {
                        self.of(direction).clear(seen, false);
                    }
                    return Ok(value);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        self.of(direction).clear(seen, true);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Parks an operation that is awaited; `key` is the operation's, to be given to
    /// [`forget`](Self::forget) when it is dropped. Returns whether it has to wait: the
    /// source has not become ready before.
    ///
    /// # Errors
    ///
    /// If the context is gone, or no memory can be had.
    pub(crate) fn parks(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &Context<'_>,
    ) -> io::Result<bool> {
        self.park(direction, key, cx, Seen::is_ready)
    }

    /// Parks an operation, whether the source is ready or not.
    ///
    /// # Errors
    ///
    /// If the context is gone, or no memory can be had.
    #[cfg(unix)]
    pub(crate) fn wait(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &Context<'_>,
    ) -> io::Result<()> {
        self.park(direction, key, cx, |_| false).map(drop)
    }

    fn park(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &Context<'_>,
        is_due: impl Fn(Seen) -> bool,
    ) -> io::Result<bool> {
        let mut waiting = self.lock();
        let seen = self.of(direction).begin_to_wait();
        if seen.is_gone() {
            return Err(context_gone());
        }
        if is_due(seen) {
            return Ok(false);
        }
        let previous = waiting.set(direction, key, cx.waker())?;
        drop(waiting);
        drop(previous);
        Ok(true)
    }

    /// Returns whether leaves wait under the lock.
    #[cold]
    pub(super) fn has_leaves(&self, direction: Direction) -> bool {
        self.lock().has_leaves(direction)
    }

    /// Parks a leaf behind those that wait already.
    #[cold]
    pub(super) fn park_behind(
        &self,
        direction: Direction,
        leaf: Parked,
        is_due: impl FnOnce() -> bool,
    ) -> Parking {
        let mut waiting = self.lock();
        let seen = self.of(direction).begin_to_wait();
        // Where the first of them has left its place free, that is no reason to be before
        // the rest.
        let is_first = seen.has_room() && !waiting.has_leaves(direction);
        if seen.is_ready() || is_first || seen.is_gone() || is_due() {
            return Parking::Due(leaf);
        }
        match waiting.add_leaf(direction, leaf) {
            Ok(()) => Parking::Parked,
            Err((leaf, error)) => Parking::Failed(leaf, error),
        }
    }

    /// Takes out the leaf of `operation`, which is at `address`, unless it waits no more.
    pub(super) fn take(
        &self,
        direction: Direction,
        address: usize,
        operation: OperationId,
    ) -> Option<Parked> {
        if let Some(leaf) = self.of(direction).take(address) {
            if leaf.operation() == operation {
                return Some(leaf);
            }
            // Another has its memory now, and looks again.
            leaf.post();
        }
        self.lock().remove_leaf(direction, operation)
    }

    /// Makes a short read show nothing: of messages, there may be more.
    #[cfg(unix)]
    pub(crate) fn of_messages(self) -> Self {
        self.of(Direction::Read).is_never_certain();
        self
    }

    /// Returns whether nobody will tell that there is room, so that whoever waits for
    /// it has to ask the system to. It looks at once: room that there is already is
    /// told, too.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.see(Direction::Write).is_unwatched()
    }

    /// Notes that the system has been asked.
    #[cfg(unix)]
    pub(crate) fn watched(&self) {
        self.of(Direction::Write).watched();
    }

    /// Drops the waker of an operation that is going away.
    pub(crate) fn forget(&self, direction: Direction, key: WaiterKey) {
        let waker = self.lock().remove(direction, key);
        drop(waker);
    }

    /// Returns what is known of a direction.
    #[inline]
    pub(crate) fn see(&self, direction: Direction) -> Seen {
        self.of(direction).see()
    }

    #[inline]
    pub(super) fn of(&self, direction: Direction) -> &Known {
        &self.known[direction as usize]
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
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
