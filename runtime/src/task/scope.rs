//! The poll scope: which frame is being polled on this thread.
//!
//! Operations that are awaited inside a frame take their memory from the
//! frame's allocator; this is how they find it. Because the scope is entered
//! and left inside the frame's own poll, no executor and no foreign poller can
//! forget to restore it.
//!
//! # Invariants
//!
//! - **I1** `CURRENT` is null or points to the `scope` of a `ScopeOf` in a
//!   frame that this thread has the right to use until `CURRENT` is restored.
//! - **I2** `vtable` fits the allocator type of the `ScopeOf` around it.

use std::alloc::Layout;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::alloc::{AllocError, OperationAllocator, Recycling};

/// The type-erased head of a [`ScopeOf`].
struct Scope {
    vtable: &'static Vtable,
}

struct Vtable {
    allocate: unsafe fn(NonNull<Scope>, Layout) -> Result<NonNull<u8>, AllocError>,
    deallocate: Deallocate,
}

/// Gives back memory of [`allocate`], which needs the same layout.
pub(super) type Deallocate = unsafe fn(NonNull<u8>, Layout);

thread_local! {
    static CURRENT: Cell<*const Scope> = const { Cell::new(ptr::null()) };
}

/// The allocator of a frame, in a form that can be found through `CURRENT`.
#[repr(C)] // `scope` first: a `NonNull<Scope>` is cast to this.
pub(super) struct ScopeOf<A> {
    scope: Scope,
    pub(super) allocator: A,
}

/// Restores the outer scope when dropped, on unwind too.
pub(super) struct Entered<'a> {
    outer: *const Scope,
    _scope: PhantomData<&'a Scope>,
}

impl<A: OperationAllocator> ScopeOf<A> {
    const VTABLE: Vtable = Vtable {
        allocate: |scope, layout| {
            // SAFETY: by I1 and I2 the scope is the head of a live `Self`.
            let this = unsafe { scope.cast::<Self>().as_ref() };
            allocate_from(&this.allocator, layout)
        },
        deallocate: deallocate_to::<A>,
    };

    pub(super) fn new(allocator: A) -> Self {
        Self {
            scope: Scope {
                vtable: const { &Self::VTABLE },
            },
            allocator,
        }
    }

    /// Makes this the current scope until the guard is dropped.
    ///
    /// # Safety
    ///
    /// - `this` is alive, and nobody else uses it, until the guard is dropped.
    /// - The guard is dropped, on this thread, in reverse order of entry.
    #[inline]
    pub(super) unsafe fn enter<'a>(this: NonNull<Self>) -> Entered<'a> {
        Entered {
            outer: CURRENT.replace(this.cast::<Scope>().as_ptr()),
            _scope: PhantomData,
        }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

/// Obtains memory from the allocator of the current scope, or from
/// [`Recycling`] outside any, and says how to give it back: on any thread, in
/// any scope.
pub(super) fn allocate(layout: Layout) -> Result<(NonNull<u8>, Deallocate), AllocError> {
    match NonNull::new(CURRENT.get().cast_mut()) {
        None => Ok((
            allocate_from(&Recycling, layout)?,
            deallocate_to::<Recycling>,
        )),
        Some(scope) => {
            // SAFETY: by I1 the scope is alive.
            let vtable = unsafe { scope.as_ref() }.vtable;
            // SAFETY: by I2 the vtable fits the scope.
            let memory = unsafe { (vtable.allocate)(scope, layout) }?;
            Ok((memory, vtable.deallocate))
        }
    }
}

/// The layout of a block with a clone of its allocator at the end, and where
/// that is. The block carries it because it may outlive the frame.
fn with_allocator<A>(layout: Layout) -> Result<(Layout, usize), AllocError> {
    layout.extend(Layout::new::<A>()).map_err(|_| AllocError)
}

fn allocate_from<A: OperationAllocator>(
    allocator: &A,
    layout: Layout,
) -> Result<NonNull<u8>, AllocError> {
    let (layout, offset) = with_allocator::<A>(layout)?;
    let clone = allocator.clone();
    let memory = allocator.allocate(layout)?.cast::<u8>();
    // SAFETY: `offset` is within the block.
    let slot = unsafe { memory.add(offset) };
    // SAFETY: the block has room for an `A` there, aligned for it.
    unsafe { slot.cast::<A>().write(clone) };
    Ok(memory)
}

/// # Safety
///
/// - `memory` came from `allocate_from::<A>` with this layout and is given up.
unsafe fn deallocate_to<A: OperationAllocator>(memory: NonNull<u8>, layout: Layout) {
    let Ok((layout, offset)) = with_allocator::<A>(layout) else {
        unreachable!("the block was allocated with this layout")
    };
    // SAFETY: `offset` is within the block.
    let slot = unsafe { memory.add(offset) };
    // SAFETY: `allocate_from` put an `A` there, which is moved out once.
    let allocator = unsafe { slot.cast::<A>().read() };
    // SAFETY: the block came from (a clone of) this allocator with this layout.
    unsafe { allocator.deallocate(memory, layout) };
}
