use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_op::{
    AsyncReadStream, AsyncWriteStream, CancellationSlot, IoExecutor, IoObject, ReadBuffer,
    TcpStream, UnixStream, UseFuture, WriteBuffer, async_op, bind_cancellation_slot,
};

/// Where a server is.
#[derive(Clone, Debug)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Reads `host:port`, or the path of a Unix socket, which has a slash in it.
    pub fn parse(text: &str) -> io::Result<Self> {
        if text.contains('/') {
            return Ok(Self::Unix(text.into()));
        }
        let mut addresses = text.to_socket_addrs()?;
        let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self::Tcp(address))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A connection of either kind, as one stream.
#[derive(Clone)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(super) async fn connect(executor: &IoExecutor, address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(executor, *address).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(executor, path).await?)),
        }
    }

    /// Writes what the system takes here and now.
    ///
    /// What the caller is part of may have been asked to stop: that is no business
    /// of the connection's, and stays outside.
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let outside = CancellationSlot::unconnected();
        let write = self.async_write_some(bytes, bind_cancellation_slot(outside, UseFuture));
        match pin!(write).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(0),
        }
    }

    #[async_op(cancellation = total)]
    #[allow(
        clippy::needless_lifetimes,
        reason = "what has a name is borrowed, what has none is copied"
    )]
    async fn async_write_some<'a>(&self, bytes: &'a [u8]) -> io::Result<usize> {
        self.write_after(&mut &bytes[..], 0).await
    }

    /// Ends whatever waits for it.
    pub(super) fn close(&self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl IoObject for Stream {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        match self {
            Self::Tcp(stream) => stream.executor(),
            Self::Unix(stream) => stream.executor(),
        }
    }
}

impl AsyncReadStream for Stream {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read_after(buffer, skip).await,
            Self::Unix(stream) => stream.read_after(buffer, skip).await,
        }
    }
}

impl AsyncWriteStream for Stream {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_after(buffer, skip).await,
            Self::Unix(stream) => stream.write_after(buffer, skip).await,
        }
    }
}
