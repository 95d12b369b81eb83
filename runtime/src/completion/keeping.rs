use std::fmt;
use std::ops::{Deref, DerefMut};

use super::Completion;
use crate::signature::Signature;

/// An operation that has not completed, and what it keeps until then; made by
/// [`Completion::keeping`].
///
/// It dereferences to what is kept.
#[must_use = "dropping a completion abandons its operation"]
pub struct Keeping<S: Signature + 'static, T> {
    // First: so it is dropped first.
    kept: T,
    op: Completion<S>,
}

impl<S: Signature + 'static> Completion<S> {
    /// Keeps `value`, memory of [`allocator`](Self::allocator) for instance, until the
    /// operation completes or is abandoned: it is dropped right before that.
    ///
    /// By hand the same takes care in each place: what is dropped after the operation has
    /// completed, or is a field after it, is no longer there for the operation that the handler
    /// starts.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::{Blocking, Completion, IoContext, IoExecutor, async_op};
    ///
    /// #[async_op]
    /// fn async_length(context: &IoExecutor, text: String, op: Completion<fn(usize)>) {
    ///     let mut bytes = VecIn::new_in(op.allocator());
    ///     if bytes.try_reserve_exact(text.len()).is_ok() {
    ///         bytes.extend(text.bytes());
    ///     }
    ///     let op = op.keeping(bytes);
    ///     // Perhaps in another thread, later.
    ///     let length = op.len();
    ///     op.complete(length);
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(async_length(&context, "abc".into(), Blocking), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn keeping<T>(self, value: T) -> Keeping<S, T> {
        Keeping {
            kept: value,
            op: self,
        }
    }
}

impl<S: Signature + 'static, T> Keeping<S, T> {
    /// Drops what is kept, and completes the operation with its arguments as a tuple; see
    /// [`Completion::complete_with`].
    ///
    /// ```
    /// use async_op::{Completion, SystemExecutor, async_op};
    ///
    /// #[async_op]
    /// fn async_length(on: &SystemExecutor, text: String, op: Completion<fn(usize)>) {
    ///     let op = op.keeping(text);
    ///     let length = op.len();
    ///     op.complete_with((length,)); // without the text
    /// }
    ///
    /// assert_eq!(length(&SystemExecutor, "abc".into()).blocking(), 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If the drop of what is kept panics: the operation is abandoned then. And as that does.
    pub fn complete_with(self, args: S::Args) {
        let Self { kept, op } = self;
        drop(kept);
        op.complete_with(args);
    }

    /// Returns the operation.
    ///
    /// ```
    /// use async_op::{Completion, SystemExecutor, async_op};
    ///
    /// #[async_op]
    /// fn async_length(on: &SystemExecutor, text: String, op: Completion<fn(usize)>) {
    ///     let op = op.keeping(text);
    ///     let length = op.len();
    ///     if !op.operation().is_abandoned() {
    ///         op.complete(length);
    ///     }
    /// }
    ///
    /// assert_eq!(length(&SystemExecutor, "abc".into()).blocking(), 3);
    /// ```
    pub const fn operation(&self) -> &Completion<S> {
        &self.op
    }

    /// Returns the operation and what it has kept.
    ///
    /// ```
    /// use async_op::{Completion, SystemExecutor, async_op};
    ///
    /// #[async_op]
    /// fn async_length(on: &SystemExecutor, text: String, op: Completion<fn(usize)>) {
    ///     let op = op.keeping(text);
    ///     let length = op.len();
    ///     let (op, text) = op.into_parts();
    ///     op.complete(length);
    ///     drop(text); // after the handler, for once
    /// }
    ///
    /// assert_eq!(length(&SystemExecutor, "abc".into()).blocking(), 3);
    /// ```
    pub fn into_parts(self) -> (Completion<S>, T) {
        (self.op, self.kept)
    }
}

macro_rules! complete {
    ($($arg:ident: $ty:ident),*) => {
        impl<T, $($ty),*> Keeping<fn($($ty),*), T> {
            /// Drops what is kept, and completes the operation; see
            /// [`complete_with`](Self::complete_with).
            ///
            /// ```
            /// use async_op::{Completion, SystemExecutor, async_op};
            ///
            /// #[async_op]
            /// fn async_length(on: &SystemExecutor, text: String, op: Completion<fn(usize)>) {
            ///     let op = op.keeping(text);
            ///     let length = op.len();
            ///     op.complete(length); // without the text
            /// }
            ///
            /// assert_eq!(length(&SystemExecutor, "abc".into()).blocking(), 3);
            /// ```
            #[allow(clippy::too_many_arguments, reason = "as many as signatures have")]
            pub fn complete(self $(, $arg: $ty)*) {
                self.complete_with(($($arg,)*));
            }
        }
    };
}

complete!();
complete!(a1: A1);
complete!(a1: A1, a2: A2);
complete!(a1: A1, a2: A2, a3: A3);
complete!(a1: A1, a2: A2, a3: A3, a4: A4);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7, a8: A8);

impl<S: Signature + 'static, T> Deref for Keeping<S, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.kept
    }
}

impl<S: Signature + 'static, T> DerefMut for Keeping<S, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.kept
    }
}

impl<S: Signature + 'static, T: fmt::Debug> fmt::Debug for Keeping<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping")
            .field("op", &self.op)
            .field("kept", &self.kept)
            .finish()
    }
}
