//! The record of a thread that runs a context.
//!
//! # Invariants
//!
//! - **I1** `TOP` is null or points to the innermost record of this thread,
//!   which is alive on this thread's stack until `TOP` is restored; so does
//!   each `outer`.
//! - **I2** A record is used by its own thread only, and a reference into
//!   `queue` is held only while code of this module and of `TaskQueue` runs,
//!   which calls nothing foreign.

use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::Arc;
use std::task::Waker;

use allocator_api2::vec::Vec;

use super::WakeList;
use super::reactor::Reactor;
use super::scheduler::Scheduler;
use crate::alloc::Recycling;
use crate::shim::thread_local;
use crate::task::{Task, TaskQueue};

pub(crate) struct Runner {
    scheduler: &'static Scheduler,
    pub(super) generation: u32,
    /// The context's, to wait in. It may have been shut down.
    pub(super) reactor: Option<Arc<Reactor>>,
    queue: UnsafeCell<TaskQueue>,
    /// Work that this thread has taken and given back, not yet added to the
    /// context's count.
    work: Cell<i32>,
    /// How many tasks may run before the scheduler looks around.
    pub(super) before_look: Cell<u32>,
    /// What is still to be woken of what the last wait has brought, the first at the
    /// end: whoever runs the context again inside of a waker goes on with it.
    to_wake: Cell<Option<Vec<Waker, Recycling>>>,
    outer: *const Runner,
}

thread_local! {
    static TOP: Cell<*const Runner> = const { Cell::new(ptr::null()) };
}

impl Runner {
    /// Calls `body` with a new record for this thread.
    pub(super) fn enter<R>(
        scheduler: &'static Scheduler,
        generation: u32,
        reactor: Option<Arc<Reactor>>,
        before_look: u32,
        body: impl FnOnce(&Self) -> R,
    ) -> R {
        struct Restore(*const Runner);
        impl Drop for Restore {
            fn drop(&mut self) {
                TOP.with(|top| top.set(self.0));
            }
        }

        let runner = Self {
            scheduler,
            generation,
            reactor,
            queue: UnsafeCell::new(TaskQueue::new()),
            work: Cell::new(0),
            before_look: Cell::new(before_look),
            to_wake: Cell::new(None),
            outer: TOP.with(Cell::get),
        };
        let _restore = Restore(runner.outer);
        TOP.with(|top| top.set(&raw const runner));
        body(&runner)
    }

    /// Returns the record of this thread for a context, if it runs it.
    #[inline]
    pub(crate) fn find<'a>(scheduler: &'static Scheduler, generation: u32) -> Option<&'a Self> {
        let mut runner = TOP.with(Cell::get);
        while !runner.is_null() {
            // SAFETY: by I1 the record is alive; by I2 only this thread has
            // it. The reference does not outlive the caller's own frame, which
            // is above the record's on the stack.
            let record = unsafe { &*runner };
            if ptr::eq(record.scheduler, scheduler) && record.generation == generation {
                return Some(record);
            }
            runner = record.outer;
        }
        None
    }

    #[inline]
    pub(super) fn push(&self, task: Task) {
        // SAFETY: by I2 nobody else has a reference.
        let queue = unsafe { &mut *self.queue.get() };
        queue.push(task);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Task> {
        // SAFETY: by I2 nobody else has a reference.
        let queue = unsafe { &mut *self.queue.get() };
        queue.pop()
    }

    /// Wakes what a wait has brought.
    #[inline]
    pub(super) fn wake(&self, mut wake: WakeList) {
        match wake.take_several() {
            None => drop(wake),
            Some(several) => {
                self.to_wake.set(Some(several));
                self.wake_rest();
            }
        }
    }

    /// Wakes what is still to be woken, even if one of them panics.
    pub(super) fn wake_rest(&self) {
        struct Rest<'a>(&'a Runner);
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                while let Some(waker) = self.0.next_to_wake() {
                    waker.wake();
                }
            }
        }

        let rest = Rest(self);
        while let Some(waker) = rest.0.next_to_wake() {
            waker.wake();
        }
    }

    fn next_to_wake(&self) -> Option<Waker> {
        let mut wakers = self.to_wake.take()?;
        let next = wakers.pop()?;
        self.to_wake.set(Some(wakers));
        Some(next)
    }

    pub(super) fn has_tasks(&self) -> bool {
        // SAFETY: by I2 nobody else has a reference.
        let queue = unsafe { &*self.queue.get() };
        !queue.is_empty()
    }

    /// Moves all of `other` behind this thread's tasks.
    pub(super) fn append(&self, other: &mut TaskQueue) {
        // SAFETY: by I2 nobody else has a reference.
        let queue = unsafe { &mut *self.queue.get() };
        queue.append(other);
    }

    /// Takes this thread's tasks out.
    pub(super) fn take_tasks(&self) -> TaskQueue {
        // SAFETY: by I2 nobody else has a reference.
        std::mem::take(unsafe { &mut *self.queue.get() })
    }

    #[inline]
    pub(super) fn add_work(&self, delta: i32) {
        self.work.set(self.work.get() + delta);
    }

    pub(super) fn take_work(&self) -> i32 {
        self.work.take()
    }
}
