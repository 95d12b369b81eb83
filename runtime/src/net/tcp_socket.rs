use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
#[cfg(windows)]
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::connect::connect;
use super::options::{buffer_sizes, keepalive, linger, nodelay, only_v6, ttl_option};
use super::{TcpListener, TcpStream};
use crate::async_op;
use crate::cancel::CancellationType;
use crate::context::IoExecutor;
use crate::executor::home::homes;
use crate::executor::{Home, HomeExecutor, IoObject};
use crate::initiation::Initiation;
use crate::meta::Meta;

/// A TCP socket that is neither connected nor listens: options are set, and it is bound,
/// before it becomes a [`TcpStream`] or a [`TcpListener`].
///
/// No handle: there is one of it, and it is used up.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::TcpSocket;
///
/// # pollster::block_on(async {
/// let socket = TcpSocket::new_v4(&SystemExecutor)?;
/// socket.set_reuse_address(true)?;
/// socket.set_receive_buffer_size(1 << 20)?; // before the peer is told of a window
/// socket.bind(([127, 0, 0, 1], 0).into())?;
/// let listener = socket.listen(128)?;
///
/// let socket = TcpSocket::new_v4(&SystemExecutor)?;
/// socket.bind(([127, 0, 0, 1], 0).into())?; // whose address the peer is to see
/// let from = socket.local_addr()?;
/// let stream = socket.connect(listener.local_addr()?).await?;
/// let (_, peer) = listener.accept().await?;
/// assert_eq!((stream.local_addr()?, peer), (from, from));
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
///
/// `connect_any` and `connect_host` of [`TcpStream`] make sockets of their own.
///
/// What has no function here is set by way of the crate `socket2`, of whichever version:
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::TcpSocket;
/// use socket2::SockRef;
///
/// let socket = TcpSocket::new_v4(&SystemExecutor)?;
/// SockRef::from(&socket).set_out_of_band_inline(true)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpSocket<E = Home> {
    unused: Unused,
    home: E,
}

/// A socket, and the context that it is going to belong to.
struct Unused {
    socket: Socket,
    executor: IoExecutor,
}

impl TcpSocket {
    /// Makes a socket for addresses of IPv4.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
    /// assert!(socket.bind("[::1]:0".parse().unwrap()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new_v4(executor: &IoExecutor) -> io::Result<Self> {
        Self::new(executor, Domain::IPV4)
    }

    /// Makes a socket for addresses of IPv6.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// # if std::net::TcpListener::bind("[::1]:0").is_err() { return Ok(()) }
    /// let socket = TcpSocket::new_v6(&SystemExecutor)?;
    /// socket.set_only_v6(true)?; // leaves the port of the same number of IPv4 to others
    /// socket.bind("[::]:0".parse().unwrap())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new_v6(executor: &IoExecutor) -> io::Result<Self> {
        Self::new(executor, Domain::IPV6)
    }

    fn new(executor: &IoExecutor, domain: Domain) -> io::Result<Self> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        let unused = Unused {
            socket,
            executor: *executor,
        };
        Ok(Self { unused, home: Home })
    }
}

impl<E: HomeExecutor> TcpSocket<E> {
    /// Binds the socket to an address of this machine.
    ///
    /// # Errors
    ///
    /// The system's, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
    /// socket.bind(([127, 0, 0, 1], 0).into())?; // any free port
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.options().bind(&address.into())
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// The system's; on Windows that of a socket that is not bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
    /// socket.bind(([127, 0, 0, 1], 0).into())?;
    /// assert!(socket.local_addr()?.ip().is_loopback());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.options().local_addr()?;
        address.as_socket().ok_or(io::ErrorKind::Unsupported.into())
    }

    /// Makes it a socket that listens, bound or not: then the system chooses a port.
    ///
    /// `backlog` is how many connections may wait to be accepted; the system has an upper
    /// bound of its own.
    ///
    /// # Errors
    ///
    /// The system's, and one of kind [`Other`](io::ErrorKind::Other) when the context is
    /// gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{TcpSocket, TcpStream};
    ///
    /// # pollster::block_on(async {
    /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
    /// socket.bind(([127, 0, 0, 1], 0).into())?;
    /// let listener = socket.listen(16)?;
    /// TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
    /// listener.accept().await?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener<E>> {
        let Self { unused, home } = self;
        let backlog = backlog.try_into().unwrap_or(i32::MAX);
        unused.socket.listen(backlog)?;
        let listener = mio::net::TcpListener::from_std(unused.socket.into());
        let listener = TcpListener::from_mio(&unused.executor, listener)?;
        Ok(listener.moved(&home))
    }

    /// Connects to `address`.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<TcpStream>)`: of whichever executor the socket is
    /// [on](Self::on).
    ///
    /// # Overlap
    ///
    /// There is one: it takes the socket.
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
    /// [`Other`](io::ErrorKind::Other) when the context is gone. The socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::net::{TcpListener, TcpSocket};
    ///
    /// let context = IoContext::new()?;
    /// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    /// let socket = TcpSocket::new_v4(&context)?;
    /// socket.set_nodelay(true)?;
    /// socket.connect(listener.local_addr()?).callback(|result| {
    ///     assert!(result.unwrap().nodelay().unwrap());
    /// });
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op]
    pub fn async_connect(
        self,
        address: SocketAddr,
    ) -> impl Initiation<fn(io::Result<TcpStream<E>>)> {
        static META: Meta =
            Meta::new("async_connect", &["self"], &[]).with_cancellation(CancellationType::TOTAL);
        let executor = self.executor();
        let Self { unused, home } = self;
        let begin = move || {
            begin_to_connect(&unused.socket, address)?;
            Ok(mio::net::TcpStream::from_std(unused.socket.into()))
        };
        connect(&META, executor, begin, |source| {
            TcpStream::from_source(source, home)
        })
    }

    /// Allows the socket to be bound to an address that is not quite free (`SO_REUSEADDR`),
    /// or not.
    ///
    /// On Unix that is one whose last connections are still closing, as a server that is
    /// started again finds it; [`TcpListener::bind`] does so by itself. On Windows it is one
    /// that somebody else listens on, too, which is hardly ever what is meant.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
    /// if cfg!(unix) {
    ///     socket.set_reuse_address(true)?;
    ///     assert!(socket.reuse_address()?);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_reuse_address(&self, reuse: bool) -> io::Result<()> {
        self.options().set_reuse_address(reuse)
    }

    /// Returns whether the socket may be bound to an address that is not quite free.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
    /// assert!(!socket.reuse_address()?); // not unless it is set
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reuse_address(&self) -> io::Result<bool> {
        self.options().reuse_address()
    }

    /// Allows several sockets of one user to be bound to one address, which have all allowed
    /// it (`SO_REUSEPORT`), or not. On Linux connections are shared out among those that
    /// listen.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    /// use std::net::SocketAddr;
    ///
    /// let bound = |address: SocketAddr| {
    ///     let socket = TcpSocket::new_v4(&SystemExecutor)?;
    ///     socket.set_reuse_port(true)?;
    ///     socket.bind(address)?;
    ///     socket.listen(16)
    /// };
    /// let first = bound(([127, 0, 0, 1], 0).into())?;
    /// let second = bound(first.local_addr()?)?; // for another thread
    /// # drop(second);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
        self.options().set_reuse_port(reuse)
    }

    /// Returns whether several sockets may be bound to one address.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
    /// assert!(!socket.reuse_port()?); // not unless it is set
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    pub fn reuse_port(&self) -> io::Result<bool> {
        self.options().reuse_port()
    }

    /// Says whether a socket of IPv6 is for nothing but that, or for IPv4 as well
    /// (`IPV6_V6ONLY`). What is so at first is a setting of the system.
    ///
    /// # Errors
    ///
    /// The system's, for a socket of IPv4, or one that is bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::TcpSocket;
    ///
    /// # if std::net::TcpListener::bind("[::1]:0").is_err() { return Ok(()) }
    /// let socket = TcpSocket::new_v6(&SystemExecutor)?;
    /// socket.set_only_v6(false)?;
    /// assert!(!socket.only_v6()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.options().set_only_v6(only_v6)
    }

    nodelay!();
    keepalive!();
    linger!();
    ttl_option!();
    buffer_sizes!();
    only_v6!();

    fn options(&self) -> SockRef<'_> {
        SockRef::from(&self.unused.socket)
    }
}

/// Begins to connect; that it goes on is no error.
fn begin_to_connect(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match socket.connect(&address.into()) {
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && cfg!(windows) => Ok(()),
        begun => begun,
    }
}

homes!(TcpSocket, unused, |this| this.unused.executor);

impl<E> fmt::Debug for TcpSocket<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket")
            .field("socket", &self.unused.socket)
            .finish_non_exhaustive()
    }
}

#[cfg(unix)]
impl<E: HomeExecutor> AsFd for TcpSocket<E> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.unused.socket.as_fd()
    }
}

#[cfg(unix)]
impl<E: HomeExecutor> AsRawFd for TcpSocket<E> {
    fn as_raw_fd(&self) -> RawFd {
        self.unused.socket.as_raw_fd()
    }
}

#[cfg(windows)]
impl<E: HomeExecutor> AsSocket for TcpSocket<E> {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.unused.socket.as_socket()
    }
}

#[cfg(windows)]
impl<E: HomeExecutor> AsRawSocket for TcpSocket<E> {
    fn as_raw_socket(&self) -> RawSocket {
        self.unused.socket.as_raw_socket()
    }
}
