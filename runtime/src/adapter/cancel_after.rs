use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{AdaptedInitiation, Adapter, AdapterAssociations, adapt};
use crate::cancel::Expire;
use crate::cancel::{CancellationSlot, CancellationType};
use crate::context::IoExecutor;
use crate::executor::timers_of;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::Initiation;
use crate::signature::{LeadingSignature, Signature};
use crate::task::asked::Asked;
use crate::task::parked::Ended;
use crate::task::scope;
use crate::time::{Countdown, Deadline, Moment, When};
use crate::token::{CompletionToken, Operation};

/// Asks the operation to stop when it has taken `duration`.
///
/// The clock starts with the operation. One that stops for it completes with an
/// error of kind [`TimedOut`](std::io::ErrorKind::TimedOut), which
/// [`is_timeout`](crate::is_timeout) recognises; one that completes in time, or
/// goes on all the same, completes as ever. Time limits nest, and what is asked
/// through the handler's own slot is passed on.
///
/// ```
/// use async_op::{IoContext, cancel_after, is_timeout};
/// use async_op::time::{async_sleep, sleep};
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let (hour, limit) = (Duration::from_secs(3600), Duration::from_millis(1));
/// async_sleep(&context, hour, cancel_after(limit, |result: std::io::Result<()>| {
///     assert!(is_timeout(&result.unwrap_err()));
/// }));
/// assert_eq!(context.run(), 1);
///
/// // Or of an operation that has not started:
/// let result = sleep(&context, hour).cancel_after(limit).blocking();
/// assert!(is_timeout(&result.unwrap_err()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// What is asked for is a terminal cancellation, unless
/// [`asking_for`](TimeLimit::asking_for) says otherwise.
///
/// The limit is a request, as all cancellation is, and an operation that does not
/// listen takes as long as it takes:
///
/// - an `async fn`, or a spawned future, while it awaits something that is not of this
///   crate: put that into [`this_op::or_cancelled`](crate::this_op::or_cancelled);
/// - one in handler form whose author has not said what to do: see
///   [forms](crate::forms#one-that-can-be-asked-to-stop).
///
/// A cancellation slot goes inside, as below; the method has it inside wherever it is
/// bound. Outside, it would take the place of this, as the outermost always does, and
/// there would be no limit.
///
/// ```
/// use async_op::{Blocking, IoContext, bind_cancellation_slot, cancel_after, is_timeout};
/// use async_op::cancel::CancellationSignal;
/// use async_op::time::Timer;
/// use std::time::Duration;
///
/// # let context = IoContext::new()?;
/// # let timer = Timer::new(&context);
/// # timer.expires_after(Duration::from_secs(3600));
/// let (signal, limit) = (CancellationSignal::new(), Duration::from_millis(1));
/// let token = cancel_after(limit, bind_cancellation_slot(signal.slot(), Blocking));
/// assert!(is_timeout(&timer.async_wait(token).unwrap_err()));
///
/// let token = bind_cancellation_slot(signal.slot(), Blocking);
/// let limited = timer.wait().cancel_after(limit);
/// assert!(is_timeout(&limited.with(token).unwrap_err()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Completion
///
/// The operation's own signature, whose first argument is a `Result` of an
/// [`OperationError`](crate::cancel::OperationError). Others can be limited too, but cannot
/// say so: an `Option`, a number, whatever implements [`Expire`]. Of a
/// [group](crate::group::parallel_group), whose first argument is an order, the operations
/// are cancelled, and [`is_timeout`](crate::is_timeout) is false of their errors; where
/// that matters limit each operation.
///
/// The handler is called once the operation has completed, and by then nothing of
/// the time limit is left.
///
/// The timer is one of the executor's [context](crate::Executor::context).
///
/// # Allocation
///
/// No block of the handler's allocator beyond the operation's own. What is
/// shared with the timer is a small recycled header; where it is awaited, nothing.
///
/// # Cancel safety
///
/// Yes, if the operation's is: dropped, it leaves nothing of the time limit.
#[doc(alias = "timeout")]
pub fn cancel_after<T>(duration: Duration, token: T) -> TimeLimit<T> {
    TimeLimit::new(When::After(duration), token)
}

/// Asks the operation to stop at the time `instant`.
///
/// As [`cancel_after`] in every other respect.
///
/// ```
/// use async_op::{Blocking, IoContext, is_timeout};
/// use async_op::adapter::cancel_at;
/// use async_op::time::async_sleep;
/// use std::time::{Duration, Instant};
///
/// let context = IoContext::new()?;
/// let hour = Duration::from_secs(3600);
/// let lunch = Instant::now() + Duration::from_millis(2);
/// for _ in 0..2 {
///     let error = async_sleep(&context, hour, cancel_at(lunch, Blocking)).unwrap_err();
///     assert!(is_timeout(&error) && Instant::now() >= lunch);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn cancel_at<T>(instant: Instant, token: T) -> TimeLimit<T> {
    TimeLimit::new(When::At(instant), token)
}

// The bounds are the methods', as in `token/deferred`.
impl<S, I> Operation<S, I> {
    /// Limits the time that the operation may take, from its start: see
    /// [`cancel_after`].
    ///
    /// ```
    /// use async_op::sync::Channel;
    /// use async_op::{IoContext, is_timeout};
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// let patience = Duration::from_millis(1);
    /// let error = channel.receive().cancel_after(patience).blocking().unwrap_err();
    /// assert!(is_timeout(&error));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel_after(self, duration: Duration) -> Operation<S, TimedInitiation<S, I>>
    where
        S: LeadingSignature<First: Expire, Args: Send, Output: Send> + 'static,
        I: Initiation<S>,
    {
        self.with_limit(When::After(duration))
    }

    /// Limits the time that the operation may take, to a time on the clock:
    /// see [`cancel_at`].
    ///
    /// ```
    /// use async_op::sync::Channel;
    /// use async_op::{IoContext, is_timeout};
    /// use std::time::{Duration, Instant};
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// let lunch = Instant::now() + Duration::from_millis(1);
    /// let error = channel.receive().cancel_at(lunch).blocking().unwrap_err();
    /// assert!(is_timeout(&error));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel_at(self, instant: Instant) -> Operation<S, TimedInitiation<S, I>>
    where
        S: LeadingSignature<First: Expire, Args: Send, Output: Send> + 'static,
        I: Initiation<S>,
    {
        self.with_limit(When::At(instant))
    }

    fn with_limit(self, when: When) -> Operation<S, TimedInitiation<S, I>>
    where
        S: LeadingSignature<First: Expire>,
        I: Initiation<S>,
    {
        self.wrap(|initiation| TimedInitiation::new(when, CancellationType::TERMINAL, initiation))
    }
}

/// A token with a limit on the time of its operation; made by [`cancel_after`]
/// and [`cancel_at`].
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy)]
pub struct TimeLimit<T> {
    when: When,
    kind: CancellationType,
    inner: T,
}

impl<T> TimeLimit<T> {
    const fn new(when: When, inner: T) -> Self {
        Self {
            when,
            kind: CancellationType::TERMINAL,
            inner,
        }
    }

    /// Sets what is asked of the operation when its time has run out.
    ///
    /// ```
    /// use async_op::{Blocking, IoContext, cancel_after, is_timeout};
    /// use async_op::cancel::CancellationType;
    /// use async_op::time::async_sleep;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let limit = cancel_after(Duration::from_millis(1), Blocking);
    /// let limit = limit.asking_for(CancellationType::TOTAL);
    /// let result = async_sleep(&context, Duration::from_secs(3600), limit);
    /// assert!(is_timeout(&result.unwrap_err()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn asking_for(mut self, kind: CancellationType) -> Self {
        self.kind = kind;
        self
    }
}

impl<T> fmt::Debug for TimeLimit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeLimit").field(&self.when).finish()
    }
}

impl<'op, S, T> CompletionToken<'op, S> for TimeLimit<T>
where
    S: LeadingSignature<First: Expire> + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    T: CompletionToken<'op, S>,
{
    type Return<I: Initiation<S> + 'op> = T::Return<TimedInitiation<S, I>>;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Self::Return<I> {
        self.inner
            .initiate(TimedInitiation::new(self.when, self.kind, initiation))
    }
}

pin_project! {
    /// An operation with a limit on its time.
    #[must_use = "an operation does nothing until it is started"]
    pub struct TimedInitiation<S, I>
    where
        S: LeadingSignature<First: Expire>,
    {
        #[pin]
        adapted: AdaptedInitiation<S, Timed, I>,
    }
}

impl<S, I> TimedInitiation<S, I>
where
    S: LeadingSignature<First: Expire>,
    I: Initiation<S>,
{
    fn new(when: When, kind: CancellationType, initiation: I) -> Self {
        let timers = timers_of(initiation.executor());
        let timed = Timed(State::Unstarted { timers, when, kind });
        Self {
            adapted: AdaptedInitiation::new(timed, initiation),
        }
    }
}

impl<S, I: fmt::Debug> fmt::Debug for TimedInitiation<S, I>
where
    S: LeadingSignature<First: Expire>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimedInitiation")
            .field(&self.adapted)
            .finish()
    }
}

impl<S, I> Initiation<S> for TimedInitiation<S, I>
where
    S: LeadingSignature<First: Expire> + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    I: Initiation<S>,
{
    type Executor = I::Executor;

    fn executor(&self) -> &I::Executor {
        self.adapted.executor()
    }

    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        self.adapted.with_memory(function)
    }

    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
    {
        let (timed, initiation) = self.adapted.into_parts();
        let State::Unstarted { timers, when, kind } = timed.0 else {
            unreachable!("it has not been polled")
        };
        let expiry = when.expiry(&timers);
        let (deadline, clock) = Deadline::new(kind, handler.cancellation_slot());
        let handler = adapt(Timed(State::Started(deadline)), handler);
        initiation.initiate(handler);
        clock.start(&timers, expiry);
    }
}

impl<S, I> Future for TimedInitiation<S, I>
where
    S: LeadingSignature<First: Expire>,
    I: Initiation<S>,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        self.project().adapted.poll(cx)
    }
}

/// The adapter of [`cancel_after`] and [`cancel_at`].
pub struct Timed(State);

enum State {
    Unstarted {
        timers: IoExecutor,
        when: When,
        kind: CancellationType,
    },
    Started(Deadline),
    Hosted(Hosted),
}

/// What is polled needs no signal: it is told each time.
struct Hosted {
    countdown: Countdown,
    kind: CancellationType,
    asked: Asked,
    /// The time was over before anybody asked for as much.
    has_expired: bool,
}

impl Hosted {
    fn start(timers: IoExecutor, when: When, kind: CancellationType) -> Self {
        // From now on, whenever it has to wait.
        let expiry = When::At(when.expiry(&timers));
        Self {
            countdown: Countdown::new(Moment::new(timers, expiry)),
            kind,
            asked: Asked::new("cancel_after"),
            has_expired: false,
        }
    }

    fn look(&mut self, waker: &Waker) {
        if self.countdown.look(waker) == Some(Ended::Expired) {
            self.has_expired |= !self.asked.contains(self.kind);
            self.asked.ask(self.kind);
        }
    }
}

impl fmt::Debug for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed").finish_non_exhaustive()
    }
}

impl AdapterAssociations for Timed {
    fn cancellation_slot<H: Associations>(&self, handler: &H) -> CancellationSlot {
        match &self.0 {
            State::Started(deadline) => deadline.slot(),
            State::Unstarted { .. } | State::Hosted(_) => handler.cancellation_slot(),
        }
    }
}

impl<S> Adapter<S> for Timed
where
    S: LeadingSignature<First: Expire>,
{
    type Signature = S;

    fn map(self, args: S::Args) -> <Self::Signature as Signature>::Args {
        let has_expired = match self.0 {
            State::Unstarted { .. } => false,
            State::Started(mut deadline) => deadline.end(),
            State::Hosted(hosted) => hosted.has_expired,
        };
        S::change(
            args,
            |first| {
                if has_expired { first.expire() } else { first }
            },
        )
    }

    fn scoped<R>(&mut self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        match &mut self.0 {
            State::Hosted(hosted) => hosted.look(cx.waker()),
            &mut State::Unstarted { timers, when, kind } => {
                self.0 = State::Hosted(Hosted::start(timers, when, kind));
            }
            State::Started(_) => {}
        }
        let State::Hosted(hosted) = &mut self.0 else {
            unreachable!("an operation with a handler is not hosted")
        };
        hosted.asked.ask(scope::requested());
        hosted.asked.within(|| poll(cx))
    }

    fn waits(&mut self, cx: &mut Context<'_>) {
        if let State::Hosted(hosted) = &mut self.0 {
            hosted.countdown.begin(cx.waker());
        }
    }
}
