//! The place of a runner, which all runners of its context can reach.

use std::task::Waker;

use allocator_api2::vec::Vec;

use crate::alloc::Recycling;
use crate::shim::{AtomicU32, Condvar, Mutex, MutexGuard, Ordering};
use crate::task::{Task, TaskQueue};

/// So many tasks move at a time, under the locks of two queues.
pub(super) const MOVED_AT_ONCE: usize = 32;

/// Tasks, and how many.
#[derive(Default)]
pub(super) struct Backlog {
    tasks: TaskQueue,
    len: usize,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(super) fn push(&mut self, task: Task) {
        self.tasks.push(task);
        self.len += 1;
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Task> {
        let task = self.tasks.pop()?;
        self.len -= 1;
        Some(task)
    }

    /// Moves all of `other` behind these.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.tasks.append(&mut other.tasks);
        self.len += std::mem::take(&mut other.len);
    }

    /// Takes the first `len` out, if there are so many.
    pub(super) fn take(&mut self, len: usize) -> Self {
        if len >= self.len {
            return std::mem::take(self);
        }
        let mut taken = Self::default();
        while taken.len < len
            && let Some(task) = self.pop()
        {
            taken.push(task);
        }
        taken
    }
}

/// What a runner is about to do, and where it sleeps.
///
/// Its owner adds to it; whoever has the lock of the scheduler may take from it. That
/// lock comes first, then this one's; nobody has those of two seats.
#[repr(align(128))] // Seats of two runners share no cache line, nor a pair of them.
pub(super) struct Seat {
    inner: Mutex<Inner>,
    /// How many tasks there are: changed with the lock held, read without it.
    len: AtomicU32,
    /// How many tasks the owner has started, modulo 2^32: where that stands still, it is
    /// held up in one.
    started: AtomicU32,
    /// Where the owner sleeps, with the lock of the scheduler.
    pub(super) bed: Condvar,
}

#[derive(Default)]
struct Inner {
    backlog: Backlog,
    /// What is still to be woken of what the last wait has brought, the first at the
    /// end: whoever runs the context inside of a waker goes on with it, or else another
    /// runner, where the owner is held up in one.
    to_wake: Wakers,
}

pub(super) type Wakers = Option<Vec<Waker, Recycling>>;

impl Seat {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::default(),
            len: AtomicU32::new(0),
            started: AtomicU32::new(0),
            bed: Condvar::new(),
        }
    }

    /// Adds a task of the owner's; returns how many there are now.
    #[inline]
    pub(super) fn push(&self, task: Task) -> usize {
        let mut inner = self.lock();
        inner.backlog.push(task);
        self.note_len(&inner)
    }

    /// Takes the next task out, for the owner to run.
    #[inline]
    pub(super) fn pop(&self) -> Option<Task> {
        // Only the owner adds: what it sees is no less than what there is.
        if self.len() == 0 {
            return None;
        }
        let mut inner = self.lock();
        let task = inner.backlog.pop();
        self.note_len(&inner);
        drop(inner);
        let started = self.started().wrapping_add(1);
        self.started.store(started, Ordering::Relaxed);
        task
    }

    /// Adds tasks, behind the others.
    pub(super) fn append(&self, mut tasks: Backlog) {
        let mut inner = self.lock();
        inner.backlog.append(&mut tasks);
        self.note_len(&inner);
    }

    /// Takes tasks out, for another to run: of so many so many.
    pub(super) fn take(&self, share: impl FnOnce(usize) -> usize) -> Backlog {
        let mut inner = self.lock();
        let len = share(inner.backlog.len());
        let taken = inner.backlog.take(len);
        self.note_len(&inner);
        taken
    }

    /// Leaves wakers to be woken; all that were have been.
    pub(super) fn set_to_wake(&self, wakers: Wakers) {
        let old = std::mem::replace(&mut self.lock().to_wake, wakers);
        debug_assert!(old.is_none());
    }

    /// Takes out what is still to be woken.
    pub(super) fn take_to_wake(&self) -> Wakers {
        self.lock().to_wake.take()
    }

    /// Takes the next waker out.
    pub(super) fn next_to_wake(&self) -> Option<Waker> {
        let mut inner = self.lock();
        let wakers = inner.to_wake.as_mut()?;
        let next = wakers.pop();
        // Its memory goes back after the lock.
        let spent = if wakers.is_empty() {
            inner.to_wake.take()
        } else {
            None
        };
        drop(inner);
        drop(spent);
        next
    }

    /// How many tasks there are, or just were.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed) as usize
    }

    /// How many tasks there are. What was added before, by an owner who did not know
    /// what the caller has written before, is among them.
    pub(super) fn exact_len(&self) -> usize {
        self.lock().backlog.len()
    }

    /// How many tasks the owner has started.
    #[inline]
    pub(super) fn started(&self) -> u32 {
        self.started.load(Ordering::Relaxed)
    }

    #[inline]
    fn note_len(&self, inner: &Inner) -> usize {
        let len = inner.backlog.len();
        self.len.store(len as u32, Ordering::Relaxed);
        len
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No foreign code runs under this lock.
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
