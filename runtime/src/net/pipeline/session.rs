use std::fmt;

use super::link::Shared;
use super::{Event, Id, Input, Protocol};

/// The requests of a connection, for what reads the replies to them.
pub struct Session<'a, P: Protocol> {
    /// `None` in greeting, when all that has been asked is on the desk.
    shared: Option<&'a Shared<P>>,
    epoch: u64,
    desk: &'a mut Desk<P>,
}

impl<P: Protocol> Session<'_, P> {
    /// Returns what is known of the first request that is in order: the one that the next
    /// reply belongs to; `None` if there is none.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn decode(
    ///     &self,
    ///     (): &mut (),
    ///     input: &mut Input,
    ///     session: &mut Session<'_, Self>,
    /// ) -> io::Result<Option<Event<Self>>> {
    ///     let Some(line) = input.take_line(1024)? else {
    ///         return Ok(None);
    ///     };
    ///     let line = String::from_utf8_lossy(line).into_owned();
    ///     Ok(Some(match session.front() {
    ///         Some(()) => Event::Reply(Ok(line)), // `()` is all that is known of a request here
    ///         None => Event::Message(line),
    ///     }))
    /// }
    /// # }
    /// ```
    #[inline]
    pub fn front(&mut self) -> Option<&mut P::Pending> {
        if self.desk.front.is_none() {
            let mut state = self.shared?.lock_for(self.epoch)?;
            self.desk.front = state.front_pending();
        }
        self.desk.front.as_mut().map(|front| &mut front.1)
    }

    /// Returns what is known of the request of this id, if its reply is told by id;
    /// `None` if there is no such request any more.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn decode(
    ///     &self,
    ///     (): &mut (),
    ///     input: &mut Input,
    ///     session: &mut Session<'_, Self>,
    /// ) -> io::Result<Option<Event<Self>>> {
    ///     // The replies of this one are of 8 bytes: an id and four more.
    ///     let Some(reply) = input.take(8) else {
    ///         return Ok(None);
    ///     };
    ///     let id = Id::from_short(u32::from_be_bytes(reply[..4].try_into().unwrap()));
    ///     let reply = String::from_utf8_lossy(&reply[4..]).into_owned();
    ///     Ok(Some(match session.get(id) {
    ///         Some(()) => Event::ReplyTo(id, Ok(reply)),
    ///         None => Event::Nothing, // it has been given up
    ///     }))
    /// }
    /// # }
    /// ```
    pub fn get(&mut self, id: Id) -> Option<&mut P::Pending> {
        let is_found = |found: &(Id, P::Pending)| id.names(found.0);
        if !self.desk.found.as_ref().is_some_and(is_found) {
            let shared = self.shared?;
            // Dropped after the lock, if it is nobody's any more.
            let mut last = self.desk.found.take();
            let mut state = shared.lock_for(self.epoch)?;
            state.return_pending(&mut last);
            self.desk.found = state.pending_by_id(id);
            drop(state);
        }
        self.desk.found.as_mut().map(|found| &mut found.1)
    }

    /// Writes something that nobody has asked for, such as the answer to a question of the
    /// other end.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn decode(
    ///     &self,
    ///     (): &mut (),
    ///     input: &mut Input,
    ///     session: &mut Session<'_, Self>,
    /// ) -> io::Result<Option<Event<Self>>> {
    ///     let Some(line) = input.take_line(1024)? else {
    ///         return Ok(None);
    ///     };
    ///     let line = String::from_utf8_lossy(line).into_owned();
    ///     if line == "PING" {
    ///         session.write(b"PONG\n");
    ///         return Ok(Some(Event::Nothing));
    ///     }
    ///     Ok(Some(Event::Reply(Ok(line))))
    /// }
    /// # }
    /// ```
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

impl<P: Protocol> Default for Desk<P> {
    fn default() -> Self {
        Self {
            front: None,
            found: None,
            answer: Vec::new(),
        }
    }
}

impl<P: Protocol> Desk<P> {
    /// Reads the next thing that has been said, of those requests that are `shared`, or here.
    #[inline]
    pub(super) fn decode(
        &mut self,
        protocol: &P,
        shared: Option<(&Shared<P>, u64)>,
        decoder: &mut P::Decoder,
        input: &mut Input,
    ) -> Result<Option<Event<P>>, P::Error> {
        let mut session = Session {
            shared: shared.map(|it| it.0),
            epoch: shared.map_or(0, |it| it.1),
            desk: self,
        };
        protocol.decode(decoder, input, &mut session)
    }
}

impl<P: Protocol> Inlet<P> {
    pub(super) fn new(input: Input, decoder: P::Decoder) -> Self {
        Self {
            input,
            decoder,
            desk: Desk::default(),
        }
    }

    /// Reads the next thing that has been said.
    pub(super) fn decode(
        &mut self,
        shared: &Shared<P>,
        epoch: u64,
    ) -> Result<Option<Event<P>>, P::Error> {
        let (decoder, input) = (&mut self.decoder, &mut self.input);
        let requests = Some((shared, epoch));
        self.desk.decode(&shared.protocol, requests, decoder, input)
    }
}
