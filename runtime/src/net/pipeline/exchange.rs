use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::back::{Giving, PartBack};
use super::link::{Shared, State};
use super::places::{End, Stage, too_slow};
use super::waiter::{Waiter, later};
use super::{Failure, Id, PipelineError, Protocol};
use crate::cancel::cancelled;
use crate::context::IoExecutor;
use crate::executor::IoObject;
use crate::initiation::Initiation;
use crate::shim::plain::MutexGuard;
use crate::sync::Returnable;
use crate::{Completion, async_op};

/// A request whose reply comes in parts, or which is made in parts.
///
/// Made by [`Pipeline::open`](super::Pipeline::open). The parts that have come are kept until they
/// are taken, up to the [limit](super::Limits::parts). Where replies come in order,
/// the next ones come after that, so somebody who does not take his parts holds up all others:
/// take them, or drop this.
///
/// Dropped, its parts and its reply go to nobody, and the connection goes on; but for an
/// upload that has not been [finished](Self::finish), with which the connection ends. An operation
/// that waits for a part then is [cancelled](crate::is_cancelled).
///
/// The examples below are of the client [there](super#a-client).
pub struct Exchange<P: Protocol> {
    target: Target<P>,
}

/// The same, for operations: it keeps nothing open.
struct Target<P: Protocol> {
    shared: Arc<Shared<P>>,
    id: Id,
}

impl<P: Protocol> Clone for Target<P> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            id: self.id,
        }
    }
}

impl<P: Protocol> IoObject for Target<P> {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.executor
    }
}

impl<P: Protocol> Exchange<P> {
    pub(super) fn new(shared: Arc<Shared<P>>, id: Id) -> Self {
        Self {
            target: Target { shared, id },
        }
    }

    /// Returns the id that the request was encoded with.
    ///
    /// ```
    #[doc = example!(client)]
    /// let (one, other) = (client.open("list".into())?, client.open("list".into())?);
    /// assert_ne!(one.id(), other.id());
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn id(&self) -> Id {
        self.target.id
    }

    /// Returns the next part of the reply; `None` when there are no more.
    ///
    /// ```
    #[doc = example!(client)]
    /// let list = client.open("list".into())?;
    /// assert_eq!(list.next_part().blocking()?.as_deref(), Some("ONE"));
    /// assert_eq!(list.next_part().blocking()?.as_deref(), Some("TWO"));
    /// assert_eq!(list.next_part().blocking()?, None);
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(Result<Option<P::Part>, P::Error>)`. Completes at once if there is one.
    ///
    /// # Overlap
    ///
    /// One at a time, of these and of [`reply`](Self::reply); a second one fails.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory, which is recycled. Parts that are kept take
    /// room on the heap.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: a part
    /// that nobody has received is the next one's.
    ///
    /// # Errors
    ///
    /// That of the reply, if it is one; that of the connection.
    #[async_op]
    pub fn async_next_part(&self) -> impl Initiation<fn(Result<Option<P::Part>, P::Error>)> {
        let part = self.target.part();
        part.map(|part| Ok(part?.map(Returnable::receive)))
    }

    /// Waits for the end of the reply, and returns what it is; the parts that have not been
    /// taken are dropped.
    ///
    /// ```
    #[doc = example!(client)]
    /// let list = client.open("list".into())?;
    /// assert_eq!(list.reply().blocking()?, "2"); // and nobody wants the parts
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(Result<P::Reply, P::Error>)`.
    ///
    /// # Overlap
    ///
    /// One at a time, as [`next_part`](Self::next_part).
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory, which is recycled.
    ///
    /// # Cancel safety
    ///
    /// A reply that has come when the future is dropped may be lost. Requests of every
    /// [type](crate::cancel::CancellationType) are honoured, and lose none.
    ///
    /// # Errors
    ///
    /// That of the reply, that of the connection; of kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it has been taken before.
    #[async_op]
    pub fn async_reply(&self) -> impl Initiation<fn(Result<P::Reply, P::Error>)> {
        self.target.reply()
    }

    /// Says more, of an [upload](super::Expect::Upload).
    ///
    /// ```
    #[doc = example!(client)]
    /// // The server counts what it is told, until it is told a dot.
    /// let count = client.open("count".into())?;
    /// for name in ["one", "two", "three"] {
    ///     count.send(name.into()).blocking()?;
    /// }
    /// count.finish(".".into())?;
    /// assert_eq!(count.reply().blocking()?, "3");
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(Result<(), P::Error>)`, when the stream has taken it: who waits for that says no
    /// more than is taken.
    ///
    /// # Overlap
    ///
    /// Any number; they are said in the order in which they were started.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory, which is recycled.
    ///
    /// # Cancel safety
    ///
    /// What has been started is said.
    ///
    /// # Errors
    ///
    /// The protocol's, and that of the connection; of kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the request is no upload, or has
    /// said all.
    #[async_op]
    pub fn async_send(&self, more: P::Request) -> impl Initiation<fn(Result<(), P::Error>)> {
        self.target.send(more)
    }

    /// Says the last of an upload, and lets those go on who wait behind it. The reply is
    /// still to come.
    ///
    /// ```
    #[doc = example!(client)]
    /// // The server counts what it is told, until it is told a dot.
    /// let count = client.open("count".into())?;
    /// count.finish(".".into())?;
    /// assert_eq!(count.reply().blocking()?, "0");
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::async_send).
    pub fn finish(&self, last: P::Request) -> Result<(), P::Error> {
        self.target.shared.finish(self.target.id, last)
    }
}

impl<P: Protocol> Target<P> {
    #[async_op]
    fn async_part(
        &self,
        op: Completion<fn(Result<Option<Returnable<P::Part, PartBack<P>>>, P::Error>)>,
    ) {
        let Self { shared, id } = self;
        let ticket = shared.ticket();
        shared.on_cancel(&op, *id, ticket);
        let mut guard = shared.lock();
        if !op.requested().is_empty() {
            drop(guard);
            return op.complete(Err(cancelled().into()));
        }
        let state = &mut *guard;
        let Some(place) = state.places.get(*id) else {
            drop(guard);
            return op.complete(Err(taken().into()));
        };
        if place.caller.is_some() {
            drop(guard);
            return op.complete(Err(busy().into()));
        }
        if let Some((order, part)) = place.parts.give() {
            drop(shared.resume_if_room(guard, *id));
            let (shared, id) = (shared.clone(), *id);
            let _giving = Giving {
                shared: shared.clone(),
                id: Some(id),
            };
            let part = Returnable::new(part, PartBack { shared, id, order });
            return op.complete(Ok(Some(part)));
        }
        // What is being given away may come back.
        if !place.parts.is_busy {
            if let Some(told) = place.take_end() {
                drop(guard);
                return op.complete(told.into_part());
            }
        }
        place.caller = Some(Waiter::Part(op));
        place.ticket = ticket;
        state.waiting += 1;
        shared.serve(guard, false);
    }

    #[async_op]
    fn async_reply(&self, op: Completion<fn(Result<P::Reply, P::Error>)>) {
        let Self { shared, id } = self;
        let ticket = shared.ticket();
        shared.on_cancel(&op, *id, ticket);
        let mut _parts = None;
        let mut guard = shared.lock();
        if !op.requested().is_empty() {
            drop(guard);
            return op.complete(Err(cancelled().into()));
        }
        let state = &mut *guard;
        let Some(place) = state.places.get(*id) else {
            drop(guard);
            return op.complete(Err(taken().into()));
        };
        if place.caller.is_some() {
            drop(guard);
            return op.complete(Err(busy().into()));
        }
        _parts = Some(place.parts.take_rest());
        match place.end.take() {
            None => {
                place.caller = Some(Waiter::Reply(op));
                place.ticket = ticket;
                state.waiting += 1;
                guard = shared.resume_if_room(guard, *id);
                shared.serve(guard, false);
            }
            Some(End::Reply(result)) => {
                place.end = Some(End::Taken);
                drop(guard);
                op.complete(result);
            }
            Some(End::Lost(error)) => {
                place.end = Some(End::Lost(error.clone()));
                drop(guard);
                op.complete(Err(error.again()));
            }
            Some(End::TooSlow) => {
                place.end = Some(End::TooSlow);
                drop(guard);
                op.complete(Err(too_slow().into()));
            }
            Some(End::Taken) => {
                place.end = Some(End::Taken);
                drop(guard);
                op.complete(Err(taken().into()));
            }
        }
    }

    #[async_op]
    fn async_send(&self, more: P::Request, op: Completion<fn(Result<(), P::Error>)>) {
        self.shared.send(self.id, more, op);
    }
}

impl<P: Protocol> Shared<P> {
    /// Has the reader go on, if it waits for parts of this one to be taken, and enough are.
    pub(super) fn resume_if_room<'a>(
        &'a self,
        mut guard: MutexGuard<'a, State<P>>,
        id: Id,
    ) -> MutexGuard<'a, State<P>> {
        let state = &mut *guard;
        let kept = state.places.get(id).map_or(0, |place| place.parts.len());
        let first = state.places.first(&state.link.order);
        let is_first = first.is_some_and(|place| place.id == id);
        if !state.link.is_paused || !is_first || kept > self.limits.parts / 2 {
            return guard;
        }
        state.link.is_paused = false;
        state.link.heard = self.executor.now();
        let timer = state.link.resumption.clone();
        drop(guard);
        if let Some(timer) = timer {
            // One that waits is cancelled, one that is about to wait does not.
            timer.expires_after(Duration::ZERO);
        }
        self.lock()
    }
}

impl<P: Protocol> Drop for Exchange<P> {
    fn drop(&mut self) {
        self.let_go();
        self.target.shared.leave();
    }
}

impl<P: Protocol> Exchange<P> {
    fn let_go(&self) {
        let Target { shared, id } = &self.target;
        // Dropped after the lock.
        let mut remains = None;
        let mut _parts = None;
        let mut guard = shared.lock();
        guard.exchanges -= 1;
        if guard.is_cut_short(*id) {
            // Nobody else can say anything behind that.
            let epoch = guard.epoch;
            drop(guard);
            let error = shared.protocol.failure(Failure::CutShort);
            if let Some(guard) = shared.lock_for(epoch) {
                shared.end(guard, error).tell_later();
            }
            shared.lock().places.release(*id, &mut remains);
            return;
        }
        let state = &mut *guard;
        let Some(place) = state.places.get(*id) else {
            return;
        };
        place.is_exchange = false;
        let is_answered = place.stage == Stage::Answered;
        let is_forgotten = shared.is_forgotten(place.stage);
        let waits = matches!(place.stage, Stage::AtDoor | Stage::Next);
        let is_over = is_answered || is_forgotten || waits;
        // An operation that goes on without its exchange.
        let waits_in_vain = is_over || matches!(place.caller, Some(Waiter::Part(_)));
        let caller = place.caller.take_if(|_| waits_in_vain);
        state.waiting -= usize::from(caller.is_some());
        if is_over {
            state.link.unanswered -= usize::from(is_forgotten);
            state.places.release(*id, &mut remains);
        } else {
            _parts = Some(place.parts.take_rest());
            guard = shared.resume_if_room(guard, *id);
        }
        let Some(caller) = caller else {
            return;
        };
        shared.end_if_idle(guard);
        later(&shared.executor, move || caller.fail(cancelled().into()));
    }
}

impl<P: Protocol> fmt::Debug for Exchange<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

fn taken() -> io::Error {
    let text = "the reply has been taken";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn busy() -> io::Error {
    let text = "somebody waits for this reply already";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
