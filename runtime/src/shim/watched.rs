//! Atomics that know whether they have been freed.
//!
//! A model that frees the memory of one must do so after every use of it, and
//! exactly once. Memory that a model gives back is not reused, so the mark that
//! the drop leaves is there for a late user to run into.

use std::mem;
use std::ops::Deref;

use loom::alloc::Track;
use loom::cell::UnsafeCell;
use loom::sync::atomic;

/// An atomic of which loom reports leaks and any use that is not ordered
/// before its drop.
pub(crate) struct Watched<T> {
    atomic: T,
    // Read by each use, written by the drop.
    alive: UnsafeCell<()>,
    _leaks: Track<()>,
}

pub(crate) type AtomicU8 = Watched<atomic::AtomicU8>;
pub(crate) type AtomicUsize = Watched<atomic::AtomicUsize>;

impl<T> Watched<T> {
    fn watch(atomic: T) -> Self {
        Self {
            atomic,
            alive: UnsafeCell::new(()),
            _leaks: Track::new(()),
        }
    }
}

impl Watched<atomic::AtomicU8> {
    pub(crate) fn new(value: u8) -> Self {
        Self::watch(atomic::AtomicU8::new(value))
    }
}

impl Watched<atomic::AtomicUsize> {
    pub(crate) fn new(value: usize) -> Self {
        Self::watch(atomic::AtomicUsize::new(value))
    }
}

impl<T> Deref for Watched<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.alive.with(|_| ());
        &self.atomic
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        // Never ended: whatever comes later runs into a write under way.
        mem::forget(self.alive.get_mut());
    }
}
