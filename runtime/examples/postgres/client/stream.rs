//! What the bytes go over.

use async_op::IoExecutor;
use async_op::io::{read_exact, write_all};
use async_op::net::{AnyStream, TcpStream, UnixStream};
use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::binding;
use super::config::{Address, Config, Tls};
use super::error::{Error, Result};

/// What the bytes go over, and by what a password can be tied to it.
pub(super) struct Connected {
    pub(super) stream: AnyStream,
    pub(super) end_point: Option<Vec<u8>>,
}

impl Connected {
    fn new(stream: AnyStream) -> Self {
        let end_point = None;
        Self { stream, end_point }
    }
}

/// Connects, and secures the stream where that is asked for.
pub(super) async fn connect(executor: &IoExecutor, config: &Config) -> Result<Connected> {
    if let Some(dial) = &config.dial {
        return Ok(Connected::new(dial()?));
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
            let stream = UnixStream::connect(executor, path).await?;
            return Ok(Connected::new(AnyStream::new(stream)));
        }
    };
    let Some(Tls { connector, name }) = &config.tls else {
        return Ok(Connected::new(AnyStream::new(stream)));
    };
    let mut out = BytesMut::new();
    frontend::ssl_request(&mut out);
    write_all(&stream, &out[..]).await?;
    // No byte more: what comes behind it unsecured would be taken for secured.
    let mut answer = [0];
    read_exact(&stream, &mut answer[..]).await?;
    if answer != *b"S" {
        return Err(Error::Protocol("no TLS, although it is asked for"));
    }
    let stream = connector.connect(stream, name).await?;
    let certificate = stream.peer_certificate();
    Ok(Connected {
        end_point: certificate.and_then(|it| binding::end_point(&it)),
        stream: AnyStream::new(stream),
    })
}
