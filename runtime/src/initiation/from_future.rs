use std::fmt;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Initiation;
use super::work::Work;
use crate::executor::Executor;
use crate::handler::CompletionHandler;
use crate::is_send::IsSend;
use crate::meta::Meta;
use crate::release::Releasing;
use crate::signature::Signature;
use crate::site::Site;
use crate::task::frame;

/// Makes an operation of a future: the async form, by hand.
///
/// ```
/// use async_op::{Blocking, SystemExecutor, async_initiate};
/// use async_op::initiation::{Meta, from_future};
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
