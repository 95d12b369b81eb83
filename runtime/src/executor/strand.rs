//! One task at a time, in order.
//!
//! # Invariants
//!
//! - **I1** `running` is true exactly while somebody has the right to run the
//!   tasks of the strand: the `Task` made of its header, or the thread that runs
//!   it. Whoever makes it true has that right and passes it on or gives it up.
//! - **I2** The `Task` made of the header owns one count of the `Arc`, and there
//!   is one such task at the most (I1), so the header is in one queue at a time.
//! - **I3** `TOP` is null or points to the innermost record of this thread,
//!   which is alive on this thread's stack; so does each `outer`.

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::{Arc, PoisonError};

use super::{Executor, Unblock};
use crate::context::IoExecutor;
use crate::shim::{Mutex, MutexGuard, thread_local};
use crate::task::{Header, Task, TaskQueue, TaskVtable};

/// An executor that never runs two tasks at once, and runs them in the order
/// in which they were posted, on the threads of an inner executor.
///
/// Handlers that share state without a lock are bound to one strand. Clones are
/// the same strand.
///
/// A task dispatched from inside the strand runs in place; so does one that is
/// dispatched to an idle strand from a thread of the inner executor. Anything
/// else is queued. After the tasks that it found, the strand queues itself on
/// the inner executor again, so that it starves nobody. A task that panics
/// unwinds out of the inner executor's loop; the rest are run later.
///
/// ```
/// use async_op::{Executor, IoContext, Strand, Task};
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let strand = Strand::new(context.executor());
/// for n in 0..3 {
///     strand.post(Task::new(move || println!("task {n}, never beside another")));
/// }
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| context.run());
///     }
/// });
/// # Ok(())
/// # }
/// ```
///
/// # Allocation
///
/// One shared block per strand. Posting to it allocates nothing.
pub struct Strand<E: Executor> {
    state: Arc<State<E>>,
}

#[repr(C)] // `header` first: a `NonNull<Header>` is cast to this.
struct State<E> {
    header: Header,
    inner: E,
    shared: Mutex<Shared>,
}

// SAFETY: the header is used by whoever owns the `Task` made of it (I2);
// everything else is `Send` and `Sync`.
unsafe impl<E: Executor> Send for State<E> {}

// SAFETY: as above.
unsafe impl<E: Executor> Sync for State<E> {}

#[derive(Default)]
struct Shared {
    queue: TaskQueue,
    running: bool,
}

/// A thread that runs the tasks of a strand.
struct Record {
    strand: *const (),
    outer: *const Record,
}

thread_local! {
    static TOP: Cell<*const Record> = const { Cell::new(ptr::null()) };
}

impl<E: Executor> Strand<E> {
    /// Makes a strand on `inner`.
    pub fn new(inner: E) -> Self {
        Self {
            state: Arc::new(State {
                header: Header::new(const { &State::<E>::VTABLE }),
                inner,
                shared: Mutex::new(Shared::default()),
            }),
        }
    }

    /// Returns the executor that the strand runs on.
    pub fn inner(&self) -> &E {
        &self.state.inner
    }
}

impl<E: Executor> State<E> {
    const VTABLE: TaskVtable = TaskVtable {
        run: |header| {
            // SAFETY: by I2 the task's count is passed on to here.
            unsafe { Self::from_task(header) }.run_queue();
        },
        discard: |header| {
            // SAFETY: as in `run`.
            unsafe { Self::from_task(header) }.discard_queue();
        },
    };

    /// # Safety
    ///
    /// - `header` is that of the task made by `schedule`, which is consumed.
    unsafe fn from_task(header: NonNull<Header>) -> Arc<Self> {
        // SAFETY: `schedule` turned an `Arc` into this pointer.
        unsafe { Arc::from_raw(header.cast::<Self>().as_ptr()) }
    }

    /// Queues the strand on the inner executor.
    ///
    /// The caller has the right to run it (I1), and passes that on.
    fn schedule(self: Arc<Self>) {
        let this = Arc::into_raw(self);
        // SAFETY: made from an `Arc`.
        let header = unsafe { NonNull::new_unchecked(this.cast_mut()) }.cast::<Header>();
        // First, so that the right is given up when the clone panics.
        // SAFETY: by I1 there is no other task of this header; the vtable fits,
        // and the count of the `Arc` goes into the task (I2).
        let task = unsafe { Task::from_raw(header) };
        // SAFETY: alive while we have the task. Only shared references to the
        // state are ever made.
        let inner = unsafe { &*this }.inner.clone();
        // A copy: once posted, the state may be gone.
        inner.post(task);
    }

    /// Adds a task; returns whether the caller now has the right to run.
    fn push(&self, task: Task) -> bool {
        let mut shared = self.lock();
        shared.queue.push(task);
        !mem::replace(&mut shared.running, true)
    }

    /// Runs what is queued now; the caller has the right to (I1).
    fn run_queue(self: Arc<Self>) {
        let tasks = mem::take(&mut self.lock().queue);
        let mut batch = Batch {
            tasks,
            strand: self,
        };
        let strand = Arc::as_ptr(&batch.strand).cast();
        inside(strand, || {
            while let Some(task) = batch.tasks.pop() {
                task.run();
            }
        });
    }

    /// Drops what is queued: the inner executor is gone, and that with it. The
    /// caller has the right to run it (I1), and gives it up first: whoever posts
    /// meanwhile sees to its own task, so this ends.
    fn discard_queue(&self) {
        let mut shared = self.lock();
        let tasks = mem::take(&mut shared.queue);
        shared.running = false;
        drop(shared);
        drop(tasks);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // No foreign code runs under this lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tasks that are being run. When it is dropped, on unwind too, the rest go
/// back to the front, and the right to run is passed on or given up.
struct Batch<E: Executor> {
    tasks: TaskQueue,
    strand: Arc<State<E>>,
}

impl<E: Executor> Drop for Batch<E> {
    fn drop(&mut self) {
        let mut shared = self.strand.lock();
        let mut tasks = mem::take(&mut self.tasks);
        tasks.append(&mut shared.queue);
        shared.queue = tasks;
        if shared.queue.is_empty() {
            shared.running = false;
        } else {
            drop(shared);
            Arc::clone(&self.strand).schedule();
        }
    }
}

/// Calls `body` on this thread as part of `strand`.
fn inside(strand: *const (), body: impl FnOnce()) {
    struct Restore(*const Record);
    impl Drop for Restore {
        fn drop(&mut self) {
            TOP.with(|top| top.set(self.0));
        }
    }

    let record = Record {
        strand,
        outer: TOP.with(Cell::get),
    };
    let _restore = Restore(record.outer);
    TOP.with(|top| top.set(&raw const record));
    body();
}

impl<E: Executor> Executor for Strand<E> {
    fn post(&self, task: Task) {
        if self.state.push(task) {
            Arc::clone(&self.state).schedule();
        }
    }

    fn runs_here(&self) -> bool {
        let strand = Arc::as_ptr(&self.state).cast();
        let mut record = TOP.with(Cell::get);
        while !record.is_null() {
            // SAFETY: by I3 the record is alive, and only this thread has it.
            let Record {
                strand: other,
                outer,
            } = unsafe { &*record };
            if ptr::eq(*other, strand) {
                return true;
            }
            record = *outer;
        }
        false
    }

    fn dispatch(&self, task: Task) {
        if self.runs_here() {
            return task.run();
        }
        // Asked first: a panic would leave nobody with the right to run.
        let inner_runs_here = self.state.inner.runs_here();
        if self.state.push(task) {
            let state = Arc::clone(&self.state);
            if inner_runs_here {
                // It was idle: the task is the only one, or came first.
                state.run_queue();
            } else {
                state.schedule();
            }
        }
    }

    fn work_started(&self) {
        self.state.inner.work_started();
    }

    fn work_finished(&self) {
        self.state.inner.work_finished();
    }

    fn context(&self) -> Option<IoExecutor> {
        self.state.inner.context()
    }

    fn block(&self, until: &Unblock) {
        assert!(
            !self.runs_here(),
            "blocking inside a strand on an operation of the strand would wait for ever"
        );
        self.state.inner.block(until);
    }
}

impl<E: Executor> Clone for Strand<E> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
        }
    }
}

impl<E: Executor> PartialEq for Strand<E> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl<E: Executor> Eq for Strand<E> {}

impl<E: Executor + fmt::Debug> fmt::Debug for Strand<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strand")
            .field("inner", &self.state.inner)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
