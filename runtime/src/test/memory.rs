//! Memory for operations that is counted, and can be refused.
//!
//! # Invariants
//!
//! - **I1** All blocks are those of `Global`, with the layout that was asked for: nothing is
//!   kept here but counts.

use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::alloc::{AllocError, Allocator, Global};
use crate::shim::plain::{Mutex, MutexGuard};

/// An allocator for the operations of a test: it counts their blocks, and can refuse one.
///
/// That of a [`TestContext`](super::TestContext) is
/// [`memory`](super::TestContext::memory); when the context is dropped, all blocks have to be
/// back. It goes with a handler by [`bind_allocator`](crate::bind_allocator).
///
/// A handle: clones are the same allocator.
///
/// ```
/// use async_op::bind_allocator;
/// use async_op::test::TestContext;
/// use async_op::time::Timer;
///
/// let context = TestContext::new();
/// let timer = Timer::new(&context);
/// let handler = bind_allocator(context.memory(), |result: std::io::Result<()>| result.unwrap());
/// timer.wait().with(handler);
/// assert_eq!(context.memory().outstanding(), 1);
/// context.run();
/// assert_eq!(context.memory().outstanding(), 0);
/// assert_eq!(context.memory().allocations(), 1);
/// ```
#[derive(Clone, Default)]
pub struct TestMemory {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    allocations: usize,
    outstanding: usize,
    /// How many allocations succeed before one is refused.
    before_refusal: Option<usize>,
    refused: usize,
}

impl TestMemory {
    /// Makes an allocator of its own.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::test::TestMemory;
    ///
    /// let memory = TestMemory::new();
    /// let one = VecIn::<u8, _>::with_capacity_in(8, memory.clone());
    /// assert_eq!(TestMemory::new().outstanding(), 0); // that of another
    /// assert_eq!(memory.outstanding(), 1);
    /// # drop(one);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many blocks have been handed out.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::test::TestMemory;
    ///
    /// let memory = TestMemory::new();
    /// drop(VecIn::<u8, _>::with_capacity_in(8, memory.clone()));
    /// assert_eq!(memory.allocations(), 1);
    /// ```
    pub fn allocations(&self) -> usize {
        self.lock().allocations
    }

    /// Returns how many of them are not back.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::test::TestMemory;
    ///
    /// let memory = TestMemory::new();
    /// let one = VecIn::<u8, _>::with_capacity_in(8, memory.clone());
    /// assert_eq!(memory.outstanding(), 1);
    /// drop(one);
    /// assert_eq!(memory.outstanding(), 0);
    /// ```
    pub fn outstanding(&self) -> usize {
        self.lock().outstanding
    }

    /// Returns how many have been refused.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::test::TestMemory;
    ///
    /// let memory = TestMemory::new();
    /// memory.refuse_after(0);
    /// let mut list = VecIn::<u8, _>::new_in(memory.clone());
    /// assert!(list.try_reserve(8).is_err());
    /// assert_eq!(memory.refused(), 1);
    /// ```
    pub fn refused(&self) -> usize {
        self.lock().refused
    }

    /// Refuses one block, after `before` that are handed out.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::test::TestMemory;
    ///
    /// let memory = TestMemory::new();
    /// memory.refuse_after(1);
    /// let mut lists = [(); 2].map(|()| VecIn::<u8, _>::new_in(memory.clone()));
    /// assert!(lists[0].try_reserve(8).is_ok());
    /// assert!(lists[1].try_reserve(8).is_err());
    /// assert!(lists[1].try_reserve(8).is_ok()); // the one after it is not
    /// ```
    pub fn refuse_after(&self, before: usize) {
        self.lock().before_refusal = Some(before);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn is_refused(&mut self) -> bool {
        match self.before_refusal {
            None => false,
            Some(0) => {
                self.before_refusal = None;
                self.refused += 1;
                true
            }
            Some(before) => {
                self.before_refusal = Some(before - 1);
                false
            }
        }
    }
}

// SAFETY: by I1 the blocks are those of `Global`, which any clone gives back alike.
unsafe impl Allocator for TestMemory {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let mut state = self.lock();
        if state.is_refused() {
            return Err(AllocError);
        }
        let block = Global.allocate(layout)?;
        state.allocations += 1;
        state.outstanding += 1;
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.lock().outstanding -= 1;
        // SAFETY: by I1 the block is one of `Global`, and the caller vouches for the rest.
        unsafe { Global.deallocate(block, layout) };
    }
}

impl fmt::Debug for TestMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestMemory")
            .field("allocations", &self.allocations())
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}
