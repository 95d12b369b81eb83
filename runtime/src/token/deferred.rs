use std::fmt;
use std::future::Future;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::callback::Callback;
use super::{Blocking, CompletionToken, Detached};
use crate::alloc::OperationAllocator;
use crate::cancel::CancellationSlot;
use crate::executor::Executor;
use crate::handler::{Associations, CompletionHandler, HandlerReturn};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Hands the operation back, not yet started, as an [`Operation`].
///
/// The plain name of an operation is this token: `timer.wait()` is
/// `timer.async_wait(Deferred)`.
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
/// use async_op::{IoContext, Timer};
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.wait().callback(|result| result.unwrap());
/// timer.wait().detach();
/// timer.wait().blocking()?;
/// # Ok(())
/// # }
/// ```
///
/// It is [`Clone`], and can be started several times, where its initiation is:
/// one made by hand with [`from_fn`](crate::from_fn) from a closure that is
/// `Clone`. The type of an operation made by `#[async_op]` is opaque, and does
/// not say that it is.
#[must_use = "an operation does nothing until it is started: `.await` it, or say `.callback(..)`, `.blocking()` or `.detach()`"]
pub struct Operation<S, I> {
    initiation: I,
    _signature: PhantomData<fn() -> S>,
}

impl<S: Signature, I: Initiation<S>> Operation<S, I> {
    /// Starts the operation with any token.
    pub fn with<'op, T>(self, token: T) -> T::Return<I>
    where
        T: CompletionToken<'op, S>,
        I: 'op,
    {
        token.initiate(self.initiation)
    }

    /// Starts the operation and blocks until it has completed.
    ///
    /// # Panics
    ///
    /// As [`Blocking`] does.
    pub fn blocking(self) -> S::Output {
        Blocking.initiate(self.initiation)
    }

    /// Starts the operation and drops its result.
    pub fn detach(self)
    where
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
        I: 'static,
    {
        Detached.initiate(self.initiation);
    }

    /// Changes the result: an operation that completes with what `function`
    /// makes of it.
    ///
    /// The function runs where the operation completes.
    ///
    /// ```
    /// use async_op::{IoContext, Timer};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// assert!(timer.wait().map(|result| result.is_ok()).blocking());
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<U, F>(self, function: F) -> Operation<fn(U), Map<S, I, F>>
    where
        F: FnOnce(S::Output) -> U,
    {
        Operation {
            initiation: Map {
                initiation: self.initiation,
                function,
                _signature: PhantomData,
            },
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

impl<S: Signature, I: Initiation<S>> IntoFuture for Operation<S, I> {
    type Output = S::Output;
    type IntoFuture = I::Future;

    fn into_future(self) -> I::Future {
        self.initiation.into_hosted()
    }
}

impl<S: Signature, I: Initiation<S>> Initiation<S> for Operation<S, I> {
    type Executor = I::Executor;
    type Future = I::Future;

    fn executor(&self) -> &I::Executor {
        self.initiation.executor()
    }

    fn into_hosted(self) -> I::Future {
        self.initiation.into_hosted()
    }

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

impl<S, I: Clone> Clone for Operation<S, I> {
    fn clone(&self) -> Self {
        Self {
            initiation: self.initiation.clone(),
            _signature: PhantomData,
        }
    }
}

impl<S, I: fmt::Debug> fmt::Debug for Operation<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operation").field(&self.initiation).finish()
    }
}

/// The operation of [`Operation::map`].
#[must_use = "an operation does nothing until it is started"]
pub struct Map<S, I, F> {
    initiation: I,
    function: F,
    _signature: PhantomData<fn() -> S>,
}

impl<S, I: Clone, F: Clone> Clone for Map<S, I, F> {
    fn clone(&self) -> Self {
        Self {
            initiation: self.initiation.clone(),
            function: self.function.clone(),
            _signature: PhantomData,
        }
    }
}

impl<S, I: fmt::Debug, F> fmt::Debug for Map<S, I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Map").field(&self.initiation).finish()
    }
}

impl<S, I, F, U> Initiation<fn(U)> for Map<S, I, F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    I: Initiation<S>,
    F: FnOnce(S::Output) -> U + Send,
{
    type Executor = I::Executor;
    type Future = MapFuture<I::Future, F>;

    fn executor(&self) -> &I::Executor {
        self.initiation.executor()
    }

    fn into_hosted(self) -> Self::Future {
        MapFuture {
            future: self.initiation.into_hosted(),
            function: Some(self.function),
        }
    }

    fn initiate<H: CompletionHandler<fn(U)>>(self, handler: H)
    where
        Self: 'static,
        U: Send + 'static,
    {
        self.initiation.initiate(MapHandler {
            function: self.function,
            handler,
        });
    }
}

struct MapHandler<F, H> {
    function: F,
    handler: H,
}

impl<F, H: Associations> Associations for MapHandler<F, H> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        self.handler.executor(io)
    }

    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        self.handler.immediate_executor(own)
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.handler.allocator()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.handler.cancellation_slot()
    }
}

impl<S, F, H, U> CompletionHandler<S> for MapHandler<F, H>
where
    S: Signature,
    F: FnOnce(S::Output) -> U + Send + 'static,
    H: CompletionHandler<fn(U)>,
{
    fn complete(self, args: S::Args) {
        let output = (self.function)(S::into_output(args));
        self.handler.complete((output,));
    }
}

pin_project! {
    /// The future of [`Operation::map`].
    #[must_use = "futures do nothing unless polled"]
    pub struct MapFuture<Fut, F> {
        #[pin]
        future: Fut,
        function: Option<F>,
    }
}

impl<Fut: Future, F: FnOnce(Fut::Output) -> U, U> Future for MapFuture<Fut, F> {
    type Output = U;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<U> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        let function = this.function.take().expect("polled after completion");
        Poll::Ready(function(output))
    }
}

impl<Fut, F> fmt::Debug for MapFuture<Fut, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapFuture").finish_non_exhaustive()
    }
}
