//! The default allocator of operations: keeps freed blocks per thread.
//!
//! # Invariants
//!
//! - **I1** A block in bin `c` was allocated from [`Global`] with the layout
//!   `layout_of(c)`; so any block of a bin serves any request of its class.
//! - **I2** `class_of(layout)` is a pure function of the layout. A request and
//!   its release therefore agree on the class, whichever threads they are on.
//! - **I3** Bins belong to one thread and are touched only through `POOL` on
//!   that thread, in code that calls nothing foreign while it holds a bin's
//!   head. Nothing here can be re-entered half way.
//! - **I4** The first word of a block in a bin is the link to the next; the
//!   rest is unused. A block outside the bins is its owner's alone.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::{AllocError, Allocator, Global};

/// Classes are multiples of this many bytes; blocks are aligned to it at least.
const GRAIN: usize = 16;
/// Requests above this many bytes, or with a larger alignment than `GRAIN`,
/// go to the global allocator.
const LARGEST: usize = 2048;
const CLASSES: usize = 16;
/// How many bytes of each class a thread keeps at the most.
const KEPT_PER_CLASS: usize = 64 * 1024;

/// Blocks freed under a sanitizer go back to the system, and blocks freed in a
/// model nowhere, or a use after free would stay unseen.
const RECYCLES: bool = !cfg!(any(async_op_sanitize, async_op_loom));

/// The default allocator of operations: freed blocks are kept, per thread and
/// by size, and handed out again.
///
/// A chain of operations therefore allocates from the heap once. Each thread
/// keeps at most 64 KiB of each of 16 sizes, and gives everything back when it
/// ends. Requests of more than 2 KiB or aligned to more than 16 bytes go to
/// the global allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recycling;

struct Bin {
    head: Cell<*mut FreeBlock>,
    // Counts down, so that one test covers a full bin, a thread that has not
    // armed its janitor yet and a thread that is ending.
    room: Cell<u32>,
}

struct FreeBlock {
    next: *mut FreeBlock,
}

struct Pool {
    bins: [Bin; CLASSES],
    armed: Cell<bool>,
}

thread_local! {
    // Without a destructor: legal to use from any other thread-local's.
    static POOL: Pool = const {
        Pool {
            bins: [const { Bin { head: Cell::new(ptr::null_mut()), room: Cell::new(0) } }; CLASSES],
            armed: Cell::new(false),
        }
    };
    static JANITOR: Janitor = const { Janitor };
}

/// Empties the thread's bins when the thread ends.
struct Janitor;

impl Drop for Janitor {
    fn drop(&mut self) {
        POOL.with(|pool| {
            // `armed` stays set and `room` 0: later releases on this thread
            // find no room and go to the global allocator.
            for (class, bin) in pool.bins.iter().enumerate() {
                bin.room.set(0);
                while let Some(block) = bin.pop() {
                    bin.room.set(0);
                    release(block, class);
                }
            }
        });
    }
}

impl Bin {
    #[inline]
    fn pop(&self) -> Option<NonNull<u8>> {
        let block = NonNull::new(self.head.get())?;
        // SAFETY: by I4 a block in the bin starts with a valid link, and by I3
        // nobody else touches it.
        let next = unsafe { block.as_ref().next };
        self.head.set(next);
        self.room.set(self.room.get() + 1);
        Some(block.cast())
    }

    /// The caller has checked that there is room.
    #[inline]
    fn push(&self, block: NonNull<u8>) {
        let block: NonNull<FreeBlock> = block.cast();
        let link = FreeBlock {
            next: self.head.get(),
        };
        // SAFETY: by I1 the block has at least `GRAIN` bytes aligned to
        // `GRAIN`, which hold a link; it has just been given up by its owner.
        unsafe { block.write(link) };
        self.head.set(block.as_ptr());
        self.room.set(self.room.get() - 1);
    }
}

/// The class that serves `layout`: steps of 32 bytes to 256, then of 64 to
/// 512, then doubling with a half step.
#[inline]
const fn class_of(layout: Layout) -> Option<usize> {
    if !RECYCLES || layout.align() > GRAIN || layout.size() > LARGEST || layout.size() == 0 {
        return None;
    }
    let size = layout.size();
    Some(if size <= 256 {
        (size - 1) / 32
    } else if size <= 512 {
        8 + (size - 257) / 64
    } else if size <= 768 {
        12
    } else if size <= 1024 {
        13
    } else if size <= 1536 {
        14
    } else {
        15
    })
}

const fn layout_of(class: usize) -> Layout {
    let size = match class {
        0..=7 => (class + 1) * 32,
        8..=11 => 256 + (class - 7) * 64,
        12 => 768,
        13 => 1024,
        14 => 1536,
        _ => 2048,
    };
    match Layout::from_size_align(size, GRAIN) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

#[cold]
fn obtain(class: usize) -> Result<NonNull<[u8]>, AllocError> {
    Global.allocate(layout_of(class))
}

fn release(block: NonNull<u8>, class: usize) {
    // SAFETY: by I1 the block came from `Global` with this layout, and its
    // owner has given it up.
    unsafe { Global.deallocate(block, layout_of(class)) }
}

/// Keeps or releases a block that found no room.
#[cold]
fn release_or_arm(block: NonNull<u8>, class: usize, pool: &Pool) {
    if pool.armed.get() {
        return release(block, class);
    }
    pool.armed.set(true);
    // Registers the destructor. Where the thread is already past it, nothing
    // would empty the bins any more, so they stay closed.
    if JANITOR.try_with(|_| ()).is_err() {
        return release(block, class);
    }
    for (class, bin) in pool.bins.iter().enumerate() {
        bin.room
            .set((KEPT_PER_CLASS / layout_of(class).size()) as u32);
    }
    pool.bins[class].push(block);
}

// SAFETY: a block is the global allocator's and belongs to its holder until it
// is released (I1, I4); all copies of `Recycling` are one allocator, on every
// thread (I1, I2), so a block may be released through any of them.
unsafe impl Allocator for Recycling {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let Some(class) = class_of(layout) else {
            return Global.allocate(layout);
        };
        match POOL.with(|pool| pool.bins[class].pop()) {
            Some(block) => Ok(NonNull::slice_from_raw_parts(block, layout.size())),
            None => obtain(class),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let Some(class) = class_of(layout) else {
            if cfg!(async_op_loom) {
                return;
            }
            // SAFETY: by I2 the block was allocated from `Global` with a layout
            // that fits this one; the caller gives it up.
            return unsafe { Global.deallocate(block, layout) };
        };
        POOL.with(|pool| {
            let bin = &pool.bins[class];
            if bin.room.get() == 0 {
                release_or_arm(block, class, pool);
            } else {
                bin.push(block);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_its_class() {
        if !RECYCLES {
            return;
        }
        for size in 1..=LARGEST {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let class = class_of(layout).unwrap();
            assert!(layout_of(class).size() >= size, "{size} in class {class}");
            if class > 0 {
                assert!(
                    layout_of(class - 1).size() < size,
                    "{size} in class {class}"
                );
            }
        }
    }

    #[test]
    fn large_and_overaligned_requests_bypass_the_bins() {
        for (size, align) in [(0, 1), (LARGEST + 1, 8), (64, 32), (64, 4096)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            assert_eq!(class_of(layout), None);
            let block = Recycling.allocate(layout).unwrap();
            assert!(block.cast::<u8>().addr().get().is_multiple_of(align));
            // SAFETY: allocated with this layout on the line above.
            unsafe { Recycling.deallocate(block.cast(), layout) };
        }
    }

    #[test]
    fn a_freed_block_is_handed_out_again() {
        let layout = Layout::new::<[u64; 20]>();
        let first = Recycling.allocate(layout).unwrap().cast::<u8>();
        // SAFETY: allocated with this layout on the line above.
        unsafe { Recycling.deallocate(first, layout) };
        let second = Recycling.allocate(layout).unwrap().cast::<u8>();
        assert_eq!(first == second, RECYCLES);
        // SAFETY: allocated with this layout above.
        unsafe { Recycling.deallocate(second, layout) };
    }

    #[test]
    fn works_from_another_thread_locals_destructor() {
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                let layout = Layout::new::<[u64; 4]>();
                let block = Recycling.allocate(layout).unwrap().cast::<u8>();
                // SAFETY: allocated with this layout on the line above.
                unsafe { Recycling.deallocate(block, layout) };
            }
        }
        thread_local!(static LATE: Late = const { Late });
        std::thread::spawn(|| {
            // Registered before the janitor, so destroyed after it.
            LATE.with(|_| ());
            let layout = Layout::new::<[u64; 4]>();
            let block = Recycling.allocate(layout).unwrap().cast::<u8>();
            // SAFETY: allocated with this layout on the line above.
            unsafe { Recycling.deallocate(block, layout) };
        })
        .join()
        .unwrap();
    }
}
