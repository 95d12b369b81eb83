//! Authors and callers of edition 2021, which is this package's. All other tests
//! are of edition 2024, in which an `impl Trait` captures more.

use async_op::{async_op, Blocking, Completion, Initiation, IoObject, SystemExecutor, UseFuture};
use std::future::Future;

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
    fn async_write(&self, data: Vec<u8>, op: Completion<fn(usize)>) {
        op.complete(data.len());
    }

    #[async_op]
    async fn async_fill(&self, buf: &mut [u8], byte: u8) -> usize {
        buf.fill(byte);
        buf.len()
    }

    #[async_op]
    fn async_twice(&self, data: Vec<u8>) -> impl Initiation<fn(usize)> {
        self.write(data).map(|n| 2 * n)
    }

    /// Does not borrow the socket.
    fn later(&self) -> impl Future<Output = usize> + Send + 'static {
        self.async_twice(vec![1, 2], UseFuture)
    }
}

trait Read {
    #[async_op(executor = SystemExecutor)]
    async fn async_len(&self, name: &str) -> usize;
}

impl Read for Socket {
    #[async_op(implements)]
    async fn async_len(&self, name: &str) -> usize {
        name.len()
    }
}

#[test]
fn all_forms() {
    let socket = Socket(SystemExecutor);
    let later = socket.later();
    let mut buf = [0; 3];
    assert_eq!(socket.fill(&mut buf, 7).blocking(), 3);
    assert_eq!(buf, [7; 3]);
    assert_eq!(socket.async_write(vec![1], Blocking), 1);
    assert_eq!(socket.twice(vec![1]).blocking(), 2);
    assert_eq!(socket.len("name").blocking(), 4);
    let spawned = later_blocking(later);
    assert_eq!(spawned, 4);
}

#[async_op(executor = SystemExecutor, default = await_later)]
async fn async_await_later<F: Future<Output = usize> + Send>(future: F) -> usize {
    future.await
}

fn later_blocking(future: impl Future<Output = usize> + Send) -> usize {
    await_later(future).blocking()
}
