use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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

/// How long timers of a round wait, where the first ten are there to fill what keeps
/// its capacity: those have not expired before anything waits for them, however slow
/// the machine.
pub fn short_wait(round: usize) -> Duration {
    Duration::from_micros(if round < 10 { 2000 } else { 10 })
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

/// The system's heap, which can refuse: see [`refusing`]. A test binary that wants
/// that installs it as `#[global_allocator]`.
#[derive(Debug)]
pub struct RefusingHeap;

thread_local! {
    /// How many allocations succeed before one is refused.
    static BEFORE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Calls `body`, whose allocation number `n`, counted from 0, is refused; returns
/// whether it came to that. Those after it succeed: a panic needs some.
pub fn refusing<R>(n: usize, body: impl FnOnce() -> R) -> (R, bool) {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            BEFORE.set(None);
        }
    }

    BEFORE.set(Some(n));
    let _restore = Restore;
    let result = body();
    (result, BEFORE.get().is_none())
}

fn is_refused() -> bool {
    match BEFORE.get() {
        None => false,
        Some(0) => {
            BEFORE.set(None);
            true
        }
        Some(n) => {
            BEFORE.set(Some(n - 1));
            false
        }
    }
}

// SAFETY: `System` does all of it, but for what is refused.
unsafe impl GlobalAlloc for RefusingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_refused() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_refused() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) };
    }
}
