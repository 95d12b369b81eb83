use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{CompletionToken, Deferred, Operation};
use crate::cancel::CancellationType;
use crate::executor::AnyExecutor;
use crate::initiation::{FromFuture, Initiation, from_future};
use crate::meta::Meta;
use crate::running::Running;
use crate::signature::Signature;
use crate::site::Site;

/// Starts an operation now, to be waited for later: returns a [`Promise`].
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::async_sleep;
/// use async_op::token::UsePromise;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let promise = async_sleep(&context, Duration::from_millis(1), UsePromise); // under way
/// assert!(!promise.is_complete());
/// promise.wait().callback(|result| result.unwrap());
/// context.run();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Allocation
///
/// Two blocks, the operation's own and one for the result, which is there until that has been
/// taken: from the allocator of the token, `bind_allocator(a, UsePromise)`, else from that of
/// the operation it is started in. And a small recycled one, by which it is asked to stop.
#[doc(alias = "use_promise")]
#[doc(alias = "JoinHandle")]
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy, Debug, Default)]
pub struct UsePromise;

// Seldom what somebody meant who passes something that is no token.
#[diagnostic::do_not_recommend]
impl<S> CompletionToken<'static, S> for UsePromise
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
{
    type Return<I: Initiation<S> + 'static> = Promise<S>;

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) -> Promise<S> {
        let executor = AnyExecutor::new(initiation.executor().clone());
        let site = Site::here(&META);
        let (running, relay) = initiation.with_memory(|| Running::new(site, true));
        initiation.initiate(relay);
        Promise {
            running: Some(running),
            executor,
        }
    }
}

static META: Meta = Meta::new("promise", &[], &[]).with_cancellation(CancellationType::TOTAL);

/// An operation that is under way; made by [`UsePromise`].
///
/// A future of the result. It can also be waited for with any other token:
/// [`async_wait`](Self::async_wait). Dropping it asks the operation to stop
/// (terminal cancellation) and discards the result;
/// [`detach`](Self::detach) lets the operation go on.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::time::Timer;
/// use async_op::token::{Promise, UsePromise};
/// use std::io;
///
/// struct Session {
///     timeout: Promise<fn(io::Result<()>)>,
/// }
///
/// let timer = Timer::new(&SystemExecutor);
/// let session = Session { timeout: timer.async_wait(UsePromise) };
/// pollster::block_on(session.timeout).unwrap();
/// ```
#[must_use = "dropping a promise asks its operation to stop"]
pub struct Promise<S: Signature + 'static> {
    /// `None` once the result has been taken.
    running: Option<Running<S>>,
    // Erased: the type of the operation, which knows it, is opaque.
    executor: AnyExecutor,
}

impl<S> Promise<S>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
{
    /// Waits for the result.
    ///
    /// # Completion
    ///
    /// The signature of the operation.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none.
    ///
    /// # Cancel safety
    ///
    /// No: the promise is gone, as if it had been dropped. Requests of every
    /// [type](CancellationType) are passed on to the operation.
    ///
    /// # Panics
    ///
    /// If the operation has been abandoned. (One in async form that nobody wakes
    /// any more is not, while the promise can ask it to stop.)
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Blocking, SystemExecutor};
    /// use async_op::time::Timer;
    /// use async_op::token::UsePromise;
    ///
    /// let promise = Timer::new(&SystemExecutor).async_wait(UsePromise); // under way
    /// promise.async_wait(Blocking)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn async_wait<T>(self, token: T) -> T::Return<FromFuture<S, AnyExecutor, Self>>
    where
        T: CompletionToken<'static, S>,
    {
        token.initiate(from_future(&META, self.executor.clone(), self))
    }

    /// As [`async_wait`](Self::async_wait), not started.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::time::Timer;
    /// use async_op::token::UsePromise;
    ///
    /// let promise = Timer::new(&SystemExecutor).async_wait(UsePromise); // under way
    /// promise.wait().blocking()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn wait(self) -> Operation<S, FromFuture<S, AnyExecutor, Self>> {
        self.async_wait(Deferred)
    }

    /// Returns whether the operation is over, so that waiting takes no time.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use async_op::token::UsePromise;
    ///
    /// let context = IoContext::new()?;
    /// let promise = Timer::new(&context).async_wait(UsePromise);
    /// assert!(!promise.is_complete());
    /// context.run();
    /// assert!(promise.is_complete());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_complete(&self) -> bool {
        self.running.as_ref().is_none_or(Running::is_over)
    }

    /// Lets the operation go on, and discards its result.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use async_op::token::UsePromise;
    ///
    /// let context = IoContext::new()?;
    /// let promise = Timer::new(&context).async_wait(UsePromise);
    /// promise.detach(); // goes on, and nobody waits
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn detach(mut self) {
        if let Some(running) = self.running.take() {
            running.detach();
        }
    }
}

// What runs is elsewhere; nothing is ever pinned.
impl<S: Signature + 'static> Unpin for Promise<S> {}

impl<S> Future for Promise<S>
where
    S: Signature + 'static,
{
    type Output = S::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        let running = self.running.as_mut().expect("polled after completion");
        let polled = running.poll(cx);
        if polled.is_ready() {
            self.running = None;
        }
        polled
    }
}

impl<S: Signature + 'static> fmt::Debug for Promise<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}
