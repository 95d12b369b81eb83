use std::sync::PoisonError;

use allocator_api2::boxed::Box;
use allocator_api2::unsize_box;

use super::CancellationType;
use crate::alloc::Recycling;
use crate::shim::{Mutex, MutexGuard};

/// Where the function of `Completion::on_cancel` waits for a request.
#[derive(Default)]
pub(crate) struct Hook {
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Installed(Function),
    /// Requested before anybody listened.
    Requested(CancellationType),
    /// The operation is over.
    Closed,
}

trait Call: Send {
    /// Called at most once.
    fn call(&mut self, kind: CancellationType);
}

/// A function to be called once, in memory of [`Recycling`].
pub(crate) struct Function(Box<dyn Call, Recycling>);

impl Function {
    pub(crate) fn new(function: impl FnOnce(CancellationType) + Send + 'static) -> Self {
        Self(unsize_box!(Box::new_in(Once(Some(function)), Recycling)))
    }

    /// Called at most once.
    pub(super) fn call(&mut self, kind: CancellationType) {
        self.0.call(kind);
    }
}

struct Once<F>(Option<F>);

impl<F: FnOnce(CancellationType) + Send> Call for Once<F> {
    fn call(&mut self, kind: CancellationType) {
        if let Some(function) = self.0.take() {
            function(kind);
        }
    }
}

impl Hook {
    /// Installs `function` in place of an earlier one; calls it now if
    /// cancellation has been requested already.
    pub(crate) fn install(&self, mut function: Function) {
        let mut state = self.lock();
        match &*state {
            State::Requested(kind) => {
                let kind = *kind;
                drop(state);
                function.call(kind);
            }
            State::Closed => drop(state),
            State::Empty | State::Installed(_) => {
                let previous = std::mem::replace(&mut *state, State::Installed(function));
                drop(state);
                drop(previous);
            }
        }
    }

    /// Requests cancellation. The function runs on this thread, without a lock.
    pub(crate) fn request(&self, kind: CancellationType) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Requested(kind)) {
            State::Installed(mut function) => {
                drop(state);
                function.call(kind);
            }
            State::Closed => *state = State::Closed,
            State::Empty | State::Requested(_) => {}
        }
    }

    /// Returns whether cancellation has been requested.
    pub(crate) fn is_requested(&self) -> bool {
        matches!(&*self.lock(), State::Requested(_))
    }

    /// Takes note that the operation is over. Returns the function, which is
    /// foreign, for the caller to drop where that may panic.
    #[must_use]
    pub(crate) fn close(&self) -> impl Sized + use<> {
        std::mem::replace(&mut *self.lock(), State::Closed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so it cannot be poisoned half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
