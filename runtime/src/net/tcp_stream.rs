use std::io;
use std::net::{Shutdown, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};

use super::byte_stream::{reads, writes};
use super::connect::{connect, connecting};
use super::handle::handle;
use super::options::options;
use super::peek::peeks;
use super::poll_io::polls;
use super::race::race;
#[cfg(feature = "resolver")]
use super::resolver::find;
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::cancel::{CancellationType, is_cancelled};
use crate::context::{IoExecutor, Registration};
use crate::executor::{Executor, Home, HomeExecutor};
use crate::initiation::Initiation;
use crate::io::transports;
use crate::meta::Meta;

/// A TCP connection.
///
/// A handle: clones are the same socket, which is closed with the last of them
/// and of its operations. Reads and writes may go on at the same time.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::{TcpListener, TcpStream};
///
/// # pollster::block_on(async {
/// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// let client = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write_some("hello").await?;
/// let mut buffer = [0; 16];
/// let n = server.read_some(&mut buffer).await?;
/// assert_eq!(&buffer[..n], b"hello");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
///
/// What reads until a buffer is full, or writes all of one, is in [`io`](crate::io):
/// [`read_exact`](crate::io::read_exact), [`read_until`](crate::io::read_until),
/// [`write_all`](crate::io::write_all).
///
/// Options that have to be set before it connects are those of a [`TcpSocket`](super::TcpSocket).
/// What has no function here is set by way of the crate `socket2`, of whichever version:
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::{TcpListener, TcpStream};
/// use socket2::SockRef;
///
/// # pollster::block_on(async {
/// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// let stream = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
/// SockRef::from(&stream).set_out_of_band_inline(true)?;
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[doc(alias = "basic_stream_socket")]
#[derive(Clone)]
pub struct TcpStream<E = Home> {
    source: SharedSource<mio::net::TcpStream>,
    home: E,
}

impl Pollable for mio::net::TcpStream {
    // An event that tells of data tells of room, too, for as long as that is asked for.
    #[cfg(unix)]
    fn unwatched(&self) -> Option<RawFd> {
        Some(self.as_raw_fd())
    }
}

impl TcpStream {
    /// Connects to `address`.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<TcpStream>)`.
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
    /// The system's, [`ConnectionRefused`](io::ErrorKind::ConnectionRefused)
    /// for a closed port among them, and one of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpListener, TcpStream};
    ///
    /// # pollster::block_on(async {
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let stream = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op]
    pub fn async_connect(
        executor: &IoExecutor,
        address: SocketAddr,
    ) -> impl Initiation<fn(io::Result<Self>)> {
        static META: Meta = Meta::new("async_connect", &["executor"], &[])
            .with_cancellation(CancellationType::TOTAL);
        let begin = move || mio::net::TcpStream::connect(address);
        connect(&META, *executor, begin, |source| Self {
            source,
            home: Home,
        })
    }

    /// Connects to one of `addresses`, of which several are tried at the same time: whichever
    /// accepts first ("happy eyeballs", RFC 8305).
    ///
    /// They are to be in the order of preference, as a resolver has them. Of the two
    /// families of addresses they are tried in turn, that of the first address first, so that
    /// one that leads nowhere costs little. Each has 250 ms before the next attempt is begun
    /// beside it; if one fails, the next is begun at once. Those that are left are
    /// given up as soon as one has been accepted, and their sockets closed.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<(TcpStream, SocketAddr)>)`: the connection, and which address
    /// it was.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; each makes sockets of its own.
    ///
    /// # Allocation
    ///
    /// A list of the addresses, from the operation's allocator; that of
    /// [`async_connect`](Self::async_connect), for each address that is tried. An error
    /// that tells of several is on the heap.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// dropping the operation closes all of its sockets.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if there are no addresses. Of one its own error;
    /// of several that have all failed one in which
    /// [`ConnectErrors`](super::ConnectErrors) are found. Its kind is that of the last which
    /// tells of a peer: an address to which this machine has no way, such as one of IPv6 where
    /// there is none of that, counts if all are such. There is no limit of its own to how long
    /// that takes: the system gives up after some minutes, and
    /// [`cancel_after`](crate::Operation::cancel_after) earlier.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use std::net::TcpListener as Closed;
    /// use std::time::Duration;
    ///
    /// # pollster::block_on(async {
    /// let closed = Closed::bind("127.0.0.1:0")?.local_addr()?;
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let open = listener.local_addr()?;
    /// let (_stream, address) = TcpStream::connect_any(&SystemExecutor, [closed, open])
    ///     .cancel_after(Duration::from_secs(10))
    ///     .await?;
    /// assert_eq!(address, open);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "happy_eyeballs")]
    #[doc(alias = "async_connect_range")]
    #[async_op(cancellation = total)]
    pub async fn async_connect_any<A>(
        executor: &IoExecutor,
        addresses: A,
    ) -> io::Result<(Self, SocketAddr)>
    where
        A: IntoIterator<Item = SocketAddr, IntoIter: Send> + Send,
    {
        race(executor, addresses, |address| {
            Self::connecting(executor, address)
        })
        .await
    }

    /// Finds the addresses of `host` and connects to one of them: [`async_connect_any`] with
    /// what a [`Resolver`](super::Resolver) finds.
    ///
    /// `host` is a name, or an address in writing.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<(TcpStream, SocketAddr)>)`: the connection, and which address
    /// it was.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; each makes sockets of its own.
    ///
    /// # Allocation
    ///
    /// That of [`async_connect_any`] and of
    /// [`async_resolve`](super::Resolver::async_resolve).
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// dropping the operation closes all of its sockets. To find a name cannot be stopped;
    /// nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// The system's, such as that of a name that does not exist, and those of
    /// [`async_connect_any`].
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// # pollster::block_on(async {
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let port = listener.local_addr()?.port();
    /// let (stream, address) = TcpStream::connect_host(&SystemExecutor, "localhost", port)
    ///     .cancel_after(Duration::from_secs(10))
    ///     .await?;
    /// assert_eq!(stream.peer_addr()?, address);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// [`async_connect_any`]: Self::async_connect_any
    #[cfg(feature = "resolver")]
    #[cfg_attr(docsrs, doc(cfg(feature = "resolver")))]
    #[doc(alias = "happy_eyeballs")]
    #[async_op(cancellation = total)]
    pub async fn async_connect_host(
        executor: &IoExecutor,
        host: &str,
        port: u16,
    ) -> io::Result<(Self, SocketAddr)> {
        let addresses = find(host, port).await?;
        race(executor, addresses, |address| {
            Self::connecting(executor, address)
        })
        .await
    }

    /// Connects to the first of `addresses` that accepts, tried one after another, in their
    /// order, and of those for which `condition` is true alone.
    ///
    /// That is given the error of the attempt before, if there was one, and the address.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<(TcpStream, SocketAddr)>)`: the connection, and which address
    /// it was.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; each makes sockets of its own.
    ///
    /// # Allocation
    ///
    /// That of [`async_connect`](Self::async_connect), for each address that is
    /// tried.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// dropping the operation closes the socket.
    ///
    /// # Errors
    ///
    /// That of the last address; [`NotFound`](io::ErrorKind::NotFound) if there are
    /// none.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use std::io::{Error, ErrorKind};
    /// use std::net::{SocketAddr, TcpListener as Closed};
    ///
    /// # pollster::block_on(async {
    /// let closed = Closed::bind("127.0.0.1:0")?.local_addr()?;
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// // Not where somebody has refused before.
    /// let condition = |error: Option<&Error>, _: SocketAddr| {
    ///     error.is_none_or(|error| error.kind() != ErrorKind::ConnectionRefused)
    /// };
    /// let addresses = [closed, listener.local_addr()?];
    /// let result = TcpStream::connect_any_if(&SystemExecutor, addresses, condition).await;
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op(cancellation = total)]
    pub async fn async_connect_any_if<A, C>(
        executor: &IoExecutor,
        addresses: A,
        mut condition: C,
    ) -> io::Result<(Self, SocketAddr)>
    where
        A: IntoIterator<Item = SocketAddr, IntoIter: Send> + Send,
        C: FnMut(Option<&io::Error>, SocketAddr) -> bool + Send,
    {
        let mut last = None;
        for address in addresses {
            if !condition(last.as_ref(), address) {
                continue;
            }
            match Self::connect(executor, address).await {
                Ok(stream) => return Ok((stream, address)),
                Err(error) if is_cancelled(&error) => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn connecting(
        executor: &IoExecutor,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self>> + Send + Unpin + use<> {
        TcpStream::<Home>::connecting_on(*executor, Home, address)
    }
}

impl<E: Executor> TcpStream<E> {
    /// Connects to `address`, and runs on `executor`, a strand, say: so does the operation, and so
    /// does the connection afterwards. Its events come from the context of `io`.
    ///
    /// As [`async_connect`](TcpStream::async_connect) in every other respect.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::executor::Strand;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// let strand = Strand::new(context.executor());
    /// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    /// let here = strand.clone();
    /// TcpStream::connect_on(&context, &strand, listener.local_addr()?).callback(move |result| {
    ///     assert!(here.runs_here());
    ///     let stream: TcpStream<Strand<_>> = result.unwrap();
    /// #   drop(stream);
    /// });
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op]
    pub fn async_connect_on(
        io: &IoExecutor,
        executor: &E,
        address: SocketAddr,
    ) -> impl Initiation<fn(io::Result<Self>)> {
        static META: Meta = Meta::new("async_connect_on", &["io", "executor"], &[])
            .with_cancellation(CancellationType::TOTAL);
        let begin = move || mio::net::TcpStream::connect(address);
        let home = executor.clone();
        let on = home.of_context(*io);
        connect(&META, on, begin, |source| Self { source, home })
    }

    /// Connects to one of `addresses`, and runs on `executor`, a strand, say: so does the
    /// operation, and so does the connection afterwards. Its events come from the context of
    /// `io`.
    ///
    /// As [`async_connect_any`](TcpStream::async_connect_any) in every other respect.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::executor::Strand;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// let strand = Strand::new(context.executor());
    /// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    /// let (here, address) = (strand.clone(), listener.local_addr()?);
    /// TcpStream::connect_any_on(&context, &strand, [address]).callback(move |result| {
    ///     assert!(here.runs_here());
    ///     let (_stream, connected): (TcpStream<Strand<_>>, _) = result.unwrap();
    ///     assert_eq!(connected, address);
    /// });
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op(cancellation = total, executor = executor.of_context(*io))]
    pub async fn async_connect_any_on<A>(
        io: &IoExecutor,
        executor: &E,
        addresses: A,
    ) -> io::Result<(Self, SocketAddr)>
    where
        A: IntoIterator<Item = SocketAddr, IntoIter: Send> + Send,
    {
        race(io, addresses, |address| {
            Self::connecting_on(*io, executor.clone(), address)
        })
        .await
    }

    /// Finds the addresses of `host` and connects to one of them, and runs on `executor`, a
    /// strand, say: so does the operation, and so does the connection afterwards. Its events
    /// come from the context of `io`.
    ///
    /// As [`async_connect_host`](TcpStream::async_connect_host) in every other respect.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::executor::Strand;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// let strand = Strand::new(context.executor());
    /// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    /// let (here, port) = (strand.clone(), listener.local_addr()?.port());
    /// TcpStream::connect_host_on(&context, &strand, "localhost", port).callback(move |result| {
    ///     assert!(here.runs_here());
    ///     let (_stream, _): (TcpStream<Strand<_>>, _) = result.unwrap();
    /// });
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "resolver")]
    #[cfg_attr(docsrs, doc(cfg(feature = "resolver")))]
    #[async_op(cancellation = total, executor = executor.of_context(*io))]
    pub async fn async_connect_host_on(
        io: &IoExecutor,
        executor: &E,
        host: &str,
        port: u16,
    ) -> io::Result<(Self, SocketAddr)> {
        let addresses = find(host, port).await?;
        race(io, addresses, |address| {
            Self::connecting_on(*io, executor.clone(), address)
        })
        .await
    }
}

impl<E: HomeExecutor> TcpStream<E> {
    /// Makes the future of one attempt of several.
    fn connecting_on(
        io: IoExecutor,
        home: E,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self>> + Send + Unpin + use<E> {
        let begin = move || mio::net::TcpStream::connect(address);
        connecting(io, begin, |source| Self::from_source(source, home))
    }

    pub(super) fn from_source(source: SharedSource<mio::net::TcpStream>, home: E) -> Self {
        Self { source, home }
    }

    /// Shuts down reading, writing or both, for all clones.
    ///
    /// Operations that wait complete: reads with 0 bytes, writes with an error, of kind
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe); on Windows it is `WSAESHUTDOWN`, which has
    /// no kind.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use std::net::Shutdown;
    ///
    /// # pollster::block_on(async {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// client.write_some("the last words").await?;
    /// client.shutdown(Shutdown::Write)?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(server.read_some(&mut buffer).await?, 14);
    /// assert_eq!(server.read_some(&mut buffer).await?, 0); // no more will come
    /// server.write_some("answered all the same").await?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)?;
        // The system tells those who wait of the other end alone.
        #[cfg(not(unix))]
        self.source.look_again();
        Ok(())
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
    /// use async_op::net::{TcpListener, TcpStream};
    ///
    /// # pollster::block_on(async {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// assert_eq!(client.local_addr()?, server.peer_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
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
    /// use async_op::net::{TcpListener, TcpStream};
    ///
    /// # pollster::block_on(async {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// assert_eq!(client.peer_addr()?, server.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }
}

options!(TcpStream: nodelay, keepalive, linger, ttl_option, buffer_sizes, pending_error);
reads!(TcpStream);
peeks!(TcpStream);
writes!(TcpStream, |stream| stream.shutdown(Shutdown::Write));
handle!(
    TcpStream,
    mio::net::TcpStream,
    std::net::TcpStream,
    Registration::unwatched(),
    "let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?;\n\
     let socket = mio::net::TcpStream::connect(listener.local_addr()?)?;"
);
polls!(
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// client.write_some("hello").await?;
    /// let mut reader = server.into_poll_io();
    /// let mut buffer = [0; 16];
    /// assert_eq!(poll_fn(|cx| reader.poll_read(cx, &mut buffer)).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    TcpStream
);
transports!(TcpStream);
