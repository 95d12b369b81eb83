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
//!   It holds arguments in DONE, and in GONE while a completer that brings some
//!   finds out.
//! - **I3** DONE and ABANDONED are the completer's last touch of the slot; the
//!   future frees it. GONE is the future's last touch; the completer frees it.
//! - **I4** The future is used by one thread at a time, and so is the
//!   completer: `&mut` or by value. (What the completer does by reference is
//!   done to the hook, which has a lock.)
//! - **I5** The hook is closed before the completer's last touch: whoever frees
//!   the slot finds nothing foreign in it.
//! - **I6** Foreign code (the waker, the function in the hook, the arguments)
//!   is called and dropped where a panic of it leaves neither half unended.

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::block::{CompletionVtable, Core};
use super::scope::{self, Origin};
use super::{Header, TaskVtable, budget, memory};
use crate::cancel::{CancellationSlot, CancellationType, Hook};
use crate::completion::Completion;
use crate::shim::{AtomicU8, Ordering, UnsafeCell, thread};
use crate::signature::Signature;
use crate::site::Site;
use crate::trace::Trace;

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
    origin: Origin,
}

/// The future's half of a slot.
pub(crate) struct SlotFuture<S: Signature + 'static> {
    // `None` once the result has been taken.
    slot: Option<NonNull<Slot<S>>>,
    /// What the operation has been told of requests to cancel.
    passed_on: CancellationType,
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
#[inline(never)] // the same for all operations of a signature
pub(crate) fn new<S: Signature + 'static>(
    site: Site,
    trace: Trace,
) -> (SlotFuture<S>, Completion<S>) {
    let layout = Layout::new::<Slot<S>>();
    let Ok((block, origin)) = scope::allocate(layout) else {
        memory::out_of_memory(site.name(), layout)
    };
    let slot: NonNull<Slot<S>> = block.cast();
    let value = Slot {
        core: Core::new(&NO_TASK, const { &Slot::<S>::COMPLETION }, site, trace),
        state: AtomicU8::new(EMPTY),
        waker: UnsafeCell::new(MaybeUninit::uninit()),
        hook: Hook::default(),
        origin,
    };
    // SAFETY: fresh memory with the layout of this type.
    unsafe { slot.write(value) };
    let future = SlotFuture {
        slot: Some(slot),
        passed_on: CancellationType::default(),
    };
    // SAFETY: the slot is new, and the completer's half nobody else's.
    (future, unsafe { Completion::of(slot.cast()) })
}

/// A slot is never queued: its result is taken where the future is polled.
static NO_TASK: TaskVtable = TaskVtable {
    run: |_: NonNull<Header>| unreachable!("a hosted operation is no task"),
    discard: |_: NonNull<Header>| unreachable!("a hosted operation is no task"),
};

impl<S: Signature + 'static> Slot<S> {
    const COMPLETION: CompletionVtable<S> = CompletionVtable {
        complete: |core, args, _| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let shared = unsafe { core.as_ref() };
            // SAFETY: the arguments are the completer's (I2).
            unsafe { shared.put_args(args) };
            // SAFETY: the completer's half is passed on; the arguments are there.
            unsafe { Self::finish(core.cast(), DONE) };
        },
        // SAFETY: the completer's half is passed on.
        abandon: |core| unsafe { Self::finish(core.cast(), ABANDONED) },
        is_abandoned: |core| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let slot = unsafe { core.cast::<Self>().as_ref() };
            slot.hook.is_abandoned()
        },
        on_cancel: |core, function| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let slot = unsafe { core.cast::<Self>().as_ref() };
            slot.hook.install(function);
        },
        can_be_asked: |_| true,
        requested: |core| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let slot = unsafe { core.cast::<Self>().as_ref() };
            slot.hook.requested()
        },
        executor: |_| None,
        allocator: |core| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let origin = unsafe { core.cast::<Self>().as_ref() }.origin;
            // SAFETY: the slot came from there with this layout.
            unsafe { origin.allocator(core.cast(), Layout::new::<Self>()) }
        },
        immediate_executor: |_| None,
        ends_on: |_, _| true,
        pass_on: |core| {
            // SAFETY: the completer's half keeps the slot alive (I3).
            let slot = unsafe { core.cast::<Self>().as_ref() };
            let next = CancellationSlot::on_behalf(slot.core.site.name());
            slot.hook.pass_on(&next);
            next
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
        // Dropped at the end (I6).
        let _function = slot.hook.close();
        loop {
            // Release: the arguments go with it. Acquire on failure: the end of
            // the future comes with it.
            match slot
                .state
                .compare_exchange(EMPTY, result, Ordering::Release, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(WAITING) => {
                    // Acquire: the waker comes with it.
                    let taken = slot.state.compare_exchange(
                        WAITING,
                        BUSY,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if taken.is_ok() {
                        // SAFETY: by I1 the waker is there, and ours.
                        let waker = unsafe { slot.take_waker() };
                        slot.state.store(result, Ordering::Release);
                        waker.wake();
                        return;
                    }
                }
                Err(_) => {
                    // The future is gone.
                    // SAFETY: by I3 the slot is ours to free, with what the
                    // caller promises to be in it.
                    drop(unsafe { Self::free(this, result) });
                    return;
                }
            }
        }
    }

    /// Moves the waker out.
    ///
    /// # Safety
    ///
    /// - The waker is there, and the caller's; afterwards it is not there.
    unsafe fn take_waker(&self) -> Waker {
        self.waker.with_mut(|place| {
            // SAFETY: by the caller's promise nobody else uses the place.
            let place = unsafe { &*place };
            // SAFETY: by the caller's promise, moved out once.
            unsafe { place.assume_init_read() }
        })
    }

    /// Frees the slot of an operation that ended with `result`, and returns the
    /// arguments if there are any.
    ///
    /// # Safety
    ///
    /// - The slot is the caller's alone. The waker is out; with DONE, the
    ///   arguments are there.
    unsafe fn free(this: NonNull<Self>, result: u8) -> Option<S::Args> {
        // SAFETY: by the caller's promise; moved out once, as the memory goes
        // next. What is left in arguments and waker is not dropped with it, and
        // dropping the hook calls nothing (I5).
        let slot = unsafe { this.read() };
        // SAFETY: the slot, and by the caller's promise the arguments, are ours.
        let args = (result == DONE).then(|| unsafe { slot.core.take_args() });
        let origin = slot.origin;
        drop(slot);
        // SAFETY: the block came from there with this layout.
        unsafe { origin.deallocate(this.cast(), Layout::new::<Self>()) };
        args
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
        ready!(budget::proceed(cx));
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        // What the operation is awaited in has been asked to stop: pass it on,
        // once. The function runs here, and may complete the operation.
        let requested = scope::requested();
        if requested != self.passed_on {
            self.passed_on = requested;
            if !requested.is_empty() {
                slot.core.trace.cancel_requested(requested);
                slot.hook.request(requested);
            }
        }
        if retract(slot) {
            // SAFETY: by I1 the waker is there, and ours again.
            let waker = unsafe { slot.take_waker() };
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

    /// Returns whether the operation has completed, or been abandoned.
    pub(crate) fn is_over(&self) -> bool {
        let Some(this) = self.slot else { return true };
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        matches!(slot.state.load(Ordering::Acquire), DONE | ABANDONED)
    }

    /// Stores `waker`, unless the operation has just completed. The state is
    /// EMPTY, or is being made DONE or ABANDONED.
    fn wait(&mut self, waker: Waker) -> Poll<S::Args> {
        let this = self.slot.expect("polled after completion");
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        slot.waker.with_mut(|place| {
            // SAFETY: by I1 the place is ours: the state is not WAITING, and so
            // does not become BUSY.
            unsafe { place.write(MaybeUninit::new(waker)) }
        });
        let stored =
            slot.state
                .compare_exchange(EMPTY, WAITING, Ordering::Release, Ordering::Acquire);
        if stored.is_ok() {
            return Poll::Pending;
        }
        // Completed in between.
        // SAFETY: the state was not WAITING, so the waker is still there.
        drop(unsafe { slot.take_waker() });
        Poll::Ready(self.take())
    }

    /// Takes the arguments of a completed operation, and frees the slot.
    fn take(&mut self) -> S::Args {
        let this = self.slot.take().expect("polled after completion");
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        let result = slot.state.load(Ordering::Acquire);
        let site = slot.core.site;
        // SAFETY: by I3 the slot is ours to free; by I2 the arguments are there
        // when it is DONE.
        match unsafe { Slot::free(this, result) } {
            Some(args) => args,
            None => panic!(
                "`{}` was abandoned: its `Completion`, or its task, was dropped without a result, \
                 perhaps by a panic{}",
                site.name(),
                site.started(),
            ),
        }
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
            Err(BUSY) => thread::yield_now(),
            Err(_) => return false,
        }
    }
}

impl<S: Signature + 'static> Drop for SlotFuture<S> {
    fn drop(&mut self) {
        let Some(this) = self.slot.take() else {
            return;
        };
        // Ends this half last, on unwind too (I6).
        let _half = Half(this);
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        let _waker = retract(slot).then(|| {
            // SAFETY: by I1 the waker is there, and ours again.
            unsafe { slot.take_waker() }
        });
        // Before GONE: afterwards the completer may free the slot. The request
        // may complete the operation here and now, or drop its `Completion`.
        slot.core.trace.cancel_requested(CancellationType::TERMINAL);
        slot.hook.abandon();
    }
}

/// The future's half of a slot whose waker is out. Dropping it ends it: tells
/// the completer, or frees the slot.
struct Half<S: Signature + 'static>(NonNull<Slot<S>>);

impl<S: Signature + 'static> Drop for Half<S> {
    fn drop(&mut self) {
        let Self(this) = *self;
        // SAFETY: the future's half keeps the slot alive (I3).
        let slot = unsafe { this.as_ref() };
        if let Err(result) =
            slot.state
                .compare_exchange(EMPTY, GONE, Ordering::Release, Ordering::Acquire)
        {
            // SAFETY: by I3 the slot is ours to free; by I2 the arguments are
            // there when it is DONE.
            drop(unsafe { Slot::free(this, result) });
        }
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;
