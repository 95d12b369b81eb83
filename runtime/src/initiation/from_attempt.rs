use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Initiation;
use super::work::Work;
use crate::executor::OfContext;
use crate::handler::CompletionHandler;
use crate::meta::Meta;
use crate::release::Releasing;
use crate::signature::Signature;
use crate::site::Site;
use crate::task::leaf::{self, Attempt};

/// Makes an operation of attempts: one of this crate's own.
#[track_caller]
pub(crate) fn from_attempt<S, T, E>(
    meta: &'static Meta,
    executor: E,
    attempt: T,
) -> FromAttempt<S, T, E>
where
    S: Signature<Output = T::Output>,
    T: Attempt,
    E: OfContext,
{
    FromAttempt {
        site: Site::here(meta),
        awaited: attempt.into_awaited(),
        work: Work::new(executor),
        pinned: PhantomPinned,
        _signature: PhantomData,
    }
}

pin_project! {
    /// The operation of [`from_attempt`].
    #[must_use = "an operation does nothing until it is started"]
    pub(crate) struct FromAttempt<S, T: Attempt, E: OfContext> {
        site: Site,
        awaited: T::Awaited,
        work: Releasing<Work<E>>,
        #[pin]
        pinned: PhantomPinned,
        _signature: PhantomData<fn() -> S>,
    }
}

impl<S, T, E> Initiation<S> for FromAttempt<S, T, E>
where
    S: Signature<Output = T::Output>,
    T: Attempt,
    E: OfContext,
{
    type Executor = E;

    fn executor(&self) -> &E {
        &self.work.executor
    }

    #[inline(always)]
    fn initiate<H: CompletionHandler<S>>(self, handler: H)
    where
        Self: 'static,
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static,
    {
        let Self {
            site,
            awaited,
            work,
            ..
        } = self;
        let (attempt, Work { executor, .. }) = (T::from_awaited(awaited), work.into_inner());
        // The attempts are made on the context's own.
        leaf::start::<S, H, _, _, T>(site, executor.io(), executor.inner(), attempt, handler);
    }
}

impl<S, T, E> Future for FromAttempt<S, T, E>
where
    S: Signature<Output = T::Output>,
    T: Attempt,
    E: OfContext,
{
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        let this = self.project();
        let (site, awaited) = (*this.site, Pin::new(this.awaited));
        let output = this.work.poll(site, || awaited.poll(cx));
        // A test that is always false would still change what is inlined.
        #[cfg(debug_assertions)]
        if output.is_pending() {
            this.work.executor.io().note_wait(site.name());
        }
        output
    }
}
