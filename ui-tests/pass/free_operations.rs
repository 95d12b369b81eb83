//! Every kind of token, given to operations that are free functions.

#![deny(warnings)]

use std::sync::mpsc::{Sender, channel};

use async_op::{
    Associations, Blocking, Completion, CompletionHandler, CompletionToken, Deferred, Detached,
    Handler, Initiation, IoContext, IoExecutor, UseFuture, async_op, bind_executor,
};
use async_op::adapter::append;

/// Doubles.
#[async_op]
pub async fn async_double(_context: &IoExecutor, n: u32) -> u32 {
    2 * n
}

/// Gives back.
#[async_op]
pub fn async_echo<T: Send + 'static>(_context: &IoExecutor, value: T, op: Completion<fn(T)>) {
    op.complete(value);
}

/// Doubles, too.
#[async_op]
pub fn async_twice(context: &IoExecutor, n: u32) -> impl Initiation<fn(u32)> {
    double(context, n)
}

/// A function of one's own that hands its token on.
pub fn async_quadruple<'op, T: CompletionToken<'op, fn(u32)>>(
    context: &IoExecutor,
    n: u32,
    token: T,
) -> T::Return<impl Initiation<fn(u32)> + use<'op, T>> {
    async_double(context, 2 * n, token)
}

struct Send_(Sender<u32>);

impl Associations for Send_ {}

impl CompletionHandler<fn(u32)> for Send_ {
    fn complete(self, (n,): (u32,)) {
        self.0.send(n).unwrap();
    }
}

fn main() {
    let context = IoContext::new().unwrap();
    let (sender, receiver) = channel();
    let other = sender.clone();
    let () = async_double(&context, 1, move |n: u32| other.send(n).unwrap());
    async_double(&context, 2, Handler(Send_(sender.clone())));
    async_double(&context, 3, Detached);
    let other = sender.clone();
    async_twice(&context, 3, move |n| other.send(n).unwrap());
    let other = sender.clone();
    async_echo(
        &context,
        8u32,
        bind_executor(context.executor(), append(0, move |n: u32, by: u32| other.send(n + by).unwrap())),
    );
    async_quadruple(&context, 2, Handler(Send_(sender)));
    context.run();
    let mut all: Vec<u32> = receiver.iter().collect();
    all.sort_unstable();
    assert_eq!(all, [2, 4, 6, 8, 8]);

    context.restart();
    assert_eq!(async_double(&context, 5, Blocking), 10);
    assert_eq!(async_quadruple(&context, 5, Deferred).blocking(), 20);
    assert_eq!(async_echo(&context, "a", Blocking), "a");
    drop(async_twice(&context, 5, UseFuture));
    // A handler that never returns.
    async_double(&context, 6, |_: u32| -> ! { panic!() });
}
