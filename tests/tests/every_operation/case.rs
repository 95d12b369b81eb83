use std::io;

use async_op::cancel::CancellationType;
use async_op::net::{
    AnyStream, Descriptor, ReadablePipe, TcpListener, TcpStream, UdpSocket, UnixDatagram,
    UnixListener, UnixStream, WritablePipe,
};
use async_op::signal::SignalSet;
use async_op::sync::{Channel, Mutex, Semaphore};
use async_op::time::{Timer, WallTimer};
use async_op::{Initiation, IoContext, Operation, Signature};

/// What makes the operation that waits, or one that is started next, complete.
pub(crate) type Ready = Box<dyn FnMut() + Send>;

pub(crate) type ArgsOf<C> = <<C as Case>::Signature as Signature>::Args;
pub(crate) type OutputOf<C> = <<C as Case>::Signature as Signature>::Output;

/// One operation of the library.
pub(crate) trait Case: Send + 'static {
    /// What it is started on.
    type Object: Clone + Send + Sync + 'static;
    /// How it completes.
    type Signature: Signature<Args: Send, Output: Send> + 'static;

    /// The requests to cancel that it honours.
    const HONOURS: CancellationType = CancellationType::ALL;
    /// Whether it waits as long as `ready` has not been called: if not, it waits
    /// for a moment all the same.
    const WAITS: bool = true;
    /// Whether it fails in any case when the context is gone.
    const NEEDS_ITS_CONTEXT: bool = true;

    /// How often a round takes something from the heap that is no operation's: a
    /// buffer of the test, a socket that is made.
    const HEAP: usize = 0;
    /// Whether one object serves one wait after the other.
    const REPEATS: bool = true;

    /// Makes an object whose operation would wait.
    fn waiting(context: &IoContext) -> (Self::Object, Ready);

    /// Makes an object whose operation would wait and then complete by itself,
    /// where that is another one.
    fn soon(_context: &IoContext) -> Option<Self::Object> {
        None
    }

    /// Makes the operation.
    fn make(
        object: Self::Object,
    ) -> Operation<Self::Signature, impl Initiation<Self::Signature> + 'static>;

    /// Says how it went.
    fn result(output: <Self::Signature as Signature>::Output) -> io::Result<()>;
}

/// What can cancel all of its operations.
pub(crate) trait CancelAll {
    fn cancel_all(&self);
}

macro_rules! cancels {
    ($($ty:ty),*) => {$(
        impl CancelAll for $ty {
            fn cancel_all(&self) {
                self.cancel();
            }
        }
    )*};
}

/// By way of what is in it.
impl CancelAll for AnyStream {
    fn cancel_all(&self) {
        self.downcast_ref::<TcpStream>().unwrap().cancel();
    }
}

cancels!(
    TcpListener,
    TcpStream,
    UnixListener,
    UnixStream,
    UdpSocket,
    UnixDatagram,
    ReadablePipe,
    WritablePipe,
    Descriptor,
    SignalSet,
    Timer,
    WallTimer,
    Channel<[u8; 8]>,
    Mutex<u32>,
    Semaphore
);

impl<A: CancelAll, B> CancelAll for (A, B) {
    fn cancel_all(&self) {
        self.0.cancel_all();
    }
}

impl<A: CancelAll, const N: usize> CancelAll for [A; N] {
    fn cancel_all(&self) {
        self.iter().for_each(A::cancel_all);
    }
}

/// Defines operations: `Name: fn(Args) on Object`, how to make an object, how to
/// make the operation, and what its output says.
macro_rules! cases {
    ($(
        $name:ident: $signature:ty, on $object:ty {
            waiting: |$context:ident| $waiting:expr,
            make: |$self:pat_param| $make:expr,
            result: |$output:pat_param| $result:expr,
            $($more:item)*
        }
    )*) => {$(
        pub(crate) struct $name;

        impl crate::case::Case for $name {
            type Object = $object;
            type Signature = $signature;

            fn waiting($context: &async_op::IoContext) -> (Self::Object, crate::case::Ready) {
                let (object, ready) = $waiting;
                (object, Box::new(ready))
            }

            fn make(
                $self: Self::Object,
            ) -> async_op::Operation<
                Self::Signature,
                impl async_op::Initiation<Self::Signature> + 'static,
            > {
                $make
            }

            fn result(
                $output: <Self::Signature as async_op::Signature>::Output,
            ) -> std::io::Result<()> {
                $result
            }

            $($more)*
        }
    )*};
}

pub(crate) use cases;
