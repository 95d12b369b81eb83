use std::fmt;

use super::{Adapted, Adapter, AdapterAssociations, adapt};
use crate::signature::{LeadingSignature, Signature};

/// Passes an error of the operation to `function`, and to the handler only
/// whether there is a value.
///
/// In place of the leading `Result<T, E>` the handler receives an `Option<T>`:
/// where Asio hands over zero bytes beside the error, there is no value here.
/// Asio stores the error through a reference; a function stores it wherever it
/// belongs, in a variable of the caller's for a token that waits, and one
/// function can serve all operations of a session. It is called right before
/// the handler, where that is called.
///
/// ```
/// use async_op::{Blocking, IoContext};
/// use async_op::adapter::redirect_error;
/// use async_op::time::Timer;
/// use std::io;
/// use std::sync::mpsc::channel;
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// let mut failure = None;
/// let waited = timer.async_wait(redirect_error(|error: io::Error| failure = Some(error), Blocking));
/// assert!(waited.is_some() && failure.is_none());
///
/// let (errors, log) = channel();
/// let on_error = move |error: io::Error| errors.send(error).unwrap();
/// timer.expires_after(std::time::Duration::from_secs(3600));
/// timer.async_wait(redirect_error(on_error, |waited: Option<()>| assert!(waited.is_none())));
/// timer.cancel();
/// assert_eq!(context.run(), 1);
/// assert!(async_op::is_cancelled(&log.recv().unwrap()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Completion
///
/// `fn(Option<T>, ..)`, where the operation's own is `fn(Result<T, E>, ..)`.
///
/// # Allocation
///
/// None: the function is part of the handler.
pub fn redirect_error<F, T>(function: F, token: T) -> Adapted<RedirectError<F>, T> {
    adapt(RedirectError(function), token)
}

/// The adapter of [`redirect_error`].
#[derive(Clone, Copy)]
pub struct RedirectError<F>(F);

impl<F> fmt::Debug for RedirectError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedirectError").finish_non_exhaustive()
    }
}

impl<F> AdapterAssociations for RedirectError<F> {}

impl<S, F, V, E> Adapter<S> for RedirectError<F>
where
    S: LeadingSignature<First = Result<V, E>>,
    F: FnOnce(E) + Send,
{
    type Signature = S::With<Option<V>>;

    fn map(self, args: S::Args) -> <Self::Signature as Signature>::Args {
        S::replace(args, |result| match result {
            Ok(value) => Some(value),
            Err(error) => {
                (self.0)(error);
                None
            }
        })
    }
}
