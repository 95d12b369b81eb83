use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::CompletionToken;
#[cfg(debug_assertions)]
use crate::context::watch;
use crate::executor::{Executor, Unblock};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Blocks the calling thread until the operation has completed and returns its
/// result.
///
/// The thread waits as the operation's executor says: a handle of an
/// [`IoContext`](crate::IoContext) drives the context while nobody else does,
/// so no other thread is needed; other executors park. Of several threads that block on
/// one context one drives it, and each of the others sleeps until its own operation is
/// over. When the one that drives is done, it hands the driving over to another.
///
/// A [`ThreadPool`](crate::executor::ThreadPool) and the
/// [`SystemContext`](crate::executor::SystemContext) have threads of their own, and are left to
/// these: what is to run there runs nowhere else, so a function that was to leave this thread
/// does. Where none of them is free, this one waits.
///
/// ```
/// use async_op::{Blocking, IoContext};
/// use async_op::time::async_sleep;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// async_sleep(&context, Duration::from_millis(1), Blocking)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Allocation
///
/// None for an operation written as an `async fn`; borrowed buffers are fine. One
/// recycled block for an operation in handler form.
///
/// Results are on the stack, in several copies where nothing is optimised: box those
/// of more than 64 KiB, as the page of [`Signature`] says.
///
/// # Panics
///
/// If it would wait for ever:
///
/// - on a thread that is already running the operation's context, or a runtime of
///   tokio that it belongs to;
/// - on a context after [`stop`](crate::IoContext::stop), called before or meanwhile
///   and by any thread, until [`restart`](crate::IoContext::restart). A context that
///   is [`stopped`](crate::IoContext::stopped) because a `run` found no work left is
///   driven again;
/// - on a pool that has been stopped, or joined.
///
/// It does so only where it has to wait: an operation that is over when it is started,
/// such as the wait for a timer that has expired, may return its result there too.
///
/// Three cases cannot be seen, and wait for ever: every thread of a pool blocks on that
/// pool, by way of a strand, say; a pool has no thread, and nobody lends it one; or a handler
/// waits for a thread that blocks on the same context. For a thread
/// that is inside a handler still counts as driving, and the others wait until it returns.
///
/// If a handler panics that this thread runs meanwhile, as it drives, that unwinds out of
/// here, whatever operation it is of.
///
/// An operation that is abandoned, or whose future panics elsewhere, panics here with
/// its name.
#[doc(alias = "block_on")]
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy, Debug, Default)]
pub struct Blocking;

impl<'op, S: Signature> CompletionToken<'op, S> for Blocking {
    type Return<I: Initiation<S> + 'op> = S::Output;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> S::Output {
        let executor = initiation.executor().clone();
        block_on(&executor, pin!(initiation))
    }
}

/// Of any type: the code is the same for all operations with this result.
fn block_on<E: Executor, T>(executor: &E, mut future: Pin<&mut dyn Future<Output = T>>) -> T {
    let unblock = Unblock::new();
    let waker = unblock.waker();
    let mut cx = Context::from_waker(&waker);
    loop {
        #[cfg(debug_assertions)]
        let blocking = watch::Blocking::begin();
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        #[cfg(debug_assertions)]
        drop(blocking);
        executor.block(&unblock);
        unblock.reset();
    }
}
