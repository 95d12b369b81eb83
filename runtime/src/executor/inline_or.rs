use super::{Executor, Unblock};
use crate::context::IoExecutor;
use crate::task::Task;

/// An executor that runs what is dispatched to it in place, and posts to `E`.
///
/// "Inline" alone cannot be an executor: a post never runs inside the call.
///
/// Handlers that start the next operation, which completes at once, run one inside
/// the other here: a chain without an end overflows the stack.
///
/// ```
/// use async_op::{Executor, IoContext};
/// use async_op::executor::InlineOr;
/// use async_op::task::Task;
///
/// let context = IoContext::new()?;
/// let executor = InlineOr(context.executor());
/// executor.dispatch(Task::new(|| println!("here and now")));
/// executor.post(Task::new(|| println!("when the context runs")));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlineOr<E>(pub E);

impl<E: Executor> Executor for InlineOr<E> {
    fn post(&self, task: Task) {
        self.0.post(task);
    }

    fn runs_here(&self) -> bool {
        true
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
