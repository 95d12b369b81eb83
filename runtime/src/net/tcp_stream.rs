use std::io;
use std::net::{Shutdown, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};

use super::byte_stream::{reads, writes};
use super::connect::connect;
use super::handle::handle;
use super::poll_io::polls;
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
/// # async fn example() -> std::io::Result<()> {
/// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// let client = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write_some("hello").await?;
/// let mut buffer = [0; 16];
/// let n = server.read_some(&mut buffer).await?;
/// assert_eq!(&buffer[..n], b"hello");
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
///
/// What reads until a buffer is full, or writes all of one, is in [`io`](crate::io):
/// [`read_exact`](crate::io::read_exact), [`read_until`](crate::io::read_until),
/// [`write_all`](crate::io::write_all).
///
/// For options beyond those here, such as keepalive or the sizes of buffers, see
/// `socket2::SockRef::from(&stream)`.
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
    /// # async fn example() -> std::io::Result<()> {
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let stream = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
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

    /// Connects to the first of `addresses` that accepts, tried in their order.
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
    /// use std::net::TcpListener as Closed;
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let closed = Closed::bind("127.0.0.1:0")?.local_addr()?;
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let open = listener.local_addr()?;
    /// let (_stream, address) =
    ///     TcpStream::connect_any(&SystemExecutor, vec![closed, open]).await?;
    /// assert_eq!(address, open);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    #[async_op(cancellation = total)]
    pub async fn async_connect_any<A>(
        executor: &IoExecutor,
        addresses: A,
    ) -> io::Result<(Self, SocketAddr)>
    where
        A: IntoIterator<Item = SocketAddr, IntoIter: Send> + Send,
    {
        Self::connect_any_if(executor, addresses, |_: Option<&_>, _| true).await
    }

    /// Connects to the first of `addresses` that accepts, tried in their order, and of
    /// those for which `condition` is true alone.
    ///
    /// That is given the error of the attempt before, if there was one, and the address.
    ///
    /// As [`async_connect_any`](Self::async_connect_any) in every other respect.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpListener, TcpStream};
    /// use std::io::{Error, ErrorKind};
    /// use std::net::{SocketAddr, TcpListener as Closed};
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let closed = Closed::bind("127.0.0.1:0")?.local_addr()?;
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// // Not where somebody has refused before.
    /// let condition = |error: Option<&Error>, _: SocketAddr| {
    ///     error.is_none_or(|error| error.kind() != ErrorKind::ConnectionRefused)
    /// };
    /// let addresses = [closed, listener.local_addr()?];
    /// let result = TcpStream::connect_any_if(&SystemExecutor, addresses, condition).await;
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
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
    /// # fn main() -> std::io::Result<()> {
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
    /// # Ok(())
    /// # }
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
}

impl<E: HomeExecutor> TcpStream<E> {
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
    /// # async fn example() -> std::io::Result<()> {
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
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
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
    /// # async fn example() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// assert_eq!(client.local_addr()?, server.peer_addr()?);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
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
    /// # async fn example() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// assert_eq!(client.peer_addr()?, server.local_addr()?);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }

    /// Sends small writes at once (`TCP_NODELAY`), or collects them.
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
    /// # async fn example() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// client.set_nodelay(true)?;
    /// assert!(client.nodelay()?);
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get().set_nodelay(nodelay)
    }

    /// Returns whether small writes are sent at once.
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
    /// # async fn example() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// # let address = listener.local_addr()?;
    /// let client = TcpStream::connect(&SystemExecutor, address).await?;
    /// let (server, _) = listener.accept().await?;
    /// client.set_nodelay(false)?;
    /// assert!(!client.nodelay()?);
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get().nodelay()
    }
}

reads!(TcpStream);
writes!(TcpStream, |stream| stream.shutdown(Shutdown::Write));
handle!(
    TcpStream,
    mio::net::TcpStream,
    std::net::TcpStream,
    Registration::unwatched()
);
polls!(TcpStream);
transports!(TcpStream);
