//! What the body of an operation can learn of the operation that it is part of.
//!
//! These look at the innermost operation that is being polled on this thread:
//! one that was started with a handler, spawned, or bound to an allocator or a
//! cancellation slot while it is awaited.
//!
//! ```
//! use async_op::alloc::VecIn;
//! use async_op::{Blocking, IoContext, spawn, this_op};
//! use std::io;
//!
//! let context = IoContext::new()?;
//! let sum = spawn(
//!     &context,
//!     async {
//!         let mut numbers = VecIn::new_in(this_op::allocator());
//!         // An allocator may be a small one, of which a `Vec` that grows by itself
//!         // would abort the process.
//!         numbers.try_reserve_exact(3).map_err(|_| io::ErrorKind::OutOfMemory)?;
//!         numbers.extend([1, 2, 3]);
//!         io::Result::Ok(numbers.iter().sum::<i32>())
//!     },
//!     Blocking,
//! );
//! assert_eq!(sum?, 6);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::alloc::AnyAllocator;
use crate::cancel::{self, CancellationState, CancellationType};
use crate::executor::{AnyExecutor, SystemExecutor};
use crate::task::scope;

/// Returns the allocator of the operation; outside any, the
/// [default one](crate::alloc::Recycling).
///
/// # Examples
///
/// ```
/// use async_op::alloc::VecIn;
/// use async_op::{IoContext, IoExecutor, async_op, this_op};
/// use std::io;
///
/// #[async_op]
/// async fn async_sum(context: &IoExecutor, upto: u32) -> io::Result<u32> {
///     // Of the operation's memory, and not of the heap. It may refuse.
///     let mut numbers = VecIn::new_in(this_op::allocator());
///     let reserved = numbers.try_reserve_exact(upto as usize + 1);
///     reserved.map_err(|_| io::ErrorKind::OutOfMemory)?;
///     numbers.extend(0..=upto);
///     Ok(numbers.iter().sum())
/// }
///
/// let context = IoContext::new()?;
/// assert_eq!(sum(&context, 4).blocking()?, 10);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn allocator() -> AnyAllocator {
    scope::allocator()
}

/// Returns the executor that the operation is polled on; outside any, the
/// [system's](SystemExecutor).
///
/// # Examples
///
/// ```
/// use async_op::executor::AnyExecutor;
/// use async_op::{IoContext, spawn, this_op};
///
/// let context = IoContext::new()?;
/// let own = AnyExecutor::new(context.executor());
/// let future = async { this_op::executor() };
/// spawn(&context, future, move |executor: AnyExecutor| assert!(executor == own));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn executor() -> AnyExecutor {
    scope::executor().unwrap_or_else(|| AnyExecutor::new(SystemExecutor))
}

/// Returns what the operation knows of requests to stop it; outside any, a
/// state that nothing reaches.
///
/// # Examples
///
/// ```
/// use async_op::time::Timer;
/// use async_op::{IoContext, IoExecutor, async_op, this_op};
/// use std::time::Duration;
///
/// /// Returns how many steps it has done until it was asked to stop.
/// #[async_op]
/// async fn async_steps(context: &IoExecutor) -> std::io::Result<u32> {
///     let timer = Timer::new(context);
///     for n in 1.. {
///         timer.expires_after(Duration::from_millis(1));
///         let _ = timer.wait().await; // fails once it has been asked
///         if !this_op::cancellation().requested().is_empty() {
///             return Ok(n);
///         }
///     }
///     unreachable!("there is always a next number")
/// }
///
/// let context = IoContext::new()?;
/// let n = steps(&context).cancel_after(Duration::from_millis(5)).blocking()?;
/// assert!(n >= 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn cancellation() -> CancellationState {
    scope::cancellation()
}

/// Awaits `future`, which is not one of ours, until the operation is asked to stop.
///
/// Operations of this crate that are awaited inside another fail once that has been
/// asked. Futures of others know nothing of it: an operation that awaits a channel of
/// its host's, say, goes on waiting, whatever limit
/// [`cancel_after`](crate::cancel_after) sets. This tells them.
///
/// ```
/// use async_op::{IoContext, IoExecutor, async_op, is_timeout, this_op};
/// use std::io;
/// use std::time::Duration;
/// use tokio::sync::mpsc;
///
/// #[async_op]
/// async fn async_next(
///     _context: &IoExecutor,
///     mut jobs: mpsc::Receiver<u32>,
/// ) -> io::Result<Option<u32>> {
///     this_op::or_cancelled(jobs.recv()).await
/// }
///
/// let context = IoContext::new()?;
/// let (sender, jobs) = mpsc::channel(1);
/// let result = next(&context, jobs).cancel_after(Duration::from_millis(1)).blocking();
/// assert!(is_timeout(&result.unwrap_err()));
/// # drop(sender);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Requests count as they do for an operation that would be awaited in this place:
/// those that the operation around it [honours](crate::initiation::Meta::honours) and passes on, until
/// they are [cleared](CancellationState::clear). Outside any operation `future` is
/// awaited, and that is all.
///
/// A request wakes the whole operation. Where something of others decides which
/// futures are polled then, as `FuturesUnordered` does, put this around that, not inside.
///
/// # Allocation
///
/// None.
///
/// # Cancel safety
///
/// Yes, if `future` is: it is dropped with this, and before this fails. Once there has
/// been a request it is not polled any more, so what it had ready stays where it was.
///
/// # Errors
///
/// [`cancelled`](crate::cancel::cancelled), once the operation has been asked to stop.
///
/// # Panics
///
/// As `future` does.
pub fn or_cancelled<F: IntoFuture>(future: F) -> OrCancelled<F::IntoFuture> {
    OrCancelled {
        future: Some(future.into_future()),
    }
}

pin_project! {
    /// The future of [`or_cancelled`].
    #[must_use = "futures do nothing unless polled"]
    pub struct OrCancelled<F> {
        // `None` once it is over.
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future> Future for OrCancelled<F> {
    type Output = io::Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("polled after completion");
        if !scope::requested().is_empty() {
            this.future.set(None);
            return Poll::Ready(Err(cancel::cancelled()));
        }
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled.map(Ok)
    }
}

impl<F> fmt::Debug for OrCancelled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrCancelled").finish_non_exhaustive()
    }
}

/// Waits until the operation is asked to stop, and returns what it is asked.
///
/// For the loops of others that wait for several things at once. As
/// [`or_cancelled`] in every other respect; outside any operation it waits for ever.
///
/// ```
/// use async_op::{IoContext, bind_cancellation_slot, spawn, this_op};
/// use async_op::cancel::{CancellationSignal, CancellationType};
///
/// let context = IoContext::new()?;
/// let (sender, mut jobs) = tokio::sync::mpsc::unbounded_channel();
/// let work = async move {
///     let mut sum = 0;
///     loop {
///         tokio::select! {
///             Some(job) = jobs.recv() => sum += job,
///             _ = this_op::until_cancelled() => return sum,
///         }
///     }
/// };
/// let signal = CancellationSignal::new();
/// spawn(&context, work, bind_cancellation_slot(signal.slot(), |sum: u32| assert_eq!(sum, 3)));
/// for job in [1, 2] {
///     sender.send(job).unwrap();
///     context.poll();
/// }
/// signal.emit(CancellationType::TERMINAL);
/// assert!(context.run() > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn until_cancelled() -> UntilCancelled {
    UntilCancelled(())
}

/// The future of [`until_cancelled`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct UntilCancelled(());

impl Future for UntilCancelled {
    type Output = CancellationType;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<CancellationType> {
        // The request wakes the operation that polls this.
        match scope::requested() {
            requested if requested.is_empty() => Poll::Pending,
            requested => Poll::Ready(requested),
        }
    }
}
