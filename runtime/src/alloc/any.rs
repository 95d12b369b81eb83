//! An allocator of any type.
//!
//! # Invariants
//!
//! - **I1** `allocator` holds an allocator of the type that `vtable` was made
//!   for.

use std::alloc::Layout;
use std::any::Any;
use std::fmt;
use std::ptr::NonNull;

use super::{AllocError, Allocator, OperationAllocator};
use crate::erased::Erased;

/// An allocator whose type has been erased: a handle, as all allocators of
/// operations are.
///
/// What [`Completion::allocator`](crate::Completion::allocator) and
/// [`this_op::allocator`](crate::this_op::allocator) return: memory from the
/// same source as the operation's own. Allocators of up to two words are held
/// in place; a larger one is boxed on the global heap.
#[derive(Clone)]
pub struct AnyAllocator {
    vtable: &'static Vtable,
    allocator: Erased,
}

type Obtained = Result<NonNull<[u8]>, AllocError>;
type Resize = unsafe fn(&Erased, NonNull<u8>, Layout, Layout) -> Obtained;

struct Vtable {
    allocate: unsafe fn(&Erased, Layout) -> Obtained,
    deallocate: unsafe fn(&Erased, NonNull<u8>, Layout),
    grow: Resize,
    shrink: Resize,
}

// SAFETY: allocators of operations are `Send`, and so is a `Box` of one. (Not
// `Sync`: they need not be, and all that this does it does with a reference.)
unsafe impl Send for AnyAllocator {}

impl Vtable {
    const fn of<A: OperationAllocator>() -> Self {
        Self {
            // SAFETY: by I1 it is an `A`, here and in all that follow.
            allocate: |allocator, layout| unsafe { allocator.get::<A>() }.allocate(layout),
            deallocate: |allocator, block, layout| {
                // SAFETY: as above.
                let allocator = unsafe { allocator.get::<A>() };
                // SAFETY: the promise of the caller of `deallocate`.
                unsafe { allocator.deallocate(block, layout) };
            },
            grow: |allocator, block, old, new| {
                // SAFETY: as above.
                let allocator = unsafe { allocator.get::<A>() };
                // SAFETY: the promise of the caller of `grow`.
                unsafe { allocator.grow(block, old, new) }
            },
            shrink: |allocator, block, old, new| {
                // SAFETY: as above.
                let allocator = unsafe { allocator.get::<A>() };
                // SAFETY: the promise of the caller of `shrink`.
                unsafe { allocator.shrink(block, old, new) }
            },
        }
    }
}

impl AnyAllocator {
    /// Erases the type of `allocator`.
    ///
    /// ```
    /// use allocator_api2::alloc::Global;
    /// use async_op::alloc::{AnyAllocator, Recycling};
    /// use async_op::time::Timer;
    /// use async_op::{Blocking, SystemExecutor, bind_allocator};
    ///
    /// for allocator in [AnyAllocator::new(Recycling), AnyAllocator::new(Global)] {
    ///     Timer::new(&SystemExecutor).async_wait(bind_allocator(allocator, Blocking))?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had for a large one.
    pub fn new<A: OperationAllocator>(allocator: A) -> Self {
        let mut allocator = Some(allocator);
        let any: &mut dyn Any = &mut allocator;
        let erased = any.downcast_mut::<Option<Self>>();
        if let Some(erased) = erased.and_then(Option::take) {
            return erased;
        }
        let Some(allocator) = allocator else {
            unreachable!("nobody has taken it")
        };
        Self {
            vtable: const { &Vtable::of::<A>() },
            allocator: Erased::new(allocator),
        }
    }
}

// SAFETY: hands everything on to an allocator that keeps the contract; clones
// of this hold clones of that.
unsafe impl Allocator for AnyAllocator {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by I1 the vtable fits, here and in all that follow.
        unsafe { (self.vtable.allocate)(&self.allocator, layout) }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as above; the caller's promise is passed on.
        unsafe { (self.vtable.deallocate)(&self.allocator, block, layout) };
    }

    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as above; the caller's promise is passed on.
        unsafe { (self.vtable.grow)(&self.allocator, block, old, new) }
    }

    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as above; the caller's promise is passed on.
        unsafe { (self.vtable.shrink)(&self.allocator, block, old, new) }
    }
}

impl fmt::Debug for AnyAllocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyAllocator").finish_non_exhaustive()
    }
}
