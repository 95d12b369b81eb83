use std::fmt;
use std::ops::{Bound, RangeBounds};

use super::parts::Window;
use super::{ReadBuffer, WriteBuffer, result_alone, result_and_self};

/// A range of the bytes of a buffer; made by [`BufferExt::range`].
#[derive(Clone)]
pub struct BufferRange<B> {
    buffer: B,
    start: usize,
    /// Past the end of the buffer means its end.
    end: usize,
}

impl<B> BufferRange<B> {
    /// Returns the whole buffer.
    ///
    /// ```
    /// use async_op::io::BufferExt;
    ///
    /// let rest = String::from("hello").range(2..);
    /// assert_eq!(rest.into_inner(), "hello");
    /// ```
    pub fn into_inner(self) -> B {
        self.buffer
    }

    /// Returns the whole buffer.
    ///
    /// ```
    /// use async_op::io::BufferExt;
    ///
    /// let rest = String::from("hello").range(2..);
    /// assert_eq!(rest.get_ref(), "hello");
    /// ```
    pub fn get_ref(&self) -> &B {
        &self.buffer
    }
}

impl<B> fmt::Debug for BufferRange<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BufferRange")
            .field(&(self.start..self.end))
            .finish()
    }
}

/// Ranges of buffers.
pub trait BufferExt: Sized {
    /// Narrows an owned buffer to some of its bytes, counted over all of its
    /// parts. What lies beyond the end of the buffer is left out.
    ///
    /// A slice of a borrowed buffer needs none of this.
    ///
    /// ```
    /// use async_op::io::BufferExt;
    /// use async_op::net::TcpStream;
    /// use std::io;
    ///
    /// /// Reads after the first `n` bytes of a buffer.
    /// async fn read_after(stream: &TcpStream, buffer: Vec<u8>, n: usize) -> io::Result<Vec<u8>> {
    ///     let (result, range) = stream.read_some(buffer.range(n..)).await;
    ///     let mut buffer = range.into_inner();
    ///     buffer.truncate(n + result?);
    ///     Ok(buffer)
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If the range starts after its end.
    fn range(self, range: impl RangeBounds<usize>) -> BufferRange<Self> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => usize::MAX,
        };
        assert!(start <= end, "a range of a buffer from {start} to {end}");
        BufferRange {
            buffer: self,
            start,
            end,
        }
    }
}

impl<B> BufferExt for B where B: 'static + Send {}

impl<B> From<&BufferRange<B>> for Window {
    fn from(range: &BufferRange<B>) -> Self {
        Self {
            skip: range.start,
            take: range.end - range.start,
        }
    }
}

impl<B: ReadBuffer> ReadBuffer for BufferRange<B> {
    result_and_self!();

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        let mut window = Window::from(&*self);
        self.buffer.parts(|part| {
            let range = window.next(part.len());
            visit(&mut part[range]);
        });
    }
}

impl<B: WriteBuffer> WriteBuffer for BufferRange<B> {
    result_and_self!();

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        let mut window = Window::from(self);
        self.buffer.parts(|part| {
            let range = window.next(part.len());
            visit(&part[range]);
        });
    }
}

/// The first bytes of a buffer; made by [`front`].
pub(crate) struct Front<'b, B> {
    buffer: &'b mut B,
    len: usize,
}

/// Narrows a buffer to its first `len` bytes, for a while.
pub(crate) fn front<B>(buffer: &mut B, len: usize) -> Front<'_, B> {
    Front { buffer, len }
}

impl<B: ReadBuffer> ReadBuffer for Front<'_, B> {
    result_alone!();

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        let mut window = Window::first(self.len);
        self.buffer.parts(|part| {
            let range = window.next(part.len());
            visit(&mut part[range]);
        });
    }
}

impl<B: WriteBuffer> WriteBuffer for Front<'_, B> {
    result_alone!();

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        let mut window = Window::first(self.len);
        self.buffer.parts(|part| {
            let range = window.next(part.len());
            visit(&part[range]);
        });
    }
}
