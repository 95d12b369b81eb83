//! An operation that has not completed is the handler of the next one.

use std::fmt;

use super::callback::CallWith;
use super::{CompletionToken, Operation};
use crate::alloc::OperationAllocator;
use crate::cancel::CancellationSlot;
use crate::completion::Completion;
use crate::executor::{AnyExecutor, Executor, Immediate};
use crate::handler::{Associations, CompletionHandler, HandlerReturn};
use crate::initiation::Initiation;
use crate::signature::{ExtendSignature, Signature};

/// As a token: the operation completes with what the next one does.
///
/// All that travels with the handler of this operation is the next one's, too:
/// its executor, its immediate executor, its allocator, and the requests to stop it, those
/// that have been made before as well. Where the result is awaited the next operation ends on its
/// own executor. For another result see [`then`](Completion::then).
///
/// ```
/// use async_op::{Blocking, Completion, async_op};
/// use async_op::time::Timer;
/// use std::io;
/// use std::time::Duration;
///
/// #[async_op]
/// fn async_pause(timer: &Timer, milliseconds: u64, op: Completion<fn(io::Result<()>)>) {
///     timer.expires_after(Duration::from_millis(milliseconds));
///     timer.async_wait(op);
/// }
///
/// # fn main() -> io::Result<()> {
/// # let context = async_op::IoContext::new()?;
/// async_pause(&Timer::new(&context), 1, Blocking)
/// # }
/// ```
impl<S> CompletionToken<'static, S> for Completion<S>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
{
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        initiation.initiate(self);
    }
}

impl<S: Signature + 'static> Associations for Completion<S> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        match Immediate::bound(io) {
            // The handler's immediate executor, as `immediate_executor` has said it.
            Some(immediate) if self.ends_on(immediate) => immediate.clone(),
            _ => Completion::executor(self).unwrap_or_else(|| AnyExecutor::new(io.clone())),
        }
    }

    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        match Completion::immediate_executor(self) {
            Some(executor) => Immediate::Bound(executor),
            None => Immediate::Own(AnyExecutor::new(own.clone())),
        }
    }

    fn allocator(&self) -> impl OperationAllocator {
        Completion::allocator(self)
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.pass_on()
    }
}

impl<S> CompletionHandler<S> for Completion<S>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
{
    fn complete(self, args: S::Args) {
        self.complete_with(args);
    }
}

impl<S: Signature + 'static> Completion<S> {
    /// Makes a token for the next operation: when that completes, `function` is called with
    /// this operation and the results.
    ///
    /// It is called on the executor of this operation's handler, and as [above](#impl-CompletionToken%3C'static,+S%3E-for-Completion%3CS%3E)
    /// all that travels with the handler is the next operation's, too. If it never is, as
    /// the next operation is abandoned, so is this one. Until then requests to stop go to the next
    /// operation, not to the function of [`on_cancel`](Self::on_cancel);
    /// [`requested`](Self::requested) still tells of them.
    ///
    /// Where the next operation has its plain name, [`Operation::callback_for`] does the same, and
    /// infers the parameters.
    ///
    /// ```
    /// use async_op::{Blocking, Completion, async_op};
    /// use async_op::time::Timer;
    /// use std::io;
    ///
    /// type Waits = Completion<fn(u32)>;
    ///
    /// #[async_op]
    /// fn async_waits(timer: &Timer, times: u32, op: Completion<fn(u32)>) {
    ///     timer.async_wait(op.then(move |op: Waits, result: io::Result<()>| {
    ///         op.complete(if result.is_ok() { times } else { 0 });
    ///     }));
    /// }
    ///
    /// # let context = async_op::IoContext::new()?;
    /// assert_eq!(async_waits(&Timer::new(&context), 7, Blocking), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Allocation
    ///
    /// None: the operation is part of the next one's handler. One that can be asked to stop takes
    /// a small recycled block more.
    ///
    /// # Loops
    ///
    /// Whose function starts the operation that it is in once more makes one inside of the
    /// other: each round takes a block that stays, and the end of all of them, completed or
    /// abandoned, calls each from the one inside it. Thousands of rounds overflow the stack.
    /// A loop is a plain function that is given the `Completion`, as in the example of
    /// [`Operation::callback_for`]: that keeps one block, and goes on for ever.
    pub fn then<F>(self, function: F) -> Then<S, F> {
        Then { op: self, function }
    }
}

/// An operation and what it does when the next one has completed; made by
/// [`Completion::then`].
#[must_use = "dropping it abandons the operation"]
pub struct Then<S: Signature + 'static, F> {
    op: Completion<S>,
    function: F,
}

impl<S: Signature + 'static, F> Associations for Then<S, F> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        Associations::executor(&self.op, io)
    }

    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        Associations::immediate_executor(&self.op, own)
    }

    fn allocator(&self) -> impl OperationAllocator {
        Associations::allocator(&self.op)
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.op.cancellation_slot()
    }
}

impl<S, F, N> CompletionHandler<N> for Then<S, F>
where
    S: Signature<Args: Send> + 'static,
    N: ExtendSignature<Completion<S>>,
    F: CallWith<N::Prepended> + Send + 'static,
{
    fn complete(self, args: N::Args) {
        let Self { op, function } = self;
        function.call_with(N::prepend(args, op));
    }
}

impl<S, F, N> CompletionToken<'static, N> for Then<S, F>
where
    S: Signature<Args: Send> + 'static,
    N: ExtendSignature<Completion<S>> + 'static,
    N::Args: Send + 'static,
    N::Output: Send + 'static,
    F: CallWith<N::Prepended> + Send + 'static,
{
    type Return<I: Initiation<N> + 'static> = ();

    fn initiate<I: Initiation<N> + 'static>(self, initiation: I) {
        initiation.initiate(self);
    }
}

impl<S: Signature + 'static, F> fmt::Debug for Then<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Then").field(&self.op).finish()
    }
}

macro_rules! callback_for {
    ($($arg:ident),*) => {
        impl<I, $($arg),*> Operation<fn($($arg),*), I>
        where
            I: Initiation<fn($($arg),*)> + 'static,
            fn($($arg),*): Signature<Args = ($($arg,)*), Output: Send + 'static> + 'static,
            $($arg: Send + 'static,)*
        {
            /// Starts the operation on behalf of `op`, to complete by calling `handler` with
            /// that and the results: see [`Completion::then`].
            ///
            /// ```
            /// use async_op::{Blocking, Completion, async_op};
            /// use async_op::time::Timer;
            /// use std::io;
            ///
            /// /// Waits `times` times.
            /// #[async_op]
            /// fn async_waits(timer: &Timer, times: u32, op: Completion<fn(io::Result<()>)>) {
            ///     go_on(timer.clone(), times, op);
            /// }
            ///
            /// // No operation, so that each step is of the first one, and not of the one before.
            /// fn go_on(timer: Timer, times: u32, op: Completion<fn(io::Result<()>)>) {
            ///     let again = timer.clone();
            ///     timer.wait().callback_for(op, move |op, result| match result {
            ///         Ok(()) if times > 1 => go_on(again, times - 1, op),
            ///         result => op.complete(result),
            ///     });
            /// }
            ///
            /// # fn main() -> io::Result<()> {
            /// # let context = async_op::IoContext::new()?;
            /// async_waits(&Timer::new(&context), 3, Blocking)
            /// # }
            /// ```
            pub fn callback_for<S, F, R>(self, op: Completion<S>, handler: F)
            where
                S: Signature<Args: Send> + 'static,
                fn($($arg),*): ExtendSignature<Completion<S>, Prepended = fn(Completion<S>, $($arg),*)>,
                F: FnOnce(Completion<S>, $($arg),*) -> R + Send + 'static,
                R: HandlerReturn,
            {
                self.with(op.then(handler))
            }
        }
    };
}

callback_for!();
callback_for!(A1);
callback_for!(A1, A2);
callback_for!(A1, A2, A3);
callback_for!(A1, A2, A3, A4);
callback_for!(A1, A2, A3, A4, A5);
callback_for!(A1, A2, A3, A4, A5, A6);
callback_for!(A1, A2, A3, A4, A5, A6, A7);
