use std::io;

use super::{AsyncWriteStream, CompletionCondition, Transfer, check_cancelled, transfer_all};
use crate::async_op;
use crate::buffer::{WriteBuffer, front};

/// Writes `buffer` from its front, until `condition` says that it is enough, or
/// all is written.
///
/// # Completion
///
/// `fn(Transfer)` for a borrowed buffer, `fn(Transfer, B)` for an owned one,
/// which comes back, error or not (see [`WriteBuffer`]).
///
/// # Overlap
///
/// One write to a stream at a time is useful.
///
/// # Allocation
///
/// None besides the operation's own memory; awaited, none.
///
/// # Cancel safety
///
/// No: dropped, the operation does not say how much it has written. Requests of
/// the types [terminal and partial](crate::CancellationType) are honoured: it
/// completes with what it has written until then.
///
/// # Errors
///
/// The stream's, and [`WriteZero`](io::ErrorKind::WriteZero) when it takes no
/// more.
///
/// # Examples
///
/// ```
/// use async_op::{SystemExecutor, UnixStream, transfer_exactly, write};
///
/// # async fn example() -> std::io::Result<()> {
/// let (a, _b) = UnixStream::pair(&SystemExecutor)?;
/// let n = write(&a, "hello", transfer_exactly(4)).await.into_result()?;
/// assert_eq!(n, 4);
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[async_op(completes = B::Completion<Transfer>, cancellation = partial)]
pub async fn async_write<W, B, C>(stream: &W, mut buffer: B, condition: C) -> B::Output<Transfer>
where
    W: AsyncWriteStream + Clone + Send + 'static,
    B: WriteBuffer,
    C: CompletionCondition,
{
    let transfer = drain(stream, &mut buffer, condition).await;
    buffer.completed(transfer)
}

/// Writes all of `buffer`.
///
/// # Completion
///
/// `fn(io::Result<()>)` for a borrowed buffer, `fn(io::Result<()>, B)` for an
/// owned one, which comes back, error or not (see [`WriteBuffer`]).
///
/// # Overlap
///
/// One write to a stream at a time is useful.
///
/// # Allocation
///
/// None besides the operation's own memory; awaited, none.
///
/// # Cancel safety
///
/// No: it is not said how much has been written until then; where that matters
/// see [`async_write`]. Requests of the type
/// [terminal](crate::CancellationType) are honoured.
///
/// # Errors
///
/// The stream's, and [`WriteZero`](io::ErrorKind::WriteZero) when it takes no
/// more.
///
/// # Examples
///
/// ```
/// use async_op::{SystemExecutor, UnixStream, read_exact, write_all};
///
/// # async fn example() -> std::io::Result<()> {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// write_all(&a, "hello, ").await?;
/// write_all(&a, "world").await?;
/// let mut buffer = [0; 12];
/// read_exact(&b, &mut buffer).await?;
/// assert_eq!(&buffer, b"hello, world");
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[async_op(completes = B::Completion<io::Result<()>>)]
pub async fn async_write_all<W, B>(stream: &W, mut buffer: B) -> B::Output<io::Result<()>>
where
    W: AsyncWriteStream + Clone + Send + 'static,
    B: WriteBuffer,
{
    let transfer = drain(stream, &mut buffer, transfer_all()).await;
    buffer.completed(transfer.result)
}

async fn drain<W, B, C>(stream: &W, buffer: &mut B, mut condition: C) -> Transfer
where
    W: AsyncWriteStream,
    B: WriteBuffer,
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
        let written = match most {
            usize::MAX => stream.write_after(buffer, bytes).await,
            most => {
                let mut front = front(buffer, bytes.saturating_add(most));
                stream.write_after(&mut front, bytes).await
            }
        };
        match written {
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes += n,
            Err(error) => break Err(error),
        }
    };
    Transfer { bytes, result }
}
