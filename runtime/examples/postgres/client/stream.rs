//! What the bytes go over.

use async_op::IoExecutor;
use async_op::io::{read_exact, write_all};
use async_op::net::AnyStream;
use async_op::net::pipeline::Address;
use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::binding;
use super::config::{Config, Tls};
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
    let stream = config.address.connect(executor).await?;
    let tls = config.tls.as_ref();
    // A Unix socket is secured by the system.
    let tls = tls.filter(|_| !matches!(config.address, Address::Unix(_)));
    let Some(Tls { connector, name }) = tls else {
        return Ok(Connected::new(stream));
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
