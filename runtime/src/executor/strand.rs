//! One task at a time, in order.
//!
//! # Invariants
//!
//! - **I1** `running` is true exactly while somebody has the right to run the
//!   tasks of the strand: the `Task` made of its header, or the thread that runs
//!   it. Whoever makes it true has that right and passes it on or gives it up.
//! - **I2** The `Task` made of the header owns one handle of the state, and there
//!   is one such task at the most (I1), so the header is in one queue at a time.
//! - **I3** `TOP` is null or points to the innermost record of this thread,
//!   which is alive on this thread's stack; so does each `outer`.

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ptr::{self, NonNull};

use super::{Executor, Unblock};
use crate::alloc::Shared;
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
/// use async_op::{Executor, IoContext};
/// use async_op::executor::Strand;
/// use async_op::task::Task;
///
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
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Allocation
///
/// One shared block per strand, in recycled memory. Posting to it allocates nothing.
#[doc(alias = "strand")]
#[doc(alias = "make_strand")]
pub struct Strand<E: Executor> {
    state: Shared<State<E>>,
}

#[repr(C)] // `header` first: a `NonNull<Header>` is cast to this.
struct State<E> {
    header: Header,
    inner: E,
    shared: Mutex<Queued>,
}

// SAFETY: the header is used by whoever owns the `Task` made of it (I2);
// everything else is `Send` and `Sync`.
unsafe impl<E: Executor> Send for State<E> {}

// SAFETY: as above.
unsafe impl<E: Executor> Sync for State<E> {}

#[derive(Default)]
struct Queued {
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
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::executor::{Strand, ThreadPool};
    /// use async_op::time::Timer;
    /// use async_op::bind_executor;
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let strand = Strand::new(pool.executor());
    /// for _ in 0..2 {
    ///     // These two never run at once, though the pool has two threads.
    ///     Timer::new(&pool.executor()).async_wait(bind_executor(
    ///         strand.clone(),
    ///         |result: std::io::Result<()>| result.unwrap(),
    ///     ));
    /// }
    /// pool.join();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(inner: E) -> Self {
        let state = State {
            header: Header::new(const { &State::<E>::VTABLE }),
            inner,
            shared: Mutex::new(Queued::default()),
        };
        Self {
            state: Shared::new(state, "Strand"),
        }
    }

    /// Returns the executor that the strand runs on.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::executor::Strand;
    ///
    /// let context = IoContext::new()?;
    /// let strand = Strand::new(context.executor());
    /// assert!(*strand.inner() == context.executor());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn inner(&self) -> &E {
        &self.state.inner
    }
}

impl<E: Executor> State<E> {
    const VTABLE: TaskVtable = TaskVtable {
        run: |header| {
            // SAFETY: by I2 the task's handle is passed on to here.
            Self::run_queue(unsafe { Self::from_task(header) });
        },
        discard: |header| {
            // SAFETY: as in `run`.
            unsafe { Self::from_task(header) }.discard_queue();
        },
    };

    /// # Safety
    ///
    /// - `header` is that of the task made by `schedule`, which is consumed.
    unsafe fn from_task(header: NonNull<Header>) -> Shared<Self> {
        // SAFETY: `schedule` turned a handle into this pointer.
        unsafe { Shared::from_pointer(header.cast()) }
    }

    /// Queues the strand on the inner executor.
    ///
    /// The caller has the right to run it (I1), and passes that on.
    fn schedule(this: Shared<Self>) {
        let this = Shared::into_pointer(this);
        // First, so that the right is given up when the clone panics.
        // SAFETY: by I1 there is no other task of this header; the vtable fits,
        // and the handle goes into the task (I2).
        let task = unsafe { Task::from_raw(this.cast()) };
        // SAFETY: alive while we have the task. Only shared references to the
        // state are ever made.
        let inner = unsafe { this.as_ref() }.inner.clone();
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
    fn run_queue(this: Shared<Self>) {
        let tasks = mem::take(&mut this.lock().queue);
        let mut batch = Batch {
            tasks,
            strand: this,
        };
        let strand = batch.strand.id();
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

    /// Tells the strand from others.
    fn id(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        // No foreign code runs under this lock.
        self.shared.lock()
    }
}

/// Tasks that are being run. When it is dropped, on unwind too, the rest go
/// back to the front, and the right to run is passed on or given up.
struct Batch<E: Executor> {
    tasks: TaskQueue,
    strand: Shared<State<E>>,
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
            State::schedule(self.strand.clone());
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
            State::schedule(self.state.clone());
        }
    }

    fn runs_here(&self) -> bool {
        let strand = self.state.id();
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
            let state = self.state.clone();
            if inner_runs_here {
                // It was idle: the task is the only one, or came first.
                State::run_queue(state);
            } else {
                State::schedule(state);
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
            state: self.state.clone(),
        }
    }
}

impl<E: Executor> PartialEq for Strand<E> {
    fn eq(&self, other: &Self) -> bool {
        self.state.id() == other.state.id()
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
