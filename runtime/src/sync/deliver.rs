use std::fmt;

use super::Channel;
use crate::context::IoExecutor;
use crate::executor::Executor;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::Initiation;
use crate::signature::Signature;
use crate::token::CompletionToken;

/// A token that sends the result of its operation to a channel; made by
/// [`Channel::deliver`].
#[must_use = "a token does nothing until it is passed to an initiating function"]
pub struct Deliver<T, E = IoExecutor>(pub(super) Channel<T, E>);

impl<T, E> Clone for Deliver<T, E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, E> fmt::Debug for Deliver<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deliver").field(&self.0).finish()
    }
}

impl<T, E> Associations for Deliver<T, E> {}

impl<S, T, E> CompletionHandler<S> for Deliver<T, E>
where
    S: Signature<Output = T>,
    T: Send + 'static,
    E: Executor,
{
    fn complete(self, args: S::Args) {
        self.0.send(S::into_output(args)).detach();
    }
}

// Seldom what somebody meant who passes something that is no token.
#[diagnostic::do_not_recommend]
impl<S, T, E> CompletionToken<'static, S> for Deliver<T, E>
where
    S: Signature<Output = T> + 'static,
    S::Args: Send + 'static,
    T: Send + 'static,
    E: Executor,
{
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        initiation.initiate(self);
    }
}
