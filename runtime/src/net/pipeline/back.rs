//! What nobody has received, and where it goes.

use std::sync::Arc;

use super::link::Shared;
use super::{Id, Protocol};
use crate::sync::TakeBack;

/// Takes back a message.
pub(super) struct MessageBack<P: Protocol> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) order: u64,
}

impl<P: Protocol> TakeBack<P::Message> for MessageBack<P> {
    fn take_back(self, message: P::Message) {
        let mut state = self.shared.lock();
        state.messages.put_back(self.order, message);
        drop(state);
        self.shared.serve_listeners();
    }
}

/// Takes back a part of a reply.
pub(super) struct PartBack<P: Protocol> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) id: Id,
    pub(super) order: u64,
}

impl<P: Protocol> TakeBack<P::Part> for PartBack<P> {
    fn take_back(self, part: P::Part) {
        // To be dropped outside of the lock if nobody can want it.
        let mut part = Some(part);
        let mut state = self.shared.lock();
        if let Some(place) = state.places.get(self.id)
            && place.is_exchange
            && let Some(part) = part.take()
        {
            place.parts.put_back(self.order, part);
        }
        drop(state);
        self.shared.serve_exchange(self.id);
    }
}
