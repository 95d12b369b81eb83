//! What all streams of bytes have in common.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::task::{Context, Poll};

use super::operation::Perform;
#[cfg(unix)]
use super::receive::{read_spare, receive_parts, receive_spare, receive_spare_part};
use super::send::{self, send_parts};
use super::source::{Pollable, SharedSource, Source, whole};
use crate::buffer::{
    DynamicBuffer, ReadBuffer, Spare, WriteBuffer, front, lacks_length, next_part, read_parts,
    write_parts,
};
use crate::context::{Direction, Progress, WaiterKey};
use crate::io::{CompletionCondition, Draining, Filling, Report};

/// A source that is a stream of bytes.
///
/// A transfer of fewer bytes than asked for may show that the buffer of the system is
/// used up, so that the next event will say when it is not. That is true of sockets under
/// edge-triggered epoll and kqueue (epoll(7), question 9), but for what is said below.
pub(super) trait ByteStream: Pollable {
    fn read(&self, part: &mut [u8]) -> io::Result<(usize, Progress)>;
    fn read_vectored(&self, parts: &mut [IoSliceMut<'_>]) -> io::Result<(usize, Progress)>;
    fn read_spare(&self, spare: &mut Spare<'_>) -> io::Result<(usize, Progress)>;
    fn write(&self, part: &[u8]) -> io::Result<(usize, Progress)>;
    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<(usize, Progress)>;
}

impl ByteStream for mio::net::TcpStream {
    #[inline]
    fn read(&self, part: &mut [u8]) -> io::Result<(usize, Progress)> {
        let n = Read::read(&mut { self }, part)?;
        Ok(transferred(n, part.len(), cfg!(unix)))
    }

    fn read_vectored(&self, parts: &mut [IoSliceMut<'_>]) -> io::Result<(usize, Progress)> {
        let n = Read::read_vectored(&mut { self }, parts)?;
        Ok(transferred(n, room(parts), cfg!(unix)))
    }

    #[cfg(unix)]
    fn read_spare(&self, spare: &mut Spare<'_>) -> io::Result<(usize, Progress)> {
        let (n, wanted) = receive_spare(self, spare)?;
        Ok(transferred(n, wanted, true))
    }

    #[cfg(not(unix))]
    fn read_spare(&self, spare: &mut Spare<'_>) -> io::Result<(usize, Progress)> {
        let n = spare.fill(|part| Read::read(&mut { self }, part))?;
        Ok((n, Progress::More))
    }

    #[inline]
    fn write(&self, part: &[u8]) -> io::Result<(usize, Progress)> {
        let n = Write::write(&mut { self }, part)?;
        Ok(transferred(n, part.len(), cfg!(unix)))
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<(usize, Progress)> {
        let n = send_parts(self, parts)?;
        Ok(transferred(n, length(parts), cfg!(unix)))
    }
}

#[cfg(unix)]
impl ByteStream for mio::net::UnixStream {
    #[inline]
    fn read(&self, part: &mut [u8]) -> io::Result<(usize, Progress)> {
        self.read_vectored(&mut [IoSliceMut::new(part)])
    }

    fn read_vectored(&self, parts: &mut [IoSliceMut<'_>]) -> io::Result<(usize, Progress)> {
        let (n, has_stopped) = receive_parts(self, parts)?;
        Ok(transferred(n, room(parts), !has_stopped))
    }

    fn read_spare(&self, spare: &mut Spare<'_>) -> io::Result<(usize, Progress)> {
        let (n, wanted, has_stopped) = receive_spare_part(self, spare)?;
        Ok(transferred(n, wanted, !has_stopped))
    }

    #[inline]
    fn write(&self, part: &[u8]) -> io::Result<(usize, Progress)> {
        let n = Write::write(&mut { self }, part)?;
        Ok(transferred(n, part.len(), true))
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<(usize, Progress)> {
        let n = send_parts(self, parts)?;
        Ok(transferred(n, length(parts), true))
    }
}

/// A terminal hands out a line at a time: a short read says nothing.
#[cfg(unix)]
impl ByteStream for super::file::PolledFile {
    fn read(&self, part: &mut [u8]) -> io::Result<(usize, Progress)> {
        Ok((Read::read(&mut &self.0, part)?, Progress::More))
    }

    fn read_vectored(&self, parts: &mut [IoSliceMut<'_>]) -> io::Result<(usize, Progress)> {
        Ok((Read::read_vectored(&mut &self.0, parts)?, Progress::More))
    }

    fn read_spare(&self, spare: &mut Spare<'_>) -> io::Result<(usize, Progress)> {
        Ok((read_spare(self, spare)?, Progress::More))
    }

    fn write(&self, part: &[u8]) -> io::Result<(usize, Progress)> {
        Ok((Write::write(&mut &self.0, part)?, Progress::More))
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<(usize, Progress)> {
        Ok((Write::write_vectored(&mut &self.0, parts)?, Progress::More))
    }
}

fn room(parts: &[IoSliceMut<'_>]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

fn length(parts: &[IoSlice<'_>]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

/// A transfer of `n` out of `wanted` bytes, and how far that got.
#[inline]
fn transferred(n: usize, wanted: usize, short_means_drained: bool) -> (usize, Progress) {
    // Nothing at all is the end, and that lasts.
    if 0 < n && n < wanted && short_means_drained {
        (n, Progress::Drained)
    } else {
        (n, Progress::More)
    }
}

/// Reads into `buffer` after its first `skip` bytes.
#[inline]
fn read_after<B: ReadBuffer>(
    stream: &impl ByteStream,
    buffer: &mut B,
    skip: usize,
) -> io::Result<(usize, Progress)> {
    read_parts(
        buffer,
        skip,
        |part| match part {
            [] => Ok((0, Progress::More)),
            part => stream.read(part),
        },
        |parts| stream.read_vectored(parts),
    )
}

/// Writes from `buffer` after its first `skip` bytes.
#[inline]
fn write_after<B: WriteBuffer>(
    stream: &impl ByteStream,
    buffer: &B,
    skip: usize,
) -> io::Result<(usize, Progress)> {
    write_parts(
        buffer,
        skip,
        |part| match part {
            [] => Ok((0, Progress::More)),
            part => stream.write(part),
        },
        |parts| stream.write_vectored(parts),
    )
}

/// Reads what there is, at least one byte. Without room for it, that is at once.
pub(super) struct ReadSome<B>(pub(super) B);

impl<S: ByteStream, B: ReadBuffer> Perform<S> for ReadSome<B> {
    type Value = usize;
    type Output = B::Output<io::Result<usize>>;

    fn may_wait(&mut self) -> bool {
        !self.0.after(0).is_empty()
    }

    #[inline]
    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<usize>, Progress)> {
        match read_after(source.get(), &mut self.0, 0)? {
            (0, _) if self.0.lacks_length() => Err(lacks_length()),
            read => Ok(whole(read)),
        }
    }

    #[inline]
    fn finish(self, result: io::Result<usize>) -> Self::Output {
        self.0.completed(result)
    }
}

/// Reads what there is, at least one byte, to the end of a buffer. If that may not grow, it
/// fails at once.
pub(super) struct ReadBuf<D>(pub(super) D);

impl<S: ByteStream, D: DynamicBuffer> Perform<S> for ReadBuf<D> {
    type Value = usize;
    type Output = D::Output<io::Result<usize>>;

    fn may_wait(&mut self) -> bool {
        next_part(&mut self.0).is_some()
    }

    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<usize>, Progress)> {
        let Some(most) = next_part(&mut self.0) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let read = |spare: &mut Spare<'_>| source.get().read_spare(spare);
        self.0.append_with(most, read).map(whole)
    }

    fn finish(self, result: io::Result<usize>) -> Self::Output {
        self.0.completed(result)
    }
}

/// Writes what the system takes, at least one byte. Without one, that is at once.
pub(super) struct WriteSome<B>(pub(super) B);

impl<S: ByteStream, B: WriteBuffer> Perform<S> for WriteSome<B> {
    type Value = usize;
    type Output = B::Output<io::Result<usize>>;

    fn may_wait(&mut self) -> bool {
        !self.0.after(0).is_empty()
    }

    #[inline]
    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<usize>, Progress)> {
        write_after(source.get(), &self.0, 0).map(whole)
    }

    #[inline]
    fn finish(self, result: io::Result<usize>) -> Self::Output {
        self.0.completed(result)
    }
}

impl<S, B, C, R> Perform<S> for Filling<B, C, R>
where
    S: ByteStream,
    B: ReadBuffer,
    C: CompletionCondition,
    R: Report,
{
    type Value = ();
    type Output = B::Output<R::Said>;

    fn may_wait(&mut self) -> bool {
        self.part().is_some()
    }

    #[inline]
    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<()>, Progress)> {
        let Some((buffer, skip, end)) = self.part() else {
            return Ok((Some(()), Progress::More));
        };
        let (n, progress) = match end {
            usize::MAX => read_after(source.get(), buffer, skip)?,
            end => read_after(source.get(), &mut front(buffer, end), skip)?,
        };
        self.advance(n)?;
        Ok((self.is_over(), progress))
    }

    #[inline]
    fn finish(self, result: io::Result<()>) -> Self::Output {
        self.report(result)
    }
}

impl<S, B, C, R> Perform<S> for Draining<B, C, R>
where
    S: ByteStream,
    B: WriteBuffer,
    C: CompletionCondition,
    R: Report,
{
    type Value = ();
    type Output = B::Output<R::Said>;

    fn may_wait(&mut self) -> bool {
        self.part().is_some()
    }

    #[inline]
    fn perform(&mut self, source: &SharedSource<S>) -> io::Result<(Option<()>, Progress)> {
        let Some((buffer, skip, end)) = self.part() else {
            return Ok((Some(()), Progress::More));
        };
        let (n, progress) = match end {
            usize::MAX => write_after(source.get(), buffer, skip)?,
            end => write_after(source.get(), &front(buffer, end), skip)?,
        };
        self.advance(n)?;
        Ok((self.is_over(), progress))
    }

    #[inline]
    fn finish(self, result: io::Result<()>) -> Self::Output {
        self.report(result)
    }
}

impl<S: ByteStream> Source<S> {
    /// Reads what there is, at least one byte, into `buffer` after its first
    /// `skip` bytes. Without room there it completes at once.
    pub(super) fn read_after<B: ReadBuffer>(
        &self,
        buffer: &mut B,
        skip: usize,
    ) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buffer.after(skip).is_empty();
        let attempt = move |stream: &S| read_after(stream, buffer, skip);
        self.io(Direction::Read, attempt).at_once_if(is_empty)
    }

    /// Reads up to `most` bytes to the end of `buffer`.
    pub(super) fn append<D: DynamicBuffer>(
        &self,
        buffer: &mut D,
        most: usize,
    ) -> impl Future<Output = io::Result<usize>> {
        let attempt = move |stream: &S| buffer.append_with(most, |spare| stream.read_spare(spare));
        self.io(Direction::Read, attempt)
    }

    /// Writes what the system takes, at least one byte, of `buffer` after its
    /// first `skip` bytes. With nothing there it completes at once.
    pub(super) fn write_after<B: WriteBuffer>(
        &self,
        buffer: &mut B,
        skip: usize,
    ) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buffer.after(skip).is_empty();
        // Moved into: a shared reference to a buffer need not be `Send`.
        let attempt = move |stream: &S| write_after(stream, &*buffer, skip);
        self.io(Direction::Write, attempt).at_once_if(is_empty)
    }
}

/// For those who do not wait.
impl<S: ByteStream> Source<S> {
    pub(super) fn try_read(&self, part: &mut [u8]) -> io::Result<usize> {
        self.try_io(Direction::Read, |stream| stream.read(part))
    }

    pub(super) fn try_write(&self, part: &[u8]) -> io::Result<usize> {
        self.try_io(Direction::Write, |stream| stream.write(part))
    }
}

/// For those who poll.
impl<S: ByteStream> Source<S> {
    pub(super) fn poll_read(
        &self,
        key: &mut Option<WaiterKey>,
        cx: &mut Context<'_>,
        part: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if part.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_io(Direction::Read, key, cx, |stream| stream.read(part))
    }

    pub(super) fn poll_write(
        &self,
        key: &mut Option<WaiterKey>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(first) = parts.iter().position(|part| !part.is_empty()) else {
            return Poll::Ready(Ok(0));
        };
        // No more than one call takes: less than those would look as if the system
        // took no more.
        let parts = &parts[first..parts.len().min(first + send::MOST)];
        self.poll_io(Direction::Write, key, cx, |stream| match parts {
            [part] => stream.write(part),
            parts => stream.write_vectored(parts),
        })
    }
}

/// Gives a handle with a `source` of bytes its operations that read.
macro_rules! reads {
    ($ty:ident) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Reads what there is, at least one byte, into the front of `buffer`.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<usize>)` for a borrowed buffer,
            /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
            /// or not (see [`ReadBuffer`](crate::io::ReadBuffer)). 0 bytes mean that
            /// the peer has shut down its side, or that the buffer is an empty slice or
            /// array; that completes at once.
            ///
            /// # Overlap
            ///
            /// One read at a time is useful: of several, any may get the next bytes.
            ///
            /// # Allocation
            ///
            /// None besides the operation's own memory; awaited, none.
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured: a dropped operation has read nothing.
            ///
            /// # Errors
            ///
            /// The system's, such as [`ConnectionReset`](std::io::ErrorKind::ConnectionReset),
            /// and one of kind [`Other`](std::io::ErrorKind::Other) when the context
            /// is gone; [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel);
            /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) for an empty `Vec`, which
            /// is filled up to its length: see [`read_buf`](crate::io::read_buf).
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
            /// client.write_some("hello").await?;
            /// let mut buffer = [0; 16];
            /// assert_eq!(server.read_some(&mut buffer).await?, 5); // borrowed
            /// client.write_some("again").await?;
            /// let (result, buffer) = server.read_some(vec![0; 16]).await; // owned, for any token
            /// assert_eq!(&buffer[..result?], b"again");
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            #[$crate::async_op]
            pub fn async_read_some<B: $crate::io::ReadBuffer>(
                &self,
                buffer: B,
            ) -> impl $crate::Initiation<B::Completion<std::io::Result<usize>>> {
                static META: $crate::initiation::Meta =
                    $crate::net::operation::meta("async_read_some");
                let read = $crate::net::byte_stream::ReadSome(buffer);
                $crate::net::operation::operation(
                    &META,
                    &self.source,
                    &self.home,
                    $crate::context::Direction::Read,
                    read,
                )
            }

            /// Reads what there is here and now into the front of `buffer`.
            ///
            /// This is no operation: it waits for nothing, and nobody's request to
            /// cancel concerns it. 0 bytes mean that the peer has shut down its side,
            /// or that the buffer is empty.
            ///
            /// # Errors
            ///
            /// As [`async_read_some`](Self::async_read_some), and
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
            /// let error = server.try_read_some(&mut [0; 16]).unwrap_err();
            /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
            /// # drop(client);
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            pub fn try_read_some(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.source.try_read(buffer)
            }
        }

        impl<E: $crate::executor::HomeExecutor> $crate::io::AsyncReadStream for $ty<E> {
            fn read_after<B: $crate::io::ReadBuffer>(
                &self,
                buffer: &mut B,
                skip: usize,
            ) -> impl Future<Output = std::io::Result<usize>> {
                self.source.read_after(buffer, skip)
            }

            fn append<D: $crate::io::DynamicBuffer>(
                &self,
                buffer: &mut D,
                most: usize,
            ) -> impl Future<Output = std::io::Result<usize>> {
                self.source.append(buffer, most)
            }

            fn appending<S, D>(
                self,
                meta: &'static $crate::initiation::Meta,
                buffer: D,
            ) -> impl $crate::Initiation<S>
            where
                S: $crate::Signature<Output = D::Output<std::io::Result<usize>>>,
                D: $crate::io::DynamicBuffer,
            {
                let read = $crate::net::byte_stream::ReadBuf(buffer);
                $crate::net::operation::operation(
                    meta,
                    &self.source,
                    &self.home,
                    $crate::context::Direction::Read,
                    read,
                )
            }

            fn filling<S, B, C, R>(
                self,
                meta: &'static $crate::initiation::Meta,
                filling: $crate::expansion::Filling<B, C, R>,
            ) -> impl $crate::Initiation<S>
            where
                S: $crate::Signature<Output = B::Output<R::Said>>,
                B: $crate::io::ReadBuffer,
                C: $crate::io::CompletionCondition,
                R: $crate::expansion::Report,
            {
                let read = $crate::context::Direction::Read;
                $crate::net::operation::operation(meta, &self.source, &self.home, read, filling)
            }
        }

        impl<E: $crate::executor::HomeExecutor> $crate::net::poll_io::PollRead for $ty<E> {
            fn poll_read(
                &self,
                key: &mut Option<$crate::context::WaiterKey>,
                cx: &mut std::task::Context<'_>,
                part: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.source.poll_read(key, cx, part)
            }
        }
    };
}

/// Gives a handle with a `source` of bytes its operations that write; `close`
/// tells the peer that this was all.
macro_rules! writes {
    ($ty:ident, $close:expr) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Writes from the front of `buffer` what the system takes, at least one
            /// byte.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<usize>)` for a borrowed buffer,
            /// `fn(io::Result<usize>, B)` for an owned one, which comes back, error
            /// or not (see [`WriteBuffer`](crate::io::WriteBuffer)). An empty buffer
            /// completes at once.
            ///
            /// # Overlap
            ///
            /// One write at a time is useful: the bytes of several may arrive in any
            /// order.
            ///
            /// # Allocation
            ///
            /// None besides the operation's own memory; awaited, none.
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured: a dropped operation has written nothing.
            ///
            /// # Errors
            ///
            /// The system's, such as [`BrokenPipe`](std::io::ErrorKind::BrokenPipe),
            /// and one of kind [`Other`](std::io::ErrorKind::Other) when the context
            /// is gone; [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel).
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
            /// let n = client.write_some("hello").await?;
            /// assert_eq!(server.read_some(&mut [0; 16]).await?, n);
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            #[$crate::async_op]
            pub fn async_write_some<B: $crate::io::WriteBuffer>(
                &self,
                buffer: B,
            ) -> impl $crate::Initiation<B::Completion<std::io::Result<usize>>> {
                static META: $crate::initiation::Meta =
                    $crate::net::operation::meta("async_write_some");
                let write = $crate::net::byte_stream::WriteSome(buffer);
                $crate::net::operation::operation(
                    &META,
                    &self.source,
                    &self.home,
                    $crate::context::Direction::Write,
                    write,
                )
            }

            /// Writes from the front of `buffer` what the system takes here and now.
            ///
            /// This is no operation: it waits for nothing, and nobody's request to
            /// cancel concerns it.
            ///
            /// # Errors
            ///
            /// As [`async_write_some`](Self::async_write_some), and
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if the system takes
            /// nothing.
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
            /// assert_eq!(client.try_write_some(b"hello")?, 5);
            /// # drop(server);
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            pub fn try_write_some(&self, buffer: &[u8]) -> std::io::Result<usize> {
                self.source.try_write(buffer)
            }
        }

        impl<E: $crate::executor::HomeExecutor> $crate::io::AsyncWriteStream for $ty<E> {
            fn write_after<B: $crate::io::WriteBuffer>(
                &self,
                buffer: &mut B,
                skip: usize,
            ) -> impl Future<Output = std::io::Result<usize>> {
                self.source.write_after(buffer, skip)
            }

            fn draining<S, B, C, R>(
                self,
                meta: &'static $crate::initiation::Meta,
                draining: $crate::expansion::Draining<B, C, R>,
            ) -> impl $crate::Initiation<S>
            where
                S: $crate::Signature<Output = B::Output<R::Said>>,
                B: $crate::io::WriteBuffer,
                C: $crate::io::CompletionCondition,
                R: $crate::expansion::Report,
            {
                let write = $crate::context::Direction::Write;
                $crate::net::operation::operation(meta, &self.source, &self.home, write, draining)
            }
        }

        impl<E: $crate::executor::HomeExecutor> $crate::net::poll_io::PollWrite for $ty<E> {
            fn poll_write(
                &self,
                key: &mut Option<$crate::context::WaiterKey>,
                cx: &mut std::task::Context<'_>,
                parts: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.source.poll_write(key, cx, parts)
            }

            fn close(&self) -> std::io::Result<()> {
                let close: fn(&Self) -> std::io::Result<()> = $close;
                close(self)
            }
        }
    };
}

pub(super) use {reads, writes};
