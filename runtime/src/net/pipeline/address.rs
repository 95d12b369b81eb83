use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::context::IoExecutor;
#[cfg(unix)]
use crate::net::UnixStream;
use crate::net::{AnyStream, TcpStream};

/// Where a server is: what a [`Protocol`](super::Protocol) over an [`AnyStream`] connects to.
#[derive(Clone)]
#[non_exhaustive]
pub enum Address {
    /// All of these are tried, as by [`TcpStream::connect_any`].
    Tcp(Vec<SocketAddr>),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// Whatever this makes: a tunnel, say, or the [streams](crate::test::dial) of a test.
    Dial(Arc<Dial>),
}

/// Makes a connection.
type Dial = dyn Fn() -> io::Result<AnyStream> + Send + Sync;

impl Address {
    /// Makes one that is whatever `dial` makes.
    ///
    /// ```
    /// use async_op::net::AnyStream;
    /// use async_op::net::pipeline::Address;
    /// use async_op::test::{Script, TestContext, dial};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().write("PING\n").read("PONG\n").on(&context);
    /// // To be given to a client in place of the address of a server.
    /// let address = Address::dial(dial([AnyStream::new(stream)]));
    /// # drop(address);
    /// ```
    pub fn dial(dial: impl Fn() -> io::Result<AnyStream> + Send + Sync + 'static) -> Self {
        Self::Dial(Arc::new(dial))
    }

    /// Connects. What goes over TCP is sent at once
    /// ([`set_nodelay`](TcpStream::set_nodelay)), as a pipeline puts together what belongs
    /// together.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::pipeline::Address;
    ///
    /// # pollster::block_on(async {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = Address::from(listener.local_addr()?);
    /// let stream = address.connect(&SystemExecutor).await?;
    /// # drop(stream);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the system, or of what dials; of kind
    /// [`Unsupported`](io::ErrorKind::Unsupported) for a Unix socket where there are none.
    pub async fn connect(&self, executor: &IoExecutor) -> io::Result<AnyStream> {
        match self {
            Self::Tcp(addresses) => {
                let addresses = addresses.iter().copied();
                let (stream, _) = TcpStream::connect_any(executor, addresses).await?;
                stream.set_nodelay(true)?;
                Ok(AnyStream::new(stream))
            }
            Self::Unix(path) => connect_at(executor, path).await,
            Self::Dial(dial) => dial(),
        }
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

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(vec![address])
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(this), Self::Tcp(other)) => this == other,
            (Self::Unix(this), Self::Unix(other)) => this == other,
            (Self::Dial(this), Self::Dial(other)) => Arc::ptr_eq(this, other),
            _ => false,
        }
    }
}

impl Eq for Address {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addresses) => {
                let mut between = "";
                for address in addresses {
                    write!(f, "{between}{address}")?;
                    between = " or ";
                }
                Ok(())
            }
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Dial(_) => f.write_str("a connection that is given"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}
