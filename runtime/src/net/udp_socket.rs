use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};

use super::datagram::{Datagram, SendWhole, datagrams};
use super::handle::handle;
use super::operation::{meta, operation};
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::buffer::WriteBuffer;
use crate::context::{Direction, IoExecutor, Registration};
use crate::executor::{Home, HomeExecutor};
use crate::initiation::Initiation;
use crate::meta::Meta;

/// A UDP socket.
///
/// A handle: clones are the same socket, which is closed with the last of them
/// and of its operations.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::UdpSocket;
///
/// # async fn example() -> std::io::Result<()> {
/// let a = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// let b = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
///
/// a.send_to("hello", b.local_addr()?).await?;
/// let mut buffer = [0; 16];
/// let (n, from) = b.receive_from(&mut buffer).await?;
/// assert_eq!((&buffer[..n], from), (&b"hello"[..], a.local_addr()?));
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
///
/// For options beyond those here, such as membership of multicast groups on
/// an interface, see `socket2::SockRef::from(&socket)`.
#[doc(alias = "basic_datagram_socket")]
#[derive(Clone)]
pub struct UdpSocket<E = Home> {
    source: SharedSource<mio::net::UdpSocket>,
    home: E,
}

impl Pollable for mio::net::UdpSocket {
    // Each message that is taken makes room, which is nobody's concern.
    #[cfg(unix)]
    fn unwatched(&self) -> Option<RawFd> {
        Some(self.as_raw_fd())
    }
}

impl UdpSocket {
    /// Makes a socket that is bound to `address`.
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
    /// use async_op::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(executor: &IoExecutor, address: SocketAddr) -> io::Result<Self> {
        Self::from_mio(executor, mio::net::UdpSocket::bind(address)?)
    }
}

impl<E: HomeExecutor> UdpSocket<E> {
    /// Connects the socket to the peer at `address`, of which alone it receives
    /// from then on. Nothing is sent.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let server = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let client = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// client.connect(server.local_addr()?)?;
    /// client.send("question").await?;
    /// let mut buffer = [0; 16];
    /// let (n, from) = server.receive_from(&mut buffer).await?;
    /// assert_eq!(&buffer[..n], b"question");
    /// server.send_to("answer", from).await?;
    /// assert_eq!(client.receive(&mut buffer).await?, 6);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.source.get().connect(address)
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
    /// use async_op::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// println!("receiving at {}", socket.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    ///
    /// The system's, if the socket is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert!(socket.peer_addr().is_err());
    /// let address = socket.local_addr()?;
    /// socket.connect(address)?; // to itself
    /// assert_eq!(socket.peer_addr()?, address);
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }

    /// Allows sending to broadcast addresses, or not (`SO_BROADCAST`).
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// socket.set_broadcast(true)?;
    /// assert!(socket.broadcast()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.source.get().set_broadcast(broadcast)
    }

    /// Returns whether sending to broadcast addresses is allowed.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert!(!socket.broadcast()?); // not unless it is set
    /// # Ok(())
    /// # }
    /// ```
    pub fn broadcast(&self) -> io::Result<bool> {
        self.source.get().broadcast()
    }
}

datagrams!(
    UdpSocket,
    SocketAddr,
    #[async_op]
    pub fn async_send_to<B: WriteBuffer>(
        &self,
        buffer: B,
        address: SocketAddr,
    ) -> impl Initiation<B::Completion<io::Result<usize>>> {
        static META: Meta = meta("async_send_to");
        let send = SendWhole {
            buffer,
            send: move |socket: &mio::net::UdpSocket, bytes: &[u8]| socket.send_to(bytes, address),
        };
        operation(&META, &self.source, &self.home, Direction::Write, send)
    }
);
handle!(
    UdpSocket,
    mio::net::UdpSocket,
    std::net::UdpSocket,
    Registration::unwatched()
);
