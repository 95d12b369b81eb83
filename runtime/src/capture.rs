//! What an operation takes from its arguments: the executor of its object, and a
//! copy of what is behind a reference whose lifetime has no name.
//!
//! Nothing here is to be called or implemented. [`#[async_op]`](macro@crate::async_op)
//! asks it of the arguments, and so the compiler names it of one that does not have it.

use crate::executor::IoObject;

/// Returns the I/O executor of the object that an operation is for.
///
/// A method, because a method that is not found is one error; the executor of
/// what has none, passed on, would be one wherever it goes. What is said of a
/// type parameter `Self` means that `#[async_op(provided)]` is forgotten.
pub trait ExecutorOf: IoObject {
    /// Returns the executor.
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
    /// Returns the copy.
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
    /// Returns the copy.
    fn copy_of(&self) -> U;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned = U> + ?Sized, U> CopyOfContext<U> for T {
    #[inline]
    fn copy_of(&self) -> U {
        self.to_owned()
    }
}
