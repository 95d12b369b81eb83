//! Requests beyond the limits: they wait, not encoded yet, until there is room.

use std::mem;
use std::sync::Arc;

use super::link::{Link, Shared, State};
use super::places::{End, Stage};
use super::waiter::{Bereaved, Flush};
use super::{Failure, Id, Protocol};
use crate::executor::Executor;
use crate::task::Task;

/// What waits at the door, in the order in which it came.
pub(super) enum AtDoor<P: Protocol> {
    Request(Id, P::Request),
    More(Id, P::Request, Flush<P>),
    Last(Id, P::Request),
}

impl<P: Protocol> AtDoor<P> {
    pub(super) fn id(&self) -> Id {
        let (Self::Request(id, _) | Self::More(id, ..) | Self::Last(id, _)) = self;
        *id
    }

    pub(super) fn is_more(&self) -> bool {
        !matches!(self, Self::Request(..))
    }

    fn is_more_of(&self, id: Id) -> bool {
        self.is_more() && self.id() == id
    }
}

impl<P: Protocol> Link<P> {
    /// Returns whether what comes now has to wait behind others.
    pub(super) fn must_queue(&self) -> bool {
        self.is_admitting || self.has_door() || self.is_dying()
    }

    /// Returns whether more of an upload has to wait: it itself does, or what was said
    /// before.
    pub(super) fn must_queue_more(&self, id: Id) -> bool {
        let mut door = self.door.iter();
        let is_before = self.more_at_door > 0 && door.any(|it| it.is_more_of(id));
        self.is_admitting || is_before || !self.holds_line(id)
    }

    /// Takes the next one who may come in, unless the door is closed. More of an upload always
    /// may: what makes the connection full may be those who wait behind it.
    fn take_from_door(&mut self, is_closed: bool) -> Option<AtDoor<P>> {
        if self.more_at_door > 0 {
            let mut door = self.door.iter();
            let is_welcome = |it: &AtDoor<P>| self.line.iter().any(|held| it.is_more_of(held.id));
            if let Some(at) = door.position(is_welcome) {
                self.more_at_door -= 1;
                return self.door.remove(at);
            }
        }
        if is_closed {
            return None;
        }
        let next = self.door.pop_front()?;
        self.more_at_door -= usize::from(next.is_more());
        Some(next)
    }

    pub(super) fn has_door(&self) -> bool {
        !self.door.is_empty()
    }
}

impl<P: Protocol> Shared<P> {
    fn is_open(&self, state: &State<P>) -> bool {
        state.may_encode() && !state.link.is_dying() && !self.is_full(state)
    }

    /// Sees to it that those at the door come in, if there is room.
    pub(super) fn admit(self: &Arc<Self>) {
        let mut state = self.lock();
        let may_enter = self.is_open(&state) || state.link.more_at_door > 0;
        if !state.link.is_admitting && state.link.has_door() && may_enter {
            state.link.is_admitting = true;
            let epoch = state.epoch;
            drop(state);
            let shared = self.clone();
            self.executor
                .post(Task::new(move || shared.admit_all(epoch)));
        }
    }

    fn admit_all(self: &Arc<Self>, epoch: u64) {
        let admitting = Admitting {
            shared: self,
            epoch,
        };
        loop {
            let Some(mut state) = self.lock_for(epoch) else {
                return;
            };
            let is_closed = !self.is_open(&state);
            let Some(next) = state.link.take_from_door(is_closed) else {
                // Under the lock: whoever comes next begins anew.
                state.link.is_admitting = false;
                mem::forget(admitting);
                return;
            };
            if matches!(next, AtDoor::More(..)) {
                // Nowhere for a while, where the end of a connection would find it.
                state.waiting -= 1;
            }
            drop(state);
            match next {
                AtDoor::Request(id, request) => self.admit_one(epoch, id, request),
                AtDoor::More(id, request, flush) => self.say_more(id, request, flush),
                AtDoor::Last(id, request) => {
                    if let Err(error) = self.say_last(id, request) {
                        // There is no end to what it has said.
                        return self.fail(epoch, error);
                    }
                }
            }
        }
    }

    /// Tells one who has waited at the door why it is not let in.
    pub(super) fn refuse(self: &Arc<Self>, id: Id, error: P::Error) {
        let mut state = self.lock();
        let Some(place) = state.places.get(id) else {
            return;
        };
        let caller = place.caller.take();
        match caller {
            Some(waiter) => {
                self.one_less(state);
                waiter.fail(error);
            }
            None if place.is_exchange => {
                place.stage = Stage::Answered;
                place.end = Some(End::Reply(Err(error)));
            }
            None => {}
        }
    }
}

impl<P: Protocol> Shared<P> {
    /// Tells one that is being let in that the protocol has panicked. No handler runs in here.
    pub(super) fn refuse_later(self: &Arc<Self>, id: Id) {
        let error = self.protocol.failure(Failure::Panicked);
        // Dropped after the lock.
        let mut remains = None;
        let mut state = self.lock();
        let Some(place) = state.places.get(id) else {
            return;
        };
        let caller = place.caller.take();
        let mut error = Some(error);
        if place.is_exchange && caller.is_none() {
            place.stage = Stage::Answered;
            place.end = error.take().map(|error| End::Reply(Err(error)));
        } else if place.is_exchange {
            place.stage = Stage::Answered;
            place.end = Some(End::Taken);
        } else {
            state.places.release(id, &mut remains);
        }
        match caller {
            Some(_) => self.one_less(state),
            None => drop(state),
        }
        if let Some(error) = error {
            let waiters = caller.into_iter().collect();
            Bereaved::new(self.executor, Arc::new(error), waiters).tell_later();
        }
    }
}

/// Those at the door are being let in; a panic of what encodes one keeps out no other.
struct Admitting<'a, P: Protocol> {
    shared: &'a Arc<Shared<P>>,
    epoch: u64,
}

impl<P: Protocol> Drop for Admitting<'_, P> {
    fn drop(&mut self) {
        if let Some(mut state) = self.shared.lock_for(self.epoch) {
            state.link.is_admitting = false;
            drop(state);
            self.shared.admit();
        }
    }
}
