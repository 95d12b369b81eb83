use std::io;

use super::{AsyncReadStream, CompletionCondition, Transfer, check_cancelled, transfer_all};
use crate::async_op;
use crate::buffer::{ReadBuffer, front};

/// Reads into `buffer` from its front, until `condition` says that it is enough,
/// or the buffer is full.
///
/// # Completion
///
/// `fn(Transfer)` for a borrowed buffer, `fn(Transfer, B)` for an owned one,
/// which comes back, error or not (see [`ReadBuffer`]).
///
/// # Overlap
///
/// One read of a stream at a time is useful.
///
/// # Allocation
///
/// None besides the operation's own memory; awaited, none.
///
/// # Cancel safety
///
/// No: dropped, the operation leaves what it has read in a borrowed buffer, but
/// does not say how much it was. Requests of the types
/// [terminal and partial](crate::CancellationType) are honoured: it completes
/// with what it has read until then.
///
/// # Errors
///
/// The stream's, and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when it
/// ends before it is enough.
///
/// # Examples
///
/// ```
/// use async_op::{SystemExecutor, UnixStream, read, transfer_all};
///
/// # async fn example() -> std::io::Result<()> {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// a.write_some("hello").await?;
/// drop(a);
/// let mut buffer = [0; 16];
/// let transfer = read(&b, &mut buffer, transfer_all()).await;
/// assert_eq!(&buffer[..transfer.bytes], b"hello");
/// assert_eq!(transfer.result.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[async_op(completes = B::Completion<Transfer>, cancellation = partial)]
pub async fn async_read<R, B, C>(stream: &R, mut buffer: B, condition: C) -> B::Output<Transfer>
where
    R: AsyncReadStream + Clone + Send + 'static,
    B: ReadBuffer,
    C: CompletionCondition,
{
    let transfer = fill(stream, &mut buffer, condition).await;
    buffer.completed(transfer)
}

/// Fills `buffer`.
///
/// # Completion
///
/// `fn(io::Result<()>)` for a borrowed buffer, `fn(io::Result<()>, B)` for an
/// owned one, which comes back, error or not (see [`ReadBuffer`]).
///
/// # Overlap
///
/// One read of a stream at a time is useful.
///
/// # Allocation
///
/// None besides the operation's own memory; awaited, none.
///
/// # Cancel safety
///
/// No: what has been read until then is in the buffer, but it is not said how
/// much it was; where that matters see [`async_read`]. Requests of the type
/// [terminal](crate::CancellationType) are honoured.
///
/// # Errors
///
/// The stream's, and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when it
/// ends before the buffer is full.
///
/// # Examples
///
/// ```
/// use async_op::{SystemExecutor, UnixStream, read_exact};
///
/// # async fn example() -> std::io::Result<()> {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// a.write_some("hello, world").await?;
/// let mut word = [0; 5];
/// read_exact(&b, &mut word).await?;
/// assert_eq!(&word, b"hello");
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[async_op(completes = B::Completion<io::Result<()>>)]
pub async fn async_read_exact<R, B>(stream: &R, mut buffer: B) -> B::Output<io::Result<()>>
where
    R: AsyncReadStream + Clone + Send + 'static,
    B: ReadBuffer,
{
    let transfer = fill(stream, &mut buffer, transfer_all()).await;
    buffer.completed(transfer.result)
}

async fn fill<R, B, C>(stream: &R, buffer: &mut B, mut condition: C) -> Transfer
where
    R: AsyncReadStream,
    B: ReadBuffer,
    C: CompletionCondition,
{
    let mut bytes = 0;
    let result = loop {
        let most = condition.more(bytes);
        if most == 0 || buffer.after(bytes).is_empty() {
            break Ok(());
        }
        if let Err(error) = check_cancelled() {
            break Err(error);
        }
        let read = match most {
            usize::MAX => stream.read_after(buffer, bytes).await,
            most => {
                let mut front = front(buffer, bytes.saturating_add(most));
                stream.read_after(&mut front, bytes).await
            }
        };
        match read {
            Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => bytes += n,
            Err(error) => break Err(error),
        }
    };
    Transfer { bytes, result }
}
