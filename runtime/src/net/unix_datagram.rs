use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::datagram::{Datagram, datagrams, whole};
use super::handle::handle;
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::buffer::WriteBuffer;
use crate::context::{Direction, IoExecutor, Progress, Registration};
use crate::executor::{Home, HomeExecutor};

/// A Unix socket for datagrams, which are neither lost nor reordered.
///
/// A handle: clones are the same socket, which is closed with the last of them
/// and of its operations.
///
/// A socket that is connected waits while the queue of its peer is full. Of
/// other peers the system does not say when there is room: to send to one whose
/// queue is full is to try again, after a pause of 1 to 32 ms. Connect to a peer
/// that is slow.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::UnixDatagram;
///
/// # pollster::block_on(async {
/// let (a, b) = UnixDatagram::pair(&SystemExecutor)?;
/// a.send("hello").await?;
/// a.send("").await?;
/// let mut buffer = [0; 16];
/// assert_eq!(b.receive(&mut buffer).await?, 5);
/// assert_eq!(b.receive(&mut buffer).await?, 0);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct UnixDatagram<E = Home> {
    source: SharedSource<mio::net::UnixDatagram>,
    home: E,
}

impl Pollable for mio::net::UnixDatagram {
    // Each message that is taken makes room, which is nobody's concern.
    fn unwatched(&self) -> Option<RawFd> {
        Some(self.as_raw_fd())
    }
}

impl Source<mio::net::UnixDatagram> {
    /// Sends a datagram to `address`. The system says when there is room at the peer alone
    /// that a socket is connected to, and reports events for every attempt besides.
    async fn send_to_with_pauses<B: WriteBuffer>(
        &self,
        buffer: &mut B,
        address: &SocketAddr,
    ) -> io::Result<usize> {
        let attempt = move |socket: &mio::net::UnixDatagram| {
            if address.is_unnamed() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a datagram is sent to a socket that is bound to an address",
                ));
            }
            let sent = whole(buffer, |bytes| lent(socket).send_to_addr(bytes, address))?;
            Ok((sent, Progress::More))
        };
        self.io_with_pauses(Direction::Write, attempt).await
    }
}

impl UnixDatagram {
    /// Makes a socket that is bound to `path`.
    ///
    /// # Errors
    ///
    /// The system's, [`AddrInUse`](io::ErrorKind::AddrInUse) where there is a
    /// file already, and one of kind [`Other`](io::ErrorKind::Other) when the
    /// context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// # pollster::block_on(async {
    /// let path = std::env::temp_dir().join(format!("async-op-datagram-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&SystemExecutor, &path)?;
    /// let client = UnixDatagram::unbound(&SystemExecutor)?;
    /// client.connect(&path)?;
    /// client.send("hello").await?;
    /// assert_eq!(server.receive(&mut [0; 16]).await?, 5);
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn bind(executor: &IoExecutor, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_mio(executor, mio::net::UnixDatagram::bind(path)?)
    }

    /// Makes a socket that is bound to `address`, which may be abstract on
    /// Linux.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-bind-addr-{}", std::process::id()));
    /// let address = std::os::unix::net::SocketAddr::from_pathname(&path)?;
    /// let socket = UnixDatagram::bind_addr(&SystemExecutor, &address)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(&*path));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(executor: &IoExecutor, address: &SocketAddr) -> io::Result<Self> {
        Self::from_mio(executor, mio::net::UnixDatagram::bind_addr(address)?)
    }

    /// Makes a socket that is bound to no address: it can send.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// let socket = UnixDatagram::unbound(&SystemExecutor)?;
    /// assert!(socket.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unbound(executor: &IoExecutor) -> io::Result<Self> {
        Self::from_mio(executor, mio::net::UnixDatagram::unbound()?)
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixDatagram::pair(&SystemExecutor)?;
    /// a.send("hello").await?;
    /// assert_eq!(b.receive(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn pair(executor: &IoExecutor) -> io::Result<(Self, Self)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        Ok((Self::from_mio(executor, a)?, Self::from_mio(executor, b)?))
    }
}

impl<E: HomeExecutor> UnixDatagram<E> {
    /// Connects the socket to the peer that is bound to `path`, of which alone
    /// it receives from then on.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-connect-to-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&SystemExecutor, &path)?;
    /// let client = UnixDatagram::unbound(&SystemExecutor)?;
    /// client.connect(&path)?;
    /// assert_eq!(client.try_send(b"hello")?, 5);
    /// # drop(server);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.source.get().connect(path)
    }

    /// Connects the socket to the peer that is bound to `address`, as
    /// [`connect`](Self::connect) does.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-connect-addr-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&SystemExecutor, &path)?;
    /// let client = UnixDatagram::unbound(&SystemExecutor)?;
    /// client.connect_addr(&server.local_addr()?)?;
    /// assert_eq!(client.try_send(b"hello")?, 5);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        lent(self.source.get()).connect_addr(address)
    }

    /// Returns the address of this end.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-local-addr-{}", std::process::id()));
    /// let socket = UnixDatagram::bind(&SystemExecutor, &path)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(&*path));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address of the peer.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-peer-addr-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&SystemExecutor, &path)?;
    /// let client = UnixDatagram::unbound(&SystemExecutor)?;
    /// assert!(client.peer_addr().is_err());
    /// client.connect(&path)?;
    /// assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
    /// # drop(server);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, if the socket is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }
}

impl<E: HomeExecutor> UnixDatagram<E> {
    /// Sends a datagram to `address`, here and now. As [`try_send`](Self::try_send) in every
    /// other respect.
    ///
    /// # Errors
    ///
    /// As [`async_send_to`](Self::async_send_to), and
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the queue of the peer is full.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("async-op-try-{}", std::process::id()));
    /// let peer = UnixDatagram::bind(&SystemExecutor, &path)?;
    /// let socket = UnixDatagram::unbound(&SystemExecutor)?;
    /// socket.try_send_to(b"hello", &peer.local_addr()?)?;
    /// assert_eq!(peer.try_receive(&mut [0; 16])?, 5);
    /// # std::fs::remove_file(path)
    /// # }
    /// ```
    pub fn try_send_to(&self, buffer: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.source.try_datagram(Direction::Write, |socket| {
            lent(socket).send_to_addr(buffer, address)
        })
    }
}

datagrams!(
    UnixDatagram,
    SocketAddr,
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixDatagram;
    ///
    /// # pollster::block_on(async {
    /// let path = std::env::temp_dir().join(format!("async-op-send-to-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&SystemExecutor, &path)?;
    /// let client = UnixDatagram::unbound(&SystemExecutor)?;
    /// client.send_to("hello", server.local_addr()?).await?;
    /// assert_eq!(server.receive(&mut [0; 16]).await?, 5);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op(completes = B::Completion<io::Result<usize>>, cancellation = total)]
    pub async fn async_send_to<B: WriteBuffer>(
        &self,
        mut buffer: B,
        address: SocketAddr,
    ) -> B::Output<io::Result<usize>> {
        let result = self.source.send_to_with_pauses(&mut buffer, &address).await;
        buffer.completed(result)
    }
);
handle!(
    UnixDatagram,
    mio::net::UnixDatagram,
    std::os::unix::net::UnixDatagram,
    Registration::unwatched(),
    "let socket = mio::net::UnixDatagram::unbound()?;"
);

/// Lends a socket to what only the standard library can do with it.
pub(super) fn lent(socket: &mio::net::UnixDatagram) -> Lent<'_> {
    // SAFETY: the descriptor is open as long as `socket`, which is borrowed as
    // long as this, and is not closed by it.
    let lent = unsafe { std::os::unix::net::UnixDatagram::from_raw_fd(socket.as_raw_fd()) };
    Lent(ManuallyDrop::new(lent), PhantomData)
}

pub(super) struct Lent<'a>(
    ManuallyDrop<std::os::unix::net::UnixDatagram>,
    PhantomData<&'a mio::net::UnixDatagram>,
);

impl Deref for Lent<'_> {
    type Target = std::os::unix::net::UnixDatagram;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
