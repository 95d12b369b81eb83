//! What the bytes go over.

use async_op::IoExecutor;
use async_op::io::{read_exact, write_all};
use async_op::net::{AnyStream, TcpStream, UnixStream};
use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::config::{Address, Config, Tls};
use super::error::{Error, Result};

/// Connects, and secures the stream where that is asked for.
pub(super) async fn connect(executor: &IoExecutor, config: &Config) -> Result<AnyStream> {
    if let Some(dial) = &config.dial {
        return Ok(dial()?);
    }
    let stream = match &config.address {
        Address::Tcp(addresses) => {
            let addresses = addresses.iter().copied();
            let (stream, _) = TcpStream::connect_any(executor, addresses).await?;
            stream.set_nodelay(true)?;
            stream
        }
        // The system secures it.
        Address::Unix(path) => {
            return Ok(AnyStream::new(UnixStream::connect(executor, path).await?));
        }
    };
    let Some(Tls { connector, name }) = &config.tls else {
        return Ok(AnyStream::new(stream));
    };
    let mut out = BytesMut::new();
    frontend::ssl_request(&mut out);
    write_all(&stream, &out[..]).await?;
    // No byte more: what comes behind it unsecured would be taken for secured.
    let mut answer = [0];
    read_exact(&stream, &mut answer[..]).await?;
    match answer {
        [b'S'] => Ok(AnyStream::new(connector.connect(stream, name).await?)),
        _ => Err(Error::Protocol("no TLS, although it is asked for")),
    }
}
