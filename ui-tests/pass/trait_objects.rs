//! The handler form keeps a trait dyn-compatible, and the trait object takes
//! any token, with no boxed future.

use async_op::{
    Blocking, Completion, Deferred, Detached, IoObject, SystemExecutor, UseFuture, async_op,
};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

trait Read: Send + Sync {
    #[async_op]
    fn async_read(&self, len: usize, op: Completion<fn(Vec<u8>)>);

    #[async_op(provided)]
    fn async_read_one(&self, op: Completion<fn(Vec<u8>)>) {
        self.async_read_body(1, op);
    }
}

impl dyn Read {
    #[async_op(executor = SystemExecutor)]
    pub fn async_read(self: Arc<Self>, len: usize, op: Completion<fn(Vec<u8>)>) {
        self.async_read_body(len, op);
    }
}

impl IoObject for dyn Read {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl dyn Read {
    #[async_op]
    pub fn async_read_one(self: Arc<Self>, op: Completion<fn(Vec<u8>)>) {
        self.async_read_one_body(op);
    }
}

#[derive(Clone)]
struct Zeroes;

impl IoObject for Zeroes {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Read for Zeroes {
    #[async_op(implements)]
    fn async_read(&self, len: usize, op: Completion<fn(Vec<u8>)>) {
        op.complete(vec![0; len]);
    }
}

/// Neither `Clone` nor an `IoObject`: used behind a pointer.
struct Bytes(u8);

impl Read for Bytes {
    #[async_op(implements)]
    fn async_read(&self, len: usize, op: Completion<fn(Vec<u8>)>) {
        op.complete(vec![self.0; len]);
    }
}

fn poll<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is ready"),
    }
}

fn main() {
    let readers: [Arc<dyn Read>; 2] = [Arc::new(Zeroes), Arc::new(Bytes(7))];
    for (reader, byte) in readers.into_iter().zip([0, 7]) {
        let reader = || reader.clone();
        let (data, received) = channel();
        let handler = move |read: Vec<u8>| data.send(read).unwrap();
        reader().async_read(1, handler.clone());
        assert_eq!(received.recv().unwrap(), [byte]);
        reader().read(1).callback(handler);
        assert_eq!(received.recv().unwrap(), [byte]);
        assert_eq!(poll(reader().async_read(2, UseFuture)), [byte; 2]);
        assert_eq!(reader().async_read(3, Blocking), [byte; 3]);
        let operation = reader().async_read(4, Deferred);
        assert_eq!(operation.blocking(), [byte; 4]);
        reader().async_read(5, Detached);
        assert_eq!(reader().read_one().blocking(), [byte]);
    }
    assert_eq!(Zeroes.read(2).blocking(), [0; 2]);
}
