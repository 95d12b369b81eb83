//! Those who wait, and how they are told that it is in vain.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::thread;

use super::back::{MessageBack, PartBack};
use super::{Id, PipelineError, Protocol};
use crate::Completion;
use crate::cancel::cancelled;
use crate::context::IoExecutor;
use crate::executor::Executor;
use crate::sync::Returnable;
use crate::task::Task;

type Answer<T, P> = Completion<fn(Result<T, <P as Protocol>::Error>)>;

pub(super) type ReplyOp<P> = Answer<<P as Protocol>::Reply, P>;
pub(super) type SentOp<P> = Answer<(), P>;
pub(super) type PartOp<P> = Answer<Option<Returnable<<P as Protocol>::Part, PartBack<P>>>, P>;
pub(super) type MessageOp<P> = Answer<Returnable<<P as Protocol>::Message, MessageBack<P>>, P>;

/// Somebody who waits.
pub(super) enum Waiter<P: Protocol> {
    Reply(ReplyOp<P>),
    Part(PartOp<P>),
    Message(MessageOp<P>),
    Sent(SentOp<P>),
}

impl<P: Protocol> Waiter<P> {
    /// Tells that there will be nothing; the handler may run in here.
    pub(super) fn fail(self, error: P::Error) {
        match self {
            Self::Reply(op) => op.complete(Err(error)),
            Self::Part(op) => op.complete(Err(error)),
            Self::Message(op) => op.complete(Err(error)),
            Self::Sent(op) => op.complete(Err(error)),
        }
    }

    /// Tells that it was cancelled: not within the call that asks for it.
    pub(super) fn cancel_later(self, executor: &IoExecutor) {
        if executor.runs_here() {
            later(executor, move || self.fail(cancelled().into()));
        } else {
            self.fail(cancelled().into());
        }
    }
}

/// Has `tell` called by a task of its own; where the context goes first, with the task, as
/// that is dropped. So nobody waits in vain.
pub(super) fn later(executor: &IoExecutor, tell: impl FnOnce() + Send + 'static) {
    let surely = Surely(Some(tell));
    executor.post(Task::new(move || drop(surely)));
}

struct Surely<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Surely<F> {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell();
        }
    }
}

/// Somebody who waits until what is said is on its way.
pub(super) struct Flush<P: Protocol> {
    pub(super) id: Id,
    pub(super) ticket: u64,
    /// What has been said by then, in bytes.
    pub(super) position: u64,
    op: FlushOp<P>,
}

enum FlushOp<P: Protocol> {
    Reply(ReplyOp<P>, P::Reply),
    Sent(SentOp<P>),
}

impl<P: Protocol> Flush<P> {
    /// A request that has no reply completes with this one.
    pub(super) fn of_request(id: Id, op: ReplyOp<P>, reply: P::Reply) -> Self {
        Self {
            id,
            ticket: 0,
            position: 0,
            op: FlushOp::Reply(op, reply),
        }
    }

    pub(super) fn of_part(id: Id, ticket: u64, op: SentOp<P>) -> Self {
        Self {
            id,
            ticket,
            position: 0,
            op: FlushOp::Sent(op),
        }
    }

    /// Returns who waits, who is not told yet, and the reply that is not wanted.
    pub(super) fn into_waiter(self) -> (Waiter<P>, Option<P::Reply>) {
        match self.op {
            FlushOp::Reply(op, reply) => (Waiter::Reply(op), Some(reply)),
            FlushOp::Sent(op) => (Waiter::Sent(op), None),
        }
    }

    /// Tells that it is; the handler may run in here.
    pub(super) fn complete(self) {
        match self.op {
            FlushOp::Reply(op, reply) => op.complete(Ok(reply)),
            FlushOp::Sent(op) => op.complete(Ok(())),
        }
    }
}

/// Those whom a connection leaves behind, to be told why.
pub(super) struct Bereaved<P: Protocol> {
    executor: IoExecutor,
    error: Arc<P::Error>,
    waiters: VecDeque<Waiter<P>>,
    /// Whether a task has been made to tell them.
    is_posted: bool,
}

impl<P: Protocol> Bereaved<P> {
    pub(super) fn new(
        executor: IoExecutor,
        error: Arc<P::Error>,
        waiters: VecDeque<Waiter<P>>,
    ) -> Self {
        Self {
            executor,
            error,
            waiters,
            is_posted: false,
        }
    }

    /// Tells them; handlers may run in here.
    pub(super) fn tell(mut self) {
        self.tell_all();
    }

    /// Has them told: no handler runs in here.
    pub(super) fn tell_later(mut self) {
        if self.waiters.is_empty() {
            return;
        }
        self.is_posted = true;
        let executor = self.executor;
        executor.post(Task::new(move || {
            self.is_posted = false;
            self.tell();
        }));
    }

    fn tell_all(&mut self) {
        while let Some(waiter) = self.waiters.pop_front() {
            waiter.fail(self.error.again());
        }
    }
}

/// A handler that panics keeps nobody else from hearing of it; nor does a context that
/// goes, with the task that would have told them.
impl<P: Protocol> Drop for Bereaved<P> {
    fn drop(&mut self) {
        if thread::panicking() && !self.is_posted && !self.waiters.is_empty() {
            let waiters = mem::take(&mut self.waiters);
            Self::new(self.executor, self.error.clone(), waiters).tell_later();
        } else {
            self.tell_all();
        }
    }
}
