use super::{Spare, result_alone, result_and_self};
use crate::signature::Signature;

/// How much is asked for at once, where that is not the caller's to say: at the least and at
/// the most.
const PART: std::ops::RangeInclusive<usize> = 512..=64 * 1024;

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
    ///
    /// ```
    /// use async_op::io::DynamicBuffer;
    ///
    /// assert_eq!(Vec::new().at_most(16).max_len(), 16);
    /// ```
    fn max_len(&self) -> usize {
        usize::MAX
    }

    /// Returns how long the buffer may become before it allocates.
    ///
    /// ```
    /// use async_op::io::DynamicBuffer;
    ///
    /// assert!(DynamicBuffer::capacity(&Vec::with_capacity(100)) >= 100);
    /// ```
    fn capacity(&self) -> usize;

    /// Returns what is in the buffer.
    ///
    /// ```
    /// use async_op::io::DynamicBuffer;
    ///
    /// let mut buffer = b"text".to_vec();
    /// DynamicBuffer::bytes(&mut buffer).make_ascii_uppercase();
    /// assert_eq!(buffer, b"TEXT");
    /// ```
    fn bytes(&mut self) -> &mut [u8];

    /// Makes the buffer `len` bytes long; what is new is of any value.
    ///
    /// ```
    /// use async_op::io::DynamicBuffer;
    ///
    /// let mut buffer = b"text".to_vec();
    /// DynamicBuffer::resize(&mut buffer, 3);
    /// assert_eq!(buffer, b"tex");
    /// ```
    fn resize(&mut self, len: usize);

    /// Has `read` fill memory at the end of the buffer, `most` bytes, without writing to it
    /// before where that can be done.
    #[doc(hidden)]
    fn append_with<R>(&mut self, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R
    where
        Self: Sized,
    {
        append_resized(self, most, read)
    }

    /// Makes the output of a result and the buffer.
    ///
    /// ```
    /// use async_op::io::DynamicBuffer;
    ///
    /// let buffer = b"text".to_vec();
    /// assert_eq!(DynamicBuffer::completed(buffer, 4), (4, b"text".to_vec()));
    /// ```
    fn completed<R>(self, result: R) -> Self::Output<R>;

    /// Limits the buffer: a peer cannot make it longer than `len` bytes.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::io::{DynamicBuffer, read_until};
    /// use async_op::net::UnixStream;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("a line that takes too long to come to its end").await?;
    /// let mut buffer = Vec::new();
    /// let error = read_until(&b, (&mut buffer).at_most(16), b'\n').await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    /// assert_eq!(buffer, b"a line that take");
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    fn at_most(self, len: usize) -> AtMost<Self>
    where
        Self: Sized,
    {
        AtMost { buffer: self, len }
    }
}

/// [`DynamicBuffer::append_with`] of a buffer of somebody else's.
fn append_resized<D: DynamicBuffer, R>(
    buffer: &mut D,
    most: usize,
    read: impl FnOnce(&mut Spare<'_>) -> R,
) -> R {
    /// Cuts off what was not read into, on unwind, too.
    struct Filled<'a, D: DynamicBuffer>(&'a mut D, usize);

    impl<D: DynamicBuffer> Drop for Filled<'_, D> {
        fn drop(&mut self) {
            self.0.resize(self.1);
        }
    }

    let len = buffer.bytes().len();
    // Before there is something to cut off: to be asked again while its panic unwinds, and to
    // panic again, would abort the process.
    buffer.resize(len + most);
    let mut filled = Filled(buffer, len);
    // So long, whatever it has made of that: less would be taken for the end of the stream.
    let (result, n) = Spare::over(&mut filled.0.bytes()[len..][..most], read);
    filled.1 += n;
    result
}

/// Returns how much to ask for where all that is spare may be used; nothing if the buffer may
/// not grow any more.
#[inline]
pub(crate) fn next_part(buffer: &mut impl DynamicBuffer) -> Option<usize> {
    let len = buffer.bytes().len();
    let part = match buffer.capacity().saturating_sub(len) {
        0 => len.max(*PART.start()),
        spare => spare,
    };
    let room = room_of(buffer);
    (room > 0).then_some(part.min(*PART.end()).min(room))
}

/// Returns how much longer the buffer may become.
#[inline]
pub(crate) fn room_of(buffer: &mut impl DynamicBuffer) -> usize {
    let len = buffer.bytes().len();
    buffer.max_len().saturating_sub(len)
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

    fn append_with<R>(&mut self, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R {
        self.buffer.append_with(most, read)
    }

    fn completed<R>(self, result: R) -> D::Output<R> {
        self.buffer.completed(result)
    }
}

/// [`DynamicBuffer::append_with`] without writing to the memory before.
fn append_with<R>(bytes: &mut Vec<u8>, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R {
    bytes.reserve(most);
    let mut spare = Spare::new(&mut bytes.spare_capacity_mut()[..most]);
    let result = read(&mut spare);
    let len = spare.filled() + bytes.len();
    // SAFETY: there is capacity for `most` more bytes; so many of those have been
    // initialised, as the invariant of `Spare` says.
    unsafe { bytes.set_len(len) };
    result
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

    fn append_with<R>(&mut self, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R {
        append_with(self, most, read)
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

    fn append_with<R>(&mut self, most: usize, read: impl FnOnce(&mut Spare<'_>) -> R) -> R {
        append_with(self, most, read)
    }
}
