use super::{Executor, Unblock};
use crate::context::IoExecutor;
use crate::task::Task;

/// An executor that never runs a task inside [`dispatch`](Executor::dispatch).
///
/// The default [immediate executor](crate::Associations::immediate_executor).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostOnly<E>(pub E);

impl<E: Executor> Executor for PostOnly<E> {
    fn post(&self, task: Task) {
        self.0.post(task);
    }

    fn dispatch(&self, task: Task) {
        self.0.post(task);
    }

    fn defer(&self, task: Task) {
        self.0.defer(task);
    }

    fn work_started(&self) {
        self.0.work_started();
    }

    fn work_finished(&self) {
        self.0.work_finished();
    }

    fn context(&self) -> Option<IoExecutor> {
        self.0.context()
    }

    fn block(&self, until: &Unblock) {
        self.0.block(until);
    }
}
