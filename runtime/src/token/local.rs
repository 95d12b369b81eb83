//! Handlers that stay on their thread.
//!
//! # Invariants
//!
//! - **I1** `function` is called, or dropped, on the thread that `thread` names,
//!   or on none.

use std::fmt;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::thread::{self, ThreadId};

use super::CompletionToken;
use super::callback::CallWith;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Makes a token of a closure that need not be `Send`: it may hold an `Rc`.
///
/// For operations on a context that is run by one thread, the one that calls
/// this.
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::Timer;
/// use async_op::token::local;
/// use std::cell::Cell;
/// use std::io;
/// use std::rc::Rc;
///
/// let context = IoContext::new()?;
/// let count = Rc::new(Cell::new(0));
/// let counter = Rc::clone(&count);
/// Timer::new(&context).async_wait(local(move |_: io::Result<()>| counter.set(counter.get() + 1)));
/// context.run();
/// assert_eq!(count.get(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// Calling the handler on another thread panics. Dropping it there leaks what
/// it holds, and says so on the standard error stream.
pub fn local<F>(function: F) -> Local<F> {
    Local {
        thread: thread::current().id(),
        function: ManuallyDrop::new(function),
    }
}

/// A closure that stays on its thread; made by [`local`].
#[must_use = "a token does nothing until it is passed to an initiating function"]
pub struct Local<F> {
    thread: ThreadId,
    function: ManuallyDrop<F>,
}

// SAFETY: what is not `Send` is used on its own thread alone (I1).
unsafe impl<F> Send for Local<F> {}

impl<F> Local<F> {
    fn is_here(&self) -> bool {
        self.thread == thread::current().id()
    }

    /// Takes the function out.
    ///
    /// # Panics
    ///
    /// On another thread.
    fn into_function(mut self) -> F {
        assert!(
            self.is_here(),
            "a `local` handler was called on another thread than the one that made it: \
             run its executor on that thread alone, or make the handler `Send`"
        );
        // SAFETY: on its own thread (I1), and moved out once: `self` is
        // forgotten next.
        let function = unsafe { ManuallyDrop::take(&mut self.function) };
        std::mem::forget(self);
        function
    }
}

impl<F> Drop for Local<F> {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: on its own thread (I1), and not used again.
            unsafe { ManuallyDrop::drop(&mut self.function) };
        } else {
            // There may be nobody to tell.
            let _ = writeln!(
                io::stderr(),
                "async-op: a `local` handler was dropped on another thread than the one that \
                 made it; what it holds is leaked"
            );
        }
    }
}

impl<F> Associations for Local<F> {}

impl<S, F> CompletionHandler<S> for Local<F>
where
    S: Signature,
    F: CallWith<S> + 'static,
{
    fn complete(self, args: S::Args) {
        self.into_function().call_with(args);
    }
}

impl<S, F> CompletionToken<'static, S> for Local<F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    F: CallWith<S> + 'static,
{
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        initiation.initiate(self);
    }
}

impl<F> fmt::Debug for Local<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}
