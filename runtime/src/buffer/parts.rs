//! Buffers of several parts, as system calls take them.

use std::io::{self, IoSlice, IoSliceMut};

use allocator_api2::vec::Vec;

use super::{ReadBuffer, WriteBuffer};
use crate::alloc::AnyAllocator;
use crate::this_op;

/// As many parts as go into one system call; the rest is left for the next.
const MOST: usize = 16;

/// Passes what is left of `buffer` after `skip` bytes to `one`, if that is one
/// part or nothing, or else to `several`.
pub(crate) fn read_parts<B: ReadBuffer, R>(
    buffer: &mut B,
    skip: usize,
    one: impl FnOnce(&mut [u8]) -> R,
    several: impl FnOnce(&mut [IoSliceMut<'_>]) -> R,
) -> R {
    let mut window = Window::after(skip);
    let mut count = 0;
    let mut first: &mut [u8] = &mut [];
    buffer.parts(|part| {
        let range = window.next(part.len());
        if !range.is_empty() {
            if count == 0 {
                first = &mut part[range];
            }
            count += 1;
        }
    });
    if count <= 1 {
        return one(first);
    }
    read_list(buffer, skip, several)
}

/// Passes what is left of `buffer` after `skip` bytes to `all`, in as many parts as go into
/// one system call.
pub(crate) fn read_list<B: ReadBuffer, R>(
    buffer: &mut B,
    skip: usize,
    all: impl FnOnce(&mut [IoSliceMut<'_>]) -> R,
) -> R {
    let mut window = Window::after(skip);
    let mut count = 0;
    let mut list = std::array::from_fn::<_, MOST, _>(|_| IoSliceMut::new(&mut []));
    let mut places = list.iter_mut();
    buffer.parts(|part| {
        let range = window.next(part.len());
        if !range.is_empty() {
            if let Some(place) = places.next() {
                *place = IoSliceMut::new(&mut part[range]);
                count += 1;
            }
        }
    });
    all(&mut list[..count])
}

/// Passes what is left of `buffer` after `skip` bytes to `one`, if that is one
/// part or nothing, or else to `several`.
pub(crate) fn write_parts<B: WriteBuffer, R>(
    buffer: &B,
    skip: usize,
    one: impl FnOnce(&[u8]) -> R,
    several: impl FnOnce(&[IoSlice<'_>]) -> R,
) -> R {
    let mut window = Window::after(skip);
    let mut count = 0;
    let mut first: &[u8] = &[];
    buffer.parts(|part| {
        let range = window.next(part.len());
        if !range.is_empty() {
            if count == 0 {
                first = &part[range];
            }
            count += 1;
        }
    });
    if count <= 1 {
        return one(first);
    }
    write_list(buffer, skip, several)
}

/// Passes what is left of `buffer` after `skip` bytes to `all`, in as many parts as go into
/// one system call.
pub(crate) fn write_list<B: WriteBuffer, R>(
    buffer: &B,
    skip: usize,
    all: impl FnOnce(&[IoSlice<'_>]) -> R,
) -> R {
    let mut window = Window::after(skip);
    let mut count = 0;
    let mut list = [IoSlice::new(&[]); MOST];
    let mut places = list.iter_mut();
    buffer.parts(|part| {
        let range = window.next(part.len());
        if !range.is_empty() {
            if let Some(place) = places.next() {
                *place = IoSlice::new(&part[range]);
                count += 1;
            }
        }
    });
    all(&list[..count])
}

/// Makes an empty buffer with room for `len` bytes, from the allocator of the
/// operation.
pub(crate) fn scratch(len: usize) -> io::Result<Vec<u8, AnyAllocator>> {
    let mut bytes = Vec::new_in(this_op::allocator());
    match bytes.try_reserve_exact(len) {
        Ok(()) => Ok(bytes),
        // An allocator may be a small one: that is no reason to abort.
        Err(_) => Err(io::ErrorKind::OutOfMemory.into()),
    }
}

/// Counts the parts of a buffer down to a range of its bytes.
pub(super) struct Window {
    pub(super) skip: usize,
    pub(super) take: usize,
}

impl Window {
    #[inline]
    fn after(skip: usize) -> Self {
        Self {
            skip,
            take: usize::MAX,
        }
    }

    pub(super) fn first(take: usize) -> Self {
        Self { skip: 0, take }
    }

    /// Returns what is inside of the next part, which has `len` bytes.
    #[inline]
    pub(super) fn next(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = len.min(self.skip);
        let end = start + (len - start).min(self.take);
        self.skip -= start;
        self.take -= end - start;
        start..end
    }
}
