//! What nobody has received, and where it goes.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;

use super::link::Shared;
use super::waiter::{Bereaved, Waiter, later};
use super::{Id, Protocol};
use crate::sync::{Returnable, TakeBack};

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
        let place = state.places.get(self.id);
        if let Some(place) = place.filter(|it| it.is_exchange) {
            if let Some(part) = part.take() {
                place.parts.put_back(self.order, part);
            }
        }
        drop(state);
        self.shared.serve_exchange(self.id);
    }
}

/// A value is being given away. Until this is dropped the next one is not: the first may come
/// back, if its receiver is gone.
pub(super) struct Giving<P: Protocol> {
    pub(super) shared: Arc<Shared<P>>,
    /// Whose part it is; `None` for a message.
    pub(super) id: Option<Id>,
}

impl<P: Protocol> Drop for Giving<P> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        match self.id {
            None => {
                state.messages.is_busy = false;
                drop(state);
                self.shared.serve_listeners();
            }
            Some(id) => {
                if let Some(place) = state.places.get(id) {
                    place.parts.is_busy = false;
                }
                drop(state);
                self.shared.serve_exchange(id);
            }
        }
    }
}

impl<P: Protocol> Shared<P> {
    /// Gives a message that is kept to the one who waits first. No handler runs in here.
    pub(super) fn serve_listeners(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.listeners.is_empty() {
            return;
        }
        let Some((order, message)) = state.messages.give() else {
            return;
        };
        let op = state.listeners.pop_front();
        self.one_less(state);
        let shared = self.clone();
        let giving = Giving {
            shared: self.clone(),
            id: None,
        };
        let message = Returnable::new(message, MessageBack { shared, order });
        if let Some((_, op)) = op {
            later(&self.executor, move || {
                let _giving = giving;
                op.complete(Ok(message));
            });
        }
    }

    /// Gives a part that is kept, or the end, to the one who waits for it. No handler runs in
    /// here.
    pub(super) fn serve_exchange(self: &Arc<Self>, id: Id) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(place) = state.places.get(id) else {
            return;
        };
        if place.parts.is_busy || !matches!(place.caller, Some(Waiter::Part(_))) {
            return;
        }
        let Some((order, part)) = place.parts.give() else {
            let Some(result) = place.take_end() else {
                return;
            };
            let caller = place.caller.take();
            self.one_less(guard);
            if let Some(Waiter::Part(op)) = caller {
                later(&self.executor, move || op.complete(result.into_part()));
            }
            return;
        };
        let caller = place.caller.take();
        state.waiting -= 1;
        guard = self.resume_if_room(guard, id);
        self.end_if_idle(guard);
        let shared = self.clone();
        let giving = Giving {
            shared: self.clone(),
            id: Some(id),
        };
        let part = Returnable::new(part, PartBack { shared, id, order });
        if let Some(Waiter::Part(op)) = caller {
            later(&self.executor, move || {
                let _giving = giving;
                op.complete(Ok(Some(part)));
            });
        }
    }

    /// Tells those who wait for messages, if none will come.
    pub(super) fn disappoint(self: &Arc<Self>) {
        if self.protocol.expects_messages() {
            return;
        }
        let mut state = self.lock();
        let listeners = mem::take(&mut state.listeners);
        state.waiting -= listeners.len();
        self.end_if_idle(state);
        let waiters = listeners.into_iter().map(|it| Waiter::Message(it.1));
        let error = Arc::new(no_messages().into());
        Bereaved::new(self.executor, error, waiters.collect()).tell_later();
    }
}

fn no_messages() -> io::Error {
    let text = "nothing is subscribed to whose messages could come";
    io::Error::new(ErrorKind::NotConnected, text)
}
