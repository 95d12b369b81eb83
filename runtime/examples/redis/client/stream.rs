//! What the bytes go over.

use async_op::IoExecutor;
use async_op::net::{AnyStream, TcpStream, UnixStream};

use super::config::Address;
use super::value::Result;

pub(super) async fn connect(executor: &IoExecutor, address: &Address) -> Result<AnyStream> {
    match address {
        Address::Tcp(addresses) => {
            let addresses = addresses.iter().copied();
            let (stream, _) = TcpStream::connect_any(executor, addresses).await?;
            stream.set_nodelay(true)?;
            Ok(AnyStream::new(stream))
        }
        Address::Unix(path) => Ok(AnyStream::new(UnixStream::connect(executor, path).await?)),
    }
}
