use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::state::{TimerState, cancel};
use super::waits::Key;
use super::when::When;
use crate::alloc::Owner;
use crate::cancel::{self, CancellationType};
use crate::context::{AtTimer, IoExecutor};
use crate::executor::home::homes;
use crate::executor::{Home, HomeExecutor, IoObject};
use crate::initiation::{Initiation, async_initiate, from_attempt};
use crate::meta::Meta;
use crate::release::{Release, Releasing};
use crate::task::leaf::Attempt;
use crate::task::parked::Ended;
use crate::task::{budget, scope};
use crate::token::{CompletionToken, Deferred, Operation};

/// A point in time that any number of operations can wait for.
///
/// A handle: clones are the same timer. A new timer has expired already. To let some time
/// pass once, [`sleep`](super::sleep()) is shorter, and costs less.
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::Timer;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_millis(2));
/// timer.wait().callback(|result| println!("first: {result:?}"));
/// timer.wait().callback(|result| println!("second: {result:?}"));
/// assert_eq!(context.run(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "steady_timer")]
#[doc(alias = "deadline_timer")]
#[doc(alias = "interval")]
#[derive(Clone)]
pub struct Timer<E = Home> {
    state: Owner<TimerState>,
    home: E,
}

impl Timer {
    /// Makes a timer of a context: `&context`, an executor of one, or
    /// `&SystemExecutor`. It has expired already.
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::time::Timer;
    ///
    /// let timer = Timer::new(&SystemExecutor);
    /// timer.wait().blocking()?; // at once
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(executor: &IoExecutor, // on a strand: `Timer::new(&context).on(&strand)`
    ) -> Self {
        Self {
            state: Owner::new(TimerState::new(*executor), "Timer"),
            home: Home,
        }
    }
}

impl<E: HomeExecutor> Timer<E> {
    /// Sets the time when the timer expires; cancels the waits for the old one
    /// and returns how many those were.
    ///
    /// A wait that the context has found to be over is not cancelled. One whose time has
    /// come while nobody has looked is.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use std::time::{Duration, Instant};
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// let tick = Duration::from_millis(1);
    /// let mut next = Instant::now();
    /// for _ in 0..3 {
    ///     next += tick; // not later and later, as `expires_after` would
    ///     timer.expires_at(next);
    ///     timer.wait().blocking()?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn expires_at(&self, expiry: Instant) -> usize {
        self.state.set_expiry(expiry)
    }

    /// Sets the time when the timer expires, from now on; cancels the waits for
    /// the old one and returns how many those were.
    ///
    /// A duration that is too long for the clock is taken as a century.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use std::time::Duration;
    /// use async_op::is_cancelled;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.expires_after(Duration::from_secs(3600));
    /// timer.wait().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    /// let cancelled = timer.expires_after(Duration::from_millis(1));
    /// assert_eq!(cancelled, 1);
    /// timer.wait().callback(|result| result.unwrap());
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn expires_after(&self, duration: Duration) -> usize {
        self.state
            .set_expiry(When::After(duration).expiry(&self.state.executor))
    }

    /// Returns the time when the timer expires: some time in the past if none has been
    /// set.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use std::time::{Duration, Instant};
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// let noon = Instant::now() + Duration::from_secs(3600);
    /// timer.expires_at(noon);
    /// assert_eq!(timer.expiry(), noon);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn expiry(&self) -> Instant {
        self.state.lock().expiry
    }

    /// Cancels all waits and returns how many there were. The expiry stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::{IoContext, is_cancelled};
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.expires_after(Duration::from_secs(3600));
    /// for _ in 0..2 {
    ///     timer.wait().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    /// }
    /// assert_eq!(timer.cancel(), 2);
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel(&self) -> usize {
        cancel(self.state.lock())
    }

    /// Cancels the wait that was started first; returns whether there was one.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::{IoContext, is_cancelled};
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.expires_after(Duration::from_secs(3600));
    /// for _ in 0..2 {
    ///     timer.wait().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    /// }
    /// assert!(timer.cancel_one() && timer.cancel_one());
    /// assert!(!timer.cancel_one());
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel_one(&self) -> bool {
        let mut inner = self.state.lock();
        let Some(waker) = inner.waits.end_first(Ended::Cancelled) else {
            return false;
        };
        drop(inner);
        waker.wake();
        true
    }

    /// Waits until the timer expires.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](crate::UseFuture): returns a future of `io::Result<()>`, which you
    ///   `.await`
    /// - [`Blocking`](crate::Blocking): waits, and returns `io::Result<()>`
    /// - a closure: is called with it, `|result: io::Result<()>| ..`
    ///
    /// [`wait`](Self::wait) leaves that open: `wait().await` is the same as
    /// `async_wait(UseFuture).await`.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<()>)`. Completes at once if the timer has expired, and nobody who has
    /// waited for that is still to be told.
    ///
    /// # Overlap
    ///
    /// Any number of waits may be outstanding; they complete in the order in
    /// which they were started.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none. A timer keeps the
    /// room for the waits that it has had at once.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: a
    /// dropped wait leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [Cancelled](crate::is_cancelled) by [`cancel`](Self::cancel),
    /// [`cancel_one`](Self::cancel_one) or a new expiry; an error of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.expires_after(Duration::from_millis(1));
    /// timer.async_wait(|result: std::io::Result<()>| println!("expired: {result:?}"));
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn async_wait<'op, Token>(
        &self,
        token: Token,
    ) -> Token::Return<impl Initiation<fn(io::Result<()>)> + 'op + use<'op, Token, E>>
    where
        Token: CompletionToken<'op, fn(io::Result<()>)>,
    {
        // By hand: two references in two `async` blocks would be most of the operation.
        static META: Meta =
            Meta::new("async_wait", &["self"], &[]).with_cancellation(CancellationType::TOTAL);
        let wait = AttemptToWait(Owner::clone(&self.state));
        async_initiate(from_attempt(&META, self.executor(), wait), token)
    }

    /// Waits until the timer expires.
    ///
    /// The operation of [`async_wait`](Self::async_wait), not yet started: `.await` it, wait
    /// for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`].
    #[track_caller]
    #[allow(clippy::type_complexity, reason = "what it is made of says what it is")]
    pub fn wait(
        &self,
    ) -> Operation<fn(io::Result<()>), impl Initiation<fn(io::Result<()>)> + use<E>> {
        self.async_wait(Deferred)
    }
}

homes!(Timer, state, |this| this.state.executor);

impl<E: HomeExecutor> fmt::Debug for Timer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("expiry", &self.expiry())
            .finish_non_exhaustive()
    }
}

/// A wait with a handler. Its place is the timer's affair.
struct AttemptToWait(Owner<TimerState>);

impl Attempt for AttemptToWait {
    type Value = ();
    type Output = io::Result<()>;
    type Place = AtTimer;
    type Awaited = Releasing<Wait>;

    #[inline]
    fn into_awaited(self) -> Releasing<Wait> {
        Releasing::new(Wait {
            timer: self.0,
            key: None,
        })
    }

    #[inline]
    fn from_awaited(wait: Releasing<Wait>) -> Self {
        Self(wait.into_inner().timer)
    }

    /// It is at its place that the clock is looked at.
    #[inline]
    fn attempt(&mut self) -> Poll<io::Result<Option<()>>> {
        Poll::Pending
    }

    #[inline]
    fn place(&self) -> AtTimer {
        AtTimer::new(&self.0)
    }

    #[inline]
    fn finish(self, result: io::Result<()>) -> io::Result<()> {
        result
    }

    #[inline]
    fn ended(how: Ended) -> io::Result<()> {
        how.result()
    }
}

/// An operation that waits, or is about to; takes its wait back when dropped.
struct Wait {
    timer: Owner<TimerState>,
    key: Option<Key>,
}

impl Wait {
    fn start(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It may be foreign: where it is dropped, that is done after the lock.
        let waker;
        let mut guard = self.timer.lock();
        if guard.is_over(self.timer.executor) {
            return Poll::Ready(Ok(()));
        }
        // And cloned first, which may panic.
        waker = cx.waker().clone();
        let share = || Owner::share(&self.timer);
        let is_earliest = guard.arm(self.timer.executor, share)?;
        self.key = Some(guard.waits.push(waker));
        drop(guard);
        if is_earliest {
            self.timer.executor.interrupt();
        }
        Poll::Pending
    }

    fn is_waiting(&self, key: &Key) -> bool {
        self.timer.lock().waits.is_waiting(key)
    }

    fn resume(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.timer.lock();
        if !inner.waits.is_waiting(&key) {
            let (outcome, _) = inner.waits.remove(key);
            let outcome = outcome.expect("a wait that is over has an outcome");
            return Poll::Ready(outcome.result());
        }
        // Back in its place first: the clone of a foreign waker may panic.
        let old = inner.waits.renew(self.key.insert(key), cx.waker());
        // A foreign waker's drop may come back here.
        drop(inner);
        drop(old);
        Poll::Pending
    }
}

impl Future for Releasing<Wait> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(budget::proceed(cx));
        let is_asked = !scope::requested().is_empty();
        match self.key.take() {
            // What has expired first has, whatever is asked afterwards.
            Some(key) if !is_asked || !self.is_waiting(&key) => self.resume(key, cx),
            None if !is_asked => self.start(cx),
            key => {
                self.key = key;
                Poll::Ready(Err(cancel::cancelled()))
            }
        }
    }
}

impl Release for Wait {
    fn release(&mut self) {
        if let Some(key) = self.key.take() {
            let mut inner = self.timer.lock();
            let (_, waker) = inner.waits.remove(key);
            drop(inner);
            // Outside the lock: it may be foreign.
            drop(waker);
        }
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
