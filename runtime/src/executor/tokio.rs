use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use tokio::runtime::Handle;

use super::{Executor, Unblock};
use crate::task::Task;

/// A tokio runtime as an executor: handlers run as tasks of its own.
///
/// ```
/// use async_op::{SystemExecutor, bind_executor};
/// use async_op::executor::TokioExecutor;
/// use async_op::time::Timer;
/// use std::io;
///
/// let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
/// let (sender, receiver) = tokio::sync::oneshot::channel();
/// Timer::new(&SystemExecutor).async_wait(bind_executor(
///     TokioExecutor::new(runtime.handle().clone()),
///     move |_: io::Result<()>| {
///         // Inside the runtime: its own things work here.
///         let _ = sender.send(tokio::runtime::Handle::current().id());
///     },
/// ));
/// let id = runtime.block_on(receiver).unwrap();
/// assert_eq!(id, runtime.handle().id());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Equal when the runtimes are. A runtime that has been shut down drops what is
/// posted. Work is not counted: a runtime runs until its owner drops it.
///
/// # Allocation
///
/// Each task that is posted is one of tokio's, which allocates it, or aborts the
/// process.
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
#[derive(Clone)]
pub struct TokioExecutor {
    handle: Handle,
}

impl TokioExecutor {
    /// Makes an executor of a runtime.
    ///
    /// ```
    /// use async_op::UseFuture;
    /// use async_op::executor::{TokioExecutor, post_call};
    /// use tokio::runtime::{Builder, Handle};
    ///
    /// let runtime = Builder::new_current_thread().build()?;
    /// let executor = TokioExecutor::new(runtime.handle().clone());
    /// let id = post_call(&executor, || Handle::current().id(), UseFuture);
    /// assert_eq!(runtime.block_on(id), runtime.handle().id());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// Makes an executor of the runtime that this is called in.
    ///
    /// ```
    /// use async_op::executor::TokioExecutor;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// runtime.block_on(async {
    ///     let executor = TokioExecutor::current();
    ///     assert!(executor == TokioExecutor::new(runtime.handle().clone()));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of one.
    #[track_caller]
    pub fn current() -> Self {
        Self::new(Handle::current())
    }
}

impl Executor for TokioExecutor {
    fn post(&self, task: Task) {
        // Nobody waits for it: a panic in it is reported and stays there.
        drop(self.handle.spawn(async move { task.run() }));
    }

    /// Blocks as the runtime does.
    ///
    /// # Panics
    ///
    /// On a thread that is running tasks of a runtime: it may be the one that
    /// would have to go on.
    fn block(&self, until: &Unblock) {
        self.handle.block_on(poll_fn(|cx| {
            until.also_wake(Some(cx.waker().clone()));
            if until.is_set() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
    }
}

impl PartialEq for TokioExecutor {
    fn eq(&self, other: &Self) -> bool {
        self.handle.id() == other.handle.id()
    }
}

impl Eq for TokioExecutor {}

impl fmt::Debug for TokioExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioExecutor")
            .field("runtime", &self.handle.id())
            .finish()
    }
}
