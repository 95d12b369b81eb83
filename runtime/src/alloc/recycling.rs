//! The default allocator of operations: keeps freed blocks, per thread.
//!
//! A thread that frees more than it allocates passes batches of blocks on to
//! the threads that do the opposite, by way of the depot. It keeps as many as it
//! has taken from elsewhere, as it may need so many again, and a batch.
//!
//! # Invariants
//!
//! - **I1** A block in a bin or a batch of class `c` was allocated from
//!   [`Global`] with the layout `layout_of(c)`; so it serves any request of its
//!   class, on any thread.
//! - **I2** `class_of(layout)` is a pure function of the layout. A request and
//!   its release therefore agree on the class, whichever threads they are on.
//! - **I3** Bins belong to one thread and are touched only through `POOL` on
//!   that thread, in code that calls nothing foreign while it holds a bin's
//!   head. Nothing here can be re-entered half way.
//! - **I4** The first word of a free block is the link to the next; the rest is
//!   unused. A block that is not free is its owner's alone.
//! - **I5** A batch is a list of exactly `batch_of(c)` free blocks, whose last
//!   has no link. A place of the depot that is not null owns one; whoever swaps
//!   it out owns it then.
//! - **I6** The provenance of every block of a class is exposed when the block
//!   comes from [`Global`]. What comes back may be a pointer to part of it alone
//!   (a `Box` that has been leaked is no more than its value), so a pointer to
//!   all of it is made anew: the next owner may use it all.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::{AllocError, Allocator, Global};

/// Classes are multiples of this many bytes; blocks are aligned to it at least.
const GRAIN: usize = 16;
/// Requests above this many bytes go to the global allocator.
const LARGEST: usize = 16 * 1024;
/// So do those with a larger alignment than this, or than `GRAIN` if they are for
/// more than `MOST_LINES` lines.
const LINE: usize = 64;
const MOST_LINES: usize = 4;
/// The classes of one line and more come after those that are aligned to `GRAIN`.
const LINES: usize = 19;
const CLASSES: usize = LINES + MOST_LINES;
/// How many bytes of each class a thread keeps at the most.
const KEPT_PER_CLASS: usize = 256 * 1024;
/// How many batches of each class the depot keeps at the most.
const BATCHES: usize = 32;

/// Blocks freed under a sanitizer go back to the system, and blocks freed in a
/// model nowhere, or a use after free would stay unseen.
const RECYCLES: bool = !cfg!(any(async_op_sanitize, async_op_loom));

/// The default allocator of operations: freed blocks are kept, per thread and
/// by size, and handed out again.
///
/// A chain of operations therefore allocates from the heap once, and so do
/// operations that are started on one thread and complete on another. Each
/// thread keeps at most 256 KiB of each of 23 sizes, and all threads together
/// 1 MiB of each in transit; [`trim`](Self::trim) gives them back. Requests of
/// more than 16 KiB, aligned to more than 64 bytes, or of more than 256 bytes and
/// aligned to more than 16, go to the global allocator.
#[doc(alias = "recycling_allocator")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recycling;

struct Bin {
    head: Cell<*mut FreeBlock>,
    // Counts down, so that one test covers a full bin, a thread that has not
    // armed its janitor yet and a thread that is ending.
    room: Cell<u32>,
    /// How much more room there may be.
    more: Cell<u16>,
    /// How many blocks have come from elsewhere: so many may come back, so there is a use for
    /// room. A thread that only gives back keeps a batch.
    taken: Cell<u16>,
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
            bins: [const {
                Bin {
                    head: Cell::new(ptr::null_mut()),
                    room: Cell::new(0),
                    more: Cell::new(0),
                    taken: Cell::new(0),
                }
            }; CLASSES],
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
            pool.drain(true);
            // `armed` stays set: later releases on this thread find no room
            // and go to the global allocator.
            for bin in &pool.bins {
                bin.room.set(0);
                bin.more.set(0);
            }
        });
    }
}

/// Where threads leave batches of blocks for each other.
static DEPOT: [[AtomicPtr<FreeBlock>; BATCHES]; CLASSES] =
    [const { [const { AtomicPtr::new(ptr::null_mut()) }; BATCHES] }; CLASSES];

/// How many batches there are in the depot, but for those that come or go just now:
/// where there are none, nobody need look.
static FILLED: [AtomicUsize; CLASSES] = [const { AtomicUsize::new(0) }; CLASSES];

/// How many blocks a batch has: 32 KiB, but at most 64.
const fn batch_of(class: usize) -> usize {
    match 32 * 1024 / layout_of(class).size() {
        64.. => 64,
        n => n,
    }
}

/// Leaves a batch; gives it back if there is no place.
fn deposit(batch: NonNull<FreeBlock>, class: usize) -> Result<(), NonNull<FreeBlock>> {
    for place in &DEPOT[class] {
        // A whole batch is swapped in or out, so it does not matter that the
        // same address may come and go in between.
        let left = place.load(Ordering::Relaxed).is_null()
            && place
                .compare_exchange(
                    ptr::null_mut(),
                    batch.as_ptr(),
                    Ordering::Release,
                    Ordering::Relaxed,
                )
                .is_ok();
        if left {
            FILLED[class].fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
    }
    Err(batch)
}

/// Takes a batch, if there is one.
fn withdraw(class: usize) -> Option<NonNull<FreeBlock>> {
    if FILLED[class].load(Ordering::Relaxed) == 0 {
        return None;
    }
    let batch = DEPOT[class]
        .iter()
        .filter(|place| !place.load(Ordering::Relaxed).is_null())
        .find_map(|place| NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire)))?;
    // Wraps below 0 while whoever has left it has yet to count it.
    FILLED[class].fetch_sub(1, Ordering::Relaxed);
    Some(batch)
}

impl Pool {
    /// Makes room in the bins, the first time; returns whether it was that.
    fn arm(&self) -> bool {
        if self.armed.replace(true) {
            return false;
        }
        // Registers the destructor. Where the thread is already past it,
        // nothing would empty the bins any more, so they stay closed.
        if JANITOR.try_with(|_| ()).is_ok() {
            for (class, bin) in self.bins.iter().enumerate() {
                let kept = KEPT_PER_CLASS / layout_of(class).size();
                bin.room.set(batch_of(class) as u32);
                bin.more.set((kept - batch_of(class)) as u16);
            }
        }
        true
    }

    /// Empties the bins: to the depot first, if `keep`, the rest to the global
    /// allocator.
    fn drain(&self, keep: bool) {
        for (class, bin) in self.bins.iter().enumerate() {
            while let Some(head) = NonNull::new(bin.head.get()) {
                let batch = if keep {
                    bin.detach(batch_of(class))
                } else {
                    None
                };
                if let Some(batch) = batch {
                    if deposit(batch, class).is_err() {
                        release_list(batch, batch_of(class), class);
                    }
                    continue;
                }
                // SAFETY: by I4 a free block starts with a valid link, and by
                // I3 the bin is ours.
                bin.head.set(unsafe { head.as_ref() }.next);
                bin.room.set(bin.room.get() + 1);
                release(head.cast(), class);
            }
        }
    }
}

impl Recycling {
    /// Gives all memory that is kept for reuse back to the global allocator:
    /// that of this thread, and what is in transit between threads.
    ///
    /// ```
    /// use async_op::alloc::Recycling;
    ///
    /// // After a rush, say; what comes next takes memory from the heap anew.
    /// Recycling::trim();
    /// ```
    pub fn trim() {
        POOL.with(|pool| pool.drain(false));
        for class in 0..CLASSES {
            while let Some(batch) = withdraw(class) {
                release_list(batch, batch_of(class), class);
            }
        }
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

    /// Notes that blocks have come from elsewhere.
    fn has_taken(&self, count: usize) {
        let taken = usize::from(self.taken.get()) + count;
        self.taken.set(taken.min(usize::from(u16::MAX)) as u16);
    }

    /// Makes more room, `most` at the most, as far as a thread may keep so much; returns whether
    /// it has.
    fn extend(&self, most: u16) -> bool {
        let more = self.more.get().min(most);
        self.more.set(self.more.get() - more);
        self.room.set(self.room.get() + u32::from(more));
        more > 0
    }

    /// Takes the first `count` blocks out as a list of its own, if there are as
    /// many.
    fn detach(&self, count: usize) -> Option<NonNull<FreeBlock>> {
        let head = NonNull::new(self.head.get())?;
        let mut last = head;
        for _ in 1..count {
            // SAFETY: by I4 a free block starts with a valid link, and by I3
            // the bin is ours.
            last = NonNull::new(unsafe { last.as_ref() }.next)?;
        }
        let end = FreeBlock {
            next: ptr::null_mut(),
        };
        // SAFETY: a block of ours, as above. The link is replaced: whoever gets
        // the list would follow it into this bin.
        let last = unsafe { last.replace(end) };
        self.head.set(last.next);
        self.room.set(self.room.get() + count as u32);
        Some(head)
    }
}

/// The class that serves `layout`: steps of 32 bytes to 256, then of 64 to
/// 512, then doubling with a half step to 2 KiB, then doubling; or so many lines.
#[inline]
const fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size();
    if !RECYCLES || size == 0 {
        return None;
    }
    if layout.align() > GRAIN {
        return if layout.align() <= LINE && size <= MOST_LINES * LINE {
            Some(LINES + (size - 1) / LINE)
        } else {
            None
        };
    }
    if size > LARGEST {
        return None;
    }
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
    } else if size <= 2048 {
        15
    } else if size <= 4096 {
        16
    } else if size <= 8192 {
        17
    } else {
        18
    })
}

const fn layout_of(class: usize) -> Layout {
    let (size, align) = match class {
        0..=7 => ((class + 1) * 32, GRAIN),
        8..=11 => (256 + (class - 7) * 64, GRAIN),
        12 => (768, GRAIN),
        13 => (1024, GRAIN),
        14 => (1536, GRAIN),
        15 => (2048, GRAIN),
        16 => (4096, GRAIN),
        17 => (8192, GRAIN),
        18 => (16384, GRAIN),
        _ => ((class - LINES + 1) * LINE, LINE),
    };
    match Layout::from_size_align(size, align) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

/// Refills an empty bin from the depot, or goes to the global allocator.
#[cold]
fn obtain(class: usize, pool: &Pool) -> Result<NonNull<u8>, AllocError> {
    pool.arm();
    let count = batch_of(class) as u32;
    let bin = &pool.bins[class];
    // A thread that is ending has no room for the rest of a batch.
    if bin.room.get() >= count {
        if let Some(batch) = withdraw(class) {
            bin.head.set(batch.as_ptr());
            bin.room.set(bin.room.get() - count);
            bin.has_taken(count as usize);
            if let Some(block) = bin.pop() {
                return Ok(block);
            }
        }
    }
    bin.has_taken(1);
    let block = Global.allocate(layout_of(class))?.cast::<u8>();
    // For `whole` (I6).
    block.as_ptr().expose_provenance();
    Ok(block)
}

/// Returns a pointer to the whole of a block of a class, given one to its
/// beginning (I6).
#[inline]
fn whole(block: NonNull<u8>) -> NonNull<u8> {
    let whole = ptr::with_exposed_provenance_mut(block.addr().get());
    // SAFETY: the address is that of a `NonNull`.
    unsafe { NonNull::new_unchecked(whole) }
}

fn release(block: NonNull<u8>, class: usize) {
    // SAFETY: by I1 the block came from `Global` with this layout, and its
    // owner has given it up.
    unsafe { Global.deallocate(block, layout_of(class)) }
}

/// Releases the first `count` blocks of a list that is ours.
fn release_list(head: NonNull<FreeBlock>, count: usize, class: usize) {
    let mut next = head.as_ptr();
    for _ in 0..count {
        let Some(block) = NonNull::new(next) else {
            return;
        };
        // SAFETY: by I4 a free block starts with a valid link; read before the
        // block goes.
        next = unsafe { block.as_ref() }.next;
        release(block.cast(), class);
    }
}

/// Keeps, passes on or releases a block that found no room.
#[cold]
fn release_or_pass_on(block: NonNull<u8>, class: usize, pool: &Pool) {
    let bin = &pool.bins[class];
    if !pool.arm() && !bin.extend(bin.taken.replace(0)) {
        if let Some(batch) = bin.detach(batch_of(class)) {
            if deposit(batch, class).is_err() {
                release_list(batch, batch_of(class), class);
            }
        }
    }
    if bin.room.get() == 0 {
        // The thread is ending.
        release(block, class);
    } else {
        bin.push(block);
    }
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
        let block = POOL.with(|pool| match pool.bins[class].pop() {
            Some(block) => Ok(block),
            None => obtain(class, pool),
        })?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
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
        let block = whole(block);
        POOL.with(|pool| {
            let bin = &pool.bins[class];
            if bin.room.get() == 0 {
                release_or_pass_on(block, class, pool);
            } else {
                bin.push(block);
            }
        });
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
