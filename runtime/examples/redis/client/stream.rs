use std::io;
use std::net::Shutdown;

use async_op::io::{AsyncReadStream, AsyncWriteStream, ReadBuffer, WriteBuffer};
use async_op::net::{TcpStream, UnixStream};
use async_op::{IoExecutor, IoObject};

use super::config::Address;

/// A connection of either kind, as one stream.
#[derive(Clone)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(super) async fn connect(executor: &IoExecutor, address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(addresses) => {
                let addresses = addresses.iter().copied();
                let (stream, _) = TcpStream::connect_any(executor, addresses).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(executor, path).await?)),
        }
    }

    /// Writes what the system takes here and now.
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Self::Tcp(stream) => stream.try_write_some(bytes),
            Self::Unix(stream) => stream.try_write_some(bytes),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
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
