use std::alloc::Layout;

use allocator_api2::boxed::Box;
use allocator_api2::unsize_box;

use super::CancellationType;
use crate::alloc::{Recycling, out_of_memory};
use crate::task::current;

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
    pub(crate) fn new<F>(function: F, what: &'static str) -> Self
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
