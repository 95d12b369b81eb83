//! Obtaining the memory of one operation.

use std::alloc::Layout;
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

#[cold]
pub(super) fn out_of_memory(operation: &str, layout: Layout) -> ! {
    panic!(
        "`{operation}` could not allocate {} bytes for itself",
        layout.size()
    )
}
