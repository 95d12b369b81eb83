use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use allocator_api2::alloc::{AllocError, Allocator};

const SIZE: usize = 4096;

/// An allocator with room for one block, which is always the same. It needs no
/// heap after it has been made.
#[derive(Clone)]
pub struct Slot {
    state: Arc<State>,
}

#[repr(align(128))]
struct Room(UnsafeCell<MaybeUninit<[u8; SIZE]>>);

struct State {
    room: Room,
    in_use: AtomicBool,
    allocations: AtomicUsize,
}

// SAFETY: the room is only handed out, to one user at a time.
unsafe impl Sync for State {}

impl Slot {
    /// Makes a slot.
    pub fn new() -> Self {
        Self {
            state: Arc::new(State {
                room: Room(UnsafeCell::new(MaybeUninit::uninit())),
                in_use: AtomicBool::new(false),
                allocations: AtomicUsize::new(0),
            }),
        }
    }

    /// Returns how often the room has been handed out.
    pub fn allocations(&self) -> usize {
        self.state.allocations.load(Ordering::SeqCst)
    }

    /// Returns whether the room is handed out.
    pub fn in_use(&self) -> bool {
        self.state.in_use.load(Ordering::SeqCst)
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("in_use", &self.in_use())
            .finish_non_exhaustive()
    }
}

// SAFETY: the room stays where it is while any clone lives, is large and
// aligned enough where it is handed out, and has one user at a time.
unsafe impl Allocator for Slot {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let fits = layout.size() <= SIZE && layout.align() <= align_of::<Room>();
        if !fits || self.state.in_use.swap(true, Ordering::Acquire) {
            return Err(AllocError);
        }
        self.state.allocations.fetch_add(1, Ordering::SeqCst);
        let room = NonNull::new(self.state.room.0.get().cast::<u8>()).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(room, layout.size()))
    }

    unsafe fn deallocate(&self, memory: NonNull<u8>, _: Layout) {
        assert_eq!(memory.as_ptr(), self.state.room.0.get().cast());
        assert!(self.state.in_use.swap(false, Ordering::Release));
    }
}
