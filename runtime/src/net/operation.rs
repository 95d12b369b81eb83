//! Operations on sources: what one attempt does, and where it waits.

use std::io;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::source::{Pollable, SharedSource};
use crate::cancel::{self, CancellationType};
use crate::context::{AtSource, Direction, Progress, Seen, WaiterKey};
use crate::executor::{HomeExecutor, OfContext};
use crate::initiation::{Initiation, from_attempt};
use crate::meta::Meta;
use crate::release::{Release, Releasing};
use crate::signature::Signature;
use crate::task::leaf::Attempt;
use crate::task::parked::Ended;
use crate::task::{budget, scope};

/// What an operation does with its source, until it has its outcome.
pub(super) trait Perform<S: Pollable>: Send {
    type Value;
    type Output;

    /// Whether it takes memory from the operation's allocator.
    const TAKES_MEMORY: bool = false;

    /// Makes one attempt: the system calls, and no more. Without a value it was a part of
    /// the whole, and the next one is due.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it has to wait.
    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<Self::Value>, Progress)>;

    /// Makes the output, whether by an attempt or not.
    fn finish(self, result: io::Result<Self::Value>) -> Self::Output;

    /// Returns whether it may have to wait, and so can be asked to stop: it has something
    /// to transfer.
    fn may_wait(&mut self) -> bool {
        true
    }

    /// Makes the source, where that is not there before the operation begins.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    fn open(&mut self) -> io::Result<SharedSource<S>> {
        unreachable!("the source is there")
    }
}

/// Describes an operation on a handle, which can be stopped as if it had never begun.
#[track_caller]
pub(super) const fn meta(name: &'static str) -> Meta {
    Meta::new(name, &["self"], &[]).with_cancellation(CancellationType::TOTAL)
}

/// Makes the operation that a function of the name in `meta` is to return.
#[track_caller]
pub(super) fn operation<C, S, P, E>(
    meta: &'static Meta,
    source: &SharedSource<S>,
    home: &E,
    direction: Direction,
    mut perform: P,
) -> impl Initiation<C> + use<C, S, P, E>
where
    C: Signature<Output = P::Output>,
    S: Pollable + Send + Sync,
    P: Perform<S>,
    E: HomeExecutor,
{
    let may_wait = perform.may_wait();
    let attempt = OnSource {
        source: Some(SharedSource::clone(source)),
        perform,
        seen: Seen::NOTHING,
        era: None,
        direction,
        may_wait,
    };
    from_attempt(meta, home.of_context(source.executor()), attempt)
}

/// The same for one that [opens](Perform::open) its source.
#[track_caller]
pub(super) fn opening<C, S, P, E>(
    meta: &'static Meta,
    executor: E,
    direction: Direction,
    perform: P,
) -> impl Initiation<C> + use<C, S, P, E>
where
    C: Signature<Output = P::Output>,
    S: Pollable + Send + Sync,
    P: Perform<S>,
    E: OfContext,
{
    from_attempt(meta, executor, OnSource::opening(direction, perform))
}

/// The same as a future, for those who await several.
pub(super) fn awaited_opening<S, P>(direction: Direction, perform: P) -> Awaited<S, P>
where
    S: Pollable + Send + Sync,
    P: Perform<S>,
{
    OnSource::opening(direction, perform).into_awaited()
}

/// An operation on a source.
struct OnSource<S: Pollable, P> {
    /// From the first attempt on, at the latest.
    source: Option<SharedSource<S>>,
    perform: P,
    /// By the last attempt.
    seen: Seen,
    era: Option<NonZeroU32>,
    direction: Direction,
    may_wait: bool,
}

impl<S: Pollable, P> OnSource<S, P> {
    fn opening(direction: Direction, perform: P) -> Self {
        Self {
            source: None,
            perform,
            seen: Seen::NOTHING,
            era: None,
            direction,
            may_wait: true,
        }
    }
}

impl<S: Pollable + Send + Sync, P: Perform<S>> Attempt for OnSource<S, P> {
    type Value = P::Value;
    type Output = P::Output;
    type Place = AtSource;
    type Awaited = Awaited<S, P>;

    const TAKES_MEMORY: bool = P::TAKES_MEMORY;

    #[inline]
    fn into_awaited(self) -> Awaited<S, P> {
        Releasing::new(Waiting {
            operation: Some(self),
            key: None,
        })
    }

    #[inline]
    fn from_awaited(awaited: Awaited<S, P>) -> Self {
        let Waiting { operation, .. } = awaited.into_inner();
        operation.expect("it has not been polled")
    }

    #[inline]
    fn may_wait(&self) -> bool {
        self.may_wait
    }

    #[inline(always)]
    fn attempt(&mut self) -> Poll<io::Result<Option<P::Value>>> {
        let Self {
            source, perform, ..
        } = self;
        let source = opened(source, perform)?;
        if !self.may_wait {
            return Poll::Ready(at_once(perform.perform(source)).map(Some));
        }
        if let Some(seen) = source.has_to_wait(self.direction, &mut self.era) {
            // As most reads that begin.
            self.seen = seen;
            return Poll::Pending;
        }
        let attempt = || perform.perform(source);
        match source.attempt(self.direction, &mut self.era, attempt) {
            Ok(result) => Poll::Ready(result),
            Err(seen) => {
                self.seen = seen;
                Poll::Pending
            }
        }
    }

    #[inline]
    fn place(&self) -> AtSource {
        let source = self.source.as_ref().expect("an attempt has been made");
        source.place(self.direction, self.seen, self.era)
    }

    #[inline]
    fn finish(self, result: io::Result<P::Value>) -> P::Output {
        self.perform.finish(result)
    }

    fn ended(how: Ended) -> io::Result<P::Value> {
        match how.result() {
            Err(error) => Err(error),
            Ok(()) => unreachable!("a source has no time to wait for"),
        }
    }
}

/// Returns the source, made now if it is not there.
#[inline]
fn opened<'a, S: Pollable, P: Perform<S>>(
    source: &'a mut Option<SharedSource<S>>,
    perform: &mut P,
) -> io::Result<&'a SharedSource<S>> {
    match source {
        Some(source) => Ok(source),
        none => Ok(none.insert(perform.open()?)),
    }
}

/// Of an operation that has nothing to transfer.
#[cold]
fn at_once<T>(attempted: io::Result<(Option<T>, Progress)>) -> io::Result<T> {
    attempted.map(|(value, _)| value.expect("nothing is left to be done"))
}

/// An operation on a source that is awaited.
pub(super) struct Waiting<S: Pollable + Send + Sync, P: Perform<S>> {
    /// Until it is over.
    operation: Option<OnSource<S, P>>,
    key: Option<WaiterKey>,
}

pub(super) type Awaited<S, P> = Releasing<Waiting<S, P>>;

impl<S: Pollable + Send + Sync, P: Perform<S>> Future for Awaited<S, P> {
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<P::Output> {
        let this = &mut **self.get_mut();
        let Some(operation) = &mut this.operation else {
            panic!("polled after completion")
        };
        let result = operation.poll(&mut this.key, cx);
        let result = ready!(result);
        this.release();
        let Some(operation) = this.operation.take() else {
            unreachable!("just polled")
        };
        Poll::Ready(operation.finish(result))
    }
}

impl<S: Pollable + Send + Sync, P: Perform<S>> OnSource<S, P> {
    #[inline]
    fn poll(
        &mut self,
        key: &mut Option<WaiterKey>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<P::Value>> {
        let Self {
            source, perform, ..
        } = self;
        if !self.may_wait {
            let source = opened(source, perform)?;
            return Poll::Ready(at_once(perform.perform(source)));
        }
        loop {
            if !scope::requested().is_empty() {
                return Poll::Ready(Err(cancel::cancelled()));
            }
            ready!(budget::proceed(cx));
            let source = opened(source, perform)?;
            let attempt = || perform.perform(source);
            let polled = source.poll(self.direction, &mut self.era, key, cx, attempt);
            if let Some(value) = ready!(polled)? {
                return Poll::Ready(Ok(value));
            }
        }
    }
}

impl<S: Pollable + Send + Sync, P: Perform<S>> Release for Waiting<S, P> {
    fn release(&mut self) {
        if let Some(key) = self.key.take() {
            if let Some(operation) = &self.operation {
                let source = operation.source.as_ref().expect("it has waited");
                source.forget_one(operation.direction, key);
            }
        }
    }
}

// Nothing in it is pinned.
impl<S: Pollable + Send + Sync, P: Perform<S>> Unpin for Waiting<S, P> {}

#[cfg(all(test, async_op_unit_tests, unix, not(any(miri, async_op_loom))))]
mod tests;
