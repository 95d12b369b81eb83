//! What all sockets of datagrams have in common.

use std::io;

use super::source::{Pollable, Source};
#[cfg(unix)]
use super::unix_datagram::lent;
use crate::buffer::{ReadBuffer, WriteBuffer, read_parts, scratch, write_parts};
use crate::context::{Direction, Progress};

/// A source of datagrams.
pub(super) trait Datagram: Pollable {
    type Address: Send;

    /// Whether the system says when there is room at any address. Of Unix
    /// sockets it does so for the peer alone that a socket is connected to, and
    /// reports events for every attempt besides.
    const SAYS_WHEN_THERE_IS_ROOM: bool;

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize>;
    fn receive_from(&self, bytes: &mut [u8]) -> io::Result<(usize, Self::Address)>;
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    fn send_to(&self, bytes: &[u8], address: &Self::Address) -> io::Result<usize>;
}

impl Datagram for mio::net::UdpSocket {
    type Address = std::net::SocketAddr;

    const SAYS_WHEN_THERE_IS_ROOM: bool = true;

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.recv(bytes)
    }

    fn receive_from(&self, bytes: &mut [u8]) -> io::Result<(usize, Self::Address)> {
        self.recv_from(bytes)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }

    fn send_to(&self, bytes: &[u8], address: &Self::Address) -> io::Result<usize> {
        self.send_to(bytes, *address)
    }
}

#[cfg(unix)]
impl Datagram for mio::net::UnixDatagram {
    type Address = std::os::unix::net::SocketAddr;

    const SAYS_WHEN_THERE_IS_ROOM: bool = false;

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.recv(bytes)
    }

    fn receive_from(&self, bytes: &mut [u8]) -> io::Result<(usize, Self::Address)> {
        self.recv_from(bytes)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }

    fn send_to(&self, bytes: &[u8], address: &Self::Address) -> io::Result<usize> {
        if address.is_unnamed() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a datagram is sent to a socket that is bound to an address",
            ));
        }
        lent(self).send_to_addr(bytes, address)
    }
}

impl<S: Datagram> Source<S> {
    /// Receives a datagram by means of `receive`, which says how long it was.
    pub(super) fn receive<B: ReadBuffer, T>(
        &self,
        buffer: &mut B,
        mut receive: impl FnMut(&S, &mut [u8]) -> io::Result<(usize, T)>,
    ) -> impl Future<Output = io::Result<(usize, T)>> {
        self.io(Direction::Read, move |socket| {
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
            Ok((received, Progress::More))
        })
    }

    /// Sends a datagram to the peer.
    pub(super) fn send<B: WriteBuffer>(
        &self,
        buffer: &mut B,
    ) -> impl Future<Output = io::Result<usize>> {
        // Moved into: a shared reference to a buffer need not be `Send`.
        self.io(Direction::Write, move |socket| {
            Ok((whole(buffer, |bytes| socket.send(bytes))?, Progress::More))
        })
    }

    /// Sends a datagram to `address`.
    pub(super) async fn send_to<B: WriteBuffer>(
        &self,
        buffer: &mut B,
        address: &S::Address,
    ) -> io::Result<usize>
    where
        S::Address: Sync,
    {
        let attempt = move |socket: &S| {
            let sent = whole(buffer, |bytes| socket.send_to(bytes, address))?;
            Ok((sent, Progress::More))
        };
        if S::SAYS_WHEN_THERE_IS_ROOM {
            self.io(Direction::Write, attempt).await
        } else {
            self.io_with_pauses(Direction::Write, attempt).await
        }
    }
}

/// Sends all parts of `buffer` as one, by means of `send`.
fn whole<B: WriteBuffer>(
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

/// Gives a handle with a `source` of datagrams its operations.
macro_rules! datagrams {
    ($ty:ident, $address:ty) => {
        impl $ty {
            /// Receives a datagram into the front of `buffer`, from the peer that
            /// the socket is connected to, or else from anybody.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<usize>)` for a borrowed buffer,
            /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
            /// or not (see [`ReadBuffer`](crate::ReadBuffer)). What does not fit
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
            /// Yes, and requests of every [type](crate::CancellationType) are
            /// honoured: a dropped operation has received nothing.
            ///
            /// # Errors
            ///
            /// The system's, such as [`ConnectionRefused`](std::io::ErrorKind::ConnectionRefused)
            /// when nobody listens at the peer's; one of kind
            /// [`Other`](std::io::ErrorKind::Other) when the context is gone;
            /// [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel); and
            /// one of kind [`OutOfMemory`](std::io::ErrorKind::OutOfMemory) for
            /// several parts that the allocator has no whole for.
            #[$crate::async_op(completes = B::Completion<std::io::Result<usize>>, cancellation = total)]
            pub async fn async_receive<B: $crate::ReadBuffer>(
                &self,
                mut buffer: B,
            ) -> B::Output<std::io::Result<usize>> {
                let receive = |socket: &_, bytes: &mut [u8]| Ok((Datagram::receive(socket, bytes)?, ()));
                let result = self.source.receive(&mut buffer, receive).await;
                buffer.completed(result.map(|(n, ())| n))
            }

            /// Receives a datagram into the front of `buffer`, with the address
            /// that it came from.
            ///
            /// # Completion
            ///
            /// With `R` for `io::Result<(usize, SocketAddr)>`: `fn(R)` for a
            /// borrowed buffer, `fn(R, B)` for an owned one, which comes back,
            /// error or not (see [`ReadBuffer`](crate::ReadBuffer)). What does not
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
            /// Yes, and requests of every [type](crate::CancellationType) are
            /// honoured: a dropped operation has received nothing.
            ///
            /// # Errors
            ///
            /// The system's, and one of kind [`Other`](std::io::ErrorKind::Other)
            /// when the context is gone; [cancelled](crate::is_cancelled) by
            /// [`cancel`](Self::cancel).
            #[$crate::async_op(completes = B::Completion<std::io::Result<(usize, $address)>>, cancellation = total)]
            pub async fn async_receive_from<B: $crate::ReadBuffer>(
                &self,
                mut buffer: B,
            ) -> B::Output<std::io::Result<(usize, $address)>> {
                let result = self.source.receive(&mut buffer, Datagram::receive_from).await;
                buffer.completed(result)
            }

            /// Sends a datagram to the peer that the socket is connected to.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<usize>)` for a borrowed buffer,
            /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
            /// or not (see [`WriteBuffer`](crate::WriteBuffer)). A datagram is sent
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
            /// Yes, and requests of every [type](crate::CancellationType) are
            /// honoured: a dropped operation has sent nothing.
            ///
            /// # Errors
            ///
            /// The system's, such as `EDESTADDRREQ` for a socket that is not
            /// connected and `EMSGSIZE` for a datagram that is too long, and one of
            /// kind [`Other`](std::io::ErrorKind::Other) when the context is gone;
            /// [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel).
            #[$crate::async_op(completes = B::Completion<std::io::Result<usize>>, cancellation = total)]
            pub async fn async_send<B: $crate::WriteBuffer>(
                &self,
                mut buffer: B,
            ) -> B::Output<std::io::Result<usize>> {
                let result = self.source.send(&mut buffer).await;
                buffer.completed(result)
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
            /// Yes, and requests of every [type](crate::CancellationType) are
            /// honoured: a dropped operation has sent nothing.
            ///
            /// # Errors
            ///
            /// The system's, and one of kind [`Other`](std::io::ErrorKind::Other)
            /// when the context is gone; [cancelled](crate::is_cancelled) by
            /// [`cancel`](Self::cancel).
            #[$crate::async_op(completes = B::Completion<std::io::Result<usize>>, cancellation = total)]
            pub async fn async_send_to<B: $crate::WriteBuffer>(
                &self,
                mut buffer: B,
                address: $address,
            ) -> B::Output<std::io::Result<usize>> {
                let result = self.source.send_to(&mut buffer, &address).await;
                buffer.completed(result)
            }
        }
    };
}

pub(super) use datagrams;
