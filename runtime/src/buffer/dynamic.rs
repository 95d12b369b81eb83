use super::{result_alone, result_and_self};
use crate::signature::Signature;

/// A buffer that grows as it is read into, at its end.
///
/// With `R` for what the operation says about itself:
///
/// | buffer | completion |
/// |---|---|
/// | `&mut Vec<u8>` | `fn(R)` |
/// | `Vec<u8>`, `BytesMut` | `fn(R, Self)` |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a buffer that grows",
    label = "cannot grow",
    note = "pass `&mut Vec<u8>` to a token that waits, or an owned `Vec<u8>`"
)]
pub trait DynamicBuffer: Send {
    /// The signature of an operation that reads into this and says `R`.
    type Completion<R>: Signature<Output = Self::Output<R>>;

    /// The output of that signature.
    type Output<R>;

    /// Returns how long the buffer may become.
    fn max_len(&self) -> usize {
        usize::MAX
    }

    /// Returns how long the buffer may become before it allocates.
    fn capacity(&self) -> usize;

    /// Returns what is in the buffer.
    fn bytes(&mut self) -> &mut [u8];

    /// Makes the buffer `len` bytes long; what is new is of any value.
    fn resize(&mut self, len: usize);

    /// Makes the output of a result and the buffer.
    fn completed<R>(self, result: R) -> Self::Output<R>;

    /// Limits the buffer: a peer cannot make it longer than `len` bytes.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::io::{DynamicBuffer, read_until};
    /// use async_op::net::UnixStream;
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("a line that takes too long to come to its end").await?;
    /// let mut buffer = Vec::new();
    /// let error = read_until(&b, (&mut buffer).at_most(16), b'\n').await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    /// assert_eq!(buffer, b"a line that take");
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    fn at_most(self, len: usize) -> AtMost<Self>
    where
        Self: Sized,
    {
        AtMost { buffer: self, len }
    }
}

/// A buffer that grows up to a limit; made by [`DynamicBuffer::at_most`].
#[derive(Clone, Debug)]
pub struct AtMost<D> {
    buffer: D,
    len: usize,
}

impl<D: DynamicBuffer> DynamicBuffer for AtMost<D> {
    type Completion<R> = D::Completion<R>;
    type Output<R> = D::Output<R>;

    fn max_len(&self) -> usize {
        self.len.min(self.buffer.max_len())
    }

    fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    fn bytes(&mut self) -> &mut [u8] {
        self.buffer.bytes()
    }

    fn resize(&mut self, len: usize) {
        self.buffer.resize(len);
    }

    fn completed<R>(self, result: R) -> D::Output<R> {
        self.buffer.completed(result)
    }
}

impl DynamicBuffer for Vec<u8> {
    result_and_self!();

    fn capacity(&self) -> usize {
        Vec::capacity(self)
    }

    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
    }
}

impl DynamicBuffer for &mut Vec<u8> {
    result_alone!();

    fn capacity(&self) -> usize {
        Vec::capacity(self)
    }

    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
    }
}
