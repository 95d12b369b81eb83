use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::countdown::Countdown;
use super::moment::Moment;
use super::when::When;
use crate::async_op;
use crate::cancel::{self, CancellationType};
use crate::context::{AtMoment, IoExecutor};
use crate::initiation::{Initiation, from_attempt};
use crate::meta::Meta;
use crate::task::leaf::Attempt;
use crate::task::parked::Ended;
use crate::task::{budget, scope};

/// Waits for a while, which begins when the operation does.
///
/// `executor` is `&context`, an executor of one, or `&SystemExecutor`. A
/// [`Timer`](super::Timer) is for what is set again, cancelled by others than who waits, or
/// waited for by several.
///
/// # Completion
///
/// `fn(io::Result<()>)`. A duration of zero is over at once; one that is too long for the
/// clock is taken as a century.
///
/// # Overlap
///
/// Any number may be outstanding; those for the same time complete in the order in which they
/// were started.
///
/// # Allocation
///
/// None besides the operation's own memory; awaited, none. A context keeps the room
/// for all that it has had at once.
///
/// # Cancel safety
///
/// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: one that
/// is dropped leaves nothing behind.
///
/// # Errors
///
/// [Cancelled](crate::is_cancelled) on request; an error of kind
/// [`Other`](io::ErrorKind::Other) when the context is gone.
///
/// # Examples
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::{async_sleep, sleep};
/// use std::io;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let moment = Duration::from_millis(1);
/// async_sleep(&context, moment, |result: io::Result<()>| result.unwrap());
/// assert_eq!(context.run(), 1);
/// sleep(&context, moment).blocking()?;
/// # Ok::<(), io::Error>(())
/// ```
#[async_op]
pub fn async_sleep(
    executor: &IoExecutor,
    duration: Duration,
) -> impl Initiation<fn(io::Result<()>)> {
    static META: Meta = Meta::new("async_sleep", &["executor"], &["duration"])
        .with_cancellation(CancellationType::TOTAL);
    from_attempt(
        &META,
        *executor,
        Sleep::new(*executor, When::After(duration)),
    )
}

/// Waits until a time on the clock: as [`async_sleep`] in all, but that one which has passed is
/// over at once.
///
/// # Completion
///
/// `fn(io::Result<()>)`.
///
/// # Examples
///
/// Every second, whatever else takes how long:
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::time::sleep_until;
/// use std::time::{Duration, Instant};
///
/// # pollster::block_on(async {
/// # const SECOND: Duration = Duration::from_millis(1);
/// let mut next = Instant::now();
/// for _ in 0..3 {
///     next += SECOND;
///     sleep_until(&SystemExecutor, next).await?;
///     assert!(Instant::now() >= next);
/// }
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op]
pub fn async_sleep_until(
    executor: &IoExecutor,
    expiry: Instant,
) -> impl Initiation<fn(io::Result<()>)> {
    static META: Meta = Meta::new("async_sleep_until", &["executor"], &["expiry"])
        .with_cancellation(CancellationType::TOTAL);
    from_attempt(&META, *executor, Sleep::new(*executor, When::At(expiry)))
}

/// The operation, with a handler.
struct Sleep(Moment);

impl Sleep {
    #[inline]
    fn new(timers: IoExecutor, when: When) -> Self {
        Self(Moment::new(timers, when))
    }
}

impl Attempt for Sleep {
    type Value = ();
    type Output = io::Result<()>;
    type Place = AtMoment;
    type Awaited = Sleeping;

    #[inline]
    fn into_awaited(self) -> Sleeping {
        Sleeping(Countdown::new(self.0))
    }

    #[inline]
    fn from_awaited(sleeping: Sleeping) -> Self {
        let moment = sleeping.0.ahead();
        Self(*moment.expect("it has not been polled"))
    }

    /// It is at its place that the clock is looked at.
    #[inline]
    fn attempt(&mut self) -> Poll<io::Result<Option<()>>> {
        Poll::Pending
    }

    #[inline]
    fn place(&self) -> AtMoment {
        AtMoment::new(self.0)
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

/// The operation, awaited.
struct Sleeping(Countdown);

impl Future for Sleeping {
    type Output = io::Result<()>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(budget::proceed(cx));
        let countdown = &mut self.0;
        // What has expired first has, whatever is asked afterwards.
        if let Some(ended) = countdown.look(cx.waker()) {
            return Poll::Ready(ended.result());
        }
        if !scope::requested().is_empty() {
            return Poll::Ready(Err(cancel::cancelled()));
        }
        if countdown.ahead().is_some_and(Moment::is_past) {
            return Poll::Ready(Ok(()));
        }
        countdown.begin(cx.waker());
        match countdown.ended() {
            Some(ended) => Poll::Ready(ended.result()),
            None => Poll::Pending,
        }
    }
}
