//! Atomics and cells that know whether they have been freed.
//!
//! A model that frees the memory of one must do so after every use of it, and
//! exactly once. Memory that a model gives back is not reused, so the mark that
//! the drop leaves is there for a late user to run into.

use std::mem;
use std::ops::Deref;

use loom::alloc::Track;
use loom::cell;
use loom::sync::atomic::{self, Ordering};

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
pub(crate) type AtomicPtr<T> = Watched<atomic::AtomicPtr<T>>;

// SAFETY: the cell holds nothing, and all there is to it, loom's record of its
// uses, is loom's to synchronise; the atomic is `Sync` by this bound.
unsafe impl<T: Sync> Sync for Watched<T> {}

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

impl<T> Watched<atomic::AtomicPtr<T>> {
    pub(crate) fn new(value: *mut T) -> Self {
        Self::watch(atomic::AtomicPtr::new(value))
    }

    /// As those of the standard library, which loom does not have.
    pub(crate) fn fetch_or(&self, bits: usize, order: Ordering) -> *mut T {
        self.fetch_map(order, |word| word | bits)
    }

    pub(crate) fn fetch_and(&self, bits: usize, order: Ordering) -> *mut T {
        self.fetch_map(order, |word| word & bits)
    }

    fn fetch_map(&self, order: Ordering, map: impl Fn(usize) -> usize) -> *mut T {
        let next = |before: *mut T| Some(before.map_addr(&map));
        self.fetch_update(order, Ordering::Relaxed, next)
            .expect("there always is a next one")
    }
}

impl<T> Deref for Watched<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.alive.0.with(|_| ());
        &self.atomic
    }
}

/// A cell of which loom reports any use that is not ordered before its drop.
pub(crate) struct UnsafeCell<T>(cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

impl<T> Drop for UnsafeCell<T> {
    fn drop(&mut self) {
        // Never ended: whatever comes later runs into a write under way.
        mem::forget(self.0.get_mut());
    }
}
