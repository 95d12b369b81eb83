use std::ptr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::context::{Due, IoExecutor, Reactor, Renewal, TimerKey};

/// Wakes a task when a time is over, and says so when it is asked.
pub(crate) struct Countdown {
    /// The entry in the reactor, until the time is over or the context gone.
    entry: Option<(TimerKey, Arc<Reactor>)>,
    /// What the entry has.
    waker: Identity,
}

/// Tells a waker that somebody keeps from others.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    data: usize,
    vtable: usize,
}

impl Countdown {
    /// Begins to count; whoever `waker` wakes is woken at `expiry`.
    pub(crate) fn start(timers: &IoExecutor, expiry: Instant, waker: &Waker) -> Self {
        // Of the clone: one that is lent looks like the next one that is.
        let waker = waker.clone();
        let mut this = Self {
            entry: None,
            waker: Identity::of(&waker),
        };
        // A context that is gone has ended the operation, or will.
        if let Ok(reactor) = timers.reactor() {
            if let Ok((key, is_earliest)) = reactor.add_timer(expiry, Due::Waker(waker)) {
                this.entry = Some((key, reactor));
                if is_earliest {
                    timers.interrupt();
                }
            }
        }
        this
    }

    /// Returns whether the time is over, once; else it is `waker` that is woken then.
    pub(crate) fn is_over(&mut self, waker: &Waker) -> bool {
        let Some((key, reactor)) = &self.entry else {
            return false;
        };
        // It may be foreign: cloned before the lock, and dropped after it.
        let next = (Identity::of(waker) != self.waker).then(|| waker.clone());
        let identity = next.as_ref().map(Identity::of);
        match reactor.renew_timer(*key, next.map(Due::Waker)) {
            Renewal::Waits(_previous) => {
                self.waker = identity.unwrap_or(self.waker);
                false
            }
            Renewal::Fired => {
                self.entry = None;
                true
            }
            Renewal::ContextGone => {
                self.entry = None;
                false
            }
        }
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        if let Some((key, reactor)) = self.entry.take() {
            reactor.remove_timer(key);
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
