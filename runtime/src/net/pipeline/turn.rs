//! Requests that have to know their connection: one is encoded at a time, for the connection
//! that there is.

use std::sync::Arc;

use super::link::{Shared, State, Status};
use super::places::Stage;
use super::request::{Reserved, Scratch, Speaker, too_many, use_open};
use super::waiter::ReplyOp;
use super::{Expect, Failure, Id, PipelineError, Protocol};
use crate::cancel::cancelled;

/// The encoder of a connection, which nobody else has meanwhile.
pub(super) struct Turn<'a, P: Protocol> {
    shared: &'a Arc<Shared<P>>,
    epoch: u64,
    /// `None` once it is where it was.
    encoder: Option<P::Encoder>,
    /// Why the connection cannot go on, if this is dropped now.
    flaw: Option<Failure>,
}

impl<'a, P: Protocol> Turn<'a, P> {
    /// Takes it, if it is there.
    pub(super) fn take(shared: &'a Arc<Shared<P>>, state: &mut State<P>) -> Option<Self> {
        let encoder = match Shared::<P>::KNOWS {
            true => state.link.encoder.take()?,
            false => P::Encoder::default(),
        };
        Some(Self {
            shared,
            epoch: state.epoch,
            encoder: Some(encoder),
            flaw: None,
        })
    }

    /// Encodes a request, of an exchange or not.
    pub(super) fn encode(
        &mut self,
        request: P::Request,
        id: Id,
        out: &mut Vec<u8>,
        is_exchange: bool,
    ) -> Result<Expect<P>, P::Error> {
        let encoder = self.encoder.as_mut().expect("not given back yet");
        self.flaw = Some(Failure::Panicked);
        let expect = self.shared.protocol.encode(encoder, request, id, out);
        self.flaw = None;
        if !is_exchange && matches!(expect, Ok(Expect::Upload(_))) {
            self.flaw = Some(Failure::CutShort);
            return Err(use_open().into());
        }
        expect
    }

    /// Gives it back, to the connection that it is of.
    pub(super) fn give_back(mut self, state: &mut State<P>) {
        if Shared::<P>::KNOWS {
            debug_assert!(
                state.epoch == self.epoch,
                "it would speak of another connection"
            );
            state.link.encoder = self.encoder.take();
        }
    }
}

/// Nothing is sent. What was encoded all the same the encoder knows of, and the other end does
/// not; nor can anybody tell how far it has come in a panic.
impl<P: Protocol> Drop for Turn<'_, P> {
    fn drop(&mut self) {
        if !Shared::<P>::KNOWS || self.encoder.is_none() {
            return;
        }
        let shared = self.shared;
        if let Some(flaw) = self.flaw {
            let error = shared.protocol.failure(flaw);
            if let Some(state) = shared.lock_for(self.epoch) {
                shared.end(state, error).tell_later();
            }
            return;
        }
        if let Some(mut state) = shared.lock_for(self.epoch) {
            state.link.encoder = self.encoder.take();
            drop(state);
            shared.admit();
        }
    }
}

impl<P: Protocol> State<P> {
    /// Returns whether a request can be encoded.
    #[inline]
    pub(super) fn may_encode(&self) -> bool {
        !Shared::<P>::KNOWS || self.link.encoder.is_some()
    }
}

impl<P: Protocol> Shared<P> {
    /// Begins a request, now if it is its turn.
    pub(super) fn submit_in_turn(self: &Arc<Self>, request: P::Request, op: ReplyOp<P>) {
        let (reserved, turn) = match self.reserve_turn() {
            Ok(reserved) => reserved,
            Err(error) => return op.complete(Err(error)),
        };
        let id = reserved.id;
        let can_be_asked = self.on_cancel(&op, id, 0);
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
        let Some(mut state) = self.lock_for(turn.epoch) else {
            return op.complete(Err(self.lost()));
        };
        turn.give_back(&mut state);
        reserved.keep();
        let has_door = state.link.has_door();
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

    /// Begins a request whose reply has parts.
    pub(super) fn open_in_turn(self: &Arc<Self>, request: P::Request) -> Result<Id, P::Error> {
        let (reserved, turn) = self.reserve_turn()?;
        let id = reserved.id;
        let Some(mut turn) = turn else {
            self.open_at_door(reserved, request);
            return Ok(id);
        };
        let mut out = Scratch::default();
        let expect = turn.encode(request, id, &mut out.0, true)?;
        let Some(mut state) = self.lock_for(turn.epoch) else {
            return Err(self.lost());
        };
        turn.give_back(&mut state);
        reserved.keep();
        let has_door = state.link.has_door();
        self.speak(state, id, expect, &mut out.0, Speaker::Exchange);
        if has_door {
            self.admit();
        }
        Ok(id)
    }

    /// Returns a place that is free, and the encoder if the request need not wait.
    fn reserve_turn(self: &Arc<Self>) -> Result<(Reserved<'_, P>, Option<Turn<'_, P>>), P::Error> {
        let mut state = self.lock();
        if let Some(error) = self.refusal(&state) {
            drop(state);
            return Err(error.again());
        }
        let Some(id) = state.places.reserve() else {
            drop(state);
            return Err(too_many().into());
        };
        let must_wait = state.link.must_queue() || self.is_full(&state);
        let turn = match must_wait {
            true => None,
            false => Turn::take(self, &mut state),
        };
        drop(state);
        Ok((Reserved::new(self, id), turn))
    }

    /// Returns what one is told whose connection has ended while his request was encoded.
    fn lost(&self) -> P::Error {
        let over = match &self.lock().link.status {
            Status::Over(error) => Some(error.clone()),
            _ => None,
        };
        over.map_or_else(|| self.protocol.failure(Failure::Ended), |it| it.again())
    }

    /// Encodes one who comes from the door.
    pub(super) fn admit_one(self: &Arc<Self>, epoch: u64, id: Id, request: P::Request) {
        let reserved = Reserved::new(self, id);
        let Some(mut state) = self.lock_for(epoch) else {
            return;
        };
        let Some(is_exchange) = state.enters(id) else {
            return;
        };
        let Some(mut turn) = Turn::take(self, &mut state) else {
            return;
        };
        drop(state);
        let mut out = Scratch::default();
        let expect = match turn.encode(request, id, &mut out.0, is_exchange) {
            Ok(expect) => expect,
            Err(error) => {
                drop(turn);
                return self.refuse(id, error);
            }
        };
        let Some(mut state) = self.lock_for(epoch) else {
            return;
        };
        turn.give_back(&mut state);
        if matches!(expect, Expect::Upload(_)) && state.enters(id) != Some(true) {
            // Nobody would say the rest of it.
            drop(state);
            if Self::KNOWS {
                self.fail(epoch, self.protocol.failure(Failure::CutShort));
            }
            return;
        }
        reserved.keep();
        self.speak(state, id, expect, &mut out.0, Speaker::Nobody);
    }
}

impl<P: Protocol> State<P> {
    /// Has one come in from the door, if anybody wants that; returns whether in parts.
    fn enters(&mut self, id: Id) -> Option<bool> {
        let place = self.places.get(id)?;
        let is_wanted = place.caller.is_some() || place.is_exchange;
        if is_wanted {
            place.stage = Stage::Entering;
        }
        is_wanted.then_some(place.is_exchange)
    }
}
