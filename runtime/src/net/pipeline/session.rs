use std::fmt;

use super::link::Shared;
use super::{Event, Id, Input, Protocol};

/// The requests of a connection, for what reads the replies to them.
pub struct Session<'a, P: Protocol> {
    shared: &'a Shared<P>,
    epoch: u64,
    desk: &'a mut Desk<P>,
}

impl<P: Protocol> Session<'_, P> {
    /// Returns what is known of the first request that is in order: the one that the next
    /// reply belongs to; `None` if there is none.
    #[inline]
    pub fn front(&mut self) -> Option<&mut P::Pending> {
        if self.desk.front.is_none() {
            let mut state = self.shared.lock_for(self.epoch)?;
            self.desk.front = state.front_pending();
        }
        self.desk.front.as_mut().map(|front| &mut front.1)
    }

    /// Returns what is known of the request of this id, if its reply is told by id;
    /// `None` if there is no such request any more.
    pub fn get(&mut self, id: Id) -> Option<&mut P::Pending> {
        let is_found = |found: &(Id, P::Pending)| id.names(found.0);
        if !self.desk.found.as_ref().is_some_and(is_found) {
            // Dropped after the lock, if it is nobody's any more.
            let mut last = self.desk.found.take();
            let mut state = self.shared.lock_for(self.epoch)?;
            state.return_pending(&mut last);
            self.desk.found = state.pending_by_id(id);
            drop(state);
        }
        self.desk.found.as_mut().map(|found| &mut found.1)
    }

    /// Writes something that nobody has asked for, such as the answer to a question of the
    /// other end.
    pub fn write(&mut self, bytes: &[u8]) {
        self.desk.answer.extend_from_slice(bytes);
    }
}

impl<P: Protocol> fmt::Debug for Session<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What the reader of a connection has, and what has been read.
pub(super) struct Inlet<P: Protocol> {
    pub(super) input: Input,
    pub(super) decoder: P::Decoder,
    pub(super) desk: Desk<P>,
}

/// What it has taken from the places of requests.
pub(super) struct Desk<P: Protocol> {
    pub(super) front: Option<(Id, P::Pending)>,
    pub(super) found: Option<(Id, P::Pending)>,
    /// What is to be written.
    pub(super) answer: Vec<u8>,
}

impl<P: Protocol> Inlet<P> {
    pub(super) fn new(input: Input, decoder: P::Decoder) -> Self {
        let desk = Desk {
            front: None,
            found: None,
            answer: Vec::new(),
        };
        Self {
            input,
            decoder,
            desk,
        }
    }

    /// Reads the next thing that has been said.
    pub(super) fn decode(
        &mut self,
        shared: &Shared<P>,
        epoch: u64,
    ) -> Result<Option<Event<P>>, P::Error> {
        let mut session = Session {
            shared,
            epoch,
            desk: &mut self.desk,
        };
        let (decoder, input) = (&mut self.decoder, &mut self.input);
        shared.protocol.decode(decoder, input, &mut session)
    }
}
