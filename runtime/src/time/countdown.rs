use std::ptr;
use std::sync::Arc;
use std::task::Waker;

use super::moment::Moment;
use crate::context::{Due, Reactor, Renewal, TimerKey};
use crate::task::parked::Ended;

/// Wakes a task when a time is over, and says so when it is asked.
pub(crate) struct Countdown {
    stage: Stage,
}

enum Stage {
    /// What is over before it waits needs no entry.
    Ahead(Moment),
    Running(Entry),
    Over(Ended),
}

/// What the reactor has.
struct Entry {
    key: TimerKey,
    reactor: Arc<Reactor>,
    waker: Identity,
}

/// Tells a waker that somebody keeps from others.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    data: usize,
    vtable: usize,
}

impl Countdown {
    pub(crate) fn new(moment: Moment) -> Self {
        Self {
            stage: Stage::Ahead(moment),
        }
    }

    /// Returns the moment, unless it has begun.
    #[inline]
    pub(crate) fn ahead(&self) -> Option<&Moment> {
        match &self.stage {
            Stage::Ahead(moment) => Some(moment),
            Stage::Running(_) | Stage::Over(_) => None,
        }
    }

    /// Sees to it that whoever `waker` wakes is woken when the time is over, from the first
    /// call on.
    #[inline]
    pub(crate) fn begin(&mut self, waker: &Waker) {
        if let Stage::Ahead(moment) = self.stage {
            self.stage = Stage::begin(moment, waker.clone());
        }
    }

    /// Returns how it has ended, where that has been seen.
    #[inline]
    pub(crate) fn ended(&self) -> Option<Ended> {
        match self.stage {
            Stage::Over(ended) => Some(ended),
            Stage::Ahead(_) | Stage::Running(_) => None,
        }
    }

    /// Returns how it has ended, by the expiry or with the context; else it is `waker` that
    /// is woken then, if it has begun.
    pub(crate) fn look(&mut self, waker: &Waker) -> Option<Ended> {
        let entry = match &mut self.stage {
            Stage::Ahead(_) => return None,
            Stage::Running(entry) => entry,
            Stage::Over(ended) => return Some(*ended),
        };
        // It may be foreign: cloned before the lock, and dropped after it.
        let next = (Identity::of(waker) != entry.waker).then(|| waker.clone());
        let identity = next.as_ref().map(Identity::of);
        let renewal = entry.reactor.renew_timer(entry.key, next.map(Due::Waker));
        let ended = match renewal {
            Renewal::Waits(_previous) => {
                entry.waker = identity.unwrap_or(entry.waker);
                return None;
            }
            Renewal::Fired => Ended::Expired,
            Renewal::ContextGone => Ended::ContextGone,
        };
        self.stage = Stage::Over(ended);
        Some(ended)
    }
}

impl Stage {
    fn begin(moment: Moment, waker: Waker) -> Self {
        // Of the clone: one that is lent looks like the next one that is.
        let identity = Identity::of(&waker);
        match moment.add(waker) {
            Ok((reactor, key)) => Self::Running(Entry {
                key,
                reactor,
                waker: identity,
            }),
            Err(_) => Self::Over(Ended::ContextGone),
        }
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        if let Stage::Running(entry) = &self.stage {
            let removed = entry.reactor.remove_timer(entry.key);
            // It may be foreign: after the lock.
            drop(removed);
        }
    }
}

impl Identity {
    #[inline]
    fn of(waker: &Waker) -> Self {
        Self {
            data: waker.data().addr(),
            vtable: ptr::from_ref(waker.vtable()).addr(),
        }
    }
}
