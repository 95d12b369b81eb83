use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use crate::context::{Direction, WaiterKey};

/// A stream or a UDP socket in the shape that other libraries poll: with the features
/// `futures-io` and `tokio-io` a stream implements their traits for reading and
/// writing.
///
/// Made by `into_poll_io` of every stream, and of a [`UdpSocket`](crate::net::UdpSocket).
/// Clones of those stay usable. Nothing is allocated for a wait.
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
    read: T::Waiting,
    write: T::Waiting,
}

/// The operation of one direction that waits, from one poll to the next.
pub trait Waits: Default + Send + Unpin {
    /// By what the source knows it.
    type Key;

    /// Polls with it.
    fn with<R>(&mut self, poll: impl FnOnce(&mut Option<Self::Key>) -> R) -> R;
}

/// One that somebody has alone.
impl<K: Send + Unpin> Waits for Option<K> {
    type Key = K;

    fn with<R>(&mut self, poll: impl FnOnce(&mut Option<K>) -> R) -> R {
        poll(self)
    }
}

/// One that the reactor knows: a number, so that those who have the socket in common can poll it: whoever polls takes
/// the key out. Another who comes meanwhile finds none, and waits with a key of its own; the
/// last that is put back stands, and what was there is forgotten.
#[derive(Debug, Default)]
pub struct Waiting(AtomicU32);

impl Waiting {
    fn take(&self) -> Option<WaiterKey> {
        WaiterKey::of_number(self.0.swap(0, Ordering::AcqRel))
    }

    /// Puts it where there is none; else returns it.
    fn put_back(&self, key: WaiterKey) -> Option<WaiterKey> {
        let number = key.number();
        let put = self
            .0
            .compare_exchange(0, number, Ordering::AcqRel, Ordering::Relaxed);
        put.err().map(|_| key)
    }

    /// Returns the key that was there.
    fn put(&self, key: WaiterKey) -> Option<WaiterKey> {
        WaiterKey::of_number(self.0.swap(key.number(), Ordering::AcqRel))
    }
}

impl Waits for Waiting {
    type Key = WaiterKey;

    /// For the one that has it alone.
    fn with<R>(&mut self, poll: impl FnOnce(&mut Option<WaiterKey>) -> R) -> R {
        let number = self.0.get_mut();
        let mut key = WaiterKey::of_number(*number);
        let polled = poll(&mut key);
        *number = key.map_or(0, WaiterKey::number);
        polled
    }
}

/// A key that is taken out, and is put back, whatever an attempt of somebody else's does.
struct Turn<'a, T: PollSource<Waiting = Waiting>> {
    io: &'a PollIo<T>,
    direction: Direction,
    key: Option<WaiterKey>,
    /// Who does not wait makes nobody else be forgotten.
    waits: bool,
}

impl<T: PollSource<Waiting = Waiting>> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let waiting = self.io.waiting(self.direction);
        let other = match self.waits {
            true => waiting.put(key),
            false => waiting.put_back(key),
        };
        match self.direction {
            Direction::Read => self.io.stream.forget(other, None),
            Direction::Write => self.io.stream.forget(None, other),
        }
    }
}

impl<T: PollSource> PollIo<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self {
            stream,
            read: T::Waiting::default(),
            write: T::Waiting::default(),
        }
    }

    /// Returns the stream, or socket.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let a = a.into_poll_io();
    /// a.get_ref().write_some("hello").await?;
    /// assert_eq!(b.read_some(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.stream
    }
}

impl<T: PollSource<Waiting = Waiting>> PollIo<T> {
    fn waiting(&self, direction: Direction) -> &Waiting {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Polls what others may poll at the same time. Of several tasks the one that comes last
    /// is woken.
    pub(super) fn poll_shared<R>(
        &self,
        direction: Direction,
        poll: impl FnOnce(&T, &mut Option<WaiterKey>) -> Poll<R>,
    ) -> Poll<R> {
        let mut turn = Turn {
            io: self,
            direction,
            key: self.waiting(direction).take(),
            waits: false,
        };
        let polled = poll(&self.stream, &mut turn.key);
        turn.waits = polled.is_pending();
        polled
    }
}

impl<T: PollRead> PollIo<T> {
    /// Reads what there is, at least one byte, or has `cx` woken when to poll
    /// again. One task at a time can wait.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("hello").await?;
    /// let mut b = b.into_poll_io();
    /// let mut buffer = [0; 16];
    /// assert_eq!(poll_fn(|cx| b.poll_read(cx, &mut buffer)).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for `async_read_some` of the stream.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, part: &mut [u8]) -> Poll<io::Result<usize>> {
        let stream = &self.stream;
        self.read.with(|key| stream.poll_read(key, cx, part))
    }
}

impl<T: PollWrite> PollIo<T> {
    /// Writes what the system takes, at least one byte, or has `cx` woken when
    /// to poll again. One task at a time can wait.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use std::future::poll_fn;
    /// use std::io::IoSlice;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let mut a = a.into_poll_io();
    /// let parts = [IoSlice::new(b"hello, "), IoSlice::new(b"world")];
    /// assert_eq!(poll_fn(|cx| a.poll_write(cx, &parts)).await?, 12);
    /// # drop(b);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for `async_write_some` of the stream.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = &self.stream;
        self.write.with(|key| stream.poll_write(key, cx, parts))
    }

    /// Tells the peer that this was all: shuts down a socket for writing. The
    /// end of a pipe is told when it is dropped.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let mut a = a.into_poll_io();
    /// a.close_write()?;
    /// assert_eq!(b.read_some(&mut [0; 16]).await?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
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
        let (read, write) = (self.read.with(Option::take), self.write.with(Option::take));
        self.stream.forget(read, write);
    }
}

impl<T: PollSource> fmt::Debug for PollIo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollIo").finish_non_exhaustive()
    }
}

/// What can be polled.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be polled",
    note = "`PollIo` is for the streams of this crate, `TcpStream`, `UnixStream` and pipes, and for `UdpSocket`"
)]
pub trait PollSource {
    /// What is kept of an operation that waits.
    type Waiting: Waits;

    /// Forgets operations that wait.
    fn forget(&self, read: Option<Key<Self>>, write: Option<Key<Self>>);
}

type Key<T> = <<T as PollSource>::Waiting as Waits>::Key;

/// A stream that can be polled for bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be polled for bytes",
    note = "`PollIo` is for the streams of this crate: `TcpStream`, `UnixStream` and pipes"
)]
pub trait PollRead: PollSource {
    /// Reads, or parks the operation that `key` names.
    fn poll_read(
        &self,
        key: &mut Option<Key<Self>>,
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
        key: &mut Option<Key<Self>>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Tells the peer that this was all.
    fn close(&self) -> io::Result<()>;
}

/// Makes a stream of bytes one that can be polled, as an example has it.
macro_rules! polls {
    ($(#[$example:meta])* $ty:ident) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Makes it a stream that other libraries can poll: with the features
            /// `futures-io` and `tokio-io`, for whatever is made for the traits of
            /// those.
            ///
            $(#[$example])*
            pub fn into_poll_io(self) -> $crate::io::PollIo<Self> {
                $crate::io::PollIo::new(self)
            }
        }

        $crate::net::poll_io::poll_source!($ty);
    };
}

/// Lets what waits for a handle be forgotten.
macro_rules! poll_source {
    ($ty:ident) => {
        impl<E: $crate::executor::HomeExecutor> $crate::net::poll_io::PollSource for $ty<E> {
            type Waiting = $crate::net::poll_io::Waiting;

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

pub(super) use {poll_source, polls};

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
