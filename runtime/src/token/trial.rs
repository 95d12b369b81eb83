//! Operations whose handler comes back where there is no memory for them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Operation;
use crate::alloc::{OperationAllocator, Refusal};
use crate::cancel::CancellationSlot;
use crate::executor::Executor;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// A handler that came back, and why: from [`Operation::try_with`].
pub struct Refused<H> {
    /// The handler.
    pub handler: H,
    /// What could not be had.
    pub refusal: Refusal,
}

impl<H> fmt::Debug for Refused<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

impl<H> fmt::Display for Refused<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<H> Error for Refused<H> {}

impl<S, I> Operation<S, I> {
    /// Starts the operation with a handler, which comes back where its allocator has no memory
    /// for the operation.
    ///
    /// For a program that lives in memory of fixed size: whoever is one too many is told so,
    /// where with other tokens the initiating function panics. It is the memory of this
    /// operation alone that is asked for in this way; a body that starts others has theirs
    /// to ask for.
    ///
    /// ```
    /// use async_op::alloc::{AllocError, Allocator};
    /// use async_op::time::Timer;
    /// use async_op::token::Callback;
    /// use async_op::{IoContext, bind_allocator};
    /// use std::alloc::Layout;
    /// use std::io;
    /// use std::ptr::NonNull;
    ///
    /// /// Memory of which there is none left.
    /// #[derive(Clone)]
    /// struct Full;
    ///
    /// // SAFETY: there is no block.
    /// unsafe impl Allocator for Full {
    ///     fn allocate(&self, _: Layout) -> Result<NonNull<[u8]>, AllocError> {
    ///         Err(AllocError)
    ///     }
    ///     unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
    /// }
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// let handler = Callback(|result: io::Result<()>| result.unwrap());
    /// let refused = timer.wait().try_with(bind_allocator(Full, handler)).unwrap_err();
    /// assert_eq!(refused.refusal.operation(), "async_wait");
    /// assert_eq!(context.run(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no memory: the handler, as it was, and what was asked for. The operation is
    /// gone, and has done nothing.
    pub fn try_with<H>(self, handler: H) -> Result<(), Refused<H>>
    where
        S: Signature + 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
        I: Initiation<S> + 'static,
        H: CompletionHandler<S>,
    {
        let trial = Trial::begin();
        let number = trial.number;
        self.initiate(Trying { handler, number });
        match trial.end() {
            None => Ok(()),
            Some(refused) => Err(*refused.downcast().expect("the handler of this trial")),
        }
    }
}

/// The handler of a trial.
struct Trying<H> {
    handler: H,
    number: usize,
}

impl<H: Associations> Associations for Trying<H> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        self.handler.executor(io)
    }

    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        self.handler.immediate_executor(own)
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.handler.allocator()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.handler.cancellation_slot()
    }
}

impl<S: Signature, H: CompletionHandler<S>> CompletionHandler<S> for Trying<H> {
    #[inline]
    fn complete(self, args: S::Args) {
        self.handler.complete(args);
    }

    fn refused(self, refusal: Refusal) {
        let Self { handler, number } = self;
        if CURRENT.get() == number {
            let refused = Refused { handler, refusal };
            REFUSED.set(Some(Box::new(refused)));
        } else {
            // By an operation of somebody else's making, who tries too late.
            handler.refused(refusal);
        }
    }
}

thread_local! {
    /// The innermost trial on this thread.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
    /// Its handler, if that has come back.
    static REFUSED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// No two trials have the same number, on whatever threads they are.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// Has the handler of one initiation come back by way of this thread.
struct Trial {
    number: usize,
    outer: usize,
    /// What came back to the outer one, which is dropping something now.
    outer_refused: Option<Box<dyn Any>>,
}

impl Trial {
    fn begin() -> Self {
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let outer = CURRENT.replace(number);
        Self {
            number,
            outer,
            outer_refused: REFUSED.take(),
        }
    }

    fn end(self) -> Option<Box<dyn Any>> {
        REFUSED.take()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
        // In place of what is left where something has panicked.
        let left = REFUSED.replace(self.outer_refused.take());
        drop(left);
    }
}
