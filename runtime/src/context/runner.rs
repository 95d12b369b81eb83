//! The record of a thread that runs a context.
//!
//! # Invariants
//!
//! - **I1** `TOP` is null or points to the innermost record of this thread,
//!   which is alive on this thread's stack until `TOP` is restored; so does
//!   each `outer`.
//! - **I2** A record is used by its own thread only, and a reference into
//!   `own` or `own_to_wake` is held only while code of this module and of `TaskQueue` runs,
//!   which calls nothing foreign.
//! - **I3** A seat belongs to one record at a time: it is given to the next under the
//!   lock of the scheduler, under which the last has given it back.

use std::cell::{Cell, UnsafeCell};
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::task::Waker;

use super::WakeList;
use super::reactor::Reactor;
use super::scheduler::Scheduler;
use super::seat::{Seat, Wakers};
use crate::shim::thread_local;
use crate::task::{Task, TaskQueue};

pub(crate) struct Runner {
    scheduler: &'static Scheduler,
    pub(super) generation: u32,
    /// The context's, to wait in. It may have been shut down.
    pub(super) reactor: Option<Arc<Reactor>>,
    pub(super) seat: Arc<Seat>,
    /// Which of the seats it is.
    pub(super) number: usize,
    tasks: Cell<Tasks>,
    own: UnsafeCell<TaskQueue>,
    /// What is still to be woken, where no other thread runs the context: elsewhere that is
    /// at the seat.
    own_to_wake: UnsafeCell<Option<Wakers>>,
    /// Tasks that had no room at the seat are in the shared queue, before all others;
    /// what comes after them goes there, too.
    pub(super) has_spilled: Cell<bool>,
    /// Work that this thread has taken and given back, not yet added to the
    /// context's count.
    work: Cell<i32>,
    /// How many tasks may run before the scheduler looks around.
    pub(super) before_look: Cell<u32>,
    /// Whether its last look at the reactor has brought all that there was.
    pub(super) has_seen_all: Cell<bool>,
    /// Why it has come back from its last sleep.
    pub(super) woken: Cell<Woken>,
    outer: *const Runner,
}

/// Where the tasks of a runner are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tasks {
    /// At its seat.
    Shared,
    /// In `own`: no other thread runs the context.
    Own,
    /// Nowhere: a handler of this thread has dropped the context.
    Gone,
}

/// Why a runner no longer sleeps.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Woken {
    /// It has just come.
    #[default]
    Here,
    /// It does not matter.
    Otherwise,
    /// It has been called.
    Called,
    /// It has watched for long enough.
    Expired,
}

thread_local! {
    static TOP: Cell<*const Runner> = const { Cell::new(ptr::null()) };
}

/// What a runner starts with.
pub(super) struct Start {
    pub(super) generation: u32,
    pub(super) reactor: Option<Arc<Reactor>>,
    pub(super) seat: Arc<Seat>,
    pub(super) number: usize,
    pub(super) tasks: Tasks,
    pub(super) before_look: u32,
}

impl Runner {
    /// Calls `body` with a new record for this thread.
    pub(super) fn enter<R>(
        scheduler: &'static Scheduler,
        start: Start,
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
            generation: start.generation,
            reactor: start.reactor,
            seat: start.seat,
            number: start.number,
            tasks: Cell::new(start.tasks),
            own: UnsafeCell::default(),
            own_to_wake: UnsafeCell::default(),
            has_spilled: Cell::new(false),
            work: Cell::new(0),
            before_look: Cell::new(start.before_look),
            has_seen_all: Cell::new(false),
            woken: Cell::default(),
            outer: TOP.with(Cell::get),
        };
        let _restore = Restore(runner.outer);
        TOP.with(|top| top.set(&raw const runner));
        body(&runner)
    }

    /// Returns the record of this thread for a context, if it runs it.
    #[inline]
    pub(crate) fn find<'a>(scheduler: &'static Scheduler, generation: u32) -> Option<&'a Self> {
        let top = TOP.with(Cell::get);
        if top.is_null() {
            return None;
        }
        // SAFETY: by I1 the record is alive; by I2 only this thread has it. The
        // reference does not outlive the caller's own frame, which is above the
        // record's on the stack.
        let record = unsafe { &*top };
        if record.is_of(scheduler, generation) {
            return Some(record);
        }
        record.find_outer(scheduler, generation)
    }

    #[inline]
    fn is_of(&self, scheduler: &'static Scheduler, generation: u32) -> bool {
        ptr::eq(self.scheduler, scheduler) && self.generation == generation
    }

    /// The rest of [`find`](Self::find): few run one context inside of another.
    #[cold]
    fn find_outer<'a>(&self, scheduler: &'static Scheduler, generation: u32) -> Option<&'a Self> {
        let mut runner = self.outer;
        while !runner.is_null() {
            // SAFETY: as in `find`.
            let record = unsafe { &*runner };
            if record.is_of(scheduler, generation) {
                return Some(record);
            }
            runner = record.outer;
        }
        None
    }

    #[inline]
    pub(super) fn tasks(&self) -> Tasks {
        self.tasks.get()
    }

    /// The context is gone: takes no more tasks.
    pub(super) fn close(&self) {
        self.tasks.set(Tasks::Gone);
    }

    /// Adds a task where no other runner sees it.
    #[inline]
    pub(super) fn push_own(&self, task: Task) {
        // SAFETY: by I2 nobody else has a reference.
        let own = unsafe { &mut *self.own.get() };
        own.push(task);
    }

    /// Adds a task at the seat, if there is room; returns how many there are now.
    #[inline]
    pub(super) fn push(&self, task: Task) -> Result<usize, Task> {
        if self.has_spilled.get() {
            return Err(task);
        }
        // SAFETY: by I2 and I3 no other thread pushes there.
        unsafe { self.seat.tasks.push(task) }
    }

    /// Takes the next task out, to be run: at the seat, or of its own.
    #[inline]
    pub(super) fn pop(&self, at_seat: bool) -> Option<Task> {
        if at_seat {
            let task = self.seat.tasks.pop()?;
            self.seat.start();
            return Some(task);
        }
        // SAFETY: by I2 nobody else has a reference.
        let own = unsafe { &mut *self.own.get() };
        #[cfg(feature = "test")]
        if let Some(simulation) = self.reactor.as_ref().and_then(|it| it.simulation()) {
            if !own.is_empty() {
                simulation.count_task();
                simulation.assert_goes_on();
            }
            own.turn(simulation.choose(own.len()));
        }
        own.pop()
    }

    pub(super) fn has_tasks(&self) -> bool {
        // SAFETY: by I2 nobody else has a reference.
        let own = unsafe { &*self.own.get() };
        !own.is_empty() || self.seat.tasks.len() > 0
    }

    /// Moves tasks behind this thread's, `most` or as many as there is room for.
    pub(super) fn fetch(&self, tasks: &mut TaskQueue, most: usize) {
        if self.tasks.get() != Tasks::Shared {
            // SAFETY: by I2 nobody else has a reference.
            let own = unsafe { &mut *self.own.get() };
            return own.append(tasks);
        }
        for _ in 0..most {
            let Some(task) = tasks.pop() else { return };
            // SAFETY: by I2 and I3 no other thread pushes there.
            if let Err(task) = unsafe { self.seat.tasks.push(task) } {
                return tasks.push_first(task);
            }
        }
    }

    /// Takes this thread's tasks out.
    pub(super) fn take_tasks(&self) -> TaskQueue {
        // SAFETY: by I2 nobody else has a reference.
        let mut tasks = mem::take(unsafe { &mut *self.own.get() });
        while let Some(task) = self.seat.tasks.pop() {
            tasks.push(task);
        }
        self.has_spilled.set(false);
        tasks
    }

    /// Wakes what a wait has brought.
    #[inline(never)]
    pub(super) fn wake(&self, mut wake: WakeList) {
        match wake.take_several() {
            None => drop(wake),
            Some(several) => self.wake_all(several),
        }
    }

    /// Wakes several, the first at the end.
    pub(super) fn wake_all(&self, wakers: Wakers) {
        let count = wakers.len();
        if self.tasks() == Tasks::Own {
            // SAFETY: by I2 nobody else has a reference.
            unsafe { *self.own_to_wake.get() = Some(wakers) };
        } else {
            self.seat.set_to_wake(wakers);
            // Any of them may hold this thread up.
            self.scheduler.call_for(count);
        }
        self.wake_rest();
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

    /// Takes out the next that is to be woken.
    #[inline]
    fn next_to_wake(&self) -> Option<Waker> {
        // SAFETY: by I2 nobody else has a reference.
        match unsafe { &mut *self.own_to_wake.get() } {
            Some(wakers) if !wakers.is_empty() => wakers.pop(),
            _ => self.next_to_wake_at_seat(),
        }
    }

    #[inline(never)]
    fn next_to_wake_at_seat(&self) -> Option<Waker> {
        // SAFETY: by I2 nobody else has a reference. It is empty.
        drop(unsafe { &mut *self.own_to_wake.get() }.take());
        self.seat.next_to_wake()
    }

    #[inline]
    pub(super) fn add_work(&self, delta: i32) {
        self.work.set(self.work.get() + delta);
    }

    #[inline]
    pub(super) fn has_work(&self) -> bool {
        self.work.get() != 0
    }

    pub(super) fn take_work(&self) -> i32 {
        self.work.take()
    }
}
