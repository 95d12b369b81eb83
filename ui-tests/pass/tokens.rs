//! Tokens of one's own: one that waits, one that starts, one that wraps another.

#![deny(warnings)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_op::{
    Associations, Blocking, CompletionHandler, CompletionToken, Initiation, IoExecutor, Signature,
    SystemExecutor, async_op,
};

struct Boxed;

impl<'op, S: Signature + 'op> CompletionToken<'op, S> for Boxed {
    type Return<I: Initiation<S> + 'op> = Pin<Box<dyn Future<Output = S::Output> + Send + 'op>>;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Self::Return<I> {
        Box::pin(initiation)
    }
}

#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl<S> CompletionToken<'static, S> for Count
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
{
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        initiation.initiate(self);
    }
}

impl Associations for Count {}

impl<S: Signature> CompletionHandler<S> for Count {
    fn complete(self, _: S::Args) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Twice<T>(T);

impl<'op, S: Signature, T: CompletionToken<'op, S>> CompletionToken<'op, S> for Twice<T> {
    type Return<I: Initiation<S> + 'op> = (u8, T::Return<I>);

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Self::Return<I> {
        (2, self.0.initiate(initiation))
    }
}

/// Measures.
#[async_op]
pub async fn async_len<'a>(_executor: &SystemExecutor, name: &'a str) -> (usize, &'a str) {
    (name.len(), name)
}

/// Of a trait.
pub trait Ask {
    /// Asks.
    #[async_op(executor = SystemExecutor)]
    async fn async_ask(&self) -> u32;
}

impl Ask for u32 {
    #[async_op(implements)]
    async fn async_ask(&self) -> u32 {
        *self
    }
}

fn main() {
    let name = String::from("abc");
    drop(async_len(&SystemExecutor, &name, Boxed));
    assert_eq!(async_len(&SystemExecutor, &name, Twice(Blocking)), (2, (3, "abc")));
    assert_eq!(3.async_ask(Twice(Twice(Blocking))), (2, (2, 3)));
    let count = Count::default();
    async_len(&SystemExecutor, "abc", count.clone());
    let (two, ()) = 3.async_ask(Twice(count));
    assert_eq!(two, 2);
    let _: fn(&IoExecutor) = |_| {};
}
