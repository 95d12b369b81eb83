//! Completion handlers and what travels with them.

use std::fmt;

use crate::alloc::{OperationAllocator, Recycling, Refusal};
use crate::cancel::CancellationSlot;
use crate::executor::{Executor, PostOnly};
use crate::signature::Signature;

/// What travels with a completion handler: its associated executor, immediate
/// executor, allocator and cancellation slot.
///
/// Override only what is customised; writing `-> impl Executor` in the impl is
/// enough, there are no associated types to spell.
///
/// ```
/// use async_op::{Associations, Executor, IoExecutor};
///
/// /// Runs on `home`, wherever the operation itself runs.
/// struct OnHome<F> {
///     home: IoExecutor,
///     function: F,
/// }
///
/// impl<F> Associations for OnHome<F> {
///     fn executor<E: Executor>(&self, _io: &E) -> impl Executor {
///         self.home
///     }
/// }
/// ```
#[doc(alias = "associated_executor")]
#[doc(alias = "associated_allocator")]
#[doc(alias = "associated_cancellation_slot")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what travels with a handler",
    label = "not a handler, for want of associations",
    note = "write `impl Associations for {Self} {{}}`: each of them has a default"
)]
pub trait Associations {
    /// Returns the executor that the handler runs on.
    ///
    /// `io` is the executor of the operation's I/O object, and the default.
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        io.clone()
    }

    /// Returns the executor that an operation which completes within its
    /// initiating function hands the handler to.
    ///
    /// `own` is the executor that the handler runs on: [`executor`](Self::executor),
    /// or what a binder around this handler has put in its place. By default a
    /// post there, so that no handler ever runs inside the initiating function.
    ///
    /// Another one is asked to [dispatch](Executor::dispatch) the handler. There it runs if
    /// it has no executor of its own, which is to say that [`executor`](Self::executor)
    /// returns this one when it is passed in; else it goes on to its own.
    ///
    /// ```
    /// use async_op::{Associations, Executor};
    ///
    /// /// Is called inside the initiating function, if the operation completes there.
    /// struct AtOnce<F>(F);
    ///
    /// impl<F> Associations for AtOnce<F> {
    ///     fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
    ///         own.clone()
    ///     }
    /// }
    /// ```
    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        PostOnly(own.clone())
    }

    /// Returns the allocator that all memory of the operation comes from.
    ///
    /// ```
    /// use allocator_api2::alloc::Global;
    /// use async_op::Associations;
    /// use async_op::alloc::OperationAllocator;
    ///
    /// /// Has its operations take memory from the heap, where a tool looks for mistakes.
    /// struct OnTheHeap<F>(F);
    ///
    /// impl<F> Associations for OnTheHeap<F> {
    ///     fn allocator(&self) -> impl OperationAllocator {
    ///         Global
    ///     }
    /// }
    /// ```
    fn allocator(&self) -> impl OperationAllocator {
        Recycling
    }

    /// Returns the slot through which the operation is asked to stop.
    ///
    /// ```
    /// use async_op::Associations;
    /// use async_op::cancel::CancellationSlot;
    ///
    /// /// Can be asked to stop.
    /// struct Stoppable<F> {
    ///     slot: CancellationSlot,
    ///     function: F,
    /// }
    ///
    /// impl<F> Associations for Stoppable<F> {
    ///     fn cancellation_slot(&self) -> CancellationSlot {
    ///         self.slot.clone()
    ///     }
    /// }
    /// ```
    fn cancellation_slot(&self) -> CancellationSlot {
        CancellationSlot::unconnected()
    }
}

/// Receives the result of an operation, at most once and by value.
///
/// Most handlers are closures. Implement this for a type that has
/// associations of its own, and pass it as [`Handler(value)`](Handler).
///
/// A handler may also be dropped without being called: when the context it
/// waits on is dropped, or when the operation abandons it.
///
/// ```
/// use async_op::{Associations, CompletionHandler, Handler, IoContext};
/// use async_op::time::Timer;
/// use std::io;
///
/// struct Report(std::sync::mpsc::Sender<bool>);
/// impl Associations for Report {}
/// impl CompletionHandler<fn(io::Result<()>)> for Report {
///     fn complete(self, (result,): (io::Result<()>,)) {
///         self.0.send(result.is_ok()).unwrap();
///     }
/// }
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let context = IoContext::new()?;
/// Timer::new(&context).async_wait(Handler(Report(sender)));
/// context.run();
/// assert!(receiver.recv().unwrap());
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "completion_handler")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a completion handler for `{S}`",
    label = "this handler cannot receive `{S}`",
    note = "implement `Associations` and `CompletionHandler<{S}>` for it"
)]
pub trait CompletionHandler<S: Signature>: Associations + Send + 'static {
    /// Receives the result.
    fn complete(self, args: S::Args);

    /// Is told, in place of the result, that the [allocator](Associations::allocator) has no
    /// memory for the operation: it has not started, and nobody will be told of it any more.
    ///
    /// Inside the initiating function. By default a [panic](Refusal::panic) with the name of
    /// the operation, which unwinds out of that. Where the handler is to come back in one
    /// piece say [`try_with`](crate::Operation::try_with).
    ///
    /// A handler around another one passes it on.
    ///
    /// ```
    /// use async_op::alloc::Refusal;
    /// use async_op::{Associations, CompletionHandler};
    ///
    /// struct Reply(std::sync::mpsc::Sender<Result<u32, Refusal>>);
    ///
    /// impl Associations for Reply {}
    /// impl CompletionHandler<fn(u32)> for Reply {
    ///     fn complete(self, (n,): (u32,)) {
    ///         let _ = self.0.send(Ok(n));
    ///     }
    ///
    ///     fn refused(self, refusal: Refusal) {
    ///         let _ = self.0.send(Err(refusal));
    ///     }
    /// }
    /// ```
    fn refused(self, refusal: Refusal)
    where
        Self: Sized,
    {
        refusal.panic()
    }
}

/// What a closure used as a completion handler may return: `()`, or never.
///
/// A trait only so that the compiler can say what is wrong.
#[diagnostic::on_unimplemented(
    message = "completion handler returns `{Self}` instead of `()`",
    label = "this handler returns a value that nobody receives",
    note = "end the closure with `;` if nobody needs the value, and handle errors in it",
    note = "a future would be dropped by `;`: `spawn(executor, future, token)` runs it"
)]
pub trait HandlerReturn {}

impl HandlerReturn for () {}

/// The type `!`, by way of a function that has it: it has no name on stable Rust.
type Never = <fn() -> ! as Returns>::Type;

/// A handler that never returns: one that panics or ends the process.
#[diagnostic::do_not_recommend]
impl HandlerReturn for Never {}

#[doc(hidden)]
pub trait Returns {
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

/// A completion token made of a [`CompletionHandler`].
///
/// Closures need no wrapping; this is for handler types with associations of
/// their own.
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy)]
pub struct Handler<H>(pub H);

impl<H> fmt::Debug for Handler<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handler").finish_non_exhaustive()
    }
}
