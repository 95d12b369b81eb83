//! Wakers that are made when somebody keeps them: what completes at once needs none.
//!
//! # Invariants
//!
//! - **I1** The data of a lent waker is a reference to its [`Lender`], which is borrowed for
//!   as long as the waker is there. Nobody owns a lent waker but [`lend`]; whoever clones it
//!   has one that owns what it needs.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

/// Who can make a waker, and wakes as that would.
pub(crate) trait Lender: Sync {
    /// Makes the waker that is kept.
    fn waker(&self) -> Waker;

    fn wake(&self);
}

/// Calls `poll` with a waker that `lender` makes when it is cloned.
#[inline]
pub(crate) fn lend<L: Lender, R>(lender: &L, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
    let data = ptr::from_ref(lender).cast();
    // SAFETY: the vtable upholds the contract of `RawWaker`: it may be used on any thread, as
    // the lender may, and its clones are wakers of others.
    let waker = ManuallyDrop::new(unsafe { Waker::new(data, &Lent::<L>::VTABLE) });
    poll(&mut Context::from_waker(&waker))
}

struct Lent<L>(PhantomData<L>);

impl<L: Lender> Lent<L> {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            // SAFETY: by I1 the lender is borrowed.
            let waker = ManuallyDrop::new(unsafe { Self::lender(&data) }.waker());
            RawWaker::new(waker.data(), waker.vtable())
        },
        // SAFETY: as above.
        |data| unsafe { Self::lender(&data) }.wake(),
        // SAFETY: as above.
        |data| unsafe { Self::lender(&data) }.wake(),
        // Nothing is owned.
        |_| {},
    );

    /// # Safety
    ///
    /// - `data` is that of a lent waker of this type, which outlives the result.
    unsafe fn lender(data: &*const ()) -> &L {
        // SAFETY: by I1 it is a reference to the lender.
        unsafe { &*data.cast::<L>() }
    }
}
