//! How requests are made.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::door::AtDoor;
use super::line::Held;
use super::link::{Shared, State, Status};
use super::places::{End, Stage};
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
    /// It came to the door before; its place knows the rest.
    Admitted,
}

impl<P: Protocol> State<P> {
    /// Returns whether a request may say more: it is an upload, or may be one.
    fn may_say_more(&mut self, id: Id) -> bool {
        let holds_line = self.link.holds_line(id);
        let place = self.places.get(id);
        place.is_some_and(|it| !it.is_finished && (holds_line || it.stage == Stage::AtDoor))
    }

    /// Returns whether somebody wants what has come to the door, and whether in parts.
    pub(super) fn wants(&mut self, id: Id) -> Option<bool> {
        let place = self.places.get(id)?;
        let is_wanted = place.caller.is_some() || place.is_exchange;
        is_wanted.then_some(place.is_exchange)
    }

    /// Returns whether a request ends in the middle where nobody says more.
    pub(super) fn is_cut_short(&mut self, id: Id) -> bool {
        let holds_line = self.link.holds_line(id);
        let place = self.places.get(id);
        holds_line && place.is_some_and(|place| !place.is_finished)
    }
}

impl<P: Protocol> Shared<P> {
    /// Begins a request.
    pub(super) fn submit(self: &Arc<Self>, request: P::Request, op: ReplyOp<P>) {
        let (reserved, must_wait) = match self.reserve() {
            Ok(reserved) => reserved,
            Err(error) => return op.complete(Err(error)),
        };
        let id = reserved.id;
        self.on_cancel(&op, id, 0);
        if must_wait {
            // Before the lock: dropped after it.
            let mut request = Some(request);
            let mut state = self.lock_to_speak();
            if let Some(error) = self.refusal(&state, Some(&op)) {
                drop(state);
                return op.complete(Err(error()));
            }
            let state_now = &mut *state;
            if let (Some(place), Some(request)) = (state_now.places.get(id), request.take()) {
                place.stage = Stage::AtDoor;
                place.caller = Some(Waiter::Reply(op));
                state_now.link.door.push_back(AtDoor::Request(id, request));
                state_now.waiting += 1;
                reserved.keep();
            }
            self.serve(state, false);
            return self.admit();
        }
        scratch(|out| {
            let expect = match self.protocol.encode(request, id, out) {
                Ok(Expect::Upload(_)) => Err(use_open().into()),
                expect => expect,
            };
            let expect = match expect {
                Ok(expect) => expect,
                Err(error) => return op.complete(Err(error)),
            };
            let state = self.lock_to_speak();
            if let Some(error) = self.refusal(&state, Some(&op)) {
                drop(state);
                return op.complete(Err(error()));
            }
            reserved.keep();
            self.speak(state, id, expect, out, Speaker::Request(op));
        });
    }

    /// Begins a request whose reply has parts.
    pub(super) fn open(self: &Arc<Self>, request: P::Request) -> Result<Id, P::Error> {
        let (reserved, must_wait) = self.reserve()?;
        let id = reserved.id;
        if must_wait {
            let mut request = Some(request);
            let mut state = self.lock_to_speak();
            let state_now = &mut *state;
            if let (Some(place), Some(request)) = (state_now.places.get(id), request.take()) {
                place.stage = Stage::AtDoor;
                place.is_exchange = true;
                state_now.exchanges += 1;
                state_now.link.door.push_back(AtDoor::Request(id, request));
                reserved.keep();
            }
            drop(state);
            self.admit();
            return Ok(id);
        }
        scratch(|out| {
            let expect = self.protocol.encode(request, id, out)?;
            let state = self.lock_to_speak();
            if let Some(error) = self.refusal::<fn()>(&state, None) {
                drop(state);
                return Err(error());
            }
            reserved.keep();
            self.speak(state, id, expect, out, Speaker::Exchange);
            Ok(id)
        })
    }

    /// Says more, on behalf of a request that was opened.
    pub(super) fn send(self: &Arc<Self>, id: Id, request: P::Request, op: SentOp<P>) {
        let ticket = self.ticket();
        self.on_cancel(&op, id, ticket);
        let mut guard = self.lock();
        if let Some(error) = self.refusal(&guard, Some(&op)) {
            drop(guard);
            return op.complete(Err(error()));
        }
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
            self.serve(guard, false);
            return self.admit();
        }
        drop(guard);
        self.say_more(id, request, flush);
    }

    /// Says more, if that can still be said.
    pub(super) fn say_more(self: &Arc<Self>, id: Id, request: P::Request, flush: Flush<P>) {
        scratch(|out| {
            let result = self.protocol.encode_more(request, id, out);
            let mut state = self.lock();
            if result.is_ok() && state.link.holds_line(id) {
                state.link.say_more(id, out, Some(flush));
                state.waiting += 1;
                return self.serve(state, true);
            }
            drop(state);
            let error = result.err().unwrap_or_else(|| no_upload().into());
            flush.into_waiter().0.fail(error);
        });
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
            drop(state);
            self.admit();
            return Ok(());
        }
        drop(state);
        self.say_last(id, request)
    }

    pub(super) fn say_last(self: &Arc<Self>, id: Id, request: P::Request) -> Result<(), P::Error> {
        scratch(|out| {
            let result = self.protocol.encode_more(request, id, out);
            let mut state = self.lock();
            if let Err(error) = result {
                if let Some(place) = state.places.get(id) {
                    place.is_finished = false;
                }
                drop(state);
                return Err(error);
            }
            state.link.say_more(id, out, None);
            let line = state.link.line.iter_mut();
            for held in line.filter(|held| held.id == id) {
                held.is_finished = true;
            }
            state.link.advance_line();
            self.serve_if_up(state);
            Ok(())
        })
    }

    /// Returns a place that is free, and whether the request has to wait at the door.
    fn reserve(self: &Arc<Self>) -> Result<(Reserved<'_, P>, bool), P::Error> {
        let mut state = self.lock();
        if let Status::Over(error) = &state.link.status {
            let error = error.clone();
            drop(state);
            return Err(error.again());
        }
        let must_wait = !self.is_hopeless(&state) && self.is_full(&state);
        let must_wait = must_wait || state.link.must_queue();
        let Some(id) = state.places.reserve() else {
            drop(state);
            return Err(too_many().into());
        };
        Ok((Reserved::new(self, id), must_wait))
    }

    /// Locks the state to add a request. A connection that takes no more, where nobody is
    /// left to be told, is given up.
    fn lock_to_speak(&self) -> MutexGuard<'_, State<P>> {
        let state = self.lock();
        if !self.is_hopeless(&state) {
            return state;
        }
        drop(state);
        let error = cancelled().into();
        let state = self.lock();
        if self.is_hopeless(&state) {
            self.end(state, error).tell();
            return self.lock();
        }
        state
    }

    /// Returns why a request cannot be made, if so. What makes the error is foreign: without
    /// the lock.
    fn refusal<S: Signature + 'static>(
        &self,
        state: &State<P>,
        op: Option<&Completion<S>>,
    ) -> Option<impl FnOnce() -> P::Error + use<S, P>> {
        let over = match &state.link.status {
            Status::Over(error) => Some(error.clone()),
            _ => None,
        };
        // Before it was in its place, where it would have been found.
        let is_cancelled = op.is_some_and(|op| !op.requested().is_empty());
        (is_cancelled || over.is_some()).then_some(move || match over {
            Some(error) if !is_cancelled => error.again(),
            _ => cancelled().into(),
        })
    }

    /// Puts a request into what is written, and its caller into its place.
    pub(super) fn speak(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<P>>,
        id: Id,
        expect: Expect<P>,
        out: &mut Vec<u8>,
        speaker: Speaker<P>,
    ) {
        let mut _remains = None;
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
        let is_admitted = matches!(speaker, Speaker::Admitted);
        let is_alone = link.unanswered == 0 && link.at_once < 2 && !is_admitted;
        match speaker {
            Speaker::Request(op) => {
                place.caller = Some(Waiter::Reply(op));
                *waiting += 1;
            }
            Speaker::Exchange => {
                place.is_exchange = true;
                *exchanges += 1;
            }
            Speaker::Admitted => {}
        }
        let mut is_upload = false;
        let (stage, pending) = match expect {
            Expect::InOrder(pending) => (Stage::InOrder, pending),
            Expect::ById(pending) => (Stage::ById, pending),
            Expect::Upload(pending) => {
                is_upload = true;
                (Stage::InOrder, pending)
            }
            Expect::Nothing(reply) => {
                if out.is_empty() && !place.is_exchange {
                    let caller = place.caller.take();
                    *waiting -= usize::from(caller.is_some());
                    _remains = places.release(id);
                    drop(state);
                    if let Some(Waiter::Reply(op)) = caller {
                        op.complete(Ok(reply));
                    }
                    return;
                }
                let mut flush = None;
                if place.is_exchange {
                    place.stage = Stage::Answered;
                    place.end = Some(End::Reply(Ok(reply)));
                } else {
                    if let Some(Waiter::Reply(op)) = place.caller.take() {
                        flush = Some(Flush::of_request(id, op, reply));
                    }
                    _remains = places.release(id);
                }
                link.say(out, flush);
                // Several of these are written at once, wherever they come from.
                return self.serve_or_keep(state, false);
            }
        };
        place.stage = stage;
        place.pending = Some(pending);
        if link.unanswered == 0 && self.limits.silence.is_some() {
            link.heard = self.executor.now();
        }
        link.unanswered += 1;
        if stage == Stage::InOrder {
            link.order.push_back(id);
        }
        link.say(out, None);
        if is_upload {
            link.line.push_back(Held::new(id));
        }
        self.serve_or_keep(state, is_alone);
    }

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
    shared: &'a Shared<P>,
    id: Id,
    is_kept: Cell<bool>,
}

impl<'a, P: Protocol> Reserved<'a, P> {
    pub(super) fn new(shared: &'a Shared<P>, id: Id) -> Self {
        Self {
            shared,
            id,
            is_kept: Cell::new(false),
        }
    }

    pub(super) fn keep(&self) {
        self.is_kept.set(true);
    }
}

impl<P: Protocol> Drop for Reserved<'_, P> {
    fn drop(&mut self) {
        if self.is_kept.get() {
            return;
        }
        let mut _remains = None;
        let mut state = self.shared.lock();
        let Some(place) = state.places.get(self.id) else {
            return;
        };
        if place.stage == Stage::Answered {
            return;
        }
        let waited = place.caller.is_some();
        _remains = state.places.release(self.id);
        if waited {
            self.shared.one_less(state);
        }
    }
}

/// Calls `function` with an empty buffer, one for each thread.
pub(super) fn scratch<R>(function: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    let result = function(&mut buffer);
    if buffer.capacity() <= KEPT {
        buffer.clear();
        // None where the thread ends.
        let _ = BUFFER.try_with(|place| place.set(buffer));
    }
    result
}

fn too_many() -> io::Error {
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
