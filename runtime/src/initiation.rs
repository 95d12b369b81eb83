//! Operations that have not started.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::cancel::CancellationType;
use crate::completion::Completion;
use crate::context::IoExecutor;
use crate::executor::{Executor, WorkGuard};
use crate::handler::CompletionHandler;
use crate::is_send::IsSend;
use crate::meta::Meta;
use crate::running::Running;
use crate::signature::Signature;
use crate::site::Site;
use crate::task::leaf::{self, Attempt};
use crate::task::scope::{OfFilter, Scope};
use crate::task::slot::SlotFuture;
use crate::task::{block, frame, scope, slot};
use crate::token::CompletionToken;
use crate::trace::{Entered, Trace};

/// An operation that has not started, in the form in which a completion token
/// receives it.
///
/// A token either [starts it with a handler](Self::initiate), and its memory
/// then comes from the handler's allocator, or [makes it a
/// future](Self::into_hosted), hosted in the caller's.
///
/// ```
/// use async_op::{Blocking, Completion, Initiation, IoExecutor, IoContext, async_op};
///
/// #[async_op]
/// fn async_answer(context: &IoExecutor, op: Completion<fn(u32)>) {
///     op.complete(42);
/// }
///
/// /// What an operation returns can be passed on as one.
/// fn twice(answer: impl Initiation<fn(u32)>) -> impl Future<Output = u32> {
///     let future = answer.into_hosted();
///     async { 2 * future.await }
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// assert_eq!(pollster::block_on(twice(answer(&context))), 84);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operation with the signature `{S}`",
    note = "an operation is made by an initiating function, `from_fn` or `from_future`"
)]
pub trait Initiation<S: Signature>: Sized + Send {
    /// The type of the I/O executor.
    type Executor: Executor;

    /// The operation as a future.
    type Future: Future<Output = S::Output> + Send;

    /// Returns the I/O executor: that of the object the operation is for.
    fn executor(&self) -> &Self::Executor;

    /// Makes the operation a future; it starts when that is first polled.
    fn into_hosted(self) -> Self::Future;

    /// Starts the operation, to complete by calling `handler`.
    ///
    /// # Panics
    ///
    /// If no memory can be had for the operation; nothing has started then.
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static;
}

/// Starts, or packages, `initiation` as `token` says; what every initiating
/// function ends with.
#[inline]
pub fn async_initiate<'op, S, I, T>(initiation: I, token: T) -> T::Return<I>
where
    S: Signature,
    I: Initiation<S> + 'op,
    T: CompletionToken<'op, S>,
{
    token.initiate(initiation)
}

/// Makes an operation of a function that receives the [`Completion`]: the
/// handler form, by hand.
///
/// ```
/// use async_op::{
///     Completion, CompletionToken, Initiation, IoContext, Meta, SystemExecutor, async_initiate, from_fn,
/// };
///
/// fn async_answer<'op, T: CompletionToken<'op, fn(u32)>>(
///     token: T,
/// ) -> T::Return<impl Initiation<fn(u32)> + 'op> {
///     const META: Meta = Meta::new("async_answer", &[], &[]);
///     async_initiate(
///         from_fn(&META, SystemExecutor, |op: Completion<fn(u32)>| op.complete(42)),
///         token,
///     )
/// }
///
/// assert_eq!(async_answer(async_op::Blocking), 42);
/// ```
#[track_caller]
pub fn from_fn<S, E, F>(meta: &'static Meta, executor: E, body: F) -> FromFn<S, E, F>
where
    S: Signature + 'static,
    E: Executor,
    F: FnOnce(Completion<S>) + Send,
{
    FromFn {
        site: Site::here(meta),
        executor,
        body,
        _signature: PhantomData,
    }
}

/// Makes an operation of a future: the async form, by hand.
///
/// ```
/// use async_op::{Blocking, Meta, SystemExecutor, async_initiate, from_future};
///
/// const META: Meta = Meta::new("async_answer", &[], &[]);
/// let operation = from_future::<fn(u32), _, _>(&META, SystemExecutor, async { 42 });
/// assert_eq!(async_initiate(operation, Blocking), 42);
/// ```
#[track_caller]
pub fn from_future<S, E, F>(meta: &'static Meta, executor: E, future: F) -> FromFuture<S, E, F>
where
    S: Signature,
    E: Executor,
    F: Future<Output = S::Output> + Send, // in a trait's definition: `#[async_op(provided)]`
{
    FromFuture {
        site: Site::here(meta),
        executor,
        future: IsSend::new(future),
        _signature: PhantomData,
    }
}

/// The operation of [`from_fn`].
#[must_use = "an operation does nothing until it is started"]
pub struct FromFn<S, E, F> {
    site: Site,
    executor: E,
    body: F,
    _signature: PhantomData<fn() -> S>,
}

impl<S, E: Clone, F: Clone> Clone for FromFn<S, E, F> {
    fn clone(&self) -> Self {
        Self {
            site: self.site,
            executor: self.executor.clone(),
            body: self.body.clone(),
            _signature: PhantomData,
        }
    }
}

impl<S, E, F> fmt::Debug for FromFn<S, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FromFn").field(self.site.meta()).finish()
    }
}

impl<S, E, F> Initiation<S> for FromFn<S, E, F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    E: Executor,
    F: FnOnce(Completion<S>) + Send,
{
    type Executor = E;
    type Future = FromFnFuture<S, E, F>;

    fn executor(&self) -> &E {
        &self.executor
    }

    fn into_hosted(self) -> Self::Future {
        FromFnFuture {
            state: State::Unstarted(self),
        }
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H) {
        // Whoever starts it does not wait for it.
        let _outside = scope::outside();
        block::new(self.site, self.executor, handler).initiate(self.body);
    }
}

/// The future of a handler-form operation.
///
/// Dropping it while the operation is in flight asks the operation to stop
/// (terminal cancellation) and discards its result.
#[must_use = "futures do nothing unless polled"]
pub struct FromFnFuture<S: Signature + 'static, E: Executor, F> {
    state: State<S, E, F>,
}

enum State<S: Signature + 'static, E: Executor, F> {
    Unstarted(FromFn<S, E, F>),
    Waiting(SlotFuture<S>, WorkGuard<E>),
    Over,
}

// The body is moved out before it is called; nothing is ever pinned.
impl<S: Signature + 'static, E: Executor, F> Unpin for FromFnFuture<S, E, F> {}

impl<S, E, F> Future for FromFnFuture<S, E, F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    E: Executor,
    F: FnOnce(Completion<S>) + Send,
{
    type Output = S::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        if let State::Unstarted(_) = self.state {
            let State::Unstarted(operation) = mem::replace(&mut self.state, State::Over) else {
                unreachable!("just matched")
            };
            let trace = Trace::start(operation.site, &operation.executor);
            let work = WorkGuard::new(operation.executor);
            let (future, completion) = slot::new(operation.site, trace);
            self.state = State::Waiting(future, work);
            completion.initiate(operation.body);
        }
        let State::Waiting(future, _) = &mut self.state else {
            panic!("polled after completion")
        };
        let args = ready!(future.poll(cx));
        self.state = State::Over;
        Poll::Ready(S::into_output(args))
    }
}

/// The future of an operation that is started with a handler of its own, and
/// passes its result on.
///
/// Dropping it lets the operation go on, and discards its result; unless the
/// operation is awaited inside one that can be cancelled, which is asked then.
#[must_use = "futures do nothing unless polled"]
pub struct StartedFuture<S: Signature + 'static, I> {
    site: Site,
    state: Started<S, I>,
}

enum Started<S: Signature + 'static, I> {
    Unstarted(I),
    Running(Running<S>),
    Over,
}

// The operation is moved out before it is started; nothing is ever pinned.
impl<S: Signature + 'static, I> Unpin for StartedFuture<S, I> {}

impl<S: Signature + 'static, I> StartedFuture<S, I> {
    pub(crate) fn new(site: Site, initiation: I) -> Self {
        Self {
            site,
            state: Started::Unstarted(initiation),
        }
    }
}

impl<S, I> Future for StartedFuture<S, I>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    I: Initiation<S> + 'static,
{
    type Output = S::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        if let Started::Unstarted(_) = self.state {
            let Started::Unstarted(initiation) = mem::replace(&mut self.state, Started::Over)
            else {
                unreachable!("just matched")
            };
            let asking = scope::cancellation().is_connected();
            let (running, relay) = Running::new(self.site, asking);
            self.state = Started::Running(running);
            initiation.initiate(relay);
        }
        let Started::Running(running) = &mut self.state else {
            panic!("polled after completion")
        };
        let output = ready!(running.poll(cx));
        self.state = Started::Over;
        Poll::Ready(output)
    }
}

impl<S: Signature + 'static, I> fmt::Debug for StartedFuture<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedFuture").finish_non_exhaustive()
    }
}

impl<S: Signature + 'static, E: Executor, F> fmt::Debug for FromFnFuture<S, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnFuture").finish_non_exhaustive()
    }
}

/// The operation of [`from_future`].
#[must_use = "an operation does nothing until it is started"]
pub struct FromFuture<S, E, F> {
    site: Site,
    executor: E,
    future: IsSend<F>,
    _signature: PhantomData<fn() -> S>,
}

impl<S, E, F> fmt::Debug for FromFuture<S, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FromFuture").field(self.site.meta()).finish()
    }
}

impl<S, E, F> Initiation<S> for FromFuture<S, E, F>
where
    S: Signature,
    E: Executor,
    F: Future<Output = S::Output>,
{
    type Executor = E;
    type Future = FromFutureFuture<E, F>;

    fn executor(&self) -> &E {
        &self.executor
    }

    fn into_hosted(self) -> Self::Future {
        FromFutureFuture {
            site: self.site,
            future: self.future,
            work: Work::NotYet {
                executor: self.executor,
            },
        }
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        frame::start::<S, H, E, IsSend<F>>(self.site, self.executor, self.future, handler);
    }
}

/// Makes an operation of attempts: one of this crate's own.
#[track_caller]
pub(crate) fn from_attempt<S, T>(
    meta: &'static Meta,
    executor: IoExecutor,
    attempt: T,
) -> FromAttempt<S, T>
where
    S: Signature<Output = T::Output>,
    T: Attempt,
{
    FromAttempt {
        site: Site::here(meta),
        executor,
        attempt,
        _signature: PhantomData,
    }
}

/// The operation of [`from_attempt`].
#[must_use = "an operation does nothing until it is started"]
pub(crate) struct FromAttempt<S, T> {
    site: Site,
    executor: IoExecutor,
    attempt: T,
    _signature: PhantomData<fn() -> S>,
}

impl<S, T> Initiation<S> for FromAttempt<S, T>
where
    S: Signature<Output = T::Output>,
    T: Attempt,
{
    type Executor = IoExecutor;
    type Future = FromFutureFuture<IoExecutor, T::Awaited>;

    fn executor(&self) -> &IoExecutor {
        &self.executor
    }

    #[inline]
    fn into_hosted(self) -> Self::Future {
        FromFutureFuture {
            site: self.site,
            future: IsSend::new(self.attempt.into_awaited()),
            work: Work::NotYet {
                executor: self.executor,
            },
        }
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        leaf::start::<S, H, IoExecutor, T>(self.site, self.executor, self.attempt, handler);
    }
}

pin_project! {
    /// The future of an async-form operation: the author's own, and work on
    /// its executor from the first poll until it is ready or dropped.
    ///
    /// Leaked in between, it keeps that work for ever.
    #[must_use = "futures do nothing unless polled"]
    pub struct FromFutureFuture<E: Executor, F> {
        site: Site,
        #[pin]
        future: IsSend<F>,
        work: Work<E>,
    }
}

enum Work<E: Executor> {
    NotYet {
        executor: E,
    },
    Held {
        trace: Trace,
        // Held for its drop.
        _work: WorkGuard<E>,
    },
    Over,
}

impl<E: Executor, F: Future> Future for FromFutureFuture<E, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let first = if let Work::NotYet { executor } = this.work {
            *this.work = Work::Held {
                trace: Trace::start(*this.site, executor),
                _work: WorkGuard::new(executor.clone()),
            };
            true
        } else {
            false
        };
        let Work::Held { trace, .. } = this.work else {
            panic!("polled after completion")
        };
        let honoured = this.site.honours();
        // What the operation cannot honour does not reach what it awaits.
        let is_filtered = honoured != CancellationType::ALL && scope::may_be_asked();
        let filter = Scope::new(OfFilter(honoured));
        let output = {
            let _entered: Entered = trace.polling();
            filter.within_if(is_filtered, || this.future.poll_awaited(cx))
        };
        let output = ready!(output);
        trace.completed(first);
        *this.work = Work::Over;
        Poll::Ready(output)
    }
}

impl<E: Executor, F> fmt::Debug for FromFutureFuture<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFutureFuture").finish_non_exhaustive()
    }
}
