//! A trait that declares operations derived from others.

use async_op::{Blocking, Initiation, IoObject, SystemExecutor, UseFuture, async_op};
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

trait Get {
    #[async_op]
    fn async_get(&self, key: &str) -> impl Initiation<fn(usize)>;

    #[async_op(provided)]
    fn async_get_twice(&self, key: &str) -> impl Initiation<fn(usize)> {
        self.get(key).map(|n| 2 * n)
    }
}

#[derive(Clone)]
struct Map(usize);

impl IoObject for Map {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Map {
    #[async_op]
    async fn async_len(&self, more: usize) -> usize {
        ready(self.0 + more).await
    }
}

impl Get for Map {
    #[async_op(implements)]
    fn async_get(&self, key: &str) -> impl Initiation<fn(usize)> {
        self.len(key.len())
    }
}

fn poll<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is ready"),
    }
}

fn get<G: Get>(map: &G) -> usize {
    poll(map.async_get("key", UseFuture)) + map.get("k").blocking() + map.get_twice("").blocking()
}

fn main() {
    assert_eq!(get(&Map(1)), 4 + 2 + 2);
    assert_eq!(Map(1).async_get("key", Blocking), 4);
}
