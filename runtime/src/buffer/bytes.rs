//! The buffers of the crate `bytes`.

use bytes::{Bytes, BytesMut};

use super::{DynamicBuffer, ReadBuffer, Spare, WriteBuffer, result_alone, result_and_self};

impl ReadBuffer for BytesMut {
    result_and_self!();

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        visit(self);
    }

    fn lacks_length(&self) -> bool {
        self.is_empty()
    }
}

impl ReadBuffer for &mut BytesMut {
    result_alone!();

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        visit(self);
    }

    fn lacks_length(&self) -> bool {
        self.is_empty()
    }
}

impl WriteBuffer for BytesMut {
    result_and_self!();

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        visit(self);
    }
}

impl WriteBuffer for &BytesMut {
    result_alone!();

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        visit(self);
    }
}

impl WriteBuffer for Bytes {
    result_and_self!();

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        visit(self);
    }
}

impl WriteBuffer for &Bytes {
    result_alone!();

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        visit(self);
    }
}

/// [`DynamicBuffer::append_with`] without writing to the memory before.
fn append_with<R>(bytes: &mut BytesMut, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R {
    bytes.reserve(most);
    let mut spare = Spare::new(&mut bytes.spare_capacity_mut()[..most]);
    let result = read(&mut spare);
    let len = spare.filled() + bytes.len();
    // SAFETY: there is capacity for `most` more bytes; so many of those have been
    // initialised, as the invariant of `Spare` says.
    unsafe { bytes.set_len(len) };
    result
}

impl DynamicBuffer for &mut BytesMut {
    result_alone!();

    fn capacity(&self) -> usize {
        BytesMut::capacity(self)
    }

    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        BytesMut::resize(self, len, 0);
    }

    fn append_with<R>(&mut self, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R {
        append_with(self, most, read)
    }
}

impl DynamicBuffer for BytesMut {
    result_and_self!();

    fn capacity(&self) -> usize {
        BytesMut::capacity(self)
    }

    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        BytesMut::resize(self, len, 0);
    }

    fn append_with<R>(&mut self, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R {
        append_with(self, most, read)
    }
}
