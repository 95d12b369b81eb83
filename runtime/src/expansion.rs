//! What the expansion of `#[async_op]` names. Not part of the public API:
//! anything here may change in any release.

pub use core;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pub use crate::cancel::CancellationType;
pub use crate::capture::{ExecutorOf, copy_of, copy_of_context, copy_of_slice};
pub use crate::completion::Completion;
pub use crate::executor::system::SystemExecutor;
pub use crate::executor::traits::IoObject;
use crate::handler::CompletionHandler;
pub use crate::initiation::traits::{Initiation, async_initiate};
pub use crate::initiation::{from_fn, from_future};
pub use crate::io::read::Filling;
pub use crate::io::transfer::Report;
pub use crate::io::write::Draining;
pub use crate::meta::Meta;
pub use crate::signature::Signature;
pub use crate::token::blocking::Blocking;
pub use crate::token::completion_token::CompletionToken;
pub use crate::token::deferred::{Deferred, Operation};
pub use crate::token::use_future::UseFuture;

/// [`async_initiate`], for a function that stands by itself.
#[inline]
pub fn async_initiate_at<'op, const PLACE: u32, S, I, T>(initiation: I, token: T) -> T::Return<I>
where
    S: Signature,
    I: Initiation<S> + 'op,
    T: CompletionToken<'op, S>,
{
    const {
        let is_own = match T::PLACE {
            Some(place) => place == PLACE,
            None => true,
        };
        assert!(
            is_own,
            "`#[async_op(associated)]` is missing: the function is in an `impl`, and its name is \
             that of another operation, too",
        );
    }
    token.initiate(initiation)
}

/// A token for the operation at a place: the function without token may find
/// another of that name, if it is in an `impl` and nobody says so.
#[derive(Debug)]
pub struct At<T, const PLACE: u32>(pub T);

impl<'op, S: Signature, T, const PLACE: u32> CompletionToken<'op, S> for At<T, PLACE>
where
    T: CompletionToken<'op, S>,
{
    const PLACE: Option<u32> = Some(PLACE);

    type Return<I: Initiation<S> + 'op> = T::Return<I>;

    #[inline]
    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> T::Return<I> {
        self.0.initiate(initiation)
    }
}

/// Mentions a type in an `impl` return type, so that the `impl` captures the
/// lifetimes in it.
pub trait Captures<T: ?Sized> {}

impl<T: ?Sized, U: ?Sized> Captures<U> for T {}

/// What the initiating function of a trait returns, besides an `Initiation`.
///
/// An `impl` that forgets to say `implements` has an initiating function of its
/// own, whose operation is none of these: one error, where the names that clash
/// would be three.
#[diagnostic::on_unimplemented(
    message = "an operation that a trait declares is `#[async_op(implements)]` in an `impl`",
    label = "the trait declares this operation",
    note = "the functions for callers are the trait's, the `impl` writes the body alone"
)]
pub trait OfTrait {}

impl<I> OfTrait for Declared<I> {}

pin_project! {
    /// An operation, marked as a trait's.
    #[derive(Debug)]
    pub struct Declared<I> {
        #[pin]
        operation: I,
    }
}

/// Marks an operation as a trait's.
#[inline]
pub fn of_trait<I>(operation: I) -> Declared<I> {
    Declared { operation }
}

impl<I: Future> Future for Declared<I> {
    type Output = I::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<I::Output> {
        self.project().operation.poll(cx)
    }
}

impl<S: Signature, I: Initiation<S>> Initiation<S> for Declared<I> {
    type Executor = I::Executor;

    #[inline]
    fn executor(&self) -> &I::Executor {
        self.operation.executor()
    }

    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        self.operation.with_memory(function)
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        self.operation.initiate(handler);
    }
}

/// What a function with mistakes returns: whatever its callers do with it, the
/// mistakes are the only errors.
#[derive(Debug)]
pub struct Mistaken;

#[allow(missing_docs, reason = "they are those of `Operation`")]
impl Mistaken {
    pub fn with<T>(self, _: T) -> Self {
        self
    }

    pub fn map<F: FnOnce(Never)>(self, _: F) -> Self {
        self
    }

    pub fn callback<F: FnOnce(Never)>(self, _: F) {}

    pub fn detach(self) {}

    pub fn blocking(self) -> ! {
        unreachable!("it does not compile")
    }
}

impl Future for Mistaken {
    type Output = Never;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Never> {
        Poll::Pending
    }
}

/// `!`, which becomes whatever type the caller expects.
pub type Never = <fn() -> ! as Returns>::Type;

/// Names what a function returns, and so `!`.
pub trait Returns {
    #[doc(hidden)]
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}
