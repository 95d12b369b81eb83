//! Futures that are known to be `Send`.
//!
//! Whether an `async` block is `Send` is found out once, where the operation is
//! made. Types that required it again would have the compiler look through the
//! whole block at each use; and when it generates code, with all lifetimes
//! erased, it can fail to see it where it saw it before (an internal error, in
//! rustc 1.95, of an operation that awaits one whose completion has a reference).
//!
//! # Invariants
//!
//! - **I1** `future` was `Send` when it was put in, which is in `new` alone.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A future that is `Send`, whatever the compiler can make of its type.
    pub(crate) struct IsSend<F> {
        #[pin]
        future: F,
    }
}

// SAFETY: by I1 the value may be sent to another thread; that its type may since
// have been taken for one with shorter lifetimes does not change the value.
unsafe impl<F> Send for IsSend<F> {}

/// A future of this size at the most is compiled into what awaits it.
const SMALL: usize = 128;

impl<F: Future> IsSend<F> {
    /// Polls a future that is awaited: that has one call site, and often little to do.
    #[inline]
    pub(crate) fn poll_awaited(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if const { size_of::<F>() <= SMALL } {
            self.project().future.poll(cx)
        } else {
            self.poll(cx)
        }
    }
}

impl<F: Send> IsSend<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for IsSend<F> {
    type Output = F::Output;

    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
