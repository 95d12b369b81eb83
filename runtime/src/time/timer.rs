use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::alloc::Shared;
use crate::async_op;
use crate::cancel;
use crate::context::{Due, IoExecutor, Reactor, TimerKey, WakeList, context_gone};
use crate::executor::IoObject;
use crate::sync::queue::{Key, Queue};
use crate::task::{budget, scope};

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Returns the time after `duration` from now; one that is too long for the
/// clock is taken as a century.
pub(crate) fn from_now(duration: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(duration).unwrap_or(now + CENTURY)
}

/// A point in time that any number of operations can wait for.
///
/// A handle: clones are the same timer. A new timer has expired already.
///
/// ```
/// use async_op::{IoContext, Timer};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_millis(2));
/// timer.wait().callback(|result| println!("first: {result:?}"));
/// timer.wait().callback(|result| println!("second: {result:?}"));
/// assert_eq!(context.run(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Timer {
    state: Shared<TimerState>,
}

pub(crate) struct TimerState {
    executor: IoExecutor,
    inner: Mutex<Inner>,
}

struct Inner {
    expiry: Instant,
    /// The operations that wait, each with its outcome once it is over.
    waits: Queue<Option<Outcome>>,
    /// From the first wait on.
    reactor: Option<Arc<Reactor>>,
    /// The entry in the reactor, while anybody waits.
    armed: Option<TimerKey>,
}

#[derive(Clone, Copy)]
enum Outcome {
    Expired,
    Cancelled,
    ContextGone,
}

impl Outcome {
    fn result(self) -> io::Result<()> {
        match self {
            Self::Expired => Ok(()),
            Self::Cancelled => Err(cancel::cancelled()),
            Self::ContextGone => Err(context_gone()),
        }
    }
}

impl Timer {
    /// Makes a timer of a context: `&context`, an executor of one, or
    /// `&SystemExecutor`. It has expired already.
    pub fn new(executor: &IoExecutor) -> Self {
        Self {
            state: Shared::new(TimerState {
                executor: *executor,
                inner: Mutex::new(Inner {
                    expiry: Instant::now(),
                    waits: Queue::default(),
                    reactor: None,
                    armed: None,
                }),
            }),
        }
    }

    /// Sets the time when the timer expires; cancels the waits for the old one
    /// and returns how many those were.
    ///
    /// A wait whose time had come already is not cancelled.
    pub fn expires_at(&self, expiry: Instant) -> usize {
        self.state.set_expiry(expiry)
    }

    /// Sets the time when the timer expires, from now on; cancels the waits for
    /// the old one and returns how many those were.
    ///
    /// A duration that is too long for the clock is taken as a century.
    pub fn expires_after(&self, duration: Duration) -> usize {
        self.state.set_expiry(from_now(duration))
    }

    /// Returns the time when the timer expires.
    pub fn expiry(&self) -> Instant {
        self.state.lock().expiry
    }

    /// Cancels all waits and returns how many there were. The expiry stays.
    pub fn cancel(&self) -> usize {
        let mut wake = WakeList::default();
        self.state.lock().cancel(&mut wake)
    }

    /// Cancels the wait that was started first; returns whether there was one.
    pub fn cancel_one(&self) -> bool {
        let mut wake = WakeList::default();
        let mut inner = self.state.lock();
        let cancelled = inner.end_waits(1, Outcome::Cancelled, &mut wake) == 1;
        inner.disarm_if_unwanted();
        cancelled
    }

    /// Waits until the timer expires.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<()>)`. Completes at once if the timer has expired.
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
    /// Yes, and requests of every [type](crate::CancellationType) are honoured: a
    /// dropped wait leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [Cancelled](crate::is_cancelled) by [`cancel`](Self::cancel),
    /// [`cancel_one`](Self::cancel_one) or a new expiry; an error of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    #[async_op(cancellation = total)]
    pub async fn async_wait(&self) -> io::Result<()> {
        let mut wait = WaitGuard {
            timer: &self.state,
            key: None,
        };
        poll_fn(|cx| wait.poll(cx)).await
    }
}

impl IoObject for Timer {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.state.executor
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("expiry", &self.expiry())
            .finish_non_exhaustive()
    }
}

impl TimerState {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_expiry(&self, expiry: Instant) -> usize {
        // Declared first, to be dropped, and the wakers woken, after the lock.
        let mut wake = WakeList::default();
        let mut inner = self.lock();
        inner.expiry = expiry;
        inner.cancel(&mut wake)
    }

    /// Ends the waits for the deadline `key`, which has been reached.
    pub(crate) fn fire(&self, key: TimerKey, wake: &mut WakeList) {
        self.end(key, Outcome::Expired, wake);
    }

    /// Ends the waits for the deadline `key`, whose context is being dropped.
    pub(crate) fn shut_down(&self, key: TimerKey, wake: &mut WakeList) {
        self.end(key, Outcome::ContextGone, wake);
    }

    fn end(&self, key: TimerKey, outcome: Outcome, wake: &mut WakeList) {
        let mut inner = self.lock();
        // The expiry may have been changed since the reactor took the entry.
        if inner.armed == Some(key) {
            inner.armed = None;
            inner.end_waits(usize::MAX, outcome, wake);
        }
    }
}

impl Inner {
    fn cancel(&mut self, wake: &mut WakeList) -> usize {
        let count = self.end_waits(usize::MAX, Outcome::Cancelled, wake);
        self.disarm_if_unwanted();
        count
    }

    /// Ends up to `limit` waits that are not over, the oldest first.
    fn end_waits(&mut self, limit: usize, outcome: Outcome, wake: &mut WakeList) -> usize {
        let mut ended = 0;
        while ended < limit
            && let Some(wait) = self.waits.pop(wake)
        {
            *wait = Some(outcome);
            ended += 1;
        }
        ended
    }

    /// Takes the entry out of the reactor when nobody waits for it any more.
    fn disarm_if_unwanted(&mut self) {
        if self.waits.first().is_none()
            && let Some(key) = self.armed.take()
            && let Some(reactor) = &self.reactor
        {
            reactor.remove_timer(key);
        }
    }
}

/// An operation that waits, or is about to; takes its wait back when dropped.
struct WaitGuard<'a> {
    timer: &'a Shared<TimerState>,
    key: Option<Key>,
}

impl WaitGuard<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !scope::requested().is_empty() {
            return Poll::Ready(Err(cancel::cancelled()));
        }
        ready!(budget::proceed(cx));
        let mut inner = self.timer.lock();
        // The key stays where it is: the clone of a foreign waker may panic.
        if let Some(key) = &self.key
            && inner.waits.is_waiting(key)
        {
            let old = inner.waits.renew(key, cx.waker());
            // A foreign waker's drop may come back here.
            drop(inner);
            drop(old);
            return Poll::Pending;
        }
        if let Some(key) = self.key.take() {
            let (outcome, _) = inner.waits.remove(key);
            let outcome = outcome.expect("a wait leaves the queue with an outcome");
            return Poll::Ready(outcome.result());
        }
        if inner.expiry <= Instant::now() {
            return Poll::Ready(Ok(()));
        }
        // First: it may be foreign, and panic.
        let waker = cx.waker().clone();
        let mut is_earliest = false;
        if inner.armed.is_none() {
            let reactor = match inner.reactor.take() {
                Some(reactor) => reactor,
                None => self.timer.executor.reactor()?,
            };
            let due = Due::Timer(Shared::clone(self.timer));
            let added = reactor.add_timer(inner.expiry, due);
            inner.reactor = Some(reactor);
            let (key, earliest) = added?;
            inner.armed = Some(key);
            is_earliest = earliest;
        }
        self.key = Some(inner.waits.push(None, waker));
        drop(inner);
        if is_earliest {
            self.timer.executor.interrupt();
        }
        Poll::Pending
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut inner = self.timer.lock();
        let (_, waker) = inner.waits.remove(key);
        inner.disarm_if_unwanted();
        drop(inner);
        // Outside the lock: it may be foreign.
        drop(waker);
    }
}
