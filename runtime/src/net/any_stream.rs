use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::polled::{OnPolled, PolledStream};
use crate::async_op;
use crate::buffer::{DynamicBuffer, ReadBuffer, WriteBuffer, read_list, write_list};
use crate::cancel::CancellationType;
use crate::context::{Direction, IoExecutor};
use crate::executor::home::homes;
use crate::executor::{Home, HomeExecutor, IoObject};
use crate::initiation::Initiation;
use crate::io::{AsyncReadStream, AsyncWriteStream, Transport, append_zeroed, some};
use crate::meta::Meta;
use crate::task::FrameBox;

/// A stream whose type has been erased: a client holds TCP, a Unix socket, TLS or a stream of
/// yours alike.
///
/// A handle: clones are the same stream. It is a stream as any other, for all that is in
/// [`io`](crate::io), and a [`Transport`].
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{read_until, write_all};
/// use async_op::net::{AnyStream, TcpListener, TcpStream, UnixStream};
///
/// # pollster::block_on(async {
/// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// let client = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
///
/// for (one, other) in [
///     (AnyStream::new(client), AnyStream::new(server)),
///     (AnyStream::new(a), AnyStream::new(b)),
/// ] {
///     write_all(&one, "hello\n").await?;
///     assert_eq!(read_until(&other, Vec::new(), b'\n').await.0?, 6);
/// }
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
///
/// # Allocation
///
/// One block, when it is made. Operations on a `TcpStream` or `UnixStream` need no more than
/// they would without this; on streams of other types each takes a second block from the
/// allocator of the operation, by default one that is recycled.
#[derive(Clone)]
pub struct AnyStream<E = Home> {
    object: Arc<dyn Object>,
    home: E,
}

/// A stream as a trait object.
trait Object: Send + Sync {
    fn executor(&self) -> IoExecutor;
    fn polled(&self) -> Option<&dyn PolledStream>;
    fn read<'a>(&'a self, part: &'a mut [u8]) -> FrameBox<'a, io::Result<usize>>;
    fn write<'a>(&'a self, part: &'a [u8]) -> FrameBox<'a, io::Result<usize>>;
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
    fn finish(&self) -> FrameBox<'_, io::Result<()>>;
    fn close(&self);
    fn as_any(&self) -> &dyn Any;
}

impl<S: Transport> Object for S {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn executor(&self) -> IoExecutor {
        IoObject::executor(self)
    }

    fn polled(&self) -> Option<&dyn PolledStream> {
        Transport::polled(self)
    }

    fn read<'a>(&'a self, mut part: &'a mut [u8]) -> FrameBox<'a, io::Result<usize>> {
        FrameBox::new(async move { self.read_after(&mut part, 0).await })
    }

    fn write<'a>(&'a self, mut part: &'a [u8]) -> FrameBox<'a, io::Result<usize>> {
        FrameBox::new(async move { self.write_after(&mut part, 0).await })
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write_some(bytes)
    }

    fn finish(&self) -> FrameBox<'_, io::Result<()>> {
        FrameBox::new(Transport::finish(self))
    }

    fn close(&self) {
        Transport::close(self);
    }
}

impl AnyStream {
    /// Erases the type of `stream`.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{AnyStream, UnixStream};
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let a = AnyStream::new(a);
    /// a.write_some("hello").await?;
    /// assert_eq!(b.read_some(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Out of memory
    ///
    /// Aborts the process, as [`Arc::new`] does.
    pub fn new(stream: impl Transport) -> Self {
        Self {
            object: Arc::new(stream),
            home: Home,
        }
    }
}

impl<E: HomeExecutor> AnyStream<E> {
    /// Returns the stream itself, if it is of this type.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::net::{AnyStream, TcpStream, UnixStream};
    ///
    /// let context = IoContext::new()?;
    /// let (a, _) = UnixStream::pair(&context)?;
    /// let stream = AnyStream::new(a);
    /// if let Some(tcp) = stream.downcast_ref::<TcpStream>() {
    ///     tcp.set_nodelay(true)?;
    /// }
    /// assert!(stream.downcast_ref::<UnixStream>().is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn downcast_ref<S: Transport>(&self) -> Option<&S> {
        self.object.as_any().downcast_ref()
    }

    /// Reads what there is, at least one byte, into the front of `buffer`.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{AnyStream, UnixStream};
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let (a, b) = (AnyStream::new(a), AnyStream::new(b));
    /// a.write_some("hello").await?;
    /// let mut buffer = [0; 16];
    /// assert_eq!(b.read_some(&mut buffer).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<usize>)` for a borrowed buffer,
    /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
    /// or not (see [`ReadBuffer`]). 0 bytes mean the end of the stream, or that the buffer is
    /// an empty slice or array.
    ///
    /// # Overlap
    ///
    /// One read at a time is useful: of several, any may get the next bytes.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory where the stream is a socket; see
    /// [above](Self#allocation).
    ///
    /// # Cancel safety
    ///
    /// That of the stream. Requests of every [type](crate::cancel::CancellationType) are
    /// passed on.
    ///
    /// # Errors
    ///
    /// The stream's, and [`InvalidInput`](io::ErrorKind::InvalidInput) for an empty `Vec`.
    #[async_op]
    pub fn async_read_some<B: ReadBuffer>(
        &self,
        buffer: B,
    ) -> impl Initiation<B::Completion<io::Result<usize>>> {
        static META: Meta =
            Meta::new("async_read_some", &["self"], &[]).with_cancellation(CancellationType::TOTAL);
        some::read_some(self.clone(), &META, buffer)
    }

    /// Writes from the front of `buffer` what the stream takes, at least one byte.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{AnyStream, UnixStream};
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let (a, b) = (AnyStream::new(a), AnyStream::new(b));
    /// assert_eq!(a.write_some("hello").await?, 5);
    /// # drop(b);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<usize>)` for a borrowed buffer,
    /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
    /// or not (see [`WriteBuffer`]).
    ///
    /// # Overlap
    ///
    /// One write at a time is useful: the bytes of several may arrive in any order.
    ///
    /// # Allocation
    ///
    /// As for [`async_read_some`](Self::async_read_some).
    ///
    /// # Cancel safety
    ///
    /// That of the stream. Requests of every [type](crate::cancel::CancellationType) are
    /// passed on.
    ///
    /// # Errors
    ///
    /// The stream's.
    #[async_op]
    pub fn async_write_some<B: WriteBuffer>(
        &self,
        buffer: B,
    ) -> impl Initiation<B::Completion<io::Result<usize>>> {
        static META: Meta = Meta::new("async_write_some", &["self"], &[])
            .with_cancellation(CancellationType::TOTAL);
        some::write_some(self.clone(), &META, buffer)
    }

    /// Writes from the front of `buffer` what the stream takes here and now.
    ///
    /// This is no operation: it waits for nothing, and nobody's request to
    /// cancel concerns it.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{AnyStream, UnixStream};
    ///
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let (a, b) = (AnyStream::new(a), AnyStream::new(b));
    /// assert_eq!(a.try_write_some(b"hello")?, 5);
    /// # drop(b);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The stream's, and [`WouldBlock`](io::ErrorKind::WouldBlock) if it takes nothing, as a
    /// stream of yours always does that does not say otherwise.
    pub fn try_write_some(&self, buffer: &[u8]) -> io::Result<usize> {
        self.object.try_write(buffer)
    }

    /// Tells the other end that this was all; what that says can still be read.
    ///
    /// A socket is shut down for writing; what other streams do they say.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{AnyStream, UnixStream};
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let (a, b) = (AnyStream::new(a), AnyStream::new(b));
    /// a.finish().await?;
    /// assert_eq!(b.read_some(&mut [0; 16]).await?, 0); // the end
    /// b.write_some("answered all the same").await?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<()>)`.
    ///
    /// # Overlap
    ///
    /// Once, after the last write, is useful.
    ///
    /// # Allocation
    ///
    /// A block from the allocator of the operation.
    ///
    /// # Cancel safety
    ///
    /// That of the stream, as are the types of requests that are honoured.
    ///
    /// # Errors
    ///
    /// The stream's.
    #[doc(alias = "shutdown")]
    #[async_op(cancellation = total)]
    pub async fn async_finish(&self) -> io::Result<()> {
        self.object.finish().await
    }

    /// Ends the connection, and whatever waits for it.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{AnyStream, UnixStream};
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let (a, b) = (AnyStream::new(a), AnyStream::new(b));
    /// a.close();
    /// assert_eq!(b.read_some(&mut [0; 16]).await?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn close(&self) {
        self.object.close();
    }
}

homes!(AnyStream, object, |this| this.object.executor());

impl<E: HomeExecutor> AsyncReadStream for AnyStream<E> {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        let Some(polled) = self.object.polled() else {
            return self.object.read(buffer.after(skip)).await;
        };
        OnPolled::new(polled, Direction::Read, |polled, turn, cx| {
            read_list(buffer, skip, |parts| polled.poll_read(turn, cx, parts))
        })
        .await
    }

    async fn append<D: DynamicBuffer>(&self, buffer: &mut D, most: usize) -> io::Result<usize> {
        let Some(polled) = self.object.polled() else {
            return append_zeroed(self, buffer, most).await;
        };
        OnPolled::new(polled, Direction::Read, |polled, turn, cx| {
            buffer.append_with(most, |spare| polled.poll_read_spare(turn, cx, spare))
        })
        .await
    }
}

impl<E: HomeExecutor> AsyncWriteStream for AnyStream<E> {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        let Some(polled) = self.object.polled() else {
            return self.object.write(buffer.after(skip)).await;
        };
        // Moved into: a shared reference to a buffer need not be `Send`.
        OnPolled::new(polled, Direction::Write, move |polled, turn, cx| {
            write_list(&*buffer, skip, |parts| polled.poll_write(turn, cx, parts))
        })
        .await
    }
}

impl Transport for AnyStream {
    fn try_write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write_some(bytes)
    }

    fn finish(&self) -> impl Future<Output = io::Result<()>> {
        self.object.finish()
    }

    fn close(&self) {
        self.close();
    }

    fn polled(&self) -> Option<&dyn PolledStream> {
        self.object.polled()
    }
}

impl<E> fmt::Debug for AnyStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStream").finish_non_exhaustive()
    }
}
