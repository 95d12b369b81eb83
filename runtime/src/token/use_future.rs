use super::CompletionToken;
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Makes an operation a future, to be awaited on any runtime.
///
/// ```
/// use async_op::{SystemExecutor, UseFuture};
/// use async_op::time::async_sleep;
/// use std::time::Duration;
///
/// pollster::block_on(async_sleep(&SystemExecutor, Duration::from_millis(1), UseFuture))?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// The plain name of the operation is shorter: `timer.wait().await`.
///
/// The future does not run the operation's context: on an
/// [`IoContext`](crate::IoContext) that no thread runs meanwhile it waits for ever.
/// [`SystemExecutor`](crate::SystemExecutor) always has a thread.
///
/// # Allocation
///
/// None for an operation written as an `async fn`: its future is hosted in the
/// caller's. One recycled block for an operation in handler form.
#[doc(alias = "use_awaitable")]
#[doc(alias = "use_future")]
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy, Debug, Default)]
pub struct UseFuture;

impl<'op, S: Signature> CompletionToken<'op, S> for UseFuture {
    type Return<I: Initiation<S> + 'op> = I;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> I {
        initiation
    }
}
