//! What the bytes go over.

use std::io;
use std::path::Path;

use async_op::IoExecutor;
#[cfg(unix)]
use async_op::net::UnixStream;
use async_op::net::{AnyStream, TcpStream};

use super::config::{Address, Config};

pub(super) async fn connect(executor: &IoExecutor, config: &Config) -> io::Result<AnyStream> {
    if let Some(dial) = &config.dial {
        return dial();
    }
    match &config.address {
        Address::Tcp(addresses) => {
            let addresses = addresses.iter().copied();
            let (stream, _) = TcpStream::connect_any(executor, addresses).await?;
            stream.set_nodelay(true)?;
            Ok(AnyStream::new(stream))
        }
        Address::Unix(path) => connect_at(executor, path).await,
    }
}

#[cfg(unix)]
async fn connect_at(executor: &IoExecutor, path: &Path) -> io::Result<AnyStream> {
    let stream = UnixStream::connect(executor, path).await?;
    Ok(AnyStream::new(stream))
}

#[cfg(not(unix))]
async fn connect_at(_: &IoExecutor, _: &Path) -> io::Result<AnyStream> {
    Err(io::ErrorKind::Unsupported.into())
}
