//! Memory at the end of a buffer that nobody has written to.
//!
//! # Invariants
//!
//! - **I1** The first `filled` bytes of `memory` are initialised.

use std::mem::MaybeUninit;

/// Memory to fill from its front, and how much of it is.
pub struct Spare<'m> {
    memory: &'m mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'m> Spare<'m> {
    pub(super) fn new(memory: &'m mut [MaybeUninit<u8>]) -> Self {
        Self { memory, filled: 0 }
    }

    /// Has `read` fill memory that is initialised; returns how much it has filled, too.
    pub(super) fn over<R>(memory: &'m mut [u8], read: impl FnOnce(&mut Self) -> R) -> (R, usize) {
        let len = memory.len();
        let memory: *mut [MaybeUninit<u8>] =
            std::ptr::slice_from_raw_parts_mut(memory.as_mut_ptr().cast(), len);
        // SAFETY: the same memory, borrowed for as long. Nothing that is not initialised is
        // written to it: what fills it writes bytes.
        let mut spare = Self::new(unsafe { &mut *memory });
        let result = read(&mut spare);
        (result, spare.filled)
    }

    /// Returns how many bytes have been filled.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Returns where to write, and how much there is room for.
    #[cfg(unix)]
    pub(crate) fn room(&mut self) -> (*mut u8, usize) {
        let rest = &mut self.memory[self.filled..];
        (rest.as_mut_ptr().cast(), rest.len())
    }

    /// Takes note that the next `n` bytes have been written.
    ///
    /// # Safety
    ///
    /// - They have: so many after what [`room`](Self::room) returned, of its room.
    #[cfg(unix)]
    pub(crate) unsafe fn advance(&mut self, n: usize) {
        debug_assert!(n <= self.memory.len() - self.filled);
        // I1 is the caller's promise.
        self.filled += n;
    }

    /// Has `read` write to what is left, zeroed before; it returns how much it has written.
    #[cfg(not(unix))]
    pub(crate) fn fill<E>(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let rest = &mut self.memory[self.filled..];
        for byte in &mut *rest {
            byte.write(0);
        }
        // SAFETY: all of it has just been written.
        let rest = unsafe { rest.assume_init_mut() };
        let n = read(rest)?;
        assert!(n <= rest.len(), "more than there is room for");
        self.filled += n;
        Ok(n)
    }
}

impl std::fmt::Debug for Spare<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spare").finish_non_exhaustive()
    }
}
