//! A UDP socket in the shape that other libraries poll.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::UdpSocket;
use super::poll_io::PollIo;
use crate::context::{Direction, Progress};
use crate::executor::HomeExecutor;

impl<E: HomeExecutor> UdpSocket<E> {
    /// Makes it a socket that other libraries can poll, those of QUIC or DNS, say, which have
    /// it in common with all of their tasks.
    ///
    /// What has a handle of its own waits for itself: for each task that may wait make one, of
    /// a clone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?;
    /// let socket = socket.into_poll_io();
    /// let n = poll_fn(|cx| socket.poll_send_to(cx, b"hello", address)).await?;
    /// let mut buffer = [0; 16];
    /// let received = poll_fn(|cx| socket.poll_receive_from(cx, &mut buffer)).await?;
    /// assert_eq!(received, (n, address));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn into_poll_io(self) -> PollIo<Self> {
        PollIo::new(self)
    }
}

/// By way of a shared reference: of several tasks that wait in one direction, the one that
/// has polled last is woken. Nothing is allocated, and no one else's request to cancel
/// concerns them; the socket's [`cancel`](UdpSocket::cancel) has them polled again.
impl<E: HomeExecutor> PollIo<UdpSocket<E>> {
    /// Receives a datagram into the front of `buffer`, or has `cx` woken when to poll again.
    ///
    /// # Errors
    ///
    /// As for [`async_receive`](UdpSocket::async_receive).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// socket.try_send_to(b"hello", socket.local_addr()?)?;
    /// let socket = socket.into_poll_io();
    /// assert_eq!(poll_fn(|cx| socket.poll_receive(cx, &mut [0; 16])).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "poll_recv")]
    pub fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_with(Direction::Read, cx, |socket| socket.recv(buffer))
    }

    /// Receives a datagram into the front of `buffer`, with the address that it came from, or
    /// has `cx` woken when to poll again.
    ///
    /// # Errors
    ///
    /// As for [`async_receive_from`](UdpSocket::async_receive_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?;
    /// socket.try_send_to(b"hello", address)?;
    /// let socket = socket.into_poll_io();
    /// let received = poll_fn(|cx| socket.poll_receive_from(cx, &mut [0; 16])).await?;
    /// assert_eq!(received, (5, address));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "poll_recv_from")]
    pub fn poll_receive_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.poll_with(Direction::Read, cx, |socket| socket.recv_from(buffer))
    }

    /// Copies a datagram into the front of `buffer`, with the address that it came from, and
    /// leaves it there; or has `cx` woken when to poll again.
    ///
    /// # Errors
    ///
    /// As for [`async_peek_from`](UdpSocket::async_peek_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?;
    /// socket.try_send_to(b"hello", address)?;
    /// let socket = socket.into_poll_io();
    /// let seen = poll_fn(|cx| socket.poll_peek_from(cx, &mut [0; 16])).await?;
    /// assert_eq!(seen, (5, address));
    /// assert_eq!(socket.get_ref().try_receive(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.poll_with(Direction::Read, cx, |socket| socket.peek_from(buffer))
    }

    /// Sends a datagram to the peer that the socket is connected to, or has `cx` woken when
    /// to poll again.
    ///
    /// # Errors
    ///
    /// As for [`async_send`](UdpSocket::async_send).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// socket.connect(socket.local_addr()?)?; // to itself
    /// let socket = socket.into_poll_io();
    /// assert_eq!(poll_fn(|cx| socket.poll_send(cx, b"hello")).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn poll_send(&self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_with(Direction::Write, cx, |socket| socket.send(buffer))
    }

    /// Sends a datagram to `address`, or has `cx` woken when to poll again.
    ///
    /// # Errors
    ///
    /// As for [`async_send_to`](UdpSocket::async_send_to).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?;
    /// let socket = socket.into_poll_io();
    /// assert_eq!(poll_fn(|cx| socket.poll_send_to(cx, b"hello", address)).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buffer: &[u8],
        address: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.poll_with(Direction::Write, cx, |socket| {
            socket.send_to(buffer, address)
        })
    }

    /// Calls `receive` with the socket until it has something, or has `cx` woken when to
    /// poll again: for libraries that make the system calls themselves, such as `recvmmsg`.
    ///
    /// That there is nothing it says by [`WouldBlock`](io::ErrorKind::WouldBlock).
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
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?;
    /// socket.try_send_to(b"hello", address)?;
    /// let socket = socket.into_poll_io();
    /// let peek = |socket: &_| SockRef::from(socket).peek_sender();
    /// let sender = poll_fn(|cx| socket.poll_receive_with(cx, peek)).await?;
    /// assert_eq!(sender.as_socket(), Some(address));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn poll_receive_with<T>(
        &self,
        cx: &mut Context<'_>,
        receive: impl FnMut(&UdpSocket<E>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_by_others(Direction::Read, cx, receive)
    }

    /// Calls `send` with the socket until it has sent something, or has `cx` woken when to
    /// poll again: for libraries that make the system calls themselves, such as `sendmmsg`.
    ///
    /// That there is no room it says by [`WouldBlock`](io::ErrorKind::WouldBlock).
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
    /// use std::future::poll_fn;
    /// use std::io::IoSlice;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?.into();
    /// let socket = socket.into_poll_io();
    /// let parts = [IoSlice::new(b"hello "), IoSlice::new(b"world")];
    /// let send = |socket: &_| SockRef::from(socket).send_to_vectored(&parts, &address);
    /// assert_eq!(poll_fn(|cx| socket.poll_send_with(cx, send)).await?, 11);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn poll_send_with<T>(
        &self,
        cx: &mut Context<'_>,
        send: impl FnMut(&UdpSocket<E>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_by_others(Direction::Write, cx, send)
    }

    /// Is ready if there may be something to receive, or has `cx` woken when to poll again.
    ///
    /// The system is not asked: it may be ready though there is nothing, until somebody has
    /// tried, as by [`try_receive_with`](UdpSocket::try_receive_with).
    ///
    /// # Errors
    ///
    /// One of kind [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// socket.try_send_to(b"hello", socket.local_addr()?)?;
    /// let socket = socket.into_poll_io();
    /// poll_fn(|cx| socket.poll_receive_ready(cx)).await?;
    /// assert_eq!(socket.get_ref().try_receive(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "poll_recv_ready")]
    pub fn poll_receive_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_with(Direction::Read, cx, |_| Ok(()))
    }

    /// Is ready if there may be room to send, or has `cx` woken when to poll again.
    ///
    /// The system is not asked: it may be ready though there is none, until somebody has
    /// tried, as by [`try_send_with`](UdpSocket::try_send_with).
    ///
    /// # Errors
    ///
    /// One of kind [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = socket.local_addr()?;
    /// let socket = socket.into_poll_io();
    /// poll_fn(|cx| socket.poll_send_ready(cx)).await?;
    /// assert_eq!(socket.get_ref().try_send_to(b"hello", address)?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_with(Direction::Write, cx, |_| Ok(()))
    }

    fn poll_with<T>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mio::net::UdpSocket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_shared(direction, |socket, key| {
            let attempt = |socket: &_| Ok((attempt(socket)?, Progress::More));
            socket.source.poll_io(direction, key, cx, attempt)
        })
    }

    fn poll_by_others<T>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&UdpSocket<E>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_shared(direction, |socket, key| {
            let attempt = || attempt(socket);
            socket.source.poll_by_others(direction, key, cx, attempt)
        })
    }
}
