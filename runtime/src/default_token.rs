use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::buffer::{DynamicBuffer, ReadBuffer, WriteBuffer};
use crate::executor::{HomeExecutor, IoObject};
use crate::initiation::Initiation;
use crate::io::{
    AsyncReadStream, AsyncWriteStream, CompletionCondition, Draining, Filling, Report,
};
use crate::meta::Meta;
use crate::signature::Signature;
use crate::time::{Timer, WallTimer};
use crate::token::CompletionToken;

/// An I/O object whose functions without token have the token `T`; made by
/// `with_default_token`, which all sockets, pipes, timers, and the rest have.
///
/// With [`Blocking`](crate::Blocking), say, `stream.read_some(buffer)` is the
/// result. It dereferences to the object: the functions that take a token, and all
/// that are no operations, are the object's. (Asio's `as_default_on`.)
///
/// What is shown here as the return type is what the token makes of the operation:
/// for `Blocking`, the output.
///
/// ```
/// use async_op::{Blocking, IoContext};
/// use async_op::net::{TcpListener, TcpStream};
///
/// let context = IoContext::new()?;
/// let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
/// let client = TcpStream::connect(&context, listener.local_addr()?).blocking()?;
/// let (server, _) = listener.with_default_token::<Blocking>().accept()?;
///
/// // A synchronous program, for this pair.
/// let client = client.with_default_token::<Blocking>();
/// let server = server.with_default_token::<Blocking>();
/// client.write_some("hello")?;
/// let mut buffer = [0; 16];
/// assert_eq!(server.read_some(&mut buffer)?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// An object of yours can have the token as a parameter of its own, see the
/// argument `default_token` of [`async_op`](macro@crate::async_op).
pub struct WithDefaultToken<O, T> {
    object: O,
    token: PhantomData<fn() -> T>,
}

impl<O, T> WithDefaultToken<O, T> {
    fn new(object: O) -> Self {
        Self {
            object,
            token: PhantomData,
        }
    }

    /// Returns the object.
    ///
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let timer = Timer::new(&SystemExecutor).with_default_token::<Blocking>();
    /// let _timer: Timer = timer.into_inner();
    /// ```
    pub fn into_inner(self) -> O {
        self.object
    }
}

impl<O, T> Deref for WithDefaultToken<O, T> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.object
    }
}

impl<O: Clone, T> Clone for WithDefaultToken<O, T> {
    fn clone(&self) -> Self {
        Self::new(self.object.clone())
    }
}

impl<O: fmt::Debug, T> fmt::Debug for WithDefaultToken<O, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl<O: IoObject, T> IoObject for WithDefaultToken<O, T> {
    type Executor = O::Executor;

    fn executor(&self) -> O::Executor {
        self.object.executor()
    }
}

impl<O: AsyncReadStream, T: 'static> AsyncReadStream for WithDefaultToken<O, T> {
    fn read_after<B: ReadBuffer>(
        &self,
        buffer: &mut B,
        skip: usize,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        self.object.read_after(buffer, skip)
    }

    fn append<D: DynamicBuffer>(
        &self,
        buffer: &mut D,
        most: usize,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        self.object.append(buffer, most)
    }

    fn appending<S, D>(self, meta: &'static Meta, buffer: D) -> impl Initiation<S>
    where
        S: Signature<Output = D::Output<io::Result<usize>>>,
        D: DynamicBuffer,
    {
        self.object.appending(meta, buffer)
    }

    fn filling<S, B, C, R>(
        self,
        meta: &'static Meta,
        filling: Filling<B, C, R>,
    ) -> impl Initiation<S>
    where
        S: Signature<Output = B::Output<R::Said>>,
        B: ReadBuffer,
        C: CompletionCondition,
        R: Report,
    {
        self.object.filling(meta, filling)
    }
}

impl<O: AsyncWriteStream, T: 'static> AsyncWriteStream for WithDefaultToken<O, T> {
    fn write_after<B: WriteBuffer>(
        &self,
        buffer: &mut B,
        skip: usize,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        self.object.write_after(buffer, skip)
    }

    fn draining<S, B, C, R>(
        self,
        meta: &'static Meta,
        draining: Draining<B, C, R>,
    ) -> impl Initiation<S>
    where
        S: Signature<Output = B::Output<R::Said>>,
        B: WriteBuffer,
        C: CompletionCondition,
        R: Report,
    {
        self.object.draining(meta, draining)
    }
}

/// The functions of an object that have no token, with one, after an example of
/// `with_default_token`: `name = async_name [generics] (arguments) -> signature`.
macro_rules! default_token {
    ($(#[$example:meta])* $object:ident {$(
        $(#[$attr:meta])*
        $name:ident = $initiating:ident
            [$($param:ident: $bound:ident)?] ($($arg:ident: $ty:ty),*) -> $signature:ty;
    )*}) => {
        impl<E: HomeExecutor> $object<E> {
            /// Gives the functions without token another one than
            /// [`Deferred`](crate::Deferred).
            ///
            $(#[$example])*
            pub fn with_default_token<T>(self) -> WithDefaultToken<Self, T> {
                WithDefaultToken::new(self)
            }
        }

        impl<E: HomeExecutor, T> WithDefaultToken<$object<E>, T> {$(
            $(#[$attr])*
            #[doc = concat!(
                "As [`", stringify!($initiating), "`](", stringify!($object), "::",
                stringify!($initiating), "), with the token `T`."
            )]
            #[track_caller]
            pub fn $name<'op, $($param: $bound + 'op)?>(
                &self,
                $($arg: $ty),*
            ) -> <T as CompletionToken<'op, $signature>>::Return<
                impl Initiation<$signature> + 'op + use<'op, E, T $(, $param)?>,
            >
            where
                T: CompletionToken<'op, $signature> + Default,
            {
                self.object.$initiating($($arg,)* T::default())
            }
        )*}
    };
}

default_token!(
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let timer = Timer::new(&SystemExecutor).with_default_token::<Blocking>();
    /// timer.wait()?; // has expired, as it is not set
    /// # Ok::<(), std::io::Error>(())
    /// ```
    Timer {
        wait = async_wait [] () -> fn(io::Result<()>);
    }
);

default_token!(
    /// ```
    /// use async_op::time::WallTimer;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let timer = WallTimer::new(&SystemExecutor).with_default_token::<Blocking>();
    /// timer.wait()?; // has expired, as it is not set
    /// # Ok::<(), std::io::Error>(())
    /// ```
    WallTimer {
        wait = async_wait [] () -> fn(io::Result<()>);
    }
);

/// Those of `net`, by the macro above.
#[cfg(feature = "net")]
mod net;
