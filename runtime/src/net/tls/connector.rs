use std::fmt;
use std::io;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "rustls")]
use ::rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use super::engine::Engine;
#[cfg(feature = "native-tls")]
use super::of_native::OfNative;
#[cfg(feature = "rustls")]
use super::of_rustls::OfRustls;
use super::{HANDSHAKE, TlsStream};
use crate::async_op;
use crate::cancel::CancellationType;
use crate::initiation::{Initiation, from_future};
use crate::io::Transport;
use crate::meta::Meta;

/// Makes streams the ends of clients; see the [module](super).
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    kind: Kind,
    handshake: Option<Duration>,
}

#[derive(Clone)]
enum Kind {
    #[cfg(feature = "rustls")]
    Rustls(Arc<ClientConfig>),
    #[cfg(feature = "native-tls")]
    Native(::native_tls::TlsConnector),
}

impl Connector {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            handshake: Some(HANDSHAKE),
        }
    }

    /// Sets how long a handshake may take: 30 seconds if it is not said, `None` for as long as
    /// it likes.
    ///
    /// ```
    /// use async_op::net::tls::Connector;
    /// use std::time::Duration;
    ///
    /// fn impatient(tls: Connector) -> Connector {
    ///     tls.handshake_limit(Some(Duration::from_secs(5)))
    /// }
    /// ```
    pub fn handshake_limit(mut self, limit: Option<Duration>) -> Self {
        self.handshake = limit;
        self
    }

    /// Shakes hands over `stream` with a server, who shows that it is `name`: a name of a host,
    /// or an IP address.
    ///
    /// ```
    /// use async_op::IoExecutor;
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::{Connector, TlsStream};
    /// use std::io;
    /// use std::net::SocketAddr;
    ///
    /// async fn secure(
    ///     executor: &IoExecutor,
    ///     address: SocketAddr,
    ///     tls: &Connector,
    /// ) -> io::Result<TlsStream<TcpStream>> {
    ///     let stream = TcpStream::connect(executor, address).await?;
    ///     tls.connect(stream, "example.org").await
    /// }
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<TlsStream<S>>)`.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding, each with a stream of its own.
    ///
    /// # Allocation
    ///
    /// What the library needs for a connection, and buffers, from the heap.
    ///
    /// # Cancel safety
    ///
    /// The stream goes with the operation. Requests of every
    /// [type](crate::cancel::CancellationType) are honoured.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if `name` is none,
    /// [`InvalidData`](io::ErrorKind::InvalidData) with the error of the library in it if the
    /// server is not whom it should be or does not speak the protocol,
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the [limit](Self::handshake_limit) has passed,
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ends, and those of the
    /// stream.
    #[async_op]
    pub fn async_connect<S: Transport>(
        &self,
        stream: S,
        name: &str,
    ) -> impl Initiation<fn(io::Result<TlsStream<S>>)> {
        static META: Meta = Meta::new("async_connect", &["self", "stream", "name"], &[])
            .with_cancellation(CancellationType::TOTAL);
        let executor = stream.executor();
        let (this, name) = (self.clone(), name.to_owned());
        from_future(&META, executor, async move {
            let engine = this.kind.begin(&name)?;
            TlsStream::shake_hands(stream, engine, this.handshake).await
        })
    }
}

impl Kind {
    fn begin(&self, name: &str) -> io::Result<Box<dyn Engine>> {
        match self {
            #[cfg(feature = "rustls")]
            Self::Rustls(config) => {
                let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
                let name = ServerName::try_from(name.to_owned()).map_err(invalid)?;
                let connection =
                    ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                Ok(Box::new(OfRustls(connection.into())))
            }
            #[cfg(feature = "native-tls")]
            Self::Native(connector) => {
                let engine = OfNative::new(|memory| connector.connect(name, memory))?;
                Ok(Box::new(engine))
            }
        }
    }
}

#[cfg(feature = "rustls")]
impl From<Arc<ClientConfig>> for Connector {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self::new(Kind::Rustls(config))
    }
}

#[cfg(feature = "rustls")]
impl From<ClientConfig> for Connector {
    fn from(config: ClientConfig) -> Self {
        Arc::new(config).into()
    }
}

#[cfg(feature = "native-tls")]
impl From<::native_tls::TlsConnector> for Connector {
    fn from(connector: ::native_tls::TlsConnector) -> Self {
        Self::new(Kind::Native(connector))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("handshake", &self.handshake)
            .finish_non_exhaustive()
    }
}
