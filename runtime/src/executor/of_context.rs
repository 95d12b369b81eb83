use super::Executor;
use crate::context::IoExecutor;

/// An executor of objects whose events come from a context.
#[doc(hidden)]
pub trait OfContext: Executor {
    /// Where handlers run that have no executor of their own.
    type Inner: Executor;

    /// Returns the executor of the context.
    fn io(&self) -> IoExecutor;

    /// Returns where handlers run that have no executor of their own.
    fn inner(&self) -> &Self::Inner;
}

impl OfContext for IoExecutor {
    type Inner = Self;

    #[inline]
    fn io(&self) -> IoExecutor {
        *self
    }

    #[inline]
    fn inner(&self) -> &Self {
        self
    }
}
