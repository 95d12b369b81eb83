use std::io;

use super::{AsyncReadStream, check_cancelled};
use crate::async_op;
use crate::buffer::{DynamicBuffer, next_part, room_of};
use crate::cancel::CancellationType;
use crate::initiation::Initiation;
use crate::meta::Meta;

/// Reads what there is, at least one byte, to the end of `buffer`, which grows by that.
///
/// What is spare in the buffer is used, 64 KiB at most; where there is nothing it grows first.
/// On sockets and pipes of this crate its memory is not zeroed before.
///
/// # Completion
///
/// With `R` for `io::Result<usize>`: `fn(R)` for a borrowed buffer, `fn(R, D)`
/// for an owned one, which comes back, error or not (see [`DynamicBuffer`]). 0 bytes mean
/// the end of the stream.
///
/// # Overlap
///
/// One read of a stream at a time is useful.
///
/// # Allocation
///
/// The buffer may grow; no other.
///
/// # Cancel safety
///
/// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: a
/// dropped operation has read nothing.
///
/// # Errors
///
/// The stream's, and [`InvalidData`](io::ErrorKind::InvalidData) when the buffer is as
/// long [as it may become](DynamicBuffer::at_most).
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::read_buf;
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// let mut buffer = Vec::with_capacity(1024);
/// for word in ["hello, ", "world"] {
///     a.write_some(word).await?;
///     assert_eq!(read_buf(&b, &mut buffer).await?, word.len());
/// }
/// assert_eq!(buffer, b"hello, world");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op]
pub fn async_read_buf<R, D>(
    stream: &R,
    buffer: D,
) -> impl Initiation<D::Completion<io::Result<usize>>>
where
    R: AsyncReadStream,
    D: DynamicBuffer,
{
    static META: Meta =
        Meta::new("async_read_buf", &["stream"], &[]).with_cancellation(CancellationType::TOTAL);
    stream.clone().appending(&META, buffer)
}

/// Reads all that there is, until the end of the stream, to the end of `buffer`.
///
/// # Completion
///
/// With `R` for `io::Result<usize>`: `fn(R)` for a borrowed buffer, `fn(R, D)`
/// for an owned one, which comes back, error or not (see [`DynamicBuffer`]). The number is
/// that of the bytes that have been read, all of which are in the buffer, after an error, too.
///
/// # Overlap
///
/// One read of a stream at a time is useful.
///
/// # Allocation
///
/// The buffer grows; no other. One whose capacity is that of the data does not.
///
/// # Cancel safety
///
/// Yes: a dropped operation leaves what it has read in a borrowed buffer, and so
/// may be started again. Requests of the types
/// [terminal and partial](crate::cancel::CancellationType) are honoured.
///
/// # Errors
///
/// The stream's, and [`InvalidData`](io::ErrorKind::InvalidData) when there is more than
/// [fits into the buffer](DynamicBuffer::at_most); some of that has been read then, and is
/// nowhere.
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{DynamicBuffer, read_to_end};
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// a.write_some("all of it").await?;
/// drop(a);
/// let mut buffer = Vec::new();
/// assert_eq!(read_to_end(&b, (&mut buffer).at_most(1000)).await?, 9);
/// assert_eq!(buffer, b"all of it");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op(completes = D::Completion<io::Result<usize>>, cancellation = partial)]
pub async fn async_read_to_end<R, D>(stream: &R, mut buffer: D) -> D::Output<io::Result<usize>>
where
    R: AsyncReadStream,
    D: DynamicBuffer,
{
    let result = read_all(stream, &mut buffer).await;
    buffer.completed(result)
}

async fn read_all<R: AsyncReadStream>(
    stream: &R,
    buffer: &mut impl DynamicBuffer,
) -> io::Result<usize> {
    let mut bytes = 0;
    loop {
        check_cancelled()?;
        let len = buffer.bytes().len();
        let n = match next_part(buffer) {
            Some(part) if len < buffer.capacity() || len == 0 => {
                stream.append(buffer, part).await?
            }
            // It may be full because that was all.
            _ => look_further(stream, buffer, len).await?,
        };
        if n == 0 {
            return Ok(bytes);
        }
        bytes += n;
    }
}

/// Reads a little, and has the buffer grow only if there is something.
async fn look_further<R: AsyncReadStream>(
    stream: &R,
    buffer: &mut impl DynamicBuffer,
    len: usize,
) -> io::Result<usize> {
    let mut probe = [0; 32];
    let n = stream.read_after(&mut &mut probe[..], 0).await?;
    let kept = n.min(room_of(buffer));
    if n > 0 {
        buffer.resize(len + kept);
        buffer.bytes()[len..].copy_from_slice(&probe[..kept]);
    }
    if kept < n {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(n)
}
