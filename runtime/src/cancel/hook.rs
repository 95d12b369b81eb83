use std::alloc::Layout;
use std::mem;

use allocator_api2::boxed::Box;
use allocator_api2::unsize_box;

use super::CancellationType;
use crate::alloc::{Recycling, out_of_memory};
use crate::shim::{Mutex, MutexGuard};
use crate::task::current;

/// Where the function of `Completion::on_cancel` waits for a request.
#[derive(Default)]
pub(crate) struct Hook {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    state: State,
    is_abandoned: bool,
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

    /// Drops the function, if it has not been called.
    fn discard(&mut self);
}

/// A function to be called once, in memory of [`Recycling`].
pub(crate) struct Function(Box<dyn Call, Recycling>);

impl Function {
    /// # Panics
    ///
    /// If no memory can be had, with the name of what it is for.
    pub(crate) fn new<F>(function: F, what: &str) -> Self
    where
        F: FnOnce(CancellationType) + Send + 'static,
    {
        match Box::try_new_in(Once(Some(function)), Recycling) {
            Ok(function) => Self(unsize_box!(function)),
            Err(_) => out_of_memory(what, Layout::new::<Once<F>>()),
        }
    }

    /// Called at most once.
    pub(super) fn call(&mut self, kind: CancellationType) {
        self.0.call(kind);
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // First, as the box leaks its memory when the drop of its content
        // panics.
        self.0.discard();
    }
}

struct Once<F>(Option<F>);

impl<F: FnOnce(CancellationType) + Send> Call for Once<F> {
    fn call(&mut self, kind: CancellationType) {
        if let Some(function) = self.0.take() {
            let _outside = current::outside();
            function(kind);
        }
    }

    fn discard(&mut self) {
        drop(self.0.take());
    }
}

impl Hook {
    /// Installs `function` in place of an earlier one; calls it now if
    /// cancellation has been requested already.
    pub(crate) fn install(&self, mut function: Function) {
        let mut inner = self.lock();
        match &inner.state {
            State::Requested(kind) => {
                let kind = *kind;
                drop(inner);
                function.call(kind);
            }
            State::Closed => drop(inner),
            State::Empty | State::Installed(_) => {
                let previous = mem::replace(&mut inner.state, State::Installed(function));
                drop(inner);
                drop(previous);
            }
        }
    }

    /// Requests cancellation. The function runs on this thread, without a lock.
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
        match mem::replace(&mut inner.state, State::Requested(kind)) {
            State::Installed(mut function) => {
                drop(inner);
                function.call(kind);
            }
            State::Closed => inner.state = State::Closed,
            State::Requested(earlier) => inner.state = State::Requested(earlier | kind),
            State::Empty => {}
        }
    }

    /// Returns what was requested last.
    pub(crate) fn requested(&self) -> CancellationType {
        match self.lock().state {
            State::Requested(kind) => kind,
            State::Empty | State::Installed(_) | State::Closed => CancellationType::default(),
        }
    }

    /// Returns whether nobody waits for the result.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().is_abandoned
    }

    /// Takes note that the operation is over. Returns the function, which is
    /// foreign, for the caller to drop where that may panic.
    #[must_use]
    pub(crate) fn close(&self) -> impl Sized + use<> {
        mem::replace(&mut self.lock().state, State::Closed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No foreign code runs under the lock, so it cannot be poisoned half way.
        self.inner.lock()
    }
}
