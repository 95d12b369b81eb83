use std::pin::pin;
use std::task::{Context, Poll};

use super::CompletionToken;
use crate::executor::{Executor, Unblock};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Blocks the calling thread until the operation has completed and returns its
/// result.
///
/// The thread waits as the operation's executor says: a handle of an
/// [`IoContext`](crate::IoContext) drives the context while nobody else does,
/// so no other thread is needed; other executors park.
///
/// ```
/// use async_op::{Blocking, IoContext, Timer};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_millis(1));
/// timer.async_wait(Blocking)?;
/// # Ok(())
/// # }
/// ```
///
/// # Allocation
///
/// None for an operation written as an `async fn`; borrowed buffers are fine. One
/// recycled block for an operation in handler form.
///
/// # Panics
///
/// On a thread that is already running the operation's context, or a runtime of
/// tokio that it belongs to; and on a context that is or has been stopped, by another
/// thread too: either would wait for ever. What nobody can
/// see, every thread of a pool blocking on that pool, does wait for ever.
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy, Debug, Default)]
pub struct Blocking;

impl<'op, S: Signature> CompletionToken<'op, S> for Blocking {
    type Return<I: Initiation<S> + 'op> = S::Output;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> S::Output {
        let executor = initiation.executor().clone();
        let unblock = Unblock::new();
        let waker = unblock.waker();
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(initiation.into_hosted());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            executor.block(&unblock);
            unblock.reset();
        }
    }
}
