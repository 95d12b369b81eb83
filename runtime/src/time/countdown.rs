use std::ptr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::context::{Due, IoExecutor, Reactor, Renewal, TimerKey};

/// Wakes a task when a time is over, and says so when it is asked.
pub(crate) struct Countdown {
    stage: Stage,
}

enum Stage {
    /// What is over before it waits needs no entry.
    Ahead(IoExecutor, Instant),
    Running(Entry),
    /// The time is over, or the context gone.
    Over,
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
    pub(crate) fn new(timers: IoExecutor, expiry: Instant) -> Self {
        Self {
            stage: Stage::Ahead(timers, expiry),
        }
    }

    /// Sees to it that whoever `waker` wakes is woken when the time is over, from the first
    /// call on.
    #[inline]
    pub(crate) fn begin(&mut self, waker: &Waker) {
        if let Stage::Ahead(timers, expiry) = self.stage {
            self.stage = Stage::begin(timers, expiry, waker.clone());
        }
    }

    /// Returns whether the time is over, once; else it is `waker` that is woken then.
    pub(crate) fn is_over(&mut self, waker: &Waker) -> bool {
        let Stage::Running(entry) = &mut self.stage else {
            return false;
        };
        // It may be foreign: cloned before the lock, and dropped after it.
        let next = (Identity::of(waker) != entry.waker).then(|| waker.clone());
        let identity = next.as_ref().map(Identity::of);
        let renewal = entry.reactor.renew_timer(entry.key, next.map(Due::Waker));
        if let Renewal::Waits(_previous) = renewal {
            entry.waker = identity.unwrap_or(entry.waker);
            return false;
        }
        self.stage = Stage::Over;
        matches!(renewal, Renewal::Fired)
    }
}

impl Stage {
    fn begin(timers: IoExecutor, expiry: Instant, waker: Waker) -> Self {
        // Of the clone: one that is lent looks like the next one that is.
        let identity = Identity::of(&waker);
        // A context that is gone has ended the operation, or will.
        let Ok(reactor) = timers.reactor() else {
            return Self::Over;
        };
        let Ok((key, is_earliest)) = reactor.add_timer(expiry, Due::Waker(waker)) else {
            return Self::Over;
        };
        if is_earliest {
            timers.interrupt();
        }
        Self::Running(Entry {
            key,
            reactor,
            waker: identity,
        })
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
