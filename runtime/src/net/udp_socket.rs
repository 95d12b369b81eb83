use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};

use super::datagram::{Datagram, Receive, SendWhole, datagrams};
use super::handle::handle;
use super::multicast::multicast;
use super::operation::{meta, operation};
use super::options::options;
use super::poll_io::poll_source;
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::buffer::{ReadBuffer, WriteBuffer};
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
/// # pollster::block_on(async {
/// let a = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// let b = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
///
/// a.send_to("hello", b.local_addr()?).await?;
/// let mut buffer = [0; 16];
/// let (n, from) = b.receive_from(&mut buffer).await?;
/// assert_eq!((&buffer[..n], from), (&b"hello"[..], a.local_addr()?));
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
///
/// What has no function here is set by way of the crate `socket2`, of whichever version; so
/// are options that have to be there before the socket is bound:
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::UdpSocket;
/// use socket2::{Domain, SockRef, Socket, Type};
/// use std::net::SocketAddr;
///
/// let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
/// socket.set_reuse_address(true)?; // several programs may listen to one group
/// socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
/// let socket = UdpSocket::from_std(&SystemExecutor, socket.into())?;
/// assert!(SockRef::from(&socket).reuse_address()?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "basic_datagram_socket")]
#[derive(Clone)]
pub struct UdpSocket<E = Home> {
    pub(super) source: SharedSource<mio::net::UdpSocket>,
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
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
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
    /// # pollster::block_on(async {
    /// let server = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let client = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// client.connect(server.local_addr()?)?;
    /// client.send("question").await?;
    /// let mut buffer = [0; 16];
    /// let (n, from) = server.receive_from(&mut buffer).await?;
    /// assert_eq!(&buffer[..n], b"question");
    /// server.send_to("answer", from).await?;
    /// assert_eq!(client.receive(&mut buffer).await?, 6);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
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
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// println!("receiving at {}", socket.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
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
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert!(socket.peer_addr().is_err());
    /// let address = socket.local_addr()?;
    /// socket.connect(address)?; // to itself
    /// assert_eq!(socket.peer_addr()?, address);
    /// # Ok::<(), std::io::Error>(())
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
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// socket.set_broadcast(true)?;
    /// assert!(socket.broadcast()?);
    /// # Ok::<(), std::io::Error>(())
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
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert!(!socket.broadcast()?); // not unless it is set
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn broadcast(&self) -> io::Result<bool> {
        self.source.get().broadcast()
    }

    /// Waits for a datagram, from the peer that the socket is connected to or else from
    /// anybody, and copies it into the front of `buffer`: the next one to receive gets it
    /// again.
    ///
    /// # Completion
    ///
    /// As for [`async_receive`](Self::async_receive).
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; several may see the same datagram.
    ///
    /// # Allocation
    ///
    /// As for [`async_receive`](Self::async_receive).
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are
    /// honoured: nothing is ever taken.
    ///
    /// # Errors
    ///
    /// As for [`async_receive`](Self::async_receive).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// socket.send_to("hello", socket.local_addr()?).await?;
    /// assert_eq!(socket.peek(&mut [0; 16]).await?, 5);
    /// assert_eq!(socket.receive(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op]
    pub fn async_peek<B: ReadBuffer>(
        &self,
        buffer: B,
    ) -> impl Initiation<B::Completion<io::Result<usize>>> {
        static META: Meta = meta("async_peek");
        let receive = Receive {
            buffer,
            receive: |socket: &mio::net::UdpSocket, bytes: &mut [u8]| Ok((socket.peek(bytes)?, ())),
            map: |(n, ())| n,
        };
        operation(&META, &self.source, &self.home, Direction::Read, receive)
    }

    /// Waits for a datagram and copies it into the front of `buffer`, with the address that it
    /// came from: the next one to receive gets it again.
    ///
    /// # Completion
    ///
    /// As for [`async_receive_from`](Self::async_receive_from).
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; several may see the same datagram.
    ///
    /// # Allocation
    ///
    /// As for [`async_receive`](Self::async_receive).
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are
    /// honoured: nothing is ever taken.
    ///
    /// # Errors
    ///
    /// As for [`async_peek`](Self::async_peek).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// socket.send_to("hello", socket.local_addr()?).await?;
    /// let (_, from) = socket.peek_from(&mut [0; 16]).await?; // who is it?
    /// let seen = socket.receive_from(&mut [0; 16]).await?;
    /// assert_eq!(seen, (5, from));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op]
    pub fn async_peek_from<B: ReadBuffer>(
        &self,
        buffer: B,
    ) -> impl Initiation<B::Completion<io::Result<(usize, SocketAddr)>>> {
        static META: Meta = meta("async_peek_from");
        let receive = Receive {
            buffer,
            receive: mio::net::UdpSocket::peek_from,
            map: |received| received,
        };
        operation(&META, &self.source, &self.home, Direction::Read, receive)
    }

    /// Sends a datagram to `address`, here and now. As [`try_send`](Self::try_send) in every
    /// other respect.
    ///
    /// # Errors
    ///
    /// As [`async_send_to`](Self::async_send_to), and
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert_eq!(socket.try_send_to(b"hello", socket.local_addr()?)?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_send_to(&self, buffer: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.source
            .try_datagram(Direction::Write, |socket| socket.send_to(buffer, address))
    }

    /// Calls `receive` with the socket, here and now: for libraries that make the system calls
    /// themselves, such as `recvmmsg`.
    ///
    /// If it fails with [`WouldBlock`](io::ErrorKind::WouldBlock), nothing is taken to be there
    /// until the system tells of more. If it fails for an interruption, it is called again.
    ///
    /// # Errors
    ///
    /// Those of `receive`, and one of kind [`Other`](io::ErrorKind::Other) when the context is
    /// gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use socket2::SockRef;
    /// use std::io::ErrorKind;
    ///
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let error = socket.try_receive_with(|socket| SockRef::from(socket).peek_sender());
    /// assert_eq!(error.unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "try_io")]
    pub fn try_receive_with<T>(
        &self,
        mut receive: impl FnMut(&Self) -> io::Result<T>,
    ) -> io::Result<T> {
        self.source.try_by_others(Direction::Read, || receive(self))
    }

    /// Calls `send` with the socket, here and now: for libraries that make the system calls
    /// themselves, such as `sendmmsg`.
    ///
    /// If it fails with [`WouldBlock`](io::ErrorKind::WouldBlock), there is taken to be no room
    /// until the system tells of some. If it fails for an interruption, it is called again.
    ///
    /// # Errors
    ///
    /// Those of `send`, and one of kind [`Other`](io::ErrorKind::Other) when the context is
    /// gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use socket2::SockRef;
    /// use std::io::IoSlice;
    ///
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?.into();
    /// let parts = [IoSlice::new(b"hello "), IoSlice::new(b"world")];
    /// let send = |socket: &_| SockRef::from(socket).send_to_vectored(&parts, &address);
    /// assert_eq!(socket.try_send_with(send)?, 11);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "try_io")]
    pub fn try_send_with<T>(&self, mut send: impl FnMut(&Self) -> io::Result<T>) -> io::Result<T> {
        self.source.try_by_others(Direction::Write, || send(self))
    }
}

options!(UdpSocket: ttl_option, buffer_sizes, only_v6, pending_error);
multicast!(UdpSocket);
datagrams!(
    UdpSocket,
    SocketAddr,
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    ///
    /// # pollster::block_on(async {
    /// let a = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let b = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// assert_eq!(a.send_to("hello", b.local_addr()?).await?, 5);
    /// let mut buffer = [0; 16];
    /// assert_eq!(b.receive_from(&mut buffer).await?, (5, a.local_addr()?));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
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
    Registration::unwatched(),
    "let socket = mio::net::UdpSocket::bind(([127, 0, 0, 1], 0).into())?;"
);
poll_source!(UdpSocket);
