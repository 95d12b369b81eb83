use std::fmt;
use std::io;
use std::task::{Context, Poll};

/// A stream in the shape that other libraries poll: with the features
/// `futures-io` and `tokio-io` it implements their traits for reading and
/// writing.
///
/// Made by `into_poll_io` of every stream. Clones of the stream stay usable.
///
/// ```
/// # #[cfg(feature = "futures-io")]
/// # async fn example() -> std::io::Result<()> {
/// use async_op::SystemExecutor;
/// use async_op::net::UnixStream;
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// let (mut a, mut b) = (a.into_poll_io(), b.into_poll_io());
/// a.write_all(b"hello").await?;
/// a.close().await?;
/// let mut text = String::new();
/// b.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// # #[cfg(feature = "futures-io")]
/// # pollster::block_on(example()).unwrap();
/// ```
pub struct PollIo<T: PollSource> {
    stream: T,
    /// The operations that wait, as the stream knows them.
    read: Option<T::Key>,
    write: Option<T::Key>,
}

impl<T: PollSource> PollIo<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self {
            stream,
            read: None,
            write: None,
        }
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &T {
        &self.stream
    }
}

impl<T: PollRead> PollIo<T> {
    /// Reads what there is, at least one byte, or has `cx` woken when to poll
    /// again. One task at a time can wait.
    ///
    /// # Errors
    ///
    /// As for `async_read_some` of the stream.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, part: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_read(&mut self.read, cx, part)
    }
}

impl<T: PollWrite> PollIo<T> {
    /// Writes what the system takes, at least one byte, or has `cx` woken when
    /// to poll again. One task at a time can wait.
    ///
    /// # Errors
    ///
    /// As for `async_write_some` of the stream.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write(&mut self.write, cx, parts)
    }

    /// Tells the peer that this was all: shuts down a socket for writing. The
    /// end of a pipe is told when it is dropped.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn close_write(&mut self) -> io::Result<()> {
        self.stream.close()
    }
}

impl<T: PollSource> Drop for PollIo<T> {
    fn drop(&mut self) {
        self.stream.forget(self.read.take(), self.write.take());
    }
}

impl<T: PollSource> fmt::Debug for PollIo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollIo").finish_non_exhaustive()
    }
}

/// A stream that can be polled.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be polled",
    note = "`PollIo` is for the streams of this crate: `TcpStream`, `UnixStream` and pipes"
)]
pub trait PollSource {
    /// By what an operation that waits is known.
    type Key: Send + Unpin;

    /// Forgets operations that wait.
    fn forget(&self, read: Option<Self::Key>, write: Option<Self::Key>);
}

/// A stream that can be polled for bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be polled for bytes",
    note = "`PollIo` is for the streams of this crate: `TcpStream`, `UnixStream` and pipes"
)]
pub trait PollRead: PollSource {
    /// Reads, or parks the operation that `key` names.
    fn poll_read(
        &self,
        key: &mut Option<Self::Key>,
        cx: &mut Context<'_>,
        part: &mut [u8],
    ) -> Poll<io::Result<usize>>;
}

/// A stream that can be polled to take bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be polled to take bytes",
    note = "`PollIo` is for the streams of this crate: `TcpStream`, `UnixStream` and pipes"
)]
pub trait PollWrite: PollSource {
    /// Writes, or parks the operation that `key` names.
    fn poll_write(
        &self,
        key: &mut Option<Self::Key>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Tells the peer that this was all.
    fn close(&self) -> io::Result<()>;
}

/// Makes a stream of bytes one that can be polled.
macro_rules! polls {
    ($ty:ident) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Makes it a stream that other libraries can poll: with the features
            /// `futures-io` and `tokio-io`, for whatever is made for the traits of
            /// those.
            pub fn into_poll_io(self) -> $crate::io::PollIo<Self> {
                $crate::io::PollIo::new(self)
            }
        }

        impl<E: $crate::executor::HomeExecutor> $crate::net::poll_io::PollSource for $ty<E> {
            type Key = $crate::context::WaiterKey;

            fn forget(
                &self,
                read: Option<$crate::context::WaiterKey>,
                write: Option<$crate::context::WaiterKey>,
            ) {
                self.source.forget(read, write);
            }
        }
    };
}

pub(super) use polls;

#[cfg(feature = "futures-io")]
mod futures {
    use std::io::{self, IoSlice};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures_io::{AsyncRead, AsyncWrite};

    use super::{PollIo, PollRead, PollWrite};

    impl<T: PollRead + Unpin> AsyncRead for PollIo<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            part: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().poll_read(cx, part)
        }
    }

    impl<T: PollWrite + Unpin> AsyncWrite for PollIo<T> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            part: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().poll_write(cx, &[IoSlice::new(part)])
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().poll_write(cx, parts)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.get_mut().close_write())
        }
    }
}

#[cfg(feature = "tokio-io")]
mod tokio {
    use std::io::{self, IoSlice};
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::{PollIo, PollRead, PollWrite};

    impl<T: PollRead + Unpin> AsyncRead for PollIo<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let part = buffer.initialize_unfilled();
            let n = ready!(self.get_mut().poll_read(cx, part))?;
            buffer.advance(n);
            Poll::Ready(Ok(()))
        }
    }

    impl<T: PollWrite + Unpin> AsyncWrite for PollIo<T> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            part: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().poll_write(cx, &[IoSlice::new(part)])
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().poll_write(cx, parts)
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.get_mut().close_write())
        }
    }
}
