//! What the expansion of `#[async_op]` names. Not part of the public API:
//! anything here may change in any release.

pub use core;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use crate::cancel::CancellationType;
pub use crate::completion::Completion;
pub use crate::executor::{IoObject, SystemExecutor};
use crate::handler::CompletionHandler;
pub use crate::initiation::{Initiation, async_initiate, from_fn, from_future};
pub use crate::io::{Draining, Filling, Report};
pub use crate::meta::Meta;
pub use crate::signature::Signature;
pub use crate::token::{Blocking, CompletionToken, Deferred, Operation, UseFuture};

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

/// Returns the I/O executor of the object that an operation is for.
///
/// A method, because a method that is not found is one error; the executor of
/// what has none, passed on, would be one wherever it goes. What is said of a
/// type parameter `Self` means that `#[async_op(provided)]` is forgotten.
pub trait ExecutorOf: IoObject {
    #[doc(hidden)]
    #[inline]
    fn executor_of(&self) -> Self::Executor {
        self.executor()
    }
}

impl<O: IoObject + ?Sized> ExecutorOf for O {}

/// Copies what an operation refers to without naming its lifetime.
#[inline]
pub fn copy_of<T: CopyOf<U> + ?Sized, U>(value: &T) -> U {
    value.copy_of()
}

/// The same for a slice, so that what is not `Clone` is said of its elements.
#[inline]
pub fn copy_of_slice<T: Clone>(value: &[T]) -> Vec<T> {
    value.to_vec()
}

/// [`ToOwned`], in the words of whoever wrote the parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be copied into the operation",
    label = "a reference without a named lifetime is copied, which needs `Clone`",
    note = "derive `Clone` if it is a cheap handle, or name the lifetime to borrow it: `&'a ..`",
    note = "in the definition of a trait, `#[async_op(provided)]` asks it of the types instead"
)]
pub trait CopyOf<U> {
    #[doc(hidden)]
    fn copy_of(&self) -> U;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned = U> + ?Sized, U> CopyOf<U> for T {
    #[inline]
    fn copy_of(&self) -> U {
        self.to_owned()
    }
}

/// The same for what is named `IoContext`, whose executor is the handle.
#[inline]
pub fn copy_of_context<T: CopyOfContext<U> + ?Sized, U>(value: &T) -> U {
    value.copy_of()
}

/// [`CopyOf`], where another word helps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be copied into the operation",
    label = "a reference without a named lifetime is copied",
    note = "take `&IoExecutor` instead: a `&IoContext` passes for one"
)]
pub trait CopyOfContext<U> {
    #[doc(hidden)]
    fn copy_of(&self) -> U;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned = U> + ?Sized, U> CopyOfContext<U> for T {
    #[inline]
    fn copy_of(&self) -> U {
        self.to_owned()
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

/// An operation, marked as a trait's.
#[derive(Debug)]
pub struct Declared<I>(pub I);

impl<S: Signature, I: Initiation<S>> Initiation<S> for Declared<I> {
    type Executor = I::Executor;
    type Future = I::Future;

    #[inline]
    fn executor(&self) -> &I::Executor {
        self.0.executor()
    }

    #[inline]
    fn into_hosted(self) -> I::Future {
        self.0.into_hosted()
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        self.0.initiate(handler);
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
