use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::session::{DueFlush, Session};
use crate::async_op;
use crate::buffer::{ReadBuffer, WriteBuffer, write_list};
use crate::cancel::{CancellationType, is_cancelled};
use crate::context::IoExecutor;
use crate::executor::IoObject;
use crate::initiation::Initiation;
use crate::io::{AsyncReadStream, AsyncWriteStream, Transport, some};
use crate::meta::Meta;
use crate::token::Detached;

/// A stream over which both ends speak TLS; made by a [`Connector`](super::Connector) or an
/// [`Acceptor`](super::Acceptor).
///
/// A handle: clones are the same stream, which goes with the last of them and of its
/// operations. Reads and writes may go on at the same time.
///
/// What is written is encrypted, up to 64 KiB at once, and then sent. A write that is dropped
/// in between has written all the same: what is left of it goes out before the next write, or
/// with [`flush`](Self::async_flush).
///
/// # Allocation
///
/// 16 KiB to receive, as much as there is to send at once, and what the library needs: it
/// may take memory from the heap for each record.
pub struct TlsStream<S> {
    session: Arc<Session<S>>,
}

impl<S: Transport> TlsStream<S> {
    /// Makes a stream of an engine that begins.
    pub(super) async fn shake_hands(
        stream: S,
        engine: Box<dyn Engine>,
        limit: Option<Duration>,
    ) -> io::Result<Self> {
        let this = Self {
            session: Arc::new(Session::new(stream, engine)),
        };
        match limit {
            Some(limit) => this.handshake().cancel_after(limit).await?,
            None => this.session.handshake().await?,
        }
        Ok(this)
    }

    #[async_op(cancellation = total)]
    async fn async_handshake(&self) -> io::Result<()> {
        self.session.handshake().await
    }

    /// Returns the stream below. What is read from it or written to it is lost.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    ///
    /// fn peer(stream: &TlsStream<TcpStream>) -> std::io::Result<std::net::SocketAddr> {
    ///     stream.get_ref().peer_addr()
    /// }
    /// ```
    pub fn get_ref(&self) -> &S {
        &self.session.stream
    }

    /// Returns the protocol that both ends have agreed on (ALPN), if they have.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    ///
    /// fn speaks_http2(stream: &TlsStream<TcpStream>) -> bool {
    ///     stream.alpn_protocol().is_some_and(|name| name == b"h2")
    /// }
    /// ```
    pub fn alpn_protocol(&self) -> Option<Vec<u8>> {
        self.session.ask(|engine| engine.alpn_protocol())
    }

    /// Returns the certificate of the other end, in DER, if it has shown one.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    ///
    /// /// Trusts this one certificate.
    /// fn is_known(stream: &TlsStream<TcpStream>, known: &[u8]) -> bool {
    ///     stream.peer_certificate().is_some_and(|it| it == known)
    /// }
    /// ```
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.session.ask(|engine| engine.peer_certificate())
    }

    /// Reads what there is, at least one byte, into the front of `buffer`.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    ///
    /// async fn greeting(stream: &TlsStream<TcpStream>) -> std::io::Result<Vec<u8>> {
    ///     let mut buffer = vec![0; 512];
    ///     let n = stream.read_some(&mut buffer).await?;
    ///     buffer.truncate(n);
    ///     Ok(buffer)
    /// }
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<usize>)` for a borrowed buffer,
    /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
    /// or not (see [`ReadBuffer`]). 0 bytes mean that the other end has said that this was
    /// all, or that the buffer is an empty slice or array.
    ///
    /// # Overlap
    ///
    /// One read at a time is useful: of several, any may get the next bytes.
    ///
    /// # Allocation
    ///
    /// What the library takes; see [above](Self#allocation).
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are
    /// honoured: a dropped operation has read nothing.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the stream below ends without a
    /// word, [`InvalidData`](io::ErrorKind::InvalidData) if what comes is not what the other
    /// end has encrypted, those of the stream below, and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an empty `Vec`.
    #[async_op]
    pub fn async_read_some<B: ReadBuffer>(
        &self,
        buffer: B,
    ) -> impl Initiation<B::Completion<io::Result<usize>>> {
        static META: Meta =
            Meta::new("async_read_some", &["self"], &[]).with_cancellation(CancellationType::TOTAL);
        some::read_some(self.clone(), &META, buffer)
    }

    /// Encrypts and writes from the front of `buffer` at least one byte, up to 64 KiB.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    ///
    /// async fn ping(stream: &TlsStream<TcpStream>) -> std::io::Result<()> {
    ///     let n = stream.write_some("PING\r\n").await?;
    ///     assert_eq!(n, 6); // as it is less than 64 KiB
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<usize>)` for a borrowed buffer,
    /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
    /// or not (see [`WriteBuffer`]).
    ///
    /// # Overlap
    ///
    /// One write at a time is useful: the bytes of several may arrive in any order.
    ///
    /// # Allocation
    ///
    /// What the library takes; see [above](Self#allocation).
    ///
    /// # Cancel safety
    ///
    /// No: a dropped operation may have written, see [above](Self). Requests of every
    /// [type](crate::cancel::CancellationType) are honoured: the operation completes with
    /// what it has encrypted until then, which is sent with what comes next.
    ///
    /// # Errors
    ///
    /// Those of the library and of the stream below.
    #[async_op]
    pub fn async_write_some<B: WriteBuffer>(
        &self,
        buffer: B,
    ) -> impl Initiation<B::Completion<io::Result<usize>>> {
        static META: Meta = Meta::new("async_write_some", &["self"], &[])
            .with_cancellation(CancellationType::TOTAL);
        some::write_some(self.clone(), &META, buffer)
    }

    /// Encrypts from the front of `buffer`, up to 64 KiB, if what has been encrypted before is
    /// on its way.
    ///
    /// This is no operation: it waits for nothing, and nobody's request to
    /// cancel concerns it. What the stream below does not take at once is sent by an operation
    /// that nobody waits for.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    /// use std::io;
    ///
    /// /// Says so if that takes no time.
    /// fn try_ping(stream: &TlsStream<TcpStream>) -> io::Result<bool> {
    ///     match stream.try_write_some(b"PING\r\n") {
    ///         Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
    ///         written => written.map(|n| n == 6),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`async_write_some`](Self::async_write_some), and
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if something is on its way.
    pub fn try_write_some(&self, buffer: &[u8]) -> io::Result<usize> {
        let session = &*self.session;
        let mut output = session.output.try_lock().ok_or(io::ErrorKind::WouldBlock)?;
        session.try_flush(&mut output)?;
        if buffer.is_empty() {
            return Ok(0);
        }
        let n = session.encrypt(&[io::IoSlice::new(buffer)])?;
        match session.try_flush(&mut output) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.flush_later(),
            result => result?,
        }
        Ok(n)
    }

    /// Sends what has been encrypted.
    ///
    /// Only needed after a write that was dropped or asked to stop: others have done so.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    /// use std::io;
    /// use std::time::Duration;
    ///
    /// async fn give_up(stream: &TlsStream<TcpStream>) -> io::Result<()> {
    ///     let wrote = stream.write_some("never mind").cancel_after(Duration::from_secs(1)).await;
    ///     println!("{wrote:?}"); // it is encrypted all the same
    ///     stream.flush().await
    /// }
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<()>)`.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: what
    /// is left goes out with what comes next.
    ///
    /// # Errors
    ///
    /// Those of the stream below.
    #[async_op(cancellation = total)]
    pub async fn async_flush(&self) -> io::Result<()> {
        let mut output = self.session.output.lock().await?;
        self.session.flush(&mut output).await
    }

    /// Tells the other end that this was all (`close_notify`), and the stream below so, too;
    /// what the other end says can still be read.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    ///
    /// async fn say_good_bye(stream: &TlsStream<TcpStream>) -> std::io::Result<()> {
    ///     stream.write_some("QUIT\r\n").await?;
    ///     stream.finish().await?;
    ///     // The other end has said all, too, when a read returns 0.
    ///     while stream.read_some(&mut [0; 512]).await? > 0 {}
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<()>)`.
    ///
    /// # Overlap
    ///
    /// Once, after the last write, is useful.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none.
    ///
    /// # Cancel safety
    ///
    /// No: it may have been said, and not been sent. Requests of every
    /// [type](crate::cancel::CancellationType) are honoured.
    ///
    /// # Errors
    ///
    /// Those of the library and of the stream below.
    #[doc(alias = "shutdown")]
    #[async_op(cancellation = total)]
    pub async fn async_finish(&self) -> io::Result<()> {
        let session = &*self.session;
        let mut output = session.output.lock().await?;
        session.flush(&mut output).await?;
        session.ask(|engine| engine.finish())?;
        session.flush(&mut output).await?;
        session.stream.finish().await
    }

    /// Ends the connection, and whatever waits for it. The other end is told that this was
    /// all where that takes no time.
    ///
    /// ```
    /// use async_op::net::TcpStream;
    /// use async_op::net::tls::TlsStream;
    ///
    /// /// Whoever waits for it waits no more.
    /// fn hang_up(stream: &TlsStream<TcpStream>) {
    ///     stream.close();
    /// }
    /// ```
    pub fn close(&self) {
        let session = &*self.session;
        if let Some(mut output) = session.output.try_lock() {
            if session.ask(|engine| engine.finish()).is_ok() {
                // It may be closed already.
                let _ = session.try_flush(&mut output);
            }
        }
        session.stream.close();
    }

    /// Has what is to be sent sent, though nobody waits for that.
    fn flush_later(&self) {
        if let Some(due) = DueFlush::begin(&self.session) {
            self.async_flush_due(due, Detached);
        }
    }

    #[async_op(cancellation = total)]
    async fn async_flush_due(&self, due: DueFlush<S>) -> io::Result<()> {
        let output = self.session.output.lock().await;
        // What comes from now on is for the next one, or for this.
        drop(due);
        self.session.flush(&mut *output?).await
    }
}

impl<S> Clone for TlsStream<S> {
    fn clone(&self) -> Self {
        Self {
            session: Arc::clone(&self.session),
        }
    }
}

impl<S: Transport> IoObject for TlsStream<S> {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.session.stream.executor()
    }
}

impl<S: Transport> AsyncReadStream for TlsStream<S> {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        let read = self.session.read(|read| read(buffer.after(skip))).await;
        if self.session.ask(|engine| engine.has_to_send()) {
            // An answer, such as to a new key, or what is wrong. Who reads does not wait for
            // those who write: the other end may do the same.
            self.flush_later();
        }
        read
    }
}

impl<S: Transport> AsyncWriteStream for TlsStream<S> {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        let session = &*self.session;
        let mut output = session.output.lock().await?;
        // What somebody else has left.
        session.flush(&mut output).await?;
        let n = write_list(&*buffer, skip, |parts| session.encrypt(parts))?;
        match session.flush(&mut output).await {
            Err(error) if !is_cancelled(&error) => Err(error),
            _ => Ok(n),
        }
    }
}

impl<S: Transport> Transport for TlsStream<S> {
    fn try_write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write_some(bytes)
    }

    async fn finish(&self) -> io::Result<()> {
        self.finish().await
    }

    fn close(&self) {
        self.close();
    }
}

impl<S: fmt::Debug> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsStream")
            .field(&self.session.stream)
            .finish()
    }
}

#[cfg(all(test, async_op_unit_tests, unix, not(async_op_loom)))]
mod tests;
