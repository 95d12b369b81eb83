use super::{Executor, OfContext, Unblock};
use crate::context::IoExecutor;
use crate::task::Task;

/// The executor of an I/O object that is [on](crate::executor::HomeExecutor) another executor
/// than that of its context.
///
/// Tasks run on the executor `E`. Work is counted there and on the context, whose
/// timers limit the time of operations, and which is what is driven by who blocks.
///
/// ```
/// use async_op::executor::Strand;
/// use async_op::time::Timer;
/// use async_op::{IoContext, IoObject};
///
/// let context = IoContext::new()?;
/// let strand = Strand::new(context.executor());
/// let timer = Timer::new(&context).on(&strand);
/// assert!(*timer.executor().inner() == strand);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct On<E> {
    inner: E,
    io: IoExecutor,
}

impl<E> On<E> {
    pub(super) fn new(inner: E, io: IoExecutor) -> Self {
        Self { inner, io }
    }

    /// Returns the executor that the tasks run on.
    ///
    /// ```
    /// use async_op::executor::Strand;
    /// use async_op::time::Timer;
    /// use async_op::{IoObject, SystemExecutor};
    ///
    /// let strand = Strand::new(SystemExecutor);
    /// let timer = Timer::new(&SystemExecutor).on(&strand);
    /// assert!(*timer.executor().inner() == strand);
    /// ```
    pub fn inner(&self) -> &E {
        &self.inner
    }
}

impl<E: Executor> Executor for On<E> {
    fn post(&self, task: Task) {
        self.inner.post(task);
    }

    fn runs_here(&self) -> bool {
        self.inner.runs_here()
    }

    fn dispatch(&self, task: Task) {
        self.inner.dispatch(task);
    }

    fn defer(&self, task: Task) {
        self.inner.defer(task);
    }

    fn work_started(&self) {
        // First: it may panic, being foreign.
        self.inner.work_started();
        self.io.work_started();
    }

    fn work_finished(&self) {
        self.io.work_finished();
        self.inner.work_finished();
    }

    fn context(&self) -> Option<IoExecutor> {
        Some(self.io)
    }

    /// Waits for what comes from the context: who blocks polls by itself.
    fn block(&self, until: &Unblock) {
        self.io.block(until);
    }
}

impl<E: Executor> OfContext for On<E> {
    type Inner = E;

    #[inline]
    fn io(&self) -> IoExecutor {
        self.io
    }

    #[inline]
    fn inner(&self) -> &E {
        &self.inner
    }
}
