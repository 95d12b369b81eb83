use std::io;
use std::path::Path;

use async_op::io::{AsyncReadStream, AsyncWriteStream, ReadBuffer, WriteBuffer};
#[cfg(unix)]
use async_op::net::UnixStream;
use async_op::net::pipeline::Transport;
use async_op::net::{AnyStream, TcpStream};
use async_op::{IoExecutor, IoObject};

use super::config::{Address, Config};

// There are none, so this stands for nothing.
#[cfg(not(unix))]
use TcpStream as UnixStream;

/// A connection of any kind, as one stream.
#[derive(Clone)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Other(AnyStream),
}

impl Stream {
    pub(super) async fn connect(executor: &IoExecutor, config: &Config) -> io::Result<Self> {
        if let Some(dial) = &config.dial {
            return Ok(Self::Other(dial()?));
        }
        match &config.address {
            Address::Tcp(addresses) => {
                let addresses = addresses.iter().copied();
                let (stream, _) = TcpStream::connect_any(executor, addresses).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => Self::connect_at(executor, path).await,
        }
    }

    #[cfg(unix)]
    async fn connect_at(executor: &IoExecutor, path: &Path) -> io::Result<Self> {
        Ok(Self::Unix(UnixStream::connect(executor, path).await?))
    }

    #[cfg(not(unix))]
    async fn connect_at(_: &IoExecutor, _: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl IoObject for Stream {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        match self {
            Self::Tcp(stream) => stream.executor(),
            Self::Unix(stream) => stream.executor(),
            Self::Other(stream) => stream.executor(),
        }
    }
}

impl AsyncReadStream for Stream {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read_after(buffer, skip).await,
            Self::Unix(stream) => stream.read_after(buffer, skip).await,
            Self::Other(stream) => stream.read_after(buffer, skip).await,
        }
    }
}

impl AsyncWriteStream for Stream {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_after(buffer, skip).await,
            Self::Unix(stream) => stream.write_after(buffer, skip).await,
            Self::Other(stream) => stream.write_after(buffer, skip).await,
        }
    }
}

impl Transport for Stream {
    fn try_write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_some(bytes),
            Self::Unix(stream) => stream.try_write_some(bytes),
            Self::Other(stream) => stream.try_write_some(bytes),
        }
    }

    fn close(&self) {
        match self {
            Self::Tcp(stream) => Transport::close(stream),
            Self::Unix(stream) => Transport::close(stream),
            Self::Other(stream) => Transport::close(stream),
        }
    }
}
