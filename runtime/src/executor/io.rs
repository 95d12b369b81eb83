//! The executor of a context.

use super::{Executor, IoObject, Unblock};
use crate::context::{IoContext, IoExecutor};
use crate::task::Task;

impl Executor for IoExecutor {
    #[inline]
    fn post(&self, task: Task) {
        self.queue(task);
    }

    #[inline]
    fn runs_here(&self) -> bool {
        self.is_run_here()
    }

    #[inline]
    fn defer(&self, task: Task) {
        self.queue_next(task);
    }

    #[inline]
    fn work_started(&self) {
        self.add_work();
    }

    #[inline]
    fn work_finished(&self) {
        self.remove_work();
    }

    fn context(&self) -> Option<IoExecutor> {
        Some(*self)
    }

    #[inline]
    fn work_finished_on_runner(&self) -> bool {
        self.remove_work_if_run_here()
    }

    /// Drives the context on this thread while no other thread does.
    ///
    /// # Panics
    ///
    /// On a thread that is running the context, and after
    /// [`stop`](IoContext::stop) with nobody left to run it.
    fn block(&self, until: &Unblock) {
        self.drive_until(until);
    }
}

impl IoObject for IoContext {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        Self::executor(self)
    }
}
