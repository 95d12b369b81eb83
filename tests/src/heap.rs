use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's heap, with its allocations counted. A test binary that wants
/// the counts installs it as `#[global_allocator]`.
#[derive(Debug)]
pub struct CountingHeap;

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}
static ALL: AtomicUsize = AtomicUsize::new(0);

/// Returns how many heap allocations the calling thread has made.
pub fn heap_allocations_here() -> usize {
    HERE.get()
}

/// Returns how many heap allocations the process has made. Other tests of the
/// same binary count too.
pub fn heap_allocations() -> usize {
    ALL.load(Ordering::SeqCst)
}

fn count() {
    HERE.set(HERE.get() + 1);
    ALL.fetch_add(1, Ordering::SeqCst);
}

// SAFETY: `System` does all of it.
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
