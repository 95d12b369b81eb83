use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::byte_stream::{reads, writes};
use super::connect::connect;
use super::handle::handle;
use super::peek::peeks;
use super::poll_io::polls;
use super::receive::is_stream;
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::cancel::CancellationType;
use crate::context::{IoExecutor, Registration};
use crate::executor::{Executor, Home, HomeExecutor};
use crate::initiation::Initiation;
use crate::io::transports;
use crate::meta::Meta;

/// A connection over a Unix socket.
///
/// A handle: clones are the same socket, which is closed with the last of them
/// and of its operations. Reads and writes may go on at the same time.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::UnixStream;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixStream::pair(&SystemExecutor)?;
/// a.write_some("hello").await?;
/// let mut buffer = [0; 16];
/// assert_eq!(b.read_some(&mut buffer).await?, 5);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct UnixStream<E = Home> {
    source: SharedSource<mio::net::UnixStream>,
    home: E,
}

impl Pollable for mio::net::UnixStream {
    // Each message that is taken makes room, which is nobody's concern.
    fn unwatched(&self) -> Option<RawFd> {
        Some(self.as_raw_fd())
    }

    // One that comes from elsewhere may be of type `SOCK_SEQPACKET`.
    fn has_messages(&self) -> bool {
        !is_stream(self)
    }
}

impl UnixStream {
    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, and one of kind [`Other`](io::ErrorKind::Other) when the
    /// context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("hello").await?;
    /// assert_eq!(b.read_some(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn pair(executor: &IoExecutor) -> io::Result<(Self, Self)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        Ok((Self::from_mio(executor, a)?, Self::from_mio(executor, b)?))
    }

    /// Connects to the socket that is bound to `path`.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<UnixStream>)`.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; each makes a socket of its own.
    ///
    /// # Allocation
    ///
    /// A copy of the path, from the heap. The socket itself and its registration are
    /// recycled.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// dropping the operation closes the socket.
    ///
    /// # Errors
    ///
    /// The system's, [`NotFound`](io::ErrorKind::NotFound) where there is no
    /// socket, [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) where
    /// nobody listens and [`WouldBlock`](io::ErrorKind::WouldBlock) where the
    /// queue of the listener is full; and one of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{UnixListener, UnixStream};
    ///
    /// # pollster::block_on(async {
    /// let path = std::env::temp_dir().join(format!("async-op-connect-{}", std::process::id()));
    /// let listener = UnixListener::bind(&SystemExecutor, &path)?;
    /// let stream = UnixStream::connect(&SystemExecutor, &path).await?;
    /// let (_peer, _) = listener.accept().await?;
    /// assert_eq!(stream.peer_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op]
    pub fn async_connect<P>(
        executor: &IoExecutor,
        path: &P,
    ) -> impl Initiation<fn(io::Result<Self>)>
    where
        P: AsRef<Path> + ?Sized,
    {
        // Copied: the operation need not outlive what it was given.
        connect_path(executor, path.as_ref().to_owned())
    }

    /// Connects to the socket that is bound to `address`, which may be abstract
    /// on Linux.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<UnixStream>)`.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; each makes a socket of its own.
    ///
    /// # Allocation
    ///
    /// The socket itself and its registration, which are recycled: in the long run
    /// nothing comes from the heap.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// dropping the operation closes the socket.
    ///
    /// # Errors
    ///
    /// As for [`async_connect`](Self::async_connect);
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) where there is no
    /// socket at an abstract address.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # async fn example() -> std::io::Result<()> {
    /// use async_op::SystemExecutor;
    /// use async_op::net::{UnixListener, UnixStream};
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    ///
    /// let name = format!("async-op-example-{}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(name)?;
    /// let listener = UnixListener::bind_addr(&SystemExecutor, &address)?;
    /// let _client = UnixStream::connect_addr(&SystemExecutor, &address).await?;
    /// listener.accept().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(target_os = "linux")]
    /// # pollster::block_on(example()).unwrap();
    /// ```
    #[async_op]
    pub fn async_connect_addr(
        executor: &IoExecutor,
        address: &SocketAddr,
    ) -> impl Initiation<fn(io::Result<Self>)> {
        static META: Meta = Meta::new("async_connect_addr", &["executor", "address"], &[])
            .with_cancellation(CancellationType::TOTAL);
        let address = address.clone();
        let begin = move || mio::net::UnixStream::connect_addr(&address);
        connect(&META, *executor, begin, |source| Self {
            source,
            home: Home,
        })
    }
}

impl<E: Executor> UnixStream<E> {
    /// Connects to the socket at `address`, and runs on `executor`, a strand, say: so does the operation, and so
    /// does the connection afterwards. Its events come from the context of `io`.
    ///
    /// As [`async_connect_addr`](UnixStream::async_connect_addr) in every other respect.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::executor::Strand;
    /// use async_op::net::{UnixListener, UnixStream};
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// let strand = Strand::new(context.executor());
    /// # let path = std::env::temp_dir().join(format!("async-op-on-{}", std::process::id()));
    /// # let _ = std::fs::remove_file(&path);
    /// let listener = UnixListener::bind(&context, &path)?;
    /// let (here, address) = (strand.clone(), listener.local_addr()?);
    /// UnixStream::connect_addr_on(&context, &strand, &address).callback(move |result| {
    ///     assert!(here.runs_here());
    ///     let stream: UnixStream<Strand<_>> = result.unwrap();
    /// #   drop(stream);
    /// });
    /// # std::fs::remove_file(&path)?;
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op]
    pub fn async_connect_addr_on(
        io: &IoExecutor,
        executor: &E,
        address: &SocketAddr,
    ) -> impl Initiation<fn(io::Result<Self>)> {
        static META: Meta = Meta::new("async_connect_addr_on", &["io", "executor", "address"], &[])
            .with_cancellation(CancellationType::TOTAL);
        let address = address.clone();
        let begin = move || mio::net::UnixStream::connect_addr(&address);
        let home = executor.clone();
        let on = home.of_context(*io);
        connect(&META, on, begin, |source| Self { source, home })
    }
}

impl<E: HomeExecutor> UnixStream<E> {
    /// Shuts down reading, writing or both, for all clones.
    ///
    /// Operations that wait complete: reads with 0 bytes, writes with an error.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use std::net::Shutdown;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.shutdown(Shutdown::Write)?;
    /// assert_eq!(b.read_some(&mut [0; 16]).await?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    ///
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// assert!(a.local_addr()?.is_unnamed());
    /// # drop(b);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    ///
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// assert!(a.peer_addr()?.is_unnamed());
    /// # drop(b);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }
}

reads!(UnixStream);
peeks!(UnixStream);
writes!(UnixStream, |stream| stream.shutdown(Shutdown::Write));
handle!(
    UnixStream,
    mio::net::UnixStream,
    std::os::unix::net::UnixStream,
    Registration::unwatched(),
    "let (socket, _peer) = mio::net::UnixStream::pair()?;"
);
polls!(
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("hello").await?;
    /// let mut reader = b.into_poll_io();
    /// let mut buffer = [0; 16];
    /// assert_eq!(poll_fn(|cx| reader.poll_read(cx, &mut buffer)).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    UnixStream
);
transports!(UnixStream);

/// [`UnixStream::async_connect`], of one type for paths of all types.
#[track_caller]
fn connect_path(
    executor: &IoExecutor,
    path: PathBuf,
) -> impl Initiation<fn(io::Result<UnixStream>)> + use<> {
    static META: Meta = Meta::new("async_connect", &["executor", "path"], &[])
        .with_cancellation(CancellationType::TOTAL);
    let begin = move || mio::net::UnixStream::connect(&path);
    connect(&META, *executor, begin, |source| UnixStream {
        source,
        home: Home,
    })
}
