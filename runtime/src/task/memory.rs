//! Obtaining the memory of one operation.

use std::alloc::Layout;
use std::mem;
use std::ptr::NonNull;

pub(super) use crate::alloc::out_of_memory;
use crate::alloc::{OperationAllocator, Refusal};
use crate::cancel::{CancellationSlot, CancellationState, CancellationType};
use crate::trace::Trace;

/// Obtains memory for a `T`, uninitialised.
#[inline]
pub(super) fn allocate<T>(
    allocator: &impl OperationAllocator,
    operation: &'static str,
) -> Result<NonNull<T>, Refusal> {
    let layout = Layout::new::<T>();
    match allocator.allocate(layout) {
        Ok(memory) => Ok(memory.cast()),
        Err(_) => Err(Refusal::new(operation, layout)),
    }
}

/// Obtains memory, uninitialised, and then makes `slot` serve a new operation,
/// which lets in what is `honoured`.
///
/// In this order: without memory nothing has happened. What the slot served
/// before is foreign, and dropped here; should that panic, the memory goes back.
#[inline]
pub(super) fn allocate_and_begin<A: OperationAllocator>(
    allocator: &A,
    layout: Layout,
    operation: &'static str,
    trace: &Trace,
    slot: CancellationSlot,
    honoured: CancellationType,
) -> Result<(NonNull<u8>, CancellationState), Refusal> {
    let memory = match allocator.allocate(layout) {
        Ok(memory) => memory.cast(),
        Err(_) => return Err(Refusal::new(operation, layout)),
    };
    if !slot.is_connected() {
        return Ok((memory, CancellationState::default()));
    }
    let cancellation = begin(allocator, memory, layout, trace, slot, honoured);
    Ok((memory, cancellation))
}

/// The rest of [`allocate_and_begin`], which few operations need.
#[cold]
fn begin<A: OperationAllocator>(
    allocator: &A,
    memory: NonNull<u8>,
    layout: Layout,
    trace: &Trace,
    slot: CancellationSlot,
    honoured: CancellationType,
) -> CancellationState {
    struct Free<'a, A: OperationAllocator>(&'a A, NonNull<u8>, Layout);
    impl<A: OperationAllocator> Drop for Free<'_, A> {
        fn drop(&mut self) {
            // SAFETY: obtained from this allocator with this layout, and nobody
            // else has it yet.
            unsafe { self.0.deallocate(self.1, self.2) };
        }
    }

    let on_unwind = Free(allocator, memory, layout);
    let cancellation = CancellationState::begin_for(trace.operation(), slot, honoured);
    mem::forget(on_unwind);
    cancellation
}
