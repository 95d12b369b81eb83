use std::io;
use std::net::SocketAddr;

use super::TcpStream;
use super::handle::handle;
use super::operation::{Perform, meta, operation};
use super::options::options;
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::context::{Direction, IoExecutor, Progress, Registration};
use crate::executor::{Home, HomeExecutor};
use crate::initiation::Initiation;
use crate::meta::Meta;

/// A TCP socket that accepts connections.
///
/// A handle: clones are the same socket, which is closed with the last of
/// them and of its operations.
///
/// ```
/// use async_op::IoContext;
/// use async_op::net::{TcpListener, TcpStream};
///
/// let context = IoContext::new()?;
/// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
/// let address = listener.local_addr()?;
/// listener.accept().callback(|result| {
///     let (_stream, peer) = result.unwrap();
///     println!("{peer} has connected");
/// });
/// TcpStream::connect(&context, address).callback(|result| {
///     result.unwrap();
/// });
/// assert_eq!(context.run(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Options that have to be set before it listens, and the length of its queue, are those of a
/// [`TcpSocket`](super::TcpSocket). Connections begin with the sizes of buffers that the
/// listener has, on most systems; other options are set on each that is accepted.
#[doc(alias = "basic_socket_acceptor")]
#[doc(alias = "tcp_acceptor")]
#[derive(Clone)]
pub struct TcpListener<E = Home> {
    source: SharedSource<mio::net::TcpListener>,
    home: E,
}

impl Pollable for mio::net::TcpListener {}

impl TcpListener {
    /// Makes a socket that listens on `address`.
    ///
    /// On Unix a port whose last connections are still closing may be used
    /// again (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// The system's, and one of kind [`Other`](io::ErrorKind::Other) when the
    /// context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::net::TcpListener;
    ///
    /// let context = IoContext::new()?;
    /// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?; // any free port
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind(executor: &IoExecutor, address: SocketAddr) -> io::Result<Self> {
        Self::from_mio(executor, mio::net::TcpListener::bind(address)?)
    }
}

impl<E: HomeExecutor> TcpListener<E> {
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
    /// use async_op::net::TcpListener;
    ///
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// println!("listening on {}", listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Accepts a connection.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<(TcpStream, SocketAddr)>)`: the connection, which belongs
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
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: a
    /// dropped operation has accepted nothing.
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
    /// use async_op::net::{TcpListener, TcpStream};
    /// use async_op::{IoContext, is_cancelled};
    /// use std::io;
    ///
    /// fn serve(listener: TcpListener) {
    ///     let next = listener.clone();
    ///     listener.accept().callback(move |result: io::Result<_>| match result {
    ///         Ok((_stream, _peer)) => serve(next), // the next one, from the handler of this
    ///         Err(error) => assert!(is_cancelled(&error)),
    ///     });
    /// }
    ///
    /// let context = IoContext::new()?;
    /// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    /// serve(listener.clone());
    /// TcpStream::connect(&context, listener.local_addr()?).blocking()?;
    /// listener.cancel();
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op]
    pub fn async_accept(&self) -> impl Initiation<fn(io::Result<(TcpStream<E>, SocketAddr)>)> {
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

options!(TcpListener: ttl_option, buffer_sizes, only_v6, pending_error);
handle!(
    TcpListener,
    mio::net::TcpListener,
    std::net::TcpListener,
    Registration::default(),
    "let socket = mio::net::TcpListener::bind(([127, 0, 0, 1], 0).into())?;"
);

struct Accept<E>(E);

impl<E: HomeExecutor> Perform<mio::net::TcpListener> for Accept<E> {
    type Value = (TcpStream<E>, SocketAddr);
    type Output = io::Result<Self::Value>;

    fn perform(
        &mut self,
        source: &SharedSource<mio::net::TcpListener>,
    ) -> io::Result<(Option<Self::Value>, Progress)> {
        let (stream, peer) = source.get().accept()?;
        let stream = TcpStream::from_mio(&source.executor(), stream)?;
        Ok((Some((stream.moved(&self.0), peer)), Progress::More))
    }

    fn finish(self, result: io::Result<Self::Value>) -> Self::Output {
        result
    }
}
