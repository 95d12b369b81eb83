//! What all handles to sockets have in common.

/// Gives a handle with a `source` its conversions, its executor and the
/// operation that waits for readiness. Examples begin with the lines that make `socket`.
macro_rules! handle {
    ($ty:ident, $mio:ty, $std:ty, $registration:expr, $socket:literal) => {
        impl $ty {
            /// Takes over a socket of the standard library, made non-blocking.
            ///
            /// # Errors
            ///
            /// The system's, and one of kind [`Other`](std::io::ErrorKind::Other)
            /// when the context is gone.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::TcpListener;
            ///
            /// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
            /// let listener = TcpListener::from_std(&SystemExecutor, socket)?;
            /// # drop(listener);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn from_std(executor: &IoExecutor, socket: $std) -> std::io::Result<Self> {
                socket.set_nonblocking(true)?;
                Self::from_mio(executor, <$mio>::from_std(socket))
            }

            /// Takes over a socket of `mio`.
            ///
            /// ```
            /// use async_op::SystemExecutor;
            #[doc = concat!("use async_op::net::", stringify!($ty), ";")]
            ///
            #[doc = $socket]
            #[doc = concat!("let socket = ", stringify!($ty), "::from_mio(&SystemExecutor, socket)?;")]
            /// # drop(socket);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, and one of kind [`Other`](std::io::ErrorKind::Other)
            /// when the context is gone.
            pub fn from_mio(executor: &IoExecutor, socket: $mio) -> std::io::Result<Self> {
                Ok(Self {
                    source: Shared::try_new(Source::new(*executor, socket, $registration)?)?,
                    home: $crate::executor::Home,
                })
            }
        }

        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Makes it a socket of `mio`.
            ///
            /// ```
            /// use async_op::SystemExecutor;
            #[doc = concat!("use async_op::net::", stringify!($ty), ";")]
            ///
            #[doc = $socket]
            #[doc = concat!("let socket = ", stringify!($ty), "::from_mio(&SystemExecutor, socket)?;")]
            /// let clone = socket.clone();
            /// let socket = socket.into_mio().unwrap_err(); // not the only handle
            /// drop(clone);
            #[doc = concat!("let _socket: mio::net::", stringify!($ty), " = socket.into_mio().unwrap();")]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            ///
            /// # Errors
            ///
            /// With the handle itself, if it is not the only one: there are clones,
            /// or operations outstanding.
            pub fn into_mio(self) -> Result<$mio, Self> {
                match Shared::try_unwrap(self.source) {
                    Ok(source) => Ok(source.into_io()),
                    Err(source) => Err(Self { source, ..self }),
                }
            }

            /// Makes it a socket of the standard library, non-blocking still.
            ///
            /// # Errors
            ///
            /// As for [`into_mio`](Self::into_mio).
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::TcpListener;
            ///
            /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// let clone = listener.clone();
            /// let listener = listener.into_std().unwrap_err(); // not the only handle
            /// drop(clone);
            /// let _socket: std::net::TcpListener = listener.into_std().unwrap();
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn into_std(self) -> Result<$std, Self> {
                self.into_mio().map(<$std>::from)
            }
        }

        #[cfg(unix)]
        $crate::net::handle::waits!($ty);
        #[cfg(not(unix))]
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            $crate::net::handle::cancels!();
        }

        $crate::net::handle::io_object!($ty);
    };
}

/// The operation that waits for readiness, and the end of all operations.
#[cfg(unix)]
macro_rules! waits {
    ($ty:ident) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            $crate::net::handle::cancels!();

            /// Waits until reading, or writing, would not block, without doing it.
            ///
            /// For libraries that make the system calls themselves, on the
            /// descriptor.
            ///
            /// # Completion
            ///
            /// `fn(io::Result<()>)`. An end, or an error that is pending, counts as
            /// ready: the next system call reports it.
            ///
            /// # Overlap
            ///
            /// Any number may be outstanding; all complete.
            ///
            /// # Allocation
            ///
            /// None besides the operation's own memory; awaited, none.
            ///
            /// # Cancel safety
            ///
            /// Yes, and requests of every [type](crate::cancel::CancellationType) are
            /// honoured.
            ///
            /// # Errors
            ///
            /// One of kind [`Other`](std::io::ErrorKind::Other) when the context is
            /// gone; [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel).
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::{TcpListener, TcpStream};
            /// use async_op::net::Readiness;
            ///
            /// # pollster::block_on(async {
            /// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// # let address = listener.local_addr()?;
            /// let client = TcpStream::connect(&SystemExecutor, address).await?;
            /// let (server, _) = listener.accept().await?;
            /// client.write_some("hello").await?;
            /// server.wait(Readiness::Read).await?;
            /// assert_eq!(server.try_read_some(&mut [0; 16])?, 5);
            /// # Ok::<(), std::io::Error>(())
            /// # }).unwrap();
            /// ```
            #[$crate::async_op]
            pub fn async_wait(
                &self,
                readiness: $crate::net::Readiness,
            ) -> impl $crate::Initiation<fn(std::io::Result<()>)> {
                static META: $crate::initiation::Meta = $crate::net::operation::meta("async_wait");
                let wait = $crate::net::readiness::WaitFor(readiness);
                $crate::net::operation::operation(
                    &META,
                    &self.source,
                    &self.home,
                    readiness.into(),
                    wait,
                )
            }
        }
    };
}

macro_rules! cancels {
    () => {
        /// Cancels all operations that are outstanding, by way of any handle: they
        /// complete with an error that [`is_cancelled`](crate::is_cancelled).
        ///
        /// Those whose result is known already complete with that. To stop one
        /// operation alone, bind a [slot](crate::bind_cancellation_slot) to its
        /// token, or drop its future.
        ///
        /// # Examples
        ///
        /// ```
        /// use async_op::net::TcpListener;
        /// use async_op::{IoContext, is_cancelled};
        ///
        /// let context = IoContext::new()?;
        /// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
        /// listener.accept().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
        /// listener.cancel();
        /// context.run();
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn cancel(&self) {
            self.source.cancel();
        }
    };
}

macro_rules! io_object {
    ($ty:ident) => {
        $crate::executor::home::homes!($ty, source, |this| this.source.executor());

        impl<E> std::fmt::Debug for $ty<E> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($ty))
                    .field("source", &self.source)
                    .finish()
            }
        }

        #[cfg(unix)]
        impl<E: $crate::executor::HomeExecutor> std::os::fd::AsFd for $ty<E> {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.source.get().as_fd()
            }
        }

        #[cfg(unix)]
        impl<E: $crate::executor::HomeExecutor> std::os::fd::AsRawFd for $ty<E> {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.source.get().as_raw_fd()
            }
        }

        #[cfg(windows)]
        impl<E: $crate::executor::HomeExecutor> std::os::windows::io::AsSocket for $ty<E> {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                self.source.get().as_socket()
            }
        }

        #[cfg(windows)]
        impl<E: $crate::executor::HomeExecutor> std::os::windows::io::AsRawSocket for $ty<E> {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                self.source.get().as_raw_socket()
            }
        }
    };
}

#[cfg(unix)]
pub(super) use waits;
pub(super) use {cancels, handle, io_object};
