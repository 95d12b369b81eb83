//! Whose turn it is to encode a request. Where requests have to know their connection, one is
//! encoded at a time, for the connection that there is; else it is anybody's.

use std::sync::Arc;

use super::link::{Shared, State};
use super::places::Stage;
use super::request::{Reserved, Scratch, Speaker, use_open};
use super::{Expect, Failure, Id, PipelineError, Protocol};
use crate::shim::plain::MutexGuard;

/// The turn, with the encoder of a connection, which nobody else has meanwhile.
pub(super) struct Turn<'a, P: Protocol> {
    shared: &'a Arc<Shared<P>>,
    epoch: u64,
    /// `None` once it is where it was.
    encoder: Option<P::Encoder>,
    /// Why the connection cannot go on, if this is dropped now.
    flaw: Option<Failure>,
}

impl<'a, P: Protocol> Turn<'a, P> {
    /// That of a request which is the same on any connection.
    #[inline]
    pub(super) fn of_any(shared: &'a Arc<Shared<P>>) -> Self {
        Self::new(shared, 0, P::Encoder::default())
    }

    #[inline]
    fn new(shared: &'a Arc<Shared<P>>, epoch: u64, encoder: P::Encoder) -> Self {
        Self {
            shared,
            epoch,
            encoder: Some(encoder),
            flaw: None,
        }
    }

    /// Takes it, if it is there.
    pub(super) fn take(shared: &'a Arc<Shared<P>>, state: &mut State<P>) -> Option<Self> {
        let encoder = match Shared::<P>::KNOWS {
            true => state.link.encoder.take()?,
            false => P::Encoder::default(),
        };
        Some(Self::new(shared, state.epoch, encoder))
    }

    /// Encodes a request, of an exchange or not.
    #[inline(always)]
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

    /// Gives it back, to the connection that it is of, which takes what was encoded.
    #[inline(always)]
    pub(super) fn end(self) -> Result<MutexGuard<'a, State<P>>, P::Error> {
        let shared = self.shared;
        if !Shared::<P>::KNOWS {
            return shared.welcome::<fn()>(shared.lock_to_speak(), None);
        }
        let mut state = shared.lock_for(self.epoch).ok_or_else(|| shared.lost())?;
        self.give_back(&mut state);
        Ok(state)
    }

    fn give_back(mut self, state: &mut State<P>) {
        if Shared::<P>::KNOWS {
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
    /// Returns what one is told whose connection has ended while his request was encoded.
    fn lost(&self) -> P::Error {
        let over = self.refusal(&self.lock());
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
        if matches!(expect, Expect::Upload(_)) && state.enters(id) != Some(true) {
            // Nobody would say the rest of it.
            turn.flaw = Some(Failure::CutShort);
            return drop(state);
        }
        turn.give_back(&mut state);
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
