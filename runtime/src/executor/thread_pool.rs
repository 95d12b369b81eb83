use std::any::Any;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::{IoObject, WorkGuard};
use crate::context::{IoContext, IoExecutor};
use crate::shim::plain::Mutex;

/// A context and the threads that run it.
///
/// Its executor is that of an [`IoContext`], so I/O objects may belong to it. A
/// task that panics does not end its thread; the first panic is resumed in
/// [`join`](Self::join). Tasks do not start in the order in which they were posted, and
/// may wait for each other only where there are enough threads for all of them: see
/// [`IoContext::run`]. All of it runs on the threads of the pool, those that are
/// [attached](Self::attach) included, and on no other: whoever [blocks](crate::Blocking) on
/// an operation parks, even where no thread is free.
///
/// ```
/// use async_op::Executor;
/// use async_op::executor::ThreadPool;
/// use async_op::task::Task;
///
/// let pool = ThreadPool::new(2)?;
/// for n in 0..4 {
///     pool.executor().post(Task::new(move || println!("{n}")));
/// }
/// pool.join();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Dropping a pool stops it, and waits for the tasks that are running.
#[doc(alias = "thread_pool")]
pub struct ThreadPool {
    shared: Arc<Shared>,
    /// Until the pool is joined.
    work: Mutex<Option<WorkGuard<IoExecutor>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    context: IoContext,
    first_panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Shared {
    /// Runs the context until it is stopped or out of work.
    fn run(&self) {
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.context.run())) {
            self.first_panic.lock().get_or_insert(panic);
        }
    }
}

impl ThreadPool {
    /// Makes a pool of `threads` threads. With 0 it has those alone that are
    /// [attached](Self::attach).
    ///
    /// # Errors
    ///
    /// If the system has no descriptors or no threads left. Without memory the process is
    /// [aborted](crate#out-of-memory).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2)?;
    /// pool.join(); // nothing to wait for
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(threads: usize) -> io::Result<Self> {
        let context = IoContext::with_threads()?;
        let pool = Self {
            work: Mutex::new(Some(WorkGuard::new(context.executor()))),
            shared: Arc::new(Shared {
                context,
                first_panic: Mutex::default(),
            }),
            threads: Mutex::default(),
        };
        for n in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let builder = thread::Builder::new().name(format!("async-op pool {n}"));
            pool.threads
                .lock()
                .push(builder.spawn(move || shared.run())?);
        }
        Ok(pool)
    }

    /// Makes a pool of as many threads as the machine runs at once.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::Executor;
    /// use async_op::executor::ThreadPool;
    /// use async_op::task::Task;
    ///
    /// let pool = ThreadPool::with_available_parallelism()?;
    /// pool.executor().post(Task::new(|| println!("on one of them")));
    /// pool.join();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_available_parallelism() -> io::Result<Self> {
        Self::new(thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// Returns the executor of the pool.
    ///
    /// ```
    /// use async_op::executor::ThreadPool;
    /// use async_op::post_on;
    ///
    /// let pool = ThreadPool::new(2)?;
    /// post_on(&pool.executor(), || println!("on one of its threads"));
    /// pool.join();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn executor(&self) -> IoExecutor {
        self.shared.context.executor()
    }

    /// Lends the calling thread to the pool until it has been stopped, or
    /// joined and is out of work.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::Executor;
    /// use async_op::executor::ThreadPool;
    /// use async_op::task::Task;
    ///
    /// let pool = ThreadPool::new(0)?;
    /// let executor = pool.executor();
    /// executor.post(Task::new(|| println!("on the thread that is lent")));
    /// pool.join(); // there are no threads to wait for
    /// pool.attach(); // until there is no work left
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn attach(&self) {
        self.shared.run();
    }

    /// Makes the threads end as soon as their current tasks have; what is
    /// queued is not run.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::Executor;
    /// use async_op::executor::ThreadPool;
    /// use async_op::task::Task;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// pool.stop();
    /// pool.executor().post(Task::new(|| unreachable!("it has been stopped")));
    /// pool.join();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(&self) {
        self.shared.context.stop();
    }

    /// Waits until all work is done and the threads have ended. Called again,
    /// it does nothing. Without threads of its own it returns at once, and leaves the tasks
    /// to those that are [attached](Self::attach); a task that is posted afterwards is
    /// dropped with the pool.
    ///
    /// # Panics
    ///
    /// With the first panic of a task, if there was one; and on a thread of the
    /// pool, which would wait for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::Executor;
    /// use async_op::executor::ThreadPool;
    /// use async_op::task::Task;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let sum = Arc::new(AtomicU32::new(0));
    /// for n in 1..=4 {
    ///     let sum = sum.clone();
    ///     pool.executor().post(Task::new(move || drop(sum.fetch_add(n, Ordering::Relaxed))));
    /// }
    /// pool.join();
    /// assert_eq!(sum.load(Ordering::Relaxed), 10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join(&self) {
        assert!(
            !super::Executor::runs_here(&self.executor()),
            "joining a `ThreadPool` on one of its own threads would wait for ever"
        );
        self.finish();
        let panic = self.shared.first_panic.lock().take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    fn finish(&self) {
        drop(self.work.lock().take());
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.thread().id() != thread::current().id() {
                // It catches all panics.
                let _ = thread.join();
            }
        }
    }
}

impl IoObject for ThreadPool {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.context.executor()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.stop();
        self.finish();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("threads", &self.threads.lock().len())
            .finish_non_exhaustive()
    }
}
