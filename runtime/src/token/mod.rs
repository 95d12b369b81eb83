//! Completion tokens: how the result of an operation arrives.

mod blocking;
mod c_callback;
mod callback;
mod deferred;
mod detached;
mod each;
mod handler;
mod local;
mod promise;
mod use_future;

pub use blocking::Blocking;
pub use c_callback::{CCallback, CFunction, IntoC, c_callback};
pub use callback::CallWith;
pub use deferred::{Deferred, Mapped, Operation};
pub use detached::Detached;
pub use each::{Each, each};
pub use local::{Local, local};
pub use promise::{Promise, UsePromise};
pub use use_future::UseFuture;

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
///         Box::pin(async { initiation.into_hosted().await })
///     }
/// }
/// ```
///
/// An operation is started once, so no token can try again what has failed: an
/// [`Initiation`] is not `Clone`. What retries takes a function that makes the
/// operation, `retry(|| client.request(3))`, and starts what that returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a completion token for `{S}`",
    label = "not a completion token for this operation",
    note = "pass a closure with the parameters of `{S}`, `UseFuture`, `Blocking`, `Detached` or `Deferred`",
    note = "wrap a type that implements `CompletionHandler` as `Handler(..)`",
    note = "`cancel_after(..)` needs a first result that is a `Result`, whose error implements `OperationError`"
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
