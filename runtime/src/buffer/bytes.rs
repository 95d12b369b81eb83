//! The buffers of the crate `bytes`.

use bytes::{Bytes, BytesMut};

use super::{DynamicBuffer, ReadBuffer, WriteBuffer, result_alone, result_and_self};

impl ReadBuffer for BytesMut {
    result_and_self!();

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        visit(self);
    }
}

impl ReadBuffer for &mut BytesMut {
    result_alone!();

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        visit(self);
    }
}

impl WriteBuffer for BytesMut {
    result_and_self!();

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
}
