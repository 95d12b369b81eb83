use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Initiation;
use super::traits::has_started;
use crate::completion::Completion;
use crate::executor::{Executor, WorkGuard};
use crate::handler::CompletionHandler;
use crate::meta::Meta;
use crate::signature::Signature;
use crate::site::Site;
use crate::task::slot::SlotFuture;
use crate::task::{block, current, slot};
use crate::trace::Trace;

/// Makes an operation of a function that receives the [`Completion`]: the
/// handler form, by hand.
///
/// ```
/// use async_op::{
///     Completion, CompletionToken, Initiation, IoContext, SystemExecutor, async_initiate,
/// };
/// use async_op::initiation::{Meta, from_fn};
///
/// fn async_answer<'op, T: CompletionToken<'op, fn(u32)>>(
///     token: T,
/// ) -> T::Return<impl Initiation<fn(u32)> + 'op> {
///     const META: Meta = Meta::new("async_answer", &[], &[]);
///     async_initiate(
///         from_fn(&META, SystemExecutor, |op: Completion<fn(u32)>| op.complete(42)),
///         token,
///     )
/// }
///
/// assert_eq!(async_answer(async_op::Blocking), 42);
/// ```
#[track_caller]
pub fn from_fn<S, E, F>(meta: &'static Meta, executor: E, body: F) -> FromFn<S, E, F>
where
    S: Signature + 'static,
    E: Executor,
    F: FnOnce(Completion<S>) + Send,
{
    FromFn {
        state: State::Unstarted {
            site: Site::here(meta),
            executor,
            body,
        },
        pinned: PhantomPinned,
    }
}

pin_project! {
    /// The operation of [`from_fn`].
    ///
    /// Dropping it while it is in flight asks the operation to stop (terminal
    /// cancellation) and discards its result.
    #[must_use = "an operation does nothing until it is started"]
    pub struct FromFn<S, E: Executor, F>
    where
        S: Signature,
        S: 'static,
    {
        state: State<S, E, F>,
        #[pin]
        pinned: PhantomPinned,
    }
}

enum State<S: Signature + 'static, E: Executor, F> {
    Unstarted {
        site: Site,
        executor: E,
        body: F,
    },
    Waiting {
        future: SlotFuture<S>,
        // Held for its drop.
        _work: WorkGuard<E>,
    },
    Over,
}

impl<S: Signature + 'static, E: Executor, F> fmt::Debug for FromFn<S, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_tuple("FromFn");
        match &self.state {
            State::Unstarted { site, .. } => f.field(site.meta()).finish(),
            State::Waiting { .. } | State::Over => f.finish_non_exhaustive(),
        }
    }
}

impl<S, E, F> Initiation<S> for FromFn<S, E, F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    E: Executor,
    F: FnOnce(Completion<S>) + Send,
{
    type Executor = E;

    fn executor(&self) -> &E {
        match &self.state {
            State::Unstarted { executor, .. } => executor,
            State::Waiting { .. } | State::Over => has_started(),
        }
    }

    #[inline]
    fn initiate<H: CompletionHandler<S>>(self, handler: H) {
        let State::Unstarted {
            site,
            executor,
            body,
        } = self.state
        else {
            has_started()
        };
        // Whoever starts it does not wait for it.
        let _outside = current::outside();
        if let Some(op) = block::new(site, executor, handler) {
            op.initiate(body);
        }
    }
}

impl<S, E, F> Future for FromFn<S, E, F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    E: Executor,
    F: FnOnce(Completion<S>) + Send,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        // The body is moved out before it is called; nothing is pinned.
        let state = self.project().state;
        if let State::Unstarted { .. } = state {
            let State::Unstarted {
                site,
                executor,
                body,
            } = mem::replace(state, State::Over)
            else {
                unreachable!("just matched")
            };
            let trace = Trace::start(site, &executor);
            let work = WorkGuard::new(executor);
            let (future, completion) = slot::new(site, trace);
            *state = State::Waiting {
                future,
                _work: work,
            };
            completion.initiate(body);
        }
        let State::Waiting { future, .. } = state else {
            panic!("polled after completion")
        };
        let args = ready!(future.poll(cx));
        *state = State::Over;
        Poll::Ready(S::into_output(args))
    }
}
