//! The heap, counted.
//!
//! # Invariants
//!
//! - **I1** `System` does all of it; what is counted here takes nothing from the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

/// The system's heap, whose allocations are counted: for
/// [`assert_no_allocation`].
///
/// One line in a test binary installs it:
///
/// ```
/// #[global_allocator]
/// static HEAP: async_op::test::CountingHeap = async_op::test::CountingHeap;
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CountingHeap;

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// Calls `body`, which may take nothing from the heap on this thread.
///
/// Operations take their memory from recycled blocks and lists that keep their capacity: so
/// call `body` once or a few times before, if it is not the first time that counts.
///
/// ```
/// use async_op::test::{CountingHeap, TestContext, assert_no_allocation};
/// use async_op::time::Timer;
/// use std::time::Duration;
///
/// #[global_allocator]
/// static HEAP: CountingHeap = CountingHeap;
///
/// let context = TestContext::new();
/// let timer = Timer::new(&context);
/// let second = || {
///     timer.expires_after(Duration::from_secs(1));
///     timer.wait().callback(|result| result.unwrap());
///     context.run();
/// };
/// second();
/// assert_no_allocation(second);
/// ```
///
/// # Panics
///
/// If `body` allocates, and if [`CountingHeap`] is not the global allocator.
#[track_caller]
pub fn assert_no_allocation<R>(body: impl FnOnce() -> R) -> R {
    let before = HERE.get();
    drop(black_box(Box::new(0_u8)));
    assert!(
        HERE.get() > before,
        "the heap is not counted: `#[global_allocator] static HEAP: CountingHeap = CountingHeap;`"
    );
    let before = HERE.get();
    let result = body();
    let count = HERE.get() - before;
    assert!(count == 0, "{count} allocations from the heap");
    result
}

fn count() {
    // A thread that ends may allocate when this is gone.
    let _ = HERE.try_with(|here| here.set(here.get() + 1));
}

// SAFETY: by I1.
unsafe impl GlobalAlloc for CountingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) };
    }
}
