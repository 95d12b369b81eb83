//! Values that let go of something before they are dropped, and can still be taken apart.
//!
//! # Invariants
//!
//! - **I1** `value` is moved out in `into_inner` alone, of a whole that is never dropped.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;

/// What has something to let go of.
pub(crate) trait Release {
    /// Called before the drop.
    fn release(&mut self);
}

/// Lets go when it is dropped, unless the value has been taken out.
///
/// An `Option` to take the value from would be looked at in each drop: for an operation
/// that is started with a handler that is a hundredth of all instructions.
pub(crate) struct Releasing<T: Release> {
    value: T,
}

impl<T: Release> Releasing<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        Self { value }
    }

    #[inline]
    pub(crate) fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: by I1 the value is there. `this` is not used again, nor dropped.
        unsafe { ptr::read(&raw const this.value) }
    }
}

impl<T: Release> Deref for Releasing<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Release> DerefMut for Releasing<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Release> Drop for Releasing<T> {
    #[inline]
    fn drop(&mut self) {
        self.value.release();
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
