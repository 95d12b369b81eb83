//! Operations that have not started.
//!
//! # Invariants
//!
//! - **I1** `initiation` is pinned where its operation is. It is moved out of an operation by
//!   value alone, has no other drop than its own, and an operation is `Unpin` where it is.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::callback::Callback;
use super::{Blocking, CompletionToken, Detached};
use crate::adapter::{AdaptedInitiation, Adapter, AdapterAssociations};
use crate::handler::{CompletionHandler, HandlerReturn};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Hands the operation back, not yet started, as an [`Operation`].
///
/// The plain name of an operation is this token: `timer.wait()` is
/// `timer.async_wait(Deferred)`.
#[doc(alias = "deferred")]
#[doc(alias = "lazy")]
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy, Debug, Default)]
pub struct Deferred;

impl<'op, S: Signature> CompletionToken<'op, S> for Deferred {
    type Return<I: Initiation<S> + 'op> = Operation<S, I>;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Operation<S, I> {
        Operation {
            initiation,
            _signature: PhantomData,
        }
    }
}

/// An operation that has not started: what the plain name of every operation
/// returns.
///
/// How the result arrives is still open: `.await` it, or say
/// [`callback`](Self::callback), [`blocking`](Self::blocking),
/// [`detach`](Self::detach) or [`with`](Self::with) any token. The parameters
/// of a callback are inferred here.
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::Timer;
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.wait().callback(|result| result.unwrap());
/// timer.wait().detach();
/// timer.wait().blocking()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// It is a [`Future`], as those of an `async fn` are: it starts when it is first polled, and
/// what joins, selects or spawns futures takes it. So it has no result yet, no `unwrap` and
/// no `?`. It is not `Unpin`: what has been polled can no longer be started in another way.
///
/// ```
/// use async_op::{SystemExecutor, spawn};
/// use async_op::time::Timer;
///
/// let (first, second) = (Timer::new(&SystemExecutor), Timer::new(&SystemExecutor));
/// let both = futures_lite::future::zip(first.wait(), second.wait());
/// let (first_result, second_result) = pollster::block_on(both);
/// first_result.and(second_result)?;
///
/// spawn(&SystemExecutor, first.wait(), |result: std::io::Result<()>| result.unwrap());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Awaiting an operation of an [`IoContext`](crate::IoContext) does not run that
/// context: where no thread does, the future waits for ever, and nothing says so.
/// [`blocking`](Self::blocking) runs it; and
/// [`SystemExecutor`](crate::SystemExecutor) always has a thread.
#[must_use = "an operation does nothing until it is started: `.await` it, or say `.callback(..)`, `.blocking()` or `.detach()`"]
pub struct Operation<S, I> {
    initiation: I,
    _signature: PhantomData<fn() -> S>,
}

// The bounds are the methods': of an `impl` that has them, rustc says that there is no
// such method, besides what is wrong with an argument of the operation.
impl<S, I> Operation<S, I> {
    /// Starts the operation with any token.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Blocking, IoContext};
    /// use async_op::time::Timer;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.wait().with(Blocking)?;
    /// timer.wait().with(|result: std::io::Result<()>| println!("{result:?}"));
    /// context.restart();
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with<'op, T>(self, token: T) -> T::Return<I>
    where
        S: Signature,
        T: CompletionToken<'op, S>,
        I: Initiation<S> + 'op,
    {
        token.initiate(self.initiation)
    }

    /// Starts the operation and blocks until it has completed.
    ///
    /// # Panics
    ///
    /// As [`Blocking`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.wait().blocking()?; // this thread runs the context meanwhile
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn blocking(self) -> S::Output
    where
        S: Signature,
        I: Initiation<S>,
    {
        Blocking.initiate(self.initiation)
    }

    /// Starts the operation and drops its result.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.wait().detach();
    /// context.run(); // returns when it has completed
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn detach(self)
    where
        S: Signature + 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
        I: Initiation<S> + 'static,
    {
        Detached.initiate(self.initiation);
    }

    /// Makes an operation of the same signature of this one.
    pub(crate) fn wrap<J>(self, wrap: impl FnOnce(I) -> J) -> Operation<S, J> {
        Operation {
            initiation: wrap(self.initiation),
            _signature: PhantomData,
        }
    }

    /// Changes the result: an operation that completes with what `function`
    /// makes of it.
    ///
    /// The function runs where the operation completes.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// assert!(timer.wait().map(|result| result.is_ok()).blocking());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[allow(clippy::type_complexity, reason = "what it is made of says what it is")]
    pub fn map<U, F>(self, function: F) -> Operation<fn(U), AdaptedInitiation<S, Mapped<F>, I>>
    where
        S: Signature,
        I: Initiation<S>,
        F: FnOnce(S::Output) -> U + Send,
    {
        Operation {
            initiation: AdaptedInitiation::new(Mapped(function), self.initiation),
            _signature: PhantomData,
        }
    }
}

macro_rules! callback {
    ($signature:ty, ($($generic:ident),*), ($($arg:ty),*)) => {
        impl<I, $($generic),*> Operation<$signature, I>
        where
            I: Initiation<$signature> + 'static,
            $signature: Signature<Args = ($($arg,)*), Output: Send + 'static> + 'static,
            $($arg: Send + 'static,)*
        {
            /// Starts the operation, to complete by calling `handler`.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::IoContext;
            /// use async_op::time::Timer;
            ///
            /// let context = IoContext::new()?;
            /// let timer = Timer::new(&context);
            /// timer.wait().callback(|result| println!("{result:?}"));
            /// assert_eq!(context.run(), 1);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn callback<F, R>(self, handler: F)
            where
                F: FnOnce($($arg),*) -> R + Send + 'static,
                R: HandlerReturn,
            {
                self.initiation.initiate(Callback(handler));
            }
        }
    };
}

callback!(fn(), (), ());
callback!(fn(A1), (A1), (A1));
callback!(fn(A1, A2), (A1, A2), (A1, A2));
callback!(fn(A1, A2, A3), (A1, A2, A3), (A1, A2, A3));
callback!(fn(A1, A2, A3, A4), (A1, A2, A3, A4), (A1, A2, A3, A4));
callback!(
    fn(A1, A2, A3, A4, A5),
    (A1, A2, A3, A4, A5),
    (A1, A2, A3, A4, A5)
);
callback!(
    fn(A1, A2, A3, A4, A5, A6),
    (A1, A2, A3, A4, A5, A6),
    (A1, A2, A3, A4, A5, A6)
);
callback!(
    fn(A1, A2, A3, A4, A5, A6, A7),
    (A1, A2, A3, A4, A5, A6, A7),
    (A1, A2, A3, A4, A5, A6, A7)
);
callback!(
    fn(A1, A2, A3, A4, A5, A6, A7, A8),
    (A1, A2, A3, A4, A5, A6, A7, A8),
    (A1, A2, A3, A4, A5, A6, A7, A8)
);

impl<S: Signature, I: Initiation<S>> Future for Operation<S, I> {
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        // SAFETY: by I1 it is pinned as well.
        let initiation = unsafe { self.map_unchecked_mut(|this| &mut this.initiation) };
        initiation.poll(cx)
    }
}

impl<S: Signature, I: Initiation<S>> Initiation<S> for Operation<S, I> {
    type Executor = I::Executor;

    fn executor(&self) -> &I::Executor {
        self.initiation.executor()
    }

    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        self.initiation.with_memory(function)
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        self.initiation.initiate(handler);
    }
}

impl<S, I: fmt::Debug> fmt::Debug for Operation<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operation").field(&self.initiation).finish()
    }
}

/// The adapter of [`Operation::map`].
#[derive(Clone, Copy)]
pub struct Mapped<F>(F);

impl<F> fmt::Debug for Mapped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").finish_non_exhaustive()
    }
}

impl<F> AdapterAssociations for Mapped<F> {}

impl<S, F, U> Adapter<S> for Mapped<F>
where
    S: Signature,
    F: FnOnce(S::Output) -> U + Send,
{
    type Signature = fn(U);

    fn map(self, args: S::Args) -> (U,) {
        ((self.0)(S::into_output(args)),)
    }
}
