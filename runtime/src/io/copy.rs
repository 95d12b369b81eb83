use std::io;

use super::{AsyncReadStream, AsyncWriteStream, Transfer, check_cancelled};
use crate::async_op;
use crate::buffer::scratch;

/// How much is under way at once.
const CHUNK: usize = 8 * 1024;

/// Copies all that `from` has, until its end, to `to`.
///
/// # Completion
///
/// `fn(Transfer)`: how many bytes have been copied, and why there are no more, if
/// there should be. At the end of `from` the other stream stays open.
///
/// # Overlap
///
/// One read of `from`, and one write to `to`, at a time is useful.
///
/// # Allocation
///
/// A buffer of 8 KiB from the allocator of the operation.
///
/// # Cancel safety
///
/// No: up to 8 KiB more may have been read than have arrived, and are lost when
/// it stops between reading and writing. Requests of the types
/// [terminal and partial](crate::cancel::CancellationType) are honoured: the operation
/// completes with the number of bytes that have arrived.
///
/// # Errors
///
/// Those of the streams, [`WriteZero`](io::ErrorKind::WriteZero) when `to` takes
/// no more, and [`OutOfMemory`](io::ErrorKind::OutOfMemory) when the allocator
/// has no 8 KiB.
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{copy, read_exact, write_all};
/// use async_op::net::{UnixStream, connect_pipe};
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// let (reader, writer) = connect_pipe(&SystemExecutor)?;
/// write_all(&a, "hello").await?;
/// drop(a);
/// assert_eq!(copy(&b, &writer).await.into_result()?, 5);
/// read_exact(&reader, &mut [0; 5]).await?;
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op(cancellation = partial)]
pub async fn async_copy<R, W>(from: &R, to: &W) -> Transfer
where
    R: AsyncReadStream,
    W: AsyncWriteStream,
{
    let mut bytes = 0;
    let mut buffer = match scratch(CHUNK) {
        Ok(buffer) => buffer,
        Err(error) => {
            return Transfer {
                bytes,
                result: Err(error),
            };
        }
    };
    buffer.resize(CHUNK, 0);
    let result = 'all: loop {
        if let Err(error) = check_cancelled() {
            break Err(error);
        }
        let read = match from.read_after(&mut &mut buffer[..], 0).await {
            Ok(0) => break Ok(()),
            Ok(n) => n,
            Err(error) => break Err(error),
        };
        let mut written = 0;
        while written < read {
            match to.write_after(&mut &buffer[..read], written).await {
                Ok(0) => break 'all Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    written += n;
                    bytes += n;
                }
                Err(error) => break 'all Err(error),
            }
        }
    };
    Transfer { bytes, result }
}
