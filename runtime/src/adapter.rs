//! Adapters: tokens and handlers made of others.
//!
//! There is no `as_tuple`: a future of several results yields them as a tuple
//! anyway, errors are values and nothing is thrown, and for a callback
//! [`Operation::map`](crate::Operation::map) takes all results as one value.

mod append;
pub(crate) mod bind;
pub(crate) mod cancel_after;
mod consign;
mod redirect_error;

pub use crate::signature::{ExtendSignature, LeadingSignature, OneOf2, OneOf3, OneOf4};
pub use append::{Append, Prepend, append, prepend};
pub use bind::{
    Binding, BoundAllocator, BoundCancellationSlot, BoundExecutor, BoundImmediateExecutor,
    OnExecutor, bind_immediate_executor,
};
pub use cancel_after::{TimeLimit, Timed, TimedInitiation, cancel_at};
pub use consign::{Consign, consign};
pub use redirect_error::{RedirectError, redirect_error};

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::alloc::{OperationAllocator, Refusal};
use crate::cancel::CancellationSlot;
use crate::executor::Executor;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::Initiation;
use crate::signature::Signature;
use crate::token::CompletionToken;

/// What an adapter makes of the associations of the handler that it wraps: by
/// default, nothing.
///
/// A supertrait of [`Adapter`] that does not depend on the signature. An
/// adapter that overrides nothing writes `impl AdapterAssociations for X {}`;
/// it cannot forget one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it makes of associations",
    label = "not an adapter, for want of associations",
    note = "write `impl AdapterAssociations for {Self} {{}}`: by default it changes none"
)]
pub trait AdapterAssociations {
    /// Returns the executor of the adapted handler.
    ///
    /// ```
    /// use async_op::adapter::AdapterAssociations;
    /// use async_op::{Associations, Executor, IoExecutor};
    ///
    /// /// Has the handler run in a context of its own.
    /// struct Moved(IoExecutor);
    ///
    /// impl AdapterAssociations for Moved {
    ///     fn executor<H: Associations, E: Executor>(&self, _: &H, _: &E) -> impl Executor {
    ///         self.0
    ///     }
    /// }
    /// ```
    fn executor<H: Associations, E: Executor>(&self, handler: &H, io: &E) -> impl Executor {
        handler.executor(io)
    }

    /// Returns the immediate executor of the adapted handler.
    ///
    /// ```
    /// use async_op::adapter::AdapterAssociations;
    /// use async_op::{Associations, Executor};
    ///
    /// /// What completes at once has its handler called inside the initiating function.
    /// struct AtOnce;
    ///
    /// impl AdapterAssociations for AtOnce {
    ///     fn immediate_executor<H: Associations, X: Executor>(&self, _: &H, own: &X) -> impl Executor {
    ///         own.clone()
    ///     }
    /// }
    /// ```
    fn immediate_executor<H: Associations, X: Executor>(
        &self,
        handler: &H,
        own: &X,
    ) -> impl Executor {
        handler.immediate_executor(own)
    }

    /// Returns the allocator of the adapted handler.
    ///
    /// ```
    /// use allocator_api2::alloc::Global;
    /// use async_op::Associations;
    /// use async_op::adapter::AdapterAssociations;
    /// use async_op::alloc::OperationAllocator;
    ///
    /// /// Takes memory from the heap, where a tool looks for mistakes.
    /// struct OnTheHeap;
    ///
    /// impl AdapterAssociations for OnTheHeap {
    ///     fn allocator<H: Associations>(&self, _: &H) -> impl OperationAllocator {
    ///         Global
    ///     }
    /// }
    /// ```
    fn allocator<H: Associations>(&self, handler: &H) -> impl OperationAllocator {
        handler.allocator()
    }

    /// Returns the cancellation slot of the adapted handler.
    ///
    /// ```
    /// use async_op::Associations;
    /// use async_op::adapter::AdapterAssociations;
    /// use async_op::cancel::CancellationSlot;
    ///
    /// /// Nobody can ask the operation to stop.
    /// struct Shielded;
    ///
    /// impl AdapterAssociations for Shielded {
    ///     fn cancellation_slot<H: Associations>(&self, _: &H) -> CancellationSlot {
    ///         CancellationSlot::unconnected()
    ///     }
    /// }
    /// ```
    fn cancellation_slot<H: Associations>(&self, handler: &H) -> CancellationSlot {
        handler.cancellation_slot()
    }

    /// Calls `function` where memory is that of the adapted handler, if this binds some.
    #[doc(hidden)]
    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        function()
    }
}

/// Changes what an operation of signature `S` completes with, or what travels
/// with its handler.
///
/// [`adapt`] wraps any token or handler in one. Most adapters are a few lines:
///
/// ```
/// use async_op::{Blocking, IoContext};
/// use async_op::adapter::{Adapter, AdapterAssociations, adapt};
/// use async_op::time::Timer;
/// use std::io;
///
/// /// Adds a name to the result.
/// struct Named(&'static str);
///
/// impl AdapterAssociations for Named {}
/// impl<A> Adapter<fn(A)> for Named {
///     type Signature = fn(&'static str, A);
///
///     fn map(self, (result,): (A,)) -> (&'static str, A) {
///         (self.0, result)
///     }
/// }
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// let (name, result) = timer.async_wait(adapt(Named("first"), Blocking));
/// assert_eq!(name, "first");
/// result?;
///
/// timer.async_wait(adapt(Named("second"), |name: &'static str, result: io::Result<()>| {
///     println!("{name}: {result:?}");
/// }));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an adapter of operations with the signature `{S}`",
    label = "not an adapter for this operation",
    note = "implement `AdapterAssociations` and `Adapter<{S}>` for it"
)]
pub trait Adapter<S: Signature>: AdapterAssociations + Send + Sized {
    /// The signature of the tokens and handlers that this adapts.
    type Signature: Signature;

    /// Turns the arguments of the operation into those of the adapted handler.
    fn map(self, args: S::Args) -> <Self::Signature as Signature>::Args;

    /// Completes the adapted handler: by default with what [`map`](Self::map)
    /// makes of the arguments.
    ///
    /// ```
    /// use async_op::adapter::{Adapter, AdapterAssociations};
    /// use async_op::{CompletionHandler, Signature};
    /// use std::time::Instant;
    ///
    /// /// Says how long the handler took.
    /// struct Timed;
    ///
    /// impl AdapterAssociations for Timed {}
    /// impl<S: Signature> Adapter<S> for Timed {
    ///     type Signature = S;
    ///
    ///     fn map(self, args: S::Args) -> S::Args {
    ///         args
    ///     }
    ///
    ///     fn complete<H: CompletionHandler<S>>(self, handler: H, args: S::Args) {
    ///         let start = Instant::now();
    ///         handler.complete(args);
    ///         println!("{:?}", start.elapsed());
    ///     }
    /// }
    /// ```
    fn complete<H>(self, handler: H, args: S::Args)
    where
        H: CompletionHandler<Self::Signature>,
    {
        handler.complete(self.map(args));
    }

    /// Polls the operation where it is hosted in the caller's future.
    ///
    /// By default just that; also called, with a waker that does nothing, for
    /// the drop of an operation that has started.
    ///
    /// ```
    /// use async_op::Signature;
    /// use async_op::adapter::{Adapter, AdapterAssociations};
    /// use std::task::Context;
    ///
    /// /// Counts how often what is awaited is polled.
    /// struct Polls(u32);
    ///
    /// impl AdapterAssociations for Polls {}
    /// impl<S: Signature> Adapter<S> for Polls {
    ///     type Signature = S;
    ///
    ///     fn map(self, args: S::Args) -> S::Args {
    ///         args
    ///     }
    ///
    ///     fn scoped<R>(&mut self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
    ///         self.0 += 1;
    ///         poll(cx)
    ///     }
    /// }
    /// ```
    fn scoped<R>(&mut self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        poll(cx)
    }

    /// Takes note that the operation waits, after it has been polled.
    #[doc(hidden)]
    fn waits(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }
}

/// Wraps a token or a handler in an adapter.
///
/// ```
/// use async_op::adapter::{Adapter, AdapterAssociations, adapt};
/// use async_op::executor::post_call;
/// use async_op::{Blocking, SystemExecutor};
///
/// struct Doubled;
///
/// impl AdapterAssociations for Doubled {}
/// impl Adapter<fn(u32)> for Doubled {
///     type Signature = fn(u32);
///
///     fn map(self, (n,): (u32,)) -> (u32,) {
///         (2 * n,)
///     }
/// }
///
/// assert_eq!(post_call(&SystemExecutor, || 2, adapt(Doubled, Blocking)), 4);
/// ```
pub fn adapt<A, T>(adapter: A, inner: T) -> Adapted<A, T> {
    Adapted { adapter, inner }
}

/// A token or a handler, `T`, wrapped in an adapter; made by [`adapt`] and by
/// the `bind_` functions.
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy)]
pub struct Adapted<A, T> {
    adapter: A,
    inner: T,
}

impl<A, T> fmt::Debug for Adapted<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapted").finish_non_exhaustive()
    }
}

impl<'op, S, A, T> CompletionToken<'op, S> for Adapted<A, T>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    A: Adapter<S> + 'op,
    T: CompletionToken<'op, A::Signature>,
{
    type Return<I: Initiation<S> + 'op> = T::Return<AdaptedInitiation<S, A, I>>;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Self::Return<I> {
        self.inner
            .initiate(AdaptedInitiation::new(self.adapter, initiation))
    }
}

impl<A: AdapterAssociations, H: Associations> Associations for Adapted<A, H> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        self.adapter.executor(&self.inner, io)
    }

    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        self.adapter.immediate_executor(&self.inner, own)
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.adapter.allocator(&self.inner)
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.adapter.cancellation_slot(&self.inner)
    }
}

impl<S, A, H> CompletionHandler<S> for Adapted<A, H>
where
    S: Signature,
    A: Adapter<S> + 'static,
    H: CompletionHandler<A::Signature>,
{
    fn complete(self, args: S::Args) {
        self.adapter.complete(self.inner, args);
    }

    fn refused(self, refusal: Refusal) {
        let Self { adapter, inner } = self;
        drop(adapter);
        inner.refused(refusal);
    }
}

pin_project! {
    /// An operation whose result is adapted, or its handlers are.
    #[must_use = "an operation does nothing until it is started"]
    pub struct AdaptedInitiation<S, A, I>
    where
        S: Signature,
        A: Adapter<S>,
    {
        // Both `None` once it is over, or somebody has both by value.
        #[pin]
        initiation: Option<I>,
        adapter: Option<A>,
        is_started: bool,
        _signature: PhantomData<fn() -> S>,
    }

    impl<S, A, I> PinnedDrop for AdaptedInitiation<S, A, I>
    where
        S: Signature,
        A: Adapter<S>,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !*this.is_started {
                return;
            }
            if let Some(adapter) = this.adapter {
                let mut cx = Context::from_waker(std::task::Waker::noop());
                adapter.scoped(&mut cx, |_| this.initiation.set(None));
            }
        }
    }
}

impl<S: Signature, A: Adapter<S>, I> AdaptedInitiation<S, A, I> {
    pub(crate) fn new(adapter: A, initiation: I) -> Self {
        Self {
            initiation: Some(initiation),
            adapter: Some(adapter),
            is_started: false,
            _signature: PhantomData,
        }
    }

    fn initiation(&self) -> &I {
        self.initiation.as_ref().expect("polled after completion")
    }

    /// Of one that has not been polled.
    #[inline]
    fn into_parts(mut self) -> (A, I) {
        let adapter = self.adapter.take().expect("it has not been polled");
        let initiation = self.initiation.take().expect("it has not been polled");
        // Nothing is left to be dropped.
        mem::forget(self);
        (adapter, initiation)
    }
}

impl<S: Signature, A: Adapter<S>, I: fmt::Debug> fmt::Debug for AdaptedInitiation<S, A, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AdaptedInitiation")
            .field(&self.initiation)
            .finish()
    }
}

impl<S, A, I> Initiation<A::Signature> for AdaptedInitiation<S, A, I>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    A: Adapter<S>,
    I: Initiation<S>,
{
    type Executor = I::Executor;

    fn executor(&self) -> &I::Executor {
        self.initiation().executor()
    }

    // Of several the outermost wins: it is next to the operation.
    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        let adapter = self.adapter.as_ref().expect("polled after completion");
        adapter.with_memory(|| self.initiation().with_memory(function))
    }

    #[inline]
    fn initiate<H: CompletionHandler<A::Signature>>(self, handler: H)
    where
        Self: 'static,
    {
        let (adapter, initiation) = self.into_parts();
        initiation.initiate(Adapted {
            adapter,
            inner: handler,
        });
    }
}

impl<S, A, I> Future for AdaptedInitiation<S, A, I>
where
    S: Signature,
    A: Adapter<S>,
    I: Future<Output = S::Output>,
{
    type Output = <A::Signature as Signature>::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        *this.is_started = true;
        let adapter = this.adapter.as_mut().expect("polled after completion");
        let output = adapter.scoped(cx, |cx| {
            let initiation = this.initiation.as_mut().as_pin_mut();
            let polled = initiation.expect("polled after completion").poll(cx);
            if polled.is_ready() {
                this.initiation.set(None);
            }
            polled
        });
        let Poll::Ready(output) = output else {
            adapter.waits(cx);
            return Poll::Pending;
        };
        let args = S::from_output(output);
        let adapter = this.adapter.take().expect("it was there");
        Poll::Ready(A::Signature::into_output(adapter.map(args)))
    }
}
