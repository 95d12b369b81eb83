//! Operations of traits: declared once, implemented by any number of types.

use async_op::{
    Blocking, Completion, Deferred, Detached, IoObject, SystemExecutor, UseFuture,
    async_op,
};
use std::future::{Future, ready};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

/// What the trait does not say of the types, its operations ask for.
trait Read {
    /// Handler form.
    #[async_op]
    fn async_read(&self, len: usize, op: Completion<fn(io::Result<Vec<u8>>)>);

    /// Async form.
    #[async_op]
    async fn async_len(&self, name: &str) -> usize;

    /// Async form that borrows.
    #[async_op(cancellation = total)]
    async fn async_fill<'a>(&mut self, buf: &'a mut [u8]) -> io::Result<&'a [u8]>;

    /// Provided, by the handler form.
    #[async_op(provided)]
    fn async_read_one(&self, op: Completion<fn(io::Result<Vec<u8>>)>) {
        self.async_read_body(1, op);
    }

    /// Provided, by the async form.
    #[async_op(provided)]
    async fn async_len_twice(&self, mut name: String, _unused: u8) -> usize {
        name.push('!');
        2 * self.async_len_body(&name).await
    }

    /// Generic.
    #[async_op]
    async fn async_map<'a, T: Send + Sync, const N: usize>(
        &self,
        all: &'a [T; N],
        f: impl Fn(&T) -> u8 + Send,
    ) -> u8
    where
        T: 'a;

    /// Other receivers.
    #[async_op]
    async fn async_shared(self: Arc<Self>, n: usize) -> usize;
    #[async_op]
    fn async_close(self, op: Completion<fn()>);
    #[async_op]
    async fn async_peek<'a>(&'a self) -> &'a u8;

    /// No receiver.
    #[async_op]
    async fn async_open(executor: &SystemExecutor, byte: u8) -> Self
    where
        Self: Sized + Send;
}

/// A supertrait that says it all.
trait Echo: Read + IoObject + Clone + Send + Sync + 'static {
    #[async_op(provided)]
    async fn async_echo(&self, n: usize) -> usize {
        n + self.len("").await
    }
}

/// Generic, with an associated type.
trait Decode<T: Send + 'static>: IoObject + Clone + Send + Sync {
    type Item: Send + 'static;

    #[async_op]
    fn async_next(&self, from: T, op: Completion<fn(Self::Item)>);

    #[async_op(provided)]
    async fn async_pair(&self, first: T, second: T) -> (Self::Item, Self::Item) {
        (self.next(first).await, self.next(second).await)
    }
}

impl<T: Send + 'static> Decode<T> for Zeroes {
    type Item = (u8, T);

    #[async_op(implements)]
    fn async_next(&self, from: T, op: Completion<fn(Self::Item)>) {
        op.complete((self.0, from));
    }
}

#[derive(Clone)]
struct Zeroes(u8);

impl IoObject for Zeroes {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Read for Zeroes {
    #[async_op(implements)]
    fn async_read(&self, len: usize, op: Completion<fn(io::Result<Vec<u8>>)>) {
        op.complete(Ok(vec![self.0; len]));
    }

    #[async_op(implements)]
    async fn async_len(&self, name: &str) -> usize {
        ready(usize::from(self.0) + name.len()).await
    }

    #[async_op(implements)]
    async fn async_fill<'a>(&mut self, buf: &'a mut [u8]) -> io::Result<&'a [u8]> {
        buf.fill(self.0);
        ready(Ok(&*buf)).await
    }

    #[async_op(implements)]
    async fn async_map<'a, T: Send + Sync, const N: usize>(
        &self,
        all: &'a [T; N],
        f: impl Fn(&T) -> u8 + Send,
    ) -> u8
    where
        T: 'a,
    {
        ready(self.0 + all.iter().map(f).sum::<u8>()).await
    }

    #[async_op(implements)]
    async fn async_shared(self: Arc<Self>, n: usize) -> usize {
        ready(usize::from(self.0) + n).await
    }

    #[async_op(implements)]
    fn async_close(self, op: Completion<fn()>) {
        op.complete();
    }

    #[async_op(implements)]
    async fn async_peek<'a>(&'a self) -> &'a u8 {
        ready(&self.0).await
    }

    #[async_op(implements)]
    async fn async_open(_: &SystemExecutor, byte: u8) -> Self {
        Self(byte)
    }
}

impl Echo for Zeroes {}

fn poll<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is ready"),
    }
}

/// Any type that can do it, every token.
fn read_all<R: Read + IoObject + Clone + Send + Sync + 'static>(mut reader: R) {
    let (lengths, received) = channel();
    let handler = move |result: io::Result<Vec<u8>>| lengths.send(result.unwrap().len()).unwrap();
    reader.async_read(1, handler.clone());
    reader.read(2).callback(handler.clone());
    reader.async_read(3, Deferred).with(handler.clone());
    reader.async_read_one(handler);
    let mut lengths: Vec<usize> = received.into_iter().collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 1, 2, 3]);
    reader.async_read(4, Detached);
    assert_eq!(reader.read(5).blocking().unwrap().len(), 5);
    assert_eq!(reader.async_read(6, Blocking).unwrap().len(), 6);

    assert_eq!(poll(reader.async_len("name", UseFuture)), 11);
    assert_eq!(reader.len("").blocking(), 7);
    assert_eq!(reader.len_twice("a".to_owned(), 0).blocking(), 18);
    let (lengths, received) = channel();
    reader.async_len("name", move |len: usize| lengths.send(len).unwrap());
    assert_eq!(received.recv(), Ok(11));

    let mut buf = [0; 2];
    assert_eq!(reader.fill(&mut buf).blocking().unwrap(), [7, 7]);
    assert_eq!(buf, [7, 7]);
    assert_eq!(reader.map(&[1, 2], |n| *n).blocking(), 10);

    assert_eq!(*reader.peek().blocking(), 7);
    assert_eq!(Arc::new(reader.clone()).shared(1).blocking(), 8);
    reader.close().blocking();
}

/// The future of a generic operation is `Send`.
fn start<R: Read + IoObject + Clone + Send + Sync>(
    reader: &R,
) -> impl Future<Output = usize> + Send {
    let reader = reader.clone();
    async move { reader.len("name").await + reader.async_len("name", UseFuture).await }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    let zeroes = Zeroes::open(&SystemExecutor, 7).blocking();
    read_all(zeroes.clone());
    assert_eq!(zeroes.pair('a', 'b').blocking(), ((7, 'a'), (7, 'b')));
    assert_eq!(poll(is_send(start(&zeroes))), 22);
    assert_eq!(zeroes.echo(1).blocking(), 8);
    let operation = zeroes.echo(1);
    assert_eq!(poll(is_send(operation)), 8);
}
