//! What an initiating function takes, and why that is not a token outright.

use super::CompletionToken;
use crate::executor::SystemExecutor;
use crate::handler::CompletionHandler;
use crate::initiation::Initiation;
use crate::signature::Signature;
use std::future::Pending;

/// What an initiating function takes: a [`CompletionToken`], which this makes of
/// itself.
///
/// Each token is one, and nothing else is. A function of yours that hands its
/// token on asks for a [`CompletionToken`].
///
/// It is there for the sake of what the compiler says: an argument that is no
/// token is one error, at the argument, where the type that the function returns
/// would be another one. Its price is that the result of a generic operation is not
/// inferred from what a [`Blocking`](crate::Blocking) call is assigned to: so functions
/// whose result may have to be take their token outright.
pub trait IntoCompletionToken<'op, S: Signature> {
    /// The token: this type.
    type Token: CompletionToken<'op, S>;

    /// Returns the token.
    fn into_completion_token(self) -> Self::Token;
}

// What an initiating function returns is `<Token as CompletionToken>::Return`. Were
// `Token` known of an argument that is none, that would be an error of its own, at
// the whole call. So it is known only where the argument's own `Return` is.
#[diagnostic::do_not_recommend]
impl<'op, S: Signature, T: CompletionToken<'op, S>> IntoCompletionToken<'op, S> for T {
    type Token = <T::Return<Probe> as Always<T>>::Type;

    #[inline(always)] // It is nothing.
    fn into_completion_token(self) -> T {
        self
    }
}

/// The type `T`, once it is known what implements this.
pub trait Always<T> {
    #[doc(hidden)]
    type Type;
}

impl<X: ?Sized, T> Always<T> for X {
    type Type = T;
}

/// An operation that there is none of, to ask a token for what it returns.
#[derive(Debug)]
pub enum Probe {}

#[diagnostic::do_not_recommend]
impl<S: Signature> Initiation<S> for Probe {
    type Executor = SystemExecutor;
    type Future = Pending<S::Output>;

    fn executor(&self) -> &SystemExecutor {
        match *self {}
    }

    fn into_hosted(self) -> Self::Future {
        match self {}
    }

    fn initiate<H: CompletionHandler<S>>(self, _: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        match self {}
    }
}
