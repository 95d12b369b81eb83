use std::sync::Arc;
use std::task::Waker;

use super::when::When;
use crate::cancel::error::context_gone;
use crate::context::{Due, IoExecutor, Reactor, TimerKey};
use crate::task::parked::{Ended, Parked, Parking};

/// What one waits for without a timer of its own, and what has the time.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    timers: IoExecutor,
    when: When,
}

/// What the reactor has of it.
pub(crate) type Entry = (Arc<Reactor>, TimerKey);

impl Moment {
    #[inline]
    pub(crate) fn new(timers: IoExecutor, when: When) -> Self {
        Self { timers, when }
    }

    /// Returns whether there is nothing to wait for.
    #[inline]
    pub(super) fn is_past(&self) -> bool {
        self.when.is_past(&self.timers)
    }

    /// Has `waker` woken then, or when the context is dropped. Returns it where that is gone.
    #[inline]
    pub(super) fn add(self, waker: Waker) -> Result<Entry, Due> {
        let due = Due::Waker(waker);
        let Ok(reactor) = self.timers.reactor() else {
            return Err(due);
        };
        let expiry = self.when.expiry(&self.timers);
        let (key, is_earliest) = reactor.add_timer(expiry, due)?;
        if is_earliest {
            self.timers.interrupt();
        }
        Ok((reactor, key))
    }

    /// Has a leaf wait, unless the time has come; with its entry.
    pub(crate) fn park(self, leaf: Parked) -> (Parking, Option<Entry>) {
        if self.is_past() {
            return (Parking::Over(leaf, Ended::Expired), None);
        }
        match self.add(leaf.into_waker()) {
            Ok(entry) => (Parking::Parked, Some(entry)),
            Err(due) => {
                let leaf = due.into_leaf().expect("it came with the leaf");
                (Parking::Failed(leaf, context_gone()), None)
            }
        }
    }
}
