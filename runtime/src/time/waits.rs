use std::mem;
use std::task::Waker;

use crate::sync::queue::{self, Queue};
use crate::task::initiating::OperationId;
use crate::task::parked::{Ended, Parked};

/// The operations that wait for one timer, in turn.
///
/// Each has a place, until it gives its key back. Keeps its capacity.
#[derive(Default)]
pub(super) struct Waits {
    /// Mostly one waits: it needs no links. The first in turn, as it takes nobody in
    /// while others wait.
    first: Place,
    /// Those that came later, if there ever were any.
    later: Option<Box<Queue<Option<Ended>>>>,
}

enum Place {
    Waiting(Waker),
    /// Free, or of a wait that is over.
    Idle(Option<Ended>),
}

/// Names a wait, which has its place until this is given back.
pub(super) enum Key {
    First,
    Later(queue::Key),
}

impl Default for Place {
    fn default() -> Self {
        Self::Idle(None)
    }
}

impl Waits {
    /// Adds a wait, the last in turn.
    #[inline]
    pub(super) fn push(&mut self, waker: Waker) -> Key {
        if let (Place::Idle(None), true) = (&self.first, self.later_are_over()) {
            self.first = Place::Waiting(waker);
            return Key::First;
        }
        self.push_later(waker)
    }

    fn push_later(&mut self, waker: Waker) -> Key {
        let later = self.later.get_or_insert_default();
        Key::Later(later.push(None, waker))
    }

    /// Returns whether nobody waits.
    pub(super) fn are_over(&self) -> bool {
        matches!(self.first, Place::Idle(_)) && self.later_are_over()
    }

    fn later_are_over(&self) -> bool {
        self.later
            .as_ref()
            .is_none_or(|later| later.first().is_none())
    }

    /// Ends the first wait; returns its waker, to be woken outside of locks.
    #[inline]
    pub(super) fn end_first(&mut self, outcome: Ended) -> Option<Waker> {
        if let Place::Waiting(waker) = &self.first {
            let over = match Parked::note(waker, outcome) {
                // It knows by itself, and does not come back.
                true => Place::default(),
                false => Place::Idle(Some(outcome)),
            };
            let Place::Waiting(waker) = mem::replace(&mut self.first, over) else {
                unreachable!("just seen")
            };
            return Some(waker);
        }
        self.later.as_ref()?;
        self.end_later(outcome)
    }

    fn end_later(&mut self, outcome: Ended) -> Option<Waker> {
        let later = self.later.as_mut()?;
        let key = later.first_key()?;
        let (wait, waker) = later.next()?;
        if Parked::note(&waker, outcome) {
            later.remove(key);
        } else {
            *wait = Some(outcome);
        }
        Some(waker)
    }

    /// Takes out the leaf of an operation, if it waits.
    pub(super) fn take_leaf(&mut self, operation: OperationId) -> Option<Waker> {
        let is_it = |waker: &Waker| Parked::operation_of(waker) == Some(operation);
        if let Place::Waiting(waker) = &self.first {
            if is_it(waker) {
                return self.remove(Key::First).1;
            }
        }
        let key = self.later.as_ref()?.find_key(is_it)?;
        self.remove(Key::Later(key)).1
    }

    /// Returns whether a wait is not over.
    pub(super) fn is_waiting(&self, key: &Key) -> bool {
        match (key, &self.later) {
            (Key::First, _) => matches!(self.first, Place::Waiting(_)),
            (Key::Later(key), Some(later)) => later.is_waiting(key),
            (Key::Later(_), None) => false,
        }
    }

    /// Renews the waker of a wait that is not over. Returns the old one, to be dropped
    /// by the caller, outside its locks.
    #[must_use]
    pub(super) fn renew(&mut self, key: &Key, waker: &Waker) -> Option<Waker> {
        match (key, &mut self.first) {
            (Key::First, Place::Waiting(current)) if !current.will_wake(waker) => {
                Some(mem::replace(current, waker.clone()))
            }
            (Key::First, _) => None,
            (Key::Later(key), _) => self.later.as_mut()?.renew(key, waker),
        }
    }

    /// Removes a wait. Returns how it has ended, or its waker if it has not: to be
    /// dropped by the caller, outside its locks.
    pub(super) fn remove(&mut self, key: Key) -> (Option<Ended>, Option<Waker>) {
        match key {
            Key::First => match mem::take(&mut self.first) {
                Place::Waiting(waker) => (None, Some(waker)),
                Place::Idle(outcome) => (outcome, None),
            },
            Key::Later(key) => {
                let later = self.later.as_mut();
                later.expect("the queue of this wait").remove(key)
            }
        }
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
