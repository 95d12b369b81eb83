use std::mem;

use super::{CancellationSlot, CancellationType, Function};
use crate::shim::{Mutex, MutexGuard};

/// Where an operation that is awaited, and has nothing but its `Completion`, is asked to
/// stop.
#[derive(Default)]
pub(crate) struct Hook {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    requested: CancellationType,
    receiver: Receiver,
    is_abandoned: bool,
}

/// Who is told of a request.
#[derive(Default)]
enum Receiver {
    #[default]
    Nobody,
    Function(Function),
    /// The operation that has been started on behalf of this one.
    Next(CancellationSlot),
    /// The operation is over.
    Closed,
}

impl Hook {
    /// Installs `function` in place of an earlier one; calls it now if
    /// cancellation has been requested already.
    pub(crate) fn install(&self, mut function: Function) {
        let mut inner = self.lock();
        let requested = inner.requested;
        if requested.is_empty() {
            let previous = inner.set_receiver(Receiver::Function(function));
            drop(inner);
            drop(previous);
        } else {
            drop(inner);
            function.call(requested);
        }
    }

    /// Has `next`, the slot of an operation that is started on behalf of this one, asked
    /// for what this is asked for, and has been.
    pub(crate) fn pass_on(&self, next: &CancellationSlot) {
        let mut inner = self.lock();
        next.request(inner.requested);
        let previous = inner.set_receiver(Receiver::Next(next.clone()));
        drop(inner);
        drop(previous);
    }

    /// Requests cancellation. What is told runs on this thread, without a lock.
    pub(crate) fn request(&self, kind: CancellationType) {
        Self::request_of(self.lock(), kind);
    }

    /// Takes note that nobody waits for the result, and requests terminal
    /// cancellation.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        inner.is_abandoned = true;
        Self::request_of(inner, CancellationType::TERMINAL);
    }

    fn request_of(mut inner: MutexGuard<'_, Inner>, kind: CancellationType) {
        inner.requested = inner.requested | kind;
        match mem::take(&mut inner.receiver) {
            Receiver::Function(mut function) => {
                drop(inner);
                function.call(kind);
            }
            Receiver::Next(next) => {
                // It stays, for the next request.
                inner.receiver = Receiver::Next(next.clone());
                drop(inner);
                next.request(kind);
            }
            receiver @ (Receiver::Nobody | Receiver::Closed) => inner.receiver = receiver,
        }
    }

    /// Returns what has been requested.
    pub(crate) fn requested(&self) -> CancellationType {
        self.lock().requested
    }

    /// Returns whether nobody waits for the result.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().is_abandoned
    }

    /// Takes note that the operation is over. Returns who would have been told, which is
    /// foreign, for the caller to drop where that may panic.
    #[must_use]
    pub(crate) fn close(&self) -> impl Sized + use<> {
        mem::replace(&mut self.lock().receiver, Receiver::Closed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No foreign code runs under the lock, so it cannot be poisoned half way.
        self.inner.lock()
    }
}

impl Inner {
    /// Puts `next` in place of the receiver. Returns what is of no use, for the
    /// caller to drop without the lock.
    fn set_receiver(&mut self, next: Receiver) -> Receiver {
        match self.receiver {
            Receiver::Closed => next,
            _ => mem::replace(&mut self.receiver, next),
        }
    }
}
