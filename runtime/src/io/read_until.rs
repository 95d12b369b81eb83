use std::io;

use super::{AsyncReadStream, check_cancelled};
use crate::async_op;
use crate::buffer::{DynamicBuffer, room_of};

/// How much is asked for at once, at the least and at the most.
const CHUNK: std::ops::RangeInclusive<usize> = 512..=64 * 1024;

/// What [`async_read_until`] looks for: a byte, a string of bytes or of
/// characters, or what a closure finds.
///
/// The closure receives all that there is, and returns where what it looks for
/// ends.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a delimiter",
    label = "not what a read can look for",
    note = "pass a byte, `b'\\n'`, a string, `\"\\r\\n\"`, or a closure `|bytes: &[u8]| -> Option<usize>`"
)]
pub trait Delimiter: Send {
    /// Returns where the delimiter ends in `bytes`. There was none in the first
    /// `seen` of them.
    ///
    /// ```
    /// use async_op::io::Delimiter;
    ///
    /// assert_eq!(b'\n'.find(b"one\ntwo", 0), Some(4));
    /// assert_eq!(Delimiter::find(&mut "\r\n", b"one\r", 0), None);
    /// assert_eq!(Delimiter::find(&mut "\r\n", b"one\r\n", 4), Some(5));
    /// ```
    fn find(&mut self, bytes: &[u8], seen: usize) -> Option<usize>;
}

impl Delimiter for u8 {
    fn find(&mut self, bytes: &[u8], seen: usize) -> Option<usize> {
        let place = bytes[seen..].iter().position(|byte| byte == self)?;
        Some(seen + place + 1)
    }
}

impl Delimiter for &[u8] {
    fn find(&mut self, bytes: &[u8], seen: usize) -> Option<usize> {
        if self.is_empty() {
            return Some(seen);
        }
        // It may have begun among those that were seen.
        let start = (seen + 1).saturating_sub(self.len());
        let mut places = bytes[start..].windows(self.len());
        let place = places.position(|window| window == *self)?;
        Some(start + place + self.len())
    }
}

impl<const N: usize> Delimiter for &[u8; N] {
    fn find(&mut self, bytes: &[u8], seen: usize) -> Option<usize> {
        self.as_slice().find(bytes, seen)
    }
}

impl Delimiter for &str {
    fn find(&mut self, bytes: &[u8], seen: usize) -> Option<usize> {
        self.as_bytes().find(bytes, seen)
    }
}

#[diagnostic::do_not_recommend]
impl<F: FnMut(&[u8]) -> Option<usize> + Send> Delimiter for F {
    fn find(&mut self, bytes: &[u8], _: usize) -> Option<usize> {
        self(bytes)
    }
}

/// Reads to the end of `buffer` until there is a delimiter in it.
///
/// # Completion
///
/// With `R` for `io::Result<usize>`: `fn(R)` for a borrowed buffer, `fn(R, D)`
/// for an owned one, which comes back, error or not (see [`DynamicBuffer`]). The
/// number says where the delimiter ends. There may be more in the buffer after
/// it: take out what was asked for, and read on into the rest. If there is a
/// delimiter already the operation completes at once.
///
/// # Overlap
///
/// One read of a stream at a time is useful.
///
/// # Allocation
///
/// The buffer grows; no other.
///
/// # Cancel safety
///
/// Yes: a dropped operation leaves what it has read in a borrowed buffer, and so
/// may be started again. Requests of the types
/// [terminal and partial](crate::cancel::CancellationType) are honoured.
///
/// # Errors
///
/// The stream's, [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when it ends
/// before a delimiter, and [`InvalidData`](io::ErrorKind::InvalidData) when there
/// is none [as far as the buffer goes](DynamicBuffer::at_most).
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::read_until;
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// a.write_some("one\r\ntwo\r\nthr").await?;
/// let mut buffer = Vec::new();
/// for expected in ["one\r\n", "two\r\n"] {
///     let end = read_until(&b, &mut buffer, "\r\n").await?;
///     let line: Vec<u8> = buffer.drain(..end).collect();
///     assert_eq!(line, expected.as_bytes());
/// }
/// assert_eq!(buffer, b"thr");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op(completes = D::Completion<io::Result<usize>>, cancellation = partial)]
pub async fn async_read_until<R, D, P>(
    stream: &R,
    mut buffer: D,
    mut delimiter: P,
) -> D::Output<io::Result<usize>>
where
    R: AsyncReadStream,
    D: DynamicBuffer,
    P: Delimiter,
{
    let result = read_until_found(stream, &mut buffer, &mut delimiter).await;
    buffer.completed(result)
}

async fn read_until_found<R: AsyncReadStream>(
    stream: &R,
    buffer: &mut impl DynamicBuffer,
    delimiter: &mut impl Delimiter,
) -> io::Result<usize> {
    let mut seen = 0;
    loop {
        if let Some(end) = delimiter.find(buffer.bytes(), seen) {
            return Ok(end);
        }
        seen = buffer.bytes().len();
        let room = room_of(buffer);
        if room == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        check_cancelled()?;
        let spare = buffer.capacity().saturating_sub(seen);
        let chunk = spare.clamp(*CHUNK.start(), *CHUNK.end()).min(room);
        if stream.append(buffer, chunk).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
