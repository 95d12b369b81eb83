//! Operations: what a token starts with a handler, or a caller awaits.

use std::fmt;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
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
use crate::release::{Release, Releasing};
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
/// then comes from the handler's allocator, or has it awaited: it is a future, which
/// starts when it is first polled, and is hosted in the caller's.
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
/// async fn twice(answer: impl Initiation<fn(u32)>) -> u32 {
///     2 * answer.await
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// assert_eq!(pollster::block_on(twice(answer(&context))), 84);
/// # Ok(())
/// # }
/// ```
///
/// Those of this crate are not `Unpin`: what has been polled can no longer be started with a
/// handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operation with the signature `{S}`",
    note = "an operation is made by an initiating function, `from_fn` or `from_future`"
)]
pub trait Initiation<S: Signature>: Future<Output = S::Output> + Sized + Send {
    /// The type of the I/O executor.
    type Executor: Executor;

    /// Returns the I/O executor: that of the object the operation is for.
    ///
    /// # Panics
    ///
    /// If the operation has been polled.
    fn executor(&self) -> &Self::Executor;

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

/// What is polled is pinned, and is given to nobody by value.
#[cold]
fn has_started() -> ! {
    panic!("the operation has been polled, and so has started")
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
        state: State::Unstarted {
            site: Site::here(meta),
            executor,
            body,
        },
        pinned: PhantomPinned,
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
        future: IsSend::new(future),
        work: Work::new(executor),
        pinned: PhantomPinned,
        _signature: PhantomData,
    }
}

pin_project! {
    /// The operation of [`from_fn`].
    ///
    /// Dropping it while it is in flight asks the operation to stop (terminal
    /// cancellation) and discards its result.
    #[must_use = "an operation does nothing until it is started"]
    pub struct FromFn<S: Signature, E: Executor, F>
    where
        S: 'static,
    {
        state: State<S, E, F>,
        #[pin]
        pinned: PhantomPinned,
    }
}

enum State<S: Signature + 'static, E: Executor, F> {
    Unstarted {
        site: Site,
        executor: E,
        body: F,
    },
    Waiting {
        future: SlotFuture<S>,
        // Held for its drop.
        _work: WorkGuard<E>,
    },
    Over,
}

impl<S: Signature + 'static, E: Executor, F> fmt::Debug for FromFn<S, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_tuple("FromFn");
        match &self.state {
            State::Unstarted { site, .. } => f.field(site.meta()).finish(),
            State::Waiting { .. } | State::Over => f.finish_non_exhaustive(),
        }
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

    fn executor(&self) -> &E {
        match &self.state {
            State::Unstarted { executor, .. } => executor,
            State::Waiting { .. } | State::Over => has_started(),
        }
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H) {
        let State::Unstarted {
            site,
            executor,
            body,
        } = self.state
        else {
            has_started()
        };
        // Whoever starts it does not wait for it.
        let _outside = scope::outside();
        block::new(site, executor, handler).initiate(body);
    }
}

impl<S, E, F> Future for FromFn<S, E, F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    E: Executor,
    F: FnOnce(Completion<S>) + Send,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        // The body is moved out before it is called; nothing is pinned.
        let state = self.project().state;
        if let State::Unstarted { .. } = state {
            let State::Unstarted {
                site,
                executor,
                body,
            } = mem::replace(state, State::Over)
            else {
                unreachable!("just matched")
            };
            let trace = Trace::start(site, &executor);
            let work = WorkGuard::new(executor);
            let (future, completion) = slot::new(site, trace);
            *state = State::Waiting {
                future,
                _work: work,
            };
            completion.initiate(body);
        }
        let State::Waiting { future, .. } = state else {
            panic!("polled after completion")
        };
        let args = ready!(future.poll(cx));
        *state = State::Over;
        Poll::Ready(S::into_output(args))
    }
}

/// Starts an operation that is always started with a handler.
pub trait Launch<S: Signature>: Sized + Send {
    /// The type of the I/O executor.
    type Executor: Executor;

    #[doc(hidden)]
    fn executor(&self) -> &Self::Executor;

    #[doc(hidden)]
    fn launch<H: CompletionHandler<S>>(self, site: Site, handler: H)
    where
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static;
}

pin_project! {
    /// An operation that is started with a handler of its own where it is awaited, and passes
    /// its result on.
    ///
    /// Dropping it lets the operation go on, and discards its result; unless the
    /// operation is awaited inside one that can be cancelled, which is asked then.
    #[must_use = "an operation does nothing until it is started"]
    pub struct Launched<S: Signature, L>
    where
        S: 'static,
    {
        site: Site,
        // Until it has been launched; not one of several states, which would be moved slower.
        launch: Option<L>,
        running: Option<Running<S>>,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<S: Signature + 'static, L> Launched<S, L> {
    pub(crate) fn new(site: Site, launch: L) -> Self {
        Self {
            site,
            launch: Some(launch),
            running: None,
            pinned: PhantomPinned,
        }
    }
}

impl<S, L> Initiation<S> for Launched<S, L>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    L: Launch<S> + 'static,
{
    type Executor = L::Executor;

    fn executor(&self) -> &L::Executor {
        match &self.launch {
            Some(launch) => launch.executor(),
            None => has_started(),
        }
    }

    #[inline(always)]
    fn initiate<H: CompletionHandler<S>>(self, handler: H) {
        let Self {
            site,
            launch,
            running,
            ..
        } = self;
        // There is none: that need not be looked at.
        mem::forget(running);
        match launch {
            Some(launch) => launch.launch(site, handler),
            None => has_started(),
        }
    }
}

impl<S, L> Future for Launched<S, L>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    L: Launch<S> + 'static,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        // What launches it is moved out first; nothing is pinned.
        let this = self.project();
        if let Some(launch) = this.launch.take() {
            let asking = scope::cancellation().is_connected();
            let (running, relay) = Running::new(*this.site, asking);
            *this.running = Some(running);
            launch.launch(*this.site, relay);
        }
        let running = this.running.as_mut().expect("polled after completion");
        let output = ready!(running.poll(cx));
        *this.running = None;
        Poll::Ready(output)
    }
}

impl<S: Signature + 'static, L> fmt::Debug for Launched<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Launched").field(self.site.meta()).finish()
    }
}

pin_project! {
    /// The operation of [`from_future`]: the author's own future, and work on its executor
    /// from the first poll until it is ready or dropped.
    ///
    /// Leaked in between, it keeps that work for ever.
    #[must_use = "an operation does nothing until it is started"]
    pub struct FromFuture<S, E: Executor, F> {
        site: Site,
        #[pin]
        future: IsSend<F>,
        work: Releasing<Work<E>>,
        #[pin]
        pinned: PhantomPinned,
        _signature: PhantomData<fn() -> S>,
    }
}

impl<S, E: Executor, F> fmt::Debug for FromFuture<S, E, F> {
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

    fn executor(&self) -> &E {
        &self.work.executor
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        let Work { executor, .. } = self.work.into_inner();
        frame::start::<S, H, E, IsSend<F>>(self.site, executor, self.future, handler);
    }
}

impl<S, E, F> Future for FromFuture<S, E, F>
where
    S: Signature,
    E: Executor,
    F: Future<Output = S::Output>,
{
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        let this = self.project();
        this.work.poll(*this.site, || this.future.poll_awaited(cx))
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
        awaited: attempt.into_awaited(),
        work: Work::new(executor),
        pinned: PhantomPinned,
        _signature: PhantomData,
    }
}

pin_project! {
    /// The operation of [`from_attempt`].
    #[must_use = "an operation does nothing until it is started"]
    pub(crate) struct FromAttempt<S, T: Attempt> {
        site: Site,
        awaited: T::Awaited,
        work: Releasing<Work<IoExecutor>>,
        #[pin]
        pinned: PhantomPinned,
        _signature: PhantomData<fn() -> S>,
    }
}

impl<S, T> Initiation<S> for FromAttempt<S, T>
where
    S: Signature<Output = T::Output>,
    T: Attempt,
{
    type Executor = IoExecutor;

    fn executor(&self) -> &IoExecutor {
        &self.work.executor
    }

    #[inline(always)]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        let Self {
            site,
            awaited,
            work,
            ..
        } = self;
        let (attempt, Work { executor, .. }) = (T::from_awaited(awaited), work.into_inner());
        leaf::start::<S, H, IoExecutor, T>(site, executor, attempt, handler);
    }
}

impl<S, T> Future for FromAttempt<S, T>
where
    S: Signature<Output = T::Output>,
    T: Attempt,
{
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        let this = self.project();
        this.work
            .poll(*this.site, || Pin::new(this.awaited).poll(cx))
    }
}

/// The work of an operation that is awaited, on its executor, from the first poll until it
/// is over.
struct Work<E: Executor> {
    executor: E,
    stage: Stage,
}

enum Stage {
    Unstarted,
    Started(Trace),
    Over,
}

impl<E: Executor> Work<E> {
    fn new(executor: E) -> Releasing<Self> {
        Releasing::new(Self {
            executor,
            stage: Stage::Unstarted,
        })
    }

    /// Polls the operation.
    #[inline]
    fn poll<T>(&mut self, site: Site, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let first = matches!(self.stage, Stage::Unstarted);
        if first {
            let trace = Trace::start(site, &self.executor);
            self.executor.work_started();
            self.stage = Stage::Started(trace);
        }
        let Stage::Started(trace) = &self.stage else {
            panic!("polled after completion")
        };
        let honoured = site.honours();
        // What the operation cannot honour does not reach what it awaits.
        let is_filtered = honoured != CancellationType::ALL && scope::may_be_asked();
        let filter = Scope::new(OfFilter(honoured));
        let output = {
            let _entered: Entered = trace.polling();
            filter.within_if(is_filtered, poll)
        };
        let output = ready!(output);
        trace.completed(first);
        self.release();
        Poll::Ready(output)
    }
}

impl<E: Executor> Release for Work<E> {
    fn release(&mut self) {
        // Before what is foreign.
        if let Stage::Started(_) = mem::replace(&mut self.stage, Stage::Over) {
            self.executor.work_finished();
        }
    }
}
