use std::fmt;
use std::io;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "rustls")]
use ::rustls::{ServerConfig, ServerConnection};

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

/// Makes streams the ends of servers; see the [module](super).
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    kind: Kind,
    handshake: Option<Duration>,
}

#[derive(Clone)]
enum Kind {
    #[cfg(feature = "rustls")]
    Rustls(Arc<ServerConfig>),
    #[cfg(feature = "native-tls")]
    Native(::native_tls::TlsAcceptor),
}

impl Acceptor {
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
    /// use async_op::net::tls::Acceptor;
    /// use std::time::Duration;
    ///
    /// fn impatient(tls: Acceptor) -> Acceptor {
    ///     tls.handshake_limit(Some(Duration::from_secs(5)))
    /// }
    /// ```
    pub fn handshake_limit(mut self, limit: Option<Duration>) -> Self {
        self.handshake = limit;
        self
    }

    /// Shakes hands over `stream` with a client.
    ///
    /// ```
    /// use async_op::io::write_all;
    /// use async_op::net::TcpListener;
    /// use async_op::net::tls::Acceptor;
    ///
    /// async fn greet(listener: &TcpListener, tls: &Acceptor) -> std::io::Result<()> {
    ///     let (stream, _) = listener.accept().await?;
    ///     let stream = tls.accept(stream).await?;
    ///     write_all(&stream, "hello\n").await?;
    ///     stream.finish().await
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
    /// [`InvalidData`](io::ErrorKind::InvalidData) with the error of the library in it if the
    /// client refuses or does not speak the protocol,
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the [limit](Self::handshake_limit) has passed,
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ends, and those of the
    /// stream.
    #[async_op]
    pub fn async_accept<S: Transport>(
        &self,
        stream: S,
    ) -> impl Initiation<fn(io::Result<TlsStream<S>>)> {
        static META: Meta = Meta::new("async_accept", &["self", "stream"], &[])
            .with_cancellation(CancellationType::TOTAL);
        let executor = stream.executor();
        let this = self.clone();
        from_future(&META, executor, async move {
            let engine = this.kind.begin()?;
            TlsStream::shake_hands(stream, engine, this.handshake).await
        })
    }
}

impl Kind {
    fn begin(&self) -> io::Result<Box<dyn Engine>> {
        match self {
            #[cfg(feature = "rustls")]
            Self::Rustls(config) => {
                let connection =
                    ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Ok(Box::new(OfRustls(connection.into())))
            }
            #[cfg(feature = "native-tls")]
            Self::Native(acceptor) => {
                let engine = OfNative::new(|memory| acceptor.accept(memory))?;
                Ok(Box::new(engine))
            }
        }
    }
}

#[cfg(feature = "rustls")]
impl From<Arc<ServerConfig>> for Acceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self::new(Kind::Rustls(config))
    }
}

#[cfg(feature = "rustls")]
impl From<ServerConfig> for Acceptor {
    fn from(config: ServerConfig) -> Self {
        Arc::new(config).into()
    }
}

#[cfg(feature = "native-tls")]
impl From<::native_tls::TlsAcceptor> for Acceptor {
    fn from(acceptor: ::native_tls::TlsAcceptor) -> Self {
        Self::new(Kind::Native(acceptor))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("handshake", &self.handshake)
            .finish_non_exhaustive()
    }
}
