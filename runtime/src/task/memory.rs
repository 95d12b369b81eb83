//! Obtaining the memory of one operation.

use std::alloc::Layout;
use std::mem;
use std::ptr::NonNull;

use crate::alloc::OperationAllocator;

/// Obtains memory for a `T`, uninitialised.
///
/// # Panics
///
/// If there is none: with the name of the operation and the size, before
/// anything has started.
#[inline]
pub(super) fn allocate<T>(allocator: &impl OperationAllocator, operation: &str) -> NonNull<T> {
    let layout = Layout::new::<T>();
    match allocator.allocate(layout) {
        Ok(memory) => memory.cast(),
        Err(_) => out_of_memory(operation, layout),
    }
}

/// Obtains memory for a `T`, uninitialised, and calls `prepare`, for what is to
/// be done only if there is memory; should that panic, the memory goes back.
///
/// # Panics
///
/// As [`allocate`].
pub(super) fn allocate_and<T, R>(
    allocator: &impl OperationAllocator,
    operation: &str,
    prepare: impl FnOnce() -> R,
) -> (NonNull<T>, R) {
    struct Free<'a, T, A: OperationAllocator>(&'a A, NonNull<T>);
    impl<T, A: OperationAllocator> Drop for Free<'_, T, A> {
        fn drop(&mut self) {
            // SAFETY: obtained from this allocator for a `T`, below, and nobody
            // else has it yet.
            unsafe { self.0.deallocate(self.1.cast(), Layout::new::<T>()) };
        }
    }

    let memory = allocate::<T>(allocator, operation);
    let on_unwind = Free(allocator, memory);
    let prepared = prepare();
    mem::forget(on_unwind);
    (memory, prepared)
}

#[cold]
pub(super) fn out_of_memory(operation: &str, layout: Layout) -> ! {
    panic!(
        "`{operation}` could not allocate {} bytes for itself",
        layout.size()
    )
}
