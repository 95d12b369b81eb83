//! Counted memory that is recycled.
//!
//! # Invariants
//!
//! - **I1** `inner` points to an `Inner<T, P>` that [`Shared::with_count`] has made.
//!   It is alive while `count` is not 0; whoever takes it there frees it, and nobody
//!   else touches it any more.
//! - **I2** `count` is the number of handles and wakers, and [`OWNER`] besides for each
//!   [`Owner`]. All owners of a value have one of the handles together. Whoever takes
//!   an owner out of `count`, and finds that it was the last, has that one alone.

use std::alloc::Layout;
use std::fmt;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::ops::Deref;
use std::process;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use allocator_api2::boxed::Box;

use super::{AllocError, Recycling, out_of_memory};
use crate::shim::{AtomicUsize, Ordering};

/// An `Arc` in memory of [`Recycling`]: in the long run it needs no heap. It is
/// aligned as `P` is, if that is more.
pub(crate) struct Shared<T, P = ()> {
    inner: NonNull<Inner<T, P>>,
}

/// For what is used often, and together: it is not spread over one cache line more,
/// nor slowed down by what other threads do with its neighbours. New memory takes
/// longer to get.
#[repr(align(64))]
pub(crate) struct CacheLine;

#[repr(C)] // `count` first: the first line has 56 bytes of the value.
struct Inner<T, P> {
    count: AtomicUsize,
    value: T,
    aligned: [P; 0],
}

// SAFETY: as for `Arc`: handles on several threads share the value, and the
// last one drops it.
unsafe impl<T: Send + Sync, P> Send for Shared<T, P> {}

// SAFETY: as above.
unsafe impl<T: Send + Sync, P> Sync for Shared<T, P> {}

/// What the wakers of a shared value do.
pub(crate) trait WakeShared: Send + Sync + 'static {
    fn wake(&self);
}

/// A handle of one who owns a value, where others have no more than a [`Shared`] of it:
/// what is to end with its owners does so, whoever else has it just now.
pub(crate) struct Owner<T: Owned> {
    /// That of all owners: dropped by the last one, in `end`.
    shared: ManuallyDrop<Shared<T>>,
}

/// A value that has owners.
pub(crate) trait Owned {
    /// Takes note that the last owner has gone. None comes after that.
    fn disowned(&self);
}

/// What an owner counts. There are never as many handles besides: the last owner would
/// not be known as such then, and the value stay for ever. The rest of the count is for
/// owners.
const OWNER: usize = 1 << (usize::BITS / 4);

impl<T, P> Shared<T, P> {
    /// Moves a value into memory of its own.
    ///
    /// # Panics
    ///
    /// If there is none, with the name of what it is for.
    #[inline]
    pub(crate) fn new(value: T, what: &'static str) -> Self {
        match Self::with_count(value, 1) {
            Ok(this) => this,
            Err(_) => out_of_memory(what, Self::LAYOUT),
        }
    }

    /// As [`new`](Self::new), with an error in place of the panic.
    #[inline]
    pub(crate) fn try_new(value: T) -> io::Result<Self> {
        Self::with_count(value, 1).map_err(|_| io::ErrorKind::OutOfMemory.into())
    }

    const LAYOUT: Layout = Layout::new::<Inner<T, P>>();

    #[inline]
    fn with_count(value: T, count: usize) -> Result<Self, AllocError> {
        let inner = Inner {
            count: AtomicUsize::new(count),
            value,
            aligned: [],
        };
        let inner = Box::try_new_in(inner, Recycling)?;
        Ok(Self {
            inner: NonNull::from(Box::leak(inner)),
        })
    }

    /// Returns whether there is no other handle.
    #[inline]
    pub(crate) fn is_only(this: &Self) -> bool {
        // SAFETY: by I1 alive, as this handle is counted.
        let count = &unsafe { this.inner.as_ref() }.count;
        // Acquire: what the others did comes before.
        count.load(Ordering::Acquire) == 1
    }

    /// Returns the value, if there is no other handle.
    pub(crate) fn try_unwrap(this: Self) -> Result<T, Self> {
        // SAFETY: by I1 alive, as this handle is counted.
        let count = &unsafe { this.inner.as_ref() }.count;
        // Acquire: what the others did comes before what is done with the value.
        if count
            .compare_exchange(1, 0, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            return Err(this);
        }
        let this = ManuallyDrop::new(this);
        // SAFETY: made by `new`, and by I1 nobody else's any more.
        let inner = unsafe { Box::from_raw_in(this.inner.as_ptr(), Recycling) };
        Ok(Box::into_inner(inner).value)
    }

    /// Makes a handle a pointer to the value, for [`from_pointer`](Self::from_pointer).
    #[inline]
    pub(crate) fn into_pointer(this: Self) -> NonNull<T> {
        let this = ManuallyDrop::new(this);
        // Without a reference to it, which would be one to the value alone.
        // SAFETY: by I1 alive, as this handle is counted.
        let value = unsafe { &raw mut (*this.inner.as_ptr()).value };
        // SAFETY: part of what is alive.
        unsafe { NonNull::new_unchecked(value) }
    }

    /// # Safety
    ///
    /// - `value` is of [`into_pointer`](Self::into_pointer), and given up.
    #[inline]
    pub(crate) unsafe fn from_pointer(value: NonNull<T>) -> Self {
        // SAFETY: by the caller's promise that is where the value is.
        let inner = unsafe { value.byte_sub(mem::offset_of!(Inner<T, P>, value)) };
        Self {
            inner: inner.cast(),
        }
    }

    /// Drops the value. Not inlined: most handles are not the last.
    ///
    /// # Safety
    ///
    /// - The caller has taken the count to 0.
    #[cold]
    unsafe fn end(inner: NonNull<Inner<T, P>>) {
        // SAFETY: made by `new`, and by I1 the caller's alone.
        drop(unsafe { Box::from_raw_in(inner.as_ptr(), Recycling) });
    }
}

impl<T: WakeShared, P: 'static> Shared<T, P> {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            // SAFETY: the waker that `data` is of is borrowed.
            let this = unsafe { Self::borrowed(data) };
            Self::clone(&this).into_raw()
        },
        // SAFETY: the waker is given up.
        |data| unsafe { Self::from_raw(data) }.wake(),
        // SAFETY: the waker is borrowed.
        |data| unsafe { Self::borrowed(data) }.wake(),
        // SAFETY: the waker is given up.
        |data| drop(unsafe { Self::from_raw(data) }),
    );

    /// Returns a waker that keeps the value.
    pub(crate) fn waker(&self) -> Waker {
        // SAFETY: the vtable upholds the contract of `RawWaker`: the waker is a
        // handle, and what it calls may be called on any thread.
        unsafe { Waker::from_raw(self.clone().into_raw()) }
    }

    /// Makes a handle a waker.
    pub(crate) fn into_waker(this: Self) -> Waker {
        // SAFETY: as in `waker`.
        unsafe { Waker::from_raw(this.into_raw()) }
    }

    fn into_raw(self) -> RawWaker {
        let this = ManuallyDrop::new(self);
        RawWaker::new(
            this.inner.as_ptr().cast_const().cast(),
            const { &Self::VTABLE },
        )
    }

    /// # Safety
    ///
    /// - `data` is that of a waker of this type, which is given up.
    unsafe fn from_raw(data: *const ()) -> Self {
        Self {
            // SAFETY: `into_raw` made it of a `NonNull`.
            inner: unsafe { NonNull::new_unchecked(data.cast_mut().cast()) },
        }
    }

    /// # Safety
    ///
    /// - `data` is that of a waker of this type, which outlives the result.
    unsafe fn borrowed(data: *const ()) -> ManuallyDrop<Self> {
        // SAFETY: the count is the waker's: this is not dropped.
        ManuallyDrop::new(unsafe { Self::from_raw(data) })
    }
}

impl<T, P> Deref for Shared<T, P> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by I1 alive, as this handle is counted.
        &unsafe { self.inner.as_ref() }.value
    }
}

impl<T, P> Clone for Shared<T, P> {
    fn clone(&self) -> Self {
        // SAFETY: by I1 alive, as this handle is counted.
        let inner = unsafe { self.inner.as_ref() };
        // Relaxed, as in `Arc`: a new handle is made from one that exists.
        let before = inner.count.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            process::abort();
        }
        Self { inner: self.inner }
    }
}

impl<T, P> Drop for Shared<T, P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: by I1 alive, as this handle is counted.
        let inner = unsafe { self.inner.as_ref() };
        // Release: what this handle did comes before the end of the value.
        // Acquire: what the others did, too.
        if inner.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: by I1 nobody else's any more.
            unsafe { Self::end(self.inner) };
        }
    }
}

impl<T: fmt::Debug, P> fmt::Debug for Shared<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

impl<T: Owned> Owner<T> {
    /// Makes the first owner of a value.
    ///
    /// # Panics
    ///
    /// As [`Shared::new`].
    #[inline]
    pub(crate) fn new(value: T, what: &'static str) -> Self {
        let Ok(shared) = Shared::with_count(value, OWNER + 1) else {
            out_of_memory(what, Shared::<T>::LAYOUT)
        };
        Self {
            shared: ManuallyDrop::new(shared),
        }
    }

    /// Returns a handle that is no owner.
    #[inline]
    pub(crate) fn share(this: &Self) -> Shared<T> {
        Shared::clone(&this.shared)
    }

    /// Takes note that the last owner has gone. Not inlined: most are not the last.
    ///
    /// # Safety
    ///
    /// - The caller has taken the last owner out of the count.
    #[cold]
    unsafe fn end(inner: NonNull<Inner<T, ()>>) {
        // The handle of all owners, by I2 the caller's: dropped on unwind, too.
        let shared = Shared { inner };
        shared.disowned();
    }
}

impl<T: Owned> Deref for Owner<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.shared
    }
}

impl<T: Owned> Clone for Owner<T> {
    #[inline]
    fn clone(&self) -> Self {
        let inner = self.shared.inner;
        // SAFETY: by I1 alive, as this owner is counted.
        let count = &unsafe { inner.as_ref() }.count;
        // Relaxed: a new owner is made from one that exists.
        let before = count.fetch_add(OWNER, Ordering::Relaxed);
        if before > isize::MAX as usize {
            process::abort();
        }
        Self {
            shared: ManuallyDrop::new(Shared { inner }),
        }
    }
}

impl<T: Owned> Drop for Owner<T> {
    #[inline]
    fn drop(&mut self) {
        let inner = self.shared.inner;
        // SAFETY: by I1 alive, as this owner is counted.
        let count = &unsafe { inner.as_ref() }.count;
        // One step, and what it returns decides: of several owners that go at once one
        // is the last. Release and Acquire as for handles.
        if count.fetch_sub(OWNER, Ordering::AcqRel) < 2 * OWNER {
            // SAFETY: fewer than two owners were left before.
            unsafe { Self::end(inner) };
        }
    }
}

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;

#[cfg(all(test, async_op_loom))]
mod loom_tests;
