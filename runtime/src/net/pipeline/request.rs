//! How requests are made.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::thread;

use super::door::AtDoor;
use super::line::Held;
use super::link::{Shared, State, Status};
use super::places::{End, Stage};
use super::turn::Turn;
use super::waiter::{Flush, ReplyOp, SentOp, Waiter};
use super::writer::KEPT;
use super::{Expect, Id, PipelineError, Protocol};
use crate::cancel::cancelled;
use crate::shim::plain::MutexGuard;
use crate::{Completion, Signature};

/// What is said, and who waits for its reply.
pub(super) enum Speaker<P: Protocol> {
    Request(ReplyOp<P>),
    Exchange,
    /// Its place knows the rest: it came to the door before, or has been given up.
    Nobody,
}

impl<P: Protocol> State<P> {
    /// Returns whether a request may say more: it is an upload, or may be one.
    fn may_say_more(&mut self, id: Id) -> bool {
        let holds_line = self.link.holds_line(id);
        let place = self.places.get(id);
        place.is_some_and(|it| !it.is_finished && (holds_line || it.stage.is_at_door()))
    }

    /// Returns whether a request ends in the middle where nobody says more.
    pub(super) fn is_cut_short(&mut self, id: Id) -> bool {
        let holds_line = self.link.holds_line(id);
        let place = self.places.get(id);
        holds_line && place.is_some_and(|place| !place.is_finished)
    }
}

impl<P: Protocol> Shared<P> {
    /// Begins a request, now if it need not wait.
    pub(super) fn submit(self: &Arc<Self>, request: P::Request, op: ReplyOp<P>) {
        let (reserved, turn) = match self.reserve() {
            Ok(reserved) => reserved,
            Err(error) => return op.complete(Err(error)),
        };
        let id = reserved.id;
        let can_be_asked = self.on_cancel(&op, id, 0);
        if can_be_asked && !op.requested().is_empty() {
            return op.complete(Err(cancelled().into()));
        }
        let Some(mut turn) = turn else {
            return self.submit_at_door(reserved, request, op);
        };
        let mut out = Scratch::default();
        let expect = match turn.encode(request, id, &mut out.0, false) {
            Ok(expect) => expect,
            Err(error) => {
                drop(turn);
                return op.complete(Err(error));
            }
        };
        let state = match turn.end() {
            Ok(state) => state,
            Err(error) => return op.complete(Err(error)),
        };
        reserved.keep();
        let has_door = Self::KNOWS && state.link.has_door();
        // Before it was in its place, where it would have been found. What has been encoded is
        // sent all the same: the encoder knows of it.
        if can_be_asked && !op.requested().is_empty() {
            self.speak(state, id, expect, &mut out.0, Speaker::Nobody);
            op.complete(Err(cancelled().into()));
        } else {
            self.speak(state, id, expect, &mut out.0, Speaker::Request(op));
        }
        if has_door {
            self.admit();
        }
    }

    #[cold]
    pub(super) fn submit_at_door(
        self: &Arc<Self>,
        reserved: Reserved<'_, P>,
        request: P::Request,
        op: ReplyOp<P>,
    ) {
        // Before the lock: dropped after it.
        let mut request = Some(request);
        let id = reserved.id;
        let mut state = match self.welcome(self.lock_to_speak(), Some(&op)) {
            Ok(state) => state,
            Err(error) => return op.complete(Err(error)),
        };
        let state_now = &mut *state;
        let stage = state_now.at_door();
        if let (Some(place), Some(request)) = (state_now.places.get(id), request.take()) {
            place.stage = stage;
            place.caller = Some(Waiter::Reply(op));
            state_now.link.door.push_back(AtDoor::Request(id, request));
            state_now.waiting += 1;
            self.settle(state_now);
            reserved.keep();
        }
        self.serve(state, false);
        self.admit();
    }

    /// Begins a request whose reply has parts.
    pub(super) fn open(self: &Arc<Self>, request: P::Request) -> Result<Id, P::Error> {
        let (reserved, turn) = self.reserve()?;
        let id = reserved.id;
        let Some(mut turn) = turn else {
            self.open_at_door(reserved, request);
            return Ok(id);
        };
        let mut out = Scratch::default();
        let expect = turn.encode(request, id, &mut out.0, true)?;
        let state = turn.end()?;
        reserved.keep();
        let has_door = Self::KNOWS && state.link.has_door();
        self.speak(state, id, expect, &mut out.0, Speaker::Exchange);
        if has_door {
            self.admit();
        }
        Ok(id)
    }

    pub(super) fn open_at_door(self: &Arc<Self>, reserved: Reserved<'_, P>, request: P::Request) {
        let id = reserved.id;
        // Before the lock: dropped after it.
        let mut request = Some(request);
        let mut state = self.lock_to_speak();
        let state_now = &mut *state;
        let stage = state_now.at_door();
        if let (Some(place), Some(request)) = (state_now.places.get(id), request.take()) {
            place.stage = stage;
            place.is_exchange = true;
            state_now.exchanges += 1;
            state_now.link.door.push_back(AtDoor::Request(id, request));
            self.settle(state_now);
            reserved.keep();
        }
        drop(state);
        self.admit();
    }

    /// Says more, on behalf of a request that was opened.
    pub(super) fn send(self: &Arc<Self>, id: Id, request: P::Request, op: SentOp<P>) {
        let ticket = self.ticket();
        self.on_cancel(&op, id, ticket);
        let mut guard = match self.welcome(self.lock(), Some(&op)) {
            Ok(guard) => guard,
            Err(error) => return op.complete(Err(error)),
        };
        if !guard.may_say_more(id) {
            drop(guard);
            return op.complete(Err(no_upload().into()));
        }
        let flush = Flush::of_part(id, ticket, op);
        if guard.link.must_queue_more(id) {
            let state = &mut *guard;
            state.link.more_at_door += 1;
            state.link.door.push_back(AtDoor::More(id, request, flush));
            state.waiting += 1;
            self.settle(state);
            self.serve(guard, false);
            return self.admit();
        }
        drop(guard);
        self.say_more(id, request, flush);
    }

    /// Says more, if that can still be said.
    pub(super) fn say_more(self: &Arc<Self>, id: Id, request: P::Request, flush: Flush<P>) {
        let mut out = Scratch::default();
        let result = self.protocol.encode_more(request, id, &mut out.0);
        let mut state = self.lock();
        if result.is_ok() && state.link.holds_line(id) {
            state.link.say_more(id, &mut out.0, Some(flush));
            state.waiting += 1;
            self.settle(&mut state);
            return self.serve(state, true);
        }
        drop(state);
        let error = result.err().unwrap_or_else(|| no_upload().into());
        flush.into_waiter().0.fail(error);
    }

    /// Says the last of it, and lets others go on.
    pub(super) fn finish(self: &Arc<Self>, id: Id, request: P::Request) -> Result<(), P::Error> {
        let mut state = self.lock();
        if !state.may_say_more(id) {
            drop(state);
            return Err(no_upload().into());
        }
        if let Some(place) = state.places.get(id) {
            place.is_finished = true;
        }
        if state.link.must_queue_more(id) {
            state.link.more_at_door += 1;
            state.link.door.push_back(AtDoor::Last(id, request));
            self.settle(&mut state);
            drop(state);
            self.admit();
            return Ok(());
        }
        drop(state);
        self.say_last(id, request)
    }

    pub(super) fn say_last(self: &Arc<Self>, id: Id, request: P::Request) -> Result<(), P::Error> {
        let mut out = Scratch::default();
        let result = self.protocol.encode_more(request, id, &mut out.0);
        let mut state = self.lock();
        if let Err(error) = result {
            if let Some(place) = state.places.get(id) {
                place.is_finished = false;
            }
            drop(state);
            return Err(error);
        }
        state.link.say_more(id, &mut out.0, None);
        let line = state.link.line.iter_mut();
        for held in line.filter(|held| held.id == id) {
            held.is_finished = true;
        }
        // From now on its reply is due.
        self.hear(&mut state.link);
        state.link.advance_line();
        self.settle(&mut state);
        self.serve_if_up(state);
        Ok(())
    }

    /// Returns a place that is free, and the turn to encode the request, if it need not wait.
    #[inline]
    fn reserve(self: &Arc<Self>) -> Result<(Reserved<'_, P>, Option<Turn<'_, P>>), P::Error> {
        match self.take_ready() {
            Some(id) => Ok((Reserved::new(self, id), Some(Turn::of_any(self)))),
            None => self.reserve_another(),
        }
    }

    #[inline(never)]
    fn reserve_another(
        self: &Arc<Self>,
    ) -> Result<(Reserved<'_, P>, Option<Turn<'_, P>>), P::Error> {
        let mut state = self.lock();
        if let Some(error) = self.refusal(&state) {
            drop(state);
            return Err(error.again());
        }
        let Some(id) = state.places.reserve() else {
            drop(state);
            return Err(too_many().into());
        };
        // One that is hopeless is given up, here or at the door.
        let is_full = self.is_full(&state) && (Self::KNOWS || !self.is_hopeless(&state));
        let turn = match is_full || state.link.must_queue() {
            true => None,
            false => Turn::take(self, &mut state),
        };
        drop(state);
        Ok((Reserved::new(self, id), turn))
    }

    /// Locks the state to add a request. A connection that takes no more, where nobody is
    /// left to be told, is given up.
    #[inline(always)]
    pub(super) fn lock_to_speak(self: &Arc<Self>) -> MutexGuard<'_, State<P>> {
        let state = self.lock();
        if !self.is_hopeless(&state) {
            return state;
        }
        drop(state);
        self.give_up()
    }

    #[cold]
    fn give_up(self: &Arc<Self>) -> MutexGuard<'_, State<P>> {
        let error = cancelled().into();
        let state = self.lock();
        if self.is_hopeless(&state) {
            self.end(state, error).tell();
            return self.lock();
        }
        state
    }

    /// Returns the lock, or why a request cannot be made: `op` may have been asked to stop.
    #[inline(always)]
    pub(super) fn welcome<'a, S: Signature>(
        &self,
        state: MutexGuard<'a, State<P>>,
        op: Option<&Completion<S>>,
    ) -> Result<MutexGuard<'a, State<P>>, P::Error> {
        // Before it was in its place, where it would have been found.
        let is_cancelled = op.is_some_and(|op| !op.requested().is_empty());
        let over = match &state.link.status {
            _ if is_cancelled => None,
            Status::Over(error) => Some(error.clone()),
            _ => return Ok(state),
        };
        // What makes the error is foreign.
        drop(state);
        Err(over.map_or_else(|| cancelled().into(), |error| error.again()))
    }

    /// Puts a request into what is written, and its caller into its place.
    #[inline(always)]
    pub(super) fn speak(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<P>>,
        id: Id,
        expect: Expect<P>,
        out: &mut Vec<u8>,
        speaker: Speaker<P>,
    ) {
        let State {
            places,
            link,
            waiting,
            exchanges,
            ..
        } = &mut *state;
        let Some(place) = places.get(id) else {
            // Given up at the door.
            drop(state);
            return;
        };
        let is_nobody = matches!(speaker, Speaker::Nobody);
        let is_alone = link.unanswered == 0 && link.at_once < 2 && !is_nobody;
        match speaker {
            Speaker::Request(op) => {
                place.caller = Some(Waiter::Reply(op));
                *waiting += 1;
            }
            Speaker::Exchange => {
                place.is_exchange = true;
                *exchanges += 1;
            }
            Speaker::Nobody => {}
        }
        let mut is_upload = false;
        let (stage, pending) = match expect {
            Expect::InOrder(pending) => (Stage::InOrder, pending),
            Expect::ById(pending) => (Stage::ById, pending),
            Expect::Upload(pending) => {
                is_upload = true;
                (Stage::InOrder, pending)
            }
            Expect::Nothing(reply) => return self.speak_of_nothing(state, id, reply, out),
        };
        place.stage = stage;
        place.pending = Some(pending);
        if stage == Stage::InOrder {
            places.add_to(&mut link.order, id);
        }
        if link.unanswered == 0 {
            self.hear(link);
        }
        link.unanswered += 1;
        link.say(out, None);
        if is_upload {
            link.line.push_back(Held::new(id));
        }
        self.settle(&mut state);
        self.serve_or_keep(state, is_alone);
    }

    /// The same of a request that has no reply: it completes with this one when it has been
    /// written.
    fn speak_of_nothing(
        self: &Arc<Self>,
        mut guard: MutexGuard<'_, State<P>>,
        id: Id,
        reply: P::Reply,
        out: &mut Vec<u8>,
    ) {
        // Dropped after the lock.
        let mut remains = None;
        let state = &mut *guard;
        let Some(place) = state.places.get(id) else {
            drop(guard);
            return;
        };
        let mut flush = None;
        if place.is_exchange {
            place.stage = Stage::Answered;
            place.end = Some(End::Reply(Ok(reply)));
        } else {
            let caller = place.caller.take();
            state.places.release(id, &mut remains);
            if out.is_empty() {
                state.waiting -= usize::from(caller.is_some());
                drop(guard);
                if let Some(Waiter::Reply(op)) = caller {
                    op.complete(Ok(reply));
                }
                return;
            }
            if let Some(Waiter::Reply(op)) = caller {
                flush = Some(Flush::of_request(id, op, reply));
            }
        }
        state.link.say(out, flush);
        self.settle(state);
        // Several of these are written at once, wherever they come from.
        self.serve_or_keep(guard, false);
    }

    #[inline]
    fn serve_or_keep(self: &Arc<Self>, state: MutexGuard<'_, State<P>>, is_alone: bool) {
        if state.waiting > 0 {
            self.serve(state, is_alone);
        } else {
            self.serve_if_up(state);
        }
    }
}

/// A place that is free again unless it is kept: if what encodes the request panics, say.
pub(super) struct Reserved<'a, P: Protocol> {
    shared: &'a Arc<Shared<P>>,
    pub(super) id: Id,
}

impl<'a, P: Protocol> Reserved<'a, P> {
    pub(super) fn new(shared: &'a Arc<Shared<P>>, id: Id) -> Self {
        Self { shared, id }
    }

    pub(super) fn keep(self) {
        mem::forget(self);
    }
}

impl<P: Protocol> Drop for Reserved<'_, P> {
    #[cold]
    fn drop(&mut self) {
        // Dropped after the lock.
        let mut remains = None;
        let mut state = self.shared.lock();
        let Some(place) = state.places.get(self.id) else {
            return;
        };
        if place.stage == Stage::Answered {
            return;
        }
        let waited = place.caller.is_some();
        if (waited || place.is_exchange) && thread::panicking() {
            // What encodes it, when its turn had come.
            drop(state);
            return self.shared.refuse_later(self.id);
        }
        state.places.release(self.id, &mut remains);
        if waited {
            self.shared.one_less(state);
        }
    }
}

thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });

/// An empty buffer, one for each thread.
pub(super) struct Scratch(pub(super) Vec<u8>);

impl Default for Scratch {
    #[inline]
    fn default() -> Self {
        // None where the thread ends.
        Self(BUFFER.try_with(Cell::take).unwrap_or_default())
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT {
            let mut buffer = mem::take(&mut self.0);
            buffer.clear();
            let _ = BUFFER.try_with(|place| place.set(buffer));
        }
    }
}

pub(super) fn too_many() -> io::Error {
    io::Error::other("more requests are under way than have numbers")
}

pub(super) fn use_open() -> io::Error {
    let text = "the caller says more: open the request";
    io::Error::new(ErrorKind::InvalidInput, text)
}

fn no_upload() -> io::Error {
    let text = "the request has said all, or has ended";
    io::Error::new(ErrorKind::InvalidInput, text)
}
