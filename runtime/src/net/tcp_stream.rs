use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use super::source::Source;
use super::{ReadBuffer, WriteBuffer};
use crate::async_op;
use crate::context::{Direction, IoExecutor, Progress, Registration};
use crate::executor::IoObject;

/// A TCP connection.
///
/// A handle: clones are the same socket, which is closed with the last of them
/// and of its operations. Reads and writes may go on at the same time.
///
/// ```
/// use async_op::{SystemExecutor, TcpListener, TcpStream};
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// let client = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write_some("hello").await?;
/// let mut buffer = [0; 16];
/// let n = server.read_some(&mut buffer).await?;
/// assert_eq!(&buffer[..n], b"hello");
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct TcpStream {
    source: Arc<Source<mio::net::TcpStream>>,
}

impl TcpStream {
    /// Takes over a connected socket of the standard library, made
    /// non-blocking.
    ///
    /// # Errors
    ///
    /// The system's, and one of kind [`Other`](io::ErrorKind::Other) when the
    /// context is gone.
    pub fn from_std(executor: &IoExecutor, stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::connected(*executor, mio::net::TcpStream::from_std(stream))
    }

    pub(super) fn connected(executor: IoExecutor, stream: mio::net::TcpStream) -> io::Result<Self> {
        Self::new(executor, stream, Registration::writable())
    }

    fn new(
        executor: IoExecutor,
        stream: mio::net::TcpStream,
        registration: Registration,
    ) -> io::Result<Self> {
        let source = Source::new(executor, stream, registration)?;
        Ok(Self {
            source: Arc::new(source),
        })
    }

    /// Connects to `address`.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<TcpStream>)`.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::CancellationType) are honoured: dropping the operation closes the socket.
    ///
    /// # Errors
    ///
    /// The system's, [`ConnectionRefused`](io::ErrorKind::ConnectionRefused)
    /// for a closed port among them, and one of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    #[async_op(cancellation = total)]
    pub async fn async_connect(executor: &IoExecutor, address: SocketAddr) -> io::Result<Self> {
        let stream = mio::net::TcpStream::connect(address)?;
        let stream = Self::new(*executor, stream, Registration::default())?;
        stream
            .source
            .io(Direction::Write, |stream| {
                // Writable means over, not connected.
                if let Some(error) = stream.take_error()? {
                    return Err(error);
                }
                match stream.peer_addr() {
                    Ok(_) => Ok(((), Progress::More)),
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                        Err(io::ErrorKind::WouldBlock.into())
                    }
                    Err(error) => Err(error),
                }
            })
            .await?;
        Ok(stream)
    }

    /// Reads what there is, at least one byte, into the front of `buffer`.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<usize>)` for a borrowed buffer, `fn(io::Result<usize>, B)`
    /// for an owned one, which comes back, error or not (see [`ReadBuffer`]).
    /// 0 bytes mean that the peer has shut down its side, or that the buffer is
    /// empty; that completes at once.
    ///
    /// # Overlap
    ///
    /// One read at a time is useful: of several, any may get the next bytes.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::CancellationType) are honoured: a dropped operation has read nothing.
    ///
    /// # Errors
    ///
    /// The system's, such as [`ConnectionReset`](io::ErrorKind::ConnectionReset),
    /// and one of kind [`Other`](io::ErrorKind::Other) when the context is gone.
    #[async_op(completes = B::Completion, cancellation = total)]
    pub async fn async_read_some<B: ReadBuffer>(&self, mut buffer: B) -> B::Output {
        let bytes = buffer.as_mut_slice();
        if bytes.is_empty() {
            return buffer.completed(Ok(0));
        }
        let result = self
            .source
            .io(Direction::Read, |mut stream| {
                let n = stream.read(bytes)?;
                // A short read has emptied the socket, but for the end.
                let drained = 0 < n && n < bytes.len() && SHORT_MEANS_DRAINED;
                Ok((
                    n,
                    if drained {
                        Progress::Drained
                    } else {
                        Progress::More
                    },
                ))
            })
            .await;
        buffer.completed(result)
    }

    /// Writes from the front of `buffer` what the system takes, at least one
    /// byte.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<usize>)` for a borrowed buffer, `fn(io::Result<usize>, B)`
    /// for an owned one, which comes back, error or not (see [`WriteBuffer`]).
    /// An empty buffer completes at once.
    ///
    /// # Overlap
    ///
    /// One write at a time is useful: the bytes of several may arrive in any
    /// order.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::CancellationType) are honoured: a dropped operation has written nothing.
    ///
    /// # Errors
    ///
    /// The system's, such as [`BrokenPipe`](io::ErrorKind::BrokenPipe), and one
    /// of kind [`Other`](io::ErrorKind::Other) when the context is gone.
    #[async_op(completes = B::Completion, cancellation = total)]
    pub async fn async_write_some<B: WriteBuffer>(&self, buffer: B) -> B::Output {
        let bytes = buffer.as_slice();
        if bytes.is_empty() {
            return buffer.completed(Ok(0));
        }
        let result = self
            .source
            .io(Direction::Write, |mut stream| {
                let n = stream.write(bytes)?;
                let drained = n < bytes.len() && SHORT_MEANS_DRAINED;
                Ok((
                    n,
                    if drained {
                        Progress::Drained
                    } else {
                        Progress::More
                    },
                ))
            })
            .await;
        buffer.completed(result)
    }

    /// Shuts down reading, writing or both, for all clones.
    ///
    /// Operations that wait complete: reads with 0 bytes, writes with an error.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }

    /// Sends small writes at once (`TCP_NODELAY`), or collects them.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get().set_nodelay(nodelay)
    }

    /// Returns whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get().nodelay()
    }
}

/// Whether a transfer of fewer bytes than asked for shows that the socket's
/// buffer is used up, so that the next event will say when it is not. True of
/// byte streams under edge-triggered epoll and kqueue (epoll(7), question 9).
const SHORT_MEANS_DRAINED: bool = cfg!(unix);

impl IoObject for TcpStream {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.source.executor()
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for TcpStream {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}
