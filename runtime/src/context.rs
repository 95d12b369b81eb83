//! The event loop: queues, work counting, readiness and timers.

#[cfg(feature = "net")]
mod alarm;
mod bounds;
mod brought;
mod clock;
mod discard;
#[cfg(all(unix, feature = "net", any(feature = "tokio", feature = "async-io")))]
mod drive;
mod io_executor;
#[cfg(feature = "net")]
mod known;
mod life;
mod place;
mod reactor;
#[cfg(feature = "net")]
mod registration;
mod runner;
mod scheduler;
mod seat;
#[cfg(feature = "net")]
mod selector;
#[cfg(not(feature = "net"))]
mod sleep;
mod timers;
#[cfg(feature = "net")]
mod waiters;
#[cfg(debug_assertions)]
pub(crate) mod watch;

use self::brought::Brought;
pub(crate) use self::brought::WakeList;
#[cfg(feature = "test")]
pub(crate) use self::clock::Simulation;
pub use self::io_executor::IoExecutor;
#[cfg(feature = "net")]
pub(crate) use self::known::Seen;
#[cfg(feature = "net")]
pub(crate) use self::place::AtSource;
pub(crate) use self::place::{AtMoment, AtTimer, Finder, Place};
pub(crate) use self::reactor::{ContextGone, Due, Reactor, Renewal};
#[cfg(feature = "net")]
pub(crate) use self::registration::{Direction, Progress, Registration, SharedRegistration};
#[cfg(feature = "net")]
use self::selector::{Selector, Waiting};
#[cfg(not(feature = "net"))]
use self::sleep::{Selector, Waiting};
pub(crate) use self::timers::TimerKey;
#[cfg(feature = "net")]
pub(crate) use self::waiters::WaiterKey;

use std::fmt;
use std::io;
use std::ops::Deref;
#[cfg(feature = "test")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::bounds::{Bounds, Wait};
use self::clock::Clock;
use self::scheduler::Scheduler;

/// An event loop: runs the handlers of the operations whose I/O objects, timers
/// and executors belong to it.
///
/// Handlers run on the threads that call [`run`](Self::run) and its relatives,
/// and nowhere else. `run` returns when no operation is outstanding and no
/// [`WorkGuard`](crate::executor::WorkGuard) is held; the context is then
/// [`stopped`](Self::stopped), until [`restart`](Self::restart).
///
/// So somebody has to run it: a future that awaits one of its operations elsewhere,
/// as in `pollster::block_on`, does not, and waits for ever where no thread does.
/// [`Blocking`](crate::Blocking) runs it; for others see
/// [below](#on-a-thread-of-its-own).
///
/// Everything that belongs to a context holds a handle, [`IoExecutor`], never
/// the context. Dropping the context waits for threads that block on its operations,
/// and destroys the operations that it can reach, their handlers uncalled. From then on
/// operations of its objects complete with an error, if they have to wait, and a task
/// that is posted is destroyed on the thread that posts it.
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::sleep;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// sleep(&context, Duration::from_millis(1)).callback(|result| println!("{result:?}"));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # On a thread of its own
///
/// A [`WorkGuard`](crate::executor::WorkGuard) keeps `run` from returning while nothing is
/// outstanding:
///
/// ```
/// use async_op::IoContext;
/// use async_op::executor::WorkGuard;
/// use async_op::time::Timer;
/// use std::sync::Arc;
/// use std::thread;
///
/// let context = Arc::new(IoContext::new()?);
/// let work = WorkGuard::new(context.executor());
/// let background = Arc::clone(&context);
/// let thread = thread::spawn(move || background.run());
///
/// let timer = Timer::new(&context);
/// pollster::block_on(timer.wait())?; // here, or in any runtime
///
/// drop(work); // `run` returns when what is outstanding is over
/// thread.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Without the guard `run` returns before the first operation has been started, or
/// between two of them. The context is stopped then: what is started later has no
/// thread to complete on, and is waited for in vain. A handler that panics ends the
/// thread too, unless it catches that and calls `run` again.
///
/// # Awaited in another runtime
///
/// The operations of a context can be awaited in any runtime. What completes them is
/// one of these:
///
/// - **The system's context**, for I/O objects that are made with
///   [`SystemExecutor`](crate::SystemExecutor): it has threads already.
/// - **A thread** as above, for a context apart.
/// - **A task of the runtime**, which waits for the [descriptor](Self::timeout) of
///   the context: no other thread, and none to be woken for each result.
///
/// The last of these is one call, in tokio `drive_in_tokio` (feature `tokio`), in smol and
/// what else is made of `async-io` `drive_in_async_io` (feature `async-io`). For loops that
/// are no runtimes there is [`timeout`](Self::timeout).
///
/// Where nobody does any of it, a debug build says so on standard error, once: when an
/// operation has been awaited for a second on a context that nobody has run meanwhile, nor a
/// host waits for. The environment variable `ASYNC_OP_WATCH=0` silences that.
#[doc(alias = "io_context")]
#[doc(alias = "io_service")]
#[doc(alias = "Runtime")]
pub struct IoContext {
    handle: IoExecutor,
}

impl IoContext {
    /// Makes a context with an event queue of the operating system.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors left. Without memory the process is
    /// [aborted](crate#out-of-memory).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(context.run(), 0); // nothing to do
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> io::Result<Self> {
        Self::open(false, Clock::of_system())
    }

    /// Makes a context that one thread runs at a time, which it does with fewer
    /// instructions: a fifth less for each task that a handler posts.
    ///
    /// Other threads may use it in all other ways: post to it, start operations, stop it,
    /// and [block](crate::Blocking) on operations (one drives it, the others wait). The
    /// thread may change from one call of [`run`](Self::run) to the next. A handler must not
    /// wait for another task: nobody else would run it. (In Asio a concurrency hint of 1.)
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    ///
    /// let context = IoContext::for_one_thread()?;
    /// context.post(Task::new(|| println!("by the thread that runs the context")));
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// [`run`](Self::run) and its relatives panic if another thread is in one of them, or
    /// drives the context as it blocks.
    pub fn for_one_thread() -> io::Result<Self> {
        Self::open(true, Clock::of_system())
    }

    /// Makes a context with threads that run it, which is left to them: whoever blocks on
    /// an operation parks.
    pub(crate) fn with_threads() -> io::Result<Self> {
        let context = Self::open(false, Clock::of_system())?;
        context.handle.scheduler.leave_to_threads();
        Ok(context)
    }

    /// Makes a context for one thread, whose clock is that of `simulation`.
    #[cfg(feature = "test")]
    pub(crate) fn simulated(simulation: Arc<Simulation>) -> io::Result<Self> {
        let simulation = Some(simulation);
        Self::open(true, Clock { simulation })
    }

    fn open(for_one_thread: bool, clock: Clock) -> io::Result<Self> {
        let (scheduler, generation) = Scheduler::open(for_one_thread, clock)?;
        Ok(Self {
            handle: IoExecutor {
                scheduler,
                generation,
            },
        })
    }

    /// Returns the executor of this context.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    ///
    /// let context = IoContext::new()?;
    /// let executor = context.executor(); // a copy, for any thread
    /// std::thread::spawn(move || executor.post(Task::new(|| println!("here")))).join().unwrap();
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn executor(&self) -> IoExecutor {
        self.handle
    }

    /// Runs handlers until no work is left or the context is stopped; returns
    /// how many tasks it ran.
    ///
    /// A task is what an executor queues: a function that was posted, a handler that
    /// comes from elsewhere, an `async fn` that goes on after it has waited. A handler
    /// is no task of its own where its operation completes on this thread: inside of
    /// another task, or where a timer or an event says so, as when a limit on time
    /// calls a function of [`on_cancel`](crate::Completion::on_cancel) that completes
    /// its operation. So 0 means that no task has run, but a handler may have.
    ///
    /// # On several threads
    ///
    /// Any number of threads may call it, at any time: each task can be taken by any of
    /// them. A handler may wait for a task that it has posted, itself or by a waker that it
    /// has called, while another thread is in here with nothing to do. That thread takes
    /// the task at once or, where threads have been woken in vain just before, within two
    /// milliseconds; two such tasks in turn may take twice that. This does not hold for a
    /// task that was [deferred](crate::Executor::defer), and a thread that
    /// [blocks](crate::Blocking) on an operation is not such a thread.
    ///
    /// One thread alone runs tasks in the order in which they were posted. Several do not
    /// even start them in that order: a task may wait behind another while later ones run.
    /// So tasks that wait for each other need as many threads as there are of them, and
    /// order is what a [`Strand`](crate::executor::Strand) is for.
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::executor::Strand;
    /// use async_op::task::Task;
    /// use std::thread;
    ///
    /// let context = IoContext::new()?;
    /// let strand = Strand::new(context.executor());
    /// for n in 0..100 {
    ///     let strand = strand.clone();
    ///     context.post(Task::new(move || {
    ///         let square = n * n; // on any thread, beside others
    ///         strand.post(Task::new(move || println!("{square}"))); // one at a time
    ///     }));
    /// }
    /// thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| context.run());
    ///     }
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Inside a handler
    ///
    /// It may be called again; it then returns when there is nothing else to do. Not in the body of an
    /// operation, or a future that is [spawned](crate::spawn): that is outstanding, and
    /// the call would wait for it.
    ///
    /// # Panics
    ///
    /// If a handler does. Nothing is lost: call `run` again to go on.
    pub fn run(&self) -> usize {
        self.bounded(usize::MAX, Wait::Forever)
    }

    /// Runs at most one task, and waits for it; returns how many it ran, as
    /// [`run`](Self::run) counts them.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    ///
    /// let context = IoContext::new()?;
    /// for n in 0..2 {
    ///     context.post(Task::new(move || println!("{n}")));
    /// }
    /// assert_eq!(context.run_one(), 1);
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn run_one(&self) -> usize {
        self.bounded(1, Wait::Forever)
    }

    /// Runs handlers for at most `duration`; returns how many tasks it ran.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// sleep(&context, Duration::from_secs(3600)).callback(|_| ());
    /// assert_eq!(context.run_for(Duration::from_millis(1)), 0); // and not an hour
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn run_for(&self, duration: Duration) -> usize {
        self.bounded(usize::MAX, Wait::for_duration(duration))
    }

    /// Runs handlers until `deadline` at the latest; returns how many tasks it
    /// ran.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    /// use std::time::{Duration, Instant};
    ///
    /// let context = IoContext::new()?;
    /// for n in 0..2 {
    ///     context.post(Task::new(move || println!("{n}")));
    /// }
    /// assert_eq!(context.run_until(Instant::now() + Duration::from_secs(1)), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn run_until(&self, deadline: Instant) -> usize {
        self.bounded(usize::MAX, Wait::Until(deadline))
    }

    /// Runs at most one task, and waits at most `duration` for it; returns how
    /// many it ran.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// for n in 0..2 {
    ///     context.post(Task::new(move || println!("{n}")));
    /// }
    /// assert_eq!(context.run_one_for(Duration::from_secs(1)), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn run_one_for(&self, duration: Duration) -> usize {
        self.bounded(1, Wait::for_duration(duration))
    }

    /// Runs at most one task, and waits for it until `deadline` at the latest;
    /// returns how many it ran.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    /// use std::time::{Duration, Instant};
    ///
    /// let context = IoContext::new()?;
    /// for n in 0..2 {
    ///     context.post(Task::new(move || println!("{n}")));
    /// }
    /// assert_eq!(context.run_one_until(Instant::now() + Duration::from_secs(1)), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn run_one_until(&self, deadline: Instant) -> usize {
        self.bounded(1, Wait::Until(deadline))
    }

    /// Runs what is ready without waiting; returns how many tasks it ran.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    ///
    /// let context = IoContext::new()?;
    /// for n in 0..2 {
    ///     context.post(Task::new(move || println!("{n}")));
    /// }
    /// assert_eq!(context.poll(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll(&self) -> usize {
        self.bounded(usize::MAX, Wait::Never)
    }

    /// Runs at most one task that is ready, without waiting; returns how many
    /// it ran.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    ///
    /// let context = IoContext::new()?;
    /// for n in 0..2 {
    ///     context.post(Task::new(move || println!("{n}")));
    /// }
    /// assert_eq!(context.poll_one(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_one(&self) -> usize {
        self.bounded(1, Wait::Never)
    }

    /// Makes every `run` return as soon as its current handler has.
    ///
    /// What is queued stays queued, for after [`restart`](Self::restart): to be called
    /// when they have returned, as one that has not yet noticed goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    ///
    /// let context = IoContext::new()?;
    /// let executor = context.executor();
    /// context.post(Task::new(|| println!("the last one for now")));
    /// context.stop();
    /// assert_eq!(context.run(), 0);
    /// context.restart();
    /// assert_eq!(context.run(), 1);
    /// # let _ = executor;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(&self) {
        self.handle.scheduler.stop();
    }

    /// Returns whether `run` would return at once: after
    /// [`stop`](Self::stop), and after a `run` that found no work left.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    ///
    /// let context = IoContext::new()?;
    /// assert!(!context.stopped());
    /// context.run(); // finds no work
    /// assert!(context.stopped());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stopped(&self) -> bool {
        self.handle.scheduler.stopped()
    }

    /// Readies a stopped context to be run again.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    /// use async_op::task::Task;
    ///
    /// let context = IoContext::new()?;
    /// context.run(); // finds no work, and so stops
    /// context.post(Task::new(|| println!("later")));
    /// assert_eq!(context.run(), 0);
    /// context.restart();
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn restart(&self) {
        self.handle.scheduler.restart();
    }

    /// Returns how long a host that waits for the context's descriptor may wait
    /// before it calls [`poll`](Self::poll) anyway; `None` means for ever. Loops that count
    /// milliseconds want [`timeout_millis`](Self::timeout_millis).
    ///
    /// For event loops of others, such as those of user interfaces, of Python or
    /// of a C program, which drive a context by its one descriptor: without a
    /// thread of its own, and without looking again and again. (There is none on Windows; see
    /// the page [`hosts`](crate::guide::hosts) for what to do there.) The descriptor is
    /// the context's event queue (`AsFd`); it becomes readable when there is
    /// something to do, a task that another thread has posted included. Ask for
    /// the timeout after each `poll`, and after each operation started outside;
    /// and hold a [`WorkGuard`](crate::executor::WorkGuard), or a `poll` that leaves no work
    /// behind [stops](Self::stopped) the context.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # fn main() -> std::io::Result<()> {
    /// use async_op::IoContext;
    /// use async_op::executor::WorkGuard;
    /// use async_op::time::sleep;
    /// use std::os::fd::{AsFd, AsRawFd};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let _work = WorkGuard::new(context.executor());
    /// let done = Arc::new(AtomicBool::new(false));
    /// let flag = done.clone();
    /// let pause = sleep(&context, Duration::from_millis(2));
    /// pause.callback(move |_| flag.store(true, Ordering::Relaxed));
    ///
    /// // The host's loop, with many other descriptors.
    /// while !done.load(Ordering::Relaxed) {
    ///     let fd = context.as_fd().as_raw_fd();
    ///     let mut host = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    ///     unsafe { libc::poll(&mut host, 1, context.timeout_millis()) };
    ///     context.poll();
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn timeout(&self) -> Option<Duration> {
        self.handle.scheduler.timeout()
    }

    /// Returns [`timeout`](Self::timeout) as `poll(2)`, `epoll_wait`, GLib and most loops
    /// want it: in milliseconds, rounded up; -1 is for ever.
    ///
    /// Rounded down, a loop would come too early, and look again and again through the last
    /// millisecond before each timer.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(context.timeout_millis(), -1); // until something comes
    /// sleep(&context, Duration::from_micros(1)).detach();
    /// assert!((0..=1).contains(&context.timeout_millis())); // and not 0 before it is over
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn timeout_millis(&self) -> i32 {
        self.timeout().map_or(-1, |left| {
            i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        })
    }

    fn bounded(&self, limit: usize, wait: Wait) -> usize {
        self.handle.scheduler.run(
            self.handle.generation,
            &Bounds {
                limit,
                wait,
                unblock: None,
                nested: false,
            },
        )
    }
}

/// The context's event queue; see [`IoContext::timeout`].
#[cfg(all(unix, feature = "net"))]
impl std::os::fd::AsFd for IoContext {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.lend(self.handle.scheduler.host())
    }
}

#[cfg(all(unix, feature = "net"))]
impl IoContext {
    fn lend(&self, fd: std::os::fd::RawFd) -> std::os::fd::BorrowedFd<'_> {
        // SAFETY: the reactor, which owns the descriptor, is the scheduler's until
        // this context is dropped, and `self` is borrowed as long
        // as the descriptor is.
        unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }
    }
}

/// A context is used as its executor wherever one is asked for.
impl Deref for IoContext {
    type Target = IoExecutor;

    fn deref(&self) -> &IoExecutor {
        &self.handle
    }
}

impl Drop for IoContext {
    fn drop(&mut self) {
        self.handle.scheduler.close(self.handle.generation);
    }
}

impl fmt::Debug for IoContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoContext")
            .field("stopped", &self.stopped())
            .finish_non_exhaustive()
    }
}
