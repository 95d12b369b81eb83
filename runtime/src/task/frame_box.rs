//! A boxed future in the memory of the operation that it is made in.
//!
//! # Invariants
//!
//! - **I1** The box owns its block: a `Block<F>` that `scope::allocate` made,
//!   for the `F` that the functions in its head were made for.
//! - **I2** The future in the block never moves.

use std::alloc::Layout;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::memory;
use super::scope::{self, Origin};

/// A pinned, type-erased future in memory of the operation that it was made in:
/// for recursion, and in place of a `Box<dyn Future>`.
///
/// ```
/// use async_op::task::FrameBox;
///
/// fn depth(n: u32) -> FrameBox<'static, u32> {
///     FrameBox::new(async move { if n == 0 { 0 } else { 1 + depth(n - 1).await } })
/// }
///
/// assert_eq!(pollster::block_on(depth(5)), 5);
/// ```
///
/// # Allocation
///
/// One block, from the allocator of the operation that is being polled, see
/// [`this_op`](crate::this_op), with a clone of that: it can be moved and
/// dropped anywhere.
#[doc(alias = "BoxFuture")]
#[must_use = "futures do nothing unless polled"]
pub struct FrameBox<'a, T> {
    block: NonNull<Head<T>>,
    _owns: PhantomData<dyn Future<Output = T> + Send + 'a>,
}

// A reference to a static vtable would need `T: 'static`.
struct Head<T> {
    poll: unsafe fn(NonNull<Head<T>>, &mut Context<'_>) -> Poll<T>,
    drop: unsafe fn(NonNull<Head<T>>),
    origin: Origin,
}

#[repr(C)] // `head` first: a `NonNull<Head>` is cast to this.
struct Block<T, F> {
    head: Head<T>,
    future: F,
}

// SAFETY: what the box owns, a future and a clone of an allocator of operations,
// is `Send`, and nobody else has it (I1).
unsafe impl<T> Send for FrameBox<'_, T> {}

// SAFETY: a shared reference gives access to nothing.
unsafe impl<T> Sync for FrameBox<'_, T> {}

// The box may move: the future in its block does not.
impl<T> Unpin for FrameBox<'_, T> {}

impl<T, F: Future<Output = T>> Block<T, F> {
    /// # Safety
    ///
    /// - `head` is that of a `Self` which the caller has to itself.
    unsafe fn poll(head: NonNull<Head<T>>, cx: &mut Context<'_>) -> Poll<T> {
        let block: NonNull<Self> = head.cast();
        // SAFETY: the caller's promise.
        let future = unsafe { &mut (*block.as_ptr()).future };
        // SAFETY: by I2.
        unsafe { Pin::new_unchecked(future) }.poll(cx)
    }

    /// # Safety
    ///
    /// - `head` is that of a `Self` which the caller has to itself, and gives up.
    unsafe fn drop(head: NonNull<Head<T>>) {
        /// Gives the block back, even when the drop of the future panics.
        struct Free<T, F>(NonNull<Block<T, F>>, Origin);
        impl<T, F> Drop for Free<T, F> {
            fn drop(&mut self) {
                let Self(block, origin) = self;
                // SAFETY: by I1; nothing in the block is used any more.
                unsafe { origin.deallocate(block.cast(), Layout::new::<Block<T, F>>()) };
            }
        }

        let block: NonNull<Self> = head.cast();
        // SAFETY: by I1 the block is alive.
        let origin = unsafe { head.as_ref() }.origin;
        let _free = Free(block, origin);
        // SAFETY: as above.
        let future = unsafe { &raw mut (*block.as_ptr()).future };
        // SAFETY: dropped once, and in place (I2).
        unsafe { future.drop_in_place() };
    }
}

impl<'a, T> FrameBox<'a, T> {
    /// Boxes `future`.
    ///
    /// ```
    /// use async_op::task::FrameBox;
    ///
    /// /// A trait with a function that waits, as an object.
    /// trait Source {
    ///     fn next(&self) -> FrameBox<'_, Option<u32>>;
    /// }
    ///
    /// struct Always(u32);
    ///
    /// impl Source for Always {
    ///     fn next(&self) -> FrameBox<'_, Option<u32>> {
    ///         FrameBox::new(async { Some(self.0) })
    ///     }
    /// }
    ///
    /// let source: &dyn Source = &Always(7);
    /// assert_eq!(pollster::block_on(source.next()), Some(7));
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    pub fn new<F>(future: F) -> Self
    where
        F: Future<Output = T> + Send + 'a,
    {
        let layout = Layout::new::<Block<T, F>>();
        let Ok((memory, origin)) = scope::allocate(layout) else {
            memory::out_of_memory("FrameBox", layout)
        };
        let block: NonNull<Block<T, F>> = memory.cast();
        let value = Block {
            head: Head {
                poll: Block::<T, F>::poll,
                drop: Block::<T, F>::drop,
                origin,
            },
            future,
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { block.write(value) };
        Self {
            block: block.cast(),
            _owns: PhantomData,
        }
    }
}

impl<T> Future for FrameBox<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: by I1 the block is alive.
        let poll = unsafe { self.block.as_ref() }.poll;
        // SAFETY: by I1 the function fits, and the box is borrowed by `&mut`.
        unsafe { poll(self.block, cx) }
    }
}

impl<T> Drop for FrameBox<'_, T> {
    fn drop(&mut self) {
        // SAFETY: by I1 the block is alive.
        let drop = unsafe { self.block.as_ref() }.drop;
        // SAFETY: by I1 the function fits, and the block is not used again.
        unsafe { drop(self.block) };
    }
}

impl<T> fmt::Debug for FrameBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameBox").finish_non_exhaustive()
    }
}
