use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::{WaiterKey, Waiters, WakeList, context_gone};

/// What the system has said of one source of events, and who waits for more.
///
/// Readiness is edge-triggered and cached per direction: it stands until an
/// attempt shows that it is used up.
#[derive(Default)]
pub(crate) struct Registration {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    directions: [Half; 2],
    context_gone: bool,
}

#[derive(Default)]
struct Half {
    ready: bool,
    /// Sticky: a short transfer does not show that nothing is left. Data and
    /// the end, or urgent data, which cuts reads short, can share one event, and
    /// none follows.
    uncertain: bool,
    /// Counts events: readiness seen at an earlier tick may not be cleared.
    tick: u32,
    waiters: Waiters,
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

impl Registration {
    /// A source that can surely be written to: no need to wait for the event
    /// that says so.
    pub(crate) fn writable() -> Self {
        let registration = Self::default();
        registration.lock().directions[Direction::Write as usize].ready = true;
        registration
    }

    /// A source of which nothing is known: an attempt in a direction that it does
    /// not have fails, while the event that it would wait for never comes.
    pub(crate) fn untried() -> Self {
        let registration = Self::writable();
        registration.lock().directions[Direction::Read as usize].ready = true;
        registration
    }

    /// Notes an event; the wakers of who waited for it go to `wake`.
    pub(super) fn notify(&self, event: &mio::event::Event, wake: &mut WakeList) {
        let failed = event.is_error();
        let mut state = self.lock();
        let [read, write] = &mut state.directions;
        read.notify(
            event.is_readable() || event.is_read_closed() || failed,
            event.is_read_closed() || event.is_priority() || failed,
            wake,
        );
        write.notify(
            event.is_writable() || event.is_write_closed() || failed,
            event.is_write_closed() || failed,
            wake,
        );
    }

    /// Wakes all that wait, to look again.
    pub(crate) fn wake_all(&self) {
        // Declared first, to be dropped, and the wakers woken, after the lock.
        let mut wake = WakeList::default();
        let mut state = self.lock();
        for half in &mut state.directions {
            half.waiters.take_all(&mut wake);
        }
    }

    /// Fails everything from now on.
    pub(super) fn shut_down(&self, wake: &mut WakeList) {
        let mut state = self.lock();
        state.context_gone = true;
        for half in &mut state.directions {
            half.waiters.take_all(wake);
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
            let tick = {
                let mut state = self.lock();
                if state.context_gone {
                    return Poll::Ready(Err(context_gone()));
                }
                let half = &mut state.directions[direction as usize];
                if !half.ready {
                    let previous = half.waiters.set(key, cx.waker());
                    drop(state);
                    drop(previous);
                    return Poll::Pending;
                }
                half.tick
            };
            match attempt() {
                Ok((value, progress)) => {
                    if progress == Progress::Drained {
                        self.clear(direction, tick, false);
                    }
                    return Poll::Ready(Ok(value));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.clear(direction, tick, true);
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
        let tick = {
            let state = self.lock();
            if state.context_gone {
                return Err(context_gone());
            }
            state.directions[direction as usize].tick
        };
        loop {
            match attempt() {
                Ok((value, progress)) => {
                    if progress == Progress::Drained {
                        self.clear(direction, tick, false);
                    }
                    return Ok(value);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        self.clear(direction, tick, true);
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
        let mut state = self.lock();
        if state.context_gone {
            return Err(context_gone());
        }
        let half = &mut state.directions[direction as usize];
        let previous = half.waiters.set(key, cx.waker());
        drop(state);
        drop(previous);
        Ok(())
    }

    /// Drops the waker of an operation that is going away.
    pub(crate) fn forget(&self, direction: Direction, key: WaiterKey) {
        let waker = self.lock().directions[direction as usize]
            .waiters
            .remove(key);
        drop(waker);
    }

    /// Notes that nothing is left, unless an event has come since `tick`. An
    /// inference from a short transfer does not stand where that is
    /// `uncertain`; `certain` is the system's own word.
    fn clear(&self, direction: Direction, tick: u32, certain: bool) {
        let mut state = self.lock();
        let half = &mut state.directions[direction as usize];
        if half.tick == tick && (certain || !half.uncertain) {
            half.ready = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Half {
    fn notify(&mut self, ready: bool, uncertain: bool, wake: &mut WakeList) {
        if ready {
            self.ready = true;
            self.uncertain |= uncertain;
            self.tick = self.tick.wrapping_add(1);
            self.waiters.take_all(wake);
        }
    }
}
