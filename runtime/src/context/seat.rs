//! The place of a runner, which all runners of its context can reach.

use std::task::Waker;

use allocator_api2::vec::Vec;

use crate::alloc::Recycling;
use crate::shim::{AtomicU32, Condvar, Mutex, MutexGuard, Ordering};
use crate::task::ring::Ring;

/// What a runner is about to do, and where it sleeps.
///
/// Its owner adds to it and takes from it, without a lock; others take from it
/// with the lock of the scheduler.
#[repr(align(128))] // Seats of two runners share no cache line, nor a pair of them.
pub(super) struct Seat {
    pub(super) tasks: Ring,
    /// How many tasks the owner has started, modulo 2^32: where that stands still, it is
    /// held up in one.
    started: AtomicU32,
    /// What is still to be woken of what the last wait has brought, the first at the
    /// end: whoever runs the context inside of a waker goes on with it, or else another
    /// runner, where the owner is held up in one.
    to_wake: Mutex<Option<Wakers>>,
    /// Where the owner sleeps, with the lock of the scheduler.
    pub(super) bed: Condvar,
}

pub(super) type Wakers = Vec<Waker, Recycling>;

impl Seat {
    pub(super) fn new() -> Self {
        Self {
            tasks: Ring::new(),
            started: AtomicU32::new(0),
            to_wake: Mutex::default(),
            bed: Condvar::default(),
        }
    }

    /// How many tasks the owner has started.
    #[inline]
    pub(super) fn started(&self) -> u32 {
        self.started.load(Ordering::Relaxed)
    }

    /// The owner starts a task.
    #[inline]
    pub(super) fn start(&self) {
        let started = self.started().wrapping_add(1);
        self.started.store(started, Ordering::Relaxed);
    }

    /// Leaves wakers to be woken; all that were have been.
    pub(super) fn set_to_wake(&self, wakers: Wakers) {
        let old = self.to_wake().replace(wakers);
        debug_assert!(old.is_none());
    }

    /// Whether something is still to be woken.
    pub(super) fn has_to_wake(&self) -> bool {
        self.to_wake().is_some()
    }

    /// Takes out what is still to be woken.
    pub(super) fn take_to_wake(&self) -> Option<Wakers> {
        self.to_wake().take()
    }

    /// Takes the next waker out.
    pub(super) fn next_to_wake(&self) -> Option<Waker> {
        let mut to_wake = self.to_wake();
        let wakers = to_wake.as_mut()?;
        let next = wakers.pop();
        // Its memory goes back after the lock.
        let spent = wakers.is_empty().then(|| to_wake.take());
        drop(to_wake);
        drop(spent);
        next
    }

    fn to_wake(&self) -> MutexGuard<'_, Option<Wakers>> {
        // No foreign code runs under this lock.
        self.to_wake.lock()
    }
}
