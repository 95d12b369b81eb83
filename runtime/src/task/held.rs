//! The work of an operation whose memory has gone back.
//!
//! # Invariants
//!
//! - **I1** The guards are dropped by the drop of what holds them, and by nothing else.

use std::mem::ManuallyDrop;

use crate::executor::{Executor, WorkGuard};

/// Work on the executor of a handler, that lasts until the handler has run, if it has not been
/// given back before: mostly it has, which is seen in place. And work on the executor of the
/// I/O object, that ends before the handler is called.
pub(super) struct Held<X: Executor, E: Executor>(ManuallyDrop<(WorkGuard<X>, WorkGuard<E>)>);

impl<X: Executor, E: Executor> Held<X, E> {
    #[inline(always)]
    pub(super) fn new(guards: (WorkGuard<X>, WorkGuard<E>)) -> Self {
        Self(ManuallyDrop::new(guards))
    }

    /// Gives back what is not to last until the handler has run: what is of the I/O object,
    /// whose operation is over, and what is of a context that this thread runs. Or one that the
    /// handler runs would wait for the handler's own operation.
    #[inline(always)]
    pub(super) fn before_the_handler(&mut self) {
        let (work, io_work) = &mut *self.0;
        work.reset_on_runner();
        io_work.reset();
    }
}

impl<X: Executor, E: Executor> Drop for Held<X, E> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0.0.owns_work() || self.0.1.owns_work() {
            // SAFETY: by I1 dropped once.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}
