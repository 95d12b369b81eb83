//! The memory of a handler-form operation that is hosted in a future.
//!
//! The `Completion` and the future each own half of it. It is a block of its
//! own: inside the future it would be gone when the future is leaked and its
//! memory reused.
//!
//! ```text
//!             poll: waker stored            complete: waker taken out
//!   EMPTY ───────────────────────▶ WAITING ─────────────────────────▶ BUSY
//!     │   ◀───────────────────────                                      │
//!     │       poll, drop: waker taken back                              │
//!     │                                complete: result stored before   ▼
//!     ├───────────────────────────────────────────────▶ DONE, ABANDONED
//!     │ drop
//!     └──────▶ GONE
//! ```
//!
//! # Invariants
//!
//! - **I1** `waker` belongs to the future in EMPTY, to nobody in WAITING, and
//!   to the completer in BUSY. Whoever moves the state out of WAITING owns it.
//! - **I2** `core.args` belongs to the completer until DONE, then to the future.
//! - **I3** DONE and ABANDONED are the completer's last touch of the slot; the
//!   future frees it. GONE is the future's last touch; the completer frees it.
//! - **I4** The future is used by one thread at a time, and so is the
//!   completer: `&mut` or by value.

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::block::{CompletionVtable, Core};
use super::scope::{self, Deallocate};
use super::{Header, TaskVtable, memory};
use crate::cancel::{CancellationType, Hook};
use crate::meta::Meta;
use crate::shim::{AtomicU8, Ordering, UnsafeCell, yield_now};
use crate::signature::Signature;

const EMPTY: u8 = 0;
const WAITING: u8 = 1;
const BUSY: u8 = 2;
const DONE: u8 = 3;
const ABANDONED: u8 = 4;
const GONE: u8 = 5;

#[repr(C)] // `core` first: a `NonNull<Core<S>>` is cast to this.
struct Slot<S: Signature + 'static> {
    core: Core<S>,
    state: AtomicU8,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    hook: Hook,
    deallocate: Deallocate,
}

/// The future's half of a slot.
pub(crate) struct SlotFuture<S: Signature + 'static> {
    // `None` once the result has been taken.
    slot: Option<NonNull<Slot<S>>>,
}

// SAFETY: the slot hands the arguments from the completer's thread to the
// future's; everything else in it is `Send` and synchronised by the state.
unsafe impl<S: Signature + 'static> Send for SlotFuture<S> where S::Args: Send {}

// SAFETY: a shared reference gives access to nothing.
unsafe impl<S: Signature + 'static> Sync for SlotFuture<S> where S::Args: Send {}

/// Makes a slot: the future's half, and the completer's.
///
/// # Panics
///
/// If no memory can be had.
pub(crate) fn new<S: Signature + 'static>(
    meta: &'static Meta,
) -> (SlotFuture<S>, NonNull<Core<S>>) {
    let layout = Layout::new::<Slot<S>>();
    let Ok((block, deallocate)) = scope::allocate(layout) else {
        memory::out_of_memory(meta.name(), layout)
    };
    let slot: NonNull<Slot<S>> = block.cast();
    let value = Slot {
        core: Core::new(&NO_TASK, const { &Slot::<S>::COMPLETION }, meta),
        state: AtomicU8::new(EMPTY),
        waker: UnsafeCell::new(MaybeUninit::uninit()),
        hook: Hook::default(),
        deallocate,
    };
    // SAFETY: fresh memory with the layout of this type.
    unsafe { slot.write(value) };
    (SlotFuture { slot: Some(slot) }, slot.cast())
}

/// A slot is never queued: its result is taken where the future is polled.
static NO_TASK: TaskVtable = TaskVtable {
    run: |_: NonNull<Header>| unreachable!("a hosted operation is no task"),
    discard: |_: NonNull<Header>| unreachable!("a hosted operation is no task"),
};

impl<S: Signature + 'static> Slot<S> {
    const COMPLETION: CompletionVtable<S> = CompletionVtable {
        complete: |core, args, _| {
            let slot: NonNull<Self> = core.cast();
            // SAFETY: by I2 the arguments are the completer's to write.
            unsafe { (&raw mut (*slot.as_ptr()).core.args).write(MaybeUninit::new(args)) };
            // SAFETY: ownership of the completer's half is passed on.
            unsafe { Self::finish(slot, DONE) };
        },
        // SAFETY: ownership of the completer's half is passed on.
        abandon: |core| unsafe { Self::finish(core.cast(), ABANDONED) },
        is_abandoned: |core| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let slot = unsafe { core.cast::<Self>().as_ref() };
            slot.hook.is_requested()
        },
        on_cancel: |core, install| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let slot = unsafe { core.cast::<Self>().as_ref() };
            install(&slot.hook);
        },
    };

    /// Ends the completer's half: tells the future, or frees the slot.
    ///
    /// # Safety
    ///
    /// - The caller owns the completer's half, and gives it up. With DONE, the
    ///   arguments have been written.
    unsafe fn finish(this: NonNull<Self>, result: u8) {
        // SAFETY: the completer's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        slot.hook.close();
        loop {
            // Release: the arguments go with it. Acquire on failure: the waker,
            // or the end of the future, comes with it.
            match slot
                .state
                .compare_exchange(EMPTY, result, Ordering::Release, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(WAITING) => {
                    let taken = slot.state.compare_exchange(
                        WAITING,
                        BUSY,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if taken.is_ok() {
                        // SAFETY: by I1 the waker is ours, moved out once.
                        let waker = slot
                            .waker
                            .with_mut(|waker| unsafe { (*waker).assume_init_read() });
                        slot.state.store(result, Ordering::Release);
                        waker.wake();
                        return;
                    }
                }
                Err(_) => {
                    // The future is gone.
                    if result == DONE {
                        // SAFETY: by I2 the arguments are still ours.
                        unsafe { Self::drop_args(this) };
                    }
                    // SAFETY: by I3 the slot is ours to free.
                    unsafe { Self::free(this) };
                    return;
                }
            }
        }
    }

    /// # Safety
    ///
    /// - The arguments are there, the caller's, and not used again.
    unsafe fn drop_args(this: NonNull<Self>) {
        // SAFETY: by the caller's promise.
        drop(unsafe { (*this.as_ptr()).core.args.assume_init_read() });
    }

    /// # Safety
    ///
    /// - The slot is the caller's alone. Arguments and waker are out.
    unsafe fn free(this: NonNull<Self>) {
        // SAFETY: by the caller's promise; moved out once, as the memory goes
        // next. Arguments and waker are `MaybeUninit`, so they are not dropped.
        let slot = unsafe { this.read() };
        let deallocate = slot.deallocate;
        drop(slot);
        // SAFETY: the block came from `scope::allocate` with this layout and
        // this function.
        unsafe { deallocate(this.cast(), Layout::new::<Self>()) };
    }
}

impl<S: Signature + 'static> SlotFuture<S> {
    /// Returns the arguments once the operation has completed.
    ///
    /// # Panics
    ///
    /// If the operation was abandoned, with its name.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<S::Args> {
        let this = self.slot.expect("polled after completion");
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        if retract(slot) {
            // SAFETY: by I1 the waker is ours again, moved out once.
            let waker = slot
                .waker
                .with_mut(|waker| unsafe { (*waker).assume_init_read() });
            if !waker.will_wake(cx.waker()) {
                drop(waker);
                return self.wait(cx.waker().clone());
            }
            return self.wait(waker);
        }
        if slot.state.load(Ordering::Acquire) == EMPTY {
            return self.wait(cx.waker().clone());
        }
        Poll::Ready(self.take())
    }

    /// Stores `waker`, unless the operation has just completed. The state is
    /// EMPTY, or is being made DONE or ABANDONED.
    fn wait(&mut self, waker: Waker) -> Poll<S::Args> {
        let this = self.slot.expect("polled after completion");
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        // SAFETY: in EMPTY the waker is the future's (I1); the completer does
        // not touch it before WAITING.
        slot.waker
            .with_mut(|place| unsafe { (*place).write(waker) });
        let stored =
            slot.state
                .compare_exchange(EMPTY, WAITING, Ordering::Release, Ordering::Acquire);
        if stored.is_ok() {
            return Poll::Pending;
        }
        // Completed in between: the waker is still ours.
        // SAFETY: written above, moved out once.
        drop(
            slot.waker
                .with_mut(|waker| unsafe { (*waker).assume_init_read() }),
        );
        Poll::Ready(self.take())
    }

    /// Takes the arguments of a completed operation, and frees the slot.
    fn take(&mut self) -> S::Args {
        let this = self.slot.take().expect("polled after completion");
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        let state = slot.state.load(Ordering::Acquire);
        if state == ABANDONED {
            let name = slot.core.meta.name();
            // SAFETY: by I3 the slot is ours to free.
            unsafe { Slot::free(this) };
            panic!("`{name}` was abandoned: its `Completion` was dropped without a result");
        }
        debug_assert_eq!(state, DONE);
        // SAFETY: by I2 the arguments are there and ours, moved out once.
        let args = unsafe { (*this.as_ptr()).core.args.assume_init_read() };
        // SAFETY: by I3 the slot is ours to free.
        unsafe { Slot::free(this) };
        args
    }
}

/// Takes the waker back out of WAITING; waits out a completer that has just
/// taken it. Returns whether it was there.
fn retract<S: Signature + 'static>(slot: &Slot<S>) -> bool {
    loop {
        match slot
            .state
            .compare_exchange(WAITING, EMPTY, Ordering::Acquire, Ordering::Acquire)
        {
            Ok(_) => return true,
            // The completer is a few instructions from its last touch, and
            // calls nothing in between.
            Err(BUSY) => yield_now(),
            Err(_) => return false,
        }
    }
}

impl<S: Signature + 'static> Drop for SlotFuture<S> {
    fn drop(&mut self) {
        let Some(this) = self.slot.take() else {
            return;
        };
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        if retract(slot) {
            // SAFETY: by I1 the waker is ours again, moved out once.
            drop(
                slot.waker
                    .with_mut(|waker| unsafe { (*waker).assume_init_read() }),
            );
        }
        // Before GONE: afterwards the completer may free the slot. The request
        // may complete the operation here and now, or drop its `Completion`.
        slot.hook.request(CancellationType::TERMINAL);
        match slot
            .state
            .compare_exchange(EMPTY, GONE, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => {}
            Err(state) => {
                if state == DONE {
                    // SAFETY: by I2 the arguments are ours.
                    drop(unsafe { (*this.as_ptr()).core.args.assume_init_read() });
                }
                // SAFETY: by I3 the slot is ours to free.
                unsafe { Slot::free(this) };
            }
        }
    }
}
