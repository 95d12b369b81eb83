use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

#[cfg(feature = "test")]
use super::clock;
use super::reactor::Reactor;
use super::runner::Runner;
use super::scheduler::Scheduler;
use crate::executor::Unblock;
use crate::task::Task;

/// A handle to an [`IoContext`](crate::IoContext): its executor. `Copy`, two words.
///
/// It may outlive the context; tasks posted to it are dropped then.
///
/// ```
/// use async_op::{Executor, IoContext};
/// use async_op::task::Task;
///
/// let context = IoContext::new()?;
/// let executor = context.executor();
/// executor.post(Task::new(|| println!("in the context")));
/// assert_eq!(context.run(), 1);
/// drop(context);
/// executor.post(Task::new(|| unreachable!("nobody runs it any more")));
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "Handle")]
#[derive(Clone, Copy)]
pub struct IoExecutor {
    pub(super) scheduler: &'static Scheduler,
    pub(super) generation: u32,
}

impl IoExecutor {
    /// Returns the reactor, for I/O objects to register with.
    pub(crate) fn reactor(&self) -> io::Result<Arc<Reactor>> {
        // Where the context is being dropped by this very thread, it says so by itself.
        let runner = Runner::find(self.scheduler, self.generation);
        match runner.and_then(|runner| runner.reactor.as_ref()) {
            Some(reactor) => Ok(Arc::clone(reactor)),
            None => self.scheduler.reactor(self.generation),
        }
    }

    /// Returns what time it is for the operations of the context.
    #[inline(always)]
    pub(crate) fn now(&self) -> Instant {
        #[cfg(feature = "test")]
        if clock::are_any() {
            return self
                .reactor()
                .map_or_else(|_| Instant::now(), |it| it.now());
        }
        Instant::now()
    }

    /// Returns what the clock on their wall shows.
    #[inline(always)]
    pub(crate) fn wall(&self) -> SystemTime {
        #[cfg(feature = "test")]
        if clock::are_any() {
            return self
                .reactor()
                .map_or_else(|_| SystemTime::now(), |it| it.wall());
        }
        SystemTime::now()
    }

    /// Queues `task`.
    #[inline]
    pub(crate) fn queue(&self, task: Task) {
        self.scheduler.post(self.generation, task);
    }

    /// Queues `task` as a continuation of the running one.
    #[inline]
    pub(crate) fn queue_next(&self, task: Task) {
        self.scheduler.defer(self.generation, task);
    }

    /// Returns whether this thread runs the context.
    #[inline]
    pub(crate) fn is_run_here(&self) -> bool {
        Runner::find(self.scheduler, self.generation).is_some()
    }

    /// Counts one more unit of work.
    #[inline]
    pub(crate) fn add_work(&self) {
        match Runner::find(self.scheduler, self.generation) {
            Some(runner) => runner.add_work(1),
            None => self.scheduler.work_started(self.generation),
        }
    }

    /// Counts one unit of work less.
    #[inline]
    pub(crate) fn remove_work(&self) {
        match Runner::find(self.scheduler, self.generation) {
            Some(runner) => runner.add_work(-1),
            None => self.scheduler.work_finished(self.generation),
        }
    }

    /// Counts one unit of work less if this thread runs the context, and says so.
    #[inline]
    pub(crate) fn remove_work_if_run_here(&self) -> bool {
        match Runner::find(self.scheduler, self.generation) {
            Some(runner) => {
                runner.add_work(-1);
                true
            }
            None => false,
        }
    }

    /// Blocks this thread until `until` is set, and runs the context while no other does.
    pub(crate) fn drive_until(&self, until: &Unblock) {
        assert!(
            !self.is_run_here(),
            "blocking on an operation of an `IoContext` inside a handler that the context runs \
             would wait for ever: use a callback or `.await` there"
        );
        self.scheduler.block(self.generation, until);
    }

    /// Returns whether anything is outstanding.
    #[cfg(feature = "test")]
    pub(crate) fn has_work(&self) -> bool {
        self.scheduler.has_work_of(self.generation)
    }

    /// Makes the thread that waits in the reactor look at its timers again.
    pub(crate) fn interrupt(&self) {
        self.scheduler.interrupt(self.generation);
    }
}

impl PartialEq for IoExecutor {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.scheduler, other.scheduler) && self.generation == other.generation
    }
}

impl Eq for IoExecutor {}

impl fmt::Debug for IoExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoExecutor")
            .field("context", &(std::ptr::from_ref(self.scheduler)))
            .field("generation", &self.generation)
            .finish()
    }
}
