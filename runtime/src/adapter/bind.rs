//! Binders: adapters that change what travels with a handler.

use std::fmt;
use std::task::Context;

use crate::adapter::{Adapted, Adapter, AdapterAssociations, adapt};
use crate::alloc::OperationAllocator;
use crate::cancel::{CancellationSlot, CancellationState, CancellationType};
use crate::executor::Executor;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::{Initiation, Launch, Launched};
use crate::meta::Meta;
use crate::signature::Signature;
use crate::site::Site;
use crate::task::scope::{OfAllocator, OfCancellation, Scope};
use crate::token::CompletionToken;

/// Binds `token`, or a handler, to an executor: the handler runs there.
///
/// The operation holds work on the executor while it is outstanding. Of several
/// binders the outermost wins.
///
/// ```
/// use async_op::{Executor, IoContext, bind_executor};
/// use async_op::executor::Strand;
/// use async_op::time::Timer;
/// use std::io;
///
/// let context = IoContext::new()?;
/// let strand = Strand::new(context.executor());
/// let here = strand.clone();
/// Timer::new(&context).async_wait(bind_executor(strand, move |_: io::Result<()>| {
///     assert!(here.runs_here());
/// }));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Over a token that waits, the operation is started with a handler on the
/// executor and the waiter receives the result only: such an operation owns all
/// that it works on, and goes on when its future is dropped.
pub fn bind_executor<X: Executor, T>(executor: X, token: T) -> BoundExecutor<X, T> {
    BoundExecutor {
        executor,
        inner: token,
    }
}

/// Binds `token`, or a handler, to an executor for operations that complete
/// within their initiating function.
///
/// With [`InlineOr`](crate::executor::InlineOr) the handler may then run inside that
/// function:
///
/// ```
/// use async_op::IoContext;
/// use async_op::adapter::bind_immediate_executor;
/// use async_op::executor::InlineOr;
/// use async_op::time::Timer;
/// use std::io;
/// use std::sync::mpsc::channel;
///
/// let context = IoContext::new()?;
/// let (sender, receiver) = channel();
/// let here = InlineOr(context.executor());
/// let timer = Timer::new(&context); // has expired already
/// timer.async_wait(bind_immediate_executor(here, move |_: io::Result<()>| {
///     sender.send(()).unwrap();
/// }));
/// // Called inside the initiating function, as this executor does.
/// assert!(receiver.try_recv().is_ok());
/// assert_eq!(context.run(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
/// Over a token that waits it has no effect: its result arrives where
/// it is awaited.
pub fn bind_immediate_executor<X, T>(executor: X, token: T) -> Adapted<BoundImmediateExecutor<X>, T>
where
    X: Executor,
{
    adapt(BoundImmediateExecutor(executor), token)
}

/// Binds `token`, or a handler, to an allocator: all memory of the operation
/// comes from there, and has gone back before the handler is called.
///
/// Over a token that waits, what is awaited inside uses it.
///
/// ```
/// use async_op::{IoContext, bind_allocator};
/// use async_op::time::Timer;
/// use std::io;
///
/// let context = IoContext::new()?;
/// let arena = allocator_api2::alloc::Global; // or an `Arc` of yours
/// Timer::new(&context).async_wait(bind_allocator(arena, |_: io::Result<()>| {}));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn bind_allocator<A: OperationAllocator, T>(
    allocator: A,
    token: T,
) -> Adapted<BoundAllocator<A>, T> {
    adapt(BoundAllocator(allocator), token)
}

/// Binds `token`, or a handler, to a cancellation slot: its signal can ask the
/// operation to stop.
///
/// A slot that is not connected, bound on the outside, keeps the requests of an
/// inner one out. So does any, those of a [time limit](crate::cancel_after()) too: write
/// `cancel_after(.., bind_cancellation_slot(..))`, not the other way round.
///
/// See [`CancellationSignal`](crate::cancel::CancellationSignal) for one operation, and
/// [`CancellationGroup`](crate::cancel::CancellationGroup) for many.
///
/// ```
/// use async_op::cancel::{CancellationSignal, CancellationType};
/// use async_op::time::sleep;
/// use async_op::{IoContext, bind_cancellation_slot, is_cancelled};
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let signal = CancellationSignal::new();
/// let hour = sleep(&context, Duration::from_secs(3600));
/// hour.with(bind_cancellation_slot(signal.slot(), |result: std::io::Result<()>| {
///     assert!(is_cancelled(&result.unwrap_err()));
/// }));
/// signal.emit(CancellationType::TERMINAL);
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn bind_cancellation_slot<T>(
    slot: CancellationSlot,
    token: T,
) -> Adapted<BoundCancellationSlot, T> {
    let adapter = BoundCancellationSlot { slot, hosted: None };
    adapt(adapter, token)
}

/// The adapter of [`bind_allocator`].
#[derive(Clone, Copy, Debug)]
pub struct BoundAllocator<A>(A);

impl<A: OperationAllocator> AdapterAssociations for BoundAllocator<A> {
    fn allocator<H: Associations>(&self, _: &H) -> impl OperationAllocator {
        self.0.clone()
    }

    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        let scope = Scope::new(OfAllocator(self.0.clone()));
        scope.within(function)
    }
}

impl<S: Signature, A: OperationAllocator> Adapter<S> for BoundAllocator<A> {
    type Signature = S;

    fn map(self, args: S::Args) -> S::Args {
        // Not after they are on their way out: a panic would leak them.
        drop(self);
        args
    }

    fn scoped<R>(&mut self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let scope = Scope::new(OfAllocator(self.0.clone()));
        let polled = scope.within(|| poll(cx));
        drop(scope);
        polled
    }
}

/// The adapter of [`bind_immediate_executor`].
#[derive(Clone, Copy, Debug)]
pub struct BoundImmediateExecutor<X>(X);

impl<X: Executor> AdapterAssociations for BoundImmediateExecutor<X> {
    fn immediate_executor<H: Associations, E: Executor>(&self, _: &H, _: &E) -> impl Executor {
        self.0.clone()
    }
}

impl<S: Signature, X: Executor> Adapter<S> for BoundImmediateExecutor<X> {
    type Signature = S;

    fn map(self, args: S::Args) -> S::Args {
        // Not after they are on their way out: a panic would leak them.
        drop(self);
        args
    }
}

/// The adapter of [`bind_cancellation_slot`].
pub struct BoundCancellationSlot {
    slot: CancellationSlot,
    /// The state of an operation that is hosted, from its first poll.
    hosted: Option<Hosted>,
}

/// Ends the service of the slot when the operation goes.
struct Hosted(CancellationState);

impl Drop for Hosted {
    fn drop(&mut self) {
        drop(self.0.end());
    }
}

impl Clone for BoundCancellationSlot {
    fn clone(&self) -> Self {
        Self {
            slot: self.slot.clone(),
            hosted: None,
        }
    }
}

impl fmt::Debug for BoundCancellationSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundCancellationSlot")
            .field(&self.slot)
            .finish()
    }
}

impl AdapterAssociations for BoundCancellationSlot {
    fn cancellation_slot<H: Associations>(&self, _: &H) -> CancellationSlot {
        self.slot.clone()
    }
}

impl<S: Signature> Adapter<S> for BoundCancellationSlot {
    type Signature = S;

    fn map(self, args: S::Args) -> S::Args {
        // Not after they are on their way out: a panic would leak them.
        drop(self);
        args
    }

    fn scoped<R>(&mut self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let slot = &self.slot;
        // What the operation honours, it filters itself.
        let Hosted(state) = self.hosted.get_or_insert_with(|| {
            Hosted(CancellationState::begin(
                slot.clone(),
                CancellationType::ALL,
            ))
        });
        state.set_waker(cx.waker());
        Scope::new(OfCancellation(state.clone())).within(|| poll(cx))
    }
}

/// A token or a handler with an executor; made by [`bind_executor`].
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy)]
pub struct BoundExecutor<X, T> {
    executor: X,
    inner: T,
}

impl<X, T> fmt::Debug for BoundExecutor<X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundExecutor").finish_non_exhaustive()
    }
}

impl<X, T, S> CompletionToken<'static, S> for BoundExecutor<X, T>
where
    X: Executor,
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    T: CompletionToken<'static, S>,
{
    type Return<I: Initiation<S> + 'static> = T::Return<OnExecutor<S, X, I>>;

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) -> Self::Return<I> {
        // The operation's own name is not known before it starts.
        static META: Meta = Meta::new("bind_executor", &[], &[]);
        let binding = Binding {
            executor: self.executor,
            initiation,
        };
        self.inner
            .initiate(Launched::new(Site::here(&META), binding))
    }
}

impl<X: Executor, H: Associations> Associations for BoundExecutor<X, H> {
    fn executor<E: Executor>(&self, _: &E) -> impl Executor {
        self.executor.clone()
    }

    fn immediate_executor<O: Executor>(&self, own: &O) -> impl Executor {
        self.inner.immediate_executor(own)
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.inner.allocator()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.inner.cancellation_slot()
    }
}

impl<S: Signature, X: Executor, H: CompletionHandler<S>> CompletionHandler<S>
    for BoundExecutor<X, H>
{
    fn complete(self, args: S::Args) {
        self.inner.complete(args);
    }
}

/// The operation of [`bind_executor`].
pub type OnExecutor<S, X, I> = Launched<S, Binding<X, I>>;

/// Launches [`OnExecutor`].
pub struct Binding<X, I> {
    executor: X,
    initiation: I,
}

impl<X, I: fmt::Debug> fmt::Debug for Binding<X, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Binding").field(&self.initiation).finish()
    }
}

impl<S, X, I> Launch<S> for Binding<X, I>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    X: Executor,
    I: Initiation<S> + 'static,
{
    type Executor = I::Executor;

    fn executor(&self) -> &I::Executor {
        self.initiation.executor()
    }

    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        self.initiation.with_memory(function)
    }

    fn launch<H: CompletionHandler<S>>(self, _: Site, handler: H) {
        self.initiation.initiate(BoundExecutor {
            executor: self.executor,
            inner: handler,
        });
    }
}
