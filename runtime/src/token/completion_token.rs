use crate::initiation::Initiation;
use crate::signature::Signature;

/// The last argument of an initiating function: decides how the result of the
/// operation arrives and what the function returns.
///
/// `'op` bounds what the operation may borrow. A token that waits for the
/// operation, or hands it back unstarted, is one for every `'op`; a token that
/// lets it run on its own is one for `'static` only. That is all there is to
/// "a callback cannot borrow a buffer": the compiler says that the buffer is
/// borrowed for `'static`.
///
/// ```
/// use async_op::{CompletionToken, Initiation, Signature};
/// use std::future::Future;
/// use std::pin::Pin;
///
/// /// A token of one's own: a boxed future.
/// struct Boxed;
///
/// impl<'op, S: Signature + 'op> CompletionToken<'op, S> for Boxed {
///     type Return<I: Initiation<S> + 'op> = Pin<Box<dyn Future<Output = S::Output> + Send + 'op>>;
///
///     fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Self::Return<I> {
///         Box::pin(initiation)
///     }
/// }
/// ```
///
/// A token that starts the operation gives it a handler, which outlives the call. So
/// it is a token for `'static` operations alone, and asks of the signature what
/// [`Initiation::initiate`] does; rustc points at these bounds where they are missing,
/// but does not say that they belong into the `impl`.
///
/// ```
/// use async_op::{
///     Associations, CompletionHandler, CompletionToken, Initiation, IoContext, Signature,
/// };
/// use async_op::time::Timer;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::sync::Arc;
///
/// /// Counts what completes.
/// #[derive(Clone, Default)]
/// struct Count(Arc<AtomicUsize>);
///
/// impl<S> CompletionToken<'static, S> for Count
/// where
///     S: Signature + 'static,
///     S::Args: Send + 'static,
///     S::Output: Send + 'static,
/// {
///     type Return<I: Initiation<S> + 'static> = ();
///
///     fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
///         initiation.initiate(self);
///     }
/// }
///
/// impl Associations for Count {}
///
/// impl<S: Signature> CompletionHandler<S> for Count {
///     fn complete(self, _: S::Args) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let (context, count) = (IoContext::new()?, Count::default());
/// Timer::new(&context).async_wait(count.clone());
/// context.run();
/// assert_eq!(count.0.load(Ordering::Relaxed), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// An operation is started once, so no token can try again what has failed. What retries takes a function that makes the
/// operation, `retry(|| client.request(3))`, and starts what that returns.
#[doc(alias = "completion_token")]
#[doc(alias = "async_result")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a completion token for `{S}`",
    label = "not a completion token for this operation",
    note = "pass a closure with the parameters of `{S}`, `UseFuture`, `Blocking`, `Detached` or `Deferred`",
    note = "wrap a type that implements `CompletionHandler` as `Handler(..)`",
    note = "a type parameter is one if that is said: `T: CompletionToken<'static, {S}>`",
    note = "`cancel_after(..)` needs a first result that implements `Expire`: a `Result` whose error implements `OperationError`, or a type that says `impl Expire for .. {{}}`"
)]
pub trait CompletionToken<'op, S: Signature> {
    /// The place of the only operation that it is for, if there is one.
    #[doc(hidden)]
    const PLACE: Option<u32> = None;

    /// What the initiating function returns.
    type Return<I: Initiation<S> + 'op>;

    /// Starts the operation, now or later.
    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Self::Return<I>;
}
