//! What ends a wait in the models, which know no events of the system.

use super::Timeout;
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

    pub(super) fn wait(&self, timeout: Timeout) {
        let mut is_due = self.is_due.lock();
        match timeout {
            Timeout::Zero => {}
            // Loom knows no time: it has come when the others have had their turn.
            Timeout::Until(Some(_)) if !*is_due => {
                drop(is_due);
                thread::yield_now();
                is_due = self.is_due.lock();
            }
            Timeout::Until(_) => {
                while !*is_due {
                    is_due = self.event.wait(is_due);
                }
            }
        }
        *is_due = false;
    }
}
