//! What all sockets of datagrams have in common.

use std::io;
use std::task::{Context, Poll};

use super::operation::Perform;
use super::source::{Pollable, SharedSource, Source};
use crate::buffer::{ReadBuffer, WriteBuffer, lacks_length, read_parts, scratch, write_parts};
use crate::context::{Direction, Progress, WaiterKey};

/// A source of datagrams.
pub(super) trait Datagram: Pollable {
    type Address: Send;

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize>;
    fn receive_from(&self, bytes: &mut [u8]) -> io::Result<(usize, Self::Address)>;
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl Datagram for mio::net::UdpSocket {
    type Address = std::net::SocketAddr;

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.recv(bytes)
    }

    fn receive_from(&self, bytes: &mut [u8]) -> io::Result<(usize, Self::Address)> {
        self.recv_from(bytes)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }
}

#[cfg(unix)]
impl Datagram for mio::net::UnixDatagram {
    type Address = std::os::unix::net::SocketAddr;

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.recv(bytes)
    }

    fn receive_from(&self, bytes: &mut [u8]) -> io::Result<(usize, Self::Address)> {
        self.recv_from(bytes)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }
}

/// Receives a datagram, by means of a function that says how long it was, and what it says
/// of that.
pub(super) struct Receive<B, F, M> {
    pub(super) buffer: B,
    pub(super) receive: F,
    pub(super) map: M,
}

impl<S, B, F, T, M, R> Perform<S> for Receive<B, F, M>
where
    S: Datagram,
    B: ReadBuffer,
    F: Fn(&S, &mut [u8]) -> io::Result<(usize, T)> + Send,
    M: FnOnce((usize, T)) -> R + Send,
{
    type Value = (usize, T);
    type Output = B::Output<io::Result<R>>;

    /// For the whole of several parts.
    const TAKES_MEMORY: bool = true;

    fn may_wait(&mut self) -> bool {
        !self.buffer.lacks_length()
    }

    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<Self::Value>, Progress)> {
        let Self {
            buffer, receive, ..
        } = self;
        // All of the datagram would be lost.
        if buffer.lacks_length() {
            return Err(lacks_length());
        }
        let socket = source.get();
        let in_place = read_parts(buffer, 0, |part| Some(receive(socket, part)), |_| None);
        let received = match in_place {
            Some(received) => received?,
            None => {
                let len = buffer.total_len();
                let mut whole = scratch(len)?;
                whole.resize(len, 0);
                let received = receive(socket, &mut whole)?;
                scatter(&whole[..received.0], buffer);
                received
            }
        };
        Ok((Some(received), Progress::More))
    }

    fn finish(self, result: io::Result<Self::Value>) -> Self::Output {
        self.buffer.completed(result.map(self.map))
    }
}

/// Sends a datagram, by means of a function.
pub(super) struct SendWhole<B, F> {
    pub(super) buffer: B,
    pub(super) send: F,
}

impl<S, B, F> Perform<S> for SendWhole<B, F>
where
    S: Datagram,
    B: WriteBuffer,
    F: Fn(&S, &[u8]) -> io::Result<usize> + Send,
{
    type Value = usize;
    type Output = B::Output<io::Result<usize>>;

    /// For the whole of several parts.
    const TAKES_MEMORY: bool = true;

    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<usize>, Progress)> {
        let sent = whole(&self.buffer, |bytes| (self.send)(source.get(), bytes))?;
        Ok((Some(sent), Progress::More))
    }

    fn finish(self, result: io::Result<usize>) -> Self::Output {
        self.buffer.completed(result)
    }
}

/// Sends all parts of `buffer` as one, by means of `send`.
pub(super) fn whole<B: WriteBuffer>(
    buffer: &B,
    mut send: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    match write_parts(buffer, 0, |part| Some(send(part)), |_| None) {
        Some(sent) => sent,
        None => {
            let mut whole = scratch(buffer.total_len())?;
            buffer.parts(|part| whole.extend_from_slice(part));
            send(&whole)
        }
    }
}

/// Copies `bytes` to the parts of `buffer`, which has room for them.
fn scatter<B: ReadBuffer>(mut bytes: &[u8], buffer: &mut B) {
    buffer.parts(|part| {
        let (now, later) = bytes.split_at(bytes.len().min(part.len()));
        part[..now.len()].copy_from_slice(now);
        bytes = later;
    });
}

/// For those who do not wait.
impl<S: Datagram> Source<S> {
    pub(super) fn try_datagram<T>(
        &self,
        direction: Direction,
        mut transfer: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.try_io(direction, |socket| Ok((transfer(socket)?, Progress::More)))
    }
}

/// For those who make the system calls themselves.
impl Source<mio::net::UdpSocket> {
    pub(super) fn try_by_others<T>(
        &self,
        direction: Direction,
        mut transfer: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        self.try_datagram(direction, |socket| socket.try_io(&mut transfer))
    }

    pub(super) fn poll_by_others<T>(
        &self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        cx: &mut Context<'_>,
        mut transfer: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_io(direction, key, cx, |socket| {
            Ok((socket.try_io(&mut transfer)?, Progress::More))
        })
    }
}

/// Gives a handle with a `source` of datagrams its operations. How it sends to an address
/// is its own.
macro_rules! datagrams {
    ($ty:ident, $address:ty, $($send_to:tt)*) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Receives a datagram into the front of `buffer`, from the peer that
            /// the socket is connected to, or else from anybody.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<usize>)` for a borrowed buffer,
            /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
            /// or not (see [`ReadBuffer`](crate::io::ReadBuffer)). What does not fit
            /// into the buffer is lost. 0 bytes are a datagram without content.
            ///
            /// # Overlap
            ///
            /// Any number may be outstanding; a datagram goes to one of them.
            ///
            /// # Allocation
            ///
            /// None besides the operation's own memory; awaited, none. A buffer of
            /// several parts is copied from a whole one from the same allocator.
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured: a dropped operation has received nothing.
            ///
            /// # Errors
            ///
            /// The system's, such as [`ConnectionRefused`](std::io::ErrorKind::ConnectionRefused)
            /// when nobody listens at the peer's (on Windows it is `ConnectionReset`, and
            /// `WSAEMSGSIZE`, 10040, if something does not fit); one of kind
            /// [`Other`](std::io::ErrorKind::Other) when the context is gone;
            /// [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel);
            /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) for an empty `Vec`; and
            /// one of kind [`OutOfMemory`](std::io::ErrorKind::OutOfMemory) for
            /// several parts that the allocator has no whole for. On Windows a datagram that
            /// does not fit is one as well, `WSAEMSGSIZE`.
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
            /// a.connect(b.local_addr()?)?;
            /// b.connect(a.local_addr()?)?;
            /// a.send("hello").await?;
            /// let (result, buffer) = b.receive(vec![0; 16]).await;
            /// assert_eq!(&buffer[..result?], b"hello");
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            #[$crate::async_op]
            pub fn async_receive<B: $crate::io::ReadBuffer>(
                &self,
                buffer: B,
            ) -> impl $crate::Initiation<B::Completion<std::io::Result<usize>>> {
                static META: $crate::initiation::Meta = $crate::net::operation::meta("async_receive");
                let receive = $crate::net::datagram::Receive {
                    buffer,
                    receive: |socket: &_, bytes: &mut [u8]| Ok((Datagram::receive(socket, bytes)?, ())),
                    map: |(n, ())| n,
                };
                $crate::net::operation::operation(&META, &self.source, &self.home, $crate::context::Direction::Read, receive)
            }

            /// Receives a datagram into the front of `buffer`, with the address
            /// that it came from.
            ///
            /// # Completion
            ///
            /// With `R` for `io::Result<(usize, SocketAddr)>`: `fn(R)` for a
            /// borrowed buffer, `fn(R, B)` for an owned one, which comes back,
            /// error or not (see [`ReadBuffer`](crate::io::ReadBuffer)). What does not
            /// fit into the buffer is lost. 0 bytes are a datagram without content.
            ///
            /// # Overlap
            ///
            /// Any number may be outstanding; a datagram goes to one of them.
            ///
            /// # Allocation
            ///
            /// As for [`async_receive`](Self::async_receive).
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured: a dropped operation has received nothing.
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
            /// let a = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// let b = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// a.send_to("hello", b.local_addr()?).await?;
            /// let (n, from) = b.receive_from(&mut [0; 16]).await?;
            /// assert_eq!((n, from), (5, a.local_addr()?));
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            #[$crate::async_op]
            pub fn async_receive_from<B: $crate::io::ReadBuffer>(
                &self,
                buffer: B,
            ) -> impl $crate::Initiation<B::Completion<std::io::Result<(usize, $address)>>> {
                static META: $crate::initiation::Meta = $crate::net::operation::meta("async_receive_from");
                let receive = $crate::net::datagram::Receive {
                    buffer,
                    receive: Datagram::receive_from,
                    map: |received| received,
                };
                $crate::net::operation::operation(&META, &self.source, &self.home, $crate::context::Direction::Read, receive)
            }

            /// Receives a datagram that is there, here and now, into the front of `buffer`.
            ///
            /// This is no operation: it waits for nothing, and nobody's request to
            /// cancel concerns it. What does not fit into the buffer is lost.
            ///
            /// # Errors
            ///
            /// As [`async_receive`](Self::async_receive), and
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if there is none.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            /// use std::io::ErrorKind;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// let error = socket.try_receive(&mut [0; 16]).unwrap_err();
            /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
            /// socket.try_send_to(b"hello", socket.local_addr()?)?;
            /// assert_eq!(socket.try_receive(&mut [0; 16])?, 5);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "try_recv")]
            pub fn try_receive(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.source.try_datagram($crate::context::Direction::Read, |socket| {
                    Datagram::receive(socket, buffer)
                })
            }

            /// Receives a datagram that is there, here and now, with the address that it came
            /// from. As [`try_receive`](Self::try_receive) in every other respect.
            ///
            /// # Errors
            ///
            /// As [`async_receive_from`](Self::async_receive_from), and
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if there is none.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// let address = socket.local_addr()?;
            /// socket.try_send_to(b"hello", address)?;
            /// assert_eq!(socket.try_receive_from(&mut [0; 16])?, (5, address));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "try_recv_from")]
            pub fn try_receive_from(
                &self,
                buffer: &mut [u8],
            ) -> std::io::Result<(usize, $address)> {
                self.source.try_datagram($crate::context::Direction::Read, |socket| {
                    Datagram::receive_from(socket, buffer)
                })
            }

            /// Sends a datagram to the peer that the socket is connected to, here and now.
            ///
            /// This is no operation: it waits for nothing, and nobody's request to
            /// cancel concerns it.
            ///
            /// # Errors
            ///
            /// As [`async_send`](Self::async_send), and
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if there is no room for it.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// socket.connect(socket.local_addr()?)?; // to itself
            /// assert_eq!(socket.try_send(b"hello")?, 5);
            /// assert_eq!(socket.try_receive(&mut [0; 16])?, 5);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_send(&self, buffer: &[u8]) -> std::io::Result<usize> {
                self.source.try_datagram($crate::context::Direction::Write, |socket| {
                    Datagram::send(socket, buffer)
                })
            }

            /// Sends a datagram to the peer that the socket is connected to.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<usize>)` for a borrowed buffer,
            /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
            /// or not (see [`WriteBuffer`](crate::io::WriteBuffer)). A datagram is sent
            /// whole or not at all; an empty buffer makes one without content.
            ///
            /// # Overlap
            ///
            /// Any number may be outstanding.
            ///
            /// # Allocation
            ///
            /// None besides the operation's own memory; awaited, none. A buffer of
            /// several parts is copied to a whole one from the same allocator.
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured: a dropped operation has sent nothing.
            ///
            /// # Errors
            ///
            /// The system's, such as `EDESTADDRREQ` for a socket that is not
            /// connected and `EMSGSIZE` for a datagram that is too long, and one of
            /// kind [`Other`](std::io::ErrorKind::Other) when the context is gone;
            /// [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel).
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
            /// a.connect(b.local_addr()?)?;
            /// b.connect(a.local_addr()?)?;
            /// assert_eq!(a.send("hello").await?, 5);
            /// assert_eq!(b.receive(&mut [0; 16]).await?, 5);
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            #[$crate::async_op]
            pub fn async_send<B: $crate::io::WriteBuffer>(
                &self,
                buffer: B,
            ) -> impl $crate::Initiation<B::Completion<std::io::Result<usize>>> {
                static META: $crate::initiation::Meta = $crate::net::operation::meta("async_send");
                let send = $crate::net::datagram::SendWhole {
                    buffer,
                    send: Datagram::send,
                };
                $crate::net::operation::operation(&META, &self.source, &self.home, $crate::context::Direction::Write, send)
            }

            /// Sends a datagram to `address`.
            ///
            /// # Completion
            ///
            /// As for [`async_send`](Self::async_send).
            ///
            /// # Overlap
            ///
            /// Any number may be outstanding.
            ///
            /// # Allocation
            ///
            /// As for [`async_send`](Self::async_send).
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured: a dropped operation has sent nothing.
            ///
            /// # Errors
            ///
            /// As for [`async_send`](Self::async_send).
            $($send_to)*
        }
    };
}

pub(super) use datagrams;
