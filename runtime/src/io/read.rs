use std::io;

use super::steps::Steps;
use super::transfer::{Report, ResultAlone, Whole};
use super::{AsyncReadStream, CompletionCondition, Transfer, check_cancelled, transfer_all};
use crate::async_op;
use crate::buffer::{ReadBuffer, front, lacks_length};
use crate::cancel::CancellationType;
use crate::initiation::{Initiation, from_future};
use crate::meta::Meta;

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
/// [terminal and partial](crate::cancel::CancellationType) are honoured: it completes
/// with what it has read until then.
///
/// # Errors
///
/// The stream's, [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when it
/// ends before it is enough, and [`InvalidInput`](io::ErrorKind::InvalidInput) for an empty
/// `Vec`, unless that is enough: see [`read_buf`](super::read_buf).
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{read, transfer_all};
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// a.write_some("hello").await?;
/// drop(a);
/// let mut buffer = [0; 16];
/// let transfer = read(&b, &mut buffer, transfer_all()).await;
/// assert_eq!(&buffer[..transfer.bytes], b"hello");
/// assert_eq!(transfer.result.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op]
pub fn async_read<R, B, C>(
    stream: &R,
    buffer: B,
    condition: C,
) -> impl Initiation<B::Completion<Transfer>>
where
    R: AsyncReadStream,
    B: ReadBuffer,
    C: CompletionCondition,
{
    static META: Meta =
        Meta::new("async_read", &["stream"], &[]).with_cancellation(CancellationType::PARTIAL);
    // The condition is the caller's: it is asked where the handler is called.
    let (stream, transfer) = (stream.clone(), Filling::new(buffer, condition, Whole));
    let executor = stream.executor();
    from_future(&META, executor, async move { transfer.on(&stream).await })
}

/// Fills `buffer`.
///
/// On a socket or pipe of this crate all reads are made on its own executor, and that of
/// the handler has the handler alone; on other streams each belongs to the latter.
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
/// [terminal](crate::cancel::CancellationType) are honoured.
///
/// # Errors
///
/// The stream's, and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when it
/// ends before the buffer is full.
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::read_exact;
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// a.write_some("hello, world").await?;
/// let mut word = [0; 5];
/// read_exact(&b, &mut word).await?;
/// assert_eq!(&word, b"hello");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[async_op]
pub fn async_read_exact<R, B>(
    stream: &R,
    buffer: B,
) -> impl Initiation<B::Completion<io::Result<()>>>
where
    R: AsyncReadStream,
    B: ReadBuffer,
{
    static META: Meta = Meta::new("async_read_exact", &["stream"], &[]);
    stream
        .clone()
        .filling(&META, Filling::new(buffer, transfer_all(), ResultAlone))
}

/// An operation that fills a buffer, without its stream.
#[derive(Debug)]
pub struct Filling<B, C, R> {
    buffer: B,
    steps: Steps<C>,
    report: R,
}

impl<B: ReadBuffer, C: CompletionCondition, R: Report> Filling<B, C, R> {
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
        self.steps.advance(n, io::ErrorKind::UnexpectedEof)
    }

    /// Returns something if it is enough.
    #[inline]
    pub(crate) fn is_over(&mut self) -> Option<()> {
        self.part().is_none().then_some(())
    }

    /// Fails if nothing could be read.
    fn enough(&mut self) -> io::Result<()> {
        if R::SAYS_HOW_MUCH && self.buffer.lacks_length() && self.steps.next().is_some() {
            return Err(lacks_length());
        }
        Ok(())
    }

    /// Makes the output.
    #[inline]
    pub(crate) fn report(self, result: io::Result<()>) -> B::Output<R::Said> {
        let bytes = self.steps.bytes();
        let said = self.report.say(Transfer { bytes, result });
        self.buffer.completed(said)
    }

    /// Does all of it on a stream of whatever kind.
    pub(crate) async fn on(mut self, stream: &impl AsyncReadStream) -> B::Output<R::Said> {
        let result = loop {
            let Some((buffer, skip, end)) = self.part() else {
                break self.enough();
            };
            if let Err(error) = check_cancelled() {
                break Err(error);
            }
            let step = match end {
                usize::MAX => stream.read_after(buffer, skip).await,
                end => stream.read_after(&mut front(buffer, end), skip).await,
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
