use std::io;

use super::{CompletionCondition, Draining, Filling, Report, check_cancelled};
use crate::buffer::{DynamicBuffer, ReadBuffer, WriteBuffer, next_part};
use crate::executor::IoObject;
use crate::initiation::{Initiation, from_future};
use crate::meta::Meta;
use crate::signature::Signature;

/// A stream that bytes can be read from: what the composed operations of this
/// crate work on.
///
/// Asio's requirements for an *AsyncReadStream*, for those who write streams;
/// those who use them call operations.
///
/// ```
/// use async_op::{IoExecutor, IoObject};
/// use async_op::io::{AsyncReadStream, ReadBuffer};
/// use std::io;
///
/// /// An endless row of zeroes.
/// #[derive(Clone)]
/// struct Zeroes(IoExecutor);
///
/// impl IoObject for Zeroes {
///     type Executor = IoExecutor;
///
///     fn executor(&self) -> IoExecutor {
///         self.0
///     }
/// }
///
/// impl AsyncReadStream for Zeroes {
///     async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
///         let part = buffer.after(skip);
///         part.fill(0);
///         Ok(part.len())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream that can be read from",
    label = "not a stream to read from",
    note = "wrap a stream of another crate: `TokioIo::new(executor, stream)` or `FuturesIo::new(executor, stream)`",
    note = "implement `AsyncReadStream` for one of yours, a handle that is `Clone`"
)]
pub trait AsyncReadStream: IoObject + Clone + Send + Sync + 'static {
    /// Reads what there is, at least one byte, into `buffer` after its first
    /// `skip` bytes; returns how much that was.
    ///
    /// 0 bytes mean the end of the stream, or that there is no room, which has
    /// to be returned at once. A future that is dropped has read nothing.
    fn read_after<B: ReadBuffer>(
        &self,
        buffer: &mut B,
        skip: usize,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Reads up to `most` bytes to the end of `buffer`. Streams of this crate need not zero
    /// its memory before.
    #[doc(hidden)]
    fn append<D: DynamicBuffer>(
        &self,
        buffer: &mut D,
        most: usize,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        append_zeroed(self, buffer, most)
    }

    /// Makes the operation that reads to the end of a buffer, as [`filling`](Self::filling)
    /// makes its own.
    #[doc(hidden)]
    #[track_caller]
    fn appending<S, D>(self, meta: &'static Meta, mut buffer: D) -> impl Initiation<S>
    where
        S: Signature<Output = D::Output<io::Result<usize>>>,
        D: DynamicBuffer,
    {
        let executor = self.executor();
        from_future(meta, executor, async move {
            let result = match (check_cancelled(), next_part(&mut buffer)) {
                (Err(error), _) => Err(error),
                (_, Some(most)) => self.append(&mut buffer, most).await,
                (_, None) => Err(io::ErrorKind::InvalidData.into()),
            };
            buffer.completed(result)
        })
    }

    /// Makes the operation that fills a buffer. Streams of this crate need no future for
    /// that, where it is started with a handler.
    #[doc(hidden)]
    #[track_caller]
    fn filling<S, B, C, R>(
        self,
        meta: &'static Meta,
        filling: Filling<B, C, R>,
    ) -> impl Initiation<S>
    where
        S: Signature<Output = B::Output<R::Said>>,
        B: ReadBuffer,
        C: CompletionCondition,
        R: Report,
    {
        let executor = self.executor();
        from_future(meta, executor, async move { filling.on(&self).await })
    }
}

/// A stream that bytes can be written to: what the composed operations of this
/// crate work on.
///
/// Asio's requirements for an *AsyncWriteStream*. See [`AsyncReadStream`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream that can be written to",
    label = "not a stream to write to",
    note = "wrap a stream of another crate: `TokioIo::new(executor, stream)` or `FuturesIo::new(executor, stream)`",
    note = "implement `AsyncWriteStream` for one of yours, a handle that is `Clone`"
)]
pub trait AsyncWriteStream: IoObject + Clone + Send + Sync + 'static {
    /// Writes what the stream takes, at least one byte, of `buffer` after its
    /// first `skip` bytes; returns how much that was.
    ///
    /// 0 bytes mean that there is nothing to write, which has to be returned at
    /// once. A future that is dropped has written nothing.
    ///
    /// ```
    /// use async_op::io::{AsyncWriteStream, WriteBuffer};
    /// use async_op::{IoExecutor, IoObject};
    /// use std::io;
    ///
    /// /// Takes everything, and keeps nothing.
    /// #[derive(Clone)]
    /// struct Nowhere(IoExecutor);
    ///
    /// # impl IoObject for Nowhere {
    /// #     type Executor = IoExecutor;
    /// #
    /// #     fn executor(&self) -> IoExecutor { self.0 }
    /// # }
    /// impl AsyncWriteStream for Nowhere {
    ///     async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
    ///         Ok(buffer.total_len() - skip)
    ///     }
    /// }
    /// ```
    fn write_after<B: WriteBuffer>(
        &self,
        buffer: &mut B,
        skip: usize,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Makes the operation that writes a buffer. Streams of this crate need no future for
    /// that, where it is started with a handler.
    #[doc(hidden)]
    #[track_caller]
    fn draining<S, B, C, R>(
        self,
        meta: &'static Meta,
        draining: Draining<B, C, R>,
    ) -> impl Initiation<S>
    where
        S: Signature<Output = B::Output<R::Said>>,
        B: WriteBuffer,
        C: CompletionCondition,
        R: Report,
    {
        let executor = self.executor();
        from_future(meta, executor, async move { draining.on(&self).await })
    }
}

/// [`AsyncReadStream::append`] of a stream that reads into memory with a value alone.
pub(crate) async fn append_zeroed<R: AsyncReadStream, D: DynamicBuffer>(
    stream: &R,
    buffer: &mut D,
    most: usize,
) -> io::Result<usize> {
    /// Cuts off what was not read into, on unwind and when the future is
    /// dropped, too.
    struct Filled<'a, D: DynamicBuffer>(&'a mut D, usize);

    impl<D: DynamicBuffer> Drop for Filled<'_, D> {
        fn drop(&mut self) {
            self.0.resize(self.1);
        }
    }

    let len = buffer.bytes().len();
    // As in `buffer/dynamic`: before the guard, and then as long as it should be.
    buffer.resize(len + most);
    let mut filled = Filled(buffer, len);
    let mut spare = &mut filled.0.bytes()[len..][..most];
    let n = stream.read_after(&mut spare, 0).await?;
    assert!(n <= most, "more than there is room for");
    filled.1 += n;
    Ok(n)
}
