//! Options of sockets, as several handles have them.

use std::io;
use std::time::Duration;

use socket2::SockRef;

use super::keepalive::in_seconds;

/// How far packets go: the system has a number for each family of addresses.
pub(super) fn set_ttl(socket: &SockRef<'_>, ttl: u32) -> io::Result<()> {
    let ttl = signed(ttl);
    match is_v6(socket)? {
        true => socket.set_unicast_hops_v6(ttl),
        false => socket.set_ttl_v4(ttl),
    }
}

pub(super) fn ttl(socket: &SockRef<'_>) -> io::Result<u32> {
    match is_v6(socket)? {
        true => socket.unicast_hops_v6(),
        false => socket.ttl_v4(),
    }
}

/// Returns whether it is a socket of IPv6, and is one before it has an address.
fn is_v6(socket: &SockRef<'_>) -> io::Result<bool> {
    // To ask for an address is an error on Windows where there is none.
    match socket.local_addr() {
        Ok(address) => Ok(address.is_ipv6()),
        Err(_) => Ok(socket.only_v6().is_ok()),
    }
}

/// The numbers of the system have a sign, and there are some to which -1 means what was so at
/// first.
pub(super) fn signed(number: u32) -> u32 {
    number.min(i32::MAX as u32)
}

/// As many bytes as the system can be asked for: of more it would see the lower half.
pub(super) fn signed_size(size: usize) -> usize {
    size.min(i32::MAX as usize)
}

/// The system counts whole seconds, and some of them in sixteen bits.
pub(super) fn set_linger(socket: &SockRef<'_>, linger: Option<Duration>) -> io::Result<()> {
    let most = Duration::from_secs(u16::MAX.into());
    socket.set_linger(linger.map(|linger| in_seconds(linger).min(most)))
}

/// Gives a handle what it has to have for the others: its socket.
macro_rules! options {
    ($ty:ident: $($options:ident),*) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            $($crate::net::options::$options!();)*

            fn options(&self) -> socket2::SockRef<'_> {
                socket2::SockRef::from(self.source.get())
            }
        }
    };
}

macro_rules! nodelay {
    () => {
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
        /// use async_op::net::TcpSocket;
        ///
        /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
        /// socket.set_nodelay(true)?;
        /// assert!(socket.nodelay()?);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn set_nodelay(&self, nodelay: bool) -> std::io::Result<()> {
            self.options().set_tcp_nodelay(nodelay)
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
        /// use async_op::net::TcpSocket;
        ///
        /// let socket = TcpSocket::new_v4(&SystemExecutor)?;
        /// socket.set_nodelay(false)?;
        /// assert!(!socket.nodelay()?);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn nodelay(&self) -> std::io::Result<bool> {
            self.options().tcp_nodelay()
        }
    };
}

macro_rules! keepalive {
    () => {
        /// Asks a peer that says nothing whether it is still there, or not (`SO_KEEPALIVE`).
        ///
        /// Without an answer, what waits, and what is begun later, fails with
        /// [`TimedOut`](std::io::ErrorKind::TimedOut).
        ///
        /// # Errors
        ///
        /// The system's; [`Unsupported`](std::io::ErrorKind::Unsupported) where it does
        /// not know how often to ask; [`InvalidInput`](std::io::ErrorKind::InvalidInput) for
        /// a time of zero. A peer that was not asked is not asked then.
        ///
        /// # Examples
        ///
        /// ```
        /// use async_op::SystemExecutor;
        /// use async_op::net::{Keepalive, TcpListener, TcpStream};
        /// use std::time::Duration;
        ///
        /// # pollster::block_on(async {
        /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
        /// # let address = listener.local_addr()?;
        /// let client = TcpStream::connect(&SystemExecutor, address).await?;
        /// client.set_keepalive(Some(Keepalive::after(Duration::from_secs(60))))?;
        /// assert!(client.keepalive()?);
        /// client.set_keepalive(None)?;
        /// assert!(!client.keepalive()?);
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        pub fn set_keepalive(
            &self,
            keepalive: Option<$crate::net::Keepalive>,
        ) -> std::io::Result<()> {
            match keepalive {
                Some(keepalive) => keepalive.set(&self.options()),
                None => self.options().set_keepalive(false),
            }
        }

        /// Returns whether a peer that says nothing is asked whether it is still there.
        ///
        /// How often it is, `socket2::SockRef::from(&stream)` can tell.
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
        /// assert!(!socket.keepalive()?); // not unless it is set
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn keepalive(&self) -> std::io::Result<bool> {
            self.options().keepalive()
        }
    };
}

macro_rules! linger {
    () => {
        /// Says what becomes of data that the peer has not confirmed when the socket is
        /// closed (`SO_LINGER`).
        ///
        /// - `None`, as it is at first: the system goes on to send it, unseen.
        /// - A duration of zero: it is thrown away, and the connection is reset, which the
        ///   peer finds to be [`ConnectionReset`](std::io::ErrorKind::ConnectionReset). No
        ///   port is left in `TIME_WAIT`.
        /// - Any other: whoever drops the last handle, be it an operation, **blocks** until
        ///   the data has been confirmed, and no longer than so, in whole seconds, rounded
        ///   up, 65,535 of them at the most. On a thread that runs a context that holds up
        ///   all others: [`shutdown`](crate::net::TcpStream::shutdown) and a read until the end wait in the
        ///   same way, and block nobody.
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
        /// use std::io::ErrorKind;
        /// use std::time::Duration;
        ///
        /// # pollster::block_on(async {
        /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
        /// # let address = listener.local_addr()?;
        /// let client = TcpStream::connect(&SystemExecutor, address).await?;
        /// let (server, _) = listener.accept().await?;
        /// client.set_linger(Some(Duration::ZERO))?;
        /// drop(client);
        /// let error = server.read_some(&mut [0; 16]).await.unwrap_err();
        /// assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        pub fn set_linger(&self, linger: Option<std::time::Duration>) -> std::io::Result<()> {
            $crate::net::options::set_linger(&self.options(), linger)
        }

        /// Returns what becomes of data that the peer has not confirmed when the socket is
        /// closed.
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
        /// assert_eq!(socket.linger()?, None);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn linger(&self) -> std::io::Result<Option<std::time::Duration>> {
            self.options().linger()
        }
    };
}

macro_rules! ttl_option {
    () => {
        /// Sets how many routers a packet may pass: the time to live of IPv4 (`IP_TTL`), the
        /// hop limit of IPv6 (`IPV6_UNICAST_HOPS`), as the socket is of one or the other.
        ///
        /// Packets to groups have a number of their own.
        ///
        /// # Errors
        ///
        /// The system's, such as that of a number that is not from 1 to 255.
        ///
        /// # Examples
        ///
        /// ```
        /// use async_op::SystemExecutor;
        /// use async_op::net::UdpSocket;
        ///
        /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
        /// socket.set_ttl(1)?; // no further than to the next machines
        /// assert_eq!(socket.ttl()?, 1);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[doc(alias = "set_hop_limit")]
        pub fn set_ttl(&self, ttl: u32) -> std::io::Result<()> {
            $crate::net::options::set_ttl(&self.options(), ttl)
        }

        /// Returns how many routers a packet may pass.
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
        /// assert!(socket.ttl()? > 0);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[doc(alias = "hop_limit")]
        pub fn ttl(&self) -> std::io::Result<u32> {
            $crate::net::options::ttl(&self.options())
        }
    };
}

macro_rules! buffer_sizes {
    () => {
        /// Asks the system for room for `size` bytes that are sent and not confirmed
        /// (`SO_SNDBUF`).
        ///
        /// That is a wish: it may take less, and Linux doubles it, for what it needs itself.
        /// A system that finds the best size by itself, as Linux does for TCP, leaves it at
        /// that from then on.
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
        /// socket.set_send_buffer_size(100_000)?;
        /// assert!(socket.send_buffer_size()? >= 100_000);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn set_send_buffer_size(&self, size: usize) -> std::io::Result<()> {
            let size = $crate::net::options::signed_size(size);
            self.options().set_send_buffer_size(size)
        }

        /// Returns how much room the system has for bytes that are sent.
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
        /// assert!(socket.send_buffer_size()? > 0);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn send_buffer_size(&self) -> std::io::Result<usize> {
            self.options().send_buffer_size()
        }

        /// Asks the system for room for `size` bytes that have come and are not read
        /// (`SO_RCVBUF`).
        ///
        /// That is a wish, as for [`set_send_buffer_size`](Self::set_send_buffer_size). Of
        /// TCP it is best known before there is a connection: the window that the peer is
        /// told of may be scaled by it.
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
        /// socket.set_receive_buffer_size(100_000)?;
        /// assert!(socket.receive_buffer_size()? >= 100_000);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[doc(alias = "set_recv_buffer_size")]
        pub fn set_receive_buffer_size(&self, size: usize) -> std::io::Result<()> {
            let size = $crate::net::options::signed_size(size);
            self.options().set_recv_buffer_size(size)
        }

        /// Returns how much room the system has for bytes that have come.
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
        /// assert!(socket.receive_buffer_size()? > 0);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[doc(alias = "recv_buffer_size")]
        pub fn receive_buffer_size(&self) -> std::io::Result<usize> {
            self.options().recv_buffer_size()
        }
    };
}

macro_rules! pending_error {
    () => {
        /// Takes out the error that the system has for the socket (`SO_ERROR`), if there is
        /// one: the next read or write does not fail with it any more. On Windows, it may be
        /// them alone that tell of a connection that is reset.
        ///
        /// # Errors
        ///
        /// The system's, when it cannot be asked.
        ///
        /// # Examples
        ///
        /// ```
        /// use async_op::SystemExecutor;
        /// use async_op::net::UdpSocket;
        ///
        /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
        /// assert!(socket.take_error()?.is_none());
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
            self.options().take_error()
        }
    };
}

macro_rules! only_v6 {
    () => {
        /// Returns whether a socket of IPv6 is for nothing but that, or for IPv4 as well.
        ///
        /// # Errors
        ///
        /// The system's, for a socket of IPv4.
        ///
        /// # Examples
        ///
        /// ```
        /// use async_op::SystemExecutor;
        /// use async_op::net::UdpSocket;
        ///
        /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
        /// assert!(socket.only_v6().is_err()); // of IPv4
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn only_v6(&self) -> std::io::Result<bool> {
            self.options().only_v6()
        }
    };
}

pub(super) use {
    buffer_sizes, keepalive, linger, nodelay, only_v6, options, pending_error, ttl_option,
};
