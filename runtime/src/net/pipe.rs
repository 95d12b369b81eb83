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

/// Makes a pipe: what is written to one end is read from the other.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::connect_pipe;
///
/// # pollster::block_on(async {
/// let (reader, writer) = connect_pipe(&SystemExecutor)?;
/// writer.write_some("hello").await?;
/// drop(writer);
/// let mut buffer = [0; 16];
/// assert_eq!(reader.read_some(&mut buffer).await?, 5);
/// assert_eq!(reader.read_some(&mut buffer).await?, 0);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// The system's, and one of kind [`Other`](io::ErrorKind::Other) when the
/// context is gone.
pub fn connect_pipe(executor: &IoExecutor) -> io::Result<(ReadablePipe, WritablePipe)> {
    let (writer, reader) = mio::unix::pipe::new()?;
    Ok((
        ReadablePipe::new(executor, reader)?,
        WritablePipe::new(executor, writer)?,
    ))
}

/// An end of a pipe, with examples of `new`, `into_fd` and `into_poll_io`.
macro_rules! end {
    (
        $ty:ident, $registration:expr,
        $(#[$new:meta])*; $(#[$into_fd:meta])*; $(#[$into_poll_io:meta])*
    ) => {
        impl $ty {
            /// Takes over an end of a pipe, made non-blocking: one of
            /// [`std::io::pipe`], or one of a child process.
            ///
            $(#[$new])*
            ///
            /// # Errors
            ///
            /// The system's, and one of kind [`Other`](io::ErrorKind::Other) when
            /// the context is gone.
            pub fn new(executor: &IoExecutor, fd: impl Into<OwnedFd>) -> io::Result<Self> {
                let file = PolledFile::new(fd.into())?;
                Ok(Self {
                    source: Shared::try_new(Source::new(*executor, file, $registration)?)?,
                    home: Home,
                })
            }
        }

        impl<E: HomeExecutor> $ty<E> {
            /// Makes it a descriptor, non-blocking still.
            ///
            $(#[$into_fd])*
            ///
            /// # Errors
            ///
            /// With the handle itself, if it is not the only one: there are clones,
            /// or operations outstanding.
            pub fn into_fd(self) -> Result<OwnedFd, Self> {
                match Shared::try_unwrap(self.source) {
                    Ok(source) => Ok(source.into_io().0.into()),
                    Err(source) => Err(Self { source, ..self }),
                }
            }
        }

        waits!($ty);
        io_object!($ty);
        polls!($(#[$into_poll_io])* $ty);
    };
}

/// The end of a pipe that is read from; made by [`connect_pipe`].
///
/// A handle: clones are the same end, which is closed with the last of them and
/// of its operations.
#[derive(Clone)]
pub struct ReadablePipe<E = Home> {
    source: SharedSource<PolledFile>,
    home: E,
}

end!(
    ReadablePipe, Registration::default(),
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::ReadablePipe;
    /// use std::process::{Command, Stdio};
    ///
    /// # pollster::block_on(async {
    /// let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    /// let output = ReadablePipe::new(&SystemExecutor, child.stdout.take().unwrap())?;
    /// assert_eq!(output.read_some(&mut [0; 16]).await?, 6);
    /// child.wait()?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ;
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::connect_pipe;
    /// use std::process::{Command, Stdio};
    ///
    /// # pollster::block_on(async {
    /// let (reader, writer) = connect_pipe(&SystemExecutor)?;
    /// writer.write_some("hello").await?;
    /// drop(writer);
    /// let input = Stdio::from(reader.into_fd().unwrap());
    /// assert_eq!(Command::new("cat").stdin(input).output()?.stdout, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ;
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::connect_pipe;
    /// use std::future::poll_fn;
    ///
    /// # pollster::block_on(async {
    /// let (reader, writer) = connect_pipe(&SystemExecutor)?;
    /// writer.write_some("hello").await?;
    /// let mut reader = reader.into_poll_io();
    /// let mut buffer = [0; 16];
    /// assert_eq!(poll_fn(|cx| reader.poll_read(cx, &mut buffer)).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
);
reads!(ReadablePipe);

/// The end of a pipe that is written to; made by [`connect_pipe`].
///
/// A handle: clones are the same end, which is closed with the last of them and
/// of its operations.
///
/// To write when nobody reads any more is the error
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe), and the system sends the signal
/// `SIGPIPE` besides, which no flag prevents as one does for sockets. A program in
/// Rust ignores it from the start. One whose `main` is in C is ended by it, unless
/// that has called `signal(SIGPIPE, SIG_IGN)`.
#[derive(Clone)]
pub struct WritablePipe<E = Home> {
    source: SharedSource<PolledFile>,
    home: E,
}

end!(
    WritablePipe, Registration::writable(),
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::WritablePipe;
    /// use std::process::{Command, Stdio};
    ///
    /// # pollster::block_on(async {
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    /// let input = WritablePipe::new(&SystemExecutor, child.stdin.take().unwrap())?;
    /// assert_eq!(input.write_some("hello").await?, 5);
    /// drop(input);
    /// assert!(child.wait()?.success());
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ;
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::connect_pipe;
    /// use std::fs::File;
    /// use std::io::Write;
    ///
    /// # pollster::block_on(async {
    /// let (reader, writer) = connect_pipe(&SystemExecutor)?;
    /// let mut file = File::from(writer.into_fd().unwrap()); // non-blocking still
    /// file.write_all(b"hello")?;
    /// assert_eq!(reader.read_some(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ;
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::connect_pipe;
    /// use std::future::poll_fn;
    /// use std::io::IoSlice;
    ///
    /// # pollster::block_on(async {
    /// let (reader, writer) = connect_pipe(&SystemExecutor)?;
    /// let mut writer = writer.into_poll_io();
    /// poll_fn(|cx| writer.poll_write(cx, &[IoSlice::new(b"hello")])).await?;
    /// assert_eq!(reader.read_some(&mut [0; 16]).await?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
);
writes!(WritablePipe, |_| Ok(()));
