use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use super::queue::{Key, Queue};
use crate::cancel::error::context_gone;
use crate::cancel::{self, CancellationType};
use crate::context::{ContextGone, WakeList};
use crate::executor::Executor;
use crate::meta::Meta;
use crate::shim::plain::Mutex;
use crate::task::{budget, scope};

/// Why an operation was not served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Failure {
    Closed,
    Cancelled,
    ContextGone,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Closed => io::ErrorKind::BrokenPipe.into(),
            Failure::Cancelled => cancel::cancelled(),
            Failure::ContextGone => context_gone(),
        }
    }
}

/// Something that an operation asks of shared state, and waits for in turn.
///
/// Nothing here runs foreign code: it is called under the lock.
pub(super) trait Request: Sized {
    type State;
    /// What the operation leaves in the queue while it waits.
    type Entry;
    type Output;

    /// Returns the queue that the operation waits in.
    fn queue(state: &mut Self::State) -> &mut Queue<Self::Entry>;

    /// Serves the request at once, or says what to leave in the queue.
    fn start(
        self,
        state: &mut Self::State,
        wake: &mut WakeList,
    ) -> Result<Self::Output, Self::Entry>;

    /// Returns the output of a request that has not been made.
    fn refuse(self, failure: Failure) -> Self::Output;

    /// Returns the output of a request that was served, or failed, in its turn.
    fn finish(entry: Self::Entry) -> Self::Output;

    /// Returns the output of a request that no longer waits, and was not served.
    fn give_up(entry: Self::Entry, failure: Failure) -> Self::Output;

    /// Takes note that an entry has left the queue while it waited.
    fn left(_state: &mut Self::State, _wake: &mut WakeList) {}

    /// Takes back what a request was served whose output nobody wants.
    fn return_served(
        state: &mut Self::State,
        entry: Self::Entry,
        wake: &mut WakeList,
    ) -> Option<Self::Entry>;
}

/// Describes an operation that is one [`Wait`]: who is woken has been served, or has failed,
/// or is asked to stop.
#[track_caller]
pub(super) const fn meta(name: &'static str) -> Meta {
    Meta::new(name, &["self"], &[])
        .with_cancellation(CancellationType::TOTAL)
        .waiting_once()
}

/// The future of a request. Dropped, it leaves nothing in the queue, and what it
/// was served goes to whoever is next.
pub(super) struct Wait<'a, R: Request> {
    state: &'a Mutex<R::State>,
    stage: Stage<R>,
}

enum Stage<R> {
    Start(R),
    Waiting(Key),
    Over,
}

impl<'a, R: Request> Wait<'a, R> {
    pub(super) fn new(state: &'a Mutex<R::State>, request: R) -> Self {
        Self {
            state,
            stage: Stage::Start(request),
        }
    }

    fn start(&mut self, request: R, cx: &mut Context<'_>) -> Poll<R::Output> {
        if !scope::requested().is_empty() {
            return Poll::Ready(request.refuse(Failure::Cancelled));
        }
        let mut wake = WakeList::default();
        // Before the lock, to be dropped after it where the clone of the waker
        // panics: the entry may be foreign.
        let entry;
        let mut state = self.state.lock();
        match request.start(&mut state, &mut wake) {
            Ok(output) => {
                drop(state);
                Poll::Ready(output)
            }
            Err(refused) => {
                entry = refused;
                let waker = cx.waker().clone();
                let key = R::queue(&mut state).push(entry, waker);
                self.stage = Stage::Waiting(key);
                Poll::Pending
            }
        }
    }

    fn resume(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<R::Output> {
        let mut wake = WakeList::default();
        let mut state = self.state.lock();
        let queue = R::queue(&mut state);
        if !queue.is_waiting(&key) {
            let (entry, _) = queue.remove(key);
            drop(state);
            return Poll::Ready(R::finish(entry));
        }
        if scope::requested().is_empty() {
            self.stage = Stage::Waiting(key);
            // The key is in its place: the clone of the waker may panic.
            let Stage::Waiting(key) = &self.stage else {
                unreachable!("just put there")
            };
            let old = queue.renew(key, cx.waker());
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        let (entry, waker) = queue.remove(key);
        R::left(&mut state, &mut wake);
        drop(state);
        drop(waker);
        Poll::Ready(R::give_up(entry, Failure::Cancelled))
    }
}

// The request is moved out before it is made; nothing is ever pinned.
impl<R: Request> Unpin for Wait<'_, R> {}

impl<R: Request> Future for Wait<'_, R> {
    type Output = R::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Output> {
        ready!(budget::proceed(cx));
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Start(request) => self.start(request, cx),
            Stage::Waiting(key) => self.resume(key, cx),
            Stage::Over => panic!("polled after completion"),
        }
    }
}

impl<R: Request> Drop for Wait<'_, R> {
    fn drop(&mut self) {
        let Stage::Waiting(key) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        // Declared first, to be dropped, and the wakers woken, after the lock.
        let mut wake = WakeList::default();
        let mut state = self.state.lock();
        let queue = R::queue(&mut state);
        let was_waiting = queue.is_waiting(&key);
        let (entry, waker) = queue.remove(key);
        let entry = if was_waiting {
            R::left(&mut state, &mut wake);
            Some(entry)
        } else {
            R::return_served(&mut state, entry, &mut wake)
        };
        drop(state);
        // Outside the lock: they may be foreign.
        drop(waker);
        drop(entry);
    }
}

/// Makes an object whose operations end with the context of `executor`, if that
/// is one of ours.
pub(super) fn new<O: ContextGone + 'static>(executor: &impl Executor, object: O) -> Arc<O> {
    let object = Arc::new(object);
    if let Some(context) = executor.context() {
        let weak: Weak<O> = Arc::downgrade(&object);
        let added = context
            .reactor()
            .and_then(|reactor| reactor.add_object(weak));
        if added.is_err() {
            // Nobody waits yet.
            object.context_gone(&mut WakeList::default());
        }
    }
    object
}
