use std::io;
use std::os::fd::OwnedFd;

use super::byte_stream::{reads, writes};
use super::file::PolledFile;
use super::handle::{io_object, waits};
use super::poll_io::polls;
use super::source::{SharedSource, Source};
use crate::alloc::Shared;
use crate::context::{IoExecutor, Registration};
use crate::executor::{Home, HomeExecutor};

/// Any descriptor that the system can report events of: a pipe, a terminal, a
/// device, an `eventfd`, a socket of a family that this crate does not know.
///
/// A handle: clones are the same descriptor, which is closed with the last of
/// them and of its operations.
///
/// It is read and written as a file is: to write when nobody reads any more sends
/// the signal `SIGPIPE`, also where it is a socket. That ends a program whose
/// `main` is in C and does not ignore it; see [`WritablePipe`](crate::net::WritablePipe).
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::{Descriptor, Readiness};
/// use std::os::fd::OwnedFd;
///
/// # pollster::block_on(async {
/// let (reader, writer) = std::io::pipe()?;
/// let reader = Descriptor::new(&SystemExecutor, OwnedFd::from(reader))?;
/// let writer = Descriptor::new(&SystemExecutor, OwnedFd::from(writer))?;
/// writer.write_some("hello").await?;
/// reader.wait(Readiness::Read).await?;
/// assert_eq!(reader.read_some(&mut [0; 16]).await?, 5);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[doc(alias = "stream_descriptor")]
#[doc(alias = "AsyncFd")]
#[derive(Clone)]
pub struct Descriptor<E = Home> {
    source: SharedSource<PolledFile>,
    home: E,
}

impl Descriptor {
    /// Takes over a descriptor, made non-blocking: so are its duplicates, in
    /// other processes, too.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::{Descriptor, Readiness};
    ///
    /// # pollster::block_on(async {
    /// let (socket, peer) = std::os::unix::net::UnixDatagram::pair()?;
    /// let socket = Descriptor::new(&SystemExecutor, socket)?;
    /// peer.send(b"hello")?;
    /// socket.wait(Readiness::Read).await?;
    /// assert_eq!(socket.read_some(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a
    /// regular file or a directory, which have no events; and one of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    pub fn new(executor: &IoExecutor, fd: impl Into<OwnedFd>) -> io::Result<Self> {
        let file = PolledFile::new(fd.into())?;
        let source = Source::new(*executor, file, Registration::untried())?;
        Ok(Self {
            source: Shared::try_new(source)?,
            home: Home,
        })
    }
}

impl<E: HomeExecutor> Descriptor<E> {
    /// Makes it a descriptor, non-blocking still.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::Descriptor;
    ///
    /// let (socket, _peer) = std::os::unix::net::UnixStream::pair()?;
    /// let descriptor = Descriptor::new(&SystemExecutor, socket)?;
    /// let clone = descriptor.clone();
    /// let descriptor = descriptor.into_fd().unwrap_err(); // not the only handle
    /// drop(clone);
    /// let _fd: std::os::fd::OwnedFd = descriptor.into_fd().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// With the handle itself, if it is not the only one: there are clones, or
    /// operations outstanding.
    pub fn into_fd(self) -> Result<OwnedFd, Self> {
        match Shared::try_unwrap(self.source) {
            Ok(source) => Ok(source.into_io().0.into()),
            Err(source) => Err(Self { source, ..self }),
        }
    }
}

reads!(Descriptor);
writes!(Descriptor, |_| Ok(()));
waits!(Descriptor);
io_object!(Descriptor);
polls!(
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::Descriptor;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let (socket, peer) = std::os::unix::net::UnixDatagram::pair()?;
    /// let mut reader = Descriptor::new(&SystemExecutor, socket)?.into_poll_io();
    /// peer.send(b"hello")?;
    /// let mut buffer = [0; 16];
    /// assert_eq!(poll_fn(|cx| reader.poll_read(cx, &mut buffer)).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    Descriptor
);
