//! An operation may be returned from a function that borrows the object, and
//! be spawned on an executor of several threads.

use async_op::{
    Completion, Initiation, IoObject, Operation, SystemExecutor, UseFuture, async_op,
};
use std::io;

#[derive(Clone)]
struct Socket(SystemExecutor);

impl IoObject for Socket {
    type Executor = SystemExecutor;
    fn executor(&self) -> SystemExecutor {
        self.0
    }
}

impl Socket {
    #[async_op]
    async fn async_read(&self, n: usize) -> io::Result<usize> {
        Ok(n)
    }

    #[async_op]
    fn async_write(&self, n: usize, op: Completion<fn(io::Result<usize>)>) {
        op.complete(Ok(n));
    }

    #[async_op]
    fn async_echo(&self, n: usize) -> impl Initiation<fn(io::Result<usize>)> + use<> {
        self.write(n)
    }
}

fn reading(socket: &Socket) -> impl Future<Output = io::Result<usize>> + Send + use<> {
    socket.async_read(1, UseFuture)
}

fn writing(
    socket: &Socket,
) -> Operation<fn(io::Result<usize>), impl Initiation<fn(io::Result<usize>)> + use<>> {
    socket.write(2)
}

fn echoing(socket: &Socket) -> impl Initiation<fn(io::Result<usize>)> + use<> {
    socket.echo(3)
}

fn spawn<F: Future + Send + 'static>(_: F) {}

fn main() {
    let socket = Socket(SystemExecutor);
    let (read, write, echo) = (reading(&socket), writing(&socket), echoing(&socket));
    spawn(socket.async_read(1, UseFuture));
    spawn(socket.write(1));
    drop(socket);
    spawn(read);
    assert_eq!(write.blocking().unwrap(), 2);
    spawn(echo);
}
