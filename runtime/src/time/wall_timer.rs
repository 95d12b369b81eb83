use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::Timer;
use crate::alloc::Shared;
use crate::async_op;
use crate::cancel;
use crate::context::IoExecutor;
use crate::executor::IoObject;
use crate::executor::home::homes;
use crate::executor::{Home, HomeExecutor};
use crate::shim::plain::{Mutex, MutexGuard};
use crate::task::begin::begin;
use crate::task::scope;
use crate::token::UseFuture;

/// How often the clock is looked at: somebody may set it.
const CHECK: Duration = Duration::from_secs(10);

/// A time of day that any number of operations can wait for.
///
/// Asio's `system_timer`. As [`Timer`], but by the clock on the wall: when that
/// is set, the wait ends when the clock shows the time, which is noticed within
/// ten seconds.
///
/// A handle: clones are the same timer. A new timer has expired already.
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::WallTimer;
/// use std::time::{Duration, SystemTime};
///
/// let context = IoContext::new()?;
/// let timer = WallTimer::new(&context);
/// let noon = SystemTime::now() + Duration::from_millis(2);
/// timer.expires_at(noon);
/// timer.wait().callback(move |result| {
///     result.unwrap();
///     assert!(SystemTime::now() >= noon);
/// });
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "system_timer")]
#[derive(Clone)]
pub struct WallTimer<E = Home> {
    state: Shared<State>,
    home: E,
}

struct State {
    /// Expires when the clock is to be looked at next.
    check: Timer,
    inner: Mutex<Inner>,
}

struct Inner {
    expiry: SystemTime,
    /// How often waits have been cancelled: a wait of an earlier era is over.
    era: u64,
    /// How many operations of this era wait.
    waiting: usize,
}

impl WallTimer {
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
    /// use async_op::time::WallTimer;
    ///
    /// let timer = WallTimer::new(&SystemExecutor);
    /// timer.wait().blocking()?; // at once
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(executor: &IoExecutor, // on a strand: `.on(&strand)` of what this returns
    ) -> Self {
        let state = State {
            check: Timer::new(executor),
            inner: Mutex::new(Inner {
                expiry: executor.wall(),
                era: 0,
                waiting: 0,
            }),
        };
        Self {
            state: Shared::new(state, "WallTimer"),
            home: Home,
        }
    }
}

impl<E: HomeExecutor> WallTimer<E> {
    /// Sets the time when the timer expires; cancels the waits for the old one
    /// and returns how many those were.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::WallTimer;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let context = IoContext::new()?;
    /// let timer = WallTimer::new(&context);
    /// timer.expires_at(SystemTime::now() + Duration::from_millis(1));
    /// timer.wait().blocking()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn expires_at(&self, expiry: SystemTime) -> usize {
        let mut inner = self.state.lock();
        inner.expiry = expiry;
        self.cancel_all(inner)
    }

    /// Returns the time when the timer expires.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::WallTimer;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let context = IoContext::new()?;
    /// let timer = WallTimer::new(&context);
    /// let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    /// timer.expires_at(tomorrow);
    /// assert_eq!(timer.expiry(), tomorrow);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn expiry(&self) -> SystemTime {
        self.state.lock().expiry
    }

    /// Cancels all waits and returns how many there were. The expiry stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{IoContext, is_cancelled};
    /// use async_op::time::WallTimer;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let context = IoContext::new()?;
    /// let timer = WallTimer::new(&context);
    /// timer.expires_at(SystemTime::now() + Duration::from_secs(86_400));
    /// timer.wait().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    /// context.poll(); // it waits
    /// timer.cancel();
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel(&self) -> usize {
        self.cancel_all(self.state.lock())
    }

    /// In one step with what the lock was taken for: who has seen the new expiry waits
    /// for that.
    fn cancel_all(&self, mut inner: MutexGuard<'_, Inner>) -> usize {
        inner.era += 1;
        let cancelled = std::mem::take(&mut inner.waiting);
        drop(inner);
        self.state.check.cancel();
        cancelled
    }

    /// Waits until the timer expires.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::time::WallTimer;
    /// use std::time::{Duration, SystemTime};
    ///
    /// # pollster::block_on(async {
    /// let timer = WallTimer::new(&SystemExecutor);
    /// let moment = SystemTime::now() + Duration::from_millis(1);
    /// timer.expires_at(moment);
    /// timer.wait().await?;
    /// assert!(SystemTime::now() >= moment);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<()>)`. Completes at once if the timer has expired.
    ///
    /// # Overlap
    ///
    /// Any number of waits may be outstanding.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: a
    /// dropped wait leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [Cancelled](crate::is_cancelled) by [`cancel`](Self::cancel) or a new
    /// expiry; an error of kind [`Other`](io::ErrorKind::Other) when the context
    /// is gone.
    #[async_op(cancellation = total)]
    pub async fn async_wait(&self) -> io::Result<()> {
        let wait = Wait::new(&self.state);
        begin().await?;
        while let Some(left) = wait.left()? {
            let check = &self.state.check;
            // One that comes in time will do: others wait for it, too.
            let now = check.executor().now();
            if check.expiry() <= now || check.expiry() - now > left {
                check.expires_after(left.min(CHECK));
            }
            let mut look = pin!(check.async_wait(UseFuture));
            let looked = poll_fn(|cx| match look.as_mut().poll(cx) {
                // Whoever cancelled the waits before that one was begun has not
                // ended it.
                Poll::Pending if wait.is_cancelled() => Poll::Ready(Err(cancel::cancelled())),
                polled => polled,
            });
            match looked.await {
                // Not this operation was cancelled, but that look at the clock.
                Err(error) if cancel::is_cancelled(&error) && scope::requested().is_empty() => {}
                result => result?,
            }
        }
        Ok(())
    }
}

homes!(WallTimer, state, |this| this.state.check.executor());

impl<E: HomeExecutor> fmt::Debug for WallTimer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WallTimer")
            .field("expiry", &self.expiry())
            .finish_non_exhaustive()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

/// An operation that waits; not counted any more when dropped.
struct Wait<'a> {
    state: &'a State,
    era: u64,
}

impl<'a> Wait<'a> {
    fn new(state: &'a State) -> Self {
        let mut inner = state.lock();
        inner.waiting += 1;
        Self {
            state,
            era: inner.era,
        }
    }

    fn is_cancelled(&self) -> bool {
        self.state.lock().era != self.era
    }

    /// Returns how long to wait, or `None` if the time has come.
    ///
    /// # Errors
    ///
    /// If the wait was cancelled.
    fn left(&self) -> io::Result<Option<Duration>> {
        let inner = self.state.lock();
        if inner.era != self.era {
            return Err(cancel::cancelled());
        }
        let left = inner
            .expiry
            .duration_since(self.state.check.executor().wall());
        Ok(left.ok().filter(|left| !left.is_zero()))
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut inner = self.state.lock();
        if inner.era == self.era {
            inner.waiting -= 1;
        }
    }
}
