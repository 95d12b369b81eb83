use std::future::Future;

use crate::executor::Executor;
use crate::handler::CompletionHandler;
use crate::signature::Signature;
use crate::token::CompletionToken;

/// An operation that has not started, in the form in which a completion token
/// receives it.
///
/// A token either [starts it with a handler](Self::initiate), and its memory
/// then comes from the handler's allocator, or has it awaited: it is a future, which
/// starts when it is first polled, and is hosted in the caller's.
///
/// ```
/// use async_op::{Blocking, Completion, Initiation, IoExecutor, IoContext, async_op};
///
/// #[async_op]
/// fn async_answer(context: &IoExecutor, op: Completion<fn(u32)>) {
///     op.complete(42);
/// }
///
/// /// What an operation returns can be passed on as one.
/// async fn twice(answer: impl Initiation<fn(u32)>) -> u32 {
///     2 * answer.await
/// }
///
/// let context = IoContext::new()?;
/// assert_eq!(pollster::block_on(twice(answer(&context))), 84);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Those of this crate are not `Unpin`: what has been polled can no longer be started with a
/// handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operation with the signature `{S}`",
    note = "an operation is made by an initiating function, `from_fn` or `from_future`"
)]
pub trait Initiation<S: Signature>: Future<Output = S::Output> + Sized + Send {
    /// The type of the I/O executor.
    type Executor: Executor;

    /// Returns the I/O executor: that of the object the operation is for.
    ///
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::{Executor, Initiation, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// let wait = timer.wait();
    /// assert!(wait.executor().context() == Some(context.executor()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the operation has been polled.
    fn executor(&self) -> &Self::Executor;

    /// Calls `function` where memory is the operation's: that of the allocator that a binder
    /// has bound it to.
    #[doc(hidden)]
    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        function()
    }

    /// Starts the operation, to complete by calling `handler`.
    ///
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::token::Callback;
    /// use async_op::{Initiation, IoContext};
    /// use std::io;
    ///
    /// /// A token of yours does no more.
    /// fn start(wait: impl Initiation<fn(io::Result<()>)> + 'static) {
    ///     wait.initiate(Callback(|result: io::Result<()>| result.unwrap()));
    /// }
    ///
    /// let context = IoContext::new()?;
    /// start(Timer::new(&context).wait());
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had for the operation; nothing has started then.
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static;
}

/// What is polled is pinned, and is given to nobody by value.
#[cold]
pub(super) fn has_started() -> ! {
    panic!("the operation has been polled, and so has started")
}

/// Starts, or packages, `initiation` as `token` says; what every initiating
/// function ends with.
///
/// ```
/// use async_op::initiation::{Meta, from_fn};
/// use async_op::{Blocking, Completion, CompletionToken, Initiation, SystemExecutor, async_initiate};
///
/// fn async_seven<T>(token: T) -> T::Return<impl Initiation<fn(u32)>>
/// where
///     T: CompletionToken<'static, fn(u32)>,
/// {
///     const META: Meta = Meta::new("async_seven", &[], &[]);
///     let start = |op: Completion<fn(u32)>| op.complete(7);
///     async_initiate(from_fn(&META, SystemExecutor, start), token)
/// }
///
/// assert_eq!(async_seven(Blocking), 7);
/// ```
#[doc(alias = "async_compose")]
#[inline]
pub fn async_initiate<'op, S, I, T>(initiation: I, token: T) -> T::Return<I>
where
    S: Signature,
    I: Initiation<S> + 'op,
    T: CompletionToken<'op, S>,
{
    token.initiate(initiation)
}
