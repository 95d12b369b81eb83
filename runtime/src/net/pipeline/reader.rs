//! What makes a connection, and what reads from it.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::back::{Giving, MessageBack, PartBack};
use super::link::{Shared, State, Status};
use super::places::{End, Stage};
use super::session::{Desk, Inlet};
use super::waiter::Waiter;
use super::{Event, Failure, Id, Input, Protocol, Transport};
use crate::cancel::error::context_gone;
use crate::cancel::{CancellationType, cancelled};
use crate::executor::Executor;
use crate::shim::plain::MutexGuard;
use crate::sync::Returnable;
use crate::task::Task;
use crate::time::Timer;

/// A connection that is being made.
pub(super) struct Attempt<P: Protocol> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) epoch: u64,
    /// The protocol is at work, whose panic ends the attempt.
    is_at_work: AtomicBool,
}

impl<P: Protocol> Attempt<P> {
    pub(super) fn new(shared: &Arc<Shared<P>>, epoch: u64) -> Self {
        Self {
            shared: shared.clone(),
            epoch,
            is_at_work: AtomicBool::new(false),
        }
    }

    /// Has the protocol connect.
    pub(super) async fn connect(
        &self,
        input: &mut Input,
    ) -> Result<(P::Stream, P::Decoder), P::Error> {
        let shared = &self.shared;
        let mut connecting = pin!(shared.protocol.connect(&shared.executor, input));
        poll_fn(|cx| self.at_work(|| connecting.as_mut().poll(cx))).await
    }

    fn at_work<R>(&self, work: impl FnOnce() -> R) -> R {
        self.is_at_work.store(true, Ordering::Relaxed);
        let result = work();
        self.is_at_work.store(false, Ordering::Relaxed);
        result
    }

    /// Returns whether anybody waits for it. If not, it is over.
    pub(super) fn goes_on(&self) -> bool {
        // Made without the lock.
        let error = cancelled().into();
        let Some(state) = self.shared.lock_for(self.epoch) else {
            return false;
        };
        let goes_on = state.waiting > 0;
        if !goes_on {
            self.shared.end(state, error).tell();
        }
        goes_on
    }

    pub(super) fn succeeds(&self, stream: P::Stream, input: Input, mut decoder: P::Decoder) {
        let shared = &self.shared;
        let encoder =
            Shared::<P>::KNOWS.then(|| self.at_work(|| shared.protocol.encoder(&mut decoder)));
        let Some(mut state) = self.shared.lock_for(self.epoch) else {
            // Closed meanwhile.
            return stream.close();
        };
        state.link.status = Status::Up(Arc::new(stream));
        state.link.inlet = Some(Box::new(Inlet::new(input, decoder)));
        state.link.encoder = encoder;
        shared.hear(&mut state.link);
        shared.serve(state, true);
        if Shared::<P>::KNOWS {
            shared.admit();
        }
    }
}

/// If the protocol panics, or the context goes, all who wait are told.
impl<P: Protocol> Drop for Attempt<P> {
    fn drop(&mut self) {
        let state = self.shared.lock_for(self.epoch);
        let is_lost = state.is_some_and(|it| matches!(it.link.status, Status::Connecting));
        if is_lost && *self.is_at_work.get_mut() {
            self.shared.panicked(self.epoch);
        } else if is_lost {
            self.shared.fail(self.epoch, context_gone().into());
        }
    }
}

/// What a reader does next.
pub(super) enum Next {
    Read,
    /// Wait until this says that there is room.
    Pause(Timer),
    End,
}

/// The loop that reads, while it runs.
pub(super) struct Reader<P: Protocol> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) epoch: u64,
    inlet: Option<Box<Inlet<P>>>,
    is_paused: bool,
    /// The protocol is at work, whose panic ends the connection.
    is_decoding: bool,
    is_over: bool,
}

impl<P: Protocol> Reader<P> {
    pub(super) fn new(shared: &Arc<Shared<P>>, state: &mut State<P>) -> Self {
        Self {
            shared: shared.clone(),
            epoch: state.epoch,
            inlet: state.link.inlet.take(),
            is_paused: state.link.is_paused,
            is_decoding: false,
            is_over: false,
        }
    }

    /// Returns where to read more.
    pub(super) fn room(&mut self) -> &mut [u8] {
        match &mut self.inlet {
            Some(inlet) => inlet.input.room(),
            None => &mut [],
        }
    }

    pub(super) fn received(&mut self, n: usize) {
        if let Some(inlet) = &mut self.inlet {
            inlet.input.received(n);
        }
        if self.shared.limits.silence.is_some() {
            if let Some(mut state) = self.shared.lock_for(self.epoch) {
                self.shared.hear(&mut state.link);
            }
        }
    }

    /// Hands out all that is here; returns what to do then.
    pub(super) fn deliver(&mut self) -> Result<Next, P::Error> {
        let shared = self.shared.clone();
        if self.is_paused {
            let Some(state) = shared.lock_for(self.epoch) else {
                return Ok(Next::End);
            };
            self.is_paused = state.link.is_paused;
        }
        let mut writes = None;
        let mut served = 0;
        while !self.is_paused {
            let Some(inlet) = &mut self.inlet else {
                return Ok(Next::End);
            };
            self.is_decoding = true;
            let event = inlet.decode(&shared, self.epoch);
            self.is_decoding = false;
            let Some(event) = event? else {
                if !inlet.desk.answer.is_empty() {
                    self.route(Event::Nothing, &mut writes)?;
                }
                break;
            };
            match self.route(event, &mut writes)? {
                Routed::Answered => served += 1,
                Routed::Noted => {}
                Routed::Ended => return Ok(Next::End),
            }
        }
        let Some(mut state) = shared.lock_for(self.epoch) else {
            return Ok(Next::End);
        };
        if writes.is_some() {
            state.link.at_once = served;
            if !state.listeners.is_empty() || state.link.has_door() {
                drop(state);
                shared.disappoint();
                shared.admit();
                state = match shared.lock_for(self.epoch) {
                    Some(state) => state,
                    None => return Ok(Next::End),
                };
            }
        }
        if state.link.is_dying() && state.is_idle() {
            drop(state);
            shared.part(self.epoch);
            return Ok(Next::End);
        }
        self.is_paused = state.link.is_paused;
        let mut stops = None;
        let next = if state.waiting == 0 {
            state.link.is_reading = false;
            state.link.inlet = self.inlet.take();
            if let Some(inlet) = &mut state.link.inlet {
                inlet.input.tidy();
            }
            self.is_over = true;
            stops = shared.limits.silence.map(|_| state.link.stops.clone());
            Next::End
        } else if self.is_paused {
            let timer = &mut state.link.resumption;
            let timer = timer.get_or_insert_with(|| Timer::new(&shared.executor));
            timer.expires_after(LONG);
            Next::Pause(timer.clone())
        } else {
            Next::Read
        };
        if writes == Some(true) || state.link.is_write_wanted() {
            shared.write(state);
        } else {
            drop(state);
        }
        if let Some(stops) = stops {
            stops.watch.emit(CancellationType::TERMINAL);
        }
        Ok(next)
    }

    /// Gives what has been said to whom it belongs. The handler may run in here.
    ///
    /// What handlers ask for is written afterwards, all at once: `writes` says who does.
    fn route(&mut self, event: Event<P>, writes: &mut Option<bool>) -> Result<Routed, P::Error> {
        let Self {
            shared,
            epoch,
            inlet,
            ..
        } = self;
        let Some(inlet) = inlet else {
            return Ok(Routed::Ended);
        };
        let desk = &mut inlet.desk;
        // What is dropped after the lock, if it is nobody's any more.
        let mut found = desk.found.take();
        let mut _front = None;
        if let Event::Message(message) = event {
            let message = shared.protocol.notice(message);
            let Some(state) = shared.lock_to_route(*epoch, desk, &mut found, writes) else {
                return Ok(Routed::Ended);
            };
            if let Some(message) = message {
                shared.tell(state, message)?;
            }
            return Ok(Routed::Noted);
        }
        let Some(mut state) = shared.lock_to_route(*epoch, desk, &mut found, writes) else {
            return Ok(Routed::Ended);
        };
        match event {
            Event::Reply(result) => {
                let state_now = &mut *state;
                let Some(id) = state_now.places.take_first(&mut state_now.link.order) else {
                    drop(state);
                    return Err(shared.protocol.failure(Failure::Unasked));
                };
                _front = desk.front.take();
                desk.front = state.front_pending();
                Ok(shared.answer(state, id, result))
            }
            Event::ReplyTo(id, result) => {
                let place = state.places.get(id);
                let Some(id) = place.filter(|it| it.stage == Stage::ById).map(|it| it.id) else {
                    drop(state);
                    return Ok(Routed::Noted);
                };
                Ok(shared.answer(state, id, result))
            }
            Event::Part(part) => {
                let state_now = &mut *state;
                let Some(first) = state_now.places.first(&state_now.link.order) else {
                    drop(state);
                    return Err(shared.protocol.failure(Failure::Unasked));
                };
                let id = first.id;
                self.is_paused = shared.pass_on(state, id, part);
                Ok(Routed::Noted)
            }
            Event::PartTo(id, part) => {
                let place = state.places.get(id);
                if place.is_some_and(|it| it.stage == Stage::ById) {
                    shared.pass_on(state, id, part);
                } else {
                    // Nobody's, or of one whose reply is in order.
                    drop(state);
                }
                Ok(Routed::Noted)
            }
            Event::Message(_) | Event::Nothing => Ok(Routed::Noted),
        }
    }
}

/// What has become of something that was said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routed {
    /// Somebody has waited for it.
    Answered,
    Noted,
    /// The connection is at its end.
    Ended,
}

/// Longer than anybody waits.
const LONG: Duration = Duration::from_secs(3600);

/// A handler that panics does not take the connection with it: another loop goes
/// on where this one was. If the context goes, all who wait are told.
impl<P: Protocol> Drop for Reader<P> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Some(mut state) = self.shared.lock_for(self.epoch) else {
            return;
        };
        if self.is_decoding {
            drop(state);
            return self.shared.panicked(self.epoch);
        }
        if !thread::panicking() {
            drop(state);
            return self.shared.fail(self.epoch, context_gone().into());
        }
        state.link.is_reading = false;
        state.link.is_write_due = true;
        state.link.inlet = self.inlet.take();
        drop(state);
        Resumption::post(&self.shared, self.epoch);
    }
}

/// What goes on where a loop was that a handler's panic has ended; or for those who have
/// waited for the next connection.
pub(super) struct Resumption<P: Protocol> {
    /// `None` once it does.
    shared: Option<Arc<Shared<P>>>,
    epoch: u64,
}

impl<P: Protocol> Resumption<P> {
    pub(super) fn post(shared: &Arc<Shared<P>>, epoch: u64) {
        let resumption = Self {
            shared: Some(shared.clone()),
            epoch,
        };
        let task = Task::new(move || resumption.run());
        shared.executor.post(task);
    }

    fn run(mut self) {
        let Some(shared) = self.shared.take() else {
            return;
        };
        if let Some(state) = shared.lock_for(self.epoch) {
            shared.write(state);
        }
        if let Some(state) = shared.lock_for(self.epoch) {
            if state.waiting > 0 {
                shared.serve(state, false);
            }
        }
        shared.admit();
    }
}

/// The context has gone.
impl<P: Protocol> Drop for Resumption<P> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.fail(self.epoch, context_gone().into());
        }
    }
}

impl<P: Protocol> Shared<P> {
    /// Ends a connection whose protocol has panicked. No handler runs in here, as that panic
    /// goes on.
    fn panicked(self: &Arc<Self>, epoch: u64) {
        let error = self.protocol.failure(Failure::Panicked);
        if let Some(state) = self.lock_for(epoch) {
            self.end(state, error).tell_later();
        }
    }

    /// Locks the state, if it is that of this connection still, and puts into it what the
    /// protocol has left on the desk.
    #[inline(always)]
    fn lock_to_route(
        &self,
        epoch: u64,
        desk: &mut Desk<P>,
        found: &mut Option<(Id, P::Pending)>,
        writes: &mut Option<bool>,
    ) -> Option<MutexGuard<'_, State<P>>> {
        let mut state = self.lock_for(epoch)?;
        if writes.is_none() {
            *writes = Some(!mem::replace(&mut state.link.is_write_due, true));
        }
        if found.is_some() {
            state.return_pending(found);
        }
        if !desk.answer.is_empty() {
            state.link.append(&mut desk.answer);
            self.settle(&mut state);
        }
        Some(state)
    }

    /// Gives a message to the one who waits first, or keeps it. The handler may run in here.
    fn tell(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<P>>,
        message: P::Message,
    ) -> Result<(), P::Error> {
        if state.messages.len() >= self.limits.messages && state.listeners.is_empty() {
            let _all = state.messages.take_rest();
            drop(state);
            return Err(self.protocol.failure(Failure::Overrun));
        }
        state.messages.push(message);
        if state.listeners.is_empty() {
            return Ok(());
        }
        let Some((order, message)) = state.messages.give() else {
            return Ok(());
        };
        let op = state.listeners.pop_front();
        state.waiting -= 1;
        drop(state);
        let shared = self.clone();
        let _giving = Giving {
            shared: shared.clone(),
            id: None,
        };
        let message = Returnable::new(message, MessageBack { shared, order });
        if let Some((_, op)) = op {
            op.complete(Ok(message));
        }
        Ok(())
    }

    /// Completes a request. The handler may run in here.
    #[inline(always)]
    fn answer(
        &self,
        mut guard: MutexGuard<'_, State<P>>,
        id: Id,
        result: Result<P::Reply, P::Error>,
    ) -> Routed {
        let state = &mut *guard;
        state.link.unanswered -= 1;
        let Some(place) = state.places.get(id) else {
            drop(guard);
            return Routed::Noted;
        };
        // Of one that is told by id; or nobody has looked at it.
        let _pending = place.pending.take();
        let caller = place.caller.take();
        state.waiting -= usize::from(caller.is_some());
        if place.is_exchange {
            return self.answer_exchange(guard, id, caller, result);
        }
        state.places.release_empty(id);
        drop(guard);
        match caller {
            Some(Waiter::Reply(op)) => {
                op.complete(result);
                Routed::Answered
            }
            _ => Routed::Noted,
        }
    }

    fn answer_exchange(
        &self,
        mut guard: MutexGuard<'_, State<P>>,
        id: Id,
        caller: Option<Waiter<P>>,
        result: Result<P::Reply, P::Error>,
    ) -> Routed {
        let state = &mut *guard;
        let Some(place) = state.places.get(id) else {
            drop(guard);
            return Routed::Noted;
        };
        place.stage = Stage::Answered;
        if let Some(Waiter::Reply(op)) = caller {
            place.end = Some(End::Taken);
            drop(guard);
            op.complete(result);
            return Routed::Answered;
        }
        place.end = Some(End::Reply(result));
        if place.parts.is_busy {
            // A part may come back, and is first.
            state.waiting += usize::from(caller.is_some());
            place.caller = caller;
            drop(guard);
            return Routed::Noted;
        }
        let told = caller.and_then(|caller| Some((caller, place.take_end()?)));
        drop(guard);
        match told {
            Some((Waiter::Part(op), told)) => {
                op.complete(told.into_part());
                Routed::Answered
            }
            _ => Routed::Noted,
        }
    }

    /// Gives a part of a reply to the one who wants it; returns whether no more can be read
    /// before some are taken. The handler may run in here.
    fn pass_on(
        self: &Arc<Self>,
        mut guard: MutexGuard<'_, State<P>>,
        id: Id,
        part: P::Part,
    ) -> bool {
        let mut _unwanted = None;
        let mut _rest = None;
        let state = &mut *guard;
        let Some(place) = state.places.get(id) else {
            _unwanted = Some(part);
            drop(guard);
            return false;
        };
        let is_wanted = matches!(place.stage, Stage::InOrder | Stage::ById);
        if !is_wanted || !place.is_exchange || matches!(place.caller, Some(Waiter::Reply(_))) {
            _unwanted = Some(part);
            drop(guard);
            return false;
        }
        let id = place.id;
        let is_awaited = matches!(place.caller, Some(Waiter::Part(_)));
        let is_full = !is_awaited && place.parts.len() >= self.limits.parts;
        if is_full && place.stage == Stage::ById {
            // What others are told must not wait for this one.
            place.stage = Stage::Answered;
            place.end = Some(End::TooSlow);
            _rest = place.pending.take();
            _unwanted = Some(part);
            state.link.unanswered -= 1;
            drop(guard);
            return false;
        }
        place.parts.push(part);
        if is_awaited {
            if let Some((order, part)) = place.parts.give() {
                let caller = place.caller.take();
                state.waiting -= 1;
                drop(guard);
                let shared = self.clone();
                let _giving = Giving {
                    shared: shared.clone(),
                    id: Some(id),
                };
                let part = Returnable::new(part, PartBack { shared, id, order });
                if let Some(Waiter::Part(op)) = caller {
                    op.complete(Ok(Some(part)));
                }
                return false;
            }
        }
        let is_full = place.stage == Stage::InOrder && place.parts.len() >= self.limits.parts;
        state.link.is_paused |= is_full;
        is_full
    }
}
