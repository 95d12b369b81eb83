//! Looking at what there is to read, which stays to be read.

use std::io;

use super::byte_stream::ByteStream;
use super::operation::Perform;
use super::source::{SharedSource, Source};
use crate::buffer::{ReadBuffer, lacks_length, read_parts};
use crate::context::{Direction, Progress};

/// A stream that can be looked at.
pub(super) trait Peek: ByteStream {
    fn peek(&self, part: &mut [u8]) -> io::Result<usize>;
}

impl Peek for mio::net::TcpStream {
    fn peek(&self, part: &mut [u8]) -> io::Result<usize> {
        self.peek(part)
    }
}

#[cfg(unix)]
impl Peek for mio::net::UnixStream {
    fn peek(&self, part: &mut [u8]) -> io::Result<usize> {
        super::receive::peek(self, part)
    }
}

/// Looks at what there is, at least one byte. Without room for it, that is at once.
///
/// However little it is, it is not used up.
pub(super) struct PeekSome<B>(pub(super) B);

impl<S: Peek, B: ReadBuffer> Perform<S> for PeekSome<B> {
    type Value = usize;
    type Output = B::Output<io::Result<usize>>;

    fn may_wait(&mut self) -> bool {
        !self.0.after(0).is_empty()
    }

    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<usize>, Progress)> {
        let stream = source.get();
        let one = |part: &mut [u8]| match part {
            [] => Ok(0),
            part => stream.peek(part),
        };
        // There is no call for several parts on every system.
        let n = read_parts(&mut self.0, 0, one, |parts| stream.peek(&mut parts[0]))?;
        match n {
            0 if self.0.lacks_length() => Err(lacks_length()),
            n => Ok((Some(n), Progress::More)),
        }
    }

    fn finish(self, result: io::Result<usize>) -> Self::Output {
        self.0.completed(result)
    }
}

impl<S: Peek> Source<S> {
    pub(super) fn try_peek(&self, part: &mut [u8]) -> io::Result<usize> {
        self.try_io(Direction::Read, |stream| {
            Ok((stream.peek(part)?, Progress::More))
        })
    }
}

/// Gives a handle with a `source` of bytes its operations that look.
macro_rules! peeks {
    ($ty:ident) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Waits until there is something to read, and copies it to the front of `buffer`:
            /// at least one byte, which the next read gets again.
            ///
            /// To look again at once is to see the same again, until more has come.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<usize>)` for a borrowed buffer,
            /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
            /// or not (see [`ReadBuffer`](crate::io::ReadBuffer)). 0 bytes mean that
            /// the peer has shut down its side, or that the buffer is an empty slice or
            /// array; that completes at once. Of several parts the first that is not empty
            /// is filled, and no other.
            ///
            /// # Overlap
            ///
            /// Any number may be outstanding, beside one read: what that takes, they may not
            /// see.
            ///
            /// # Allocation
            ///
            /// None besides the operation's own memory; awaited, none.
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured: nothing is ever taken.
            ///
            /// # Errors
            ///
            /// As [`async_read_some`](Self::async_read_some).
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::{TcpListener, TcpStream};
            ///
            /// # pollster::block_on(async {
            /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// # let address = listener.local_addr()?;
            /// let client = TcpStream::connect(&SystemExecutor, address).await?;
            /// let (server, _) = listener.accept().await?;
            /// client.write_some("\x16\x03\x01").await?;
            /// let mut first = [0];
            /// assert_eq!(server.peek(&mut first).await?, 1);
            /// let is_tls = first == [0x16]; // the rest is for whoever speaks that
            /// # assert!(is_tls);
            /// assert_eq!(server.read_some(&mut [0; 16]).await?, 3);
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            #[$crate::async_op]
            pub fn async_peek<B: $crate::io::ReadBuffer>(
                &self,
                buffer: B,
            ) -> impl $crate::Initiation<B::Completion<std::io::Result<usize>>> {
                static META: $crate::initiation::Meta = $crate::net::operation::meta("async_peek");
                let peek = $crate::net::peek::PeekSome(buffer);
                $crate::net::operation::operation(
                    &META,
                    &self.source,
                    &self.home,
                    $crate::context::Direction::Read,
                    peek,
                )
            }

            /// Copies what there is to read here and now to the front of `buffer`; the next
            /// read gets it again.
            ///
            /// This is no operation: it waits for nothing, and nobody's request to
            /// cancel concerns it. 0 bytes mean that the peer has shut down its side,
            /// or that the buffer is empty.
            ///
            /// # Errors
            ///
            /// As [`async_peek`](Self::async_peek), and
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if there is nothing.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::{TcpListener, TcpStream};
            /// use std::io::ErrorKind;
            ///
            /// # pollster::block_on(async {
            /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// # let address = listener.local_addr()?;
            /// let client = TcpStream::connect(&SystemExecutor, address).await?;
            /// let (server, _) = listener.accept().await?;
            /// let error = server.try_peek(&mut [0; 16]).unwrap_err();
            /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
            /// # drop(client);
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            pub fn try_peek(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.source.try_peek(buffer)
            }
        }
    };
}

pub(super) use peeks;
