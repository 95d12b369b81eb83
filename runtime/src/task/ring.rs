//! A bounded queue of tasks, filled by one thread and emptied by all.
//!
//! # Invariants
//!
//! - **I1** The ring owns the tasks in the slots from `head` up to `tail`; there are no
//!   more than [`CAPACITY`]. Both only grow, and each slot there holds the pointer of a
//!   [`Task`].
//! - **I2** Only `push` writes slots and `tail`, and only one thread at a time is in it,
//!   which sees what those before it did.
//! - **I3** Whoever moves `head` past a slot, by a compare-exchange, owns its task. It has
//!   read the slot before, and nobody writes a slot that `head` has not passed.

use std::array;
use std::ptr::{self, NonNull};

use super::{Header, Task, TaskQueue};
use crate::shim::{AtomicPtr, AtomicUsize, Ordering, fence};

/// How many tasks a ring holds.
#[cfg(not(async_op_loom))]
const CAPACITY: usize = 256;
#[cfg(async_op_loom)]
const CAPACITY: usize = 2;
/// How many are taken at a time.
pub(crate) const MOVED: usize = if CAPACITY < 32 { CAPACITY } else { 32 };

/// Tasks in order. Dropping it drops them.
pub(crate) struct Ring {
    // Numbers that do not come again: 64 bits last for centuries, and 32 unless one who
    // takes sleeps between two of its reads while exactly four billion tasks pass.
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: [AtomicPtr<Header>; CAPACITY],
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Adds a task, if there is room; returns how many there are now, or just were.
    ///
    /// Either somebody who has written an atomic (`SeqCst`) and then reads
    /// [`len`](Self::len) counts the task, or the caller, who reads the atomic (`SeqCst`)
    /// next, sees what was written.
    ///
    /// # Safety
    ///
    /// - No other thread is in this function, and the one that was last has passed that
    ///   on to the caller.
    #[inline]
    pub(crate) unsafe fn push(&self, task: Task) -> Result<usize, Task> {
        let tail = self.tail.load(Ordering::Relaxed);
        // Acquire: who has taken the task out of the slot has read the slot before.
        let len = tail.wrapping_sub(self.head.load(Ordering::Acquire));
        if len == CAPACITY {
            return Err(task);
        }
        let slot = &self.slots[tail % CAPACITY];
        slot.store(task.into_raw().as_ptr(), Ordering::Relaxed);
        // This publishes the slot, and the task with it.
        self.tail.store(tail.wrapping_add(1), Ordering::SeqCst);
        order_all();
        Ok(len + 1)
    }

    /// Takes the first task out.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        let mut head = self.head.load(Ordering::Acquire);
        // Acquire: the tasks, with their slots.
        while self.tail.load(Ordering::Acquire) != head {
            let task = self.slots[head % CAPACITY].load(Ordering::Relaxed);
            match self.pass(head, 1) {
                // SAFETY: by I1 and I3 the slot held a task, which is ours now.
                Ok(()) => return Some(unsafe { from_slot(task) }),
                Err(now) => head = now,
            }
        }
        None
    }

    /// Moves the first tasks to the end of a queue: of so many so many, and no more than
    /// [`MOVED`]. All at once, or none, if others take some just now.
    pub(crate) fn take(&self, share: impl FnOnce(usize) -> usize, queue: &mut TaskQueue) {
        let head = self.head.load(Ordering::Acquire);
        // Acquire: as above. Read later, it may be too far ahead, but not behind.
        let len = self.tail.load(Ordering::Acquire).wrapping_sub(head);
        let count = share(len.min(CAPACITY)).min(MOVED);
        let mut tasks = [ptr::null_mut(); MOVED];
        for (n, task) in tasks[..count].iter_mut().enumerate() {
            *task = self.slots[head.wrapping_add(n) % CAPACITY].load(Ordering::Relaxed);
        }
        if count > 0 && self.pass(head, count).is_ok() {
            for task in &tasks[..count] {
                // SAFETY: by I1 and I3 the slots held tasks, which are ours now.
                queue.push(unsafe { from_slot(*task) });
            }
        }
    }

    /// Moves `head` on, from where it was; returns where it is if it has moved since.
    #[inline]
    fn pass(&self, head: usize, count: usize) -> Result<(), usize> {
        let next = head.wrapping_add(count);
        // Release: the slots have been read before they are written again.
        let passed = self
            .head
            .compare_exchange(head, next, Ordering::Release, Ordering::Acquire);
        passed.map(|_| ())
    }

    /// How many tasks there are, or just were.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        order_all();
        let head = self.head.load(Ordering::SeqCst);
        // Read later, it is not behind.
        let tail = self.tail.load(Ordering::SeqCst);
        tail.wrapping_sub(head).min(CAPACITY)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

/// # Safety
///
/// - `task` was in a slot that the caller has moved `head` past.
#[inline]
unsafe fn from_slot(task: *mut Header) -> Task {
    // SAFETY: by I1 the pointer of a task.
    let header = unsafe { NonNull::new_unchecked(task) };
    // SAFETY: by I3 the task is the caller's.
    unsafe { Task::from_raw(header) }
}

/// Loom does not know that all `SeqCst` accesses have one order, but that fences have.
fn order_all() {
    if cfg!(async_op_loom) {
        fence(Ordering::SeqCst);
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;
