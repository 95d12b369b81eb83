use std::io;

use super::steps::Steps;
use super::transfer::{Report, ResultAlone, Whole};
use super::{AsyncWriteStream, CompletionCondition, Transfer, check_cancelled, transfer_all};
use crate::async_op;
use crate::buffer::{WriteBuffer, front};
use crate::cancel::CancellationType;
use crate::initiation::{Initiation, from_future};
use crate::meta::Meta;

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
/// the types [terminal and partial](crate::cancel::CancellationType) are honoured: it
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
/// use async_op::SystemExecutor;
/// use async_op::io::{transfer_exactly, write};
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, _b) = UnixStream::pair(&SystemExecutor)?;
/// let n = write(&a, "hello", transfer_exactly(4)).await.into_result()?;
/// assert_eq!(n, 4);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op]
pub fn async_write<W, B, C>(
    stream: &W,
    buffer: B,
    condition: C,
) -> impl Initiation<B::Completion<Transfer>>
where
    W: AsyncWriteStream,
    B: WriteBuffer,
    C: CompletionCondition,
{
    static META: Meta =
        Meta::new("async_write", &["stream"], &[]).with_cancellation(CancellationType::PARTIAL);
    // The condition is the caller's: it is asked where the handler is called.
    let (stream, transfer) = (stream.clone(), Draining::new(buffer, condition, Whole));
    let executor = stream.executor();
    from_future(&META, executor, async move { transfer.on(&stream).await })
}

/// Writes all of `buffer`.
///
/// On a socket or pipe of this crate all writes are made on its own executor, and that of
/// the handler has the handler alone; on other streams each belongs to the latter.
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
/// [terminal](crate::cancel::CancellationType) are honoured.
///
/// # Errors
///
/// The stream's, and [`WriteZero`](io::ErrorKind::WriteZero) when it takes no
/// more.
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{read_exact, write_all};
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// write_all(&a, "hello, ").await?;
/// write_all(&a, "world").await?;
/// let mut buffer = [0; 12];
/// read_exact(&b, &mut buffer).await?;
/// assert_eq!(&buffer, b"hello, world");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op]
pub fn async_write_all<W, B>(
    stream: &W,
    buffer: B,
) -> impl Initiation<B::Completion<io::Result<()>>>
where
    W: AsyncWriteStream,
    B: WriteBuffer,
{
    static META: Meta = Meta::new("async_write_all", &["stream"], &[]);
    stream
        .clone()
        .draining(&META, Draining::new(buffer, transfer_all(), ResultAlone))
}

/// An operation that writes a buffer, without its stream.
#[derive(Debug)]
pub struct Draining<B, C, R> {
    buffer: B,
    steps: Steps<C>,
    report: R,
}

impl<B: WriteBuffer, C: CompletionCondition, R: Report> Draining<B, C, R> {
    fn new(buffer: B, condition: C, report: R) -> Self {
        Self {
            buffer,
            steps: Steps::new(condition),
            report,
        }
    }

    /// Returns the buffer, how much of it is done, and where the next step ends at the
    /// latest; nothing if it is enough.
    #[inline]
    pub(crate) fn part(&mut self) -> Option<(&mut B, usize, usize)> {
        let (skip, end) = self.steps.next()?;
        if self.buffer.after(skip).is_empty() {
            return None;
        }
        Some((&mut self.buffer, skip, end))
    }

    /// Takes note of a step of `n` bytes.
    ///
    /// # Errors
    ///
    /// If that is none.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) -> io::Result<()> {
        self.steps.advance(n, io::ErrorKind::WriteZero)
    }

    /// Returns something if it is enough.
    #[inline]
    pub(crate) fn is_over(&mut self) -> Option<()> {
        self.part().is_none().then_some(())
    }

    /// Makes the output.
    #[inline]
    pub(crate) fn report(self, result: io::Result<()>) -> B::Output<R::Said> {
        let bytes = self.steps.bytes();
        let said = self.report.say(Transfer { bytes, result });
        self.buffer.completed(said)
    }

    /// Does all of it on a stream of whatever kind.
    pub(crate) async fn on(mut self, stream: &impl AsyncWriteStream) -> B::Output<R::Said> {
        let result = loop {
            let Some((buffer, skip, end)) = self.part() else {
                break Ok(());
            };
            if let Err(error) = check_cancelled() {
                break Err(error);
            }
            let step = match end {
                usize::MAX => stream.write_after(buffer, skip).await,
                end => stream.write_after(&mut front(buffer, end), skip).await,
            };
            if let Err(error) = step.and_then(|n| self.advance(n)) {
                if !self.steps.go_on_after(&error) {
                    break Err(error);
                }
            }
        };
        self.report(result)
    }
}
