use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::UnixStream;
use super::handle::handle;
use super::operation::{Perform, meta, operation};
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::context::{Direction, IoExecutor, Progress, Registration};
use crate::executor::{Home, HomeExecutor};
use crate::initiation::Initiation;
use crate::meta::Meta;

/// A Unix socket that accepts connections.
///
/// A handle: clones are the same socket, which is closed with the last of them
/// and of its operations. The file stays; remove it before binding again.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::{UnixListener, UnixStream};
///
/// # async fn example() -> std::io::Result<()> {
/// # let directory = std::env::temp_dir().join(format!("async-op-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// let path = directory.join("socket");
/// # let _ = std::fs::remove_file(&path);
/// let listener = UnixListener::bind(&SystemExecutor, &path)?;
/// let client = UnixStream::connect(&SystemExecutor, &path).await?;
/// let (server, _) = listener.accept().await?;
/// client.write_some("hello").await?;
/// assert_eq!(server.read_some(&mut [0; 16]).await?, 5);
/// std::fs::remove_file(&path)?;
/// # std::fs::remove_dir(&directory)
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct UnixListener<E = Home> {
    source: SharedSource<mio::net::UnixListener>,
    home: E,
}

impl Pollable for mio::net::UnixListener {}

impl UnixListener {
    /// Makes a socket that listens at `path`.
    ///
    /// # Errors
    ///
    /// The system's, [`AddrInUse`](io::ErrorKind::AddrInUse) where there is a
    /// file already, and one of kind [`Other`](io::ErrorKind::Other) when the
    /// context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-bind-{}", std::process::id()));
    /// let listener = UnixListener::bind(&SystemExecutor, &path)?;
    /// # drop(listener);
    /// // The file stays when the listener is dropped.
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind(executor: &IoExecutor, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_mio(executor, mio::net::UnixListener::bind(path)?)
    }

    /// Makes a socket that listens at `address`, which may be abstract on Linux.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-listen-addr-{}", std::process::id()));
    /// let address = std::os::unix::net::SocketAddr::from_pathname(&path)?;
    /// let listener = UnixListener::bind_addr(&SystemExecutor, &address)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(executor: &IoExecutor, address: &SocketAddr) -> io::Result<Self> {
        Self::from_mio(executor, mio::net::UnixListener::bind_addr(address)?)
    }
}

impl<E: HomeExecutor> UnixListener<E> {
    /// Returns the address that this listens on.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-local-{}", std::process::id()));
    /// let listener = UnixListener::bind(&SystemExecutor, &path)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Accepts a connection.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<(UnixStream, SocketAddr)>)`: the connection, which belongs
    /// to the context of the listener, and the address of the peer.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; a connection goes to one of them.
    ///
    /// # Allocation
    ///
    /// The socket itself and its registration, which are recycled: in the long run
    /// nothing comes from the heap.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// a dropped operation has accepted nothing.
    ///
    /// # Errors
    ///
    /// The system's, one of kind [`Other`](io::ErrorKind::Other) when the context
    /// is gone, and [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel).
    /// When the process has no descriptors left (`EMFILE`), the
    /// connection stays in the queue of the listener, and a later operation
    /// accepts it.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{UnixListener, UnixStream};
    ///
    /// # pollster::block_on(async {
    /// let path = std::env::temp_dir().join(format!("async-op-accept-{}", std::process::id()));
    /// let listener = UnixListener::bind(&SystemExecutor, &path)?;
    /// let _client = UnixStream::connect(&SystemExecutor, &path).await?;
    /// let (_server, peer) = listener.accept().await?;
    /// assert!(peer.is_unnamed());
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op]
    pub fn async_accept(&self) -> impl Initiation<fn(io::Result<(UnixStream<E>, SocketAddr)>)> {
        static META: Meta = meta("async_accept");
        operation(
            &META,
            &self.source,
            &self.home,
            Direction::Read,
            Accept(self.home.clone()),
        )
    }
}

handle!(
    UnixListener,
    mio::net::UnixListener,
    std::os::unix::net::UnixListener,
    Registration::default(),
    "let path = std::env::temp_dir().join(format!(\"async-op-mio-{}\", std::process::id()));\n\
     let socket = mio::net::UnixListener::bind(&path)?;\n\
     # std::fs::remove_file(&path)?;"
);

struct Accept<E>(E);

impl<E: HomeExecutor> Perform<mio::net::UnixListener> for Accept<E> {
    type Value = (UnixStream<E>, SocketAddr);
    type Output = io::Result<Self::Value>;

    fn perform(
        &mut self,
        source: &SharedSource<mio::net::UnixListener>,
    ) -> io::Result<(Option<Self::Value>, Progress)> {
        let (stream, peer) = source.get().accept()?;
        let stream = UnixStream::from_mio(&source.executor(), stream)?;
        Ok((Some((stream.moved(&self.0), peer)), Progress::More))
    }

    fn finish(self, result: io::Result<Self::Value>) -> Self::Output {
        result
    }
}
