use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Initiation;
use super::traits::has_started;
use crate::executor::Executor;
use crate::handler::CompletionHandler;
use crate::running::Running;
use crate::signature::Signature;
use crate::site::Site;
use crate::task::scope;

/// Starts an operation that is always started with a handler: what is in a [`Launched`].
///
/// To be named, not to be implemented: that is [`Initiation`](crate::Initiation), or one of
/// [`from_fn`](super::from_fn()) and [`from_future`](super::from_future()).
pub trait Launch<S: Signature>: Sized + Send {
    /// The type of the I/O executor.
    type Executor: Executor;

    #[doc(hidden)]
    fn executor(&self) -> &Self::Executor;

    #[doc(hidden)]
    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        function()
    }

    #[doc(hidden)]
    fn launch<H: CompletionHandler<S>>(self, site: Site, handler: H)
    where
        S: 'static,
        S::Args: Send + 'static,
        S::Output: Send + 'static;
}

pin_project! {
    /// An operation that is started with a handler of its own where it is awaited, and passes
    /// its result on.
    ///
    /// Dropping it lets the operation go on, and discards its result; unless the
    /// operation is awaited inside one that can be cancelled, which is asked then.
    #[must_use = "an operation does nothing until it is started"]
    pub struct Launched<S, L>
    where
        S: Signature,
        S: 'static,
    {
        site: Site,
        // Until it has been launched; not one of several states, which would be moved slower.
        launch: Option<L>,
        running: Option<Running<S>>,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<S: Signature + 'static, L> Launched<S, L> {
    pub(crate) fn new(site: Site, launch: L) -> Self {
        Self {
            site,
            launch: Some(launch),
            running: None,
            pinned: PhantomPinned,
        }
    }
}

impl<S, L> Initiation<S> for Launched<S, L>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    L: Launch<S> + 'static,
{
    type Executor = L::Executor;

    fn executor(&self) -> &L::Executor {
        match &self.launch {
            Some(launch) => launch.executor(),
            None => has_started(),
        }
    }

    fn with_memory<R>(&self, function: impl FnOnce() -> R) -> R {
        match &self.launch {
            Some(launch) => launch.with_memory(function),
            None => has_started(),
        }
    }

    #[inline(always)]
    fn initiate<H: CompletionHandler<S>>(self, handler: H) {
        let Self {
            site,
            launch,
            running,
            ..
        } = self;
        // There is none: that need not be looked at.
        mem::forget(running);
        match launch {
            Some(launch) => launch.launch(site, handler),
            None => has_started(),
        }
    }
}

impl<S, L> Future for Launched<S, L>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    L: Launch<S> + 'static,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        // What launches it is moved out first; nothing is pinned.
        let this = self.project();
        if let Some(launch) = this.launch.take() {
            let (running, relay) = Running::new(*this.site, scope::has_cancellation());
            *this.running = Some(running);
            launch.launch(*this.site, relay);
        }
        let running = this.running.as_mut().expect("polled after completion");
        let output = ready!(running.poll(cx));
        *this.running = None;
        Poll::Ready(output)
    }
}

impl<S: Signature + 'static, L> fmt::Debug for Launched<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Launched").field(self.site.meta()).finish()
    }
}
