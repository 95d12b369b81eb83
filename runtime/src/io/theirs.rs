//! Streams of other libraries as streams of ours.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};

use super::{AsyncReadStream, AsyncWriteStream};
use crate::buffer::{ReadBuffer, WriteBuffer};
use crate::cancel;
use crate::executor::{Executor, IoObject};
use crate::shim::plain::{Mutex, MutexGuard};
use crate::task::{budget, scope};

/// Whether what is awaited has been asked to stop.
fn is_cancelled() -> bool {
    !scope::requested().is_empty()
}

macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<E, T> {
            executor: E,
            stream: Arc<Mutex<T>>,
        }

        impl<E: Executor, T> $name<E, T> {
            /// Wraps a stream; its operations belong to `executor`.
            ///
            /// ```
            /// use async_op::SystemExecutor;
            #[doc = concat!("use async_op::io::{", stringify!($name), ", read_exact};")]
            ///
            /// # pollster::block_on(async {
            #[doc = concat!("let stream = ", stringify!($name), "::new(SystemExecutor, &b\"hello\"[..]);")]
            /// let mut text = [0; 5];
            /// read_exact(&stream, &mut text).await?;
            /// assert_eq!(&text, b"hello");
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Out of memory
            ///
            /// Aborts the process, as [`Arc::new`] does.
            pub fn new(executor: E, stream: T) -> Self {
                Self {
                    executor,
                    stream: Arc::new(Mutex::new(stream)),
                }
            }

            /// Returns the stream.
            ///
            /// ```
            /// use async_op::SystemExecutor;
            #[doc = concat!("use async_op::io::{", stringify!($name), ", read_exact};")]
            ///
            /// # pollster::block_on(async {
            #[doc = concat!("let stream = ", stringify!($name), "::new(SystemExecutor, &b\"hello\"[..]);")]
            /// let mut text = [0; 5];
            /// read_exact(&stream, &mut text).await?;
            /// assert_eq!(stream.into_inner().unwrap(), b"");
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// With the handle itself, if it is not the only one: there are clones,
            /// or operations outstanding.
            pub fn into_inner(self) -> Result<T, Self> {
                match Arc::try_unwrap(self.stream) {
                    Ok(stream) => Ok(stream.into_inner()),
                    Err(stream) => Err(Self { stream, ..self }),
                }
            }
        }

        impl<E, T> $name<E, T> {
            /// Locked during polls only.
            fn lock(&self) -> MutexGuard<'_, T> {
                self.stream.lock()
            }
        }

        impl<E: Executor, T> IoObject for $name<E, T> {
            type Executor = E;

            fn executor(&self) -> E {
                self.executor.clone()
            }
        }

        impl<E: Clone, T> Clone for $name<E, T> {
            fn clone(&self) -> Self {
                Self {
                    executor: self.executor.clone(),
                    stream: Arc::clone(&self.stream),
                }
            }
        }

        impl<E, T> fmt::Debug for $name<E, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

#[cfg(feature = "futures-io")]
mod futures {
    use std::pin::Pin;

    use futures_io::{AsyncRead, AsyncWrite};

    use super::*;

    wrapper! {
        /// A stream that implements the traits of `futures-io`, as one that the
        /// operations of this crate work on.
        ///
        /// A handle: clones are the same stream. One read and one write at a time
        /// may be outstanding. What is written is flushed; a write that is dropped
        /// in between may have written.
        ///
        /// ```
        /// use async_op::SystemExecutor;
        /// use async_op::io::{FuturesIo, read_exact, write_all};
        /// use futures_lite::io::Cursor;
        ///
        /// # pollster::block_on(async {
        /// let stream = FuturesIo::new(SystemExecutor, Cursor::new(b"hello, world".to_vec()));
        /// let mut buffer = [0; 5];
        /// read_exact(&stream, &mut buffer).await?;
        /// assert_eq!(&buffer, b"hello");
        /// write_all(&stream, "!").await?;
        /// assert_eq!(stream.into_inner().unwrap().into_inner(), b"hello! world");
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        FuturesIo
    }

    impl<E, T> AsyncReadStream for FuturesIo<E, T>
    where
        E: Executor,
        T: AsyncRead + Unpin + Send + 'static,
    {
        async fn read_after<B: ReadBuffer>(
            &self,
            buffer: &mut B,
            skip: usize,
        ) -> io::Result<usize> {
            poll_fn(|cx| {
                if is_cancelled() {
                    return Poll::Ready(Err(cancel::cancelled()));
                }
                ready!(budget::proceed(cx));
                let part = buffer.after(skip);
                Pin::new(&mut *self.lock()).poll_read(cx, part)
            })
            .await
        }
    }

    impl<E, T> AsyncWriteStream for FuturesIo<E, T>
    where
        E: Executor,
        T: AsyncWrite + Unpin + Send + 'static,
    {
        async fn write_after<B: WriteBuffer>(
            &self,
            buffer: &mut B,
            skip: usize,
        ) -> io::Result<usize> {
            let mut written = None;
            poll_fn(move |cx| {
                let mut stream = self.lock();
                let n = match written {
                    Some(n) => n,
                    None if is_cancelled() => return Poll::Ready(Err(cancel::cancelled())),
                    None => {
                        ready!(budget::proceed(cx));
                        let part = buffer.after(skip);
                        *written.insert(ready!(Pin::new(&mut *stream).poll_write(cx, part))?)
                    }
                };
                // It may keep for itself what it has taken.
                if !is_cancelled() {
                    ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                }
                Poll::Ready(Ok(n))
            })
            .await
        }
    }
}

#[cfg(feature = "tokio-io")]
mod tokio_io {
    use std::pin::Pin;

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    wrapper! {
        /// A stream that implements the traits of `tokio::io`, as one that the
        /// operations of this crate work on.
        ///
        /// A handle: clones are the same stream. One read and one write at a time
        /// may be outstanding. What is written is flushed; a write that is dropped
        /// in between may have written. Operations on a socket of tokio are to be started
        /// and awaited inside of its runtime: the executor is its own,
        /// [`TokioExecutor`](crate::executor::TokioExecutor).
        TokioIo
    }

    impl<E, T> AsyncReadStream for TokioIo<E, T>
    where
        E: Executor,
        T: AsyncRead + Unpin + Send + 'static,
    {
        async fn read_after<B: ReadBuffer>(
            &self,
            buffer: &mut B,
            skip: usize,
        ) -> io::Result<usize> {
            poll_fn(|cx| {
                if is_cancelled() {
                    return Poll::Ready(Err(cancel::cancelled()));
                }
                ready!(budget::proceed(cx));
                let mut part = ReadBuf::new(buffer.after(skip));
                let polled = Pin::new(&mut *self.lock()).poll_read(cx, &mut part);
                polled.map_ok(|()| part.filled().len())
            })
            .await
        }
    }

    impl<E, T> AsyncWriteStream for TokioIo<E, T>
    where
        E: Executor,
        T: AsyncWrite + Unpin + Send + 'static,
    {
        async fn write_after<B: WriteBuffer>(
            &self,
            buffer: &mut B,
            skip: usize,
        ) -> io::Result<usize> {
            let mut written = None;
            poll_fn(move |cx| {
                let mut stream = self.lock();
                let n = match written {
                    Some(n) => n,
                    None if is_cancelled() => return Poll::Ready(Err(cancel::cancelled())),
                    None => {
                        ready!(budget::proceed(cx));
                        let part = buffer.after(skip);
                        *written.insert(ready!(Pin::new(&mut *stream).poll_write(cx, part))?)
                    }
                };
                // It may keep for itself what it has taken.
                if !is_cancelled() {
                    ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                }
                Poll::Ready(Ok(n))
            })
            .await
        }
    }
}

#[cfg(feature = "futures-io")]
pub use futures::FuturesIo;
#[cfg(feature = "tokio-io")]
pub use tokio_io::TokioIo;
