use std::future::{self, Future};
use std::io;

use super::{AsyncReadStream, AsyncWriteStream};
use crate::context::IoExecutor;
#[cfg(feature = "net")]
use crate::net::polled::PolledStream;

/// A stream that can be read from, written to and ended: what connects two programs.
///
/// `TcpStream` and `UnixStream` are, and so are an [`AnyStream`](crate::net::AnyStream), which
/// is made of one, and those of `net::tls` and `net::pipeline`, which go over one. For one of
/// yours [`close`](Self::close) is all there is to write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream that can be ended",
    label = "not a transport",
    note = "implement `Transport` for a stream of yours, which can be read from and written to on an `IoExecutor`: `close` is all it takes"
)]
pub trait Transport: AsyncReadStream<Executor = IoExecutor> + AsyncWriteStream {
    /// Writes what the stream takes here and now: saves the operation where that is all.
    ///
    /// ```
    /// use async_op::io::Transport;
    /// use std::io;
    ///
    /// /// Sends a few bytes if that takes no time; returns how many.
    /// fn try_to_send(stream: &impl Transport, bytes: &[u8]) -> io::Result<usize> {
    ///     match stream.try_write_some(bytes) {
    ///         Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
    ///         sent => sent,
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Of kind [`WouldBlock`](io::ErrorKind::WouldBlock) where it takes nothing, as this
    /// always does by default.
    fn try_write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        let _ = bytes;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Tells the other end that this was all; what that says can still be read.
    ///
    /// Does nothing by default.
    ///
    /// ```
    /// use async_op::io::{Transport, read_to_end, write_all};
    /// use std::io;
    ///
    /// async fn ask(stream: &impl Transport, question: &str) -> io::Result<Vec<u8>> {
    ///     write_all(stream, question).await?;
    ///     stream.finish().await?; // that was all
    ///     let mut answer = Vec::new();
    ///     read_to_end(stream, &mut answer).await?;
    ///     Ok(answer)
    /// }
    /// ```
    fn finish(&self) -> impl Future<Output = io::Result<()>> + Send {
        future::ready(Ok(()))
    }

    /// Ends the connection, and whatever waits for it.
    ///
    /// ```
    /// use async_op::io::{Transport, read_exact};
    ///
    /// async fn is_greeted(stream: &impl Transport) -> bool {
    ///     let mut greeting = [0; 5];
    ///     let read = read_exact(stream, &mut greeting).await;
    ///     stream.close(); // whatever it was
    ///     read.is_ok() && &greeting == b"hello"
    /// }
    /// ```
    fn close(&self);

    /// Returns what needs no future for what waits: a stream of this crate.
    #[cfg(feature = "net")]
    #[doc(hidden)]
    fn polled(&self) -> Option<&dyn PolledStream> {
        None
    }
}

/// Makes a socket a transport.
#[cfg(feature = "net")]
macro_rules! transports {
    ($ty:ident) => {
        impl $crate::io::Transport for $ty {
            fn try_write_some(&self, bytes: &[u8]) -> std::io::Result<usize> {
                self.try_write_some(bytes)
            }

            fn finish(&self) -> impl Future<Output = std::io::Result<()>> {
                std::future::ready(self.shutdown(std::net::Shutdown::Write))
            }

            fn close(&self) {
                // It may be closed already.
                let _ = self.shutdown(std::net::Shutdown::Both);
            }

            fn polled(&self) -> Option<&dyn $crate::net::polled::PolledStream> {
                Some(&*self.source)
            }
        }
    };
}

#[cfg(feature = "net")]
pub(crate) use transports;
