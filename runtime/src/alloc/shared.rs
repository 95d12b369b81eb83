//! Counted memory that is recycled.
//!
//! # Invariants
//!
//! - **I1** `inner` points to an `Inner<T, P>` that [`Shared::new`] has made. It is
//!   alive while `count`, the number of handles and wakers, is not 0; whoever
//!   takes it there frees it, and nobody else touches it any more.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::process;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use allocator_api2::boxed::Box;

use super::Recycling;
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

impl<T, P> Shared<T, P> {
    pub(crate) fn new(value: T) -> Self {
        let inner = Inner {
            count: AtomicUsize::new(1),
            value,
            aligned: [],
        };
        Self {
            inner: NonNull::from(Box::leak(Box::new_in(inner, Recycling))),
        }
    }
}

impl<T, P> Shared<T, P> {
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

    /// Returns how many handles there are, wakers included; others may come and go.
    #[inline]
    pub(crate) fn handles(&self) -> usize {
        // SAFETY: by I1 alive, as this handle is counted.
        unsafe { self.inner.as_ref() }.count.load(Ordering::Relaxed)
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

impl<T: Default, P> Default for Shared<T, P> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(all(test, not(async_op_loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    struct Counts(Arc<[AtomicUsize; 2]>);

    impl WakeShared for Counts {
        fn wake(&self) {
            self.0[0].fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Drop for Counts {
        fn drop(&mut self) {
            self.0[1].fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_last_handle_or_waker_drops_the_value() {
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let seen = || counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        let shared: Shared<_> = Shared::new(Counts(Arc::clone(&counts)));
        let waker = shared.waker();
        let other = waker.clone();
        assert!(waker.will_wake(&other));
        drop(shared);
        waker.wake();
        other.wake_by_ref();
        assert_eq!(seen(), [2, 0]);
        drop(other);
        assert_eq!(seen(), [2, 1]);
    }

    #[test]
    fn the_only_handle_becomes_the_value() {
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let dropped = || counts[1].load(Ordering::Relaxed);
        let shared: Shared<_> = Shared::new(Counts(Arc::clone(&counts)));
        let other = shared.clone();
        let Err(shared) = Shared::try_unwrap(shared) else {
            panic!("there is another handle");
        };
        drop(other);
        let Ok(value) = Shared::try_unwrap(shared) else {
            panic!("there is no other handle");
        };
        assert_eq!(dropped(), 0);
        drop(value);
        assert_eq!(dropped(), 1);
    }

    #[test]
    fn on_several_threads() {
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let shared: Shared<_, CacheLine> = Shared::new(Counts(Arc::clone(&counts)));
        thread::scope(|scope| {
            for _ in 0..4 {
                let shared = shared.clone();
                scope.spawn(move || {
                    for _ in 0..100 {
                        shared.clone().waker().wake();
                    }
                });
            }
            drop(shared);
        });
        let seen = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!(seen, [400, 1]);
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests {
    use loom::thread;

    use super::*;

    #[test]
    fn the_end_of_the_value_comes_after_every_use() {
        loom::model(|| {
            // Watched: a use that is not ordered before its drop is reported.
            let shared: Shared<_> = Shared::new(AtomicUsize::new(0));
            let other = shared.clone();
            let thread = thread::spawn(move || {
                other.fetch_add(1, Ordering::Relaxed);
            });
            shared.fetch_add(1, Ordering::Relaxed);
            drop(shared);
            thread.join().unwrap();
        });
    }
}
