//! What the wakers of a frame point to.
//!
//! A waker may outlive the operation it was made for, but must keep none of
//! its memory. So wakers share a small header of their own, the stub, and the
//! frame is not counted: the right to use it is a token that changes hands.
//!
//! ```text
//!            (1) pending, wakers left            (3) wake, (4) last waker dropped
//!   ┌─────┐ ─────────────────────────▶ ┌──────┐ ──────────────┐
//!   │ RUN │                            │ IDLE │               ▼
//!   │     │ (2) pending, woken         └──────┘           ┌───────┐
//!   │     │ ────────────────────────────────────────────▶ │ SCHED │
//!   │     │ ◀──────────────────────────────────────────── │       │
//!   └──┬──┘ (5) the task runs                             └───┬───┘
//!      │ (6) ready, abandoned or unwound       (7) task dropped │
//!      └──────────────────────▶ DONE ◀──────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - **I1** The token, the right to use (and free) the frame, is held: in RUN
//!   by whoever polls the frame, and then by the `Task` that delivers an output
//!   of the first poll; in SCHED by the `Task` made of the frame; in IDLE by
//!   the stub, and whoever moves it to SCHED (3, 4) takes the token out. In
//!   DONE there is no frame any more.
//! - **I2** The stub is alive while the state is not DONE or the count of
//!   wakers is not 0. Whoever makes the last of the two untrue frees it.
//! - **I3** `frame` never changes.
//! - **I4** Once a transition has given up the token or a waker, another thread
//!   may free the stub: whoever made it has no more than a pointer to the stub
//!   then. A `&Stub` that is a function's argument would be one too many, as
//!   `frame` has to stay readable until the function returns.

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::process;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use allocator_api2::boxed::Box;

use super::frame::FrameHeader;
use super::memory::out_of_memory;
use crate::alloc::Recycling;
use crate::shim::{AtomicUsize, Ordering};

/// Being polled. The numbers of the states are chosen so that (1), (2), (5)
/// and (6) add or set bits.
const RUN: usize = 0;
/// Waiting for a wake. Not without wakers: nobody could end it.
const IDLE: usize = 1;
/// Posted.
const SCHED: usize = 2;
/// Over.
const DONE: usize = 3;
const STATE: usize = 3;
/// Woken while RUN; set in no other state.
const NOTE: usize = 4;
/// The last waker is gone: to be destroyed, not polled. Set with SCHED (4), and
/// of no more use once the task runs.
const CLOSE: usize = 8;
/// One waker.
const WAKER: usize = 16;

pub(super) struct Stub {
    state: AtomicUsize,
    frame: NonNull<FrameHeader>,
}

/// Memory for a stub.
pub(super) type Room = Box<MaybeUninit<Stub>, Recycling>;

/// What the poller of a frame that is pending does next.
#[must_use]
pub(super) enum Pending {
    /// Nothing: the frame is no longer the poller's to touch.
    Parked,
    /// Post it: it was woken while it was polled.
    Woken,
    /// Destroy it: nobody is left to wake it.
    Abandoned,
}

/// What whoever runs the task of a frame does next.
#[must_use]
pub(super) enum Start {
    Poll,
    Destroy,
}

impl Stub {
    /// Obtains memory for a stub.
    ///
    /// # Panics
    ///
    /// If there is none, with the name of what it is for.
    pub(super) fn room(what: &'static str) -> Room {
        match Box::try_new_uninit_in(Recycling) {
            Ok(room) => room,
            Err(_) => out_of_memory(what, Layout::new::<Self>()),
        }
    }

    /// Makes the stub of `frame`, which is being polled, without wakers.
    pub(super) fn new(room: Room, frame: NonNull<FrameHeader>) -> NonNull<Self> {
        let stub = Self {
            state: AtomicUsize::new(RUN),
            frame,
        };
        NonNull::from(Box::leak(Box::write(room, stub)))
    }

    /// Frees a stub.
    ///
    /// # Safety
    ///
    /// - The stub is of no more use to anybody (I2).
    pub(super) unsafe fn free(this: NonNull<Self>) {
        // SAFETY: made by `new`, and given up by the caller's promise.
        drop(unsafe { Box::from_raw_in(this.as_ptr(), Recycling) });
    }

    /// (5) Takes note that the task of the frame is being run.
    pub(super) fn start(&self) -> Start {
        let before = self.state.fetch_sub(SCHED, Ordering::Acquire);
        debug_assert_eq!(before & STATE, SCHED, "only a posted frame is run");
        if before & CLOSE != 0 {
            Start::Destroy
        } else {
            Start::Poll
        }
    }

    /// (1, 2) Takes note that a poll returned pending.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and is told whether it still does.
    pub(super) unsafe fn pending(this: NonNull<Self>) -> Pending {
        // SAFETY: by I2 the stub is alive, as it is not DONE yet.
        let stub = unsafe { this.as_ref() };
        let before = update(&stub.state, |state| {
            if state & NOTE != 0 {
                state - NOTE + SCHED
            } else if state >= WAKER {
                state + IDLE
            } else {
                state
            }
        });
        if before & NOTE != 0 {
            Pending::Woken
        } else if before >= WAKER {
            Pending::Parked
        } else {
            Pending::Abandoned
        }
    }

    /// (6, 7) Takes note that the frame is over.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and does not use the stub afterwards.
    pub(super) unsafe fn finish(this: NonNull<Self>) {
        // SAFETY: by I2 the stub is alive, as it is not DONE yet.
        let before = unsafe { this.as_ref() }
            .state
            .fetch_or(DONE, Ordering::AcqRel);
        if before < WAKER {
            // SAFETY: DONE and no wakers (I2).
            unsafe { Self::free(this) };
        }
    }

    /// (3) Wakes the frame, and drops `wakers` (0 or 1) wakers with it.
    ///
    /// # Safety
    ///
    /// - The caller has a waker, or the frame while it is polled; after the
    ///   call it has `wakers` wakers less.
    pub(super) unsafe fn wake(this: NonNull<Self>, wakers: usize) {
        // SAFETY: alive by I2: the waker is counted, or the frame not over.
        let stub = unsafe { this.as_ref() };
        // Before the transition (I4).
        let frame = stub.frame;
        let before = update(&stub.state, |state| {
            let state = state - wakers * WAKER;
            match state & STATE {
                RUN => state | NOTE,
                IDLE => state - IDLE + SCHED,
                _ => state,
            }
        });
        match before & STATE {
            // SAFETY: this moved IDLE to SCHED, so the token is ours (I1).
            IDLE => unsafe { FrameHeader::schedule(frame) },
            DONE if before / WAKER == wakers => {
                // SAFETY: DONE, and that was the last waker (I2). Not so with
                // `wakers` 0: in DONE nobody polls, so the caller's waker is
                // counted, and still there.
                unsafe { Self::free(this) }
            }
            _ => {}
        }
    }

    /// Counts one more waker.
    pub(super) fn add_waker(&self) {
        // Relaxed, as in `Arc`: a new waker is made from one that exists.
        let before = self.state.fetch_add(WAKER, Ordering::Relaxed);
        if before > isize::MAX as usize {
            process::abort();
        }
    }

    /// (4) Drops a waker without waking.
    ///
    /// # Safety
    ///
    /// - The caller has a waker, and does not use it afterwards.
    unsafe fn drop_waker(this: NonNull<Self>) {
        // SAFETY: alive by I2: the caller's waker is counted.
        let stub = unsafe { this.as_ref() };
        // Before the transition (I4).
        let frame = stub.frame;
        let before = update(&stub.state, |state| {
            if state == IDLE + WAKER {
                SCHED | CLOSE
            } else {
                state - WAKER
            }
        });
        if before == IDLE + WAKER {
            // SAFETY: this moved IDLE to SCHED, so the token is ours (I1).
            unsafe { FrameHeader::schedule(frame) };
        } else if before & STATE == DONE && before / WAKER == 1 {
            // SAFETY: DONE, and that was the last waker (I2).
            unsafe { Self::free(this) };
        }
    }

    /// Returns a waker that is not counted, to poll the frame with: to be lent
    /// out during the poll only, or before the first one.
    pub(super) fn borrowed_waker(this: NonNull<Self>) -> ManuallyDrop<Waker> {
        // SAFETY: the functions of the vtable may be called from any thread,
        // and find the stub alive (I2): it is not DONE while the frame is
        // polled, or about to be. That this waker is not counted does not
        // matter, as it is never dropped nor woken by value.
        ManuallyDrop::new(unsafe { Waker::from_raw(Self::raw_waker(this)) })
    }

    /// A waker, counted or not, in its raw form.
    pub(super) fn raw_waker(this: NonNull<Self>) -> RawWaker {
        RawWaker::new(this.as_ptr().cast_const().cast(), &VTABLE)
    }
}

/// Applies `next` to the state of a stub until it holds; returns the state
/// before. The stub may be gone by then (I4).
fn update(state: &AtomicUsize, next: impl Fn(usize) -> usize) -> usize {
    // Acquire and release throughout: the token, and what was written before a
    // wake, travel through this word. A transition that changes nothing is
    // written all the same, for the second reason.
    let mut now = state.load(Ordering::Relaxed);
    loop {
        match state.compare_exchange_weak(now, next(now), Ordering::AcqRel, Ordering::Relaxed) {
            Ok(before) => return before,
            Err(other) => now = other,
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        let stub = stub_of(data);
        // SAFETY: by I2 the stub is alive while a waker of it is.
        unsafe { stub.as_ref() }.add_waker();
        Stub::raw_waker(stub)
    },
    // SAFETY: the waker is given up, and it is counted.
    |data| unsafe { Stub::wake(stub_of(data), 1) },
    // SAFETY: the waker is borrowed.
    |data| unsafe { Stub::wake(stub_of(data), 0) },
    // SAFETY: the waker is given up, and it is counted.
    |data| unsafe { Stub::drop_waker(stub_of(data)) },
);

fn stub_of(data: *const ()) -> NonNull<Stub> {
    // SAFETY: wakers are made by `raw_waker` alone, from a `NonNull`.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
