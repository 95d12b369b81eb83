use std::io;
use std::num::NonZero;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::thread;

use super::{Executor, Unblock, WorkGuard};
use crate::context::{IoContext, IoExecutor};
use crate::shim::plain::Mutex;
use crate::task::Task;

/// The process-wide context, run by background threads of its own.
///
/// There are as many as the machine runs at once, but no fewer than two, so that a handler
/// that blocks does not stop the rest of the process, and no more than sixteen. All are
/// started on first use, and live as long as the process. They are those of a
/// [`ThreadPool`](super::ThreadPool): handlers may run at the same time, and do not start in
/// the order in which they were posted; a [`Strand`](super::Strand) has them run one by one.
/// A handler that panics is reported as any panic of a thread is, and the thread goes on.
/// Whoever [blocks](crate::Blocking) on an operation here parks.
///
/// A thread that waits costs its stack, of which some pages are in use, and next to no system
/// calls: a timer or an exchange over TCP is within a tenth of what it is with one thread.
///
/// ```
/// use async_op::executor::SystemContext;
/// use async_op::time::Timer;
///
/// let system = SystemContext::get()?; // an error here, rather than a panic later
/// Timer::new(&system.executor()).wait().blocking()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "system_context")]
#[derive(Debug)]
pub struct SystemContext {
    context: IoContext,
    /// Its threads never run out of it.
    _work: WorkGuard<IoExecutor>,
}

/// So many threads at least: one that blocks does not stop all.
const LEAST: usize = 2;
/// So many at most: whoever blocks more of them has a pool of its own.
const MOST: usize = 16;

impl SystemContext {
    /// Returns the context; starts it if this is its first use.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors or no thread for it. A later call tries
    /// again. If it has some threads but not all, these are enough.
    ///
    /// # Out of memory
    ///
    /// The first use aborts the process, as [`Arc::new`](std::sync::Arc::new) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::executor::SystemContext;
    ///
    /// SystemContext::get()?; // its threads run from here on
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn get() -> io::Result<&'static Self> {
        static CONTEXT: OnceLock<SystemContext> = OnceLock::new();
        static STARTING: Mutex<()> = Mutex::new(());

        if let Some(context) = CONTEXT.get() {
            return Ok(context);
        }
        let _starting = STARTING.lock();
        if let Some(context) = CONTEXT.get() {
            return Ok(context);
        }
        let context = IoContext::with_threads()?;
        let context = Self {
            _work: WorkGuard::new(context.executor()),
            context,
        };
        let run = || {
            // Whoever starts it is not done before it is there.
            drop(STARTING.lock());
            let Some(context) = CONTEXT.get() else {
                return;
            };
            loop {
                // The panic hook has reported it; what is queued is not lost.
                let _ = catch_unwind(AssertUnwindSafe(|| context.context.run()));
            }
        };
        let start = || {
            let thread = thread::Builder::new().name("async-op system".into());
            thread.spawn(run).map(drop)
        };
        start()?;
        let threads = thread::available_parallelism().map_or(LEAST, NonZero::get);
        for _ in 1..threads.clamp(LEAST, MOST) {
            if start().is_err() {
                break;
            }
        }
        Ok(CONTEXT.get_or_init(|| context))
    }

    /// Returns the executor of this context.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::Executor;
    /// use async_op::executor::SystemContext;
    /// use async_op::task::Task;
    ///
    /// let executor = SystemContext::get()?.executor();
    /// executor.post(Task::new(|| println!("on a background thread")));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn executor(&self) -> IoExecutor {
        self.context.executor()
    }
}

/// The executor of the [`SystemContext`].
///
/// The form that needs no set-up: operations on it work inside tokio, smol or
/// a bare `block_on` alike. Handlers may run at the same time, on several threads.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::time::Timer;
///
/// Timer::new(&SystemExecutor).wait().blocking()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// Any first use panics if the system cannot start the context; see
/// [`SystemContext::get`] to learn of that beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemExecutor;

impl Deref for SystemExecutor {
    type Target = IoExecutor;

    fn deref(&self) -> &IoExecutor {
        match SystemContext::get() {
            Ok(system) => &system.context,
            Err(error) => panic!("the system context could not be started: {error}"),
        }
    }
}

// Each use of the context asks whether it is there yet: once is enough code.
impl Executor for SystemExecutor {
    #[inline(never)]
    fn post(&self, task: Task) {
        (**self).post(task);
    }

    #[inline(never)]
    fn runs_here(&self) -> bool {
        (**self).runs_here()
    }

    #[inline(never)]
    fn defer(&self, task: Task) {
        (**self).defer(task);
    }

    #[inline(never)]
    fn work_started(&self) {
        (**self).work_started();
    }

    #[inline(never)]
    fn work_finished(&self) {
        (**self).work_finished();
    }

    fn context(&self) -> Option<IoExecutor> {
        Some(**self)
    }

    #[inline(never)]
    fn work_finished_on_runner(&self) -> bool {
        (**self).work_finished_on_runner()
    }

    fn block(&self, until: &Unblock) {
        (**self).block(until);
    }
}

/// Returns the context whose timers the operations of `executor` use.
pub(crate) fn timers_of(executor: &impl Executor) -> IoExecutor {
    executor.context().unwrap_or_else(|| *SystemExecutor)
}
