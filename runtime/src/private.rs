//! What the expansion of `#[async_op]` names. Not part of the public API:
//! anything here may change in any release.

pub use core;

pub use crate::completion::Completion;
pub use crate::executor::{IoObject, SystemExecutor};
pub use crate::initiation::{Initiation, async_initiate, from_fn, from_future};
pub use crate::meta::Meta;
pub use crate::signature::Signature;
pub use crate::token::{CompletionToken, Deferred, Operation};

/// Returns the I/O executor of the object that an operation is for.
#[inline]
pub fn executor_of<O: IoObject + ?Sized>(object: &O) -> O::Executor {
    object.executor()
}

/// Copies what an operation refers to without naming its lifetime.
#[inline]
pub fn copy_of<T: ToOwned + ?Sized>(value: &T) -> T::Owned {
    value.to_owned()
}

/// Mentions a type in an `impl` return type, so that the `impl` captures the
/// lifetimes in it.
pub trait Captures<T: ?Sized> {}

impl<T: ?Sized, U: ?Sized> Captures<U> for T {}
