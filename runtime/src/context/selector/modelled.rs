//! What ends a wait in the models, which know no events of the system.

use crate::shim::{Condvar, Mutex, thread};

#[derive(Default)]
pub(super) struct Modelled {
    is_due: Mutex<bool>,
    /// Of `is_due`.
    event: Condvar,
}

impl Modelled {
    /// Ends the wait that is under way, or the next one.
    pub(super) fn end_wait(&self) {
        *self.is_due.lock() = true;
        self.event.notify_one();
    }

    pub(super) fn wait(&self) {
        let mut is_due = self.is_due.lock();
        while !*is_due {
            is_due = self.event.wait(is_due);
        }
        *is_due = false;
    }

    /// Waits for some time. Loom knows none: it has come when the others have had their
    /// turn.
    pub(super) fn wait_for_a_while(&self) {
        if !self.look() {
            thread::yield_now();
            self.look();
        }
    }

    /// Does not wait; returns whether something was due.
    pub(super) fn look(&self) -> bool {
        std::mem::take(&mut *self.is_due.lock())
    }
}
