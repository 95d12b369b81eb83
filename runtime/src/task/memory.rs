//! Obtaining the memory of one operation.

use std::alloc::Layout;
use std::mem;
use std::ptr::NonNull;

use crate::alloc::OperationAllocator;
use crate::cancel::{CancellationSlot, CancellationState, CancellationType};
use crate::trace::Trace;

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

/// Obtains memory for a `T`, uninitialised, and then makes `slot` serve a new
/// operation, which lets in what is `honoured`.
///
/// In this order: without memory nothing has happened. What the slot served
/// before is foreign, and dropped here; should that panic, the memory goes back.
///
/// # Panics
///
/// As [`allocate`].
#[inline]
pub(super) fn allocate_and_begin<T>(
    allocator: &impl OperationAllocator,
    operation: &str,
    trace: &Trace,
    slot: CancellationSlot,
    honoured: CancellationType,
) -> (NonNull<T>, CancellationState) {
    struct Free<'a, T, A: OperationAllocator>(&'a A, NonNull<T>);
    impl<T, A: OperationAllocator> Drop for Free<'_, T, A> {
        fn drop(&mut self) {
            // SAFETY: obtained from this allocator for a `T`, below, and nobody
            // else has it yet.
            unsafe { self.0.deallocate(self.1.cast(), Layout::new::<T>()) };
        }
    }

    let memory = allocate::<T>(allocator, operation);
    if !slot.is_connected() {
        return (memory, CancellationState::default());
    }
    let on_unwind = Free(allocator, memory);
    let cancellation = CancellationState::begin_for(trace.operation(), slot, honoured);
    mem::forget(on_unwind);
    (memory, cancellation)
}

#[cold]
pub(super) fn out_of_memory(operation: &str, layout: Layout) -> ! {
    panic!(
        "`{operation}` could not allocate {} bytes for itself",
        layout.size()
    )
}
