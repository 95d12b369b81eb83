//! Waits where there are no events of the system: until the time of a timer, or for another
//! thread.

use std::io;
use std::time::{Duration, Instant};

use super::Brought;
use super::bounds::Events;
use crate::shim::plain::{Condvar, Mutex, MutexGuard};

#[derive(Default)]
pub(super) struct Selector {
    /// Whether a wait is to end.
    is_due: Mutex<bool>,
    /// Of `is_due`.
    event: Condvar,
}

/// What the one thread has that waits.
pub(super) struct Waiting;

impl Waiting {
    /// Returns how long a wait may be that is about to begin and to end when `deadline` has
    /// come.
    pub(super) fn end_at(&mut self, deadline: Instant) -> Option<Duration> {
        Some(deadline.saturating_duration_since(Instant::now()))
    }
}

impl Selector {
    pub(super) fn new() -> io::Result<(Self, Waiting)> {
        Ok((Self::default(), Waiting))
    }

    /// Returns whether anything may come about that is neither a timer nor an interruption.
    pub(super) fn has_sources(&self) -> bool {
        false
    }

    /// Ends the wait that is under way, or the next one.
    pub(super) fn interrupt(&self) {
        *self.is_due.lock() = true;
        self.event.notify_one();
    }

    pub(super) fn wait(
        &self,
        _: &mut Waiting,
        timeout: Option<Duration>,
        _: &mut Brought,
    ) -> Events {
        let mut is_due = self.is_due.lock();
        if !*is_due && timeout != Some(Duration::ZERO) {
            // Whoever waits looks again, so a wait that ends too early does no harm.
            is_due = self.sleep(is_due, timeout);
        }
        Events {
            are_any: std::mem::take(&mut *is_due),
            are_all: true,
        }
    }

    #[cfg(not(all(target_family = "wasm", not(target_feature = "atomics"))))]
    fn sleep<'a>(
        &self,
        is_due: MutexGuard<'a, bool>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, bool> {
        match timeout {
            Some(timeout) => self.event.wait_timeout(is_due, timeout),
            None => self.event.wait(is_due),
        }
    }

    /// Where there is one thread alone, which nobody else could wake.
    #[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
    fn sleep<'a>(
        &self,
        is_due: MutexGuard<'a, bool>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, bool> {
        let timeout = timeout.expect(
            "a thread without others would wait for ever: what is outstanding is completed by \
             nobody but this thread",
        );
        std::thread::sleep(timeout);
        is_due
    }

    pub(super) fn shut_down(&self, _: &mut Brought) {}
}
