//! Operations, as an editor sees them.

use async_op::{Blocking, Completion, Initiation, IoObject, SystemExecutor, async_op};

/// An object.
#[derive(Clone)]
pub struct Socket;

impl IoObject for Socket {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Socket {
    /// Handler form.
    #[async_op]
    pub fn async_write(&self, data: Vec<u8>, op: Completion<fn(usize)>) {
        op.complete(data.len());
    }

    /// Async form.
    #[async_op]
    pub async fn async_read(&self, name: &str) -> usize {
        name.len()
    }

    /// Deferred form.
    #[async_op]
    pub fn async_echo(&self, data: Vec<u8>) -> impl Initiation<fn(usize)> {
        self.write(data)
    }
}

/// A free function.
#[async_op]
pub async fn async_free(socket: &Socket, n: usize) -> usize {
    socket.read("abc").await + n
}

/// A trait.
pub trait Stream {
    /// Required.
    #[async_op]
    async fn async_len(&self) -> usize;

    /// Provided.
    #[async_op(provided)]
    async fn async_is_empty(&self) -> bool {
        self.async_len_body().await == 0
    }
}

/// Calls them.
pub fn calls(socket: &Socket) {
    socket.write(Vec::new()).blocking();
    socket.async_write(Vec::new(), Blocking);
    socket.read("").blocking();
    socket.async_read("", Blocking);
    socket.echo(Vec::new()).blocking();
    socket.async_echo(Vec::new(), Blocking);
    free(socket, 1).blocking();
    async_free(socket, 1, Blocking);
    /* here */
}
